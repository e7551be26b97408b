"""Carries bytes between a client and a process until one of them is done."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Coroutine
from contextlib import suppress

from seaway.api.detaching import DetachKeys
from seaway.api.hijack import RawStream
from seaway.contracts import Stream

_CHUNK = 1 << 16
_LAST_WORDS = 1.0
"""Seconds for the process to take what a client sent that went away."""
_FRAME = struct.Struct(">BxxxL")
"""One byte of stream, three of nothing, the length; big-endian."""


def frame(stream: int, data: bytes) -> bytes:
    """*data* of one of the standard streams (1, 2), as clients tell them apart."""
    return _FRAME.pack(stream, len(data)) + data


class Carriage:
    """One attached client."""

    def __init__(
        self,
        client: RawStream,
        process: Stream,
        *,
        tty: bool,
        takes_input: bool,
        ends_input: bool,
        streams: frozenset[int],
        keys: bytes,
    ) -> None:
        """*streams* are those the client wants; with a *tty* there is one, and its bytes go raw.

        *ends_input*: the process's input ends with the client's, unless it is a terminal's.
        """
        self._client, self._process = client, process
        self._tty, self._takes_input, self._streams = tty, takes_input, streams
        self._ends_input = takes_input and ends_input and not tty
        self._keys = DetachKeys(keys) if tty else None
        self._input_over = asyncio.Event()
        self.detached = False

    async def run(self) -> None:
        """Carry until the output ends, the client goes, or the user detaches."""
        await first_of(self._output(), self._input(), self._client_gone())
        if self._ends_input and self._client.is_gone:
            await self._process.write_eof()

    async def _client_gone(self) -> None:
        """The client is gone, and what it sent last is with the process."""
        await self._client.gone()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._input_over.wait(), _LAST_WORDS)

    async def _output(self) -> None:
        writer = self._client.writer
        while (piece := await self._process.read()) is not None:
            stream, data = piece
            if stream in self._streams and not writer.is_closing():
                writer.write(data if self._tty else frame(stream, data))
                with suppress(ConnectionError):  # then it is gone, which others watch for
                    await writer.drain()

    async def _input(self) -> None:
        """Ends only when the user detaches: output goes on after the end of input."""
        while data := await self._client.reader.read(_CHUNK):
            if self._takes_input and await self._typed(data):
                self.detached = True
                return
        if self._ends_input:
            await self._process.write_eof()
        self._input_over.set()
        await asyncio.Event().wait()

    async def _typed(self, data: bytes) -> bool:
        """Pass *data* on; whether the detach keys were in it."""
        data, found = self._keys.feed(data) if self._keys else (data, False)
        if data:
            await self._process.write(data)
        return found


async def first_of(*jobs: Coroutine[object, object, object]) -> None:
    """Run *jobs* until one of them is done, or its connection breaks; then cancel the others.

    No job ends the group by an error: it would come before the cancellation of the caller.
    """
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(_unbroken(job)) for job in jobs]
        await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        for task in running:
            task.cancel()


async def _unbroken(job: Coroutine[object, object, object]) -> None:
    with suppress(ConnectionError):
        await job
