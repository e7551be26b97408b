"""Which address is next?"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from seaway.model.address import LastHolder, Reservation
from seaway.model.endpoint import Place
from seaway.model.errors import AddressTaken, Conflict, Exhausted, InvalidRequest
from seaway.model.ids import Address, EndpointId, IfName, Interface, Mac, interface
from seaway.model.lease import Lease4
from seaway.model.network import Network, Subnet
from seaway.plan.subnets import bounds, no_host, usable


class Allocation(Protocol):
    """What is known of the addresses of one network."""

    def holder(self, address: Address) -> EndpointId | None:
        """Which endpoint has *address* now."""
        ...

    def mac_holder(self, mac: str) -> EndpointId | None:
        """Which endpoint has the MAC address *mac* now."""
        ...

    def keeper(self, address: Address) -> EndpointId | None:
        """Which endpoint, live or not, was the first that asked for *address*: it is kept for that."""
        ...

    def reservation(self, address: Address) -> Reservation | None:
        """For whom *address* is reserved."""
        ...

    def reserved(self, name: str, version: int) -> Address | None:
        """The address of family *version* that is reserved for *name*."""
        ...

    def taken(self) -> Collection[Address]:
        """All that nobody gets by chance: held, kept or reserved."""
        ...

    def held_until(self, address: Address) -> int:
        """When *address*, claimed again or not, was let go last; nanoseconds since the epoch, 0: not known."""
        ...

    def released(self, version: int) -> Iterable[Address]:
        """Free addresses that were held before, the longest free first."""
        ...

    def last_holder(self, address: Address) -> LastHolder | None:
        """Who had *address* last, if it is free now and was held before."""
        ...

    def remembered(self, name: str, version: int) -> Address | None:
        """The address of family *version* that a sandbox called *name* let go last, while it is free."""
        ...

    def given(self, subnet: Subnet) -> int:
        """How many addresses of its range are taken, or remembered as held before."""
        ...

    def last_fresh(self, subnet: Subnet) -> Address | None:
        """Its last address given for the first time; None while all held before are remembered."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimant:
    """Who wants an address on a network."""

    endpoint: EndpointId
    name: str
    """Of its sandbox: addresses are reserved for names, and remembered by them."""
    place: Place | None = None
    """Where the endpoint was before."""
    passes_over: Collection[Address] = ()
    """What it does not get by chance: others on the LAN, who are no endpoints, have it."""

    def own(self, allocation: Allocation, version: int) -> Iterator[Address]:
        """The addresses of family *version* that it would like to have, the best first."""
        found = (
            allocation.reserved(self.name, version),
            self.place.address(version) if self.place is not None else None,
            allocation.remembered(self.name, version),
        )
        return (address for address in found if address is not None)


def chosen_address(
    network: Network,
    version: int,
    allocation: Allocation,
    claimant: Claimant,
    *,
    asked: Address | None = None,
    named: Callable[[EndpointId], str] = str,
) -> Address:
    """The address of family *version* for the endpoint of *claimant* on *network*, which has such subnets.

    It is the one *asked* for, else the first of its own that is free, else the next.

    *named* tells people who a holder is. Raises AddressTaken, Exhausted, InvalidRequest.
    """
    if asked is not None:
        refuse_address(network, asked)
        if (use := use_by_others(allocation, asked, claimant, named)) is not None:
            raise AddressTaken(asked, network.name, use)
        return asked
    for address in claimant.own(allocation, version):
        subnet = network.subnet_with(address)
        if subnet is not None and _is_free(subnet, allocation, address, claimant):
            return address
    return _next(network, version, allocation, claimant)


def use_by_others(
    allocation: Allocation,
    address: Address,
    claimant: Claimant,
    named: Callable[[EndpointId], str] = str,
) -> str | None:
    """Who but *claimant* has *address*, or shall have it, in words; None: nobody.

    A reservation goes before whoever asks later.
    """
    holder, keeper = allocation.holder(address), allocation.keeper(address)
    if holder is not None and holder != claimant.endpoint:
        return f"held by {named(holder)}"
    if (reservation := allocation.reservation(address)) is not None:
        return f"reserved for {reservation.name}" if reservation.name != claimant.name else None
    if keeper is not None and keeper != claimant.endpoint:
        return f"kept for {named(keeper)}"
    return None


def refuse_address(network: Network, address: Address) -> None:
    """Raise InvalidRequest or AddressTaken where nobody may have *address* on *network*."""
    subnet = network.subnet_with(address)
    if network.dhcp:
        raise InvalidRequest(
            f"invalid endpoint settings:\nthe addresses of network {network.name} are given by the DHCP "
            f"server of the LAN: reserve {address} there for the MAC address of the sandbox"
        )
    if subnet is None:
        subnets = ", ".join(str(s.prefix) for s in network.subnets) or "no subnet"
        raise InvalidRequest(
            f"invalid endpoint settings:\nno configured subnet contains IP address {address}; "
            f"network {network.name} has {subnets}"
        )
    if (name := no_host(address, subnet.prefix)) is not None:
        raise InvalidRequest(
            f"invalid endpoint settings:\n{address} is the {name} of {subnet.prefix}; "
            f"ask for another address of it"
        )
    if (use := _reserved(subnet).get(address)) is not None:
        raise AddressTaken(address, network.name, use)


