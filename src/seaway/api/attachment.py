"""``attach``: a client on the standard streams of a sandbox's process."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aiohttp import web

from seaway.api.call import Call, Route
from seaway.api.carriage import Carriage, first_of, frame
from seaway.api.containers import with_process
from seaway.api.declaration import FRAMED, RAW, flag, stream, text
from seaway.api.detaching import key_bytes
from seaway.api.hijack import Hijacked, RawStream, content_type, hijacked
from seaway.api.parts import Parts
from seaway.contracts import Stream
from seaway.model.errors import EngineError
from seaway.model.event import sandbox_event
from seaway.model.sandbox import Process, Sandbox

BOTH = frozenset({1, 2})
DETACH_KEYS = text("detachKeys", "the keys by which a client leaves: ctrl-p,ctrl-q")


class AttachRoutes:
    """Attaching to sandboxes."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def routes(self) -> Sequence[Route]:
        """Methods and paths."""
        return (
            Route(
                "POST",
                "/containers/{ref}/attach",
                self.attach,
                query=(
                    flag("stream", "follow what it writes"),
                    flag("logs", "what it wrote before, first"),
                    flag("stdin", "write to it"),
                    flag("stdout", "its output"),
                    flag("stderr", "its errors"),
                    DETACH_KEYS,
                ),
                answers=stream(RAW, FRAMED, upgraded=True),
                refusals=(409,),
                streams=True,
            ),
        )

    async def attach(self, call: Call) -> web.StreamResponse:
        """Before the start, the client gets all output from the first byte."""
        sandbox = with_process(self._parts.store.sandbox(call.ref), "attached to")
        assert sandbox.process is not None
        keys = key_bytes(call.query.text("detachKeys"))
        stream = await self._stream(sandbox) if call.query.flag("stream") else None
        try:
            async with hijacked(call, content_type(call, tty=sandbox.process.tty)) as client:
                if call.query.flag("logs"):
                    await self._replay(call, sandbox, client)
                if stream is None:
                    return Hijacked()
                self._parts.engine.events.emit(sandbox_event("attach", sandbox))
                if (process := await _begun(stream, client)) is not None:
                    await self._carry(call, sandbox, client, process, keys)
        finally:
            await _let_go(stream)
        return Hijacked()

    async def _stream(self, sandbox: Sandbox) -> asyncio.Future[Stream]:
        """The streams: there already when it runs, else with its start."""
        if not sandbox.running:
            return self._parts.engine.sandboxes.streams.ask(sandbox.id)
        there: asyncio.Future[Stream] = asyncio.get_running_loop().create_future()
        there.set_result(await self._parts.runtime.attach(sandbox.id))
        return there

    async def _carry(
        self, call: Call, sandbox: Sandbox, client: RawStream, process: Stream, keys: bytes
    ) -> None:
        asked = sandbox.process
        assert asked is not None
        carriage = Carriage(
            client,
            process,
            tty=asked.tty,
            takes_input=asked.stdin_open and call.query.flag("stdin"),
            ends_input=asked.stdin_once,
            streams=_wanted(call, asked),
            keys=keys,
        )
        await carriage.run()
        if carriage.detached:
            self._parts.engine.events.emit(sandbox_event("detach", sandbox))

    async def _replay(self, call: Call, sandbox: Sandbox, client: RawStream) -> None:
        """What was written before."""
        assert sandbox.process is not None
        tty, wanted = sandbox.process.tty, _wanted(call, sandbox.process)
        async for line in self._parts.runtime.logs(sandbox.id, follow=False):
            if line.stream in wanted:
                client.writer.write(line.data if tty else frame(line.stream, line.data))
                await client.writer.drain()


def _wanted(call: Call, process: Process) -> frozenset[int]:
    """The streams that the client asks for; a terminal has one for both."""
    asked = {n for n, name in ((1, "stdout"), (2, "stderr")) if call.query.flag(name)}
    return BOTH if process.tty and asked else frozenset(asked)


async def _begun(stream: asyncio.Future[Stream], client: RawStream) -> Stream | None:
    """The streams once they are there; None when the start failed or the client went away first."""

    async def wait() -> None:
        await asyncio.wait([stream])

    await first_of(wait(), client.gone())
    if not stream.done() or stream.cancelled() or stream.exception() is not None:
        return None
    return stream.result()


async def _let_go(stream: asyncio.Future[Stream] | None) -> None:
    """Close the streams, or wait for them no longer."""
    if stream is None or stream.cancel() or stream.cancelled():
        return
    if isinstance(stream.exception(), EngineError):
        return
    await stream.result().close()
