"""A netlink socket that is asked for much at once, or while others change what it looks at."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from ipaddress import ip_address, ip_interface

import pytest

from bed.host import Host
from bed.namespaces import inside
from seaway.codec import rtnetlink
from seaway.codec.rtnetlink import LOOPBACK_INDEX, Kind, LinkChange, Reply, Request
from seaway.kernel import netlink as module
from seaway.kernel.netlink import Netlink, open_netlink
from seaway.kernel.observe import observe
from seaway.model.ids import IfName, Mac

MANY = [
    rtnetlink.add_address(LOOPBACK_INDEX, ip_interface(f"10.7.{n // 250}.{n % 250 + 1}/32"))
    for n in range(1000)
]
FEW = MANY[:3]
UP = rtnetlink.change_link(LOOPBACK_INDEX, LinkChange(up=True))


@pytest.fixture
def netlink(host: Host) -> Iterator[Netlink]:
    """A socket in the host's namespace."""
    with inside(host.place, open_netlink) as found:
        yield found


def test_a_thousand_requests_are_all_answered(netlink: Netlink) -> None:
    assert netlink.attempt(*MANY) == [None] * 1000
    assert [r is None for r in netlink.attempt(*MANY)] == [False] * 1000


def test_an_answer_that_was_lost_is_told_and_delays_no_later_one(
    netlink: Netlink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BATCH", 1000)
    with pytest.raises(OSError, match="No buffer space available"):
        netlink.do(*MANY)

    netlink.do(UP)


def test_sequence_numbers_begin_again_where_they_end(
    netlink: Netlink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LAST_SEQUENCE", 10)

    for _ in range(10):
        netlink.do(*FEW, *(_gone(request) for request in FEW))


def _gone(request: Request) -> Request:
    return Request(Kind.DELADDR, rtnetlink.NLM_F_ACK, request.body)


class Busy(Netlink):
    """Somebody makes a bridge with an address whenever links were looked at."""

    def dump(self, request: Request) -> list[Reply]:
        """What there is; and then there is more."""
        found = super().dump(request)
        if request.kind == Kind.GETLINK:
            new = LinkChange(name=IfName("br0"), mac=Mac("02:00:00:00:00:01"), mtu=1500)
            self.do(rtnetlink.new_bridge(new))
            self.do(rtnetlink.add_address(self.index(IfName("br0")), ip_interface("10.9.0.1/24")))
        return found


def _open_busy() -> Busy:
    return Busy(socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, module.NETLINK_ROUTE))


def test_a_link_that_comes_while_others_are_looked_at_is_no_error(host: Host) -> None:
    with inside(host.place, _open_busy) as busy:
        observed = observe(busy)

    assert "br0" not in observed.links
    assert ip_address("10.9.0.1") in observed.addresses
