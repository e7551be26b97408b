"""conmon's attach socket as a Stream.

Each packet from conmon begins with one byte, 2 for stdout and 3 for stderr; packets to it are plain
input. It reads the end of our direction as the end of the process's input, and cannot tell a closed
connection from that; so a connection that is let go while the process runs is parked, not closed.
"""

from __future__ import annotations

import asyncio
import os
import select
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from seaway.model.errors import Conflict

_PACKET = 1 << 16
"""Bytes; more than a packet of conmon's ever has (8193)."""
_INPUT = 8192
"""Bytes; conmon cuts longer packets (32767) off."""
_STDERR = 3

Park = Callable[[socket.socket], None]


async def connect(bundle: Path, park: Park | None, timeout: float) -> ConmonStream:
    """Connect to the conmon of *bundle*; raises Conflict when there is none any more.

    *park* takes a connection that must stay open; None: the process has no input that could end.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
    try:
        directory = os.open(bundle, os.O_PATH | os.O_DIRECTORY)
        try:  # by descriptor: a socket's path has 107 bytes at most (unix(7))
            async with asyncio.timeout(timeout):
                address = f"/proc/self/fd/{directory}/attach"
                await asyncio.get_running_loop().sock_connect(connection, address)
        finally:
            os.close(directory)
    except BaseException as error:
        connection.close()
        if isinstance(error, FileNotFoundError | ConnectionRefusedError):
            raise Conflict("the process is not running") from error
        raise
    return ConmonStream(connection, park)


class ConmonStream:
    """The streams of a process under conmon, both ways.

    Read it or close it: what nobody takes stops the process, as with any pipe.
    """

    def __init__(self, connection: socket.socket, park: Park | None) -> None:
        self._connection = connection
        self._park = park
        self._ended = False
        self._at_eof = False

    async def read(self) -> tuple[int, bytes] | None:
        """The next output: 1 for stdout, 2 for stderr, with its bytes; None at the end."""
        if self._ended:
            return None
        loop = asyncio.get_running_loop()
        try:
            packet = await loop.sock_recv(self._connection, _PACKET)
        except ConnectionError:
            packet = b""
        self._ended = not packet
        return (2 if packet[0] == _STDERR else 1, packet[1:]) if packet else None

    async def write(self, data: bytes) -> None:
        """Input for the process; what comes after its end is lost, as with any pipe."""
        loop = asyncio.get_running_loop()
        with suppress(ConnectionError):
            for start in range(0, len(data), _INPUT):
                await loop.sock_sendall(self._connection, data[start : start + _INPUT])

    async def write_eof(self) -> None:
        """No more input."""
        self._at_eof = True
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_WR)

    async def close(self) -> None:
        """Let go; the process runs on, and its input stays open unless ``write_eof`` closed it."""
        done = self._ended or self._at_eof or _is_hung_up(self._connection)
        if done or self._park is None:
            self._connection.close()
            return
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RD)  # conmon must not wait for us to read
        self._park(self._connection)


def _is_hung_up(connection: socket.socket) -> bool:
    """Whether the other end is closed, or this one is already."""
    if connection.fileno() < 0:
        return True
    poll = select.poll()
    poll.register(connection, 0)
    return any(events & (select.POLLHUP | select.POLLERR) for _, events in poll.poll(0))
