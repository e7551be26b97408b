"""Changing a network while sandboxes are on it: all of it, or none."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

from seaway.contracts import Events, Kernel, Store
from seaway.engine.adoptions import Adoptions
from seaway.engine.changing import Changing
from seaway.engine.drivers import Drivers
from seaway.engine.endpoints import Endpoints
from seaway.engine.files import Files
from seaway.engine.gate import Gate
from seaway.engine.held_ports import HeldPorts
from seaway.engine.leasing import Leasing
from seaway.engine.mending import NO_LINKS
from seaway.engine.network_names import NetworkNames
from seaway.engine.network_plans import NetworkPlans
from seaway.engine.turns import Turns
from seaway.engine.undo import Undo
from seaway.engine.wires import Wires
from seaway.model.endpoint import Endpoint
from seaway.model.event import network_event
from seaway.model.ids import NetworkId, SandboxId
from seaway.model.network import Network, NetworkChange
from seaway.model.observed import Observed
from seaway.model.sandbox import Sandbox
from seaway.plan.netns import NetnsPaths
from seaway.plan.network_change import (
    Effect,
    Rehanging,
    SandboxEffect,
    changes_links,
    effect,
    effect_on_stopped,
    network_change_ops,
)
from seaway.plan.operations import Operation
from seaway.plan.wiring import Wiring, published

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """A network, changed, and what that means for the sandboxes on it."""

    network: Network
    effects: tuple[SandboxEffect, ...]
    warnings: tuple[str, ...] = ()
    """What of the change is not as its maker may think."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Claimed:
    """A change that is claimed and not carried out yet."""

    before: Network
    after: Network
    endpoints: Sequence[Endpoint]
    rehangings: Sequence[Rehanging]
    stopped: Sequence[Sandbox]
    unconcerned: Sequence[Sandbox]
    warnings: tuple[str, ...]

    @property
    def update(self) -> Update:
        running = [effect(self.before, self.after, r) for r in self.rehangings]
        stopped = [effect_on_stopped(s) for s in self.stopped]
        others = [SandboxEffect(sandbox=s, effect=Effect.KEEPS) for s in self.unconcerned]
        by_name = sorted((*running, *stopped, *others), key=lambda e: e.sandbox.name)
        return Update(network=self.after, effects=tuple(by_name), warnings=self.warnings)


