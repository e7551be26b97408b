"""An engine over fakes, as the daemon joins it over Linux."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Collection, Iterable
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from ipaddress import ip_network
from itertools import chain
from pathlib import Path

from fakes.kernel import FakeKernel
from fakes.leases import FakeLeases, a_lease, a_lease6
from fakes.parts import CountedSteps, CountingClock, FakeHostPorts, FakeNames, FakeRuntime
from seaway.drivers.bridge import BridgeDriver
from seaway.drivers.host import HostDriver
from seaway.drivers.ipvlan import IpvlanDriver
from seaway.drivers.macvlan import MacvlanDriver
from seaway.drivers.null import NullDriver
from seaway.engine.engine import engine_over
from seaway.engine.events import EventBus
from seaway.model.endpoint import EndpointWish
from seaway.model.event import Event
from seaway.model.ids import Address, Prefix, network_name, sandbox_name
from seaway.model.network import Network, NetworkWish, SubnetWish
from seaway.model.port import Proto, PublishedPort
from seaway.model.sandbox import Process, Sandbox, SandboxWish
from seaway.plan.firewall import ruleset
from seaway.plan.netns import NetnsPaths
from seaway.plan.subnets import AddressPool
from seaway.store.memory import MemoryStore

POOLS = (
    AddressPool(base=ip_network("10.77.0.0/16"), size=24),
    AddressPool(base=ip_network("fd77::/48"), size=64),
)
RUN_DIR = Path("/run/test")


@dataclass
class World:
    """The parts of one daemon. A second one on the same parts is a restart."""

    tasks: asyncio.TaskGroup
    steps: CountedSteps = field(default_factory=CountedSteps)
    clock: CountingClock = field(default_factory=CountingClock)
    paths: NetnsPaths = field(default_factory=lambda: NetnsPaths(run_dir=RUN_DIR))

    def __post_init__(self) -> None:
        """Empty parts, joined."""
        self.store = MemoryStore(self.steps, now=self.clock.now)
        self.kernel = FakeKernel(self.steps)
        self.kernel.load(ruleset(forwarding_is_ours=()))
        self.kernel.sysctls["net/ipv6/conf/all/disable_ipv6"] = "0"
        self.runtime = FakeRuntime(self.steps)
        self.join()

    def join(self) -> None:
        """What dies with the daemon is made anew: names, held ports, use cases."""
        self.leases = FakeLeases(self.steps, a_lease)
        self.leases6 = FakeLeases(self.steps, a_lease6)
        self.kernel.watched.clear()
        self.names, self.host_ports = FakeNames(self.steps), FakeHostPorts(self.steps)
        self.engine = engine_over(
            store=self.store,
            kernel=self.kernel,
            names=self.names,
            host_ports=self.host_ports,
            runtime=self.runtime,
            leases4=self.leases,
            leases6=self.leases6,
            drivers=[BridgeDriver(), MacvlanDriver(), IpvlanDriver(), HostDriver(), NullDriver()],
            clock=self.clock,
            paths=self.paths,
            pools=POOLS,
            tasks=self.tasks,
        )
        self.networks, self.endpoints = self.engine.networks, self.engine.endpoints
        self.updates = self.engine.network_updates
        self.sandboxes, self.ports = self.engine.sandboxes, self.engine.ports
        self.events, self.recovery = self.engine.events, self.engine.recovery
        self.purge, self.addresses = self.engine.purge, self.engine.addresses

    async def die(self) -> None:
        """End what the daemon does in the background, as a kill would."""
        waiting = set(vars(self.tasks)["_tasks"])
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    # Short ways to what tests need often

    async def network(
        self, name: str = "web", prefixes: Iterable[str] = (), **wish: object
    ) -> Network:
        """A network, by default 10.77.0.0/24 as the first of the pool."""
        made, _ = await self.networks.create(network_wish(name, prefixes, **wish))
        return made

    async def box(
        self,
        name: str = "box",
        networks: Collection[str] = ("web",),
        *,
        ports: tuple[PublishedPort, ...] = (),
        wish: EndpointWish | None = None,
    ) -> Sandbox:
        """A running sandbox without a process."""
        return await self.sandboxes.create_namespace(
            sandbox_wish(name, networks, ports=ports, wish=wish)
        )

    async def program(
        self,
        name: str = "app",
        networks: Collection[str] = ("web",),
        *,
        ports: tuple[PublishedPort, ...] = (),
        auto_remove: bool = False,
    ) -> Sandbox:
        """A sandbox with a process, not started."""
        wish = sandbox_wish(
            name, networks, ports=ports, process=Process(args=("sleep",)), auto_remove=auto_remove
        )
        return await self.sandboxes.create(wish)

    def snapshot(self) -> dict[str, object]:
        """All that a failed use case must leave as it was."""
        kernel = deepcopy(vars(self.kernel)["_state"])
        kernel.last_index = 0
        kernel.tables = kernel.tables.elements
        kernel.links = {name: link.master for name, link in kernel.links.items()}
        return {
            "networks": set(self.store.networks()),
            "sandboxes": set(self.store.sandboxes()),
            "endpoints": {
                n.id: tuple(self.store.endpoints_of(n.id)) for n in self.store.networks()
            },
            "holders": {n.id: self._holders(n) for n in self.store.networks()},
            "kernel": kernel,
            "host ports": self.host_ports.all_held,
            "named networks": dict(self.names.networks),
            "holders of names": dict(self.names.holders),
            "views": dict(self.names.views),
            "gateways that answer names": dict(self.names.gateways),
            "processes": dict(self.runtime.launched),
        }

    def _holders(self, network: Network) -> dict[str, object]:
        allocation = self.store.allocation(network.id)
        found = {
            str(a): allocation.holder(a)
            for s in network.subnets
            for a in _some(s.prefix)
            if allocation.holder(a) is not None
        }
        return dict(found)


def _some(prefix: Prefix) -> list[Address]:
    return [prefix[n] for n in range(min(64, prefix.num_addresses))]


@asynccontextmanager
async def a_world() -> AsyncGenerator[World]:
    """A world with the network "web" missing yet; what waits in it is cancelled at the end."""

    async def end() -> None:
        raise _End

    try:
        async with asyncio.TaskGroup() as tasks:
            yield World(tasks)
            tasks.create_task(end())
    except* _End:
        pass


class _End(Exception):
    """The test is over."""


def happened(bus: EventBus) -> list[Event]:
    """All events that are kept, as one reads them who comes now."""
    with bus.watch(since=0) as watch:
        return list(chain.from_iterable(iter(watch.ready, ())))


def network_wish(name: str, prefixes: Iterable[str] = (), **wish: object) -> NetworkWish:
    """A wish for a bridge network with *prefixes*."""
    subnets = tuple(SubnetWish(prefix=ip_network(p)) for p in prefixes)
    return NetworkWish(
        name=network_name(name),
        subnets=subnets,
        ipv6=bool(wish.pop("ipv6", any(s.prefix and s.prefix.version == 6 for s in subnets))),
        **wish,  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    )


def sandbox_wish(
    name: str,
    networks: Collection[str] = ("web",),
    *,
    ports: tuple[PublishedPort, ...] = (),
    wish: EndpointWish | None = None,
    process: Process | None = None,
    auto_remove: bool = False,
) -> SandboxWish:
    """A wish for a sandbox on *networks*, each with the same *wish*."""
    return SandboxWish(
        name=sandbox_name(name),
        network_mode=next(iter(networks), "bridge"),
        endpoints=tuple((n, wish or EndpointWish()) for n in networks),
        ports=ports,
        process=process,
        auto_remove=auto_remove,
    )


def tcp(host_port: int, port: int) -> PublishedPort:
    """A TCP port, published on all addresses."""
    return PublishedPort(proto=Proto.TCP, port=port, host_port=host_port)


def udp(host_port: int, port: int) -> PublishedPort:
    """A UDP port, published on all addresses."""
    return PublishedPort(proto=Proto.UDP, port=port, host_port=host_port)


async def settled(world: World) -> None:
    """What the daemon does by itself is done."""
    for _ in range(50):
        await asyncio.sleep(0)


async def restarted(world: World) -> None:
    """The daemon is killed and starts again."""
    await world.die()
    world.join()
    await world.recovery.restore()
