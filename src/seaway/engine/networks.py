"""Networks: create, remove, prune."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from seaway.contracts import Clock, Events, Kernel, NetworkFacts, Observed, Store
from seaway.engine.drivers import Drivers
from seaway.engine.gate import Gate
from seaway.engine.network_names import NetworkNames
from seaway.engine.turns import Turns
from seaway.engine.undo import Undo
from seaway.model.errors import Forbidden, InUse, InvalidRequest, NotFound
from seaway.model.event import network_event
from seaway.model.ids import IfName, NetworkId, NetworkName, Prefix, network_name, new_id
from seaway.model.network import Network, NetworkWish, Subnet
from seaway.plan.operations import ChangeElements
from seaway.plan.reconcile import missing_ops
from seaway.plan.subnets import AddressPool, overlap, planned_subnets, skipped_for_routes

log = logging.getLogger(__name__)

PREDEFINED = (("bridge", "bridge"), ("host", "host"), ("none", "null"))
"""Names and drivers of the networks that are always there."""
NO_IPV6 = "net/ipv6/conf/all/disable_ipv6"
RESERVED = frozenset({"bridge", "host", "none", "default"})


class Networks:
    """What users do with networks as a whole."""

    def __init__(
        self,
        *,
        store: Store,
        kernel: Kernel,
        names: NetworkNames,
        drivers: Drivers,
        events: Events,
        clock: Clock,
        turns: Turns,
        gate: Gate,
        pools: Sequence[AddressPool],
    ) -> None:
        self._store, self._kernel, self._names, self._drivers = store, kernel, names, drivers
        self._events, self._clock, self._turns, self._pools = events, clock, turns, pools
        self._gate = gate

    async def create(self, wish: NetworkWish) -> tuple[Network, tuple[str, ...]]:
        """Make a network as *wish* says: all of it, or none. Gives it, and warnings.

        Raises InvalidRequest, Conflict (name), Forbidden (overlap), NotFound (driver), PoolsExhausted,
        KernelRefused.
        """
        if wish.name in RESERVED:
            raise Forbidden(f"operation is not permitted on predefined {wish.name} network ")
        driver = self._drivers.named(wish.driver)
        if not driver.multiple:
            raise Forbidden(f'only one instance of "{driver.name}" network is allowed')
        self._gate.pass_through()
        if wish.ipv6:
            await self._refuse_without_ipv6(wish)
        return await self._make(wish, predefined=False)

    async def _refuse_without_ipv6(self, wish: NetworkWish) -> None:
        if await self._kernel.sysctl(NO_IPV6) != "0":
            raise InvalidRequest(
                f"network {wish.name} cannot have IPv6: IPv6 is not available in this kernel "
                f"(net.ipv6.conf.all.disable_ipv6 is not 0); make it with IPv4 only"
            )

    async def create_predefined(self) -> None:
        """Make the networks that are always there, those that are not there yet."""
        there = {network.name for network in self._store.networks() if network.predefined}
        for name, driver in PREDEFINED:
            if name not in there:
                wish = NetworkWish(name=network_name(name), driver=driver)
                await self._make(wish, predefined=True)

    async def _make(
        self, wish: NetworkWish, *, predefined: bool
    ) -> tuple[Network, tuple[str, ...]]:
        network_id = NetworkId(new_id())
        observed = await self._kernel.observe()
        async with self._turns.take(network_id):
            async with Undo() as undo:
                network = self._planned(network_id, wish, observed, predefined=predefined)
                await self._store.claim(network)
                undo.by(self._store.release, network.id)
                await self._kernel.apply(self._drivers.make_ops(network))
                undo.by(self._kernel.remove, self._drivers.unmake_ops(network))
                await self._store.commit(put=[network])
            await self._names.begin(network)
            self._events.emit(network_event("create", network))
        log.info("network created", extra={"network": network.name})
        return network, self._warnings(network, observed)

    def _planned(
        self, network_id: NetworkId, wish: NetworkWish, observed: Observed, *, predefined: bool
    ) -> Network:
        driver = self._drivers.named(wish.driver)
        options = driver.options(
            dict(wish.options),
            NetworkFacts(
                id=network_id,
                ipv6=wish.ipv6,
                predefined=predefined,
                default_mtu=observed.default_mtu,
                links=frozenset(observed.links) | self._bridges(),
            ),
        )
        return Network(
            id=network_id,
            name=wish.name,
            created=self._clock.now(),
            options=options,
            subnets=self._subnets(wish, observed) if options.places else (),
            internal=wish.internal,
            attachable=wish.attachable,
            predefined=predefined,
            labels=wish.labels,
            asked_options=wish.options,
        )

    def _subnets(self, wish: NetworkWish, observed: Observed) -> tuple[Subnet, ...]:
        return planned_subnets(wish, self._pools, self._used(), observed.routes)

    def _used(self) -> list[tuple[NetworkName, Prefix]]:
        return [(n.name, s.prefix) for n in self._store.networks() for s in n.subnets]

    def _bridges(self) -> frozenset[IfName]:
        """Links that networks use, though Linux may not have them yet."""
        return frozenset(b for n in self._store.networks() if (b := n.options.bridge) is not None)

    def _warnings(self, network: Network, observed: Observed) -> tuple[str, ...]:
        used = [p for name, p in self._used() if name != network.name]
        found = [
            f"{subnet.prefix} was chosen since the host routes {route} already"
            for subnet in network.subnets
            if not subnet.asked
            for route in skipped_for_routes(self._pools, subnet.prefix, used, observed.routes)
        ]
        for text in found:
            log.warning("subnet passed over", extra={"network": network.name, "reason": text})
        found += [
            f"{subnet.prefix} overlaps {route}, which the host routes: what is there cannot be reached "
            "from the network, nor by the host where it is the same"
            for subnet in network.subnets
            if subnet.asked
            for route in observed.routes
            if overlap(subnet.prefix, route)
        ]
        known = self._drivers.of(network).known_options
        found += [
            f"option {name} means nothing to Seaway and has no effect"
            for name, _ in network.asked_options
            if name not in known
        ]
        return tuple(found)

    async def remove(self, ref: str) -> None:
        """Take a network away that nobody is connected to; raises NotFound, Forbidden, InUse."""
        network = self._store.network(ref)
        if network.predefined:
            raise Forbidden(f"{network.name} is a pre-defined network and cannot be removed")
        await self.take_away(network)

    async def take_away(self, network: Network) -> None:
        """Take *network* away, predefined or not; raises InUse."""
        async with self._turns.take(network.id):
            network = self._store.network(network.id)
            self._refuse_used(network)
            async with Undo() as undo:
                undo.by(self._put_back, network)
                await self._kernel.remove(self._drivers.unmake_ops(network))
                await self._store.commit(delete=[network.id])
            await self._names.end(network)
            self._events.emit(network_event("destroy", network))
        log.info("network removed", extra={"network": network.name})

    async def _put_back(self, network: Network) -> None:
        """Make what *network* lacks: its removal came to nothing."""
        make = self._drivers.make_ops(network)
        rules = [op for op in make if isinstance(op, ChangeElements)]
        links = (await self._kernel.observe()).links
        await self._kernel.apply((*rules, *missing_ops(make, links)))

    def _refuse_used(self, network: Network) -> None:
        users = [
            f'name:"{sandbox.name}" id:"{endpoint.id[:12]}"'
            for endpoint in self._store.endpoints_of(network.id)
            if endpoint.live
            for sandbox in (self._store.sandbox(endpoint.sandbox),)
        ]
        if users:
            raise InUse(
                f"error while removing network: network {network.name} has active endpoints "
                f"({', '.join(users)})"
            )

    async def prune(
        self, wanted: Callable[[Network], bool] = lambda _: True
    ) -> tuple[NetworkName, ...]:
        """Remove all *wanted* networks that no sandbox is on, running or not; gives their names."""
        names: list[NetworkName] = []
        for network in tuple(self._store.networks()):
            if network.predefined or self._store.endpoints_of(network.id) or not wanted(network):
                continue
            try:
                await self.remove(network.id)
            except (InUse, NotFound):  # since we looked: somebody uses it, or took it away
                continue
            names.append(network.name)
        return tuple(names)
