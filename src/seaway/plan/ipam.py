"""Which address is next?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from seaway.model.endpoint import Place
from seaway.model.errors import AddressTaken, Conflict, Exhausted, InvalidRequest
from seaway.model.ids import Address, EndpointId, IfName, Interface, Mac, interface
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

    def released(self, version: int) -> Iterable[Address]:
        """Free addresses that were held before, the longest free first."""
        ...

    def was_given(self, address: Address) -> bool:
        """Whether *address* is free now and was held before."""
        ...

    def given(self, subnet: Subnet) -> int:
        """How many addresses of its range are held, or remembered as held before."""
        ...

    def last_fresh(self, subnet: Subnet) -> Address | None:
        """Its last address given for the first time; None while all held before are remembered."""
        ...


def chosen_address(
    network: Network,
    version: int,
    allocation: Allocation,
    *,
    asked: Address | None = None,
    former: Address | None = None,
    named: Callable[[EndpointId], str] = str,
) -> Address:
    """The address of family *version* for a new endpoint on *network*, which has such subnets.

    It is the one *asked* for, else the *former* one while it is free, else the next.

    *named* tells people who a holder is. Raises AddressTaken, Exhausted, InvalidRequest.
    """
    if asked is not None:
        refuse_address(network, asked)
        if (holder := allocation.holder(asked)) is not None:
            raise AddressTaken(asked, network.name, f"held by {named(holder)}")
        return asked
    before = network.subnet_with(former) if former is not None else None
    if former is not None and before is not None and _is_free(before, allocation, former):
        return former
    return _next(network, version, allocation)


def refuse_address(network: Network, address: Address) -> None:
    """Raise InvalidRequest or AddressTaken where nobody may have *address* on *network*."""
    subnet = network.subnet_with(address)
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
    """Raise Conflict where *mac* is the bridge's: whoever has it takes the gateway from all others."""
    if (bridge := network.options.bridge) is not None and mac == network.bridge_mac:
        raise Conflict(
            f"mac address {mac} is in use on network {network.name} by its bridge {bridge}; "
            "ask for another"
        )


def _reserved(subnet: Subnet) -> dict[Address, str]:
    return {
        **{a: f"the auxiliary address {name}" for name, a in subnet.auxiliary},
        subnet.gateway: "the gateway",
    }


def _next(network: Network, version: int, allocation: Allocation) -> Address:
    """The next address, of the first subnet that has one; raises Exhausted."""
    subnets = network.subnets_of(version)
    found = (_next_of(subnet, allocation) for subnet in subnets)
    if (address := next((a for a in found if a is not None), None)) is not None:
        return address
    sizes = (usable(s) for s in subnets)
    use = ", ".join(
        f"{s.range or s.prefix} is exhausted, {size} of {size} in use"
        for s, size in zip(subnets, sizes, strict=True)
    )
    raise Exhausted(
        f"no available IPv{version} addresses on this network's address pools: {network.name} "
        f"({network.id[:12]}): {use}; remove an endpoint, "
        f"or add a subnet: seaway network update {network.name} --add-subnet SUBNET"
    )


def _next_of(subnet: Subnet, allocation: Allocation) -> Address | None:
    """The next address: one never held before, else the one that is free the longest; None: none.

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
            and allocation.holder(address) is None
            and not allocation.was_given(address)
        ):
            return address
    for address in allocation.released(subnet.version):
        if _in_range(subnet, address) and _is_free(subnet, allocation, address):
            return address
    return None


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


def _is_free(subnet: Subnet, allocation: Allocation, address: Address) -> bool:
    return (
        address not in _reserved(subnet)
        and no_host(address, subnet.prefix) is None
        and allocation.holder(address) is None
    )


def place(network: Network, addresses: Iterable[Address], *, ifname: IfName, mac: Mac) -> Place:
    """An endpoint's place, its addresses with the prefix length of their subnets."""
    found: list[Interface] = []
    for address in addresses:
        subnet = network.subnet_with(address)
        assert subnet is not None
        found.append(interface(address, subnet.prefix.prefixlen))
    return Place(ifname=ifname, mac=mac, addresses=tuple(found))


def free_ifname(taken: Iterable[IfName], prefix: str = "eth") -> IfName:
    """The lowest of ``eth0``, ``eth1``, … that nobody has."""
    names = frozenset(taken)
    return next(
        name for n in range(len(names) + 1) if (name := IfName(f"{prefix}{n}")) not in names
    )
