"""Who has each address of a network, who shall have it, and who had it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from seaway.model.endpoint import Endpoint
from seaway.model.ids import Address, SandboxId
from seaway.model.network import Network
from seaway.plan.ipam import Allocation
from seaway.plan.wiring import VERSIONS


class Use(StrEnum):
    """What an address is for."""

    GATEWAY = "gateway"
    AUXILIARY = "auxiliary"
    ENDPOINT = "endpoint"
    """Held by a sandbox that runs, which did not ask for it."""
    FIXED = "fixed"
    """Held by a sandbox that runs, which asked for it."""
    KEPT = "kept"
    """Free, and kept for a sandbox that does not run, which asked for it."""
    RESERVED = "reserved"
    """Free, and reserved for a name."""
    REMEMBERED = "remembered"
    """Free; who had it last gets it back while nobody else got it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressUse:
    """One address of a network."""

    address: Address
    use: Use
    holder: str
    """The sandbox's name; a gateway's bridge; an auxiliary address's name. Empty: nobody remembers."""
    since: int
    """Since when it is used so; nanoseconds since the epoch, 0: nobody knows."""
    reserved_for: str = ""
    """The name it is reserved for, whoever has it."""


def address_uses(
    network: Network,
    allocation: Allocation,
    endpoints: Sequence[Endpoint],
    names: Mapping[SandboxId, str],
) -> tuple[AddressUse, ...]:
    """All addresses of *network* of which anything is known, IPv4 first, in their order.

    *endpoints* are the network's, *names* those of their sandboxes.
    """
    found: dict[Address, AddressUse] = {}
    for use in (
        *_remembered(allocation),
        *_reserved(network),
        *_kept(allocation, endpoints, names),
        *_held(endpoints, names),
        *_of_the_network(network),
    ):
        found[use.address] = use  # the strongest comes last
    reserved = {r.address: r.name for r in network.reservations}
    told = (replace(u, reserved_for=reserved.get(a, "")) for a, u in found.items())
    return tuple(sorted(told, key=lambda u: (u.address.version, int(u.address))))


def _remembered(allocation: Allocation) -> Iterator[AddressUse]:
    for version in VERSIONS:
        for address in allocation.released(version):
            last = allocation.last_holder(address)
            assert last is not None
            yield AddressUse(
                address=address, use=Use.REMEMBERED, holder=last.name, since=last.until
            )


def _reserved(network: Network) -> Iterator[AddressUse]:
    for r in network.reservations:
        yield AddressUse(address=r.address, use=Use.RESERVED, holder=r.name, since=r.since)


def _kept(
    allocation: Allocation, endpoints: Iterable[Endpoint], names: Mapping[SandboxId, str]
) -> Iterator[AddressUse]:
    for endpoint in endpoints:
        name = names[endpoint.sandbox]
        for address in () if endpoint.live else endpoint.wish.addresses:
            reservation = allocation.reservation(address)
            is_its_own = reservation is None or reservation.name == name
            if is_its_own and allocation.keeper(address) == endpoint.id:
                yield AddressUse(address=address, use=Use.KEPT, holder=name, since=endpoint.asked)


def _held(endpoints: Iterable[Endpoint], names: Mapping[SandboxId, str]) -> Iterator[AddressUse]:
    for endpoint in endpoints:
        for interface in endpoint.place.interfaces if endpoint.live and endpoint.place else ():
            use = Use.FIXED if interface.ip in endpoint.wish.addresses else Use.ENDPOINT
            name = names[endpoint.sandbox]
            yield AddressUse(address=interface.ip, use=use, holder=name, since=endpoint.taken)


def _of_the_network(network: Network) -> Iterator[AddressUse]:
    on_bridge = {interface.ip for interface in network.bridge_addresses}
    for subnet in network.subnets:
        for name, address in subnet.auxiliary:
            yield AddressUse(address=address, use=Use.AUXILIARY, holder=name, since=network.created)
        if subnet.gateway is not None:
            yield AddressUse(
                address=subnet.gateway,
                use=Use.GATEWAY,
                holder=(network.options.bridge or "") if subnet.gateway in on_bridge else "",
                since=network.created,
            )
