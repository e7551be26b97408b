"""What a user should know about the state of things, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from seaway.contracts import Kernel, Store
from seaway.engine.recovery import Recovery
from seaway.plan.subnets import overlap

NF_CALL6 = "net/bridge/bridge-nf-call-ip6tables"
LOOPBACK6 = (
    "bridge-nf-call-ip6tables is 1 on this host: ports published on [::1] cannot be reached by [::1]; "
    "set it to 0, or use another address of the host"
)


class Checkup:
    """Looks for what works less well than it should."""

    def __init__(self, *, store: Store, kernel: Kernel, recovery: Recovery) -> None:
        self._store, self._kernel, self._recovery = store, kernel, recovery

    async def warnings(self) -> Sequence[str]:
        """One sentence for each thing."""
        found = [
            text for sandbox, text in self._recovery.lost_ports.items() if self._has_ports(sandbox)
        ]
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

    def _has_ports(self, sandbox_id: str) -> bool:
        return any(s.id == sandbox_id and s.status.published for s in self._store.sandboxes())

    def _publishes6(self) -> bool:
        publishing = {s.id for s in self._store.sandboxes() if s.status.published}
        return any(
            e.sandbox in publishing and network.subnet(6) is not None
            for network in self._store.networks()
            for e in self._store.endpoints_of(network.id)
        )
