"""From one wiring of a sandbox to another: in Linux, in the firewall, in the names, in the host's ports."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from seaway.contracts import Hold, HostPorts, Kernel, Names, Store
from seaway.engine.drivers import Drivers
from seaway.engine.undo import Undo
from seaway.model.endpoint import Endpoint
from seaway.model.errors import EngineError, Exhausted, PortTaken
from seaway.model.ids import NetworkId
from seaway.model.port import PublishedPort, counterparts
from seaway.model.sandbox import Sandbox
from seaway.plan.firewall import Attachment
from seaway.plan.operations import (
    BindNetns,
    CreateNetns,
    DeleteNetns,
    LeaveNames,
    NameNetns,
    Operation,
    RedirectNames,
    UnnameNetns,
)
from seaway.plan.wiring import VERSIONS, Wiring, change_ops, default_attachment
from seaway.plan.zone import LISTEN_PORT, Holder, Upstream, View

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetnsPaths:
    """Where the namespaces of sandboxes are bound."""

    run_dir: Path

    @property
    def bound_dir(self) -> Path:
        """Where the files are that keep the namespaces."""
        return self.run_dir / "ns"

    @property
    def named_dir(self) -> Path:
        """Where the links are that people use."""
        return self.run_dir / "netns"

    def bound(self, sandbox: Sandbox) -> Path:
        """The file that keeps the namespace."""
        return self.bound_dir / sandbox.id

    def named(self, name: str) -> Path:
        """The link that people use."""
        return self.named_dir / name

    def of_process(self, pid: int) -> Path:
        """The namespace in which a process is."""
        return Path(f"/proc/{pid}/ns/net")


class Wires:
    """Applies wirings; who calls it holds the sandbox's turn."""

    def __init__(
        self,
        *,
        store: Store,
        kernel: Kernel,
        names: Names,
        host_ports: HostPorts,
        drivers: Drivers,
        paths: NetnsPaths,
    ) -> None:
        self._store, self._kernel, self._names = store, kernel, names
        self._host_ports, self._drivers, self._paths = host_ports, drivers, paths

    # What is

    def wiring(self, sandbox: Sandbox) -> Wiring:
        """How *sandbox* hangs now, by the store."""
        return Wiring(
            attachments=tuple(
                self.attachment(e)
                for e in self._store.endpoints_of(sandbox.id)
                if e.live and e.place is not None
            ),
            ports=sandbox.status.published,
        )

    def wiring_without(self, sandbox: Sandbox, endpoint: Endpoint) -> Wiring:
        """How *sandbox* hangs now but for *endpoint*, which is claimed and not attached yet."""
        return without_network(self.wiring(sandbox), endpoint.network)

    def attachment(self, endpoint: Endpoint) -> Attachment:
        """*endpoint* with its network."""
        return Attachment(network=self._store.network(endpoint.network), endpoint=endpoint)

    def view(self, sandbox: Sandbox, wiring: Wiring) -> View:
        """Whose names *sandbox* sees when it hangs so, and whom it may ask for others."""
        return View(
            networks=tuple(a.network.id for a in wiring.attachments),
            forwards=any(not a.network.internal for a in wiring.attachments),
            upstreams=tuple(Upstream(address=a, from_host=False) for a in sandbox.dns.servers)
            or None,
        )

    # Namespaces

    def namespace_ops(self, sandbox: Sandbox) -> tuple[Operation, ...]:
        """What makes the namespace of *sandbox*."""
        path = self._paths.bound(sandbox)
        make: Operation = (
            BindNetns(path=path, source=sandbox.adopted_from)
            if sandbox.adopted_from is not None
            else CreateNetns(path=path)
        )
        name = self.name_op(sandbox)
        if not sandbox.has_networks:
            return (make, name)
        return (make, name, RedirectNames(netns=path, port=LISTEN_PORT))

    def no_namespace_ops(self, sandbox: Sandbox) -> tuple[Operation, ...]:
        """What takes it away again."""
        return (self.unname_op(sandbox), *self.let_go_ops(sandbox))

    def let_go_ops(self, sandbox: Sandbox) -> tuple[Operation, ...]:
        """What lets go of the namespace itself; one that is somebody else's is left as it was."""
        path = self._paths.bound(sandbox)
        leave = (LeaveNames(netns=path),) if sandbox.adopted_from is not None else ()
        return (*leave, DeleteNetns(path=path))

    def name_op(self, sandbox: Sandbox) -> Operation:
        """What lets people find the namespace by the sandbox's name."""
        return NameNetns(name=self._paths.named(sandbox.name), path=self._paths.bound(sandbox))

    def unname_op(self, sandbox: Sandbox) -> Operation:
        """What takes that name away."""
        return UnnameNetns(name=self._paths.named(sandbox.name))

    def rename_ops(self, before: Sandbox, after: Sandbox) -> tuple[Operation, ...]:
        """What lets people find the namespace under the new name, and no longer under the old."""
        return (self.name_op(after), self.unname_op(before))

    # Changes

    async def lay(
        self, sandbox: Sandbox, before: Wiring, after: Wiring, *, first: Sequence[Operation] = ()
    ) -> None:
        """Make *sandbox* hang as *after*: all of it, or none. *first* is done before, and undone.

        Names lead to an endpoint before its link comes up.
        """
        new = _beyond(after, before)
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
        self.unname(_beyond(before, after))
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
            self.hold(sandbox, after, Undo())
            await self.lay(sandbox, before, after, first=first)

    def _ops(
        self, sandbox: Sandbox, before: Wiring, after: Wiring, *, cut_streams: bool = False
    ) -> tuple[Operation, ...]:
        netns = self._paths.bound(sandbox)
        return change_ops(before, after, netns, self._drivers, cut_streams=cut_streams)

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
        self._names.show(sandbox.id, self.view(sandbox, self.wiring(sandbox)))

    async def open_names(self, sandbox: Sandbox, wiring: Wiring) -> None:
        """Start answering *sandbox*."""
        if sandbox.has_networks:
            view = self.view(sandbox, wiring)
            await self._names.open(sandbox.id, self._paths.bound(sandbox), view)

    async def close_names(self, sandbox: Sandbox) -> None:
        """Stop answering *sandbox*."""
        await self._names.close(sandbox.id)

    # Host ports

    def hold(self, sandbox: Sandbox, wiring: Wiring, undo: Undo) -> Wiring:
        """Hold the host's ports that *sandbox* publishes when it hangs so; gives the wiring with them.

        Those are the ports of *wiring*, and each that was asked for and waits for a way out. Without
        one (no network that leads outside) none is held, as none is published.
        Raises PortTaken, Exhausted; *undo* lets go of those that were not held before.
        """
        ports = bound((*wiring.ports, *_waiting(sandbox, wiring)), wiring)
        held = self.hold_ports(sandbox, ports, wiring, undo)
        return Wiring(attachments=wiring.attachments, ports=held)

    def hold_ports(
        self,
        sandbox: Sandbox,
        ports: Sequence[PublishedPort],
        wiring: Wiring,
        undo: Undo,
    ) -> tuple[PublishedPort, ...]:
        """The same of *ports* alone, whatever else *sandbox* publishes; gives them as they are held."""
        versions = ways_out(wiring)
        if not ports or not versions:
            return ()
        taken = self._host_ports.hold(sandbox.id, ports, versions)
        undo.by(self._host_ports.let_go, sandbox.id, taken.new)
        return taken.ports

    def let_go(self, sandbox: Sandbox, wiring: Wiring) -> Wiring:
        """Let go of the host's ports of *sandbox* in families without a way out; gives the wiring."""
        versions = ways_out(wiring)
        held = self._host_ports.held(sandbox.id)
        lost = {h: gone for h, f in held.items() if (gone := f - frozenset(versions))}
        if lost:
            self._host_ports.let_go(sandbox.id, lost)
        return wiring if versions else Wiring(attachments=wiring.attachments)

    def unheld(self, sandbox: Sandbox) -> tuple[PublishedPort, ...]:
        """The ports that lead to *sandbox* and are not held: taken while no daemon held them."""
        held = self._host_ports.held(sandbox.id)
        missing = [p for p in sandbox.status.published if hold_of(p) not in held]
        versions = ways_out(self.wiring(sandbox)) if missing else ()
        return tuple(p for p in missing if any(p.is_on(v) for v in versions))

    def hold_again(self, sandbox: Sandbox) -> tuple[tuple[PublishedPort, EngineError], ...]:
        """Hold each unheld port of *sandbox* that can be held; gives the others, with the reason."""
        versions = ways_out(self.wiring(sandbox))
        missing = self.unheld(sandbox)
        # all at once first: most are free, and there may be thousands
        if not missing or self._refusal(sandbox, missing, versions) is None:
            return ()
        tried = ((p, self._refusal(sandbox, [p], versions)) for p in missing)
        return tuple((port, error) for port, error in tried if error is not None)

    def _refusal(
        self, sandbox: Sandbox, ports: Sequence[PublishedPort], versions: Sequence[int]
    ) -> EngineError | None:
        """Hold all of *ports*, or none: then why not."""
        try:
            self._host_ports.hold(sandbox.id, ports, versions)
        except (PortTaken, Exhausted) as error:
            return error
        return None


