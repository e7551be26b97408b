"""Giving other addresses to an endpoint that is up."""

from __future__ import annotations

import logging
from collections.abc import Callable

from seaway.contracts import Store
from seaway.engine.files import Files
from seaway.engine.turns import Turns
from seaway.engine.undo import Undo
from seaway.engine.wires import Wires
from seaway.model.endpoint import Endpoint
from seaway.model.ids import EndpointId, SandboxId
from seaway.plan.wiring import with_endpoint

log = logging.getLogger(__name__)


class Readdressing:
    """What happens when the LAN gives an endpoint something else than before, which nobody asked us for."""

    def __init__(self, *, store: Store, wires: Wires, files: Files, turns: Turns) -> None:
        self._store, self._wires, self._files, self._turns = store, wires, files, turns

    async def change(
        self,
        sandbox_id: SandboxId,
        endpoint_id: EndpointId,
        changed: Callable[[Endpoint], Endpoint],
    ) -> None:
        """Make of an endpoint what *changed* makes of it; one that is gone, or was that before, stays so.

        Links, routes, names and files follow. Raises KernelRefused, AddressTaken.
        """
        async with self._turns.take(sandbox_id):
            sandbox = self._store.sandbox(sandbox_id)
            before = self._wires.wiring(sandbox)
            there = {a.endpoint.id: a.endpoint for a in before.attachments}
            if endpoint_id not in there:
                return  # it was disconnected meanwhile
            endpoint = changed(there[endpoint_id])
            if endpoint == there[endpoint_id]:
                return
            after = with_endpoint(before, endpoint)
            async with Undo() as undo:
                await self._store.claim(endpoint)
                undo.by(self._store.release, endpoint.id)
                await self._wires.lay(sandbox, before, after)
                undo.by(self._wires.lay, sandbox, after, before)
                await self._store.commit(put=[endpoint])
            self._wires.name(sandbox, [self._wires.attachment(endpoint)])
            self._wires.show(sandbox)
            await self._files.refresh(sandbox)
        assert endpoint.place is not None
        shown = ", ".join(str(a) for a in endpoint.place.interfaces) or "none"
        facts = {"sandbox": sandbox.name, "interface": endpoint.place.ifname, "addresses": shown}
        log.info("what the LAN gave is taken over", extra=facts)
