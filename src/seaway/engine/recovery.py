"""The start of the daemon: make Linux what the store wants, whatever happened to the last daemon."""

from __future__ import annotations

import logging

from seaway.contracts import UNKNOWN_EXIT, Exit, Kernel, Runtime, Store
from seaway.engine.adoptions import Adoptions
from seaway.engine.background import Background
from seaway.engine.changing import Changing
from seaway.engine.drivers import Drivers
from seaway.engine.forwarding import Forwarding
from seaway.engine.held_ports import HeldPorts
from seaway.engine.leasing import Leasing
from seaway.engine.mending import Mending, Seen
from seaway.engine.network_names import NetworkNames
from seaway.engine.parents import Parents
from seaway.engine.sandboxes import Sandboxes
from seaway.engine.wires import Wires
from seaway.model.ids import SandboxId
from seaway.model.sandbox import Sandbox
from seaway.plan.elements import Elements
from seaway.plan.firewall import network_elements, ruleset
from seaway.plan.netns import NetnsPaths
from seaway.plan.operations import (
    ForgetAddress,
    Operation,
)
from seaway.plan.reconcile import (
    leftover_links,
    leftover_namespaces,
    leftover_routes,
)
from seaway.plan.wiring import VERSIONS, Wiring, elements

log = logging.getLogger(__name__)


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
        changing: Changing,
        mending: Mending,
        leasing: Leasing,
        parents: Parents,
        paths: NetnsPaths,
        background: Background,
    ) -> None:
        self._store, self._kernel, self._runtime = store, kernel, runtime
        self._network_names, self._held_ports = network_names, held_ports
        self._drivers, self._wires, self._sandboxes = drivers, wires, sandboxes
        self._forwarding, self._paths, self._background = forwarding, paths, background
        self._adoptions, self._changing = adoptions, changing
        self._mending, self._parents, self._leasing = mending, parents, leasing

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
        await self._mending.networks()
        for network in self._store.networks():
            await self._network_names.begin(network)
        seen = await self._mending.seen()
        for sandbox in self._running():
            if (exit_ := ended.get(sandbox.id)) is not None:
                await self._end(sandbox, exit_)
            else:
                await self._serve(sandbox, seen)
        await self._changing.end_all()
        await self._parents.watch()
        for network in self._store.networks():
            self._leasing.keep_for_host(network)
        await self._remove_ended()
        await self._forget_flows()
        log.info("restored", extra={"sandboxes": len(self._running())})

    async def _end(self, sandbox: Sandbox, ended: Exit) -> None:
        """Note the end of a process; what cannot be noted now is tried again aside."""
        with self._mending.noting(sandbox.id, f"sandbox {sandbox.name}"):
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
                with self._mending.noting(
                    sandbox_id, f"what is left of container {sandbox_id[:12]}"
                ):
                    await self._runtime.remove(sandbox_id, keep_log=known)
        observed = await self._kernel.observe()
        groups = {name: link.group for name, link in observed.links.items()}
        wirings = [self._wires.wiring(s) for s in self._running()]
        operations = (
            *await self._leftover_namespaces(),
            *leftover_links(groups, self._store.networks(), wirings),
            *leftover_routes(observed.host_routes, wirings, self._drivers),
        )
        await self._mending.remove(operations)

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

    async def _serve(self, sandbox: Sandbox, seen: Seen) -> None:
        """Make a running sandbox whole, and answer it; one whose adopted namespace is gone ended."""
        if sandbox.has_namespace:
            await self._mending.sandbox(sandbox, seen)
            if sandbox.adopted_from is not None and not await self._is_bound(sandbox):
                self._mending.not_whole.pop(sandbox.id, None)
                lost = Exit(code=UNKNOWN_EXIT, finished=sandbox.status.started)
                await self._sandboxes.end(sandbox, lost)
                return
            await self._answer(sandbox, self._wires.wiring(sandbox))
            with self._mending.noting(sandbox.id, f"sandbox {sandbox.name}"):
                await self._leasing.keep(sandbox, self._wires.wiring(sandbox).attachments)
        if sandbox.process is not None:
            self._watch(sandbox)

    async def _answer(self, sandbox: Sandbox, wiring: Wiring) -> None:
        self._wires.name(sandbox, wiring.attachments)
        with self._mending.noting(sandbox.id, f"sandbox {sandbox.name}"):
            await self._wires.open_names(sandbox, wiring)

    async def _is_bound(self, sandbox: Sandbox) -> bool:
        bound = await self._kernel.bound(self._paths.bound_dir)
        return bound.get(self._paths.bound(sandbox), False)

    async def _forget_flows(self) -> None:
        """Forget the flows of released addresses: the last daemon may have ended before it did."""
        released = (
            address
            for network in self._store.networks()
            for version in VERSIONS
            for address in self._store.allocation(network.id).released(version)
        )
        await self._mending.remove([ForgetAddress(address=a) for a in released])

    async def _remove_ended(self) -> None:
        for sandbox in tuple(self._store.sandboxes()):
            if sandbox.auto_remove and not sandbox.running:
                with self._mending.noting(sandbox.id, f"sandbox {sandbox.name}"):
                    await self._sandboxes.remove(sandbox.id, force=True)
