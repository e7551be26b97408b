"""The LAN's DHCP server and sandboxes that share one MAC address, with packets."""

from __future__ import annotations

import pytest

from bed.daemon import Daemon
from bed.lan import Lan
from bed.router import Router
from e2e.stage import place, within
from vm.networks import networks, reached, sandboxes

BODY = {
    "Name": "lent",
    "Driver": "ipvlan",
    "Options": {"parent": "lan0"},
    "IPAM": {"Driver": "dhcp"},
}


@pytest.fixture(scope="module")
def router(lan: Lan) -> Router:
    """The LAN's router, which lends addresses."""
    router = lan.router()
    router.lend()
    return router


def test_ipvlan_sandboxes_have_a_lease_each_though_they_share_a_mac_address(
    daemon: Daemon, router: Router
) -> None:
    pairs = (("one", "lent"), ("two", "lent"))
    with networks(daemon, BODY), sandboxes(daemon, *pairs) as (one, _):
        first, second = (str(place(daemon, n, "lent")["IPAddress"]) for n in ("one", "two"))

        assert first != second
        assert len(set(router.lent().values())) == 1
        assert router.lent().keys() >= {first, second}
        assert reached(one, [second, "203.0.113.2"]) == [second, "203.0.113.2"]
        assert reached(router.internet, [first, second]) == [first, second]


def test_ipvlan_sandboxes_have_an_address_each_of_what_the_router_advertises(
    daemon: Daemon, router: Router
) -> None:
    pairs = (("one", "lent"), ("two", "lent"))
    with networks(daemon, BODY | {"EnableIPv6": True}), sandboxes(daemon, *pairs) as (one, two):

        def at(name: str) -> str:
            return str(place(daemon, name, "lent")["GlobalIPv6Address"])

        assert within(10, lambda: bool(at("one") and at("two")))

        first, second = at("one"), at("two")
        assert first != second
        assert first in one.sh("ip -6 address show dev eth0").out
        assert within(5, lambda: reached(one, [second]) == [second])
        assert within(5, lambda: reached(two, ["2001:db8:0:3::2"]) == ["2001:db8:0:3::2"])
        assert within(5, lambda: reached(router.internet, [first, second]) == [first, second])
