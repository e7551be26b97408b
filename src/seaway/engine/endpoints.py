"""Endpoints: connect a sandbox to a network, and disconnect it, running or not."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace

from seaway.contracts import Clock, Events, Store
from seaway.engine.files import Files
from seaway.engine.held_ports import HeldPorts
from seaway.engine.leasing import Leasing
from seaway.engine.neighbours import Neighbours
from seaway.engine.turns import Turns
from seaway.engine.undo import Undo
from seaway.engine.wires import Wires
from seaway.model.endpoint import Endpoint, EndpointWish, Place
from seaway.model.errors import Conflict, Forbidden, InvalidRequest, NotConnected
from seaway.model.event import network_event
from seaway.model.ids import Address, EndpointId, IfName, Mac, NetworkId, new_id, new_mac
from seaway.model.network import Network
from seaway.model.sandbox import Netns, Sandbox
from seaway.plan import ipam
from seaway.plan.wiring import beyond, published, with_network, without_network

log = logging.getLogger(__name__)


class Endpoints:
    """What users do with a sandbox's place on a network."""

    def __init__(
        self,
        *,
        store: Store,
        wires: Wires,
        held_ports: HeldPorts,
        leasing: Leasing,
        neighbours: Neighbours,
        files: Files,
        events: Events,
        clock: Clock,
        turns: Turns,
    ) -> None:
        self._store, self._wires, self._files = store, wires, files
        self._held_ports, self._events, self._turns = held_ports, events, turns
        self._clock, self._leasing, self._neighbours = clock, leasing, neighbours

    async def connect(self, network_ref: str, sandbox_ref: str, wish: EndpointWish) -> Endpoint:
        """Attach a sandbox to a network: all of it, or none.

        One that does not run is attached when it starts; said again, the new wish holds. Raises
        NotFound, Forbidden (connected
        already, address taken), InvalidRequest, Exhausted, KernelRefused.
        """
        sandbox_id = self._store.sandbox(sandbox_ref).id
        async with self._turns.take(sandbox_id):
            network = await self.settled(network_ref)
            sandbox = self._store.sandbox(sandbox_id)
            self._refuse_connect(network, sandbox)
            await self.refuse_sysctls(wish)
            endpoint = self.wished(network, sandbox, wish)
            if not sandbox.running:
                endpoint = self._in_place_of(self._on(network.id, sandbox), endpoint)
                await self._store.commit(put=[endpoint])
                return endpoint
            endpoint = await self._connect(network, sandbox, endpoint)
            await self._files.refresh(sandbox)
        self._events.emit(network_event("connect", network, sandbox))
        log.info("connected", extra={"network": network.name, "sandbox": sandbox.name})
        return endpoint

    async def _connect(self, network: Network, sandbox: Sandbox, endpoint: Endpoint) -> Endpoint:
        async with Undo() as undo:
            endpoint = await self.claim(network, endpoint, undo)
            before = without_network(self._wires.wiring(sandbox), network.id)
            after = with_network(before, self._wires.attachment(endpoint))
            after = self._held_ports.hold(sandbox, after, undo)
            await self._wires.lay(sandbox, before, after)
            self._wires.lay_undone(undo, sandbox, before, after)
            after = await self._leasing.obtain(sandbox, after, beyond(after, before), undo)
            (new,) = beyond(after, before)
            undo.by(self._held_ports.put_back, sandbox, before)
            after = self._held_ports.let_go(sandbox, after)
            await self._store.commit(put=[new.endpoint, *published(sandbox, after)])
        await self._leasing.keep(sandbox, [new])
        self._wires.show(sandbox)
        return new.endpoint

    async def disconnect(self, network_ref: str, sandbox_ref: str) -> None:
        """Take a sandbox off a network; raises NotFound, NotConnected, InvalidRequest."""
        sandbox_id = self._store.sandbox(sandbox_ref).id
        async with self._turns.take(sandbox_id):
            sandbox = self._store.sandbox(sandbox_id)
            if (orphan := self._orphan(network_ref, sandbox)) is not None:
                await self._store.commit(delete=[orphan.id])
                return
            network = self._store.network(network_ref)
            self._refuse_disconnect(network, sandbox)
            endpoint = self._endpoint(network, sandbox)
            await self._disconnect(sandbox, endpoint)
            if endpoint.live:
                await self._files.refresh(sandbox)
        self._events.emit(network_event("disconnect", network, sandbox))
        log.info("disconnected", extra={"network": network.name, "sandbox": sandbox.name})

    async def _disconnect(self, sandbox: Sandbox, endpoint: Endpoint) -> None:
        before = self._wires.wiring(sandbox)
        after = without_network(before, endpoint.network)
        async with Undo() as undo:
            if endpoint.live:
                after = self._held_ports.hold_free(sandbox, after, undo)
                undo.by(self._leasing.keep, sandbox, beyond(before, after))
                await self._leasing.give_back(sandbox, beyond(before, after))
                undo.by(self._wires.put_back, sandbox, after, before)
                await self._wires.cut(sandbox, before, after)
                after = self._held_ports.let_go(sandbox, after)
            await self._store.commit(put=published(sandbox, after), delete=[endpoint.id])
        self._wires.show(sandbox)

    def _on(self, network: NetworkId, sandbox: Sandbox) -> Endpoint | None:
        ends = self._store.endpoints_of(sandbox.id)
        return next((e for e in ends if e.network == network), None)

    def _orphan(self, network_id: str, sandbox: Sandbox) -> Endpoint | None:
        """The endpoint of *sandbox* on a network that was removed while it was stopped."""
        there = any(n.id == network_id for n in self._store.networks())
        return None if there else self._on(NetworkId(network_id), sandbox)

    @staticmethod
    def _in_place_of(former: Endpoint | None, endpoint: Endpoint) -> Endpoint:
        if former is None:
            return endpoint
        return replace(endpoint, id=former.id, order=former.order, place=former.place)

    def _endpoint(self, network: Network, sandbox: Sandbox) -> Endpoint:
        if (endpoint := self._on(network.id, sandbox)) is not None:
            return endpoint
        the = "" if sandbox.running else "the "
        raise NotConnected(
            f"container {sandbox.id} is not connected to {the}network {network.name}"
        )

    # What one endpoint needs; sandboxes that start use it too

    async def settled(self, ref: str) -> Network:
        """The network *ref*, when nobody makes or removes it at the moment; raises NotFound."""
        async with self._turns.take(self._store.network(ref).id):
            return self._store.network(ref)

    def wished(self, network: Network, sandbox: Sandbox, wish: EndpointWish) -> Endpoint:
        """A new endpoint of *sandbox*, not live yet; raises for an impossible wish (``refuse_wish``)."""
        refuse_wish(network, wish)
        order = max((e.order for e in self._store.endpoints_of(sandbox.id)), default=0) + 1
        return Endpoint(
            id=EndpointId(new_id()),
            network=network.id,
            sandbox=sandbox.id,
            order=order,
            wish=wish,
            asked=self._clock.now(),
        )

    async def claim(self, network: Network, endpoint: Endpoint, undo: Undo) -> Endpoint:
        """*endpoint* live, with the place it takes, which nobody else on the LAN has; *undo* gives it back."""
        return await self._neighbours.settled(lambda: self._claim(network, endpoint, undo))

    async def _claim(self, network: Network, endpoint: Endpoint, undo: Undo) -> Endpoint:
        """The network's turn keeps it from being removed, or used before it is made."""
        async with self._turns.take(network.id):
            network = self._store.network(network.id)
            self._refuse_crowd(network, endpoint)
            endpoint = replace(endpoint, live=True, taken=self._clock.now(), keeps=True)
            if network.places:
                endpoint = replace(endpoint, place=self._place(network, endpoint))
            await self._store.claim(endpoint)
            undo.by(self._store.release, endpoint.id)
        return endpoint

    async def claim_more(self, network: Network, endpoint: Endpoint, undo: Undo) -> Endpoint:
        """*endpoint*, if it is live, with an address in each family that *network* has by now.

        *undo* gives back what it takes; the caller holds the network's turn.
        """
        kept = [a.ip for a in endpoint.place.addresses] if endpoint.place is not None else []

        async def claim() -> Endpoint:
            grown = self._placed_again(network, endpoint)
            if grown != endpoint:
                await self._store.claim(grown)
                undo.by(self._store.release, grown.id)
            return grown

        return await self._neighbours.settled(claim, kept=kept)

    def _placed_again(self, network: Network, endpoint: Endpoint) -> Endpoint:
        place = endpoint.place
        if not endpoint.live or place is None:
            return endpoint
        missing = [v for v in network.versions if place.address(v) is None]
        if not missing or network.dhcp:
            return endpoint
        addresses = [*(a.ip for a in place.addresses)]
        addresses += self._chosen_addresses(network, endpoint, missing)
        addresses.sort(key=lambda a: a.version)
        again = ipam.place(network, addresses, ifname=place.ifname, mac=place.mac)
        return replace(endpoint, place=again)

    def _place(self, network: Network, endpoint: Endpoint) -> Place:
        return ipam.place(
            network,
            self._chosen_addresses(network, endpoint, () if network.dhcp else network.versions),
            ifname=self._chosen_ifname(endpoint, network.options.ifname_prefix),
            mac=self._chosen_mac(network, endpoint) if network.options.own_macs else None,
            lease=endpoint.place.lease if endpoint.place is not None else None,
        )

    def _chosen_addresses(
        self, network: Network, endpoint: Endpoint, versions: Sequence[int]
    ) -> list[Address]:
        allocation, claimant = self._store.allocation(network.id), self._claimant(endpoint)
        return [
            ipam.chosen_address(
                network,
                version,
                allocation,
                claimant,
                asked=next((a for a in endpoint.wish.addresses if a.version == version), None),
                named=self._named,
            )
            for version in versions
        ]

    def kept_for_others(self, sandbox: Sandbox) -> Iterator[str]:
        """What *sandbox*, which does not run, asks for and nobody holds, but others shall have."""
        for endpoint in self._store.endpoints_of(sandbox.id):
            network = self._store.network(endpoint.network)
            allocation, claimant = self._store.allocation(network.id), self._claimant(endpoint)
            for address in endpoint.wish.addresses:
                use = ipam.use_by_others(allocation, address, claimant, self._named)
                if use is not None and allocation.holder(address) is None:
                    yield f"{address} on network {network.name} is {use}"

    def _claimant(self, endpoint: Endpoint) -> ipam.Claimant:
        name = self._store.sandbox(endpoint.sandbox).name
        network = self._store.network(endpoint.network)
        return ipam.Claimant(
            endpoint=endpoint.id,
            name=name,
            place=endpoint.place,
            passes_over=self._neighbours.passed_over(network),
        )

    def _named(self, endpoint_id: EndpointId) -> str:
        endpoint = self._store.endpoint(endpoint_id)
        sandbox = self._store.sandbox(endpoint.sandbox)
        return f"container {sandbox.name}" + ("" if endpoint.live else _idle(sandbox))

    def _chosen_ifname(self, endpoint: Endpoint, prefix: str) -> IfName:
        taken = [
            e.place.ifname
            for e in self._store.endpoints_of(endpoint.sandbox)
            if e.live and e.place is not None and e.id != endpoint.id
        ]
        wanted = endpoint.wish.ifname
        if wanted in taken:
            raise Conflict(f"interface name {wanted} is in use in this container; choose another")
        former = endpoint.place.ifname if endpoint.place else None
        is_free = former is not None and former not in taken and _is_named(former, prefix)
        if wanted is None and former is not None and is_free:
            return former
        return wanted or ipam.free_ifname([*taken, *self._wished_ifnames(endpoint)], prefix)

    def _wished_ifnames(self, endpoint: Endpoint) -> list[IfName]:
        """The interface names that others of the sandbox ask for."""
        ends = self._store.endpoints_of(endpoint.sandbox)
        return [e.wish.ifname for e in ends if e.id != endpoint.id and e.wish.ifname is not None]

    def _chosen_mac(self, network: Network, endpoint: Endpoint) -> Mac:
        allocation = self._store.allocation(network.id)
        wanted = endpoint.wish.mac
        if wanted is not None:
            ipam.refuse_mac(network, wanted)
            holder = allocation.mac_holder(wanted)
            if holder not in {None, endpoint.id}:
                assert holder is not None
                raise Conflict(
                    f"mac address {wanted} is in use on network {network.name} by {self._named(holder)}"
                )
            return wanted
        former = endpoint.place.mac if endpoint.place else self._remembered_mac(network, endpoint)
        if former is not None and allocation.mac_holder(former) is None:
            return former
        return new_mac()

    def _remembered_mac(self, network: Network, endpoint: Endpoint) -> Mac | None:
        name = self._store.sandbox(endpoint.sandbox).name
        return ipam.remembered_mac(self._store.allocation(network.id), name)

    # Refusals

    async def refuse_sysctls(self, wish: EndpointWish) -> None:
        """Raise InvalidRequest for a setting that no interface has here: ``lo`` has all there are."""
        for wanted in wish.sysctls:
            if not await self._wires.has_sysctl(wanted.path("lo")):
                raise InvalidRequest(
                    f"invalid endpoint settings:\nthis kernel has no setting {wanted.said('IFNAME')}"
                )

    def _refuse_crowd(self, network: Network, endpoint: Endpoint) -> None:
        """Raise Conflict where *network* has room for one, and another than *endpoint* is on it."""
        others = self._store.endpoints_of(network.id) if network.options.for_one else ()
        for other in others:
            if other.live and other.id != endpoint.id:
                raise Conflict(
                    f"network {network.name} is for one sandbox at a time (macvlan mode passthru), and "
                    f"{self._named(other.id)} is on it: disconnect or stop that one first"
                )

    def _refuse_connect(self, network: Network, sandbox: Sandbox) -> None:
        if sandbox.netns is Netns.NONE or network.name == Netns.NONE.value:
            raise InvalidRequest(NONE_MODE)
        refuse_configuration(network)
        if not network.places:
            raise InvalidRequest(
                f"cannot connect container to {network.name} network - "
                f"container must be created in {network.name} network mode"
            )
        match sandbox.netns:
            case Netns.HOST | Netns.SHARED:
                raise InvalidRequest(
                    "container sharing network namespace with another container or host "
                    "cannot be connected to any other network"
                )
            case Netns.OWN | Netns.ADOPTED:
                pass
        if sandbox.running and self._on(network.id, sandbox) is not None:
            raise Forbidden(
                f"endpoint with name {sandbox.name} already exists in network {network.name}"
            )

    @staticmethod
    def _refuse_disconnect(network: Network, sandbox: Sandbox) -> None:
        if sandbox.netns is Netns.HOST or (sandbox.netns is Netns.NONE and not network.places):
            raise InvalidRequest(
                f"cannot disconnect container from {network.name} network - "
                f"container was created in {sandbox.netns.value} network mode"
            )


