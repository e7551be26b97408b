"""Streams of those who attach to a sandbox before it starts."""

from __future__ import annotations

import asyncio

from seaway.contracts import Runtime, Stream
from seaway.model.errors import EngineError
from seaway.model.ids import SandboxId


class PendingStreams:
    """Whoever attaches before the start gets all output, from the first byte."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._waiting: dict[SandboxId, list[asyncio.Future[Stream]]] = {}

    def ask(self, sandbox: SandboxId) -> asyncio.Future[Stream]:
        """A future for the stream; it comes with the start, or fails with it."""
        future: asyncio.Future[Stream] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(sandbox, []).append(future)
        return future

    async def attach(self, sandbox: SandboxId) -> None:
        """The sandbox's container is there and not started yet: hand the streams out."""
        for future in self._waiting.pop(sandbox, ()):
            stream = await self._runtime.attach(sandbox)
            if future.done():
                await stream.close()
            else:
                future.set_result(stream)

    def fail(self, sandbox: SandboxId, error: EngineError) -> None:
        """The start failed: so does everybody's wait."""
        for future in self._waiting.pop(sandbox, ()):
            if not future.done():
                future.set_exception(error)
