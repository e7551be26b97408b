"""What a user should know about the state of things, in sentences."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from seaway.contracts import Kernel, Store
from seaway.engine.recovery import Recovery
from seaway.engine.turns import Turns
from seaway.engine.wires import Wires
from seaway.model.errors import NotFound
from seaway.model.port import PublishedPort
from seaway.model.sandbox import Sandbox
from seaway.plan.subnets import overlap

NF_CALL6 = "net/bridge/bridge-nf-call-ip6tables"
LOOPBACK6 = (
    "bridge-nf-call-ip6tables is 1 on this host: ports published on [::1] cannot be reached by [::1]; "
    "set it to 0, or use another address of the host"
)
PATIENCE = 1
"""Seconds to wait for the turn of a sandbox in which something is being done."""


class Checkup:
    """Looks for what works less well than it should."""

    def __init__(
        self, *, store: Store, kernel: Kernel, recovery: Recovery, wires: Wires, turns: Turns
    ) -> None:
        self._store, self._kernel, self._recovery = store, kernel, recovery
        self._wires, self._turns = wires, turns

    async def warnings(self) -> Sequence[str]:
        """One sentence for each thing."""
        running = [s for s in self._store.sandboxes() if s.running]
        found = [text for s in running for text in await self._lost_ports(s)]
        there = {n.id for n in self._store.networks()} | {s.id for s in self._store.sandboxes()}
        found += [text for an_id, text in self._recovery.not_whole.items() if an_id in there]
        routes = (await self._kernel.observe()).routes
        found += [
            f"subnet {subnet.prefix} of network {network.name} overlaps {route}, which the host routes: "
            "what is behind that route cannot be reached from the network"
            for network in self._store.networks()
            for subnet in network.subnets
            for route in routes
            if overlap(subnet.prefix, route)
        ]
        if self._publishes6() and await self._kernel.sysctl(NF_CALL6) == "1":
            found.append(LOOPBACK6)
        return found

    async def _lost_ports(self, sandbox: Sandbox) -> list[str]:
        """The ports of *sandbox* that another program has; those it has no longer are held again."""
        if not self._wires.unheld(sandbox):
            return []
        try:
            async with asyncio.timeout(PATIENCE), self._turns.take(sandbox.id):
                sandbox = self._store.sandbox(sandbox.id)
                return [_lost(sandbox, p, f": {e}") for p, e in self._wires.hold_again(sandbox)]
        except NotFound:
            return []  # removed meanwhile
        except TimeoutError:
            return [_lost(sandbox, p, " is not held") for p in self._wires.unheld(sandbox)]

    def _publishes6(self) -> bool:
        publishing = {s.id for s in self._store.sandboxes() if s.status.published}
        return any(
            e.sandbox in publishing and network.subnet(6) is not None
            for network in self._store.networks()
            for e in self._store.endpoints_of(network.id)
        )


def _lost(sandbox: Sandbox, port: PublishedPort, why: str) -> str:
    last = f"-{port.host_port + port.count - 1}" if port.count > 1 else ""
    shown = f"{port.host_port}{last}/{port.proto}"
    return f"port {shown} of {sandbox.name}{why}; it still leads to {sandbox.name}"
