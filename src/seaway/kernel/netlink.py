"""A netlink socket: requests out, acknowledgements and dumps in. Blocking, for one thread."""

from __future__ import annotations

import fcntl
import os
import socket
import struct
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from errno import EINTR, ENODEV, ENXIO
from types import TracebackType
from typing import Self

from seaway.codec import rtnetlink
from seaway.codec.rtnetlink import Link, Refusal, Reply, Request
from seaway.model.ids import IfName

NETLINK_ROUTE = 0
NETLINK_NETFILTER = 12
_SOL_NETLINK = 270
_NETLINK_CAP_ACK = 10
_NETLINK_EXT_ACK = 11
_NETLINK_GET_STRICT_CHK = 12
_SIOCGIFINDEX = 0x8933
_SIOCGIFFLAGS = 0x8913
_IFREQ = struct.Struct("=16sI20x")
_READ = 1 << 17
_DUMP_TRIES = 8
_BATCH = 100
"""Requests that are sent at once: their acknowledgements must fit into the receive buffer.

The kernel drops what does not, and goes on dropping until the buffer has been read to its end.
"""
_LAST_SEQUENCE = (1 << 32) - 1
_TIMEVAL = struct.Struct("@ll")
_SECONDS = 10
"""The kernel answers within its own call; only a lost answer makes us wait, and never for ever.

Set on the socket (socket(7), SO_RCVTIMEO): Python's own timeout asks poll(2) before each call.
"""


class Refused(OSError):
    """The kernel said no; ``strerror`` has its own words where it gave any."""


