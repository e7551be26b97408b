"""/etc/hosts and /etc/resolv.conf of sandboxes, as their networks are now."""

from __future__ import annotations

import logging

from seaway.contracts import Names, Runtime
from seaway.engine.wires import Wires
from seaway.model.errors import EngineError
from seaway.model.sandbox import Sandbox
from seaway.plan.files import host_resolv_conf, hosts, resolv_conf
from seaway.plan.wiring import VERSIONS, Wiring, default_attachment, gateway
from seaway.plan.zone import Upstream

log = logging.getLogger(__name__)


class Files:
    """The two files, for a start and after each change."""

    def __init__(self, *, names: Names, runtime: Runtime, wires: Wires) -> None:
        self._names, self._runtime, self._wires = names, runtime, wires

    def texts(self, sandbox: Sandbox, wiring: Wiring) -> tuple[str, str]:
        """/etc/hosts and /etc/resolv.conf of *sandbox* when it hangs so."""
        addresses = [
            interface.ip
            for a in wiring.attachments
            if a.endpoint.place is not None
            for interface in a.endpoint.place.interfaces
        ]
        gateways = [
            way
            for version in VERSIONS
            if (a := default_attachment(wiring, version)) is not None
            and (way := gateway(a, version)) is not None
        ]
        return (
            hosts(sandbox.hostname, addresses, sandbox.extra_hosts, gateways),
            self._resolv_conf(sandbox),
        )

    def _resolv_conf(self, sandbox: Sandbox) -> str:
        search = self._names.host_search()
        if sandbox.has_networks:
            return resolv_conf(sandbox.dns, search)
        servers = [_shown(upstream) for upstream in self._names.host_servers()]
        return host_resolv_conf(sandbox.dns, servers, search)

    async def refresh(self, sandbox: Sandbox) -> None:
        """Write the files of a running sandbox anew, and of those that share its networks.

        A failure is only logged, its networks stand.
        """
        readers = [s for s in (sandbox, *self._wires.sharers(sandbox)) if s.process is not None]
        if not readers:
            return
        hosts_text, resolv_text = self.texts(sandbox, self._wires.wiring(sandbox))
        for each in readers:
            try:
                await self._runtime.write_files(each.id, hosts=hosts_text, resolv_conf=resolv_text)
            except EngineError as error:
                facts = {"sandbox": each.name, "reason": str(error)}
                log.warning("files not written", extra=facts)


def _shown(upstream: Upstream) -> str:
    return f"{upstream.address}%{upstream.scope}" if upstream.scope else str(upstream.address)
