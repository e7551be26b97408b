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
        *_beyond(network, observed),
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


def _beyond(network: Network, observed: Observed) -> Iterator[str]:
    """What of its uplink, or of somebody else's switch, the maker of *network* may not think of."""
    uplink, switch = network.options.uplink, network.options.switch
    if network.internal and uplink is not None:
        yield (
            f"network {network.name} has no way out of its subnet, but all machines behind {uplink.name} "
            "are in it: leave the uplink out for one that nobody else is on"
        )
    if switch is not None and switch.adopted:
        ports = {n: link for n, link in observed.links.items() if link.master == switch.name}
        if not any(switch.vlan in link.vlans for link in ports.values()):
            yield (
                f"no port of {switch.name} is in VLAN {switch.vlan} yet, so that nobody but sandboxes is: "
                f"bridge vlan add dev PORT vid {switch.vlan}"
            )


def lacking_links(network: Network, observed: Observed) -> Iterator[str]:
    """The links of somebody else's that *network* is on, and that are not there or not as they were."""
    needs, links = network.options.needs, observed.links
    if needs is not None and needs not in links:
        what = "parent" if network.options.parent is not None else "bridge"
        yield (
            f"network {network.name} waits for its {what} {needs}, which the host has not got: it comes "
            "up by itself when that is there"
        )
        return
    yield from _lost_uplink(network, observed)
    switch = network.options.switch
    if switch is not None and switch.adopted and not links[switch.name].filters_vlans:
        yield (
            f"bridge {switch.name} keeps VLANs apart no longer: sandboxes of network {network.name} are "
            f"among all others on it; ip link set {switch.name} type bridge vlan_filtering 1"
        )


def _lost_uplink(network: Network, observed: Observed) -> Iterator[str]:
    if network.options.uplink is None:
        return
    name, bridge = network.options.uplink.name, network.options.ports_of
    link = observed.links.get(name)
    if link is None:
        yield (
            f"network {network.name} waits for its uplink {name}, which the host has not got: its "
            "sandboxes reach nobody behind that until it is there"
        )
    elif link.master != bridge:
        where = f"is part of {link.master}" if link.master is not None else "was taken off it"
        yield (
            f"{name} is the uplink of network {network.name}, and {where}: ip link set {name} master {bridge}"
        )
