"""How much room is left: in the pools for networks, in their subnets for endpoints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from seaway.model.ids import NetworkName, Prefix
from seaway.model.network import Network, Subnet
from seaway.plan.ipam import Allocation
from seaway.plan.subnets import AddressPool, bounds, covered, usable

FEW = 3
"""Fewer free addresses, or pieces of the pools, than this are said to run out."""
LITTLE = 10
"""Percent; so does what has less than this free."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolRoom:
    """A default address pool, counted in pieces: each is room for one subnet."""

    pool: AddressPool
    used: int
    """Pieces that networks use, all or in part."""
    routed: int
    """Pieces that no network uses, and that the host routes: they are never chosen."""

    @property
    def free(self) -> int:
        """Pieces that the next networks may get."""
        return self.pool.count - self.used - self.routed


@dataclass(frozen=True, slots=True, kw_only=True)
class SubnetRoom:
    """A network's subnet, counted in addresses that endpoints may get without asking."""

    network: NetworkName
    subnet: Subnet
    size: int
    used: int
    """Held, kept for a sandbox that does not run, or reserved."""

    @property
    def free(self) -> int:
        """Addresses that the next endpoints may get."""
        return self.size - self.used


def pool_rooms(
    pools: Sequence[AddressPool], used: Sequence[Prefix], routed: Sequence[Prefix]
) -> tuple[PoolRoom, ...]:
    """The room in each of *pools* where networks use *used* and the host routes *routed*."""
    return tuple(_pool_room(pool, used, routed) for pool in pools)


def _pool_room(pool: AddressPool, used: Sequence[Prefix], routed: Sequence[Prefix]) -> PoolRoom:
    spans = pool.spans(used)
    taken = covered(spans)
    return PoolRoom(pool=pool, used=taken, routed=covered([*spans, *pool.spans(routed)]) - taken)


def subnet_rooms(network: Network, allocation: Allocation) -> tuple[SubnetRoom, ...]:
    """The room in each subnet of *network*."""
    taken = allocation.taken()
    return tuple(
        SubnetRoom(
            network=network.name,
            subnet=subnet,
            size=usable(subnet),
            used=sum(_counts(subnet, int(a)) for a in taken if a.version == subnet.version),
        )
        for subnet in network.subnets
    )


def _counts(subnet: Subnet, number: int) -> bool:
    first, last = bounds(subnet)
    return first <= number <= last


def shortages(pools: Sequence[PoolRoom], subnets: Sequence[SubnetRoom]) -> Iterator[str]:
    """What is used up, or nearly so, and what to do: one sentence each."""
    for version in (4, 6):
        mine = [room for room in pools if room.pool.base.version == version]
        if mine and _runs_out(sum(r.pool.count for r in mine), sum(r.free for r in mine)):
            yield _pools_run_out(mine)
    for room in subnets:
        if room.used and _runs_out(room.size, room.free):
            yield (
                f"{_left(room.free, room.size, 'addresses')} in "
                f"{room.subnet.range or room.subnet.prefix} of network {room.network}: "
                f"see who has them (seaway network addresses {room.network}), and remove what is not "
                f"needed, or add a subnet: seaway network update {room.network} --add-subnet SUBNET"
            )


def _pools_run_out(rooms: Sequence[PoolRoom]) -> str:
    size, free = sum(r.pool.count for r in rooms), sum(r.free for r in rooms)
    routed = sum(r.routed for r in rooms)
    hidden = f" ({routed} are routed by the host)" if routed else ""
    return (
        f"{_left(free, size, 'subnets')} in the default address pools of "
        f"IPv{rooms[0].pool.base.version}{hidden}: remove networks that nobody uses (seaway network "
        "prune), add pools by the setting default-address-pools (--default-address-pool), "
        "or give --subnet"
    )


def _runs_out(size: int, free: int) -> bool:
    return free < FEW or free * 100 < size * LITTLE


def _left(free: int, size: int, what: str) -> str:
    return f"none of {size} {what} left" if free < 1 else f"only {free} of {size} {what} left"
