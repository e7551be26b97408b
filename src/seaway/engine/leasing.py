"""Addresses that the LAN's own DHCP servers give to endpoints: asked for, kept, and given back."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from functools import partial

from seaway.contracts import Kernel, Leases, Store
from seaway.engine.drivers import Drivers
from seaway.engine.files import Files
from seaway.engine.turns import Turns
from seaway.engine.undo import Undo
from seaway.engine.wires import Wires
from seaway.model.ids import NO_MAC, EndpointId, NetworkId, SandboxId, mac_of
from seaway.model.lease import Lease4, LeaseClient
from seaway.model.network import Network
from seaway.model.sandbox import Sandbox
from seaway.plan.leased import is_leased, leased, unleased
from seaway.plan.netns import NetnsPaths
from seaway.plan.wiring import Attachment, Wiring, with_endpoint

log = logging.getLogger(__name__)


class Leasing:
    """Joins the protocol, which knows interfaces, to endpoints; who calls it holds the sandbox's turn."""

    def __init__(
        self,
        *,
        store: Store,
        kernel: Kernel,
        leases: Leases[Lease4],
        drivers: Drivers,
        wires: Wires,
        files: Files,
        turns: Turns,
        paths: NetnsPaths,
    ) -> None:
        self._store, self._kernel, self._leases = store, kernel, leases
        self._drivers = drivers
        self._wires, self._files, self._turns, self._paths = wires, files, turns, paths

    async def obtain(
        self, sandbox: Sandbox, wiring: Wiring, asking: Iterable[Attachment], undo: Undo
    ) -> Wiring:
        """Get an address for each of *asking* whose network has none to give, and lay *wiring* so.

        *wiring* is laid already: servers are asked by its interfaces. Raises Unavailable, within a
        bounded time, where none answers; *undo* gives back what was lent.
        """
        for attachment in asking:
            if not is_leased(attachment):
                continue
            client = await self._client(sandbox, attachment)
            lease = await self._leases.acquire(client, attachment.place.lease)
            undo.by(self._leases.release, client, lease)
            endpoint = leased(attachment.endpoint, lease)
            await self._store.claim(endpoint)
            undo.by(self._store.release, endpoint.id)
            after = with_endpoint(wiring, endpoint)
            await self._wires.lay(sandbox, wiring, after)
            self._wires.name(sandbox, [self._wires.attachment(endpoint)])
            self._wires.show(sandbox)
            wiring = after
        return wiring

    async def keep(self, sandbox: Sandbox, attachments: Iterable[Attachment]) -> None:
        """From now on prolong what was lent to *attachments*, which are promised."""
        for attachment in attachments:
            if is_leased(attachment):
                client = await self._client(sandbox, attachment)
                self._leases.keep(client, attachment.place.lease, self._taking_over(attachment))

    async def give_back(self, sandbox: Sandbox, attachments: Iterable[Attachment]) -> None:
        """Give back what was lent to *attachments*, which are laid still."""
        for attachment in attachments:
            if is_leased(attachment):
                client = await self._client(sandbox, attachment)
                lease = attachment.place.lease
                if lease is None:
                    await self._leases.stop(client)
                else:
                    await self._leases.release(client, lease)

    # The host's own

    def keep_for_host(self, network: Network) -> None:
        """From now on get, and prolong, an address for the host's shim on *network*, if that has one to get.

        Nobody waits for it: where the host has an address on the parent, its sandboxes reach it by that.
        """
        if (client := _host_client(network)) is not None:
            taking_over = partial(self._take_over_for_host, network.id)
            self._leases.keep(client, network.host_lease, taking_over)

    async def give_back_for_host(self, network: Network) -> None:
        """Give back what was lent for the shim of *network*, which is there still."""
        client, lease = _host_client(network), network.host_lease
        if client is not None and lease is not None:
            await self._leases.release(client, lease)
        elif client is not None:
            await self._leases.stop(client)

    async def follow_change(self, before: Network, after: Network) -> None:
        """Begin or end with the address of the host's shim as *before* became *after*."""
        if _host_client(before) != _host_client(after):
            await self.give_back_for_host(before)
            self.keep_for_host(after)

    async def _take_over_for_host(self, network_id: NetworkId, lease: Lease4 | None) -> None:
        """Let the host's shim have what *lease* says from now on; None: it has no address."""
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

    def _taking_over(self, attachment: Attachment) -> Callable[[Lease4 | None], Awaitable[None]]:
        endpoint = attachment.endpoint
        return partial(self._take_over, endpoint.sandbox, endpoint.id)

    async def _take_over(
        self, sandbox_id: SandboxId, endpoint_id: EndpointId, lease: Lease4 | None
    ) -> None:
        """Let an endpoint have what *lease* says from now on; None: it has no address any more."""
        async with self._turns.take(sandbox_id):
            sandbox = self._store.sandbox(sandbox_id)
            before = self._wires.wiring(sandbox)
            there = {a.endpoint.id: a.endpoint for a in before.attachments}
            if endpoint_id not in there:
                return  # it was disconnected meanwhile
            endpoint = there[endpoint_id]
            endpoint = unleased(endpoint) if lease is None else leased(endpoint, lease)
            after = with_endpoint(before, endpoint)
            async with Undo() as undo:
                await self._store.claim(endpoint)
                undo.by(self._store.release, endpoint.id)
                await self._wires.lay(sandbox, before, after)
                undo.by(self._wires.lay, sandbox, after, before)
                await self._store.commit(put=[endpoint])
            self._wires.name(sandbox, [self._wires.attachment(endpoint)])
            self._wires.show(sandbox)
            await self._files.refresh(sandbox)
        facts = {"sandbox": sandbox.name, "address": str(lease.address) if lease else "none"}
        log.info("lease taken over", extra=facts)


def _host_client(network: Network) -> LeaseClient | None:
    """Who asks for the host on *network*, if anybody does: a shim with a MAC address of its own."""
    if not network.dhcp or network.shim is None or not network.options.own_macs:
        return None
    return LeaseClient(
        id=network.id,
        network=network.name,
        holder="the host",
        netns=None,
        ifname=network.shim,
        mac=mac_of(network.id),
    )
