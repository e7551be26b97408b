"""From what was asked for to a network, before anything is made in Linux."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from seaway.contracts import Clock, Kernel, NetworkFacts, Observed, Store
from seaway.engine.drivers import Drivers
from seaway.model.errors import InvalidRequest
from seaway.model.ids import IfName, NetworkId, NetworkName, Prefix, new_id
from seaway.model.network import Network, NetworkChange, NetworkWish, Subnet
from seaway.model.options import MAX_MTU, GatewayMode, Options
from seaway.plan import configuration
from seaway.plan.default_network import MTU
from seaway.plan.network_change import merged, refuse_change, refuse_outcome
from seaway.plan.subnets import (
    AddressPool,
    fitted,
    more_subnets,
    overlap,
    planned_subnets,
    skipped_for_routes,
)

NO_IPV6 = "net/ipv6/conf/all/disable_ipv6"


class NetworkPlans:
    """Checks wishes against what there is, and makes records of them."""

    def __init__(
        self,
        *,
        store: Store,
        kernel: Kernel,
        drivers: Drivers,
        clock: Clock,
        pools: Sequence[AddressPool],
    ) -> None:
        self._store, self._kernel, self._drivers = store, kernel, drivers
        self._clock, self._pools = clock, pools

    # A new network

    def network(self, wish: NetworkWish, observed: Observed, *, predefined: bool) -> Network:
        """A new network as *wish* says; raises InvalidRequest, Forbidden (overlap), PoolsExhausted."""
        network_id = NetworkId(new_id())
        options = self._drivers.named(wish.driver).options(
            dict(wish.options),
            NetworkFacts(
                id=network_id,
                ipv6=wish.ipv6,
                predefined=predefined,
                internal=wish.internal,
                default_mtu=observed.default_mtu,
                links=observed.links,
                bridges=self._bridges(),
                uplinks=observed.uplinks,
            ),
        )
        return Network(
            id=network_id,
            name=wish.name,
            created=self._clock.now(),
            options=options,
            subnets=self._subnets(fitted(wish, options), observed) if options.places else (),
            internal=wish.internal,
            attachable=wish.attachable,
            predefined=predefined,
            labels=wish.labels,
            asked_options=wish.options,
            ipam_options=wish.ipam_options,
            config=configuration.config(wish),
            config_from=NetworkId(wish.config_from) if wish.config_from else None,
        )

    def _subnets(self, wish: NetworkWish, observed: Observed) -> tuple[Subnet, ...]:
        return planned_subnets(wish, self._pools, self._used(), observed.routes)

    def _used(self) -> list[tuple[NetworkName, Prefix]]:
        return [(n.name, s.prefix) for n in self._store.networks() for s in n.subnets]

    def _bridges(self) -> Mapping[IfName, NetworkName]:
        """Links that networks use, though Linux may not have them yet, with these."""
        networks = self._store.networks()
        return {b: n.name for n in networks if (b := n.options.bridge) is not None}

    async def refuse_without_ipv6(self, name: NetworkName) -> None:
        """Raise InvalidRequest where this kernel has no IPv6 for the network *name*."""
        if await self._kernel.sysctl(NO_IPV6) != "0":
            raise InvalidRequest(
                f"network {name} cannot have IPv6: IPv6 is not available in this kernel "
                f"(net.ipv6.conf.all.disable_ipv6 is not 0); make it with IPv4 only"
            )

    # A changed one

    def changed(self, network: Network, change: NetworkChange, observed: Observed) -> Network:
        """*network* as *change* wants it; raises InvalidRequest, Forbidden (overlap, predefined)."""
        refuse_change(network, change)
        added = more_subnets(change.add_subnets, self._used())
        after = replace(
            network,
            name=change.name or network.name,
            subnets=tuple(sorted((*network.subnets, *added), key=lambda s: s.version)),
            internal=network.internal if change.internal is None else change.internal,
            labels=merged(network.labels, change.labels),
            asked_options=merged(network.asked_options, change.options),
        )
        after = replace(after, options=self._options(network, after, observed))
        refuse_outcome(network, after)
        return after

    def _options(self, before: Network, after: Network, observed: Observed) -> Options:
        """The options of *after*; what is not asked for stays what was chosen for *before*."""
        return self._drivers.of(before).options(
            dict(after.asked_options),
            NetworkFacts(
                id=before.id,
                ipv6=6 in after.versions,
                predefined=before.predefined,
                internal=after.internal,
                default_mtu=_default_mtu(before, after, observed),
                links=observed.links,
                uplinks=observed.uplinks,
                adopted=before.options.adopted,
            ),
        )

    # Warnings

    def warnings(self, network: Network, observed: Observed) -> tuple[str, ...]:
        """What of a new *network* is not as its maker may think."""
        used = [p for name, p in self._used() if name != network.name]
        found = [
            f"{subnet.prefix} was chosen since the host routes {route} already"
            for subnet in network.subnets
            if not subnet.asked
            for route in skipped_for_routes(self._pools, subnet.prefix, used, observed.routes)
        ]
        found += [
            f"{subnet.prefix} overlaps {route}, which the host routes: what is there cannot be reached "
            "from the network, nor by the host where it is the same"
            for subnet in network.subnets
            if subnet.asked
            for route in _foreign_routes(network, observed)
            if overlap(subnet.prefix, route)
        ]
        if network.config is not None:
            return ()
        found += _shared_bridge(network, observed)
        found += _without_effect(network)
        found += missing_sources(network, observed)
        found += _unused_sources(network)
        known = self._drivers.of(network).known_options
        found += [
            f"option {name} means nothing to Seaway and has no effect"
            for name, _ in network.asked_options
            if name not in known
        ]
        return tuple(found)


def _default_mtu(before: Network, after: Network, observed: Observed) -> int:
    """The MTU of *after* where none is asked for: the one chosen for *before*.

    One that was asked for is not the default, so what the host has now is, or its owner's bridge.
    """
    was_asked = bool(dict(before.asked_options).get(MTU))
    if not was_asked or dict(after.asked_options).get(MTU):
        return before.options.mtu or MAX_MTU
    bridge = before.options.bridge if before.options.adopted is not None else None
    link = observed.links.get(bridge) if bridge is not None else None
    return observed.default_mtu if link is None else link.mtu


def _foreign_routes(network: Network, observed: Observed) -> Iterable[Prefix]:
    """What the host routes, but by the bridge of *network* itself."""
    adopted = network.options.adopted
    own = {interface.network for interface in adopted.held} if adopted else set[Prefix]()
    return (route for route in observed.routes if route not in own)


def _shared_bridge(network: Network, observed: Observed) -> list[str]:
    """That others are on the adopted bridge of *network* already."""
    bridge = network.options.bridge
    ports = [n for n, link in observed.links.items() if bridge and link.master == bridge]
    if network.options.adopted is None or not ports:
        return []
    there = ", ".join(sorted(ports))
    return [
        f"bridge {bridge} has ports already ({there}): what the host forwards there is closed now"
    ]


def _without_effect(network: Network) -> list[str]:
    """What modes of a network do not do while it is internal."""
    if not network.internal:
        return []
    modes = {network.gateway_mode(v) for v in network.versions}
    return [
        f"gateway mode {mode} has no effect on {network.name} while it is internal"
        for mode in sorted(modes & {GatewayMode.UNPROTECTED, GatewayMode.ROUTED})
    ]


def _unused_sources(network: Network) -> list[str]:
    """The addresses with which packets were to leave *network*, and do not."""
    return [
        f"address {source} has no effect: packets leave network {network.name} with their own"
        for version in network.versions
        if not network.internal
        and not network.translates(version)
        and (source := network.source(version)) is not None
    ]


def missing_sources(network: Network, observed: Observed) -> list[str]:
    """The addresses that packets are to leave *network* with and that the host has not got."""
    return [
        f"the host has no address {source}, with which packets of network {network.name} leave it: "
        "answers get lost until it has"
        for version in network.versions
        if network.translates(version)
        and (source := network.source(version)) is not None
        and source not in observed.addresses
    ]
