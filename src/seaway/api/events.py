"""``GET /events``: what happens, one JSON object a line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import cast

from aiohttp import web

from seaway.api import moments, wire
from seaway.api.call import Call, Route
from seaway.api.declaration import JSON, filters, json, moment
from seaway.api.parts import Parts
from seaway.api.query import Filters
from seaway.model.event import Event

_NEVER_HERE = ("volume", "plugin", "daemon", "node", "service", "secret", "config")
FILTERS = filters(
    *("type", "event", "container", "network", "image", "label", "scope"), *_NEVER_HERE
)


class EventRoutes:
    """Watching what happens."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def routes(self) -> Sequence[Route]:
        """Methods and paths."""
        return (
            Route(
                "GET",
                "/events",
                self.events,
                query=(
                    moment("since", "what happened since then, first"),
                    moment("until", "and no longer than until then"),
                    FILTERS,
                ),
                answers=json(wire.Event),
                streams=True,
            ),
        )

    async def events(self, call: Call) -> web.StreamResponse:
        """Those since a moment, and then those to come, until a moment or for ever."""
        now = self._parts.clock.now()
        filters = call.query.filters()
        since, until = call.query.moment("since", now), call.query.moment("until", now)
        response = web.StreamResponse(headers={"Content-Type": JSON})
        await response.prepare(call.request)
        if until is not None and until <= now:
            for event in self._parts.engine.events.past(since or now):
                if event.time <= until and fits(event, filters):
                    await response.write(wire.encoded(shown(event)))
        else:
            await self._follow(response, filters, now if since is None else since, until)
        await response.write_eof()
        return response

    async def _follow(
        self, response: web.StreamResponse, filters: Filters, since: int, until: int | None
    ) -> None:
        left = None if until is None else (until - self._parts.clock.now()) / moments.SECOND
        watching = cast("AsyncGenerator[Event, None]", self._parts.engine.events.watch(since))
        try:
            async with asyncio.timeout(left), aclosing(watching):
                async for event in watching:
                    if fits(event, filters):
                        await response.write(wire.encoded(shown(event)))
        except TimeoutError:
            return


def shown(event: Event) -> wire.Event:
    """*event* on the wire."""
    attributes = dict(event.attributes)
    found = wire.Event(
        type=event.type,
        action=event.action,
        actor=wire.Actor(id=event.actor, attributes=attributes),
        time=event.time // moments.SECOND,
        time_nano=event.time,
    )
    if event.type == "container":
        found.status, found.id = event.action, event.actor
        found.from_ = attributes.get("image", "")
    return found


def fits(event: Event, filters: Filters) -> bool:
    """Whether *filters* let *event* through."""
    attributes = dict(event.attributes)
    return (
        filters.fits("type", event.type)
        and filters.fits("event", event.action, event.action.partition(":")[0])
        and filters.fits("scope", "local")
        and filters.fits("image", attributes.get("image", ""))
        and filters.fits_labels("label", attributes)
        and not any(filters.values(key) for key in _NEVER_HERE)
        and _is_about(event, "container", attributes, filters)
        and _is_about(event, "network", attributes, filters)
    )


def _is_about(event: Event, kind: str, attributes: dict[str, str], filters: Filters) -> bool:
    """By id, its beginning, or name; network events are about their container too."""
    wanted = filters.values(kind)
    if not wanted:
        return True
    named = (event.actor, attributes.get("name", ""))
    facts = named if event.type == kind else (attributes.get(kind, ""),)
    return any(fact == w or (len(w) >= 4 and fact.startswith(w)) for fact in facts for w in wanted)
