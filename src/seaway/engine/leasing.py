"""Addresses that the LAN itself gives to endpoints: asked for, kept, and given back."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import replace
from functools import partial

from seaway.contracts import Kernel, Leases, Store
from seaway.engine.autoconf import Autoconf
from seaway.engine.drivers import Drivers
from seaway.engine.neighbours import Neighbours
from seaway.engine.readdressing import Readdressing
from seaway.engine.turns import Turns
from seaway.engine.undo import Undo
from seaway.engine.wires import Wires
from seaway.model.endpoint import Endpoint
from seaway.model.errors import AddressTaken, Unavailable
from seaway.model.ids import NO_MAC, EndpointId, Interface, NetworkId, mac_of
from seaway.model.lease import L, Lease4, Lease6, LeaseClient
from seaway.model.network import Network
from seaway.model.sandbox import Sandbox
from seaway.plan.leased import addresses, is_leased, leased, unleased
from seaway.plan.netns import NetnsPaths
from seaway.plan.wiring import Attachment, Wiring, with_endpoint

log = logging.getLogger(__name__)

OFFERS = 4
"""How many addresses that servers lend may be others' before one more is no better."""


class Leasing:
    """Joins the protocols, which know interfaces, to endpoints; who calls it holds the sandbox's turn.

    For IPv4 everybody waits. IPv6 comes beside, when it comes: a LAN may have routers and no DHCPv6.
    """

    def __init__(
        self,
        *,
        store: Store,
        kernel: Kernel,
        leases4: Leases[Lease4],
        leases6: Leases[Lease6],
        autoconf: Autoconf,
        readdressing: Readdressing,
        neighbours: Neighbours,
        drivers: Drivers,
        wires: Wires,
        turns: Turns,
        paths: NetnsPaths,
    ) -> None:
        self._store, self._kernel, self._drivers = store, kernel, drivers
        self._wires, self._turns, self._paths = wires, turns, paths
        self._leases4, self._leases6 = leases4, leases6
        self._autoconf, self._readdressing = autoconf, readdressing
        self._neighbours = neighbours

    async def obtain(
        self, sandbox: Sandbox, wiring: Wiring, asking: Iterable[Attachment], undo: Undo
    ) -> Wiring:
        """Get an IPv4 address for each of *asking* whose network has none to give, and lay *wiring* so.

        *wiring* is laid already: servers are asked by its interfaces. Raises Unavailable, within a
        bounded time, where none answers, or where they lend what others on the LAN have; *undo* gives
        back what was lent.
        """
        for attachment in asking:
            if not is_leased(attachment):
                continue
            client = await self._client(sandbox, attachment)
            lease = await self._borrowed(client, attachment)
            undo.by(self._leases4.release, client, lease)
            endpoint = leased(attachment.endpoint, lease)
            await self._store.claim(endpoint)
            undo.by(self._store.release, endpoint.id)
            after = with_endpoint(wiring, endpoint)
            await self._wires.lay(sandbox, wiring, after)
            self._wires.name(sandbox, [self._wires.attachment(endpoint)])
            self._wires.show(sandbox)
            wiring = after
        return wiring

    async def _borrowed(self, client: LeaseClient, attachment: Attachment) -> Lease4:
        """A lease of an address that nobody else on the LAN has; those of others are declined."""
        known, declined = attachment.place.lease, 0
        while True:
            lease = await self._leases4.acquire(client, known)
            try:
                await self._refuse_taken(attachment.network, lease)
            except AddressTaken as taken:
                await self._leases4.decline(client, lease)
                log.warning("a lent address is declined", extra={"reason": str(taken)})
                known, declined = None, declined + 1
                if declined == OFFERS:
                    raise _all_taken(attachment.network, taken) from taken
            except BaseException:
                await self._leases4.release(client, lease)
                raise
            else:
                return lease

    async def _refuse_taken(
        self, network: Network, lease: Lease4 | Lease6, before: Collection[Interface] = ()
    ) -> None:
        """Raise AddressTaken where others on the LAN have what *lease* gives beside *before*."""
        for new in addresses(lease):
            if new.ip in {a.ip for a in before}:
                continue
            if (holder := await self._neighbours.holder(network, new.ip)) is not None:
                raise AddressTaken(new.ip, network.name, holder)

    async def keep(self, sandbox: Sandbox, attachments: Iterable[Attachment]) -> None:
        """From now on let *attachments*, which are promised, have what the LAN gives them."""
        for attachment in attachments:
            if not attachment.network.dhcp:
                continue
            client, place = await self._client(sandbox, attachment), attachment.place
            if is_leased(attachment):
                self._leases4.keep(client, place.lease, self._taking_over(attachment, 4))
            if attachment.network.autoconf:
                self._leases6.keep(client, place.lease6, self._taking_over(attachment, 6))
        await self._autoconf.follow(sandbox, self._wires.wiring(sandbox).attachments)

    async def give_back(self, sandbox: Sandbox, attachments: Collection[Attachment]) -> None:
        """Give back what was lent to *attachments*, which are laid still."""
        gone = {attachment.endpoint.id for attachment in attachments}
        left = [a for a in self._wires.wiring(sandbox).attachments if a.endpoint.id not in gone]
        await self._autoconf.follow(sandbox, left)
        for attachment in attachments:
            if not attachment.network.dhcp:
                continue
            client, place = await self._client(sandbox, attachment), attachment.place
            if attachment.network.autoconf:
                await _end(self._leases6, client, place.lease6)
            if is_leased(attachment):
                await _end(self._leases4, client, place.lease)

    # The host's own

    def keep_for_host(self, network: Network) -> None:
        """From now on get, and prolong, an address for the host's shim on *network*, if that has one to get.

        Nobody waits for it: where the host has an address on the parent, its sandboxes reach it by that.
        """
        if (client := _host_client(network)) is not None:
            taking_over = partial(self._take_over_for_host, network.id)
            self._leases4.keep(client, network.host_lease, taking_over)

    async def give_back_for_host(self, network: Network) -> None:
        """Give back what was lent for the shim of *network*, which is there still."""
        client, lease = _host_client(network), network.host_lease
        if client is not None and lease is not None:
            await self._leases4.release(client, lease)
        elif client is not None:
            await self._leases4.stop(client)

    async def follow_change(self, before: Network, after: Network) -> None:
        """Begin or end with the address of the host's shim as *before* became *after*."""
        if _host_client(before) != _host_client(after):
            await self.give_back_for_host(before)
            self.keep_for_host(after)

    async def _take_over_for_host(self, network_id: NetworkId, lease: Lease4 | None) -> None:
        """Let the host's shim have what *lease* says from now on; None: it has no address. Raises AddressTaken."""
        if lease is not None:
            network = self._store.network(network_id)
            had = network.host_lease
            await self._refuse_taken(network, lease, addresses(had) if had is not None else ())
        async with self._turns.take(network_id):
            before = self._store.network(network_id)
            after = replace(before, host_lease=lease)
            driver = self._drivers.of(before)
            async with Undo() as undo:
                await self._kernel.apply(driver.network_ops(before, after))
                undo.by(self._kernel.remove, driver.network_ops(after, before))
                await self._store.commit(put=[after])
        facts = {"network": before.name, "address": str(lease.address) if lease else "none"}
        log.info("lease of the host taken over", extra=facts)

    # Sandboxes'

    def _endpoint(self, endpoint: EndpointId) -> Endpoint | None:
        """It as it is now; None: it is gone."""
        with suppress(KeyError):
            return self._store.endpoint(endpoint)
        return None

    async def _client(self, sandbox: Sandbox, attachment: Attachment) -> LeaseClient:
        place, network = attachment.place, attachment.network
        netns, mac = self._paths.bound(sandbox), place.mac
        if mac is None:
            link = (await self._kernel.links_inside(netns)).get(place.ifname)
            mac = link.mac if link is not None else None
        return LeaseClient(
            id=attachment.endpoint.id,
            network=network.name,
            holder=sandbox.name,
            netns=netns,
            ifname=place.ifname,
            mac=mac or NO_MAC,
            shares_mac=place.mac is None,
            hostname=sandbox.name if sandbox.hostname == sandbox.short_id else sandbox.hostname,
        )

    def _taking_over(
        self, attachment: Attachment, version: int
    ) -> Callable[[Lease4 | Lease6 | None], Awaitable[None]]:
        """What is done with each new lease of a family; None: there is none any more. Raises AddressTaken."""
        sandbox, endpoint = attachment.endpoint.sandbox, attachment.endpoint.id

        async def take_over(lease: Lease4 | Lease6 | None) -> None:
            if lease is not None and (now := self._endpoint(endpoint)) is not None:
                before = now.place.addresses if now.place is not None else ()
                await self._refuse_taken(self._store.network(now.network), lease, before)

            def changed(before: Endpoint) -> Endpoint:
                return unleased(before, version) if lease is None else leased(before, lease)

            await self._readdressing.change(sandbox, endpoint, changed)

        return take_over


def _all_taken(network: Network, last: AddressTaken) -> Unavailable:
    return Unavailable(
        f"the {OFFERS} addresses that were lent for network {network.name} are used by others on the LAN "
        f"({last.address} is {last.holder}); if one machine answers for all addresses, ask nobody: "
        f"seaway network update {network.name} --opt seaway.probe=0"
    )


def _host_client(network: Network) -> LeaseClient | None:
    """Who asks for the host on *network*, if anybody does: a shim with a MAC address of its own."""
    if 4 not in network.dhcp or network.shim is None or not network.options.own_macs:
        return None
    return LeaseClient(
        id=network.id,
        network=network.name,
        holder="the host",
        netns=None,
        ifname=network.shim,
        mac=mac_of(network.id),
    )


async def _end(leases: Leases[L], client: LeaseClient, lease: L | None) -> None:
    """Give *lease* back, or, where there is none, ask for one no more."""
    if lease is None:
        await leases.stop(client)
    else:
        await leases.release(client, lease)
