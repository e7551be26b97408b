"""``stats`` and ``top``: what the processes of a sandbox use, and which they are."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web
from msgspec import UNSET

from seaway.api import moments, wire
from seaway.api.call import Call, Route
from seaway.api.containers import with_process
from seaway.api.declaration import JSON, flag, json, text
from seaway.api.parts import Parts
from seaway.model.errors import Conflict, KernelRefused, NotFound
from seaway.model.event import sandbox_event
from seaway.model.sandbox import Netns, Sandbox
from seaway.model.usage import Usage

PERIOD = 1.0
"""Seconds from one look to the next."""
_PS = "-ef"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What was seen at one moment; at 0 nothing."""

    time: int = 0
    """Nanoseconds since the epoch."""
    usage: Usage | None = None
    """None: no process ran; it may be a namespace alone, which has traffic."""
    traffic: dict[str, wire.Traffic] | None = None


class StatsRoutes:
    """Looking at what runs."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def routes(self) -> Sequence[Route]:
        """Methods and paths."""
        return (
            Route(
                "GET",
                "/containers/{ref}/stats",
                self.stats,
                query=(
                    flag("stream", "one look each second; on unless it is false"),
                    flag("one-shot", "compare with no look before, and answer at once"),
                ),
                answers=json(wire.Stats),
                streams=True,
            ),
            Route(
                "GET",
                "/containers/{ref}/top",
                self.top,
                query=(text("ps_args", "options of ps(1)"),),
                answers=json(wire.Top),
                refusals=(409,),
            ),
        )

    async def stats(self, call: Call) -> web.StreamResponse:
        """One look, with *one-shot* at once and else compared with one before; or one each second."""
        sandbox = self._parts.store.sandbox(call.ref)
        if call.query.said("stream") and not call.query.flag("stream"):
            return call.answer(await self._once(call, sandbox))
        response = web.StreamResponse(headers={"Content-Type": JSON})
        await response.prepare(call.request)
        await self._follow(call, sandbox, response)
        await response.write_eof()
        return response

    async def _once(self, call: Call, sandbox: Sandbox) -> wire.Stats:
        before = Look()
        if sandbox.running and not call.query.flag("one-shot"):
            before = await self._look(sandbox)
            await asyncio.sleep(PERIOD)
        return shown(sandbox, before, await self._look(sandbox))

    async def _follow(self, call: Call, sandbox: Sandbox, response: web.StreamResponse) -> None:
        """Until the client goes, or the sandbox is removed; while it does not run there is nothing."""
        before = Look()
        while (there := self._again(sandbox)) is not None:
            now = await self._look(there)
            await response.write(wire.encoded(wire.as_of(shown(there, before, now), call.version)))
            before = now
            await asyncio.sleep(PERIOD)

    def _again(self, sandbox: Sandbox) -> Sandbox | None:
        try:
            return self._parts.store.sandbox(sandbox.id)
        except NotFound:
            return None

    async def _look(self, sandbox: Sandbox) -> Look:
        try:
            usage = self._parts.runtime.usage(sandbox.id) if sandbox.process else None
        except Conflict:
            return Look()
        if not sandbox.running:
            return Look()
        traffic = await self._traffic(sandbox)
        return Look(time=self._parts.clock.now(), usage=usage, traffic=traffic)

    async def _traffic(self, sandbox: Sandbox) -> dict[str, wire.Traffic] | None:
        """Counted inside its namespace; None on the host's, which is not its own."""
        if sandbox.netns is Netns.HOST:
            return None
        owner = self._parts.store.sandbox(sandbox.shares) if sandbox.shares else sandbox
        try:
            found = await self._parts.kernel.traffic(self._parts.paths.bound(owner))
        except KernelRefused:  # it ended while we looked
            return None
        return {
            name: wire.Traffic(
                rx_bytes=carried.rx_bytes,
                rx_packets=carried.rx_packets,
                rx_errors=carried.rx_errors,
                rx_dropped=carried.rx_dropped,
                tx_bytes=carried.tx_bytes,
                tx_packets=carried.tx_packets,
                tx_errors=carried.tx_errors,
                tx_dropped=carried.tx_dropped,
            )
            for name, carried in sorted(found.items())
        }

    async def top(self, call: Call) -> web.Response:
        """Its processes, in the columns of ps."""
        sandbox = with_process(self._parts.store.sandbox(call.ref), "looked at")
        options = (call.query.text("ps_args") or _PS).split()
        found = await self._parts.runtime.processes(sandbox.id, options)
        rows = [[*row] for row in found.rows]
        self._parts.engine.events.emit(sandbox_event("top", sandbox))
        return call.answer(wire.Top(titles=[*found.titles], processes=rows))


def shown(sandbox: Sandbox, before: Look, now: Look) -> wire.Stats:
    """*now*, with what was seen *before* to compare it with."""
    usage = now.usage
    return wire.Stats(
        id=sandbox.id,
        name=f"/{sandbox.name}",
        read=moments.shown(now.time),
        preread=moments.shown(before.time),
        cpu_stats=_cpu(usage),
        precpu_stats=_cpu(before.usage),
        memory_stats=_memory(usage),
        networks=UNSET if now.traffic is None else now.traffic,
        pids_stats=wire.Pids(current=usage.tasks if usage else UNSET),
    )


def _cpu(usage: Usage | None) -> wire.Cpu:
    if usage is None:
        return wire.Cpu()
    return wire.Cpu(
        cpu_usage=wire.CpuUsage(
            total_usage=usage.cpu,
            usage_in_kernelmode=usage.cpu_kernel,
            usage_in_usermode=usage.cpu_user,
        ),
        system_cpu_usage=usage.host_cpu,
        online_cpus=usage.processors,
    )


def _memory(usage: Usage | None) -> wire.Memory:
    if usage is None:
        return wire.Memory()
    parts = dict(usage.memory_parts)
    return wire.Memory(usage=usage.memory, stats=parts, limit=usage.memory_limit)
