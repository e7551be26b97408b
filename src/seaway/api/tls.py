"""TLS in front of the API: each connection is unwrapped and handed on by a pair of sockets.

asyncio's own TLS ends a connection at the client's close_notify, but with docker's clients that is
the end of their input only: the rest of the output is still to come. The pair has half-closes, and
hang-ups that can be told from them, as the Unix socket has.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress

from seaway.api.certificates import Certificates

log = logging.getLogger(__name__)

HANDSHAKE = 10.0
"""Seconds for a client to show who it is."""
STRANGERS = 256
"""Clients at a time that have not shown it yet; for one more, the one that took longest is let go."""
LAST_WORDS = 1.0
"""Seconds for a client to read why it is refused, or the end."""
_CHUNK = 1 << 16
_PAUSE = 0.1
"""Seconds until another try to accept."""
_HANDSHAKE_RECORD = 22  # RFC 8446 section 5.1
_PLAIN_ANSWER = b"Client sent an HTTP request to an HTTPS server.\n"

Factory = Callable[[], asyncio.Protocol]


class TlsEnd:
    """Our end of a TLS connection."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext) -> None:
        self._sock, self._loop = sock, asyncio.get_running_loop()
        self._arrived, self._leaving = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._arrived, self._leaving, server_side=True)
        self._sending = asyncio.Lock()

    async def handshake(self) -> None:
        """Know the client; raises ssl.SSLError when it is refused, ConnectionError."""
        first = await self._receive()
        if first[0] != _HANDSHAKE_RECORD:
            await self._loop.sock_sendall(self._sock, _refused_plain())
            raise ConnectionAbortedError("it does not speak TLS")
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                await self._receive()
            else:
                break
            finally:
                await self._flush()

    async def read(self) -> bytes:
        """The next bytes; empty when the client ends its sending. Raises ConnectionError."""
        while True:
            try:
                data = self._tls.read(_CHUNK)
            except ssl.SSLWantReadError:
                await self._flush()
                await self._receive()
            except ssl.SSLZeroReturnError:
                return b""
            else:
                return data

    async def write(self, data: bytes) -> None:
        """Send *data*; raises ConnectionError."""
        self._tls.write(data)
        await self._flush()

    async def gone(self) -> None:
        """Wait until the connection itself ends; a close_notify does not end it."""
        with suppress(ConnectionError):
            while True:
                await self._receive()

    async def end(self) -> None:
        """Say that nothing follows, and let the client read it before the connection goes."""
        with suppress(ConnectionError, ssl.SSLError, TimeoutError):
            with suppress(ssl.SSLWantReadError):  # we do not wait for the client's own
                self._tls.unwrap()
            await self._flush()
        await linger(self._sock)

    async def _receive(self) -> bytes:
        data = await self._loop.sock_recv(self._sock, _CHUNK)
        if not data:
            raise ConnectionResetError("the client hung up")
        self._arrived.write(data)
        return data

    async def _flush(self) -> None:
        async with self._sending:
            if data := self._leaving.read():
                await self._loop.sock_sendall(self._sock, data)


def _refused_plain() -> bytes:
    head = f"HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: {len(_PLAIN_ANSWER)}"
    return f"{head}\r\nConnection: close\r\n\r\n".encode() + _PLAIN_ANSWER


async def linger(sock: socket.socket) -> None:
    """End our sending, and read what comes for a moment: unread bytes would undo what we sent."""
    loop = asyncio.get_running_loop()
    with suppress(OSError, TimeoutError):
        sock.shutdown(socket.SHUT_WR)
        async with asyncio.timeout(LAST_WORDS):
            while await loop.sock_recv(sock, _CHUNK):
                pass


class TlsDoor:
    """Takes TLS connections and gives *factory*'s protocols what is in them."""

    def __init__(self, certificates: Certificates, factory: Factory) -> None:
        self._certificates, self._factory = certificates, factory
        self._strangers: dict[asyncio.Task[None], None] = {}
        self._open = set[asyncio.Task[None]]()

    async def serve(self, listening: socket.socket) -> None:
        """Accept on *listening* until cancelled."""
        with listening:
            async with asyncio.TaskGroup() as tasks:
                try:
                    while True:
                        sock, peer = await self._next(listening)
                        job = tasks.create_task(self._one(sock, peer))
                        self._open.add(job)
                        job.add_done_callback(self._open.discard)
                        await self._make_room(job)
                        await asyncio.sleep(0)  # it begins, and so closes its socket in any case
                finally:  # what the server said last goes out
                    if self._open:
                        await asyncio.wait(self._open, timeout=LAST_WORDS)

    async def _make_room(self, stranger: asyncio.Task[None]) -> None:
        """Count *stranger* in; the oldest goes, so that nobody keeps others out by saying nothing."""
        self._strangers[stranger] = None
        stranger.add_done_callback(self._known_by_now)
        if len(self._strangers) > STRANGERS:
            oldest = next(iter(self._strangers))
            oldest.cancel()
            await asyncio.wait([oldest])

    def _known_by_now(self, stranger: asyncio.Task[None]) -> None:
        self._strangers.pop(stranger, None)

    async def _next(self, listening: socket.socket) -> tuple[socket.socket, str]:
        """The next client and its address."""
        while True:
            try:
                sock, peer = await asyncio.get_running_loop().sock_accept(listening)
            except OSError as error:  # too many open files, or it was gone already
                log.warning("cannot accept a client", extra={"reason": str(error)})
                await asyncio.sleep(_PAUSE)
            else:
                return sock, str(peer[0])

    async def _one(self, sock: socket.socket, peer: str) -> None:
        """A whole connection; whatever happens to it is no error of the server's."""
        job = asyncio.current_task()
        assert job is not None, "a connection is a task of its own"
        with sock:
            sock.setblocking(False)
            end = await self._known(sock, peer)
            if end is None:
                await linger(sock)
                return
            self._known_by_now(job)
            with suppress(OSError, ssl.SSLError):
                await self._carry(end)

    async def _known(self, sock: socket.socket, peer: str) -> TlsEnd | None:
        """The connection once the client has shown who it is; None when it is refused."""
        try:
            end = TlsEnd(sock, self._certificates.context)
            async with asyncio.timeout(HANDSHAKE):
                await end.handshake()
        except (OSError, TimeoutError) as error:  # ssl.SSLError is an OSError
            why = getattr(error, "verify_message", "") or getattr(error, "reason", "") or str(error)
            log.info("refused a client", extra={"peer": peer, "reason": str(why)})
            return None
        return end

    async def _carry(self, end: TlsEnd) -> None:
        """Both ways until the server is done, or the client has gone."""
        ours, theirs = socket.socketpair()
        with ours:
            ours.setblocking(False)
            await asyncio.get_running_loop().connect_accepted_socket(self._factory, theirs)
            async with asyncio.TaskGroup() as tasks:
                ways = (_inward(end, ours), _outward(end, ours))
                jobs = [tasks.create_task(way) for way in ways]
                await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
                for job in jobs:
                    job.cancel()


async def _inward(end: TlsEnd, ours: socket.socket) -> None:
    """What the client sends, to the server; ends when the client has gone."""
    loop = asyncio.get_running_loop()
    with suppress(OSError):
        while data := await end.read():
            await loop.sock_sendall(ours, data)
        ours.shutdown(socket.SHUT_WR)
        await end.gone()


async def _outward(end: TlsEnd, ours: socket.socket) -> None:
    """What the server sends, to the client; ends when the server closes."""
    loop = asyncio.get_running_loop()
    with suppress(OSError):
        while data := await loop.sock_recv(ours, _CHUNK):
            await end.write(data)
        await end.end()
