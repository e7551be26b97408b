"""The sysctls that Seaway must set on the host for traffic to pass, and how it puts them back."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from seaway.contracts import Kernel, Store
from seaway.model.ids import IfName
from seaway.plan.operations import BRIDGE_GROUPS, SetSysctl

log = logging.getLogger(__name__)

FORWARD4 = "net/ipv4/ip_forward"
FORWARD6 = "net/ipv6/conf/all/forwarding"
REDIRECTS = "net/ipv4/conf/all/send_redirects"
KEPT = "sysctl:"
"""How the names begin of the facts in which the store keeps what a sysctl was before us."""


class Forwarding:
    """The host's sysctls, and what they were before."""

    def __init__(self, *, store: Store, kernel: Kernel) -> None:
        self._store, self._kernel = store, kernel

    @property
    def ours(self) -> tuple[int, ...]:
        """The families in which we turned forwarding on: the host is a router for sandboxes only."""
        paths = {4: FORWARD4, 6: FORWARD6}
        return tuple(v for v, path in paths.items() if self._store.fact(KEPT + path) is not None)

    async def plan(self) -> tuple[SetSysctl, ...]:
        """What ``turn_on`` will set; what was set before is kept for ``put_back``.

        From then on ``ours`` is known, so that the rules are there before the host forwards. One that
        takes its IPv6 default route from router advertisements goes on doing so: ``accept_ra`` 2
        instead of 1 (kernel documentation, ip-sysctl).
        """
        found = [await self._change(FORWARD4, "1"), await self._change(REDIRECTS, "0")]
        if await self._kernel.sysctl(FORWARD6) == "0" or 6 in self.ours:
            for link in await self._uplinks():
                accept = f"net/ipv6/conf/{link}/accept_ra"
                found.append(await self._change(accept, "2", only_from="1"))
        found.append(await self._change(FORWARD6, "1"))
        return tuple(change for change in found if change is not None)

    async def turn_on(self, changes: Sequence[SetSysctl]) -> None:
        """Let the host forward, in both families, as planned."""
        for change in changes:
            await self._kernel.apply([change])
            log.info("sysctl set", extra={"sysctl": change.path, "value": change.value})

    async def _uplinks(self) -> list[IfName]:
        """The links that are not ours; ends whose bridge somebody deleted are, too."""
        links = (await self._kernel.observe()).links
        bridges = {name for name, link in links.items() if link.group in BRIDGE_GROUPS}
        ends = {e.link for n in self._store.networks() for e in self._store.endpoints_of(n.id)}
        ours = bridges | ends
        return [n for n, link in links.items() if n not in ours and link.master not in ours]

    async def _change(
        self, path: str, value: str, *, only_from: str | None = None
    ) -> SetSysctl | None:
        before = await self._kernel.sysctl(path)
        if before is None or before == value or only_from not in {None, before}:
            return None
        if self._store.fact(KEPT + path) is None:
            await self._store.keep_fact(KEPT + path, before)
        return SetSysctl(path=path, value=value, before=before)

    async def put_back(self) -> list[str]:
        """Set every sysctl as it was before us, the last first; gives what was set."""
        done: list[str] = []
        for name, value in self._store.facts(KEPT).items():
            path = name.removeprefix(KEPT)
            now = await self._kernel.sysctl(path)
            if now is not None and now != value:
                await self._kernel.remove([SetSysctl(path=path, value=value, before=now)])
                done.append(f"put back sysctl {path.replace('/', '.')} = {value}")
            await self._store.keep_fact(name, None)
        return done
