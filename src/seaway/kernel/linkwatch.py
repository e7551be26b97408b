"""Noticing at once that links of the host come, go, or get carrier."""

from __future__ import annotations

import socket
from collections.abc import Collection
from errno import EAGAIN, ENOBUFS

from seaway.codec import rtnetlink
from seaway.codec.rtnetlink import Kind, Link
from seaway.kernel.netlink import NETLINK_ROUTE, open_netlink
from seaway.model.ids import IfName
from seaway.model.observed import LinkNews

_RTMGRP_LINK = 1
_READ = 1 << 17
_MOST = 64
"""Datagrams that are read at once: the loop has other work."""


class LinkWatch:
    """Listens in the namespace of the thread that makes it; never waits.

    A link is told of when its name leads to another index than before: most news is of links that
    stay, each connect brings some. One that leaves its bridge went and came, too: the kernel says
    that the port is deleted (``br_ifinfo_notify()``). One gets carrier when frames pass that did not
    when it was last told of.
    """

    def __init__(self) -> None:
        kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        self._socket = socket.socket(socket.AF_NETLINK, kind, NETLINK_ROUTE)
        self._socket.bind((0, _RTMGRP_LINK))
        self._netlink = open_netlink()
        self._known: dict[IfName, int] = {}
        self._carrying: set[int] = set()
        self._look()

    def fileno(self) -> int:
        """Readable when there is news."""
        return self._socket.fileno()

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()
        self._netlink.close()

    def news(self) -> LinkNews:
        """What came and went since this was asked last; when news was lost, all there was did both."""
        came: set[IfName] = set()
        went: set[IfName] = set()
        carrying: set[IfName] = set()
        for _ in range(_MOST):
            try:
                data = self._socket.recv(_READ)
            except OSError as error:
                if error.errno == ENOBUFS:
                    return self._anything(came | went)
                if error.errno == EAGAIN:
                    break
                raise
            for reply in rtnetlink.replies(data):
                link = rtnetlink.link(reply.body)
                self._heed(reply.kind, link, came, went)
                self._heed_carrier(reply.kind, link, carrying)
        return LinkNews(came=frozenset(came), went=frozenset(went), carrying=frozenset(carrying))

    def _drop(self) -> None:
        while True:
            try:
                self._socket.recv(_READ)
            except OSError as error:
                if error.errno == EAGAIN:
                    return
                if error.errno != ENOBUFS:
                    raise

    def _look(self) -> None:
        """See what is there."""
        replies = self._netlink.dump(rtnetlink.dump_links())
        there = [rtnetlink.link(reply.body) for reply in replies]
        self._known = {link.name: link.index for link in there}
        self._carrying = {link.index for link in there if link.operational}

    def _anything(self, heard: Collection[IfName]) -> LinkNews:
        """What may have happened, since news was lost; *heard* is what was told before that."""
        before = {*self._known, *heard}
        self._drop()  # older than what is seen next
        self._look()
        both = frozenset({*before, *self._known})
        carrying = (name for name, index in self._known.items() if index in self._carrying)
        return LinkNews(came=both, went=both, carrying=frozenset(carrying))

    def _heed(self, kind: int, link: Link, came: set[IfName], went: set[IfName]) -> None:
        known = self._known.get(link.name)
        if kind == Kind.DELLINK and known == link.index:
            del self._known[link.name]
            went.add(link.name)
        elif kind == Kind.NEWLINK and known != link.index:
            for other in [n for n, i in self._known.items() if i == link.index]:  # it was renamed
                del self._known[other]
                went.add(other)
            self._known[link.name] = link.index
            came.add(link.name)

    def _heed_carrier(self, kind: int, link: Link, carrying: set[IfName]) -> None:
        if kind != Kind.NEWLINK or not link.operational:
            self._carrying.discard(link.index)
        elif link.index not in self._carrying:
            self._carrying.add(link.index)
            carrying.add(link.name)
