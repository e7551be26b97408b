"""DHCPv4 on a link: what is heard and said there.

Messages are heard on a packet socket. While an interface has no address, ``rp_filter`` drops them
before any other kind of socket (``fib_validate_source()`` in net/ipv4/fib_frontend.c), and what a
sandbox's firewall drops is not for us to ask. Between two messages of a client there is no socket.
"""

from __future__ import annotations

import asyncio
import ctypes
import fcntl
import logging
import socket
import struct
import sys
import termios
from contextlib import ExitStack
from ipaddress import IPv4Address

from seaway.codec.dhcp4 import CLIENT_PORT, SERVER_PORT, decode_message, encode_message
from seaway.codec.udp import PACKET_SIZE, Datagram, Malformed, decode_datagram, encode_datagram
from seaway.contracts import Kernel
from seaway.dhcp.family import Dispose, readable
from seaway.model.dhcp4 import NO_ADDRESS, Message4
from seaway.model.errors import EngineError, Unavailable
from seaway.model.lease import LeaseClient
from seaway.plan.dhcp4 import Machine4, Timing4
from seaway.plan.leasing import Send

log = logging.getLogger(__name__)

_EVERYBODY = IPv4Address("255.255.255.255")
_EVERYBODY_MAC = b"\xff" * 6
_ETH_P_IP = 0x0800
_SO_ATTACH_FILTER = 26
_SOL_PACKET, _PACKET_AUXDATA = 263, 8
_AUXDATA = struct.Struct("=IIIHHHH")  # struct tpacket_auxdata
_CSUMNOTREADY = 1 << 3
_FILTER = b"".join(
    struct.pack("=HBBI", *instruction)
    for instruction in (
        (0x30, 0, 0, 9),  # ldb [9], the protocol
        (0x15, 0, 6, socket.IPPROTO_UDP),
        (0x28, 0, 0, 6),  # ldh [6], the offset of a fragment
        (0x45, 4, 0, 0x1FFF),
        (0xB1, 0, 0, 0),  # ldxb 4*([0]&0xf), the length of the header
        (0x48, 0, 0, 2),  # ldh [x + 2], the destination port
        (0x15, 0, 1, CLIENT_PORT),
        (0x06, 0, 0, 0xFFFFFFFF),  # take it
        (0x06, 0, 0, 0),  # or not
    )
)
"""UDP over IPv4 to the port of clients, as classic BPF (linux/filter.h); the packet begins with IP."""
_INSTRUCTION = 8
_FLUSH, _LOOK = 1.0, 0.005
"""Seconds: for a message to leave, and from one look to the next."""


class Ipv4:
    """DHCPv4 in the namespaces of *kernel*: ``dhcp.family.Family``."""

    def __init__(self, kernel: Kernel, timing: Timing4 | None = None) -> None:
        self._kernel, self._timing = kernel, timing or Timing4()

    def machine(self, client: LeaseClient) -> Machine4:
        """Who decides for *client*."""
        return Machine4(client=client, timing=self._timing)

    async def open(self, client: LeaseClient, dispose: Dispose) -> Wire4:
        """Listen on the link of *client*; raises Unavailable."""
        sock = await self._kernel.open_socket(client.netns, socket.AF_PACKET, socket.SOCK_DGRAM)
        try:
            _attach_filter(sock)
            sock.setsockopt(_SOL_PACKET, _PACKET_AUXDATA, 1)
            sock.bind((client.ifname, _ETH_P_IP))
        except OSError as error:
            dispose(sock)
            raise Unavailable(f"{client.said} cannot be used: {error.strerror}") from error
        return Wire4(self._kernel, client, sock, dispose)


class Wire4:
    """The link of one client: ``dhcp.family.Wire``."""

    def __init__(
        self, kernel: Kernel, client: LeaseClient, packets: socket.socket, dispose: Dispose
    ) -> None:
        self._kernel, self._client = kernel, client
        self._packets = packets
        self._own: socket.socket | None = None
        self._exits = ExitStack()
        self._exits.callback(dispose, packets)

    async def send(self, send: Send[Message4]) -> None:
        """Send a message; one that cannot go out is only logged, like one that was lost."""
        message = send.message
        try:
            if message.ciaddr != NO_ADDRESS and self._own is None:
                self._own = await self._open_own(message.ciaddr)
            if send.to is not None and self._own is not None:
                self._own.sendto(encode_message(message), (str(send.to), SERVER_PORT))
            else:
                self._broadcast(message)
        except (OSError, EngineError) as error:
            facts = {"network": self._client.network, "reason": str(error)}
            log.warning("a message to a DHCP server was not sent", extra=facts)

    async def _open_own(self, address: IPv4Address) -> socket.socket:
        """A socket at the client's own *address*, by which Linux finds the way to the server.

        While it is open, Linux does not tell the server that nobody listens there.
        """
        kind = socket.SOCK_DGRAM
        sock = await self._kernel.open_socket(self._client.netns, socket.AF_INET, kind)
        self._exits.enter_context(sock)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, self._client.ifname.encode())
        sock.bind((str(address), CLIENT_PORT))
        return sock

    def _broadcast(self, message: Message4) -> None:
        datagram = Datagram(
            source=message.ciaddr,
            source_port=CLIENT_PORT,
            destination=_EVERYBODY,
            destination_port=SERVER_PORT,
            payload=encode_message(message),
        )
        everybody = (self._client.ifname, _ETH_P_IP, 0, 0, _EVERYBODY_MAC)
        self._packets.sendto(encode_datagram(datagram), everybody)

    async def flush(self) -> None:
        """Wait until what was sent has left: until the server's MAC address is known, for one."""
        for _ in range(round(_FLUSH / _LOOK)):
            if self._own is None or not _unsent(self._own):
                return
            await asyncio.sleep(_LOOK)

    async def hear(self) -> Message4:
        """The next message of a server; what is none is passed over."""
        while True:
            await readable(self._packets)
            if (message := self._read()) is not None:
                return message

    def _read(self) -> Message4 | None:
        try:
            packet, ancillary, _, _ = self._packets.recvmsg(
                PACKET_SIZE, socket.CMSG_SPACE(_AUXDATA.size)
            )
        except OSError:  # the interface went down, or a packet was taken back
            return None
        verify = not any(
            _AUXDATA.unpack_from(data)[0] & _CSUMNOTREADY
            for level, kind, data in ancillary
            if (level, kind) == (_SOL_PACKET, _PACKET_AUXDATA)
        )
        try:
            message = decode_message(decode_datagram(packet, verify=verify).payload)
        except Malformed as error:
            facts = {"network": self._client.network, "reason": str(error)}
            log.debug("a message to a DHCP client was passed over", extra=facts)
            return None
        return message if message.kind.is_reply else None

    def close(self) -> None:
        """Listen no more."""
        self._exits.close()


def _attach_filter(sock: socket.socket) -> None:
    program = ctypes.create_string_buffer(_FILTER, len(_FILTER))
    count = len(_FILTER) // _INSTRUCTION
    fprog = struct.pack("@HP", count, ctypes.addressof(program))  # struct sock_fprog
    sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, fprog)


def _unsent(sock: socket.socket) -> int:
    """Bytes of memory that hold what *sock* has sent and no device has taken (SIOCOUTQ)."""
    answer = fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4))
    return int.from_bytes(answer, sys.byteorder)
