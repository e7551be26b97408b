"""Noticing at once that links of the host come, go, or get carrier."""

from __future__ import annotations

import socket
from errno import EAGAIN, ENOBUFS

from seaway.codec import rtnetlink
from seaway.codec.rtnetlink import Kind, Reply
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
        with open_netlink() as netlink:
            replies = netlink.dump(rtnetlink.dump_links())
        self._known = dict(_named(reply) for reply in replies)
        self._carrying = {_named(r)[1] for r in replies if rtnetlink.is_operational(r.body)}

    def fileno(self) -> int:
        """Readable when there is news."""
        return self._socket.fileno()

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()

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
                    return self._anything()
                if error.errno == EAGAIN:
                    break
                raise
            for reply in rtnetlink.replies(data):
                self._heed(reply, came, went)
                self._heed_carrier(reply, carrying)
        return LinkNews(came=frozenset(came), went=frozenset(went), carrying=frozenset(carrying))

    def _anything(self) -> LinkNews:
        known = frozenset(self._known)
        return LinkNews(came=known, went=known, carrying=known)

    def _heed(self, reply: Reply, came: set[IfName], went: set[IfName]) -> None:
        name, index = _named(reply)
        known = self._known.get(name)
        if reply.kind == Kind.DELLINK and known == index:
            del self._known[name]
            went.add(name)
        elif reply.kind == Kind.NEWLINK and known != index:
            for other in [n for n, i in self._known.items() if i == index]:  # it was renamed
                del self._known[other]
                went.add(other)
            self._known[name] = index
            came.add(name)

    def _heed_carrier(self, reply: Reply, carrying: set[IfName]) -> None:
        name, index = _named(reply)
        if reply.kind != Kind.NEWLINK or not rtnetlink.is_operational(reply.body):
            self._carrying.discard(index)
        elif index not in self._carrying:
            self._carrying.add(index)
            carrying.add(name)


def _named(reply: Reply) -> tuple[IfName, int]:
    link = rtnetlink.link(reply.body)
    return link.name, link.index
