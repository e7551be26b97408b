"""Asking upstream name servers for names that are not ours."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import logging
import secrets
import socket
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

from seaway.codec import dns
from seaway.contracts import Kernel
from seaway.dns.limits import Limits
from seaway.model.errors import EngineError
from seaway.plan.zone import NAMES_ADDRESS, Upstream

log = logging.getLogger(__name__)

_MISSES = 2
"""Unanswered questions in a row after which a server comes last; one may be a lost packet."""
_NO_WAY = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
"""There is no route to the server, or no such family here: it might as well not be configured."""
_SIOCGIFINDEX = 0x8933  # linux/sockios.h
_LARGEST = 65535


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of one attempt: a reply, or why there is none."""

    server: Upstream
    reply: bytes | None = None
    error: Exception | None = None

    @property
    def good(self) -> bool:
        return self.reply is not None and not dns.failed(self.reply)


class Forwarder:
    """Asks servers in turn; a slow one may still answer while the next is being asked."""

    def __init__(
        self, kernel: Kernel, limits: Limits, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._kernel = kernel
        self._limits = limits
        self._health = Health(limits.demotion, clock)

    async def ask(
        self, query: dns.Query, servers: Sequence[Upstream], netns: Path | None, *, stream: bool
    ) -> bytes:
        """What an upstream answers to *query*, or SERVFAIL; raises nothing of theirs.

        *netns*: the sandbox's, for servers which are asked from there. *stream*: whether the asker
        came by TCP and can take more than a datagram holds.
        """
        usable = [s for s in servers if not _is_ourselves(s)]
        race = _Race(query, stream=stream)
        async with asyncio.TaskGroup() as attempts:
            tasks: list[asyncio.Task[None]] = []
            for server in self._schedule(usable, netns):
                if server in race.out:
                    continue
                place = None if server.from_host else netns
                tasks.append(attempts.create_task(self._attempt(race, server, place)))
                if not await race.moved(self._limits.patience) and server in race.asked:
                    self._health.silent(server, place)
                if race.is_won:
                    break
            for task in tasks:
                task.cancel()
        return race.result()

    def _schedule(self, servers: Sequence[Upstream], netns: Path | None) -> Iterator[Upstream]:
        """Whom to ask, one after the other: those that were silent of late come last."""
        return islice(cycle(self._health.ordered(servers, netns)), self._limits.attempts)

    async def _attempt(self, race: _Race, server: Upstream, netns: Path | None) -> None:
        try:
            reply = await self._exchange(race, server, netns)
        except (OSError, OverflowError, EngineError) as error:  # Overflow: no such scope
            race.put(_Outcome(server, error=error))
        else:
            self._health.answered(server, netns)
            race.put(_Outcome(server, reply=dns.for_asker(reply, race.query)))

    async def _exchange(self, race: _Race, server: Upstream, netns: Path | None) -> bytes:
        reply = await self._by_datagram(race, server, netns)
        if race.stream and dns.is_truncated(reply):
            reply = await self._by_stream(race.query, server, netns)
        return reply

    async def _by_datagram(self, race: _Race, server: Upstream, netns: Path | None) -> bytes:
        """One question from a port of its own (RFC 5452 section 9.2), until it is answered."""
        loop = asyncio.get_running_loop()
        ident = secrets.randbelow(1 << 16)
        with await self._socket(server, netns, socket.SOCK_DGRAM) as sock:
            sock.connect(_destination(sock, server))
            sock.send(dns.encode_query(race.query, ident))
            race.asked.add(server)
            while True:
                reply = await loop.sock_recv(sock, _LARGEST)
                if dns.is_reply(reply, race.query, ident):
                    return reply

    async def _by_stream(self, query: dns.Query, server: Upstream, netns: Path | None) -> bytes:
        loop = asyncio.get_running_loop()
        ident = secrets.randbelow(1 << 16)
        with await self._socket(server, netns, socket.SOCK_STREAM) as sock:
            await loop.sock_connect(sock, _destination(sock, server))
            await loop.sock_sendall(sock, framed(dns.encode_query(query, ident)))
            reply = await read_framed(sock)
        if reply is None or not dns.is_reply(reply, query, ident):
            raise ConnectionAbortedError(errno.ECONNABORTED, "the server answered something else")
        return reply

    async def _socket(
        self, server: Upstream, netns: Path | None, kind: socket.SocketKind
    ) -> socket.socket:
        family = socket.AF_INET if server.address.version == 4 else socket.AF_INET6
        return await self._kernel.open_socket(netns, family, kind)


class _Race:
    """One question to several servers: who was asked, who failed, and the best reply so far."""

    def __init__(self, query: dns.Query, *, stream: bool) -> None:
        self.query = query
        self.stream = stream
        self.asked: set[Upstream] = set()
        """Servers that a question went to; before that their silence says nothing."""
        self.out: set[Upstream] = set()
        """Servers that failed to answer: no use in asking them again."""
        self._good: bytes | None = None
        self._failure: bytes | None = None
        self._without_way = 0
        self._change = asyncio.Event()

    def put(self, outcome: _Outcome) -> None:
        """Take in what became of an attempt."""
        if outcome.good:
            self._good = self._good or outcome.reply
        else:
            self.out.add(outcome.server)
            self._failure = outcome.reply or self._failure
            self._without_way += _number(outcome.error) in _NO_WAY
        self._change.set()

    @property
    def is_won(self) -> bool:
        """Whether there is a good reply."""
        return self._good is not None

    async def moved(self, seconds: float) -> bool:
        """Wait until an attempt ends; false when none did within *seconds*."""
        self._change.clear()
        try:
            async with asyncio.timeout(seconds):
                return await self._change.wait()
        except TimeoutError:
            return False

    def result(self) -> bytes:
        """The best there is."""
        if self._good is not None:
            return self._good
        if self._failure is not None:
            return self._failure
        alone = len(self.out) == self._without_way
        return (
            no_answer(self.query)
            if alone
            else dns.encode_answer(self.query, rcode=dns.Rcode.SERVFAIL)
        )


class Health:
    """Which servers were silent of late, so that not every question waits for them."""

    def __init__(self, demotion: float, clock: Callable[[], float]) -> None:
        self._demotion = demotion
        self._clock = clock
        self._misses: dict[tuple[Upstream, Path | None], tuple[int, float]] = {}

    def ordered(self, servers: Sequence[Upstream], netns: Path | None) -> list[Upstream]:
        """*servers*, those last that were silent in the last seconds."""
        now = self._clock()
        self._misses = {k: v for k, v in self._misses.items() if v[1] > now}
        return sorted(servers, key=lambda s: self._is_last(s, None if s.from_host else netns))

    def _is_last(self, server: Upstream, netns: Path | None) -> bool:
        return self._misses.get((server, netns), (0, 0.0))[0] >= _MISSES

    def silent(self, server: Upstream, netns: Path | None) -> None:
        """*server* did not answer in time."""
        misses, _ = self._misses.get((server, netns), (0, 0.0))
        self._misses[server, netns] = misses + 1, self._clock() + self._demotion

    def answered(self, server: Upstream, netns: Path | None) -> None:
        """*server* answered."""
        self._misses.pop((server, netns), None)


def _number(error: Exception | None) -> int | None:
    """Linux's number of *error*, or of what stands behind it."""
    cause = error.__cause__ if isinstance(error, EngineError) else error
    return cause.errno if isinstance(cause, OSError) else None


def no_answer(query: dns.Query) -> bytes:
    """What an asker gets where nobody can be asked.

    A name without a dot means nothing outside (RFC 9476 apart), so there is none; of any other we
    cannot know.
    """
    rcode = dns.Rcode.SERVFAIL if "." in query.name else dns.Rcode.NXDOMAIN
    return dns.encode_answer(query, rcode=rcode)


def framed(message: bytes) -> bytes:
    """*message* as it goes over TCP (RFC 1035 section 4.2.2)."""
    return len(message).to_bytes(2, "big") + message


async def read_framed(sock: socket.socket) -> bytes | None:
    """The next message from *sock*; None at its end, in the middle of a message too."""
    head = await _read_exactly(sock, 2)
    return head and await _read_exactly(sock, int.from_bytes(head, "big"))


async def _read_exactly(sock: socket.socket, size: int) -> bytes | None:
    loop = asyncio.get_running_loop()
    data = bytearray()
    while len(data) < size:
        if not (piece := await loop.sock_recv(sock, size - len(data))):
            return None
        data += piece
    return bytes(data)


def _is_ourselves(server: Upstream) -> bool:
    """Whether the question would come back to us for ever.

    On the host 127.0.0.11 is somebody else: we listen in sandboxes only, and the host may itself be
    a container of an engine that answers there.
    """
    return not server.from_host and server.address == NAMES_ADDRESS


def _destination(
    sock: socket.socket, server: Upstream
) -> tuple[str, int] | tuple[str, int, int, int]:
    bare, _, scope = str(server.address).partition("%")
    if server.address.version == 4:
        return bare, server.port
    return bare, server.port, 0, _ifindex(sock, server.scope or scope)


def _ifindex(sock: socket.socket, scope: str) -> int:
    """The number of the interface *scope* (a name or a number) in the namespace of *sock*."""
    if not scope or scope.isdecimal():
        return int(scope or 0)
    request = struct.pack("16si20x", scope.encode()[:15], 0)
    answer = fcntl.ioctl(sock, _SIOCGIFINDEX, request)
    return int(struct.unpack_from("16si", answer)[1])