def refuse_mac(network: Network, mac: Mac) -> None:
    """Raise InvalidRequest where endpoints of *network* have no MAC addresses of their own.

    Raise Conflict where *mac* is the bridge's: whoever has it takes the gateway from all others.
    """
    if not network.options.own_macs:
        raise InvalidRequest(
            f"invalid endpoint settings:\nwho is on network {network.name} has the MAC address of its "
            f"parent: leave {mac} out, or use a macvlan network in another mode than passthru"
        )
    if (bridge := network.options.bridge) is not None and mac == network.bridge_mac:
        raise Conflict(
            f"mac address {mac} is in use on network {network.name} by its bridge {bridge}; "
            "ask for another"
        )


def _reserved(subnet: Subnet) -> dict[Address, str]:
    set_aside = {a: f"the auxiliary address {name}" for name, a in subnet.auxiliary}
    return set_aside if subnet.gateway is None else {**set_aside, subnet.gateway: "the gateway"}


def _next(network: Network, version: int, allocation: Allocation, claimant: Claimant) -> Address:
    """The next address: one never held before, else the one that is free the longest.

    So those that somebody may want back stay free while any subnet has others. Raises Exhausted.
    """
    subnets = network.subnets_of(version)
    fresh = (_fresh(subnet, allocation, claimant) for subnet in subnets)
    if (address := next((a for a in fresh if a is not None), None)) is not None:
        return address
    for address in allocation.released(version):
        subnet = network.subnet_with(address)
        if (
            subnet is not None
            and _in_range(subnet, address)
            and _is_free(subnet, allocation, address, claimant)
        ):
            return address
    raise _exhausted(network, version, allocation, claimant.passes_over)


def _exhausted(
    network: Network, version: int, allocation: Allocation, others: Collection[Address]
) -> Exhausted:
    use = ", ".join(_full(subnet, allocation, others) for subnet in network.subnets_of(version))
    return Exhausted(
        f"no available IPv{version} addresses on this network's address pools: {network.name} "
        f"({network.id[:12]}): {use}; remove an endpoint, "
        f"or add a subnet: seaway network update {network.name} --add-subnet SUBNET"
    )


def _full(subnet: Subnet, allocation: Allocation, others: Collection[Address]) -> str:
    size = usable(subnet)
    idle = sum(_in_range(subnet, a) and allocation.holder(a) is None for a in allocation.taken())
    foreign = sum(_in_range(subnet, a) for a in others)
    kept = f" ({idle} of them kept for sandboxes that do not run, or reserved)" if idle else ""
    used = f" ({foreign} of them by others on the LAN)" if foreign else ""
    return f"{subnet.range or subnet.prefix} is exhausted, {size} of {size} in use{kept}{used}"


def _fresh(subnet: Subnet, allocation: Allocation, claimant: Claimant) -> Address | None:
    """The next address of *subnet* that nobody held before; None: there is none.

    The search skips as many addresses as were given, so that it is as quick for the thousandth as for
    the first. Once some are forgotten it starts after the last fresh one instead. No fresh one is
    looked for when all of the range were given.
    """
    reserved = _reserved(subnet)
    given, last = allocation.given(subnet), allocation.last_fresh(subnet)
    start = bounds(subnet)[0] + given if last is None else int(last) + 1
    for address in () if given >= usable(subnet) else _from(subnet, start):
        if (
            address not in reserved
            and address not in claimant.passes_over
            and allocation.last_holder(address) is None
            and use_by_others(allocation, address, claimant) is None
        ):
            return address
    return None


def following(
    network: Network, address: Address, allocation: Allocation, count: int
) -> list[Address]:
    """Of the *count* addresses after *address* those that nobody has: somebody gets them soon, if any."""
    subnet = network.subnet_with(address)
    assert subnet is not None
    after = islice(_from(subnet, int(address) + 1), count)
    reserved = _reserved(subnet)
    return [a for a in after if a not in reserved and allocation.holder(a) is None]


def _from(subnet: Subnet, start: int) -> Iterator[Address]:
    """The addresses that endpoints may get, from the number *start* on, and round."""
    first, last = bounds(subnet)
    kind = type(subnet.prefix.network_address)
    start = start if first <= start <= last else first
    for number in range(start, last + 1):
        yield kind(number)
    for number in range(first, start):
        yield kind(number)


def _in_range(subnet: Subnet, address: Address) -> bool:
    return address in (subnet.range or subnet.prefix)


def _is_free(subnet: Subnet, allocation: Allocation, address: Address, claimant: Claimant) -> bool:
    return (
        address not in _reserved(subnet)
        and address not in claimant.passes_over
        and no_host(address, subnet.prefix) is None
        and use_by_others(allocation, address, claimant) is None
    )


def remembered_mac(allocation: Allocation, name: str) -> Mac | None:
    """The MAC address that a sandbox called *name* had where it let go last, if that is free."""
    addresses = [allocation.remembered(name, version) for version in (4, 6)]
    found = [last for a in addresses if a is not None and (last := allocation.last_holder(a))]
    latest = max(found, key=lambda last: last.until, default=None)
    return Mac(latest.mac) if latest is not None and latest.mac else None


def place(
    network: Network,
    addresses: Iterable[Address],
    *,
    ifname: IfName,
    mac: Mac | None,
    lease: Lease4 | None = None,
) -> Place:
    """An endpoint's place, its addresses with the prefix length of their subnets."""
    found: list[Interface] = []
    for address in addresses:
        subnet = network.subnet_with(address)
        assert subnet is not None
        found.append(interface(address, subnet.prefix.prefixlen))
    return Place(ifname=ifname, mac=mac, addresses=tuple(found), lease=lease)


def free_ifname(taken: Iterable[IfName], prefix: str = "eth") -> IfName:
    """The lowest of ``eth0``, ``eth1``, … that nobody has."""
    names = frozenset(taken)
    return next(
        name for n in range(len(names) + 1) if (name := IfName(f"{prefix}{n}")) not in names
    )
