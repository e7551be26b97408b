"""Warnings about the present state of the host, one sentence each."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable, Sequence
from ipaddress import IPv6Address

from seaway.contracts import Kernel, Store
from seaway.engine.addresses import Addresses
from seaway.engine.endpoints import Endpoints
from seaway.engine.held_ports import HeldPorts
from seaway.engine.mending import Mending, waits_for
from seaway.engine.networks import Networks
from seaway.engine.turns import Turns
from seaway.engine.wires import Wires
from seaway.model.errors import EngineError, NotFound
from seaway.model.network import Network, Reach
from seaway.model.port import PublishedPort, hosts_meet
from seaway.model.sandbox import Sandbox
from seaway.plan.network_warnings import lacking_links, missing_sources
from seaway.plan.subnets import overlap
from seaway.plan.wiring import ways_in

log = logging.getLogger(__name__)

LOOPBACK6 = IPv6Address("::1")
NF_CALL6 = "net/bridge/bridge-nf-call-ip6tables"
NF_CALL4 = "net/bridge/bridge-nf-call-iptables"
RP_FILTER = "net/ipv4/conf/{}/rp_filter"
NO_LOOPBACK6 = (
    "published ports do not answer on [::1] while net.bridge.bridge-nf-call-ip6tables is 1; "
    "every other address of the host works"
)
PATIENCE = 1
"""Seconds to wait for the turn of a sandbox in which something is being done."""


class Checkup:
    """Finds what works less well than it should."""

    def __init__(
        self,
        *,
        store: Store,
        kernel: Kernel,
        networks: Networks,
        mending: Mending,
        held_ports: HeldPorts,
        wires: Wires,
        addresses: Addresses,
        endpoints: Endpoints,
        turns: Turns,
    ) -> None:
        self._store, self._kernel, self._mending = store, kernel, mending
        self._networks = networks
        self._held_ports, self._wires, self._turns = held_ports, wires, turns
        self._addresses, self._endpoints = addresses, endpoints

    async def warnings(self) -> Sequence[str]:
        """One sentence for each thing."""
        running = [s for s in self._store.sandboxes() if s.running]
        found = [text for s in running for text in await self._lost_ports(s)]
        there = {n.id for n in self._store.networks()} | {s.id for s in self._store.sandboxes()}
        found += [text for s in running for text in self._closed(s)]
        found += [self._networks.unsettled] if self._networks.unsettled else []
        found += [text for an_id, text in self._mending.not_whole.items() if an_id in there]
        observed = await self._kernel.observe()
        found += [
            text
            for n in self._store.networks()
            if n.id not in self._mending.not_whole
            for text in lacking_links(n, observed)
        ]
        found += [t for n in self._store.networks() for t in missing_sources(n, observed)]
        found += [
            f"network {n.name} is not whole: its bridge {n.options.bridge} is gone; when it is back it is "
            "used again at the next start"
            for n in self._store.networks()
            if n.options.adopted
            and n.options.bridge not in observed.links
            and n.id not in self._mending.not_whole
        ]
        found += [
            text
            for n in self._store.networks()
            if waits_for(n, observed.links) is None
            for text in self._cut_off(n)
        ]
        routes = observed.routes
        found += [
            f"subnet {subnet.prefix} of network {network.name} overlaps {route}, which the host routes: "
            "what is behind that route cannot be reached from the network"
            for network in self._store.networks()
            for subnet in (network.subnets if network.options.parent is None else ())
            for route in routes
            if overlap(subnet.prefix, route)
        ]
        found += await self._addresses.warnings()
        found += await self._filtered_switches()
        hidden = any(self._is_on_loopback6(s, s.status.published) for s in running)
        if hidden and await self._hides_loopback6():
            found.append(NO_LOOPBACK6)
        return found

    def _cut_off(self, network: Network) -> Sequence[str]:
        """That the host and the sandboxes on *network* do not hear each other, and what would help."""
        options, name = network.options, network.name
        apart = options.parent is not None and not options.parent.alone and not options.host_access
        live = [e for e in self._store.endpoints_of(network.id) if e.live] if apart else []
        if not live:
            return []
        users = ", ".join(sorted(self._store.sandbox(e.sandbox).name for e in live)[:5])
        cure = f"seaway network update {name} --opt seaway.host_access=true"
        who = f"the host and sandboxes on network {name} ({users})"
        why = f"the kernel keeps {network.driver} links and their parent apart"
        return [f"{who} do not reach each other, since {why}: {cure}"]

    async def of_publish(self, sandbox: Sandbox, done: Sequence[PublishedPort]) -> Sequence[str]:
        """Why ports that *sandbox* was to publish, *done* among them, cannot be reached yet."""
        if not sandbox.running:
            return [f"{sandbox.name} is not running: its ports are published when it starts"]
        found = self._leading_nowhere(sandbox, done)
        if self._is_on_loopback6(sandbox, done) and await self._hides_loopback6():
            found.append(NO_LOOPBACK6)
        return found

    def of_create(self, sandbox: Sandbox) -> Sequence[str]:
        """Why *sandbox* will not start as it is, or ports that it asks for not be reached then."""
        found = [
            f"{sandbox.name} cannot start as long as {use}"
            for use in self._endpoints.kept_for_others(sandbox)
        ]
        wanted = sandbox.wanted_ports
        if wanted and sandbox.has_networks:
            found += self._leading_nowhere(sandbox, wanted)
        return found

    def _leading_nowhere(self, sandbox: Sandbox, ports: Iterable[PublishedPort]) -> list[str]:
        """Why some of *ports* lead nowhere while *sandbox* is on the networks on which it is."""
        its_own = {e.network for e in self._store.endpoints_of(sandbox.id)}
        networks = [n for n in self._store.networks() if n.id in its_own]
        ways = [(v, n.reach(v)) for n in networks for v in n.versions]
        families = {version for version, way in ways if way is not Reach.NOWHERE}
        on_lan = [n.name for n in networks if n.options.parent is not None and not n.internal]
        if not families and on_lan:
            where = (
                f"{sandbox.name} is reached at its own addresses on network {' and '.join(on_lan)}"
            )
            return [f"{where}, with all its ports: to publish them has no effect"]
        if not families:
            text = f"{sandbox.name} is on no network with a way out: "
            return [text + "its ports are published when it is connected to one"]
        others = dict.fromkeys(p.host for p in ports if p.host and p.host.version not in families)
        translated = {version for version, way in ways if way is Reach.HOST}
        return [
            *(
                f"{sandbox.name} has no IPv{host.version} on a network with a way out: "
                f"nothing answers at {host} until it has"
                for host in others
            ),
            *_closed_hosts(sandbox, ports, families - translated),
        ]

    def _closed(self, sandbox: Sandbox) -> Sequence[str]:
        """The addresses of the host at which *sandbox* publishes ports, and is routed instead."""
        routed = ways_in(self._wires.wiring(sandbox), Reach.OWN)
        return _closed_hosts(sandbox, sandbox.status.published, routed)

    def _is_on_loopback6(self, sandbox: Sandbox, ports: Iterable[PublishedPort]) -> bool:
        """Whether one of *ports* should answer on ``[::1]``."""
        return any(hosts_meet(port.host, LOOPBACK6) for port in ports) and 6 in ways_in(
            self._wires.wiring(sandbox), Reach.HOST
        )

    async def _hides_loopback6(self) -> bool:
        """Whether bridged frames go through ip6tables."""
        return await self._setting(NF_CALL6) == "1"

    async def _filtered_switches(self) -> Sequence[str]:
        """The switches in whose VLANs published ports are not reached, since answers would go another way."""
        switches = {n.options.switch.name for n in self._store.networks() if n.options.switch}
        if not switches or await self._setting(NF_CALL4) != "1":
            return []
        found = [(name, link) for name in sorted(switches) for link in ("all", name)]
        return [
            f"published ports do not answer by IPv4 in the VLANs of {switch} while net.ipv4.conf.{link}."
            "rp_filter is set, and net.bridge.bridge-nf-call-iptables is 1; machines elsewhere reach them"
            for switch, link in found
            if await self._setting(RP_FILTER.format(link)) not in {None, "0"}
        ]

    async def _setting(self, path: str) -> str | None:
        """The value of a kernel setting; that it cannot be known undoes nothing."""
        try:
            return await self._kernel.sysctl(path)
        except EngineError as error:
            log.warning("a setting could not be read", extra={"reason": str(error)})
            return None

    async def _lost_ports(self, sandbox: Sandbox) -> list[str]:
        """The ports of *sandbox* that another program has; those it has no longer are held again."""
        if not self._unheld(sandbox):
            return []
        try:
            async with asyncio.timeout(PATIENCE), self._turns.take(sandbox.id):
                sandbox = self._store.sandbox(sandbox.id)
                refused = self._held_ports.hold_again(sandbox, self._wires.wiring(sandbox))
                return [_lost(sandbox, port, f": {error}") for port, error in refused]
        except NotFound:
            return []  # removed meanwhile
        except TimeoutError:
            return [_lost(sandbox, port, " is not held") for port in self._unheld(sandbox)]

    def _unheld(self, sandbox: Sandbox) -> Sequence[PublishedPort]:
        return self._held_ports.unheld(sandbox, self._wires.wiring(sandbox))


def _closed_hosts(
    sandbox: Sandbox, ports: Iterable[PublishedPort], routed: Collection[int]
) -> Sequence[str]:
    """The addresses of the host that ports ask for in families in which the host translates none."""
    closed = dict.fromkeys(h for p in ports if (h := p.one_host) and h.version in routed)
    return [
        f"{sandbox.name} is reached at its own IPv{host.version} address, since its network is routed: "
        f"nothing answers at {host}; publish the port without an address of the host"
        for host in closed
    ]


def _lost(sandbox: Sandbox, port: PublishedPort, why: str) -> str:
    last = f"-{port.host_port + port.count - 1}" if port.count > 1 else ""
    shown = f"{port.host_port}{last}/{port.proto}"
    return f"port {shown} of {sandbox.name}{why}; it still leads to {sandbox.name}"
