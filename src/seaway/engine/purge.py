"""Removing every trace of Seaway from the host."""

from __future__ import annotations

import logging
from collections.abc import Awaitable

from seaway.contracts import Kernel, Store
from seaway.engine.forwarding import Forwarding
from seaway.engine.gate import Gate
from seaway.engine.networks import Networks
from seaway.engine.sandboxes import Sandboxes
from seaway.model.errors import EngineError, Unavailable

log = logging.getLogger(__name__)


class Purge:
    """Removes all that Seaway made, and sets the host's sysctls as they were."""

    def __init__(
        self,
        *,
        store: Store,
        kernel: Kernel,
        networks: Networks,
        sandboxes: Sandboxes,
        forwarding: Forwarding,
        gate: Gate,
    ) -> None:
        self._store, self._kernel = store, kernel
        self._networks, self._sandboxes = networks, sandboxes
        self._forwarding, self._gate = forwarding, gate

    async def everything(self) -> tuple[str, ...]:
        """Remove sandboxes, networks and rules, and set the host's sysctls as they were.

        Gives what was done, in words. Goes on after errors; what could not be removed keeps its rules
        and its record, so that a second purge knows of it: raises Unavailable, which names it all.
        Nothing new is made meanwhile, nor after it.
        """
        self._gate.close()
        done: list[str] = []
        left: list[str] = []
        for sandbox in tuple(self._store.sandboxes()):
            what = f"sandbox {sandbox.name}"
            await _tell(done, left, what, self._sandboxes.remove(sandbox.id, force=True))
        in_order = sorted(self._store.networks(), key=lambda n: n.config is not None)
        for network in in_order:  # configurations go after what was made from them
            what = f"network {network.name}"
            await _tell(done, left, what, self._networks.take_away(network))
        if left:
            self._gate.open()
            raise Unavailable("not everything could be removed; purge again: " + "; ".join(left))
        await self._kernel.remove_rules()
        done.append("removed tables inet seaway and bridge seaway")
        done += await self._forwarding.put_back()
        log.info("purged", extra={"removed": len(done)})
        return tuple(done)


async def _tell(done: list[str], left: list[str], what: str, removal: Awaitable[None]) -> None:
    """Wait for *removal*, and say how it went."""
    try:
        await removal
        done.append(f"removed {what}")
    except* EngineError as errors:
        left.append(f"{what} ({errors.exceptions[0]})")
