"""A DHCP server in memory, for tests of what leases mean to endpoints."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network
from typing import Generic

from seaway.contracts import Steps
from seaway.model.errors import AddressTaken, Unavailable
from seaway.model.lease import L, Lease4, Lease6, LeaseClient, LeasedAddress, LeasedRoute


def a_lease(number: int) -> Lease4:
    """192.0.2.*number*, with a router and a name server."""
    address, network = ip_interface(f"192.0.2.{number}/24"), ip_network("0.0.0.0/0")
    router = ip_address("192.0.2.254")
    assert address.version == 4
    assert network.version == 4
    assert router.version == 4
    return Lease4(
        address=address,
        server=router,
        obtained=1,
        renew_at=60,
        rebind_at=90,
        expires_at=120,
        routes=(LeasedRoute(to=network, via=router),),
        dns=(router,),
    )


def a_lease6(number: int) -> Lease6:
    """2001:db8::*number*."""
    address = ip_interface(f"2001:db8::{number}/128")
    assert address.version == 6
    return Lease6(
        server="0003000102000000ff00",
        obtained=1,
        renew_at=60,
        rebind_at=90,
        addresses=(LeasedAddress(address=address, preferred_until=100, valid_until=120),),
    )


class FakeLeases(Generic[L]):
    """Lends .50, .51 and on, and the same again to one that knows its own.

    A test reads who has what (``lent``) and whose leases are kept (``kept``), and says what changes.
    """

    def __init__(self, steps: Steps, lend: Callable[[int], L]) -> None:
        """*lend* makes the lease with a number."""
        self._steps, self._lend = steps, lend
        self.silent = False
        """Whether nobody answers."""
        self.clients: dict[str, LeaseClient] = {}
        self.lent: dict[str, L] = {}
        self.kept: dict[str, Callable[[L | None], Awaitable[None]]] = {}
        self.declined: list[L] = []
        """What was lent and was somebody else's."""
        self._next = 50

    async def acquire(self, client: LeaseClient, known: L | None = None) -> L:
        """A lease for *client*; raises Unavailable when the test says so."""
        self._steps.reach("leases.acquire")
        if self.silent:
            raise Unavailable(f"{client.said} got no address in 15 seconds: no server answered")
        self.clients[client.id] = client
        if known is None:
            known = self._lend(self._next)
            self._next += 1
        self.lent[client.id] = known
        return known

    def keep(
        self, client: LeaseClient, lease: L | None, changed: Callable[[L | None], Awaitable[None]]
    ) -> None:
        """Remember whom to tell."""
        assert client.id not in self.kept, "its lease is kept already"
        self.clients[client.id] = client
        self.kept[client.id] = changed

    async def change(self, client: str, lease: L | None) -> None:
        """The server says something else."""
        if lease is not None:
            self.lent[client] = lease
        try:
            await self.kept[client](lease)
        except AddressTaken:
            self.declined.append(self.lent.pop(client))

    async def release(self, client: LeaseClient, lease: L) -> None:
        """It is given back."""
        self._steps.reach("leases.release")
        await self.stop(client)
        self.lent.pop(client.id, None)

    async def decline(self, client: LeaseClient, lease: L) -> None:
        """Somebody else has it."""
        self._steps.reach("leases.decline")
        await self.stop(client)
        self.declined.append(self.lent.pop(client.id))

    async def stop(self, client: LeaseClient) -> None:
        """Nobody is told any more."""
        self.kept.pop(client.id, None)


def moved(lease: Lease4, number: int) -> Lease4:
    """*lease* of another address."""
    return replace(lease, address=a_lease(number).address)
