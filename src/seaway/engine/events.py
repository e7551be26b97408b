"""What happened, told to all who watch."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import replace

from seaway.contracts import Clock
from seaway.model.event import Event

KEPT = 1024
"""How many events are kept for those who ask for the past (clients expect 256 at least)."""
BEHIND = 10_000
"""How many events a watcher may be behind before it is let go."""


class EventBus:
    """Keeps the last events and hands each new one to every watcher; emitting never waits."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: deque[Event] = deque(maxlen=KEPT)
        self._watchers: set[asyncio.Queue[Event | None]] = set()

    def emit(self, event: Event) -> None:
        """Stamp *event* with the time and tell everybody."""
        stamped = replace(event, time=self._clock.now())
        self._kept.append(stamped)
        for queue in tuple(self._watchers):
            try:
                queue.put_nowait(stamped)
            except asyncio.QueueFull:
                self._watchers.discard(queue)
                queue.get_nowait()
                queue.put_nowait(None)

    def past(self, since: int) -> tuple[Event, ...]:
        """The kept events from *since* (nanoseconds since the epoch) on."""
        return tuple(event for event in self._kept if event.time >= since)

    async def watch(self, since: int | None = None) -> AsyncIterator[Event]:
        """All events from now on, after the kept ones since *since*; ends for who is too far behind."""
        queue: asyncio.Queue[Event | None] = asyncio.Queue(BEHIND)
        self._watchers.add(queue)
        try:
            for past in self.past(since) if since is not None else ():
                yield past
            while (event := await queue.get()) is not None:
                yield event
        finally:
            self._watchers.discard(queue)
