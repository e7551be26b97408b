"""The host's networks with all who are on them, as one picture."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence

from seaway.api import wire
from seaway.api.inspection import Hanging, direct_versions, hanging, host_addresses, kind
from seaway.api.networks import drop_counts
from seaway.api.parts import Parts
from seaway.model.endpoint import Endpoint
from seaway.model.ids import IfName
from seaway.model.network import Network, Reach
from seaway.model.observed import Observed
from seaway.model.options import Icc
from seaway.model.port import PublishedPort
from seaway.model.sandbox import Sandbox
from seaway.plan.operations import BRIDGE_GROUPS
from seaway.plan.wiring import VERSIONS, default_attachment


async def whole_map(parts: Parts) -> wire.Map:
    """Everything, as it is now."""
    store = parts.store
    drops = await drop_counts(parts)
    found = {s.id: hanging(store, s) for s in sorted(store.sandboxes(), key=lambda s: s.name)}
    there = (n for n in store.networks() if n.config is None)  # configurations are nowhere
    networks = sorted(there, key=lambda n: (not n.predefined, n.name))
    return wire.Map(
        host=_host(await parts.kernel.observe()),
        networks=[
            _network(n, [(found[e.sandbox], e) for e in store.endpoints_of(n.id)], drops)
            for n in networks
        ],
        sandboxes=[_sandbox(each) for each in found.values()],
    )


def _host(observed: Observed) -> wire.MapHost:
    return wire.MapHost(
        name=platform.node(),
        addresses=[str(a) for a in observed.addresses],
        uplink=_uplink(observed),
    )


def _uplink(observed: Observed) -> str:
    """The first link with an address by which others reach the host; empty when there is none."""
    links = sorted(observed.links.items(), key=lambda item: item[1].index)
    return next(
        (
            name
            for name, link in links
            if link.group not in BRIDGE_GROUPS and set(link.addresses) & set(observed.addresses)
        ),
        "",
    )


def _network(
    network: Network, ends: Sequence[tuple[Hanging, Endpoint]], drops: Mapping[IfName, int]
) -> wire.MapNetwork:
    return wire.MapNetwork(
        id=network.id,
        name=network.name,
        driver=network.driver,
        bridge=network.options.bridge or _parent(network),
        subnets=[
            wire.MapSubnet(
                subnet=str(s.prefix),
                gateway=str(s.gateway or "") if network.has_gateway(s.version) else "",
            )
            for s in network.subnets
        ],
        internal=network.internal,
        masquerade=network.masquerades,
        icc=network.options.icc is Icc.OPEN,
        endpoints=[_endpoint(found, e, drops) for found, e in ends],
    )


def _parent(network: Network) -> str:
    parent = network.options.parent
    return "" if parent is None else parent.name


def _endpoint(found: Hanging, end: Endpoint, drops: Mapping[IfName, int]) -> wire.MapEndpoint:
    place = end.place if end.live else None
    wiring = found.wiring
    ways = [a for v in VERSIONS if (a := default_attachment(wiring, v)) is not None]
    return wire.MapEndpoint(
        sandbox=found.sandbox.name,
        sandbox_id=found.sandbox.id,
        state=found.sandbox.status.state.value,
        ifname=place.ifname if place else "",
        addresses=[str(a.ip) for a in place.interfaces] if place else [],
        mac=(place.mac or "") if place else "",
        default_route=any(a.endpoint.id == end.id for a in ways),
        drops=drops.get(end.link, 0) if place else 0,
    )


def _sandbox(found: Hanging) -> wire.MapSandbox:
    sandbox = found.sandbox
    return wire.MapSandbox(
        id=sandbox.id,
        name=sandbox.name,
        kind=kind(sandbox),
        state=sandbox.status.state.value,
        networks=[network.name for network, _ in found.ends],
        published=published(found, sandbox.status.published),
    )


def published(found: Hanging, ports: Sequence[PublishedPort]) -> list[wire.PublishedPort]:
    """*ports* with one line for each address at which they are reached; ranges stay ranges.

    Where the host translates nothing that is the sandbox's own address and port.
    """
    ways = found.ways or {4: Reach.HOST}
    return [
        wire.PublishedPort(
            proto=port.proto.value,
            host_ip=address,
            host_port=number,
            host_port_end=number + port.count - 1,
            port=port.port,
            port_end=port.port + port.count - 1,
            sources=[str(s) for s in port.sources],
        )
        for port in ports
        for address, number in (
            *((host, port.host_port) for host in host_addresses(port, ways)),
            *((found.own_address(v), port.port) for v in direct_versions(port, ways)),
        )
    ]


def summary(sandbox: Sandbox, found: Hanging, netns: str) -> wire.Sandbox:
    """One line of a list."""
    return wire.Sandbox(
        id=sandbox.id,
        name=sandbox.name,
        kind=kind(sandbox),
        state=sandbox.status.state.value,
        netns=netns,
        networks=[
            wire.SandboxNetwork(
                name=network.name,
                addresses=[str(a.ip) for a in e.place.interfaces] if e.live and e.place else [],
            )
            for network, e in found.ends
        ],
    )
