"""``/seaway``: the addresses of networks, those reserved, and how much room is left."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from seaway.api import moments, wire
from seaway.api.call import Call, Route, answer, empty
from seaway.api.declaration import json, nothing
from seaway.api.parts import Parts
from seaway.model.errors import InvalidRequest
from seaway.model.ids import Prefix, address, sandbox_name
from seaway.plan.address_table import AddressUse
from seaway.plan.room import PoolRoom, SubnetRoom

MANY = (1 << 53) - 1
"""The highest count that is told; every JSON reader knows it exactly (RFC 8259 section 6)."""


class AddressRoutes:
    """What users ask of addresses as such."""

    def __init__(self, parts: Parts) -> None:
        self._addresses = parts.engine.addresses

    def routes(self) -> Sequence[Route]:
        """Methods and paths."""
        return (
            Route(
                "GET",
                "/seaway/networks/{ref}/addresses",
                self.listing,
                answers=json(list[wire.AddressUse]),
            ),
            Route(
                "POST",
                "/seaway/networks/{ref}/reservations",
                self.reserve,
                body=wire.Reserve,
                answers=json(wire.Reserved, 201),
                refusals=(409,),
            ),
            Route(
                "DELETE",
                "/seaway/networks/{ref}/reservations/{address}",
                self.unreserve,
                answers=nothing(204),
            ),
            Route("GET", "/seaway/pools", self.pools, answers=json(list[wire.Room])),
        )

    async def listing(self, call: Call) -> web.Response:
        """Each address of a network of which anything is known: who has it, shall have it, or had it."""
        return answer([_use(use) for use in self._addresses.of_network(call.ref)])

    async def reserve(self, call: Call) -> web.Response:
        """Let an address go only to the sandbox of one name."""
        body = await call.body(wire.Reserve)
        if not body.address or not body.sandbox:
            raise InvalidRequest(
                'Address and For are both needed, as {"Address": "10.5.0.9", "For": "db"}'
            )
        wanted, name = address(body.address), sandbox_name(body.sandbox)
        warnings = await self._addresses.reserve(call.ref, wanted, name)
        return answer(wire.Reserved(address=str(wanted), sandbox=name, warnings=[*warnings]), 201)

    async def unreserve(self, call: Call) -> web.Response:
        """Let a reserved address go to anybody again."""
        await self._addresses.unreserve(call.ref, address(call.words["address"]))
        return empty(204)

    async def pools(self, call: Call) -> web.Response:  # noqa: ARG002
        """How much is left in the default address pools, and in each network's subnets."""
        room = await self._addresses.room()
        return answer([*map(_pool, room.pools), *map(_subnet, room.subnets)])


def _use(use: AddressUse) -> wire.AddressUse:
    return wire.AddressUse(
        address=str(use.address),
        holder=use.holder,
        kind=use.use,
        since=moments.shown(use.since),
        reserved_for=use.reserved_for,
    )


def _pool(room: PoolRoom) -> wire.Room:
    return wire.Room(
        kind="pool",
        prefix=str(room.pool.base),
        piece=room.pool.size,
        size=_told(room.pool.count),
        used=_told(room.used),
        routed=_told(room.routed),
        free=_told(room.free),
    )


def _subnet(room: SubnetRoom) -> wire.Room:
    return wire.Room(
        kind="subnet",
        prefix=str(room.subnet.prefix),
        network=room.network,
        range=_range(room.subnet.range),
        size=_told(room.size),
        used=_told(room.used),
        free=_told(room.free),
    )


def _range(prefix: Prefix | None) -> str:
    return "" if prefix is None else str(prefix)


def _told(count: int) -> int:
    return min(max(count, 0), MANY)
