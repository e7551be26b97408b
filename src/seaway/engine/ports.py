"""Published ports of running and stopped sandboxes: publish and unpublish, live."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace

from seaway.contracts import Events, HostPorts, Store
from seaway.engine.turns import Turns
from seaway.engine.wires import Wires, bound, hold_of
from seaway.model.errors import InvalidRequest, NotFound
from seaway.model.event import Event
from seaway.model.port import PublishedPort, counterparts
from seaway.model.sandbox import Sandbox
from seaway.plan.wiring import Wiring

log = logging.getLogger(__name__)


class Ports:
    """What users do with the published ports of a sandbox."""

    def __init__(
        self, *, store: Store, wires: Wires, host_ports: HostPorts, events: Events, turns: Turns
    ) -> None:
        self._store, self._wires, self._host_ports = store, wires, host_ports
        self._events, self._turns = events, turns

    async def publish(
        self, ref: str, ports: Sequence[PublishedPort]
    ) -> tuple[Sandbox, tuple[PublishedPort, ...]]:
        """Publish *ports* too; gives those of the sandbox that were asked for now, as published.

        One that is published already gets the sources now given. A sandbox that does not run, or has
        no network with a way out, publishes them when it has. Raises NotFound, InvalidRequest,
        PortTaken, Exhausted, KernelRefused.
        """
        sandbox_id = self._store.sandbox(ref).id
        async with self._turns.take(sandbox_id), AsyncExitStack() as undo:
            before_sandbox = self._store.sandbox(sandbox_id)
            _refuse_mode(before_sandbox)
            before = self._wires.wiring(before_sandbox)
            placed = [_published_as(p, before.ports) for p in bound(ports, before)]
            sandbox = _asking_more(before_sandbox, ports, placed)
            if not sandbox.running:
                await self._store.commit(put=[sandbox])
                undo.pop_all()
                return sandbox, ()
            kept = _without(before.ports, placed)
            after = self._wires.hold(
                sandbox, Wiring(attachments=before.attachments, ports=(*kept, *placed)), undo
            )
            await self._wires.lay(sandbox, before, after)
            undo.push_async_callback(self._wires.cut, sandbox, after, before)
            sandbox = _published(sandbox, after.ports)
            await self._store.commit(put=[sandbox])
            undo.pop_all()
        self._tell("publish", sandbox)
        log.info("published", extra={"sandbox": sandbox.name})
        return sandbox, after.ports[len(kept) :]

    async def unpublish(
        self, ref: str, ports: Sequence[PublishedPort], *, now: bool = False
    ) -> tuple[Sandbox, tuple[PublishedPort, ...]]:
        """Publish *ports* no longer; gives those that were. With *now*, open TCP streams end as well.

        A host port of 0, or no host address, stands for any. Raises NotFound.
        """
        sandbox_id = self._store.sandbox(ref).id
        async with self._turns.take(sandbox_id), AsyncExitStack() as undo:
            sandbox = self._store.sandbox(sandbox_id)
            gone = _matching((*sandbox.status.published, *sandbox.wanted_ports), ports)
            before = self._wires.wiring(sandbox)
            kept = tuple(p for p in before.ports if p not in gone)
            after = Wiring(attachments=before.attachments, ports=kept)
            if sandbox.running:
                undo.push_async_callback(self._wires.put_back, sandbox, after, before)
                await self._wires.cut(sandbox, before, after, cut_streams=now)
            self._let_go_of_all_but(kept, sandbox)
            sandbox = _published(_asking_less(sandbox, gone), kept)
            await self._store.commit(put=[sandbox])
            undo.pop_all()
        self._tell("unpublish", sandbox)
        log.info("unpublished", extra={"sandbox": sandbox.name})
        return sandbox, tuple(p for p in before.ports if p in gone)

    def _let_go_of_all_but(self, kept: Sequence[PublishedPort], sandbox: Sandbox) -> None:
        wanted, held = frozenset(map(hold_of, kept)), self._host_ports.held(sandbox.id)
        self._host_ports.keep_only(sandbox.id, {h: f for h, f in held.items() if h in wanted})

    def _tell(self, action: str, sandbox: Sandbox) -> None:
        self._events.emit(
            Event(
                type="container",
                action=action,
                actor=sandbox.id,
                attributes=(("name", sandbox.name),),
            )
        )


def _refuse_mode(sandbox: Sandbox) -> None:
    if not sandbox.has_networks:
        raise InvalidRequest(
            f"ports of {sandbox.name} cannot be published: its network mode is "
            f"{sandbox.network_mode}; only sandboxes on networks of their own have published ports"
        )


def _published(sandbox: Sandbox, ports: tuple[PublishedPort, ...]) -> Sandbox:
    return replace(sandbox, status=replace(sandbox.status, published=ports))


def _published_as(port: PublishedPort, published: Sequence[PublishedPort]) -> PublishedPort:
    """*port* at the place it has already, if it is published."""
    places = (replace(p, sources=port.sources) for p in published if p.came_of(port))
    return next(places, port)


def _asking_more(
    sandbox: Sandbox, asked: Sequence[PublishedPort], placed: Sequence[PublishedPort]
) -> Sandbox:
    """*sandbox* asking for each of *asked* too, which is published as that of *placed*.

    What it asks for already gets the sources now given, and the number if one is named.
    """
    became = counterparts(sandbox.ports, sandbox.status.published)
    new = {_place(p): one for one, p in zip(asked, placed, strict=True)}
    ports: list[PublishedPort] = []
    for port in sandbox.ports:
        again = new.pop(_place(became.get(port, port)), port)
        ports.append(again if again.host_port else replace(port, sources=again.sources))
    return replace(sandbox, ports=(*ports, *new.values()))


def _asking_less(sandbox: Sandbox, gone: Collection[PublishedPort]) -> Sandbox:
    """*sandbox* without what it asked for and was published as, or waits as, one of *gone*.

    What it asks for all the same is spelled out: nothing of ``-P`` comes back.
    """
    asked = sandbox.wanted_ports
    became = counterparts(asked, sandbox.status.published)
    kept = tuple(p for p in asked if became.get(p, p) not in gone)
    return replace(sandbox, ports=kept, publish_all=False)


def _place(port: PublishedPort) -> PublishedPort:
    """*port*, whoever may come in."""
    return replace(port, sources=()) if port.sources else port


def _without(
    ports: Sequence[PublishedPort], others: Sequence[PublishedPort]
) -> tuple[PublishedPort, ...]:
    places = frozenset(map(_place, others))
    return tuple(p for p in ports if _place(p) not in places)


def _matching(
    ports: Sequence[PublishedPort], wanted: Sequence[PublishedPort]
) -> frozenset[PublishedPort]:
    for one in wanted:
        if not any(_covers([one], p) for p in ports):
            shown = f"{one.host_port or ''}:{one.port}/{one.proto}".removeprefix(":")
            raise NotFound(
                f"port {shown} is not published; published are: "
                + (
                    ", ".join(
                        sorted({f"{p.host_port}:{p.port}/{p.proto}" for p in ports if p.host_port})
                    )
                    or "none"
                )
            )
    return frozenset(p for p in ports if _covers(wanted, p))


def _covers(wanted: Sequence[PublishedPort], port: PublishedPort) -> bool:
    return any(
        w.proto is port.proto
        and w.port <= port.port
        and port.port + port.count <= w.port + w.count
        and w.host_port in {0, port.host_port - port.port + w.port}
        and w.host in {None, port.host}
        for w in wanted
    )
