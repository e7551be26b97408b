"""Addresses that are kept for a sandbox by its name: who may have one, and the network with it."""

from __future__ import annotations

from dataclasses import replace

from seaway.model.address import Reservation
from seaway.model.errors import Conflict, NotFound
from seaway.model.ids import Address
from seaway.model.network import Network


def with_reservation(network: Network, wanted: Reservation) -> Network:
    """*network* with *wanted* reserved too; one that is there already stays as it is.

    Raises Conflict where the address is reserved for another, or the name has another in the family.
    """
    for there in network.reservations:
        same = there.address == wanted.address, there.name == wanted.name
        if same == (True, True):
            return network
        if same == (True, False):
            raise Conflict(
                f"{wanted.address} on network {network.name} is reserved for {there.name}: "
                f"unreserve it first, or reserve another"
            )
        if same == (False, True) and there.address.version == wanted.address.version:
            raise Conflict(
                f"{wanted.name} has {there.address} reserved on network {network.name}: "
                f"unreserve that first, since an endpoint has one IPv{wanted.address.version} address"
            )
    return replace(network, reservations=_ordered((*network.reservations, wanted)))


def without_reservation(network: Network, address: Address) -> Network:
    """*network* with *address* reserved for nobody; raises NotFound where it is not reserved."""
    left = tuple(r for r in network.reservations if r.address != address)
    if len(left) == len(network.reservations):
        known = ", ".join(str(r.address) for r in network.reservations[:8]) or "none"
        raise NotFound(
            f"{address} is not reserved on network {network.name}; reserved are: {known}"
            + (", …" if len(network.reservations) > 8 else "")
        )
    return replace(network, reservations=left)


def _ordered(reservations: tuple[Reservation, ...]) -> tuple[Reservation, ...]:
    """By address, IPv4 first."""
    return tuple(sorted(reservations, key=lambda r: (r.address.version, int(r.address))))
