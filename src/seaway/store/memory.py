"""The store in memory: for tests, and what the SQLite store reads from."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from seaway.contracts import Record, RecordId, Steps
from seaway.model.address import LastHolder
from seaway.model.endpoint import Endpoint
from seaway.model.errors import AddressTaken, Conflict, InvalidRequest, NotFound
from seaway.model.ids import Address, EndpointId, NetworkId, SandboxId, shown
from seaway.model.network import Network
from seaway.model.sandbox import Sandbox
from seaway.store.addresses import NetworkAddresses

Named = TypeVar("Named", Network, Sandbox)


class MemoryStore:
    """Everything in dictionaries, with the indexes that make each question quick."""

    def __init__(self, steps: Steps, *, now: Callable[[], int] = time.time_ns) -> None:
        """*now* tells the time at which an address is let go, in nanoseconds since the epoch."""
        self._steps, self._now, self._moment = steps, now, 0
        self._networks: dict[NetworkId, Network] = {}
        self._sandboxes: dict[SandboxId, Sandbox] = {}
        self._endpoints: dict[EndpointId, Endpoint] = {}
        self._network_names: dict[str, NetworkId] = {}
        self._sandbox_names: dict[str, SandboxId] = {}
        self._owned: dict[str, dict[EndpointId, None]] = {}
        self._allocations: dict[NetworkId, NetworkAddresses] = {}
        self._facts: dict[str, str] = {}
        self._committed: dict[str, Record] = {}

    # Reading

    def networks(self) -> Collection[Network]:
        """All networks, claimed ones too."""
        return self._networks.values()

    def sandboxes(self) -> Collection[Sandbox]:
        """All sandboxes, claimed ones too."""
        return self._sandboxes.values()

    def network(self, ref: str) -> Network:
        """By full id, name, or unambiguous beginning of an id."""
        network_id = self._network_names.get(ref, NetworkId(ref))
        found = self._networks.get(NetworkId(ref)) or self._networks.get(network_id)
        return found or _by_prefix(
            ref, self._networks.values(), f"network {shown(ref)} not found", "network"
        )

    def sandbox(self, ref: str) -> Sandbox:
        """By full id, name, or unambiguous beginning of an id."""
        ref = ref.removeprefix("/")
        sandbox_id = self._sandbox_names.get(ref, SandboxId(ref))
        found = self._sandboxes.get(SandboxId(ref)) or self._sandboxes.get(sandbox_id)
        return found or _by_prefix(
            ref, self._sandboxes.values(), f"No such container: {shown(ref)}", "container"
        )

    def endpoint(self, endpoint: EndpointId) -> Endpoint:
        """By full id; raises KeyError when it is not there."""
        return self._endpoints[endpoint]

    def endpoints_of(self, owner: NetworkId | SandboxId) -> Sequence[Endpoint]:
        """The endpoints of a network or sandbox, in the order of connecting."""
        mine = [self._endpoints[e] for e in self._owned.get(owner, ())]
        return sorted(mine, key=lambda e: e.order)

    def allocation(self, network: NetworkId) -> NetworkAddresses:
        """What is known of the network's addresses; of one that is not there: nothing."""
        return self._allocations.get(network, NetworkAddresses())

    def fact(self, name: str) -> str | None:
        """A fact about the host that must outlive the daemon."""
        return self._facts.get(name)

    def facts(self, prefix: str) -> Mapping[str, str]:
        """All such facts whose name begins with *prefix*, the last kept first."""
        names = [name for name in reversed(self._facts) if name.startswith(prefix)]
        return {name: self._facts[name] for name in names}

    # Writing

    async def claim(self, record: Record) -> None:
        """Take the names and addresses of *record*; raises Conflict, AddressTaken."""
        self._steps.reach("store.claim")
        match record:
            case Network():
                self._refuse_network_name(record)
            case Sandbox():
                self._refuse_sandbox_name(record)
            case Endpoint():
                self._refuse_addresses(record)
        self._put(record)

    def release(self, record: RecordId) -> None:
        """Give up what was claimed since the last commit of *record*."""
        self._moment = self._now()
        before = self._committed.get(record)
        if before is None:
            self._delete(record)
        else:
            self._put(before)
            self._settle(None, before)

    async def commit(self, put: Sequence[Record] = (), delete: Sequence[RecordId] = ()) -> None:
        """Keep all of *put* and forget all of *delete*."""
        self._steps.reach("store.commit")
        self._moment = self._now()
        self._keep(put, delete)
        for record in put:
            former, self._committed[record.id] = self._committed.get(record.id), record
            if isinstance(former, Sandbox):
                self._sandbox_names.pop(former.name, None)
            elif isinstance(former, Network):
                self._network_names.pop(former.name, None)
            self._put(record)
            self._settle(former, record)
        for record_id in delete:
            self._delete(record_id)
            self._committed.pop(record_id, None)

    async def keep_fact(self, name: str, value: str | None) -> None:
        """Keep, or with None forget, a fact about the host."""
        self._steps.reach("store.keep_fact")
        self._keep_fact(name, value)
        self._facts.pop(name, None)
        if value is not None:
            self._facts[name] = value

    def _settle(self, former: Record | None, record: Record) -> None:
        """What follows of a promise for what is remembered of addresses."""
        if isinstance(record, Endpoint):
            self.allocation(record.network).settle(record)
        for network, address, last in tuple(self._renamed(former, record)):
            self.allocation(network).put_back(address, last)

    def _renamed(
        self, former: Record | None, record: Record
    ) -> Iterator[tuple[NetworkId, Address, LastHolder]]:
        """The released addresses that a sandbox of another name had last, with whom they had."""
        if not isinstance(former, Sandbox) or not isinstance(record, Sandbox):
            return
        for endpoint in self.endpoints_of(record.id) if former.name != record.name else ():
            for interface in endpoint.place.addresses if endpoint.place else ():
                last = self.allocation(endpoint.network).last_holder(interface.ip)
                if last is not None and last.name == former.name:
                    yield endpoint.network, interface.ip, replace(last, name=record.name)

    def _last_holder(self, endpoint: Endpoint) -> LastHolder:
        """As which *endpoint* is remembered when it lets go now."""
        sandbox, place = self._sandboxes.get(endpoint.sandbox), endpoint.place
        if sandbox is None or place is None:
            return LastHolder(until=self._moment)
        return LastHolder(name=sandbox.name, mac=place.mac or "", until=self._moment)

    # Where a file comes in

    def _keep(self, put: Sequence[Record], delete: Sequence[RecordId]) -> None:
        """Make a commit outlive the process; nothing to do without a file."""

    def _keep_fact(self, name: str, value: str | None) -> None:
        """Make a fact outlive the process; nothing to do without a file."""

    # Indexes

    def _refuse_network_name(self, network: Network) -> None:
        if self._network_names.get(network.name, network.id) != network.id:
            raise Conflict(f"network with name {network.name} already exists")

    def _refuse_sandbox_name(self, sandbox: Sandbox) -> None:
        holder = self._sandbox_names.get(sandbox.name, sandbox.id)
        if holder != sandbox.id:
            raise Conflict(
                f'Conflict. The container name "/{sandbox.name}" is already in use by container '
                f'"{holder}". You have to remove (or rename) that container to be able to reuse '
                "that name."
            )

    def _refuse_addresses(self, endpoint: Endpoint) -> None:
        if not endpoint.live or endpoint.place is None:
            return
        network = self._networks[endpoint.network]
        allocation = self.allocation(endpoint.network)
        for interface in endpoint.place.addresses:
            holder = allocation.holder(interface.ip)
            if holder not in {None, endpoint.id}:
                raise AddressTaken(interface.ip, network.name, f"held by endpoint {holder}")

    def _put(self, record: Record) -> None:
        match record:
            case Network():
                self._put_network(record)
            case Sandbox():
                self._put_sandbox(record)
            case Endpoint():
                self._put_endpoint(record)

    def _put_network(self, network: Network) -> None:
        """A claimed new name leaves the committed one taken: it may have to come back."""
        former, kept = self._networks.get(network.id), self._committed.get(network.id)
        if former is not None and not (isinstance(kept, Network) and kept.name == former.name):
            self._network_names.pop(former.name, None)
        self._networks[network.id] = network
        self._network_names[network.name] = network.id
        addresses = self._allocations.setdefault(network.id, NetworkAddresses())
        addresses.fit(network.subnets)
        if former is None or former.reservations != network.reservations:
            addresses.reserve(network.reservations)

    def _put_sandbox(self, sandbox: Sandbox) -> None:
        """A claimed new name leaves the committed one taken: it may have to come back."""
        former, kept = self._sandboxes.get(sandbox.id), self._committed.get(sandbox.id)
        if former is not None and not (isinstance(kept, Sandbox) and kept.name == former.name):
            self._sandbox_names.pop(former.name, None)
        self._sandboxes[sandbox.id] = sandbox
        self._sandbox_names[sandbox.name] = sandbox.id

    def _put_endpoint(self, endpoint: Endpoint) -> None:
        allocation = self.allocation(endpoint.network)
        former = self._endpoints.get(endpoint.id)
        if former == endpoint:  # what was claimed is committed
            return
        if former is not None:
            allocation.drop(former, self._last_holder(former))
        self._endpoints[endpoint.id] = endpoint
        for owner in (endpoint.network, endpoint.sandbox):
            self._owned.setdefault(owner, {})[endpoint.id] = None
        allocation.add(endpoint)

    def _delete(self, record_id: RecordId) -> None:
        if (network := self._networks.pop(NetworkId(record_id), None)) is not None:
            self._network_names.pop(network.name, None)
            self._allocations.pop(network.id, None)
        elif (sandbox := self._sandboxes.pop(SandboxId(record_id), None)) is not None:
            self._sandbox_names.pop(sandbox.name, None)
        elif (endpoint := self._endpoints.pop(EndpointId(record_id), None)) is not None:
            self.allocation(endpoint.network).drop(endpoint, self._last_holder(endpoint))
            for owner in (endpoint.network, endpoint.sandbox):
                self._disown(owner, endpoint.id)

    def _disown(self, owner: NetworkId | SandboxId, endpoint: EndpointId) -> None:
        """One endpoint less; an owner without any is not remembered."""
        mine = self._owned[owner]
        del mine[endpoint]
        if not mine:
            del self._owned[owner]


def _by_prefix(ref: str, all_: Iterable[Named], missing: str, kind: str) -> Named:
    found = [record for record in all_ if record.id.startswith(ref)] if ref else []
    if not found:
        raise NotFound(missing)
    if len(found) > 1:
        raise InvalidRequest(
            f"{kind} {ref} is ambiguous ({len(found)} matches found based on ID prefix)"
        )
    return found[0]
