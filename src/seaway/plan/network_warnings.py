"""What of a network is not as its maker may think, one sentence each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from seaway.model.ids import Prefix
from seaway.model.network import Network
from seaway.model.observed import Observed
from seaway.model.options import GatewayMode
from seaway.plan.subnets import overlap


def network_warnings(network: Network, observed: Observed) -> tuple[str, ...]:
    """What is to be said of *network* on a host that is as *observed*."""
    if network.config is not None:
        return ()
    return (
        *_overlaps(network, observed),
        *_shared_bridge(network, observed),
        *_without_effect(network),
        *missing_sources(network, observed),
        *_unused_sources(network),
        *_parent(network, observed),
    )


def chosen_for_routes(skipped: Mapping[Prefix, Iterable[Prefix]]) -> Iterator[str]:
    """That subnets were chosen for the sake of what the host routes: *skipped* are those routes."""
    for prefix, routes in skipped.items():
        for route in routes:
            yield f"{prefix} was chosen since the host routes {route} already"


def unknown_options(network: Network, known: Collection[str]) -> Iterator[str]:
    """That options of *network* that are not among the *known* do nothing."""
    for name, _ in network.asked_options:
        if network.config is None and name not in known:
            yield f"option {name} means nothing to Seaway and has no effect"


def _overlaps(network: Network, observed: Observed) -> Iterator[str]:
    """That the host routes elsewhere what is in the subnets; on a LAN it routes the same there."""
    for subnet in network.subnets if network.options.parent is None else ():
        for route in _foreign_routes(network, observed) if subnet.asked else ():
            if overlap(subnet.prefix, route):
                yield (
                    f"{subnet.prefix} overlaps {route}, which the host routes: what is there cannot be "
                    "reached from the network, nor by the host where it is the same"
                )


def _foreign_routes(network: Network, observed: Observed) -> Iterable[Prefix]:
    """What the host routes, but by the bridge of *network* itself."""
    adopted = network.options.adopted
    own = {interface.network for interface in adopted.held} if adopted else set[Prefix]()
    return (route for route in observed.routes if route not in own)


def _shared_bridge(network: Network, observed: Observed) -> Iterator[str]:
    """That others are on the adopted bridge of *network* already."""
    bridge = network.options.bridge
    ports = [n for n, link in observed.links.items() if bridge and link.master == bridge]
    if network.options.adopted is not None and ports:
        there = ", ".join(sorted(ports))
        yield (
            f"bridge {bridge} has ports already ({there}): what the host forwards there is closed now"
        )


def _without_effect(network: Network) -> Iterator[str]:
    """What modes of a network do not do while it is internal."""
    modes = {network.gateway_mode(v) for v in network.versions if network.internal}
    for mode in sorted(modes & {GatewayMode.UNPROTECTED, GatewayMode.ROUTED}):
        yield f"gateway mode {mode} has no effect on {network.name} while it is internal"


def _unused_sources(network: Network) -> Iterator[str]:
    """The addresses with which packets were to leave *network*, and do not."""
    for version in network.versions:
        source = network.source(version)
        if source is not None and not network.internal and not network.translates(version):
            yield (
                f"address {source} has no effect: packets leave network {network.name} with their own"
            )


def missing_sources(network: Network, observed: Observed) -> Iterator[str]:
    """The addresses that packets are to leave *network* with and that the host has not got."""
    for version in network.versions:
        source = network.source(version)
        if network.translates(version) and source is not None and source not in observed.addresses:
            yield (
                f"the host has no address {source}, with which packets of network {network.name} leave "
                "it: answers get lost until it has"
            )


def _parent(network: Network, observed: Observed) -> Iterator[str]:
    """What of the parent of *network* may keep packets from passing."""
    parent = network.options.parent
    link = observed.links.get(parent.needs) if parent is not None and parent.needs else None
    if parent is None or link is None:
        return
    if not link.up:
        yield f"{parent.needs} is down: nothing passes on network {network.name} until it is up"
    held = [str(i.ip) for i in link.interfaces if not i.ip.is_link_local]
    if network.options.for_one and held and parent.base is None:
        yield (
            f"the host is not reached at {' and '.join(held)} while a sandbox is on network "
            f"{network.name}: passthru takes all that comes in by {parent.name}"
        )
    if network.internal:
        yield (
            f"network {network.name} has no way out of its subnet, but all machines behind {parent.name} "
            "are in it: leave the parent out for one that nobody else is on"
        )
