"""Networks on a link of the host that comes late, or goes and returns: they come up by themselves."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import suppress

from seaway.contracts import Kernel, Store
from seaway.engine.announcing import Announcing
from seaway.engine.background import Background
from seaway.engine.mending import Mending
from seaway.engine.turns import Turns
from seaway.model.errors import EngineError, NotFound
from seaway.model.ids import SandboxId
from seaway.model.network import Network
from seaway.model.observed import LinkNews

log = logging.getLogger(__name__)

RETRIES = (1, 5, 30)
"""Seconds until what was refused is tried again."""


class Parents:
    """Watches the links of the host for the sake of networks that are on them."""

    def __init__(
        self,
        *,
        store: Store,
        kernel: Kernel,
        mending: Mending,
        announcing: Announcing,
        turns: Turns,
        background: Background,
    ) -> None:
        self._store, self._kernel, self._mending = store, kernel, mending
        self._announcing = announcing
        self._turns, self._background = turns, background
        self._news, self._is_mending = asyncio.Event(), False

    async def watch(self) -> None:
        """From now on mend what returns; nothing is watched as long as no network is on such a link."""
        if any(self._networks()):
            await self._kernel.watch_links(self._changed)

    def _networks(self) -> Iterator[Network]:
        return (n for n in self._store.networks() if _is_watched(n))

    def _changed(self, news: LinkNews) -> None:
        """Mend for what came, and for a link of ours that somebody took; announce who is behind what carries."""
        self._announcing.heed(news)
        networks = tuple(self._networks())
        theirs = {name for n in networks for name in n.foreign_links}
        ours = {name for n in networks for name in n.host_links}
        if news.came.isdisjoint(theirs) and news.went.isdisjoint(ours):
            return
        self._news.set()
        if not self._is_mending:
            self._is_mending = True
            self._background.begin("links of the host", self._mend)

    async def _mend(self) -> None:
        delays = iter(RETRIES)
        try:
            while self._news.is_set():
                self._news.clear()
                if await self._is_left_undone() and (seconds := next(delays, None)) is not None:
                    await self._wait(seconds)
        finally:
            self._is_mending = False

    async def _is_left_undone(self) -> bool:
        """Mend; whether something is still to be done."""
        try:
            await self._mend_once()
        except EngineError as error:
            log.warning("what returned could not be looked at", extra={"reason": str(error)})
            return True
        return self._is_wanting()

    async def _wait(self, seconds: float) -> None:
        """Wait so long, or until there is news, to try again."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()
        self._news.set()

    def _is_wanting(self) -> bool:
        """Whether anything that is on a parent could not be made whole."""
        ends = [e for n in self._networks() for e in self._store.endpoints_of(n.id) if e.live]
        ids = {n.id for n in self._networks()} | {e.sandbox for e in ends}
        return not ids.isdisjoint(self._mending.not_whole)

    async def _mend_once(self) -> None:
        networks = tuple(self._networks())
        for network in networks:
            async with self._turns.take(network.id):
                if any(n.id == network.id for n in self._store.networks()):
                    await self._mending.network(self._store.network(network.id))
        members = {e.sandbox for n in networks for e in self._store.endpoints_of(n.id) if e.live}
        for sandbox_id in sorted(members):
            await self._mend_sandbox(sandbox_id)

    async def _mend_sandbox(self, sandbox_id: SandboxId) -> None:
        async with self._turns.take(sandbox_id):
            try:
                sandbox = self._store.sandbox(sandbox_id)
            except NotFound:
                return  # removed meanwhile
            if sandbox.running and sandbox.has_namespace:
                await self._mending.sandbox(sandbox, await self._mending.seen())


def _is_watched(network: Network) -> bool:
    """Whether *network* has anything to do with links of somebody else's, or shares one of ours."""
    options = network.options
    return any((options.parent, options.switch, options.uplink))
