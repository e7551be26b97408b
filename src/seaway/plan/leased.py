"""What a lease means for an endpoint: its addresses, routes, MTU and name servers."""

from __future__ import annotations

from dataclasses import replace

from seaway.model.endpoint import Endpoint
from seaway.model.lease import Lease4
from seaway.plan.wiring import Attachment


def is_leased(attachment: Attachment) -> bool:
    """Whether the address of *attachment* is the LAN's own server's to give."""
    return bool(attachment.network.dhcp)


def leased(endpoint: Endpoint, lease: Lease4) -> Endpoint:
    """*endpoint* with what *lease* gives it."""
    place = endpoint.place
    assert place is not None
    others = tuple(a for a in place.addresses if a.version != lease.address.version)
    return replace(endpoint, place=replace(place, addresses=(lease.address, *others), lease=lease))


def unleased(endpoint: Endpoint) -> Endpoint:
    """*endpoint* without the address that was lent to it."""
    place = endpoint.place
    assert place is not None
    kept = tuple(a for a in place.addresses if place.lease is None or a != place.lease.address)
    return replace(endpoint, place=replace(place, addresses=kept, lease=None))
