"""Networks: create, remove, prune."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from seaway.contracts import Events, Kernel, Store
from seaway.engine.adoptions import Adoptions
from seaway.engine.drivers import Drivers
from seaway.engine.gate import Gate
from seaway.engine.leasing import Leasing
from seaway.engine.network_names import NetworkNames
from seaway.engine.network_plans import NetworkPlans
from seaway.engine.parents import Parents
from seaway.engine.turns import Turns
from seaway.engine.undo import Undo
from seaway.model.errors import EngineError, Forbidden, InUse, NotFound
from seaway.model.event import network_event, prune_event
from seaway.model.ids import NetworkName, network_name
from seaway.model.network import Network, NetworkWish
from seaway.model.parent import Macvlan
from seaway.plan import configuration
from seaway.plan.default_network import DefaultNetwork, is_as_asked
from seaway.plan.network_change import RESERVED
from seaway.plan.operations import ChangeElements
from seaway.plan.pitfalls import pitfalls
from seaway.plan.reconcile import missing_ops

log = logging.getLogger(__name__)

PREDEFINED = (("bridge", "bridge"), ("host", "host"), ("none", "null"))
"""Names and drivers of the networks that are always there."""

MAKING = "links that networks share"
"""The turn of whoever makes a network or takes one away: what others have with it is as it looks."""

PLAIN = DefaultNetwork().wish()
"""The default network where no setting asks anything of it."""


class Networks:
    """What users do with networks as a whole."""

    def __init__(
        self,
        *,
        store: Store,
        kernel: Kernel,
        names: NetworkNames,
        drivers: Drivers,
        plans: NetworkPlans,
        adoptions: Adoptions,
        parents: Parents,
        leasing: Leasing,
        events: Events,
        turns: Turns,
        gate: Gate,
    ) -> None:
        self._store, self._kernel, self._names, self._drivers = store, kernel, names, drivers
        self._adoptions, self._parents, self._leasing = adoptions, parents, leasing
        self.unsettled = ""
        """Why the default network is not as the settings say, in words."""
        self._plans, self._events, self._turns, self._gate = plans, events, turns, gate

    async def create(self, wish: NetworkWish) -> tuple[Network, tuple[str, ...]]:
        """Make a network as *wish* says: all of it, or none. Gives it, and warnings.

        Raises InvalidRequest, Conflict (name), Forbidden (overlap), NotFound (driver), PoolsExhausted,
        KernelRefused.
        """
        if wish.name in RESERVED:
            raise Forbidden(f"operation is not permitted on predefined {wish.name} network ")
        self._gate.pass_through()
        if wish.config_only:
            return await self._make(configuration.keeper(wish), predefined=False)
        driver = self._drivers.named(wish.driver)
        if not driver.multiple:
            raise Forbidden(f'only one instance of "{driver.name}" network is allowed')
        if not wish.config_from:
            return await self._create(wish)
        source = configuration.source(self._store.networks(), wish.config_from)
        async with self._turns.take(source.id):  # so that nobody removes it meanwhile
            source = configuration.source(self._store.networks(), source.id)
            return await self._create(configuration.configured(wish, source))

    async def _create(self, wish: NetworkWish) -> tuple[Network, tuple[str, ...]]:
        if wish.ipv6:
            await self._plans.refuse_without_ipv6(wish.name)
        return await self._make(wish, predefined=False)

    async def create_predefined(self, bridge: NetworkWish = PLAIN) -> None:
        """Make the networks that are always there, those that are not there yet.

        The default network becomes as *bridge* says, if nobody is on it.
        """
        there = {str(n.name): n for n in self._store.networks() if n.predefined}
        for name, driver in PREDEFINED:
            plain = NetworkWish(name=network_name(name), driver=driver)
            wish = bridge if name == bridge.name else plain
            if name not in there:
                await self._make_predefined(wish)
            elif wish is bridge and not is_as_asked(there[name], bridge):
                await self._make_again(there[name], bridge)

    async def _make_again(self, network: Network, wish: NetworkWish) -> None:
        """Let the predefined *network* be as *wish* says; what keeps it from that is told."""
        users = [self._store.sandbox(e.sandbox).name for e in self._store.endpoints_of(network.id)]
        if users:
            shown = ", ".join(sorted(users)[:5]) + (", …" if len(users) > 5 else "")
            self._tell_unsettled(f"sandboxes are on it: {shown}", network)
            return
        await self.take_away(network)
        try:
            await self._make_predefined(wish)
        except EngineError as error:
            await self._kernel.apply(self._drivers.make_ops(network))
            await self._store.commit(put=[network])
            await self._names.begin(network)
            self._tell_unsettled(" ".join(str(error).split()), network)

    async def _make_predefined(self, wish: NetworkWish) -> None:
        if wish.ipv6:
            await self._plans.refuse_without_ipv6(wish.name)
        await self._make(wish, predefined=True)

    def _tell_unsettled(self, why: str, network: Network) -> None:
        subnets = " and ".join(str(s.prefix) for s in network.subnets)
        self.unsettled = (
            f"the default network stays as it is ({subnets}, MTU {network.options.mtu}) although the "
            f"settings for it changed, since {why}; they hold from the next start at which nothing is in "
            "the way"
        )
        log.warning("the default network stays as it is", extra={"reason": why})

    async def _make(
        self, wish: NetworkWish, *, predefined: bool
    ) -> tuple[Network, tuple[str, ...]]:
        async with self._turns.take(MAKING):
            observed = await self._kernel.observe()
            network = self._plans.network(wish, observed, predefined=predefined)
            network = await self._made(network)
        log.info("network created", extra={"network": network.name})
        warnings = (*self._plans.warnings(network, observed), *await self._pitfalls(network))
        for text in warnings:
            log.warning(
                "network is not as it may seem", extra={"network": network.name, "reason": text}
            )
        return network, warnings

    async def _made(self, network: Network) -> Network:
        """Make *network*: all of it, or none; gives it as it is kept."""
        async with self._turns.take(network.id):
            async with Undo() as undo:
                await self._store.claim(network)
                undo.by(self._store.release, network.id)
                network = await self._adoptions.surveyed(network)
                undo.by(self._adoptions.forget, network)
                await self._adoptions.remember(network)
                others = self._store.networks()
                await self._kernel.apply(self._drivers.make_ops(network, others))
                undo.by(self._kernel.remove, self._drivers.unmake_ops(network, others))
                await self._store.commit(put=[network])
            await self._names.begin(network)
            await self._parents.watch()
            self._leasing.keep_for_host(network)
            if not network.predefined:  # they are always there
                self._events.emit(network_event("create", network))
        return network

    async def _pitfalls(self, network: Network) -> Sequence[str]:
        """Why sandboxes may not be heard beyond the host; that it cannot be known undoes nothing.

        By an uplink they are as with macvlan: each has a MAC address of its own.
        """
        parent, uplink = network.options.parent, network.options.uplink
        name = uplink.name if uplink is not None else parent.needs if parent is not None else None
        if name is None:
            return ()
        try:
            around = await self._kernel.surroundings(name)
            return [*pitfalls(network.options.link or Macvlan(), around)]
        except EngineError as error:
            facts = {"network": network.name, "reason": str(error)}
            log.warning("what is around an interface could not be read", extra=facts)
            return ()

    async def remove(self, ref: str) -> None:
        """Take a network away that nobody is connected to; raises NotFound, Forbidden, InUse."""
        network = self._store.network(ref)
        if network.predefined:
            raise Forbidden(f"{network.name} is a pre-defined network and cannot be removed")
        await self.take_away(network)

    async def take_away(self, network: Network) -> None:
        """Take *network* away, predefined or not; raises InUse."""
        async with self._turns.take(network.id), self._turns.take(MAKING):
            network = self._store.network(network.id)
            self._refuse_used(network)
            async with Undo() as undo:
                undo.by(self._put_back, network)
                await self._leasing.give_back_for_host(network)
                unmake = self._drivers.unmake_ops(network, self._store.networks())
                await self._kernel.remove(unmake)
                await self._store.commit(delete=[network.id])
            await self._adoptions.forget(network)
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
        if any(n.config_from == network.id for n in self._store.networks()):
            raise InUse(
                f'error while removing network: configuration network "{network.name}" is in use'
            )
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
        """Remove all *wanted* networks that no sandbox is on, running or not; gives their names.

        Configurations are kept: they are there to be used later.
        """
        names: list[NetworkName] = []
        for network in tuple(self._store.networks()):
            kept = network.predefined or network.config is not None
            if kept or self._store.endpoints_of(network.id) or not wanted(network):
                continue
            try:
                await self.remove(network.id)
            except (InUse, NotFound):  # since we looked: somebody uses it, or took it away
                continue
            names.append(network.name)
        self._events.emit(prune_event("network"))
        return tuple(names)
