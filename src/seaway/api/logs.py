"""``logs``: what a process wrote to its standard streams."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import cast

from aiohttp import web

from seaway.api import moments
from seaway.api.call import Call, Route
from seaway.api.carriage import frame
from seaway.api.containers import with_process
from seaway.api.declaration import FRAMED, RAW, flag, moment, stream, text
from seaway.api.hijack import content_type
from seaway.api.parts import Parts
from seaway.contracts import LogLine
from seaway.model.errors import InvalidRequest
from seaway.model.sandbox import Sandbox

_NUMBER = re.compile(r"\d{1,18}", re.ASCII)
"""More lines than that are all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogWish:
    """Which lines a client asks for, and how."""

    streams: frozenset[int]
    since: int | None
    """Nanoseconds since the epoch."""
    until: int | None
    tail: int | None
    """None: all lines."""
    follow: bool
    timestamps: bool
    tty: bool

    def fits(self, line: LogLine) -> bool:
        """Whether *line* is asked for, but for how many there are."""
        return (
            line.stream in self.streams
            and (self.since is None or line.time >= self.since)
            and (self.until is None or line.time <= self.until)
        )


def log_wish(call: Call, now: int, *, tty: bool) -> LogWish:
    """What *call* asks for; raises InvalidRequest."""
    query = call.query
    streams = {n for n, name in ((1, "stdout"), (2, "stderr")) if query.flag(name)}
    if not streams:
        raise InvalidRequest("must specify at least one of 'stdout' or 'stderr'")
    tail = query.text("tail")
    return LogWish(
        streams=frozenset({1, 2} if tty else streams),
        since=query.moment("since", now),
        until=query.moment("until", now),
        tail=int(tail) if _NUMBER.fullmatch(tail) else None,
        follow=query.flag("follow"),
        timestamps=query.flag("timestamps"),
        tty=tty,
    )


class LogRoutes:
    """The logs of sandboxes."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def routes(self) -> Sequence[Route]:
        """Methods and paths."""
        return (
            Route(
                "GET",
                "/containers/{ref}/logs",
                self.logs,
                query=(
                    flag("stdout", "its output"),
                    flag("stderr", "its errors"),
                    flag("follow", "until it ends"),
                    flag("timestamps", "each line with its time"),
                    flag("details", "taken as docker sends it"),
                    text("tail", "so many lines, or all"),
                    moment("since", "lines since then"),
                    moment("until", "lines until then"),
                ),
                answers=stream(RAW, FRAMED),
                refusals=(409,),
                streams=True,
            ),
        )

    async def logs(self, call: Call) -> web.StreamResponse:
        """The lines, framed unless they come from a terminal; with *follow* until it ends."""
        sandbox = with_process(self._parts.store.sandbox(call.ref), "listened to")
        assert sandbox.process is not None
        tty = sandbox.process.tty
        wish = log_wish(call, self._parts.clock.now(), tty=tty)
        response = web.StreamResponse(headers={"Content-Type": content_type(call, tty=tty)})
        await response.prepare(call.request)
        async with aclosing(self._lines(sandbox, wish)) as lines:
            async for data in lines:
                await response.write(data)
        await response.write_eof()
        return response

    async def _lines(self, sandbox: Sandbox, wish: LogWish) -> AsyncGenerator[bytes, None]:
        skipped = await self._to_skip(sandbox, wish)
        beginning: dict[int, bool] = {1: True, 2: True}
        async with aclosing(self._read(sandbox, follow=wish.follow)) as lines:
            async for line in lines:
                if not wish.fits(line):
                    if wish.until is not None and line.time > wish.until:
                        return
                    continue
                if skipped > 0:
                    skipped -= line.data.endswith(b"\n")
                    continue
                yield _written(line, wish, begins=beginning[line.stream])
                beginning[line.stream] = line.data.endswith(b"\n")

    async def _to_skip(self, sandbox: Sandbox, wish: LogWish) -> int:
        """How many lines there are before the last ones that are asked for."""
        if wish.tail is None:
            return 0
        count, partial = 0, False
        async with aclosing(self._read(sandbox, follow=False)) as lines:
            async for line in lines:
                if wish.fits(line):
                    partial = not line.data.endswith(b"\n")
                    count += not partial
        return max(count + partial - wish.tail, 0)

    def _read(self, sandbox: Sandbox, *, follow: bool) -> AsyncGenerator[LogLine, None]:
        lines = self._parts.runtime.logs(sandbox.id, follow=follow)
        return cast("AsyncGenerator[LogLine, None]", lines)


def _written(line: LogLine, wish: LogWish, *, begins: bool) -> bytes:
    stamp = f"{moments.fixed(line.time)} ".encode() if wish.timestamps and begins else b""
    data = stamp + line.data
    return data if wish.tty else frame(line.stream, data)
