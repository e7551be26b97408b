"""One use case at a time for each sandbox and network."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Collection
from contextlib import asynccontextmanager

PATIENCE = 16
"""How many turns ``quiet`` waits for, one after the other."""


class Turns:
    """A lock for each key; one that nobody holds or waits for takes no memory."""

    def __init__(self) -> None:
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}

    async def quiet(self, keys: Collection[str]) -> None:
        """Wait until nobody has a turn of *keys*, holding none meanwhile.

        Where they are never all free it ends after PATIENCE turns.
        """
        for _ in range(PATIENCE):
            busy = next((key for key in keys if key in self._locks), None)
            if busy is None:
                return
            async with self.take(busy):
                pass

    @asynccontextmanager
    async def take(self, key: str) -> AsyncGenerator[None]:
        """Wait for the turn of *key*, and hold it inside the block.

        Take a sandbox's turn before that of a network, and hold no network's while waiting for
        another, so that nobody waits in a circle; that of making networks comes last, but before
        that of the network that is made, which nobody else knows.
        """
        lock, users = self._locks.get(key, (asyncio.Lock(), 0))
        self._locks[key] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            lock, users = self._locks[key]
            if users == 1:
                del self._locks[key]
            else:
                self._locks[key] = (lock, users - 1)
