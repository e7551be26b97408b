"""Other machines on the LANs of networks: no address that one of them has is given to an endpoint."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from seaway.contracts import Clock, Kernel, Store
from seaway.model.endpoint import Endpoint
from seaway.model.errors import AddressTaken, Exhausted
from seaway.model.ids import Address, IfName, Mac
from seaway.model.network import Network
from seaway.model.observed import Observed
from seaway.plan.ipam import following
from seaway.plan.operations import PARENT_GROUP

log = logging.getLogger(__name__)

TRIES = 16
"""How many addresses that were chosen may be in use on the LAN before one more is no better."""
AHEAD = 15
"""Addresses that are asked about beside one that is chosen, since they are likely to be next."""
KNOWN_FOR = 60 * 10**9
"""Nanoseconds for which it holds that somebody has an address, or nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Heard:
    holder: str | None
    """Who has the address, in words; None: nobody said that he has."""
    at: int


class Neighbours:
    """Asks the LAN before an address is used, and knows for a minute what it heard.

    An address that was an endpoint's of ours a moment ago is nobody else's, and not asked about.
    """

    def __init__(self, *, store: Store, kernel: Kernel, clock: Clock) -> None:
        self._store, self._kernel, self._clock = store, kernel, clock
        self._heard: dict[tuple[IfName, Address], _Heard] = {}

    def passed_over(self, network: Network) -> Collection[Address]:
        """The addresses that others on the LAN of *network* have, as far as is known."""
        parent = network.options.parent
        if parent is None or not network.options.probe:
            return ()
        self._forget()
        return {
            address
            for (link, address), heard in self._heard.items()
            if link == parent.name and heard.holder is not None
        }

    async def settled(
        self, claim: Callable[[], Awaitable[Endpoint]], *, kept: Collection[Address] = ()
    ) -> Endpoint:
        """What *claim* claims, once nobody on the LAN has an address of it: until then it claims again.

        *kept* are addresses that it has already. Raises AddressTaken for one that it asked for, or
        that is reserved for it; Exhausted; KernelRefused.
        """
        endpoint = await claim()
        network, tried = self._store.network(endpoint.network), dict[Address, str]()
        while rivals := await self._rivals(network, endpoint, kept):
            for address, holder in rivals.items():
                self._refuse_wished(network, endpoint, address, holder)
                facts = {"network": network.name, "address": str(address), "reason": holder}
                log.info("an address is passed over", extra=facts)
            tried.update(rivals)
            if len(tried) >= TRIES:
                raise _none_free(network, tried)
            self._store.release(endpoint.id)
            endpoint = await claim()
        return endpoint

    async def holder(self, network: Network, address: Address) -> str | None:
        """Who else on the LAN of *network* has *address*, in words.

        None: nobody says so, or *network* asks nobody. Raises KernelRefused.
        """
        parent = network.options.parent
        if parent is None or not network.options.probe:
            return None
        self._forget()
        if not self._is_free(network, parent.name, address):
            await self._ask(network, parent.name, [address])
        heard = self._heard.get((parent.name, address))
        return heard.holder if heard is not None else None

    def _refuse_wished(
        self, network: Network, endpoint: Endpoint, address: Address, holder: str
    ) -> None:
        reserved = self._store.allocation(network.id).reservation(address) is not None
        if reserved or address in endpoint.wish.addresses:
            raise AddressTaken(address, network.name, holder)

    async def _rivals(
        self, network: Network, endpoint: Endpoint, kept: Collection[Address]
    ) -> Mapping[Address, str]:
        """The addresses of *endpoint* but for *kept* that others have, with who does."""
        place, parent = endpoint.place, network.options.parent
        if place is None or parent is None or not network.options.probe:
            return {}
        self._forget()
        new = [a.ip for a in place.addresses if a.ip not in kept]
        if doubtful := [a for a in new if not self._is_free(network, parent.name, a)]:
            next_ones = self._next_ones(network, endpoint, doubtful)
            await self._ask(network, parent.name, [*doubtful, *next_ones])
        found = {a: self._heard.get((parent.name, a)) for a in new}
        return {a: heard.holder for a, heard in found.items() if heard and heard.holder}

    def _is_free(self, network: Network, parent: IfName, address: Address) -> bool:
        """Whether it is known that nobody else has *address*."""
        if (heard := self._heard.get((parent, address))) is not None:
            return heard.holder is None
        until = self._store.allocation(network.id).held_until(address)
        return until > 0 and self._is_recent(until)

    def _next_ones(
        self, network: Network, endpoint: Endpoint, addresses: Sequence[Address]
    ) -> list[Address]:
        allocation = self._store.allocation(network.id)
        chosen = (a for a in addresses if a not in endpoint.wish.addresses)
        found = (n for a in chosen for n in following(network, a, allocation, AHEAD))
        return [a for a in dict.fromkeys(found) if a not in addresses]

    # Asking, and what is remembered of it

    async def _ask(self, network: Network, parent: IfName, addresses: Sequence[Address]) -> None:
        own = _of_host(await self._kernel.observe())
        seconds = network.options.probe / 1000
        heard = await self._kernel.who_has(parent, addresses, seconds)
        now = self._clock.now()
        for address in addresses:
            holder = own.get(address)
            if holder is None and (mac := heard.get(address)) is not None:
                holder = self._holder(network, address, mac)
            self._heard[parent, address] = _Heard(holder=holder, at=now)

    def _holder(self, network: Network, address: Address, mac: Mac) -> str | None:
        """Who has *address* that answers with *mac*.

        None: a sandbox of ours that has another, whose frame came back from the switch.
        """
        on_lans = (n for n in self._store.networks() if n.options.parent is not None)
        ours = [
            e
            for n in on_lans
            for e in self._store.endpoints_of(n.id)
            if e.place is not None and e.place.mac == mac
        ]
        for endpoint in ours:
            if endpoint.network != network.id and endpoint.live and _has(endpoint, address):
                name = self._store.sandbox(endpoint.sandbox).name
                return f"used by {mac} on the LAN, which is container {name}"
        return None if ours else f"used by {mac} on the LAN"

    def _forget(self) -> None:
        """What was heard too long ago is not known any more."""
        self._heard = {k: h for k, h in self._heard.items() if self._is_recent(h.at)}

    def _is_recent(self, moment: int) -> bool:
        return 0 <= self._clock.now() - moment < KNOWN_FOR


def _of_host(observed: Observed) -> dict[Address, str]:
    """The addresses that the host itself has; it hears no question of its own."""
    return {
        address: f"an address of the host, on {name}"
        for name, link in observed.links.items()
        if link.group != PARENT_GROUP
        for address in link.addresses
    }


def _has(endpoint: Endpoint, address: Address) -> bool:
    return endpoint.place is not None and any(a.ip == address for a in endpoint.place.interfaces)


def _none_free(network: Network, tried: Mapping[Address, str]) -> Exhausted:
    address, holder = next(iter(tried.items()))
    return Exhausted(
        f"no free address was found for network {network.name}: the {len(tried)} that were tried are used "
        f"by others on the LAN ({address} is {holder}): give the network a range of its own (--ip-range), "
        "or, if one machine answers for all addresses, ask nobody: "
        f"seaway network update {network.name} --opt seaway.probe=0"
    )
