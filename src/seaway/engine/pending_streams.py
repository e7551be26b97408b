"""Streams of those who attach to a sandbox before it starts."""

from __future__ import annotations

import asyncio

from seaway.contracts import Runtime, Stream
from seaway.model.errors import EngineError, Unavailable
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
        future.add_done_callback(lambda done: self._forget(sandbox, done))
        return future

    def _forget(self, sandbox: SandboxId, done: asyncio.Future[Stream]) -> None:
        waiting = self._waiting.get(sandbox, [])
        if done in waiting:
            waiting.remove(done)
        if not waiting:
            self._waiting.pop(sandbox, None)

    async def attach(self, sandbox: SandboxId) -> None:
        """The sandbox's container is there and not started yet: hand the streams out."""
        for future in tuple(self._waiting.get(sandbox, ())):
            stream = await self._runtime.attach(sandbox)
            if future.done():
                await stream.close()
            else:
                future.set_result(stream)

    def fail(self, sandbox: SandboxId, error: BaseException) -> None:
        """The start failed: so does everybody's wait."""
        told = (
            error if isinstance(error, EngineError) else Unavailable(f"the start failed: {error}")
        )
        for future in self._waiting.pop(sandbox, ()):
            if not future.done():
                future.set_exception(told)
