"""Take every trace of Seaway off the host."""

from __future__ import annotations

import logging

from seaway.contracts import Kernel, Store
from seaway.engine.forwarding import Forwarding
from seaway.engine.networks import Networks
from seaway.engine.sandboxes import Sandboxes
from seaway.model.errors import EngineError
from seaway.plan.firewall import NO_RULES

log = logging.getLogger(__name__)


class Purge:
    """The opposite of everything."""

    def __init__(
        self,
        *,
        store: Store,
        kernel: Kernel,
        networks: Networks,
        sandboxes: Sandboxes,
        forwarding: Forwarding,
    ) -> None:
        self._store, self._kernel = store, kernel
        self._networks, self._sandboxes, self._forwarding = networks, sandboxes, forwarding

    async def everything(self) -> tuple[str, ...]:
        """Remove sandboxes, networks and rules, and set the host's sysctls as they were.

        Goes on after errors; gives what was removed, and what could not be, in words.
        """
        done: list[str] = []
        for sandbox in tuple(self._store.sandboxes()):
            try:
                await self._sandboxes.remove(sandbox.id, force=True)
                done.append(f"removed sandbox {sandbox.name}")
            except* EngineError as errors:
                done.append(f"sandbox {sandbox.name} could not be removed: {errors.exceptions[0]}")
        for network in tuple(self._store.networks()):
            try:
                await self._networks.take_away(network)
                done.append(f"removed network {network.name}")
            except* EngineError as errors:
                done.append(f"network {network.name} could not be removed: {errors.exceptions[0]}")
        await self._kernel.replace_rules(NO_RULES)
        done.append("removed tables inet seaway and bridge seaway")
        done += await self._forwarding.put_back()
        log.info("purged", extra={"removed": len(done)})
        return tuple(done)
