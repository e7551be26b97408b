"""Noticing at once that a firewall table was deleted."""

from __future__ import annotations

import ctypes
import socket
import struct
from errno import EAGAIN, ENOBUFS

from seaway.codec import nftevents
from seaway.kernel.netlink import NETLINK_NETFILTER
from seaway.plan.firewall import TABLES
from seaway.plan.lan_guard import NETDEV

_OURS = TABLES | {NETDEV}
_SO_ATTACH_FILTER = 26
_SOL_NETLINK = 270
_NETLINK_ADD_MEMBERSHIP = 1
_READ = 1 << 17


class TableWatch:
    """Listens in the namespace of the thread that makes it; never waits."""

    def __init__(self) -> None:
        kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        self._socket = socket.socket(socket.AF_NETLINK, kind, NETLINK_NETFILTER)
        program = ctypes.create_string_buffer(nftevents.without_elements())
        count = (len(program) - 1) // 8
        self._socket.setsockopt(
            socket.SOL_SOCKET,
            _SO_ATTACH_FILTER,
            struct.pack("@HP", count, ctypes.addressof(program)),
        )
        self._socket.bind((0, 0))
        self._socket.setsockopt(_SOL_NETLINK, _NETLINK_ADD_MEMBERSHIP, nftevents.GROUP)

    def fileno(self) -> int:
        """Readable when there is news."""
        return self._socket.fileno()

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()

    def deleted(self) -> bool:
        """Whether one of our tables was deleted, by us or by others, since this was asked last.

        True as well when news was lost.
        """
        found = False
        while True:
            try:
                data = self._socket.recv(_READ)
            except OSError as error:
                if error.errno == ENOBUFS:
                    found = True
                    continue
                if error.errno == EAGAIN:
                    return found
                raise
            found = found or not _OURS.isdisjoint(nftevents.deleted_tables(data))
