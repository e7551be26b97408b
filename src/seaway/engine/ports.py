"""Published ports of running and stopped sandboxes: publish and unpublish, live."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from itertools import chain

from seaway.contracts import Events, Store
from seaway.engine.held_ports import HeldPorts
from seaway.engine.turns import Turns
from seaway.engine.undo import Undo
from seaway.engine.wires import Wires
from seaway.model.errors import InvalidRequest, NotFound
from seaway.model.event import sandbox_event
from seaway.model.port import PublishedPort, counterparts
from seaway.model.sandbox import Sandbox
from seaway.plan.wiring import Wiring, bound

log = logging.getLogger(__name__)


class Ports:
    """What users do with the published ports of a sandbox."""

    def __init__(
        self, *, store: Store, wires: Wires, held_ports: HeldPorts, events: Events, turns: Turns
    ) -> None:
        self._store, self._wires, self._held_ports = store, wires, held_ports
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
        async with self._turns.take(sandbox_id), Undo() as undo:
            sandbox = self._store.sandbox(sandbox_id)
            _refuse_mode(sandbox)
            before = self._wires.wiring(sandbox)
            placed = _published_as(bound(ports, before), before.ports)
            sandbox = _asking_more(sandbox, ports, placed)
            if not sandbox.running:
                await self._store.commit(put=[sandbox])
                return sandbox, ()
            held = self._held_ports.hold_ports(sandbox, placed, before, undo)
            kept = _without(before.ports, placed)
            after = Wiring(attachments=before.attachments, ports=(*kept, *held))
            await self._wires.lay(sandbox, before, after)
            self._wires.lay_undone(undo, sandbox, before, after)
            sandbox = _published(sandbox, after.ports)
            await self._store.commit(put=[sandbox])
        self._events.emit(sandbox_event("publish", sandbox))
        log.info("published", extra={"sandbox": sandbox.name})
        return sandbox, held

    async def unpublish(
        self, ref: str, ports: Sequence[PublishedPort], *, now: bool = False
    ) -> tuple[Sandbox, tuple[PublishedPort, ...]]:
        """Publish *ports* no longer; gives those that were. With *now*, open TCP streams end as well.

        A host port of 0, or no host address, stands for any. Raises NotFound.
        """
        sandbox_id = self._store.sandbox(ref).id
        async with self._turns.take(sandbox_id), Undo() as undo:
            sandbox = self._store.sandbox(sandbox_id)
            gone = _matching((*sandbox.status.published, *sandbox.wanted_ports), ports)
            before = self._wires.wiring(sandbox)
            ended = tuple(p for p in _alike(before.ports, gone) if p in gone)
            kept = _without(before.ports, ended)
            after = Wiring(attachments=before.attachments, ports=kept)
            if sandbox.running:
                undo.by(self._wires.put_back, sandbox, after, before)
                await self._wires.cut(sandbox, before, after, cut_streams=now)
            self._held_ports.let_go_of(sandbox, ended)
            sandbox = _published(_asking_less(sandbox, gone), kept)
            await self._store.commit(put=[sandbox])
        self._events.emit(sandbox_event("unpublish", sandbox))
        log.info("unpublished", extra={"sandbox": sandbox.name})
        return sandbox, ended


def _refuse_mode(sandbox: Sandbox) -> None:
    if not sandbox.has_networks:
        raise InvalidRequest(
            f"ports of {sandbox.name} cannot be published: its network mode is "
            f"{sandbox.network_mode}; only sandboxes on networks of their own have published ports"
        )


def _published(sandbox: Sandbox, ports: tuple[PublishedPort, ...]) -> Sandbox:
    return replace(sandbox, status=replace(sandbox.status, published=ports))


# A sandbox may have thousands of ports, and a change concerns few of them: those that lead to the
# same numbers inside. Only these are looked at, so that one more costs the same at any number.


def _numbers(ports: Iterable[PublishedPort]) -> frozenset[int]:
    return frozenset(p.port for p in ports)


def _alike(
    ports: Iterable[PublishedPort], others: Iterable[PublishedPort]
) -> tuple[PublishedPort, ...]:
    """Those of *ports* that lead to the number inside of one of *others*."""
    numbers = _numbers(others)
    return tuple(p for p in ports if p.port in numbers)


def _published_as(
    ports: Sequence[PublishedPort], published: Sequence[PublishedPort]
) -> tuple[PublishedPort, ...]:
    """*ports*, each at the place it has already if it is published."""
    there = _alike(published, ports)
    return tuple(
        next((replace(p, sources=port.sources) for p in there if p.came_of(port)), port)
        for port in ports
    )


def _asking_more(
    sandbox: Sandbox, asked: Sequence[PublishedPort], placed: Sequence[PublishedPort]
) -> Sandbox:
    """*sandbox* asking for each of *asked* too, which is published as that of *placed*.

    What it asks for already gets the sources now given, and the number if one is named.
    """
    there = _alike(sandbox.ports, asked)
    became = counterparts(there, _alike(sandbox.status.published, asked))
    new = {_place(p): one for one, p in zip(asked, placed, strict=True)}
    again: dict[PublishedPort, PublishedPort] = {}
    for port in there:
        if (one := new.pop(_place(became.get(port, port)), None)) is not None:
            again[port] = one if one.host_port else replace(port, sources=one.sources)
    numbers = _numbers(again)
    ports = (again.get(p, p) if p.port in numbers else p for p in sandbox.ports)
    return replace(sandbox, ports=(*ports, *new.values()))


def _asking_less(sandbox: Sandbox, gone: Collection[PublishedPort]) -> Sandbox:
    """*sandbox* without what it asked for and was published as, or waits as, one of *gone*.

    What it asks for all the same is spelled out: nothing of ``-P`` comes back.
    """
    asked = sandbox.wanted_ports
    there = _alike(asked, gone)
    became = counterparts(there, _alike(sandbox.status.published, gone))
    less = frozenset(p for p in there if became.get(p, p) in gone)
    numbers = _numbers(less)
    kept = tuple(p for p in asked if p.port not in numbers or p not in less)
    return replace(sandbox, ports=kept, publish_all=False)


def _place(port: PublishedPort) -> PublishedPort:
    """*port*, whoever may come in."""
    return replace(port, sources=()) if port.sources else port


def _without(
    ports: Sequence[PublishedPort], others: Sequence[PublishedPort]
) -> tuple[PublishedPort, ...]:
    numbers, places = _numbers(others), frozenset(map(_place, others))
    return tuple(p for p in ports if p.port not in numbers or _place(p) not in places)


def _matching(
    ports: Sequence[PublishedPort], wanted: Sequence[PublishedPort]
) -> frozenset[PublishedPort]:
    """Those of *ports* that *wanted* means; raises NotFound if one means none."""
    found = [_covered(ports, one) for one in wanted]
    for one, mine in zip(wanted, found, strict=True):
        if not mine:
            raise _not_published(one, ports)
    return frozenset(chain.from_iterable(found))


def _covered(ports: Sequence[PublishedPort], wanted: PublishedPort) -> list[PublishedPort]:
    first, end = wanted.port, wanted.port + wanted.count
    return [
        p
        for p in ports
        if first <= p.port < end
        and p.port + p.count <= end
        and p.proto is wanted.proto
        and wanted.host_port in {0, p.host_port - p.port + first}
        and wanted.host in {None, p.host}
    ]


def _not_published(wanted: PublishedPort, ports: Sequence[PublishedPort]) -> NotFound:
    shown = f"{wanted.host_port or ''}:{wanted.port}/{wanted.proto}".removeprefix(":")
    there = sorted({f"{p.host_port}:{p.port}/{p.proto}" for p in ports if p.host_port})
    return NotFound(f"port {shown} is not published; published are: {', '.join(there) or 'none'}")
