"""From what was asked for to a network, before anything is made in Linux."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from seaway.contracts import Clock, Kernel, NetworkFacts, Store
from seaway.engine.drivers import Drivers
from seaway.model.errors import InvalidRequest
from seaway.model.ids import NetworkId, NetworkName, Prefix, new_id
from seaway.model.network import Network, NetworkChange, NetworkWish, Subnet
from seaway.model.observed import Observed
from seaway.model.options import MAX_MTU, Options
from seaway.plan import configuration
from seaway.plan.default_network import MTU
from seaway.plan.network_change import merged, refuse_change, refuse_outcome
from seaway.plan.network_warnings import chosen_for_routes, network_warnings, unknown_options
from seaway.plan.subnets import (
    AddressPool,
    fitted,
    more_subnets,
    planned_subnets,
    refuse_dhcp,
    refuse_dhcp_without_lan,
    skipped_for_routes,
    with_host,
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
        refuse_dhcp(wish)
        options = self._drivers.named(wish.driver).options(
            dict(wish.options),
            NetworkFacts(
                id=network_id,
                ipv6=wish.ipv6,
                predefined=predefined,
                internal=wish.internal,
                default_mtu=observed.default_mtu,
                links=observed.links,
                others=self._store.networks(),
                uplinks=observed.uplinks,
            ),
        )
        refuse_dhcp_without_lan(wish, options)
        return Network(
            id=network_id,
            name=wish.name,
            created=self._clock.now(),
            options=options,
            subnets=self._subnets(wish, options, observed)
            if options.places and not wish.dhcp
            else (),
            dhcp=wish.versions if wish.dhcp else (),
            internal=wish.internal,
            attachable=wish.attachable,
            predefined=predefined,
            labels=wish.labels,
            asked_options=wish.options,
            ipam_options=wish.ipam_options,
            config=configuration.config(wish),
            config_from=NetworkId(wish.config_from) if wish.config_from else None,
        )

    def _subnets(
        self, wish: NetworkWish, options: Options, observed: Observed
    ) -> tuple[Subnet, ...]:
        found = planned_subnets(
            fitted(wish, options, observed),
            self._pools,
            self._used_beside(options),
            observed.routes,
            shut=[s.prefix for n in self._store.networks() for s in n.subnets],
            several=options.parent is not None,
            has_gateway=options.has_gateway,
        )
        return tuple(with_host(s) for s in found) if options.host_access else found

    def _used_beside(self, options: Options) -> list[tuple[NetworkName, Prefix]]:
        """The subnets with which a network that has *options* must share no address, with whose they are.

        Two LANs may have the same addresses, so what is on another parent is none of its business.
        """
        return [
            (n.name, s.prefix)
            for n in self._store.networks()
            if options.parent is None or n.options.parent in {None, options.parent}
            for s in n.subnets
        ]

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
        added = more_subnets(
            change.add_subnets,
            self._used_beside(network.options),
            has_gateway=network.options.has_gateway,
        )
        after = replace(
            network,
            name=change.name or network.name,
            subnets=tuple(sorted((*network.subnets, *added), key=lambda s: s.version)),
            internal=network.internal if change.internal is None else change.internal,
            labels=merged(network.labels, change.labels),
            asked_options=merged(network.asked_options, change.options),
        )
        after = replace(after, options=self._options(network, after, observed))
        if not after.options.host_access:
            after = replace(after, host_lease=None)
        elif not after.dhcp:
            taken = self._store.allocation(network.id).taken()
            after = replace(after, subnets=tuple(with_host(s, taken) for s in after.subnets))
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
                others=[n for n in self._store.networks() if n.id != before.id],
                uplinks=observed.uplinks,
                before=before.options,
            ),
        )

    # Warnings

    def warnings(self, network: Network, observed: Observed) -> tuple[str, ...]:
        """What of a new *network* is not as its maker may think."""
        used = [s.prefix for n in self._store.networks() if n.id != network.id for s in n.subnets]
        skipped = {
            subnet.prefix: skipped_for_routes(self._pools, subnet.prefix, used, observed.routes)
            for subnet in network.subnets
            if not subnet.asked
        }
        known = self._drivers.of(network).known_options
        return (
            *chosen_for_routes(skipped),
            *network_warnings(network, observed),
            *unknown_options(network, known),
        )


def _default_mtu(before: Network, after: Network, observed: Observed) -> int:
    """The MTU of *after* where none is asked for: the one chosen for *before*.

    One that was asked for is not the default, so what the host has now is, or a link of somebody else's.
    """
    was_asked = bool(dict(before.asked_options).get(MTU))
    if not was_asked or dict(after.asked_options).get(MTU):
        return before.options.mtu or MAX_MTU
    foreign = before.options.foreign
    link = observed.links.get(foreign) if foreign is not None else None
    return observed.default_mtu if link is None else link.mtu
