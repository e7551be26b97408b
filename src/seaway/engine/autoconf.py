"""IPv6 addresses that Linux makes inside sandboxes by what the LAN's routers advertise: read back, and kept."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import partial

from seaway.contracts import Kernel, Store
from seaway.engine.background import Background
from seaway.engine.readdressing import Readdressing
from seaway.engine.wires import Wires
from seaway.model.errors import KernelRefused, NotFound
from seaway.model.ids import SandboxId
from seaway.model.sandbox import Sandbox
from seaway.plan.leased import autoconfigured
from seaway.plan.netns import NetnsPaths
from seaway.plan.wiring import Attachment

log = logging.getLogger(__name__)


class Autoconf:
    """Follows the addresses of endpoints to which routers give some; they come a second or two after the link.

    They are Linux's own: nothing here sets or deletes one.
    """

    def __init__(
        self,
        *,
        store: Store,
        kernel: Kernel,
        wires: Wires,
        readdressing: Readdressing,
        background: Background,
        paths: NetnsPaths,
    ) -> None:
        self._store, self._kernel, self._wires = store, kernel, wires
        self._readdressing, self._background, self._paths = readdressing, background, paths
        self._unread: set[SandboxId] = set()
        self._reading: set[SandboxId] = set()

    async def follow(self, sandbox: Sandbox, attachments: Iterable[Attachment]) -> None:
        """From now on follow those of *attachments*, and of nothing else of *sandbox*.

        What cannot be watched is told, and is read once.
        """
        netns = self._paths.bound(sandbox)
        if not any(a.network.autoconf for a in attachments):
            self._kernel.stop_watching(netns)
            return
        changed = partial(self._changed, sandbox)
        try:
            await self._kernel.watch_addresses(netns, changed)
        except KernelRefused as error:
            facts = {"sandbox": sandbox.name, "reason": str(error)}
            log.warning("addresses are not watched", extra=facts)
        changed()  # what is there already

    def _changed(self, sandbox: Sandbox) -> None:
        self._unread.add(sandbox.id)
        if sandbox.id not in self._reading:
            self._reading.add(sandbox.id)
            self._background.begin(f"addresses of {sandbox.name}", lambda: self._read(sandbox))

    async def _read(self, sandbox: Sandbox) -> None:
        try:
            while sandbox.id in self._unread:
                self._unread.remove(sandbox.id)
                await self._read_once(sandbox)
        except (KernelRefused, NotFound) as error:  # it is on its way out
            facts = {"sandbox": sandbox.name, "reason": str(error)}
            log.info("addresses are not read any more", extra=facts)
        finally:
            self._reading.discard(sandbox.id)

    async def _read_once(self, sandbox: Sandbox) -> None:
        links = await self._kernel.links_inside(self._paths.bound(sandbox))
        for attachment in self._wires.wiring(self._store.sandbox(sandbox.id)).attachments:
            if attachment.network.autoconf:
                link = links.get(attachment.place.ifname)
                found = link.autoconfigured if link is not None else ()
                changed = partial(autoconfigured, made=found)
                await self._readdressing.change(sandbox.id, attachment.endpoint.id, changed)
