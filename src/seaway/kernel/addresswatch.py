"""Noticing at once that router advertisements give a sandbox addresses, or take some away."""

from __future__ import annotations

import socket
from errno import EAGAIN, ENOBUFS

from seaway.codec import rtnetlink
from seaway.codec.rtnetlink import Kind, Reply
from seaway.model.ids import Interface

_RTMGRP_IPV6_IFADDR = 0x100
_READ = 1 << 17


class AddressWatch:
    """Listens in the namespace of *sock*, a new route netlink socket that does not block.

    Routers say again and again what they have said, and Linux tells of each time: that is no news.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._socket.bind((0, _RTMGRP_IPV6_IFADDR))
        self._known: set[tuple[int, Interface]] = set()

    def fileno(self) -> int:
        """Readable when there may be news."""
        return self._socket.fileno()

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()

    def news(self) -> bool:
        """Whether addresses may have come or gone since this was asked last."""
        found = False
        while True:
            try:
                data = self._socket.recv(_READ)
            except OSError as error:
                if error.errno == ENOBUFS:
                    self._known.clear()
                    return True
                if error.errno == EAGAIN:
                    return found
                raise
            for reply in rtnetlink.replies(data):
                found = self._is_news(reply) or found

    def _is_news(self, reply: Reply) -> bool:
        """Only an address that is as it was is none; of those from before it listened nothing is known."""
        address = rtnetlink.address(reply.body)
        if reply.kind == Kind.NEWADDR and rtnetlink.is_autoconfigured(reply.body):
            is_new = address not in self._known
            self._known.add(address)
            return is_new
        self._known.discard(address)
        return True
