"""Asking for names from anywhere on the test bed, and somebody else's name server to ask."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from ipaddress import ip_address
from typing import cast

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import dns.reversename
import dns.rrset

from bed.spot import Spot

NAMES = "127.0.0.11"
NXDOMAIN, SERVFAIL, REFUSED = ["NXDOMAIN"], ["SERVFAIL"], ["REFUSED"]


def exchange(
    spot: Spot,
    query: dns.message.Message,
    *,
    tcp: bool = False,
    server: str = NAMES,
    timeout: float = 5,
) -> dns.message.Message:
    """The answer of *server* to *query*, asked once; raises OSError (TimeoutError: none came)."""
    with spot.connect("tcp" if tcp else "udp", server, 53, timeout) as connection:
        if tcp:
            dns.query.send_tcp(connection, query)
            answer, _ = dns.query.receive_tcp(connection)
        else:
            connection.send(query.to_wire())
            answer = dns.message.from_wire(connection.recv(65535))
    assert query.is_response(answer), answer
    return answer


def data_of(message: dns.message.Message) -> list[str]:
    """The data of the answers as they came; the word of the rcode when it is none of success."""
    if message.rcode() != dns.rcode.NOERROR:
        return [dns.rcode.to_text(message.rcode())]
    return [str(item) for rrset in message.answer for item in cast("Iterable[object]", rrset)]


def resolve(
    spot: Spot,
    name: str,
    kind: str = "A",
    *,
    tcp: bool = False,
    server: str = NAMES,
    timeout: float = 5,
) -> list[str]:
    """What *name* is to *spot*: the data of the answers, or the one word of the failure."""
    query = dns.message.make_query(name, kind)
    return data_of(exchange(spot, query, tcp=tcp, server=server, timeout=timeout))


def reverse(spot: Spot, address: str, *, server: str = NAMES) -> list[str]:
    """The names that *spot* is told for *address*."""
    return resolve(spot, dns.reversename.from_address(address).to_text(), "PTR", server=server)


class Upstream:
    """A name server of the world outside, by UDP and TCP."""

    def __init__(self, spot: Spot, address: str, answers: Mapping[str, Sequence[str]]) -> None:
        """*answers* leads from names without a last dot to addresses of either family."""
        self.answers = dict(answers)
        self.silent = False
        self.fails = False
        self.asked: list[str] = []
        """All names asked for so far, without a last dot."""
        self.askers: list[str] = []
        """Who asked, in the same order."""
        self._closing = threading.Event()
        family = socket.AF_INET if ip_address(address).version == 4 else socket.AF_INET6
        self._sockets = [
            spot.open_socket(family, kind) for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM)
        ]
        for each in self._sockets:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            each.bind((address, 53))
            each.settimeout(0.05)
        self._sockets[1].listen()
        self._threads = [
            threading.Thread(target=self._until_closed, args=(work, each), daemon=True)
            for work, each in zip((self._datagram, self._stream), self._sockets, strict=True)
        ]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Answer no more."""
        self._closing.set()
        for thread in self._threads:
            thread.join()
        for each in self._sockets:
            each.close()

    def _until_closed(self, work: Callable[[socket.socket], None], sock: socket.socket) -> None:
        while not self._closing.is_set():
            with contextlib.suppress(TimeoutError, ConnectionError):
                work(sock)

    def _datagram(self, sock: socket.socket) -> None:
        data, peer = sock.recvfrom(4096)
        query = dns.message.from_wire(data)
        reply = self._reply(query, peer[0])
        if self.silent:
            return
        try:
            sock.sendto(reply.to_wire(max_size=query.payload or 512), peer)
        except dns.exception.TooBig:
            reply.answer.clear()
            reply.flags |= dns.flags.TC
            sock.sendto(reply.to_wire(), peer)

    def _stream(self, sock: socket.socket) -> None:
        connection, peer = sock.accept()
        with connection:
            connection.settimeout(1)
            query, _ = dns.query.receive_tcp(connection)
            dns.query.send_tcp(connection, self._reply(query, peer[0]))

    def _reply(self, query: dns.message.Message, asker: str) -> dns.message.Message:
        reply = dns.message.make_response(query, recursion_available=True)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True)
        self.asked.append(name)
        self.askers.append(asker)
        known = self.answers.get(name.lower())
        version = {dns.rdatatype.A: 4, dns.rdatatype.AAAA: 6}.get(question.rdtype, 0)
        found = [a for a in known or () if ip_address(a).version == version]
        if self.fails:
            reply.set_rcode(dns.rcode.SERVFAIL)
        elif known is None:
            reply.set_rcode(dns.rcode.NXDOMAIN)
        elif found:
            kind = dns.rdatatype.to_text(question.rdtype)
            reply.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *found))
        return reply


@contextmanager
def upstream(
    spot: Spot, address: str, answers: Mapping[str, Sequence[str]] | None = None
) -> Generator[Upstream]:
    """A name server at *address* of *spot* during a block."""
    server = Upstream(spot, address, answers or {})
    try:
        yield server
    finally:
        server.close()


def elapsed(work: Callable[[], object]) -> float:
    """The seconds that *work* takes."""
    before = time.monotonic()
    work()
    return time.monotonic() - before
