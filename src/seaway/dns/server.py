"""The sockets of one name server."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Coroutine
from pathlib import Path

from seaway.codec import dns
from seaway.dns.hostfile import HostFile
from seaway.dns.limits import Budget, Limits
from seaway.dns.responder import Responder
from seaway.dns.upstream import Forwarder, framed, no_answer, read_framed

log = logging.getLogger(__name__)

Spawn = Callable[[Coroutine[None, None, None]], asyncio.Task[None]]
"""Starts a task in the group that owns them all."""
MayAsk = Callable[[str], bool]
"""Whether somebody at this source address gets answers."""
_DATAGRAM = 4096
_PAUSE = 1.0
"""Seconds without new TCP connections when there are no descriptors left."""


class Server:
    """Answers one sandbox, or those who may ask at a gateway, by UDP and TCP.

    The loop calls us when there is something to read, and we read on until there is nothing more:
    asyncio's DatagramProtocol takes 256 KB for each datagram, and half of the speed.
    """

    def __init__(
        self,
        *,
        udp: socket.socket,
        tcp: socket.socket,
        netns: Path | None,
        responder: Responder,
        forwarder: Forwarder,
        host: HostFile,
        budget: Budget,
        limits: Limits,
        spawn: Spawn,
        may_ask: MayAsk | None = None,
    ) -> None:
        self.responder = responder
        self._udp, self._tcp, self._netns = udp, tcp, netns
        self._forwarder, self._host = forwarder, host
        self._budget = Budget(limits.in_flight_each, budget)
        self._streams = Budget(limits.streams)
        self._limits = limits
        self._spawn, self._may_ask = spawn, may_ask
        self._tasks: set[asyncio.Task[None]] = set()
        self._open = True
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(udp, self._read_datagrams)
        self._loop.add_reader(tcp, self._accept)

    async def close(self) -> None:
        """Stop; on return no descriptor of ours keeps the namespace."""
        self._open = False
        for sock in (self._udp, self._tcp):
            self._loop.remove_reader(sock)
            sock.close()
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _read_datagrams(self) -> None:
        udp, cached = self._udp, self.responder.cached
        for _ in range(self._limits.drain):
            try:
                message, asker = udp.recvfrom(_DATAGRAM)
            except BlockingIOError:
                return
            except OSError:  # an error of an earlier answer (ICMP), reported here
                continue
            if self._may_ask is not None and not self._may_ask(asker[0]):
                continue
            answer = cached(message)
            if answer is None:
                answer = self._fresh(message, asker)
            if answer is not None:
                self._send(answer, asker)

    def _fresh(self, message: bytes, asker: tuple[str, int]) -> bytes | None:
        """The answer to a question by UDP, unless a task will send it."""
        try:
            answer = self.responder.answer(message, stream=False)
        except Exception:  # one question never ends the server
            log.exception("a name query broke", extra={"netns": str(self._netns)})
            return None
        if not isinstance(answer, dns.Query):
            return answer
        if not self._budget.take():
            return dns.encode_answer(answer, rcode=dns.Rcode.SERVFAIL)
        self._start(self._forward_datagram(answer, asker), self._budget)
        return None

    def _send(self, answer: bytes, asker: tuple[str, int]) -> None:
        """Send by UDP; an asker whose buffer is full, or who is gone, asks again or does not."""
        try:
            self._udp.sendto(answer, asker)
        except OSError as error:
            log.debug("an answer was lost", extra={"netns": str(self._netns), "reason": str(error)})

    async def _forward_datagram(self, query: dns.Query, asker: tuple[str, int]) -> None:
        answer = await self._ask_upstreams(query, stream=False)
        if len(answer) > query.udp_size:
            answer = dns.truncated(query, answer)
        self._send(answer, asker)

    async def _ask_upstreams(self, query: dns.Query, *, stream: bool) -> bytes:
        servers = self.responder.view.upstreams
        if servers is None:
            servers = self._host.servers()
        if not servers:
            return no_answer(query)
        return await self._forwarder.ask(query, servers, self._netns, stream=stream)

    def _accept(self) -> None:
        for _ in range(self._limits.drain):
            try:
                connection, asker = self._tcp.accept()
            except BlockingIOError:
                return
            except ConnectionAbortedError:
                continue
            except OSError as error:
                self._pause(error)
                return
            self._take(connection, asker[0])

    def _take(self, connection: socket.socket, source: str) -> None:
        stranger = self._may_ask is not None and not self._may_ask(source)
        if stranger or not self._streams.take():
            connection.close()
            return
        connection.setblocking(False)
        self._start(self._serve_stream(connection), self._streams)

    def _pause(self, error: OSError) -> None:
        log.error(
            "cannot take a connection", extra={"netns": str(self._netns), "reason": str(error)}
        )
        self._loop.remove_reader(self._tcp)
        self._loop.call_later(_PAUSE, self._resume)

    def _resume(self) -> None:
        if self._open:
            self._loop.add_reader(self._tcp, self._accept)

    async def _serve_stream(self, connection: socket.socket) -> None:
        with connection:
            while message := await self._next_message(connection):
                answer = await self._answer_stream(message)
                if answer is None:
                    return
                async with asyncio.timeout(self._limits.stream_idle):
                    await self._loop.sock_sendall(connection, framed(answer))

    async def _next_message(self, connection: socket.socket) -> bytes | None:
        async with asyncio.timeout(self._limits.stream_idle):
            return await read_framed(connection)

    async def _answer_stream(self, message: bytes) -> bytes | None:
        answer = self.responder.answer(message, stream=True)
        if not isinstance(answer, dns.Query):
            return answer
        if not self._budget.take():
            return dns.encode_answer(answer, rcode=dns.Rcode.SERVFAIL)
        try:
            return await self._ask_upstreams(answer, stream=True)
        finally:
            self._budget.give()

    def _start(self, work: Coroutine[None, None, None], budget: Budget) -> None:
        task = self._spawn(self._guarded(work))
        self._tasks.add(task)

        def ended(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            budget.give()

        task.add_done_callback(ended)

    async def _guarded(self, work: Coroutine[None, None, None]) -> None:
        """Do *work*; whatever goes wrong with one question never ends the server."""
        try:
            await work
        except OSError as error:  # the asker is gone, or too slow
            log.debug("a stream broke", extra={"netns": str(self._netns), "reason": str(error)})
        except Exception:
            log.exception("a name query broke", extra={"netns": str(self._netns)})
