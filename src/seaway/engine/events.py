"""What happened, told to all who watch.

There is one row of events, the last that happened, and each watcher has no more than a place in it.
So nobody sees an event twice or misses one between what was and what comes, a watcher that does not
read costs no memory, and emitting never waits. Who is so far behind that its next event has left
the row is let go: it is told that it missed something, since silence would be a lie.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace

from seaway.contracts import Clock
from seaway.model.errors import Unavailable
from seaway.model.event import Event

KEPT = 4096
"""How many events are kept at most.

Docker keeps 256, which one restart of forty sandboxes fills (a stop and a start are six events at
least). This is a restart of some five hundred, in 3 MB.
"""
KEPT_SIZE = 4 << 20
"""How many characters those kept have at most, but for the last one: labels and commands may be long."""
BATCH_SIZE = 32 << 10
"""How many characters a watcher takes at once, but for the last event of them."""
SOON = 0.002
"""Seconds after which watchers hear of an event: whoever made it happen gets its answer first."""
PACE = 0.02
"""Seconds between two times that watchers are woken: a storm of events reaches them in batches."""


class FellBehind(Unavailable):
    """A watcher did not read fast enough."""

    def __init__(self) -> None:
        super().__init__(
            f"too slow: more than {KEPT} events happened that were not read; "
            "ask again with since= the time of the last one"
        )


class EventBus:
    """Keeps the last events, and tells each new one to every watcher."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: deque[Event] = deque()
        self._size = 0
        self._first = 0
        """The number of the first one kept; the number of an event is how many happened before it."""
        self._last_time = 0
        self._watches: set[Watch] = set()
        self._news = asyncio.Event()
        self._waking: asyncio.TimerHandle | None = None
        self._woken = 0.0

    @property
    def end(self) -> int:
        """The number that the next event will have."""
        return self._first + len(self._kept)

    @property
    def first(self) -> int:
        """The number of the first event kept."""
        return self._first

    def emit(self, event: Event) -> None:
        """Stamp *event* with the time, later than that of any before it, and tell everybody."""
        self._last_time = max(self._clock.now(), self._last_time + 1)
        stamped = replace(event, time=self._last_time)
        self._kept.append(stamped)
        self._size += stamped.size
        while len(self._kept) > KEPT or (self._size > KEPT_SIZE and len(self._kept) > 1):
            self._size -= self._kept.popleft().size
            self._first += 1
        self._let_go_those_behind()
        self._wake_soon()

    @contextmanager
    def watch(
        self, since: int | None = None, *, let_go: Callable[[], None] = lambda: None
    ) -> Generator[Watch]:
        """Watch all events from now on, after the kept ones since *since* (nanoseconds since the epoch).

        *let_go* is called when the watch is too far behind; who waits for it at that moment shall end.
        """
        watch = Watch(self, self.end if since is None else self._number(since), let_go)
        self._watches.add(watch)
        try:
            yield watch
        finally:
            self._watches.discard(watch)

    def event(self, number: int) -> Event:
        """The event of that number, which is kept."""
        return self._kept[number - self._first]

    async def news(self) -> None:
        """Wait until something happens."""
        await self._news.wait()

    def _number(self, since: int) -> int:
        """The number of the first event kept that happened at *since* or later."""
        number = self.end
        for event in reversed(self._kept):
            if event.time < since:
                break
            number -= 1
        return number

    def _let_go_those_behind(self) -> None:
        for watch in [w for w in self._watches if w.next < self._first]:
            self._watches.discard(watch)
            watch.let_go()

    def _wake_soon(self) -> None:
        if self._watches and self._waking is None:
            loop = asyncio.get_running_loop()
            when = max(loop.time() + SOON, self._woken + PACE)
            self._waking = loop.call_at(when, self._wake)

    def _wake(self) -> None:
        self._waking, self._woken = None, asyncio.get_running_loop().time()
        self._news.set()
        self._news.clear()


class Watch:
    """A place in the row of events."""

    def __init__(self, bus: EventBus, number: int, let_go: Callable[[], None]) -> None:
        self._bus = bus
        self.next = number
        """The number of the event that is not taken yet."""
        self.let_go = let_go

    def ready(self) -> tuple[Event, ...]:
        """The next of those that happened, in order; empty when all are taken. Raises FellBehind."""
        if self.next < self._bus.first:
            raise FellBehind
        taken: list[Event] = []
        size = 0
        while self.next < self._bus.end and size < BATCH_SIZE:
            taken.append(self._bus.event(self.next))
            size += taken[-1].size
            self.next += 1
        return tuple(taken)

    async def more(self) -> tuple[Event, ...]:
        """The next events, as soon as there is one. Raises FellBehind."""
        while not (found := self.ready()):
            await self._bus.news()
        return found
