"""Noticing at once that links of the host come, go or change."""

from __future__ import annotations

import socket
from errno import EAGAIN, ENOBUFS

from seaway.codec import rtnetlink
from seaway.kernel.netlink import NETLINK_ROUTE
from seaway.model.ids import IfName

_RTMGRP_LINK = 1
_READ = 1 << 17
_MOST = 64
"""Datagrams that are read at once: the loop has other work."""


class LinkWatch:
    """Listens in the namespace of the thread that makes it; never waits."""

    def __init__(self) -> None:
        kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        self._socket = socket.socket(socket.AF_NETLINK, kind, NETLINK_ROUTE)
        self._socket.bind((0, _RTMGRP_LINK))

    def fileno(self) -> int:
        """Readable when there is news."""
        return self._socket.fileno()

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()

    def changed(self) -> frozenset[IfName]:
        """The links that there is news of since this was asked last; none: some news was lost."""
        found: set[IfName] = set()
        for _ in range(_MOST):
            try:
                data = self._socket.recv(_READ)
            except OSError as error:
                if error.errno == ENOBUFS:
                    return frozenset()
                if error.errno == EAGAIN:
                    break
                raise
            found.update(rtnetlink.link(reply.body).name for reply in rtnetlink.replies(data))
        return frozenset(found)
