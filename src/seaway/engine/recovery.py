"""The start of the daemon: make Linux what the store wants, whatever happened to the last daemon."""

from __future__ import annotations

import logging
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from seaway.contracts import UNKNOWN_EXIT, Exit, Kernel, LinkState, Runtime, Store
from seaway.engine.adoptions import Adoptions
from seaway.engine.background import Background
from seaway.engine.drivers import Drivers
from seaway.engine.forwarding import Forwarding
from seaway.engine.held_ports import HeldPorts
from seaway.engine.network_names import NetworkNames
from seaway.engine.network_updates import CHANGING
from seaway.engine.sandboxes import Sandboxes
from seaway.engine.wires import Wires
from seaway.model.errors import EngineError, Unavailable
from seaway.model.ids import IfName, SandboxId
from seaway.model.network import Network
from seaway.model.sandbox import Sandbox
from seaway.plan.elements import Elements
from seaway.plan.firewall import network_elements, ruleset
from seaway.plan.netns import NetnsPaths, name_op, namespace_ops, no_namespace_ops, of_process
from seaway.plan.operations import (
    DOOMED_GROUP,
    DeleteLink,
    ForgetAddress,
    Operation,
)
from seaway.plan.reconcile import (
    leftover_links,
    leftover_namespaces,
    mending_ops,
    missing_ops,
)
from seaway.plan.wiring import VERSIONS, Wiring, elements

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What Linux has once the networks are mended; read once, for all sandboxes."""

    masters: Mapping[IfName, IfName | None]
    """The links that carry traffic, with the bridge they are on."""
    bound: Mapping[Path, bool]
    named: Mapping[Path, bool]


class Recovery:
    """What the daemon does at its start, before it answers anybody."""

    def __init__(
        self,
        *,
        store: Store,
        kernel: Kernel,
        network_names: NetworkNames,
        runtime: Runtime,
        drivers: Drivers,
        held_ports: HeldPorts,
        wires: Wires,
        sandboxes: Sandboxes,
        forwarding: Forwarding,
        adoptions: Adoptions,
        paths: NetnsPaths,
        background: Background,
    ) -> None:
        self._store, self._kernel, self._runtime = store, kernel, runtime
        self._network_names, self._held_ports = network_names, held_ports
        self._drivers, self._wires, self._sandboxes = drivers, wires, sandboxes
        self._forwarding, self._paths, self._background = forwarding, paths, background
        self._adoptions = adoptions
        self.not_whole: dict[str, str] = {}
        """Networks and sandboxes, by id, that could not be made whole, in words."""

    async def restore(self) -> None:
        """Finish or remove what is half done, and serve again what runs; no packet is lost."""
        changes = await self._forwarding.plan()
        rules = ruleset(forwarding_is_ours=self._forwarding.ours)
        await self._kernel.replace_rules(rules, self._elements())
        await self._forwarding.turn_on(changes)
        ended = self._ended()
        self._hold_ports([s for s in self._running() if s.id not in ended])
        await self._adoptions.leave_abandoned()
        await self._sweep()
        await self._mend_networks()
        seen = await self._seen()
        for sandbox in self._running():
            if (exit_ := ended.get(sandbox.id)) is not None:
                await self._end(sandbox, exit_)
            else:
                await self._serve(sandbox, seen)
        for fact in self._store.facts(CHANGING):
            await self._store.keep_fact(fact, None)
        await self._remove_ended()
        await self._forget_flows()
        log.info("restored", extra={"sandboxes": len(self._running())})

    async def _end(self, sandbox: Sandbox, ended: Exit) -> None:
        """Note the end of a process; what cannot be noted now is tried again aside."""
        with self._noting(sandbox.id, f"sandbox {sandbox.name}"):
            await self._sandboxes.end(sandbox, ended)
        if self._store.sandbox(sandbox.id).running:
            self._watch(sandbox)

    def _watch(self, sandbox: Sandbox) -> None:
        self._background.begin(f"exit of {sandbox.name}", lambda: self._sandboxes.watch(sandbox.id))

    def _elements(self) -> Elements:
        networks = (network_elements(n) for n in self._store.networks())
        sandboxes = (elements(self._wires.wiring(s)) for s in self._running())
        return frozenset[object]().union(*networks, *sandboxes)  # type: ignore[return-value]

    def _running(self) -> list[Sandbox]:
        return [s for s in self._store.sandboxes() if s.running]

    def _ended(self) -> dict[SandboxId, Exit]:
        """The processes that ended while the daemon was away."""
        found: dict[SandboxId, Exit] = {}
        for sandbox in self._running():
            if sandbox.process is None or self._runtime.pid(sandbox.id) is not None:
                continue
            known = self._runtime.exit(sandbox.id)
            found[sandbox.id] = known or Exit(code=UNKNOWN_EXIT, finished=sandbox.status.started)
        return found

    def _hold_ports(self, sandboxes: list[Sandbox]) -> None:
        """Hold what can be held; the rest leads to its sandbox all the same, and is told."""
        for sandbox in sandboxes:
            for _, error in self._held_ports.hold_again(sandbox, self._wires.wiring(sandbox)):
                log.warning("port lost", extra={"sandbox": sandbox.name, "reason": str(error)})

    async def _sweep(self) -> None:
        """Take away what no record explains: processes first, then namespaces, then links."""
        running = {s.id for s in self._running()}
        for sandbox_id in await self._runtime.known():
            lives = self._runtime.pid(sandbox_id) is not None
            known = self._is_known(sandbox_id)
            if not known or (lives and sandbox_id not in running):
                with self._noting(sandbox_id, f"what is left of container {sandbox_id[:12]}"):
                    await self._runtime.remove(sandbox_id, keep_log=known)
        observed = await self._kernel.observe()
        groups = {name: link.group for name, link in observed.links.items()}
        wirings = [self._wires.wiring(s) for s in self._running()]
        operations = (
            *await self._leftover_namespaces(),
            *leftover_links(groups, self._store.networks(), wirings),
        )
        await self._removed(operations)

    async def _leftover_namespaces(self) -> tuple[Operation, ...]:
        wanted = {
            self._paths.named(s.name): self._paths.bound(s)
            for s in self._running()
            if s.has_namespace
        }
        bound = await self._kernel.bound(self._paths.bound_dir)
        named = await self._kernel.bound(self._paths.named_dir)
        return leftover_namespaces(tuple(bound), tuple(named), wanted)

    def _is_known(self, sandbox: SandboxId) -> bool:
        return any(s.id == sandbox for s in self._store.sandboxes())

    async def _removed(self, operations: tuple[Operation, ...]) -> None:
        if operations:
            log.info("removing what is left over", extra={"operations": len(operations)})
            await self._remove(operations)

    async def _remove(self, operations: Sequence[Operation]) -> None:
        """Carry out *operations* of removal; what is refused is told."""
        try:
            await self._kernel.remove(operations)
        except* EngineError as errors:
            log.warning("something is left over", extra={"reason": str(errors.exceptions)})

    async def _mend_networks(self) -> None:
        links = (await self._kernel.observe()).links
        changing = self._store.facts(CHANGING)
        broken = [
            name
            for n in self._store.networks()
            if (name := _broken_bridge(n, links, changing=CHANGING + n.id in changing))
        ]
        adopted = {n.options.bridge for n in self._store.networks() if n.options.adopted}
        await self._removed(tuple(DeleteLink(name=n) for n in broken if n not in adopted))
        for network in self._store.networks():
            if CHANGING + network.id in changing:
                await self._adoptions.leave(network)
        links = {name: link for name, link in links.items() if name not in broken}
        for network in self._store.networks():
            make = self._drivers.make_ops(network)
            if missing := missing_ops(make, links):
                log.info("network made again", extra={"network": network.name})
                with self._noting(network.id, f"network {network.name}"):
                    await self._kernel.apply(missing)
            await self._network_names.begin(network)

    @contextmanager
    def _noting(self, an_id: str, what: str) -> Generator[None]:
        """What cannot be made whole is told, and does not keep the rest from being served."""
        try:
            yield
        except EngineError as error:
            self.not_whole[an_id] = f"{what} could not be made whole at the start: {error}"
            log.warning("not whole", extra={"object": what, "reason": str(error)})

    async def _seen(self) -> _Seen:
        links = (await self._kernel.observe()).links
        return _Seen(
            masters=_masters({n: k for n, k in links.items() if n not in self._half_changed()}),
            bound=await self._kernel.bound(self._paths.bound_dir),
            named=await self._kernel.bound(self._paths.named_dir),
        )

    def _half_changed(self) -> set[IfName]:
        """The links of networks that were changing when the last daemon ended: they are made anew."""
        changing = self._store.facts(CHANGING)
        networks = (n for n in self._store.networks() if CHANGING + n.id in changing)
        return {e.link for n in networks for e in self._store.endpoints_of(n.id)}

    async def _serve(self, sandbox: Sandbox, seen: _Seen) -> None:
        """Make a running sandbox whole, and answer it; one whose adopted namespace is gone ended."""
        if sandbox.has_namespace:
            with self._noting(sandbox.id, f"sandbox {sandbox.name}"):
                await self._mend(sandbox, self._wires.wiring(sandbox), seen)
            if sandbox.adopted_from is not None and not await self._is_bound(sandbox):
                self.not_whole.pop(sandbox.id, None)
                lost = Exit(code=UNKNOWN_EXIT, finished=sandbox.status.started)
                await self._sandboxes.end(sandbox, lost)
                return
            await self._answer(sandbox, self._wires.wiring(sandbox))
        if sandbox.process is not None:
            self._watch(sandbox)

    async def _answer(self, sandbox: Sandbox, wiring: Wiring) -> None:
        self._wires.name(sandbox, wiring.attachments)
        with self._noting(sandbox.id, f"sandbox {sandbox.name}"):
            await self._wires.open_names(sandbox, wiring)

    async def _is_bound(self, sandbox: Sandbox) -> bool:
        bound = await self._kernel.bound(self._paths.bound_dir)
        return bound.get(self._paths.bound(sandbox), False)

    async def _mend(self, sandbox: Sandbox, wiring: Wiring, seen: _Seen) -> None:
        path = self._paths.bound(sandbox)
        masters: Mapping[IfName, IfName | None] = seen.masters
        if not seen.bound.get(path, False) and await self._rebind(sandbox):
            masters = {}  # all links lead to the namespace that was before
        await self._mend_name(sandbox, seen)
        remove, make = mending_ops(wiring, path, self._drivers, masters)
        await self._removed(remove)
        await self._kernel.apply(make)

    async def _mend_name(self, sandbox: Sandbox, seen: _Seen) -> None:
        """Let people find its namespace by its name again, if they cannot."""
        if not seen.named.get(self._paths.named(sandbox.name), False):
            await self._kernel.apply([name_op(sandbox, self._paths)])

    async def _rebind(self, sandbox: Sandbox) -> bool:
        """Its namespace is not bound: bind that of its process again, or make a new one.

        Says whether it is a new one.
        """
        pid = self._runtime.pid(sandbox.id)
        if sandbox.adopted_from is not None and sandbox.adopted_from.is_relative_to("/proc"):
            raise Unavailable(
                f"the namespace it was adopted from is gone: {sandbox.adopted_from} may be another's now"
            )
        await self._removed(no_namespace_ops(sandbox, self._paths))  # a file that leads nowhere
        source = of_process(pid) if pid is not None else None
        await self._kernel.apply(namespace_ops(sandbox, self._paths, source=source))
        return pid is None and sandbox.adopted_from is None

    async def _forget_flows(self) -> None:
        """Forget the flows of released addresses: the last daemon may have ended before it did."""
        released = (
            address
            for network in self._store.networks()
            for version in VERSIONS
            for address in self._store.allocation(network.id).released(version)
        )
        await self._remove([ForgetAddress(address=a) for a in released])

    async def _remove_ended(self) -> None:
        for sandbox in tuple(self._store.sandboxes()):
            if sandbox.auto_remove and not sandbox.running:
                with self._noting(sandbox.id, f"sandbox {sandbox.name}"):
                    await self._sandboxes.remove(sandbox.id, force=True)


def _masters(links: Mapping[IfName, LinkState]) -> dict[IfName, IfName | None]:
    """The links that carry traffic, with the bridge they are on; those cut off already do not."""
    return {n: link.master for n, link in links.items() if link.up and link.group != DOOMED_GROUP}


def _broken_bridge(
    network: Network, links: Mapping[IfName, LinkState], *, changing: bool
) -> IfName | None:
    """The bridge of *network*, if it is there but down or without an address of its own.

    So is one that was *changing* when the last daemon ended: what it has is some of the new and some
    of the old. It is made anew, with the links of sandboxes.
    """
    bridge = network.options.bridge
    link = links.get(bridge) if bridge is not None else None
    gateways = {address.ip for address in network.bridge_addresses}
    whole = link is not None and link.up and gateways.issubset(link.addresses)
    if link is None or (whole and not changing):
        return None
    return bridge
