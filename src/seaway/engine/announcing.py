"""Letting a LAN hear of the sandboxes on it once the way there is open."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import suppress

from seaway.contracts import Store
from seaway.engine.background import Background
from seaway.engine.turns import Turns
from seaway.engine.wires import Wires
from seaway.model.errors import NotFound
from seaway.model.ids import IfName, NetworkId, SandboxId
from seaway.model.observed import LinkNews

INTERVAL = 2
"""Seconds between the two announcements (RFC 5227, section 1.1, ANNOUNCE_INTERVAL)."""


class Announcing:
    """Announces the addresses of sandboxes when a link that leads to their LAN gets carrier.

    What was announced before then, nobody heard: a machine that knew the address of another would go
    on asking that for half a minute. And a switch may have learned meanwhile that they are elsewhere.
    """

    def __init__(self, *, store: Store, wires: Wires, turns: Turns, background: Background) -> None:
        self._store, self._wires = store, wires
        self._turns, self._background = turns, background
        self._open: set[IfName] = set()
        self._is_announcing = False

    def heed(self, news: LinkNews) -> None:
        """Announce who is behind the links that have carrier now."""
        if all(network.ways_to_lan.isdisjoint(news.carrying) for network in self._store.networks()):
            return
        self._open |= news.carrying
        if not self._is_announcing:
            self._is_announcing = True
            self._background.begin("announcements", self._announce)

    async def _announce(self) -> None:
        try:
            while self._open:
                links, self._open = self._open, set()
                await self._announce_once(links)
                await asyncio.sleep(INTERVAL)
                await self._announce_once(links)
        finally:
            self._is_announcing = False

    async def _announce_once(self, links: Collection[IfName]) -> None:
        behind = [n.id for n in self._store.networks() if not n.ways_to_lan.isdisjoint(links)]
        members = {e.sandbox for n in behind for e in self._store.endpoints_of(n) if e.live}
        async with asyncio.TaskGroup() as group:  # nobody waits for one that is busy
            for sandbox_id in members:
                group.create_task(self._announce_one(sandbox_id, behind))

    async def _announce_one(self, sandbox_id: SandboxId, networks: Collection[NetworkId]) -> None:
        async with self._turns.take(sandbox_id):
            with suppress(NotFound):  # removed meanwhile
                await self._wires.announce(self._store.sandbox(sandbox_id), networks)
