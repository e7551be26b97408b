"""Who holds which address of one network, who shall, and who did (``plan.ipam.Allocation``)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Generator, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain

from seaway.model.address import LastHolder, Reservation
from seaway.model.endpoint import Endpoint
from seaway.model.ids import Address, EndpointId, Prefix
from seaway.model.network import Subnet

MAX_RELEASED = 65_536
"""How many released addresses of a network are remembered; the longest free are forgotten first."""

NOBODY = LastHolder()


class NetworkAddresses:
    """What is known of the addresses of one network, each question answered at once."""

    def __init__(self, subnets: Iterable[Subnet] = ()) -> None:
        """*subnets* are the network's: they tell which addresses endpoints may get without asking."""
        self._spaces: dict[Prefix, Prefix] = {}
        self.fit(subnets)
        self._holders: dict[Address, EndpointId] = {}
        self._askers: dict[Address, dict[EndpointId, int]] = {}
        """Endpoints that asked for the address, live or not, with when they did."""
        self._reservations: dict[Address, Reservation] = {}
        self._reserved: dict[tuple[str, int], Address] = {}
        self._released: dict[int, dict[Address, LastHolder]] = {4: {}, 6: {}}
        self._remembered: dict[int, dict[str, Address]] = {4: {}, 6: {}}
        """By name, the last address that it let go, while that is released."""
        self._lent: dict[Address, LastHolder | None] = {}
        """Who had an address before it was claimed, None: nobody ever; forgotten with the commit."""
        self._given: Counter[Prefix] = Counter()
        self._last_fresh: dict[Prefix, Address] = {}
        self._macs: dict[str, EndpointId] = {}

    def fit(self, subnets: Iterable[Subnet]) -> None:
        """The network has *subnets* now."""
        self._spaces = {s.prefix: s.range or s.prefix for s in subnets}

    @property
    def is_large(self) -> bool:
        """Whether so many addresses of a subnet were given that old ones may be forgotten."""
        return any(given >= MAX_RELEASED for given in self._given.values())

    # Who has it, and who shall

    def holder(self, address: Address) -> EndpointId | None:
        """Which endpoint has *address* now."""
        return self._holders.get(address)

    def mac_holder(self, mac: str) -> EndpointId | None:
        """Which endpoint has the MAC address *mac* now."""
        return self._macs.get(mac)

    def keeper(self, address: Address) -> EndpointId | None:
        """Which endpoint, live or not, was the first that asked for *address*."""
        askers = self._askers.get(address)
        return min(askers, key=lambda e: (askers[e], e)) if askers else None

    def reservation(self, address: Address) -> Reservation | None:
        """For whom *address* is reserved."""
        return self._reservations.get(address)

    def reserved(self, name: str, version: int) -> Address | None:
        """The address of family *version* that is reserved for *name*."""
        return self._reserved.get((name, version))

    def taken(self) -> Collection[Address]:
        """All that nobody gets by chance: held, asked for by one that does not run, or reserved."""
        return self._holders.keys() | self._askers.keys() | self._reservations.keys()

    # Who had it

    def held_until(self, address: Address) -> int:
        """When *address* was let go last, whether it is claimed again or not; 0: not known."""
        last = self.last_holder(address) or self._lent.get(address)
        return last.until if last is not None else 0

    def released(self, version: int) -> Iterable[Address]:
        """Free addresses that were held before, the longest free first."""
        return self._released[version].keys()

    def last_holder(self, address: Address) -> LastHolder | None:
        """Who had *address* last, if it is free now and was held before."""
        return self._released[address.version].get(address)

    def remembered(self, name: str, version: int) -> Address | None:
        """The address that a sandbox called *name* let go last, while nobody else got it."""
        return self._remembered[version].get(name)

    def given(self, subnet: Subnet) -> int:
        """How many addresses of its range are taken, or remembered as held before."""
        return self._given[subnet.prefix]

    def last_fresh(self, subnet: Subnet) -> Address | None:
        """Its last address given for the first time; None while all held before are remembered."""
        forgets = len(self._released[subnet.version]) >= MAX_RELEASED
        return self._last_fresh.get(subnet.prefix) if forgets else None

    # Changes

    def add(self, endpoint: Endpoint) -> None:
        """*endpoint* asks for the addresses of its wish, and holds those of its place if it is live."""
        for address in endpoint.wish.addresses if endpoint.keeps else ():
            with self._counting(address):
                self._askers.setdefault(address, {})[endpoint.id] = endpoint.asked
        if not endpoint.live or endpoint.place is None:
            return
        if endpoint.place.mac is not None:
            self._macs[endpoint.place.mac] = endpoint.id
        for interface in endpoint.place.addresses:
            self._take(interface.ip, endpoint.id)

    def _take(self, address: Address, holder: EndpointId) -> None:
        subnet = self._subnet_with(address)
        if subnet is not None and not self._is_known(address):
            self._last_fresh[subnet] = address
        with self._counting(address):
            if address not in self._holders:
                self._lent[address] = self._forget(address)
            self._holders[address] = holder

    def settle(self, endpoint: Endpoint) -> None:
        """What *endpoint* holds is promised to it: nobody remembers the holders before."""
        for address in _held(endpoint):
            self._lent.pop(address, None)

    def drop(self, endpoint: Endpoint, last: LastHolder = NOBODY) -> None:
        """*endpoint* asks for nothing any more, and lets go of what it has if it is live.

        It is remembered as *last*; where it was only claimed, those are who had it before.
        """
        for address in endpoint.wish.addresses:
            self._ask_no_more(address, endpoint.id)
        if not endpoint.live or endpoint.place is None:
            return
        self._macs.pop(endpoint.place.mac or "", None)
        for address in _held(endpoint):
            if address in self._holders:
                self._let_go(address, self._lent.pop(address, last))

    def _let_go(self, address: Address, last: LastHolder | None) -> None:
        """Nobody holds *address*; *last* did before, None: nobody ever."""
        with self._counting(address):
            if last is not None:
                self.put_back(address, last)
            del self._holders[address]

    def _ask_no_more(self, address: Address, endpoint: EndpointId) -> None:
        askers = self._askers.get(address, {})
        with self._counting(address):
            askers.pop(endpoint, None)
            if not askers:
                self._askers.pop(address, None)

    def put_back(self, address: Address, last: LastHolder = NOBODY) -> None:
        """*address*, which *last* had, is free now, and the last to be given again."""
        released = self._released[address.version]
        with self._counting(address):
            self._forget(address)
            released[address] = last
            if last.name:
                self._remembered[address.version][last.name] = address
        if len(released) > MAX_RELEASED:
            longest_free = next(iter(released))
            with self._counting(longest_free):
                self._forget(longest_free)

    def reserve(self, reservations: Iterable[Reservation]) -> None:
        """From now on these are reserved, and no others."""
        wanted = {r.address: r for r in reservations}
        for address in self._reservations.keys() - wanted.keys():
            with self._counting(address):
                del self._reservations[address]
        for address, reservation in wanted.items():
            with self._counting(address):
                self._reservations[address] = reservation
        self._reserved = {(r.name, r.address.version): r.address for r in wanted.values()}

    # How many are known

    def _forget(self, address: Address) -> LastHolder | None:
        """Remember no longer who had *address*; gives who it was."""
        last = self._released[address.version].pop(address, None)
        remembered = self._remembered[address.version]
        if last is not None and remembered.get(last.name) == address:
            del remembered[last.name]
        return last

    @contextmanager
    def _counting(self, address: Address) -> Generator[None]:
        """Count *address* in ``given`` if the block makes it known, and out if it is not after it."""
        before = self._is_known(address)
        yield
        change = self._is_known(address) - before
        subnet = self._subnet_with(address) if change else None
        if subnet is not None and address in self._spaces[subnet]:
            self._given[subnet] += change

    def _subnet_with(self, address: Address) -> Prefix | None:
        return next((prefix for prefix in self._spaces if address in prefix), None)

    def _is_known(self, address: Address) -> bool:
        return (
            address in self._holders
            or address in self._released[address.version]
            or address in self._askers
            or address in self._reservations
        )


def _held(endpoint: Endpoint) -> Iterator[Address]:
    """The addresses that *endpoint* holds."""
    places = (endpoint.place,) if endpoint.live and endpoint.place is not None else ()
    return (a.ip for a in chain.from_iterable(p.addresses for p in places))
