"""The kernel's own floor: an endpoint made by three messages of raw netlink, and nothing else.

The messages are packed beforehand, so what is timed is Linux: sending, its work, its answers.
Everything lives in anonymous namespaces, which end with the object.
"""

from __future__ import annotations

import os
import socket
import struct
import time
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address, ip_interface
from types import TracebackType
from typing import Self

from seaway.codec import rtnetlink
from seaway.codec.rtnetlink import LinkChange, Request, attribute
from seaway.kernel import netns, sysctl
from seaway.kernel.netlink import NETLINK_ROUTE, Netlink, open_netlink
from seaway.model.ids import IfName

_LINK = struct.Struct("=BxHiII")
_FAR = 7
"""Index of the interface inside: chosen by us, so that nothing has to be asked for."""
_NEAR = 1000


class Floor:
    """A bridge, and namespaces to put on it."""

    def __init__(self, count: int) -> None:
        """Make *count* namespaces."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="floor")
        self._boxes: list[int] = []
        self._thread.submit(self._begin, count).result()

    def attach(self, number: int) -> float:
        """Put one namespace on the bridge; gives milliseconds."""
        return self._thread.submit(self._attach, number).result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._thread.submit(self._end).result()
        self._thread.shutdown()

    def _begin(self, count: int) -> None:
        """Runs on the thread, which stays in a namespace of its own."""
        origin = netns.current()
        with netns.fresh(origin):
            self._home = netns.current()
        os.close(origin)
        netns.enter(self._home)
        self._netlink = open_netlink()
        self._netlink.do(rtnetlink.new_bridge(LinkChange(name=IfName("br0"))))
        self._bridge = self._netlink.index(IfName("br0"))
        self._netlink.do(
            rtnetlink.change_link(self._bridge, LinkChange(up=True)),
            rtnetlink.add_address(self._bridge, ip_interface("10.9.0.1/16")),
        )
        for _ in range(count):
            with netns.fresh(self._home):
                sysctl.write("net/ipv6/conf/default/disable_ipv6", "1")  # as it is on our endpoints
                self._boxes.append(netns.current())

    def _attach(self, number: int) -> float:
        box = self._boxes[number]
        outer = _packed(_veth(number, self._bridge, box))
        address = ip_interface(f"10.9.{1 + number // 250}.{1 + number % 250}/16")
        inner = _packed(
            rtnetlink.change_link(_FAR, LinkChange(up=True)),
            rtnetlink.add_address(_FAR, address),
            rtnetlink.replace_default_route(_FAR, 4, ip_address("10.9.0.1")),
        )
        begin = time.perf_counter()
        _sent(self._netlink, outer, 1)
        kind = socket.SOCK_RAW
        inside = Netlink(
            netns.socket_inside(box, self._home, socket.AF_NETLINK, kind, NETLINK_ROUTE)
        )
        _sent(inside, inner, 3)
        took = (time.perf_counter() - begin) * 1e3
        inside.close()
        return took

    def _end(self) -> None:
        self._netlink.close()
        for fd in (*self._boxes, self._home):
            os.close(fd)


def _veth(number: int, bridge: int, box: int) -> Request:
    """A pair whose far end is made in *box*, whose near end is on *bridge* and up: one message."""
    far = _LINK.pack(0, 0, _FAR, 0, 0)
    far += LinkChange(name=IfName("eth0")).attributes() + attribute(28, struct.pack("=I", box))
    info = attribute(1, b"veth") + attribute(2, attribute(1, far))
    near = LinkChange(name=IfName(f"v{number}"), master=bridge, up=True)
    body = _LINK.pack(0, 0, _NEAR + number, *near.flags()) + near.attributes()
    create = rtnetlink.NLM_F_ACK | rtnetlink.NLM_F_CREATE | rtnetlink.NLM_F_EXCL
    return Request(rtnetlink.Kind.NEWLINK, create, body + attribute(18, info))


def _packed(*requests: Request) -> bytes:
    return b"".join(rtnetlink.pack(request, n) for n, request in enumerate(requests, 1))


def _sent(netlink: Netlink, messages: bytes, count: int) -> None:
    """Send *messages* and wait for *count* answers; raises OSError."""
    netlink._socket.send(messages)
    while count:
        for reply in rtnetlink.replies(netlink._socket.recv(1 << 16)):
            refused = rtnetlink.refusal(reply)
            if refused is not None:
                raise OSError(refused.errno, refused.text)
            count -= 1
