"""Addresses of a network, seen as a whole: who has them, for whom they are reserved, how many are left."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from seaway.contracts import Clock, Kernel, Store
from seaway.engine.turns import Turns
from seaway.model.address import Reservation
from seaway.model.endpoint import Endpoint
from seaway.model.errors import AddressTaken, InvalidRequest
from seaway.model.ids import Address, SandboxName
from seaway.model.network import Network
from seaway.plan.address_table import AddressUse, address_uses
from seaway.plan.ipam import refuse_address
from seaway.plan.reservations import with_reservation, without_reservation
from seaway.plan.room import PoolRoom, SubnetRoom, pool_rooms, shortages, subnet_rooms
from seaway.plan.subnets import AddressPool

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How much is left everywhere."""

    pools: tuple[PoolRoom, ...]
    """In the order in which they are used."""
    subnets: tuple[SubnetRoom, ...]
    """By the names of their networks."""


class Addresses:
    """What users ask of addresses, and what of them is reserved."""

    def __init__(
        self,
        *,
        store: Store,
        kernel: Kernel,
        clock: Clock,
        turns: Turns,
        pools: Sequence[AddressPool],
    ) -> None:
        self._store, self._kernel, self._clock = store, kernel, clock
        self._turns, self._pools = turns, pools

    # Seen

    def of_network(self, ref: str) -> tuple[AddressUse, ...]:
        """All addresses of a network of which anything is known; raises NotFound."""
        network = self._store.network(ref)
        ends = self._store.endpoints_of(network.id)
        names = {e.sandbox: self._store.sandbox(e.sandbox).name for e in ends}
        return address_uses(network, self._store.allocation(network.id), ends, names)

    async def room(self) -> Room:
        """How much is left in the pools, and in the subnets of all networks."""
        networks = sorted(self._store.networks(), key=lambda n: n.name)
        used = [subnet.prefix for n in networks for subnet in n.subnets]
        rooms = (subnet_rooms(n, self._store.allocation(n.id)) for n in networks)
        return Room(
            pools=pool_rooms(self._pools, used, (await self._kernel.observe()).routes),
            subnets=tuple(room for found in rooms for room in found),
        )

    async def warnings(self) -> Sequence[str]:
        """What is used up, or nearly so; one sentence each."""
        room = await self.room()
        return tuple(shortages(room.pools, room.subnets))

    # Reserved

    async def reserve(self, ref: str, address: Address, name: SandboxName) -> Sequence[str]:
        """Let *address* go only to the sandbox called *name*, there or not; gives warnings.

        It gets the address at its next start or connect; whoever runs keeps what it has. Raises
        NotFound (network), InvalidRequest, AddressTaken (by what is not given away), Conflict.
        """
        async with self._turns.take(self._store.network(ref).id):
            network = self._store.network(ref)
            self._refuse(network, address, name)
            wanted = Reservation(address=address, name=name, since=self._clock.now())
            await self._store.commit(put=[with_reservation(network, wanted)])
        log.info("address reserved", extra={"network": network.name, "sandbox": name})
        return self._until_then(network, address, name)

    async def unreserve(self, ref: str, address: Address) -> None:
        """Let *address* go to anybody again; whoever has it keeps it. Raises NotFound."""
        async with self._turns.take(self._store.network(ref).id):
            network = self._store.network(ref)
            await self._store.commit(put=[without_reservation(network, address)])
        log.info("address no longer reserved", extra={"network": network.name})

    def _refuse(self, network: Network, address: Address, name: SandboxName) -> None:
        if network.subnet_with(address) is None:
            subnets = ", ".join(str(s.prefix) for s in network.subnets) or "no subnet"
            raise InvalidRequest(
                f"{address} cannot be reserved: no subnet of network {network.name} contains it; "
                f"it has {subnets}"
            )
        refuse_address(network, address)
        asker = self._store.allocation(network.id).keeper(address)
        if asker is not None and (who := self._name(self._store.endpoint(asker))) != name:
            raise AddressTaken(
                address,
                network.name,
                f"asked for by container {who}: disconnect or remove that first",
            )

    def _until_then(self, network: Network, address: Address, name: SandboxName) -> list[str]:
        """What keeps the sandbox from having its address at once, or at all."""
        found: list[str] = []
        holder = self._store.allocation(network.id).holder(address)
        if holder is not None and (who := self._name(self._store.endpoint(holder))) != name:
            found.append(
                f"{who} has {address} now, and keeps it until it is stopped or disconnected"
            )
        for endpoint in self._store.endpoints_of(network.id):
            if self._name(endpoint) == name:
                found += _of_its_own(endpoint, address, name)
        return found

    def _name(self, endpoint: Endpoint) -> SandboxName:
        return self._store.sandbox(endpoint.sandbox).name


def _of_its_own(endpoint: Endpoint, address: Address, name: SandboxName) -> list[str]:
    """What *endpoint*, which the address is reserved for, has or wants instead."""
    place = endpoint.place if endpoint.live else None
    now = place.address(address.version) if place is not None else None
    asked = [a for a in endpoint.wish.addresses if a.version == address.version and a != address]
    if asked:
        return [f"{name} asks for {asked[0]} itself, and gets that as long as it does"]
    if now not in {None, address}:
        return [f"{name} has {now} now, and gets {address} at its next start or connect"]
    return []
