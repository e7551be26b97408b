"""The use cases, side by side: what the API and the doors call."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from seaway.contracts import Clock, Driver, HostPorts, Kernel, Leases, Names, Runtime, Store
from seaway.engine.addresses import Addresses
from seaway.engine.adoptions import Adoptions
from seaway.engine.announcing import Announcing
from seaway.engine.assembly import Assembly
from seaway.engine.autoconf import Autoconf
from seaway.engine.background import Background
from seaway.engine.changing import Changing
from seaway.engine.checkup import Checkup
from seaway.engine.drivers import Drivers
from seaway.engine.endpoints import Endpoints
from seaway.engine.events import EventBus
from seaway.engine.execs import Execs
from seaway.engine.files import Files
from seaway.engine.forwarding import Forwarding
from seaway.engine.gate import Gate
from seaway.engine.held_ports import HeldPorts
from seaway.engine.leasing import Leasing
from seaway.engine.mending import Mending
from seaway.engine.neighbours import Neighbours
from seaway.engine.network_names import NetworkNames
from seaway.engine.network_plans import NetworkPlans
from seaway.engine.network_updates import NetworkUpdates
from seaway.engine.networks import Networks
from seaway.engine.parents import Parents
from seaway.engine.pending_streams import PendingStreams
from seaway.engine.ports import Ports
from seaway.engine.purge import Purge
from seaway.engine.readdressing import Readdressing
from seaway.engine.recovery import Recovery
from seaway.engine.sandbox_plans import SandboxPlans
from seaway.engine.sandboxes import Sandboxes
from seaway.engine.turns import Turns
from seaway.engine.wires import Wires
from seaway.model.lease import Lease4, Lease6
from seaway.plan.netns import NetnsPaths
from seaway.plan.subnets import AddressPool


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """All use cases: what users ask for, and what the daemon does by itself."""

    networks: Networks
    network_updates: NetworkUpdates
    endpoints: Endpoints
    sandboxes: Sandboxes
    ports: Ports
    addresses: Addresses
    execs: Execs
    events: EventBus
    recovery: Recovery
    purge: Purge
    checkup: Checkup


def engine_over(
    *,
    store: Store,
    kernel: Kernel,
    names: Names,
    host_ports: HostPorts,
    runtime: Runtime,
    leases4: Leases[Lease4],
    leases6: Leases[Lease6],
    drivers: Sequence[Driver],
    clock: Clock,
    paths: NetnsPaths,
    pools: Sequence[AddressPool],
    tasks: asyncio.TaskGroup,
    names_at_gateways: bool = False,
) -> Engine:
    """The use cases over one world, real or fake; *tasks* gets those that wait for processes."""
    gate, background = Gate(), Background(tasks)
    turns, events, all_drivers = Turns(), EventBus(clock), Drivers(drivers)
    adoptions, changing = Adoptions(store=store, kernel=kernel), Changing(store)
    forwarding = Forwarding(store=store, kernel=kernel)
    held_ports = HeldPorts(host_ports)
    wires = Wires(
        store=store,
        kernel=kernel,
        names=names,
        held_ports=held_ports,
        drivers=all_drivers,
        paths=paths,
    )
    network_names = NetworkNames(names=names, at_gateways=names_at_gateways)
    files = Files(names=names, runtime=runtime, wires=wires)
    network_plans = NetworkPlans(
        store=store, kernel=kernel, drivers=all_drivers, clock=clock, pools=pools
    )
    mending = Mending(
        store=store,
        kernel=kernel,
        runtime=runtime,
        drivers=all_drivers,
        wires=wires,
        adoptions=adoptions,
        changing=changing,
        paths=paths,
    )
    parents = Parents(
        store=store,
        kernel=kernel,
        mending=mending,
        announcing=Announcing(store=store, wires=wires, turns=turns, background=background),
        turns=turns,
        background=background,
    )
    readdressing = Readdressing(store=store, wires=wires, files=files, turns=turns)
    autoconf = Autoconf(
        store=store,
        kernel=kernel,
        wires=wires,
        readdressing=readdressing,
        background=background,
        paths=paths,
    )
    neighbours = Neighbours(store=store, kernel=kernel, clock=clock)
    leasing = Leasing(
        store=store,
        kernel=kernel,
        leases4=leases4,
        leases6=leases6,
        autoconf=autoconf,
        readdressing=readdressing,
        neighbours=neighbours,
        drivers=all_drivers,
        wires=wires,
        turns=turns,
        paths=paths,
    )
    networks = Networks(
        store=store,
        kernel=kernel,
        names=network_names,
        drivers=all_drivers,
        plans=network_plans,
        adoptions=adoptions,
        parents=parents,
        leasing=leasing,
        events=events,
        turns=turns,
        gate=gate,
    )
    endpoints = Endpoints(
        store=store,
        wires=wires,
        held_ports=held_ports,
        leasing=leasing,
        neighbours=neighbours,
        files=files,
        events=events,
        clock=clock,
        turns=turns,
    )
    streams = PendingStreams(runtime)
    assembly = Assembly(
        store=store,
        kernel=kernel,
        held_ports=held_ports,
        runtime=runtime,
        wires=wires,
        files=files,
        endpoints=endpoints,
        leasing=leasing,
        clock=clock,
        paths=paths,
        streams=streams,
    )
    sandboxes = Sandboxes(
        store=store,
        kernel=kernel,
        runtime=runtime,
        wires=wires,
        endpoints=endpoints,
        plans=SandboxPlans(store=store, endpoints=endpoints, clock=clock),
        assembly=assembly,
        streams=streams,
        paths=paths,
        events=events,
        turns=turns,
        gate=gate,
        background=background,
    )
    recovery = Recovery(
        store=store,
        kernel=kernel,
        network_names=network_names,
        runtime=runtime,
        drivers=all_drivers,
        held_ports=held_ports,
        wires=wires,
        sandboxes=sandboxes,
        forwarding=forwarding,
        adoptions=adoptions,
        changing=changing,
        mending=mending,
        leasing=leasing,
        parents=parents,
        paths=paths,
        background=background,
    )
    addresses = Addresses(store=store, kernel=kernel, clock=clock, turns=turns, pools=pools)
    return Engine(
        networks=networks,
        network_updates=NetworkUpdates(
            store=store,
            kernel=kernel,
            drivers=all_drivers,
            plans=network_plans,
            endpoints=endpoints,
            wires=wires,
            held_ports=held_ports,
            adoptions=adoptions,
            changing=changing,
            leasing=leasing,
            network_names=network_names,
            files=files,
            events=events,
            turns=turns,
            gate=gate,
            paths=paths,
        ),
        endpoints=endpoints,
        sandboxes=sandboxes,
        ports=Ports(store=store, wires=wires, held_ports=held_ports, events=events, turns=turns),
        addresses=addresses,
        execs=Execs(store=store, runtime=runtime, events=events, background=background),
        events=events,
        recovery=recovery,
        purge=Purge(
            store=store,
            kernel=kernel,
            networks=networks,
            sandboxes=sandboxes,
            forwarding=forwarding,
            gate=gate,
        ),
        checkup=Checkup(
            store=store,
            kernel=kernel,
            networks=networks,
            mending=mending,
            held_ports=held_ports,
            wires=wires,
            addresses=addresses,
            endpoints=endpoints,
            turns=turns,
        ),
    )
