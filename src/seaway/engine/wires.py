"""Changing how a sandbox hangs on its networks: in Linux, in the firewall, in the names."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from seaway.contracts import Kernel, Names, Store
from seaway.engine.drivers import Drivers
from seaway.engine.held_ports import HeldPorts
from seaway.engine.undo import Undo
from seaway.model.endpoint import Endpoint
from seaway.model.errors import KernelRefused
from seaway.model.ids import NetworkId
from seaway.model.sandbox import Sandbox
from seaway.plan.netns import NetnsPaths
from seaway.plan.operations import Announce, Attach, Operation
from seaway.plan.wiring import Attachment, Wiring, beyond, change_ops, view, wired
from seaway.plan.zone import holder


class Wires:
    """Brings a sandbox from one wiring (``plan.wiring``) to another; the caller holds its turn."""

    def __init__(
        self,
        *,
        store: Store,
        kernel: Kernel,
        names: Names,
        held_ports: HeldPorts,
        drivers: Drivers,
        paths: NetnsPaths,
    ) -> None:
        self._store, self._kernel, self._names = store, kernel, names
        self._held_ports, self._drivers, self._paths = held_ports, drivers, paths

    # What is

    def wiring(self, sandbox: Sandbox) -> Wiring:
        """How *sandbox* hangs now, by the store."""
        # the network of one that is not live may be gone
        live = (e for e in self._store.endpoints_of(sandbox.id) if e.live)
        return wired(sandbox, map(self.attachment, live))

    def attachment(self, endpoint: Endpoint) -> Attachment:
        """*endpoint* with its network."""
        return Attachment(network=self._store.network(endpoint.network), endpoint=endpoint)

    async def has_sysctl(self, path: str) -> bool:
        """Whether this kernel has the setting *path*; one that cannot be read is there."""
        try:
            return await self._kernel.sysctl(path) is not None
        except KernelRefused:
            return True

    def sharers(self, sandbox: Sandbox) -> list[Sandbox]:
        """Those that run in the namespace of *sandbox* (``--network container:NAME``)."""
        return [s for s in self._store.sandboxes() if s.shares == sandbox.id and s.running]

    # Changes

    async def lay(
        self, sandbox: Sandbox, before: Wiring, after: Wiring, *, first: Sequence[Operation] = ()
    ) -> None:
        """Make *sandbox* hang as *after*: all of it, or none.

        *first*: operations that run before these in the same batch. Names lead to an endpoint before
        its link comes up.
        """
        new = beyond(after, before)
        self.name(sandbox, new)
        try:
            await self._kernel.apply((*first, *self._ops(sandbox, before, after)))
        except BaseException:
            self.unname(new)
            raise

    def lay_undone(self, undo: Undo, sandbox: Sandbox, before: Wiring, after: Wiring) -> None:
        """Let *undo* take back what ``lay`` did."""
        undo.by(self.cut, sandbox, after, before)

    async def cut(
        self,
        sandbox: Sandbox,
        before: Wiring,
        after: Wiring,
        *,
        last: Sequence[Operation] = (),
        cut_streams: bool = False,
    ) -> None:
        """Take away what *after* lacks, going on after errors; raises an ExceptionGroup at the end."""
        self.unname(beyond(before, after))
        ops = self._ops(sandbox, before, after, cut_streams=cut_streams)
        await self._kernel.remove((*ops, *last))

    async def put_back(
        self, sandbox: Sandbox, before: Wiring, after: Wiring, *, first: Sequence[Operation] = ()
    ) -> None:
        """Let *sandbox* hang as *after* again, as it is promised: its ``cut`` came to nothing.

        What the cut left is taken away first, so that all is laid from the same beginning.
        """
        try:
            await self.cut(sandbox, after, before)
        finally:
            self._held_ports.put_back(sandbox, after)
            await self.lay(sandbox, before, after, first=first)

    def _ops(
        self, sandbox: Sandbox, before: Wiring, after: Wiring, *, cut_streams: bool = False
    ) -> tuple[Operation, ...]:
        netns = self._paths.bound(sandbox)
        return change_ops(before, after, netns, self._drivers, cut_streams=cut_streams)

    async def announce(self, sandbox: Sandbox, networks: Collection[NetworkId]) -> None:
        """Let the neighbours of *sandbox* on *networks* hear once more which addresses it has there."""
        if not sandbox.running or not sandbox.has_namespace:
            return
        netns = self._paths.bound(sandbox)
        on_them = [a for a in self.wiring(sandbox).attachments if a.network.id in networks]
        made = [op for a in on_them for op in self._drivers.endpoint_ops(None, a, netns)]
        await self._kernel.apply([Announce(what=op) for op in made if isinstance(op, Attach)])

    # Names

    def name(self, sandbox: Sandbox, attachments: Sequence[Attachment]) -> None:
        """Let the names of *sandbox* lead to these endpoints."""
        for attachment in attachments:
            self._names.join(attachment.network.id, holder(sandbox, attachment.endpoint))

    def unname(self, attachments: Sequence[Attachment]) -> None:
        """Let no name lead to these endpoints."""
        for attachment in attachments:
            self._names.leave(attachment.network.id, attachment.endpoint.id)

    def show(self, sandbox: Sandbox) -> None:
        """Let *sandbox* see the names of the networks it is on now."""
        self._names.show(sandbox.id, view(sandbox, self.wiring(sandbox)))

    async def open_names(self, sandbox: Sandbox, wiring: Wiring) -> None:
        """Start answering *sandbox*."""
        if sandbox.has_networks:
            path = self._paths.bound(sandbox)
            await self._names.open(sandbox.id, path, view(sandbox, wiring))

    async def close_names(self, sandbox: Sandbox) -> None:
        """Stop answering *sandbox*."""
        await self._names.close(sandbox.id)
