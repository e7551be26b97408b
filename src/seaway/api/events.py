"""``GET /events``: what happens, one JSON object a line."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from aiohttp import web

from seaway.api import moments, wire
from seaway.api.call import Call, Route
from seaway.api.declaration import JSON, filters, json, moment
from seaway.api.parts import Parts
from seaway.api.query import Filters, Query, has_label
from seaway.engine.events import Watch
from seaway.model.errors import InvalidRequest
from seaway.model.event import Event

log = logging.getLogger(__name__)

_NAMED = (
    "container", "network", "volume", "plugin", "daemon", "node", "service", "secret", "config",
)  # fmt: skip
"""Filters by the beginning of an id or name, whatever the kind of event: as Docker's."""
FILTERS = filters("type", "event", "image", "label", "scope", *_NAMED)
_WITH_TEXT = frozenset({"exec_create", "exec_start", "health_status"})
"""Actions that are followed by a text; who filters by one of them filters by beginnings."""
_REMEMBERED = 64
"""How many events are kept as lines, since all readers want the same ones at one time."""
_LONG = 16 << 10
"""Bytes of a line that is made anew for each reader."""


class EventRoutes:
    """Watching what happens."""

    def __init__(self, parts: Parts) -> None:
        self._parts, self._lines = parts, Lines()

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
        """Those since a moment, and then those to come, until a moment or for ever.

        A reader that is more than the kept events behind is cut off: its connection breaks, which
        every client takes for an error, and it may ask again from the last event it saw.
        """
        now = self._parts.clock.now()
        span = Span.asked(call.query, now)
        wanted = Wanted(call.query.filters())

        def cut_off() -> None:
            log.warning("a reader of events was too slow and is cut off")
            if call.request.transport is not None:
                call.request.transport.abort()

        with self._parts.engine.events.watch(span.since, let_go=cut_off) as watch:
            response = web.StreamResponse(headers={"Content-Type": JSON})
            await response.prepare(call.request)
            reader = Reader(response, lambda e: span.has(e) and wanted.has(e), self._lines)
            await _read(reader, watch, span, now)
            await response.write_eof()
        return response


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when events are wanted."""

    since: int | None
    """Nanoseconds since the epoch; None: only those to come."""
    until: int | None
    """None: for ever."""

    @classmethod
    def asked(cls, query: Query, now: int) -> Span:
        """As ``since`` and ``until`` say; raises InvalidRequest.

        Who says ``until`` alone gets all that is kept up to then. An ``until`` of 0 means: what is kept.
        """
        since, until = (_moment(query, name, now) for name in ("since", "until"))
        if until is not None and since is not None and until < since:
            said = query.said("since"), query.said("until")
            raise InvalidRequest(
                f"`since` time ({said[0]}) cannot be after `until` time ({said[1]})"
            )
        if until is not None and since is None:
            since = 0
        return cls(since, now if until == 0 else until)

    def has(self, event: Event) -> bool:
        """Whether *event* is not too late; those before ``since`` are not looked at."""
        return self.until is None or event.time <= self.until


def _moment(query: Query, name: str, now: int) -> int | None:
    text = query.said(name)
    return moments.moment(text, now) if text else None


async def _read(reader: Reader, watch: Watch, span: Span, now: int) -> None:
    """Give *reader* what there is, and then what comes until the end of *span*."""
    if span.until is not None and span.until <= now:
        while found := watch.ready():
            await reader.get(found)
        return
    left = None if span.until is None else (span.until - now) / moments.SECOND
    with suppress(TimeoutError):
        async with asyncio.timeout(left):
            while True:
                await reader.get(await watch.more())


class Reader:
    """A client that reads events."""

    def __init__(
        self, response: web.StreamResponse, wants: Callable[[Event], bool], lines: Lines
    ) -> None:
        self._response, self._wants, self._lines = response, wants, lines

    async def get(self, events: Sequence[Event]) -> None:
        """Write those of *events* that it wants, at once; waits for a slow client."""
        text = b"".join(self._lines.of(event) for event in events if self._wants(event))
        if text:
            await self._response.write(text)


class Lines:
    """Events as they are written; made once for all who read them at one time."""

    def __init__(self) -> None:
        self._lines: dict[int, bytes] = {}
        """By the time of the event, which no other has."""

    def of(self, event: Event) -> bytes:
        """*event* as a line of JSON."""
        if (line := self._lines.get(event.time)) is None:
            line = wire.encoded(shown(event))
            if len(line) <= _LONG:
                self._remember(event.time, line)
        return line

    def _remember(self, time: int, line: bytes) -> None:
        self._lines[time] = line
        if len(self._lines) > _REMEMBERED:
            del self._lines[next(iter(self._lines))]


def shown(event: Event) -> wire.Event:
    """*event* on the wire: attributes sorted by name, and what old clients read of containers."""
    attributes = dict(sorted(dict(event.attributes).items()))
    found = wire.Event(
        type=event.type,
        action=event.action,
        actor=wire.Actor(id=event.actor, attributes=attributes),
        time=event.time // moments.SECOND,
        time_nano=event.time,
    )
    if event.type == "container":
        found.status = event.action
        if event.actor:
            found.id = event.actor
        if image := attributes.get("image"):
            found.from_ = image
    return found


class Wanted:
    """What filters let through: each key that has values must fit, by Docker's rules."""

    def __init__(self, filters: Filters) -> None:
        tests: Sequence[tuple[tuple[str, ...], Callable[[Event, tuple[str, ...]], bool]]] = (
            (filters.values("type"), lambda event, texts: event.type in texts),
            (filters.values("event"), _has_action),
            (filters.values("scope"), lambda _, texts: "local" in texts),
            (filters.values("image"), _has_image),
            (filters.values("label"), _has_labels),
            *((filters.values(key), _is_named) for key in _NAMED),
        )
        self._tests = [(texts, fits) for texts, fits in tests if texts]

    def has(self, event: Event) -> bool:
        """Whether *event* passes."""
        return all(fits(event, texts) for texts, fits in self._tests)


def _has_action(event: Event, texts: tuple[str, ...]) -> bool:
    if _WITH_TEXT.isdisjoint(texts):
        return event.action in texts
    return event.action.startswith(texts)


def _is_named(event: Event, texts: tuple[str, ...]) -> bool:
    return event.actor.startswith(texts) or dict(event.attributes).get("name", "").startswith(texts)


def _has_labels(event: Event, texts: tuple[str, ...]) -> bool:
    attributes = dict(event.attributes)
    return all(has_label(attributes, text) for text in texts)


def _has_image(event: Event, texts: tuple[str, ...]) -> bool:
    """By id or name, with or without its tag."""
    image = dict(event.attributes).get("image", "")
    return not {event.actor, image, _without_tag(image)}.isdisjoint(texts)


def _without_tag(image: str) -> str:
    folder, slash, last = image.partition("@")[0].rpartition("/")
    return f"{folder}{slash}{last.partition(':')[0]}"
