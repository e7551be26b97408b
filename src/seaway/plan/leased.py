"""What the LAN gives means for an endpoint: its addresses, routes, MTU and name servers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import assert_never

from seaway.model.endpoint import Endpoint, Place
from seaway.model.ids import Interface
from seaway.model.lease import Lease, Lease4, Lease6
from seaway.plan.wiring import Attachment


def is_leased(attachment: Attachment) -> bool:
    """Whether *attachment* is nothing before a DHCPv4 server has lent it an address."""
    return 4 in attachment.network.dhcp


def addresses(lease: Lease) -> tuple[Interface, ...]:
    """What *lease* lends."""
    match lease:
        case Lease4():
            return (lease.address,)
        case Lease6():
            return tuple(a.address for a in lease.addresses)
        case _:
            assert_never(lease)


def leased(endpoint: Endpoint, lease: Lease) -> Endpoint:
    """*endpoint* with what *lease* gives it, in place of what it had of that family."""
    place = _place(endpoint)
    match lease:
        case Lease4():
            found = (*addresses(lease), *_of_family(place, 6))
            return replace(endpoint, place=replace(place, addresses=found, lease=lease))
        case Lease6():
            found = (*_of_family(place, 4), *addresses(lease))
            return replace(endpoint, place=replace(place, addresses=found, lease6=lease))
        case _:
            assert_never(lease)


def unleased(endpoint: Endpoint, version: int) -> Endpoint:
    """*endpoint* without what was lent to it of family *version*."""
    place = _place(endpoint)
    if version == 4:
        place = replace(place, addresses=_of_family(place, 6), lease=None)
    else:
        place = replace(place, addresses=_of_family(place, 4), lease6=None)
    return replace(endpoint, place=place)


def autoconfigured(endpoint: Endpoint, made: Iterable[Interface]) -> Endpoint:
    """*endpoint* with those addresses that Linux has *made* for it by what routers advertise."""
    found = tuple(sorted(made, key=lambda a: int(a.ip)))
    return replace(endpoint, place=replace(_place(endpoint), autoconfigured=found))


def _place(endpoint: Endpoint) -> Place:
    assert endpoint.place is not None
    return endpoint.place


def _of_family(place: Place, version: int) -> tuple[Interface, ...]:
    return tuple(a for a in place.addresses if a.version == version)
