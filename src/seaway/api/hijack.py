"""A request whose connection becomes a raw stream, both ways.

aiohttp has no API for it: the transport gets another protocol, before the head of the reply goes out
so that no byte is lost. aiohttp's own is told at the end that the connection is gone.
"""

from __future__ import annotations

import asyncio
import select
import socket
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from seaway.api import wire
from seaway.api.call import Call

RAW = "application/vnd.docker.raw-stream"
MULTIPLEXED = "application/vnd.docker.multiplexed-stream"


def content_type(call: Call, *, tty: bool) -> str:
    """What a stream calls itself."""
    return RAW if tty or call.version < wire.MULTIPLEXED_SINCE else MULTIPLEXED


class Hijacked(web.Response):
    """Stands for a reply that was written by hand."""

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:  # noqa: ARG002
        """Nothing to write."""
        self.force_close()
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """Nothing to end."""


@dataclass(frozen=True, slots=True)
class RawStream:
    """The client's end of a hijacked connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def gone(self) -> None:
        """Wait until the client closes its end; one that only ends its sending has not.

        epoll tells the two apart by EPOLLHUP, and reports that unasked (epoll_ctl(2)).
        """
        sock: socket.socket = self.writer.get_extra_info("socket")
        loop = asyncio.get_running_loop()
        with select.epoll() as watch:
            watch.register(sock.fileno(), 0)
            hung_up = loop.create_future()
            loop.add_reader(watch.fileno(), _set, hung_up)
            try:
                await hung_up
            finally:
                loop.remove_reader(watch.fileno())

    @property
    def is_gone(self) -> bool:
        """Whether the client closed its end."""
        if self.writer.is_closing():
            return True
        sock: socket.socket = self.writer.get_extra_info("socket")
        watch = select.poll()
        watch.register(sock.fileno(), 0)
        return any(event & (select.POLLHUP | select.POLLERR) for _, event in watch.poll(0))


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


@asynccontextmanager
async def hijacked(
    call: Call, kind: str, headers: Mapping[str, str] | None = None
) -> AsyncGenerator[RawStream]:
    """Take the connection of *call*, answer that it is a stream of *kind*, and close it in the end."""
    request, loop = call.request, asyncio.get_running_loop()
    transport, old = request.transport, request.protocol
    if transport is None:
        raise ConnectionResetError("the client went away")
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)  # keeps the write side open at EOF
    transport.set_protocol(protocol)
    protocol.connection_made(transport)
    transport.resume_reading()
    writer = asyncio.StreamWriter(transport, protocol, reader, loop)
    try:
        writer.write(_head(request, {"Content-Type": kind, **(headers or {})}))
        yield RawStream(reader, writer)
    finally:
        writer.close()
        loop.call_soon(old.connection_lost, None)


def _head(request: web.Request, headers: Mapping[str, str]) -> bytes:
    """Who asked for no other protocol is told of none: its stream is raw, framed or not."""
    if request.headers.get("Upgrade"):
        first, last = "HTTP/1.1 101 UPGRADED", "Connection: Upgrade\r\nUpgrade: tcp\r\n"
    else:
        first, last = "HTTP/1.1 200 OK", ""
        headers = {**headers, "Content-Type": RAW}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{first}\r\n{lines}{last}\r\n".encode()
