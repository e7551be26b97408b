"""Links that somebody else made: what they were like is kept, so that they are left as they were."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace

from seaway.contracts import Kernel, Store
from seaway.model.errors import EngineError
from seaway.model.network import Network
from seaway.model.options import BridgeOptions
from seaway.plan.adoption import SETTINGS, kept_release, kept_text, release_key, release_ops
from seaway.plan.operations import Release

log = logging.getLogger(__name__)

KEPT = "foreign "
"""How the names begin of the facts in which the store keeps how a link is left again."""


class Adoptions:
    """Remembers adopted links beyond a kill, from before they are changed until they are left."""

    def __init__(self, *, store: Store, kernel: Kernel) -> None:
        self._store, self._kernel = store, kernel

    async def surveyed(self, network: Network) -> Network:
        """*network* knowing the kernel settings that its adopted bridge has now."""
        options = network.options
        if options.adopted is None:
            return network
        assert isinstance(options, BridgeOptions)  # none but bridges are adopted
        found = await self._settings(str(options.bridge))
        adopted = replace(options.adopted, settings=tuple(found.items()))
        return replace(network, options=replace(options, adopted=adopted))

    async def _settings(self, bridge: str) -> Mapping[str, str]:
        values = [(p, await self._kernel.sysctl(p)) for p in (s.format(bridge) for s in SETTINGS)]
        return {path: value for path, value in values if value is not None}

    async def remember(self, network: Network) -> None:
        """Keep how what *network* uses is left; before anything about it is changed."""
        for release in release_ops(network):
            await self._store.keep_fact(KEPT + release_key(release), kept_text(release))

    async def forget(self, network: Network) -> None:
        """What *network* used is as it was, but for what other networks use.

        A fact that cannot be forgotten has the next start leave it once more.
        """
        for release in release_ops(network, self._store.networks()):
            try:
                await self._store.keep_fact(KEPT + release_key(release), None)
            except EngineError as error:
                facts = {"link": release_key(release), "reason": str(error)}
                log.warning("it is not noted that a link was left", extra=facts)

    async def leave(self, network: Network) -> None:
        """Leave what *network* alone uses as it was, and remember that as for a network as it is now."""
        for release in release_ops(network, self._store.networks()):
            text = self._store.fact(KEPT + release_key(release))
            if text is not None:
                await self._leave(kept_release(text))
        await self.remember(network)

    async def leave_abandoned(self) -> None:
        """Leave what no network uses: the last daemon ended while it adopted or left it."""
        used = {KEPT + release_key(r) for n in self._store.networks() for r in release_ops(n)}
        for name, text in self._store.facts(KEPT).items():
            if name not in used and await self._leave(kept_release(text)):
                await self._store.keep_fact(name, None)

    async def _leave(self, release: Release) -> bool:
        """Whether it is as it was; told in the log where it is not."""
        is_left = True
        try:
            await self._kernel.remove([release])
        except* EngineError as errors:
            facts = {"link": release_key(release), "reason": str(errors.exceptions)}
            log.warning("a link could not be left as it was", extra=facts)
            is_left = False
        return is_left
