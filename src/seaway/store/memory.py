"""The store in memory: for tests, and what the SQLite store reads from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TypeVar

from seaway.contracts import Record, RecordId, Steps
from seaway.model.endpoint import Endpoint
from seaway.model.errors import AddressTaken, Conflict, InvalidRequest, NotFound
from seaway.model.ids import Address, EndpointId, NetworkId, Prefix, SandboxId
from seaway.model.network import Network, Subnet
from seaway.model.sandbox import Sandbox

Named = TypeVar("Named", Network, Sandbox)

MAX_RELEASED = 65_536
"""How many released addresses of a network are remembered; the longest free are forgotten first."""


class MemoryStore:
    """Everything in dictionaries, with the indexes that make each question quick."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
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
            ref, self._networks.values(), f"network {ref} not found", "network"
        )

    def sandbox(self, ref: str) -> Sandbox:
        """By full id, name, or unambiguous beginning of an id."""
        ref = ref.removeprefix("/")
        sandbox_id = self._sandbox_names.get(ref, SandboxId(ref))
        found = self._sandboxes.get(SandboxId(ref)) or self._sandboxes.get(sandbox_id)
        return found or _by_prefix(
            ref, self._sandboxes.values(), f"No such container: {ref}", "container"
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
                self.allocation(record.network).try_out(record)
        self._put(record)

    def release(self, record: RecordId) -> None:
        """Give up what was claimed since the last commit of *record*."""
        before = self._committed.get(record)
        if before is None:
            self._delete(record)
        else:
            self._put(before)

    async def commit(self, put: Sequence[Record] = (), delete: Sequence[RecordId] = ()) -> None:
        """Keep all of *put* and forget all of *delete*."""
        self._steps.reach("store.commit")
        self._keep(put, delete)
        for record in put:
            former, self._committed[record.id] = self._committed.get(record.id), record
            if isinstance(record, Endpoint):
                self.allocation(record.network).promise(record)
            if isinstance(former, Sandbox):
                self._sandbox_names.pop(former.name, None)
            elif isinstance(former, Network):
                self._network_names.pop(former.name, None)
            self._put(record)
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
        self._allocations.setdefault(network.id, NetworkAddresses()).fit(network.subnets)

    def _put_sandbox(self, sandbox: Sandbox) -> None:
        """A claimed new name leaves the committed one taken: it may have to come back."""
        former, kept = self._sandboxes.get(sandbox.id), self._committed.get(sandbox.id)
        if former is not None and not (isinstance(kept, Sandbox) and kept.name == former.name):
            self._sandbox_names.pop(former.name, None)
        self._sandboxes[sandbox.id] = sandbox
        self._sandbox_names[sandbox.name] = sandbox.id

    def _put_endpoint(self, endpoint: Endpoint) -> None:
        allocation = self.allocation(endpoint.network)
        if (former := self._endpoints.get(endpoint.id)) is not None:
            allocation.drop(former)
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
            self.allocation(endpoint.network).drop(endpoint)
            for owner in (endpoint.network, endpoint.sandbox):
                self._disown(owner, endpoint.id)

    def _disown(self, owner: NetworkId | SandboxId, endpoint: EndpointId) -> None:
        """One endpoint less; an owner without any is not remembered."""
        mine = self._owned[owner]
        del mine[endpoint]
        if not mine:
            del self._owned[owner]


class NetworkAddresses:
    """Who holds which address of one network, and which were held before (``plan.ipam.Allocation``)."""

    def __init__(self, subnets: Iterable[Subnet] = ()) -> None:
        """*subnets* are the network's: they tell which addresses endpoints may get without asking."""
        self._spaces: dict[Prefix, Prefix] = {}
        self.fit(subnets)
        self._holders: dict[Address, EndpointId] = {}
        self._released: dict[int, dict[Address, None]] = {4: {}, 6: {}}
        self._given: Counter[Prefix] = Counter()
        self._last_fresh: dict[Prefix, Address] = {}
        self._macs: dict[str, EndpointId] = {}
        self._tried: set[Address] = set()
        """Claimed for the first time ever and not promised yet: when let go of, they are as before."""

    def fit(self, subnets: Iterable[Subnet]) -> None:
        """The network has *subnets* now."""
        self._spaces = {s.prefix: s.range or s.prefix for s in subnets}

    @property
    def is_large(self) -> bool:
        """Whether so many addresses of a subnet were given that old ones may be forgotten."""
        return any(given >= MAX_RELEASED for given in self._given.values())

    def holder(self, address: Address) -> EndpointId | None:
        """Which endpoint has *address* now."""
        return self._holders.get(address)

    def mac_holder(self, mac: str) -> EndpointId | None:
        """Which endpoint has the MAC address *mac* now."""
        return self._macs.get(mac)

    def released(self, version: int) -> Iterable[Address]:
        """Free addresses that were held before, the longest free first."""
        return self._released[version].keys()

    def was_given(self, address: Address) -> bool:
        """Whether *address* is free now and was held before."""
        return address in self._released[address.version]

    def given(self, subnet: Subnet) -> int:
        """How many addresses of its range are held, or remembered as held before."""
        return self._given[subnet.prefix]

    def last_fresh(self, subnet: Subnet) -> Address | None:
        """Its last address given for the first time; None while all held before are remembered."""
        forgets = len(self._released[subnet.version]) >= MAX_RELEASED
        return self._last_fresh.get(subnet.prefix) if forgets else None

    def add(self, endpoint: Endpoint) -> None:
        """*endpoint* holds its addresses, if it is live."""
        if not endpoint.live or endpoint.place is None:
            return
        self._macs[endpoint.place.mac] = endpoint.id
        for interface in endpoint.place.addresses:
            if not self._is_known(interface.ip):
                self._count(interface.ip, 1)
                self._last_fresh_is(interface.ip)
            self._holders[interface.ip] = endpoint.id
            self._released[interface.version].pop(interface.ip, None)

    def try_out(self, endpoint: Endpoint) -> None:
        """*endpoint* is about to hold its addresses, and may let go of them before that is a promise."""
        if endpoint.live and endpoint.place is not None:
            fresh = (i.ip for i in endpoint.place.addresses if not self._is_known(i.ip))
            self._tried.update(fresh)

    def promise(self, endpoint: Endpoint) -> None:
        """*endpoint* has its addresses for good: let go of, they are remembered as released."""
        if endpoint.place is not None:
            self._tried.difference_update(i.ip for i in endpoint.place.addresses)

    def drop(self, endpoint: Endpoint) -> None:
        """*endpoint* lets go of its addresses, if it is live."""
        if not endpoint.live or endpoint.place is None:
            return
        self._macs.pop(endpoint.place.mac, None)
        for interface in endpoint.place.addresses:
            if interface.ip in self._tried:
                self._tried.discard(interface.ip)
                self._count(interface.ip, -1)
            elif interface.ip in self._holders:
                self.put_back(interface.ip)
            self._holders.pop(interface.ip, None)

    def put_back(self, address: Address) -> None:
        """*address* is free now, and the last to be given again."""
        released = self._released[address.version]
        if not self._is_known(address):
            self._count(address, 1)
        released.pop(address, None)
        released[address] = None
        if len(released) > MAX_RELEASED:
            longest_free = next(iter(released))
            del released[longest_free]
            self._count(longest_free, -1)

    def _is_known(self, address: Address) -> bool:
        return address in self._holders or address in self._released[address.version]

    def _count(self, address: Address, change: int) -> None:
        subnet = self._subnet_with(address)
        if subnet is not None and address in self._spaces[subnet]:
            self._given[subnet] += change

    def _last_fresh_is(self, address: Address) -> None:
        subnet = self._subnet_with(address)
        if subnet is not None:
            self._last_fresh[subnet] = address

    def _subnet_with(self, address: Address) -> Prefix | None:
        return next((prefix for prefix in self._spaces if address in prefix), None)


def _by_prefix(ref: str, all_: Iterable[Named], missing: str, kind: str) -> Named:
    found = [record for record in all_ if record.id.startswith(ref)] if ref else []
    if not found:
        raise NotFound(missing)
    if len(found) > 1:
        raise InvalidRequest(
            f"{kind} {ref} is ambiguous ({len(found)} matches found based on ID prefix)"
        )
    return found[0]
