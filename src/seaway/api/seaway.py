"""``/seaway``: the verbs that Docker has no words for."""

from __future__ import annotations

import os
import resource
from collections.abc import Sequence
from pathlib import Path

from aiohttp import web

from seaway.api import moments, wire
from seaway.api.call import Call, Route, answer, empty
from seaway.api.declaration import flag, json, nothing
from seaway.api.inspection import Inspection, hanging
from seaway.api.network_wishes import network_change
from seaway.api.parts import Parts
from seaway.api.sandbox_wishes import namespace_wish
from seaway.api.topology import published, summary, whole_map
from seaway.model.errors import InvalidRequest
from seaway.model.port import PublishedPort
from seaway.model.sandbox import Sandbox
from seaway.plan.network_change import SandboxEffect
from seaway.plan.portspec import named_ports, published_ports, source_prefixes


class SeawayRoutes:
    """What only Seaway does."""

    def __init__(self, parts: Parts) -> None:
        self._parts, self._store = parts, parts.store
        self._inspection = Inspection(parts)

    def routes(self) -> Sequence[Route]:
        """Methods and paths."""
        return (
            Route(
                "POST",
                "/seaway/sandboxes",
                self.create,
                body=wire.SandboxCreate,
                answers=json(wire.Created, 201),
                refusals=(404, 409, 503),
            ),
            Route("GET", "/seaway/sandboxes", self.listing, answers=json(list[wire.Sandbox])),
            Route(
                "DELETE",
                "/seaway/sandboxes/{ref}",
                self.remove,
                query=(flag("force", "end its process first, if it has one that runs"),),
                answers=nothing(204),
                refusals=(409,),
            ),
            Route(
                "POST",
                "/seaway/sandboxes/{ref}/publish",
                self.publish,
                body=wire.Publish,
                answers=json(wire.Published),
                refusals=(409, 503),
            ),
            Route(
                "POST",
                "/seaway/sandboxes/{ref}/unpublish",
                self.unpublish,
                body=wire.Unpublish,
                answers=json(wire.Published),
                refusals=(409,),
            ),
            Route(
                "POST",
                "/seaway/networks/{ref}/update",
                self.update,
                query=(flag("plan", "only say what it would mean"),),
                body=wire.NetworkUpdate,
                answers=json(wire.NetworkUpdated),
                refusals=(409, 503),
            ),
            Route("GET", "/seaway/map", self.map, answers=json(wire.Map)),
            Route("GET", "/seaway/status", self.status, answers=json(wire.DaemonStatus)),
            Route("GET", "/seaway/config", self.config, answers=json(list[wire.SettingShown])),
            Route("POST", "/seaway/purge", self.purge, answers=json(wire.Purged)),
        )

    async def create(self, call: Call) -> web.Response:
        """Make, or adopt, a network namespace."""
        wish = namespace_wish(await call.body(wire.SandboxCreate), self._store.network)
        sandbox = await self._parts.engine.sandboxes.create_namespace(wish)
        return answer(wire.Created(id=sandbox.id, warnings=[]), 201)

    async def listing(self, call: Call) -> web.Response:  # noqa: ARG002
        """All sandboxes, whatever they are."""
        found = sorted(self._store.sandboxes(), key=lambda s: s.created, reverse=True)
        return answer([self._summary(s) for s in found])

    def _summary(self, sandbox: Sandbox) -> wire.Sandbox:
        netns = self._inspection.netns(sandbox)
        return summary(sandbox, hanging(self._store, sandbox), netns)

    async def remove(self, call: Call) -> web.Response:
        """Take one away."""
        await self._parts.engine.sandboxes.remove(call.ref, force=call.query.flag("force"))
        return empty(204)

    async def publish(self, call: Call) -> web.Response:
        """Publish ports, also while it runs."""
        body = await call.body(wire.Publish)
        ports = published_ports(_given(body.ports), source_prefixes(body.sources or ()))
        sandbox, done = await self._parts.engine.ports.publish(call.ref, ports)
        warnings = await self._parts.engine.checkup.of_publish(sandbox, done)
        return await self._changed(sandbox, done, warnings)

    async def unpublish(self, call: Call) -> web.Response:
        """Take published ports away."""
        body = await call.body(wire.Unpublish)
        sandbox, gone = await self._parts.engine.ports.unpublish(
            call.ref, named_ports(_given(body.ports)), now=bool(body.now)
        )
        return await self._changed(sandbox, gone, ())

    async def _changed(
        self, sandbox: Sandbox, ports: Sequence[PublishedPort], warnings: Sequence[str]
    ) -> web.Response:
        shown = published(hanging(self._store, sandbox), ports)
        return answer(wire.Published(published=shown, warnings=[*warnings]))

    async def update(self, call: Call) -> web.Response:
        """Change a network while sandboxes are on it; with ``plan`` only say what it would mean."""
        change = network_change(await call.body(wire.NetworkUpdate))
        updates = self._parts.engine.network_updates
        make = updates.plan if call.query.flag("plan") else updates.update
        done = await make(call.ref, change)
        return answer(
            wire.NetworkUpdated(
                id=done.network.id,
                name=done.network.name,
                effects=[_effect(each) for each in done.effects],
                warnings=[*done.warnings],
            )
        )

    async def map(self, call: Call) -> web.Response:  # noqa: ARG002
        """Everything in one picture."""
        return answer(await whole_map(self._parts))

    async def status(self, call: Call) -> web.Response:  # noqa: ARG002
        """How the daemon is."""
        facts, sandboxes = self._parts.facts, self._store.sandboxes()
        return answer(
            wire.DaemonStatus(
                version=facts.version,
                pid=os.getpid(),
                started=moments.shown(facts.started),
                networks=len(self._store.networks()),
                sandboxes=len(sandboxes),
                running=sum(s.running for s in sandboxes),
                memory_bytes=_memory(),
                open_files=len(os.listdir("/proc/self/fd")),  # noqa: PTH208
                socket=facts.socket,
                run_dir=str(facts.run_dir),
                data_dir=str(facts.data_dir),
                warnings=[*await self._parts.engine.checkup.warnings(), *self._parts.notices()],
            )
        )

    async def config(self, call: Call) -> web.Response:  # noqa: ARG002
        """All settings, and where their values come from."""
        return answer(
            [
                wire.SettingShown(name=s.name, value=s.value, origin=s.origin)
                for s in self._parts.facts.settings
            ]
        )

    async def purge(self, call: Call) -> web.StreamResponse:
        """Take every trace off the host; the daemon ends when that is answered."""
        removed = [*await self._parts.purge()]
        response = answer(wire.Purged(removed=removed))
        response.force_close()
        await response.prepare(call.request)
        await response.write_eof()
        self._parts.end()
        return response


def _effect(found: SandboxEffect) -> wire.SandboxEffect:
    return wire.SandboxEffect(
        id=found.sandbox.id,
        name=found.sandbox.name,
        effect=found.effect.value,
        changes=[*found.changes],
    )


def _given(texts: Sequence[str] | None) -> Sequence[str]:
    """*texts*; raises InvalidRequest when there is none."""
    if not texts:
        raise InvalidRequest("Ports is empty: say which, such as 8080:80/tcp")
    return texts


def _memory() -> int:
    """Resident memory in bytes (proc_pid_statm(5))."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()
