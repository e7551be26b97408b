"""Networks that are in the middle of a change, told by facts that outlive the daemon."""

from __future__ import annotations

import logging

from seaway.contracts import Store
from seaway.model.errors import EngineError
from seaway.model.network import Network

log = logging.getLogger(__name__)

KEPT = "changing network "
"""Begins the fact that a network is in the middle of a change; its id follows."""


class Changing:
    """Remembers which networks change: one that still does at a start has some of the new and some of the old."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __contains__(self, network: Network) -> bool:
        return self._store.fact(KEPT + network.id) is not None

    async def begin(self, network: Network) -> None:
        """From now on, until ``end``, links of *network* may be half changed."""
        await self._store.keep_fact(KEPT + network.id, network.name)

    async def end_all(self) -> None:
        """All is whole, and what is noted of networks that are gone means nothing any more."""
        for fact in self._store.facts(KEPT):
            await self._store.keep_fact(fact, None)

    async def end(self, network: Network) -> None:
        """*network* and all on it are whole; a fact that stays has the next start make links anew."""
        if network not in self:
            return
        try:
            await self._store.keep_fact(KEPT + network.id, None)
        except EngineError as error:
            facts = {"network": network.name, "reason": str(error)}
            log.warning("it is not noted that a change is over", extra=facts)
