"""A stage for the name servers: namespaces of their own, and name servers of other people.

Namespaces are held by descriptors alone: a killed run leaves none.
"""

from __future__ import annotations

import asyncio
import ctypes
import fcntl
import os
import socket
import struct
import subprocess
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar, cast

import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import dns.rrset

from bed.namespaces import in_thread

T = TypeVar("T")

_libc = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1

REDIRECT = """
table ip names {
  chain out {
    type filter hook output priority raw
    ip daddr 127.0.0.11 udp dport 53 udp dport set 35353
    ip saddr 127.0.0.11 udp sport 35353 udp sport set 53
    ip daddr 127.0.0.11 tcp dport 53 tcp dport set 35353
    ip saddr 127.0.0.11 tcp sport 35353 tcp sport set 53
  }
}
"""


def _made() -> int:
    if _libc.unshare(_CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "unshare")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        request = struct.pack("16sh22x", b"lo", 0)
        flags = struct.unpack_from("16sh", fcntl.ioctl(sock, _SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(sock, _SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", flags | _IFF_UP))
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


@contextmanager
def a_netns() -> Generator[Path]:
    """A network namespace with loopback up."""
    descriptor = in_thread(_made)
    try:
        yield Path(f"/proc/{os.getpid()}/fd/{descriptor}")
    finally:
        os.close(descriptor)


def run_in(netns: Path, *argv: str, text: str | None = None) -> str:
    """What a command prints in *netns*."""
    done = subprocess.run(
        ("nsenter", f"--net={netns}", *argv),
        input=text,
        check=True,
        capture_output=True,
        text=True,
        timeout=10,
    )
    return done.stdout


def socket_in(netns: Path, family: socket.AddressFamily, kind: socket.SocketKind) -> socket.socket:
    """A non-blocking socket that lives in *netns*."""

    def opened() -> socket.socket:
        descriptor = os.open(netns, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if _libc.setns(descriptor, _CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
        finally:
            os.close(descriptor)
        sock = socket.socket(family, kind)
        sock.setblocking(False)
        return sock

    return in_thread(opened)


def data_of(message: dns.message.Message) -> list[str]:
    """The data of the answers, in the order of the oracle."""
    return [str(item) for rrset in message.answer for item in cast("Iterable[object]", rrset)]


class NoSteps:
    """Steps that let everything pass and remember it."""

    def __init__(self) -> None:
        self.reached: list[str] = []

    def reach(self, step: str) -> None:
        """Remember *step*."""
        self.reached.append(step)


@dataclass
class Sockets:
    """The part of the kernel that name servers use, with *host* as the host's namespace."""

    host: Path
    opened: int = 0

    async def open_socket(
        self, netns: Path | None, family: socket.AddressFamily, kind: socket.SocketKind
    ) -> socket.socket:
        """A non-blocking socket that lives in *netns*, the host's for None."""
        self.opened += 1
        return socket_in(netns or self.host, family, kind)


@dataclass
class Upstream:
    """Somebody else's name server, at *address* in *netns*, by UDP and TCP."""

    netns: Path
    address: str
    answers: Mapping[str, str] = field(default_factory=dict[str, str])
    """IPv4 addresses by name; a name that is not there is NXDOMAIN."""
    silent: bool = False
    fails: bool = False
    delay: float = 0.0
    many: int = 0
    """So many addresses come for each name, too many for a datagram."""
    spoiled: bool = False
    """Sends replies under a wrong id and with a wrong question before the right one."""
    seen: list[str] = field(default_factory=list[str])
    seen_bytes: list[bytes] = field(default_factory=list[bytes])

    def start(self) -> None:
        """Answer from now on."""
        family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
        bare, _, scope = self.address.partition("%")
        place = (bare, 53, 0, int(scope or 0)) if family == socket.AF_INET6 else (bare, 53)
        self._udp = socket_in(self.netns, family, socket.SOCK_DGRAM)
        self._tcp = socket_in(self.netns, family, socket.SOCK_STREAM)
        for sock in (self._udp, self._tcp):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(place)
        self._tcp.listen()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._udp, self._datagram)
        self._loop.add_reader(self._tcp, self._stream)

    def stop(self) -> None:
        """Answer no more."""
        for sock in (self._udp, self._tcp):
            self._loop.remove_reader(sock)
            sock.close()

    def _datagram(self) -> None:
        data, asker = self._udp.recvfrom(4096)
        query = dns.message.from_wire(data)
        self.seen_bytes.append(data)
        self._saw(query)
        if self.silent:
            return
        reply = self._reply(query)
        if self.many:
            reply.answer.clear()
            reply.flags |= dns.flags.TC
        if self.spoiled:
            wire = bytearray(reply.to_wire())
            wire[0] ^= 1
            self._udp.sendto(wire, asker)
            other = dns.message.make_query("other.example.", "A", id=query.id)
            self._udp.sendto(dns.message.make_response(other).to_wire(), asker)
        self._loop.call_later(self.delay, self._send, reply.to_wire(), asker)

    def _send(self, wire: bytes, asker: tuple[str, int]) -> None:
        if self._udp.fileno() >= 0:
            self._udp.sendto(wire, asker)

    def _stream(self) -> None:
        connection, _ = self._tcp.accept()
        self._loop.run_in_executor(None, self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(1)
            query, _ = dns.query.receive_tcp(connection)
            self._saw(query)
            dns.query.send_tcp(connection, self._reply(query))

    def _saw(self, query: dns.message.Message) -> None:
        self.seen.append(query.question[0].name.to_text())

    def _reply(self, query: dns.message.Message) -> dns.message.Message:
        reply = dns.message.make_response(query, recursion_available=True)
        name = query.question[0].name
        address = self.answers.get(name.to_text().lower().rstrip("."))
        if self.fails:
            reply.set_rcode(dns.rcode.SERVFAIL)
        elif self.many:
            addresses = [f"198.51.100.{n}" for n in range(self.many)]
            reply.answer.append(dns.rrset.from_text(name, 60, "IN", "A", *addresses))
        elif address is None:
            reply.set_rcode(dns.rcode.NXDOMAIN)
        elif query.question[0].rdtype == dns.rdatatype.A:
            reply.answer.append(dns.rrset.from_text(name, 60, "IN", "A", address))
        return reply


@dataclass(frozen=True)
class Asker:
    """A program in *netns* that asks 127.0.0.11 for names."""

    netns: Path
    port: int = 53
    server: str = "127.0.0.11"
    source: str = ""
    """The asker's own address; empty: as Linux chooses."""

    async def exchange(
        self, query: dns.message.Message, *, tcp: bool = False, timeout: float = 5.0
    ) -> dns.message.Message:
        """The answer to *query*, checked to belong to it."""
        wire = await self.raw(query.to_wire(), tcp=tcp, timeout=timeout)
        answer = dns.message.from_wire(wire)
        assert query.is_response(answer)
        return answer

    async def raw(self, wire: bytes, *, tcp: bool = False, timeout: float = 5.0) -> bytes:
        """The bytes that answer *wire*."""
        loop = asyncio.get_running_loop()
        kind = socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM
        async with asyncio.timeout(timeout):
            family = socket.AF_INET6 if ":" in self.server else socket.AF_INET
            with socket_in(self.netns, family, kind) as sock:
                if self.source:
                    sock.bind((self.source, 0))
                await loop.sock_connect(sock, (self.server, self.port))
                if not tcp:
                    await loop.sock_sendall(sock, wire)
                    return await loop.sock_recv(sock, 65535)
                await loop.sock_sendall(sock, len(wire).to_bytes(2, "big") + wire)
                data = b""
                while len(data) < 2 or len(data) < 2 + int.from_bytes(data[:2], "big"):
                    piece = await loop.sock_recv(sock, 65535)
                    assert piece, "the server closed the connection"
                    data += piece
                return data[2:]

    async def ask(self, name: str, kind: str = "A", *, tcp: bool = False) -> list[str]:
        """The data of the answers, sorted; the rcode's name when it is none of success."""
        answer = await self.exchange(dns.message.make_query(name, kind), tcp=tcp)
        if answer.rcode() != dns.rcode.NOERROR:
            return [dns.rcode.to_text(answer.rcode())]
        return sorted(data_of(answer))