def hold_of(port: PublishedPort) -> Hold:
    """What of the host is held for *port*."""
    return Hold(port.proto, port.host, port.host_port, port.count, port.port)


def ways_out(wiring: Wiring) -> tuple[int, ...]:
    """The families in which a sandbox that hangs so reaches the outside, and is reached."""
    return tuple(v for v in VERSIONS if default_attachment(wiring, v) is not None)


def _waiting(sandbox: Sandbox, wiring: Wiring) -> list[PublishedPort]:
    """What *sandbox* asked for and *wiring* does not publish."""
    wanted = sandbox.wanted_ports
    met = counterparts(wanted, wiring.ports)
    return [p for p in wanted if p not in met]


def bound(ports: Sequence[PublishedPort], wiring: Wiring) -> tuple[PublishedPort, ...]:
    """*ports*, those without a host address at the one that their network prefers, if it does."""
    attachment = default_attachment(wiring, 4)
    host = attachment.network.options.host_binding if attachment is not None else None
    return tuple(replace(p, host=host) if host and p.host is None else p for p in ports)


def published(sandbox: Sandbox, wiring: Wiring) -> tuple[Sandbox, ...]:
    """*sandbox* as it is to be kept when it hangs so; nothing when its ports are as they were."""
    if wiring.ports == sandbox.status.published:
        return ()
    return (replace(sandbox, status=replace(sandbox.status, published=wiring.ports)),)


def holder(sandbox: Sandbox, endpoint: Endpoint) -> Holder:
    """*endpoint* as the name service sees it."""
    assert endpoint.place is not None
    names = (sandbox.name, *endpoint.wish.aliases, sandbox.short_id, sandbox.hostname)
    return Holder(
        endpoint=endpoint.id,
        name=sandbox.name,
        names=tuple(dict.fromkeys(name for name in names if name)),
        addresses=tuple(a.ip for a in endpoint.place.addresses),
    )


def _beyond(one: Wiring, other: Wiring) -> list[Attachment]:
    """The attachments of *one* that *other* lacks."""
    there = {a.endpoint.id for a in other.attachments}
    return [a for a in one.attachments if a.endpoint.id not in there]


def with_network(wiring: Wiring, attachment: Attachment) -> Wiring:
    """*wiring* with one attachment more."""
    return Wiring(attachments=(*wiring.attachments, attachment), ports=wiring.ports)


def without_network(wiring: Wiring, network: NetworkId) -> Wiring:
    """*wiring* without the attachment to *network*."""
    kept = tuple(a for a in wiring.attachments if a.network.id != network)
    return Wiring(attachments=kept, ports=wiring.ports)