class NetworkUpdates:
    """What users change on a network."""

    def __init__(
        self,
        *,
        store: Store,
        kernel: Kernel,
        drivers: Drivers,
        plans: NetworkPlans,
        endpoints: Endpoints,
        wires: Wires,
        held_ports: HeldPorts,
        adoptions: Adoptions,
        changing: Changing,
        leasing: Leasing,
        network_names: NetworkNames,
        files: Files,
        events: Events,
        turns: Turns,
        gate: Gate,
        paths: NetnsPaths,
    ) -> None:
        self._store, self._kernel, self._drivers, self._plans = store, kernel, drivers, plans
        self._endpoints, self._wires, self._held_ports = endpoints, wires, held_ports
        self._adoptions, self._network_names, self._files = adoptions, network_names, files
        self._changing, self._leasing, self._events = changing, leasing, events
        self._turns, self._gate, self._paths = turns, gate, paths

    async def plan(self, ref: str, change: NetworkChange) -> Update:
        """What *change* would do; raises what ``update`` does before it touches Linux."""
        async with self._turns_of_all(ref, change) as network, Undo() as undo:
            claimed = await self._claim(network, change, undo)
            await undo.take_back()
        return claimed.update

    async def update(self, ref: str, change: NetworkChange) -> Update:
        """Make *change*, for the network and for all sandboxes that are on it.

        Raises NotFound, InvalidRequest, Conflict (name), Forbidden (overlap, a predefined network),
        Exhausted, PortTaken, KernelRefused.
        """
        self._gate.pass_through()
        async with self._turns_of_all(ref, change) as network:
            async with Undo() as undo:
                claimed = await self._claim(network, change, undo)
                await self._carry_out(claimed, undo)
            await self._tell(claimed)
        self._events.emit(network_event("update", claimed.after))
        log.info("network changed", extra={"network": claimed.after.name})
        return claimed.update

    @asynccontextmanager
    async def _turns_of_all(self, ref: str, change: NetworkChange) -> AsyncGenerator[Network]:
        """Hold the turns of all sandboxes that *change* concerns, and then the network's; gives it.

        Who waits for one that takes its time to start keeps nobody else waiting, if that can be.
        """
        network_id = self._store.network(ref).id
        while True:
            members = self._members(network_id) if change.concerns_sandboxes else []
            await self._turns.quiet(members)
            async with AsyncExitStack() as turns:
                for sandbox in members:
                    await turns.enter_async_context(self._turns.take(sandbox))
                await turns.enter_async_context(self._turns.take(network_id))
                network = self._store.network(network_id)
                still = self._members(network_id) if change.concerns_sandboxes else []
                if members == still:  # nobody came or went while we waited
                    yield network
                    return

    def _members(self, network: NetworkId) -> list[SandboxId]:
        """In an order that is the same for all, so that nobody waits in a circle."""
        return sorted({e.sandbox for e in self._store.endpoints_of(network)})

    # Claim

    async def _claim(self, network: Network, change: NetworkChange, undo: Undo) -> _Claimed:
        """Decide what is to be, and take the name, subnets, addresses and ports that it needs."""
        if any(s.prefix is not None and s.prefix.version == 6 for s in change.add_subnets):
            await self._plans.refuse_without_ipv6(network.name)
        observed = await self._kernel.observe()
        members = [self._store.sandbox(s) for s in self._members(network.id)]
        sandboxes = members if change.concerns_sandboxes else []
        running = [s for s in sandboxes if s.running and s.has_namespace]
        known = self._plans.warnings(network, observed)
        before = {s.id: self._wires.wiring(s) for s in running}
        after = self._plans.changed(network, change, observed)
        await self._store.claim(after)
        undo.by(self._store.release, network.id)
        endpoints = await self._grown(after, undo)
        rehangings = [
            Rehanging(
                sandbox=s,
                netns=self._paths.bound(s),
                before=before[s.id],
                after=self._held_ports.hold(s, self._wires.wiring(s), undo),
                lost=not await self._has_interface(s, before[s.id], network, observed),
            )
            for s in running
        ]
        return _Claimed(
            before=network,
            after=after,
            endpoints=endpoints,
            rehangings=rehangings,
            stopped=[s for s in sandboxes if not s.running],
            unconcerned=[] if change.concerns_sandboxes else members,
            warnings=tuple(w for w in self._plans.warnings(after, observed) if w not in known),
        )

    async def _has_interface(
        self, sandbox: Sandbox, wiring: Wiring, network: Network, observed: Observed
    ) -> bool:
        """Whether a sandbox that hangs so on *network* has its interface."""
        attachment = next(a for a in wiring.attachments if a.network.id == network.id)
        on_parent = network.options.parent is not None
        path = self._paths.bound(sandbox)
        inside = await self._kernel.links_inside(path) if on_parent else NO_LINKS
        return self._drivers.is_whole(attachment, observed.links, inside)

    async def _grown(self, network: Network, undo: Undo) -> list[Endpoint]:
        """The live endpoints that get an address in a family which the network has now."""
        found: list[Endpoint] = []
        for endpoint in self._store.endpoints_of(network.id):
            grown = await self._endpoints.claim_more(network, endpoint, undo)
            if grown != endpoint:
                found.append(grown)
        return found

    # Carry out

    async def _carry_out(self, claimed: _Claimed, undo: Undo) -> None:
        """Linux first, then the promise. A daemon that is killed between leaves a fact that tells of it."""
        operations = self._ops(claimed, claimed.before, claimed.after)
        if changes_links(operations):
            await self._changing.begin(claimed.before)
            undo.by(self._changing.end, claimed.before)
            await self._adoptions.remember(claimed.after)
            undo.by(self._adoptions.remember, claimed.before)
        if operations:
            await self._kernel.apply(operations)
            undo.by(self._kernel.remove, self._ops_back(claimed))
        for r in claimed.rehangings:
            undo.by(self._held_ports.put_back, r.sandbox, r.before)
            self._held_ports.let_go(r.sandbox, r.after)
        await self._store.commit(put=[claimed.after, *claimed.endpoints, *_sandboxes(claimed)])

    def _ops(self, claimed: _Claimed, before: Network, after: Network) -> tuple[Operation, ...]:
        network_ops = self._drivers.of(before).network_ops(before, after, self._store.networks())
        return network_change_ops(before, after, network_ops, claimed.rehangings, self._drivers)

    def _ops_back(self, claimed: _Claimed) -> tuple[Operation, ...]:
        back = [replace(r, before=r.after, after=r.before) for r in claimed.rehangings]
        return self._ops(replace(claimed, rehangings=back), claimed.after, claimed.before)

    async def _tell(self, claimed: _Claimed) -> None:
        """Let names, views and files be as the promise says."""
        await self._network_names.begin(claimed.after)
        await self._leasing.follow_change(claimed.before, claimed.after)
        for r in claimed.rehangings:
            old, new = r.ends(claimed.before)
            if old.endpoint != new.endpoint:
                self._wires.name(r.sandbox, [new])
            self._wires.show(r.sandbox)
            await self._files.refresh(r.sandbox)
        await self._changing.end(claimed.before)


def _sandboxes(claimed: _Claimed) -> list[Sandbox]:
    """The records of sandboxes that change with their network."""
    running = [(r.sandbox, published(r.sandbox, r.after)) for r in claimed.rehangings]
    stopped: list[tuple[Sandbox, Sequence[Sandbox]]] = [(s, ()) for s in claimed.stopped]
    found = [
        (sandbox, _renamed(kept[0] if kept else sandbox, claimed.before, claimed.after))
        for sandbox, kept in (*running, *stopped)
    ]
    return [new for old, new in found if new is not old]


def _renamed(sandbox: Sandbox, before: Network, after: Network) -> Sandbox:
    """*sandbox*, whose network mode is the new name of its network if it was the old one."""
    if before.name == after.name or sandbox.network_mode != before.name:
        return sandbox
    return replace(sandbox, network_mode=after.name)