class Netlink:
    """One socket, which lives in the namespace it was made in."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._sequence = 0
        sock.setsockopt(_SOL_NETLINK, _NETLINK_CAP_ACK, 1)
        sock.setsockopt(_SOL_NETLINK, _NETLINK_EXT_ACK, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _TIMEVAL.pack(_SECONDS, 0))
        sock.bind((0, 0))

    def close(self) -> None:
        """Let go of the socket."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def do(self, *requests: Request) -> None:
        """Carry out *requests* in order; raises Refused for the first that was refused.

        A batch is no transaction: the kernel goes on with those after a refused one.
        """
        self.do_unless((), *requests)

    def do_unless(self, fine: Collection[int], *requests: Request) -> None:
        """As ``do``, but refusals with one of the error numbers *fine* are none."""
        for refused in self.attempt(*requests):
            if refused is not None and refused.errno not in fine:
                raise Refused(refused.errno, refused.text)

    def attempt(self, *requests: Request) -> list[Refusal | None]:
        """Carry out *requests*, and say for each whether and why it was refused."""
        outcome: list[Refusal | None] = []
        for start in range(0, len(requests), _BATCH):
            outcome += self._attempt(requests[start : start + _BATCH])
        return outcome

    def _attempt(self, requests: Sequence[Request]) -> list[Refusal | None]:
        first = self._send(requests)
        outcome: list[Refusal | None] = [None] * len(requests)
        left = len(requests)
        while left:
            for reply in self._receive(first, len(requests)):
                if reply.kind == rtnetlink.NLMSG_ERROR:
                    outcome[reply.sequence - first] = rtnetlink.refusal(reply)
                    left -= 1
        return outcome

    def ask(self, request: Request) -> Reply:
        """The one answer to *request*; raises Refused."""
        first = self._send((request,))
        answer: Reply | None = None
        while True:
            for reply in self._receive(first, 1):
                if reply.kind != rtnetlink.NLMSG_ERROR:
                    answer = reply
                    continue
                refused = rtnetlink.refusal(reply)
                if refused is not None:
                    raise Refused(refused.errno, refused.text)
                assert answer is not None
                return answer

    def dump(self, request: Request) -> list[Reply]:
        """All answers to the dump *request*, asked again when the table changed meanwhile."""
        for _ in range(_DUMP_TRIES):
            found = list(self._dump(request))
            if not any(reply.flags & rtnetlink.NLM_F_DUMP_INTR for reply in found):
                return [reply for reply in found if reply.kind != rtnetlink.NLMSG_DONE]
        raise Refused(EINTR, "the table changed during each of the dumps")

    def _dump(self, request: Request) -> Iterator[Reply]:
        first = self._send((request,))
        while True:
            for reply in self._receive(first, 1):
                if reply.kind in {rtnetlink.NLMSG_ERROR, rtnetlink.NLMSG_DONE}:
                    refused = rtnetlink.refusal(reply)
                    if refused is not None:
                        raise Refused(refused.errno, refused.text)
                    yield reply
                    return
                yield reply

    def heed_filters(self) -> None:
        """Let dumps give only what their request names (NETLINK_GET_STRICT_CHK)."""
        self._socket.setsockopt(_SOL_NETLINK, _NETLINK_GET_STRICT_CHK, 1)

    def index(self, name: IfName) -> int:
        """The index of the link *name*, which should be there; raises Refused. One µs."""
        return _ioctl(self._socket, _SIOCGIFINDEX, name)

    def find(self, name: IfName) -> int | None:
        """The index of the link *name*; None when there is none.

        By ioctl Linux would look for a module of a name that is not there, and run modprobe twice
        (``dev_load()``).
        """
        try:
            return rtnetlink.index(self.ask(rtnetlink.get_link_named(name)).body)
        except Refused as error:
            if error.errno in {ENODEV, ENXIO}:
                return None
            raise

    def is_running(self, name: IfName) -> bool:
        """Whether the link *name* is up and has carrier; a link that is not there has none."""
        try:
            return bool(_ioctl(self._socket, _SIOCGIFFLAGS, name) & rtnetlink.IFF_RUNNING)
        except Refused:
            return False

    def link(self, index: int) -> Link | None:
        """The link *index*; None when there is none."""
        try:
            return rtnetlink.link(self.ask(rtnetlink.get_link(index)).body)
        except Refused as error:
            if error.errno in {ENODEV, ENXIO}:
                return None
            raise

    def _send(self, requests: Sequence[Request]) -> int:
        if self._sequence + len(requests) > _LAST_SEQUENCE:
            self._sequence = 0
        first = self._sequence + 1
        packed: list[bytes] = []
        for request in requests:
            self._sequence += 1
            packed.append(rtnetlink.pack(request, self._sequence))
        self._socket.send(b"".join(packed))
        return first

    def _receive(self, first: int, count: int) -> Iterator[Reply]:
        """The replies of one datagram that belong to requests *first* to *first* + *count*."""
        try:
            data = self._socket.recv(_READ)
        except BlockingIOError as error:
            raise OSError(error.errno, "no answer over netlink") from error
        except OSError:
            self._drain()
            raise
        for reply in rtnetlink.replies(data):
            if first <= reply.sequence < first + count:
                yield reply

    def _drain(self) -> None:
        """Read all that is there, so that the kernel can answer again."""
        with suppress(BlockingIOError):
            while True:
                self._socket.recv(_READ, socket.MSG_DONTWAIT)


def open_netlink(protocol: int = NETLINK_ROUTE) -> Netlink:
    """A netlink socket in the calling thread's namespace."""
    kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC
    return Netlink(socket.socket(socket.AF_NETLINK, kind, protocol))


def _ioctl(sock: socket.socket, request: int, name: IfName) -> int:
    """A fact about a link, by netdevice(7), which any socket knows."""
    try:
        answer = fcntl.ioctl(sock, request, _IFREQ.pack(name.encode(), 0))
    except OSError as error:
        if error.errno in {ENODEV, ENXIO}:
            raise Refused(ENODEV, f"there is no interface {name}") from error
        raise
    number: int = _IFREQ.unpack(answer)[1]
    return number & 0xFFFF if request == _SIOCGIFFLAGS else number


def strerror(error: BaseException) -> str:
    """The reason in *error*, without number and path where it is an OSError."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.strerror or os.strerror(error.errno)
    return str(error) or type(error).__name__
