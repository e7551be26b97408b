"""Making networks and running sandboxes whole again: at the start of the daemon, and when links return."""

from __future__ import annotations

import logging
from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from seaway.contracts import Kernel, Runtime, Store
from seaway.engine.adoptions import Adoptions
from seaway.engine.changing import Changing
from seaway.engine.drivers import Drivers
from seaway.engine.wires import Wires
from seaway.model.errors import EngineError, Unavailable
from seaway.model.ids import IfName, NetworkId
from seaway.model.network import Network
from seaway.model.observed import LinkState
from seaway.model.sandbox import Sandbox
from seaway.plan.netns import NetnsPaths, name_op, namespace_ops, no_namespace_ops, of_process
from seaway.plan.operations import DeleteLink, JoinUplink, Operation
from seaway.plan.reconcile import (
    broken_links,
    joining_ops,
    leftover_inside,
    made_links,
    mending_ops,
    missing_ops,
)
from seaway.plan.wiring import Wiring

log = logging.getLogger(__name__)

Links = Mapping[IfName, LinkState]
NO_LINKS: Links = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What Linux has; read once, for all sandboxes."""

    links: Links
    bound: Mapping[Path, bool]
    named: Mapping[Path, bool]


class Mending:
    """Makes what is there what the store wants; what cannot be made whole keeps nobody else from it."""

    def __init__(
        self,
        *,
        store: Store,
        kernel: Kernel,
        runtime: Runtime,
        drivers: Drivers,
        wires: Wires,
        adoptions: Adoptions,
        changing: Changing,
        paths: NetnsPaths,
    ) -> None:
        self._store, self._kernel, self._runtime = store, kernel, runtime
        self._drivers, self._wires, self._adoptions = drivers, wires, adoptions
        self._changing, self._paths = changing, paths
        self.not_whole: dict[str, str] = {}
        """Networks and sandboxes, by id, that could not be made whole, in words."""

    @contextmanager
    def noting(self, an_id: str, what: str) -> Generator[None]:
        """What cannot be made whole is told, and does not keep the rest from being served."""
        try:
            yield
        except EngineError as error:
            self.not_whole[an_id] = f"{what} could not be made whole: {error}"
            log.warning("not whole", extra={"object": what, "reason": str(error)})
        else:
            self.not_whole.pop(an_id, None)

    # Networks

    async def networks(self) -> None:
        """Make all networks whole; those that were changing when the last daemon ended are made anew."""
        networks = tuple(self._store.networks())
        for network in networks:
            if network in self._changing:
                await self._adoptions.leave(network)
        links = await self._without_broken(networks)
        for network in networks:
            if await self._make(network, links):
                links = (await self._kernel.observe()).links

    async def _without_broken(self, networks: Collection[Network]) -> Links:
        """The host's links, once those of *networks* are gone that are not as they were made.

        With a link goes what is on it, which may be other networks'.
        """
        links = (await self._kernel.observe()).links
        broken = {name for n in networks for name in self._broken(n, links)}
        if not broken:
            return links
        await self.remove(tuple(DeleteLink(name=name) for name in sorted(broken)))
        links = (await self._kernel.observe()).links
        return {name: link for name, link in links.items() if name not in broken}

    def _broken(self, network: Network, links: Links) -> Sequence[IfName]:
        """What others share with a network that is changing is not changing."""
        if network in self._changing:
            return made_links(self._drivers.make_ops(network, self._store.networks()), links)
        return broken_links(self._drivers.make_ops(network), links)

    async def network(self, network: Network) -> None:
        """Make *network* whole; the caller holds its turn."""
        await self._make(network, await self._without_broken([network]))

    async def _make(self, network: Network, links: Links) -> bool:
        """Whether anything of *network* was missing, and was to be made.

        An uplink that somebody uses otherwise now keeps the rest from nothing.
        """
        missing = missing_ops(self._drivers.make_ops(network), links)
        if not missing or waits_for(network, links):
            return False
        log.info("network made again", extra={"network": network.name})
        with self.noting(network.id, f"network {network.name}"):
            await self._kernel.apply(tuple(o for o in missing if not isinstance(o, JoinUplink)))
            await self._kernel.apply(joining_ops(missing))
        return True

    # Sandboxes

    async def seen(self) -> Seen:
        """What Linux has now."""
        return Seen(
            links=(await self._kernel.observe()).links,
            bound=await self._kernel.bound(self._paths.bound_dir),
            named=await self._kernel.bound(self._paths.named_dir),
        )

    async def sandbox(self, sandbox: Sandbox, seen: Seen) -> None:
        """Make a running *sandbox* whole; the caller holds its turn, or nobody is served yet.

        An interface whose network waits for a link of the host is left for when that is there.
        """
        with self.noting(sandbox.id, f"sandbox {sandbox.name}"):
            await self._mend(sandbox, self._wires.wiring(sandbox), seen)

    async def _mend(self, sandbox: Sandbox, wiring: Wiring, seen: Seen) -> None:
        path, host = self._paths.bound(sandbox), seen.links
        if not seen.bound.get(path, False) and await self._rebind(sandbox):
            host = NO_LINKS  # all of them lead to the namespace that was before
        await self._mend_name(sandbox, seen)
        inside = await self._inside(path) if host else NO_LINKS
        remove, make = mending_ops(
            wiring,
            path,
            self._drivers,
            host,
            inside,
            anew=self._anew(wiring),
            waiting={a.network.id for a in wiring.attachments if waits_for(a.network, seen.links)},
        )
        await self.remove((*leftover_inside(wiring, path, self._drivers, host, inside), *remove))
        await self._kernel.apply(make)

    async def _inside(self, netns: Path) -> Links:
        """The links in *netns*, where any could be on a parent."""
        if all(n.options.parent is None for n in self._store.networks()):
            return NO_LINKS
        return await self._kernel.links_inside(netns)

    def _anew(self, wiring: Wiring) -> frozenset[NetworkId]:
        return frozenset(a.network.id for a in wiring.attachments if a.network in self._changing)

    async def _mend_name(self, sandbox: Sandbox, seen: Seen) -> None:
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
        await self.remove(no_namespace_ops(sandbox, self._paths))  # a file that leads nowhere
        source = of_process(pid) if pid is not None else None
        await self._kernel.apply(namespace_ops(sandbox, self._paths, source=source))
        return pid is None and sandbox.adopted_from is None

    # What is left over

    async def remove(self, operations: Sequence[Operation]) -> None:
        """Carry out *operations* of removal; what is refused is told."""
        if not operations:
            return
        log.info("removing what is left over", extra={"operations": len(operations)})
        try:
            await self._kernel.remove(operations)
        except* EngineError as errors:
            log.warning("something is left over", extra={"reason": str(errors.exceptions)})


def waits_for(network: Network, links: Links) -> IfName | None:
    """The interface that the host must have before *network* can be there, and has not."""
    needs = network.options.needs
    return needs if needs not in {None, *links} else None