def _idle(sandbox: Sandbox) -> str:
    """Why an endpoint of *sandbox* is not live, as the end of a sentence about it."""
    return ", which is stopped" if sandbox.status.started else ", which was not started yet"


NONE_MODE = "container cannot be connected to multiple networks with one of the networks in private (none) mode"


def refuse_configuration(network: Network) -> None:
    """Raise Forbidden for a network that only keeps a configuration."""
    if network.config is not None:
        raise Forbidden(
            f"cannot connect container to network {network.name}: it is a configuration network; "
            f"make a network from it by --config-from {network.name}"
        )


def refuse_wish(network: Network, wish: EndpointWish) -> None:
    """Raise InvalidRequest, AddressTaken, Conflict for what no endpoint of *network* can have."""
    for address in wish.addresses:
        ipam.refuse_address(network, address)
    _refuse_twice(wish.addresses)
    if wish.mac is not None:
        ipam.refuse_mac(network, wish.mac)
    if wish.source_guard and network.options.parent is not None:
        _refuse_guard(network)


def _refuse_guard(network: Network) -> None:
    if not network.options.tells_senders:
        raise InvalidRequest(
            f"invalid endpoint settings:\nwhat sandboxes on network {network.name} send is not told apart "
            "from what others send, so that no source guard can hold them; leave it out"
        )


def _is_named(ifname: IfName, prefix: str) -> bool:
    """Whether *ifname* is *prefix* and a number."""
    return ifname.startswith(prefix) and ifname.removeprefix(prefix).isdecimal()


def _refuse_twice(addresses: Sequence[Address]) -> None:
    versions = [a.version for a in addresses]
    if len(set(versions)) != len(versions):
        raise InvalidRequest(
            "invalid endpoint settings:\nan endpoint has one IPv4 and one IPv6 address at most"
        )
