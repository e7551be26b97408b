"""The LAN's DHCP server and sandboxes that share one MAC address, with packets."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bed.daemon import Daemon
from bed.lan import Lan
from bed.spot import Spot
from e2e.stage import place
from vm.networks import networks, reached, sandboxes

BODY = {
    "Name": "lent",
    "Driver": "ipvlan",
    "Options": {"parent": "lan0"},
    "IPAM": {"Driver": "dhcp"},
}


@pytest.fixture(scope="module")
def server(lan: Lan) -> Iterator[Spot]:
    """Dnsmasq on the LAN: it lends .100 to .150."""
    server = lan.machine("server", 2)
    server.popen(
        [
            *("dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0"),
            *("--interface=eth0", "--bind-interfaces", "--dhcp-authoritative", "--no-ping"),
            *("--dhcp-range=198.51.100.100,198.51.100.150,120", "--dhcp-leasefile=/run/leases"),
            *("--pid-file=/run/dnsmasq", "--user=root"),
        ]
    )
    yield server


def test_ipvlan_sandboxes_have_a_lease_each_though_they_share_a_mac_address(
    daemon: Daemon, server: Spot
) -> None:
    pairs = (("one", "lent"), ("two", "lent"))
    with networks(daemon, BODY), sandboxes(daemon, *pairs) as (one, _):
        first, second = (str(place(daemon, n, "lent")["IPAddress"]) for n in ("one", "two"))

        assert first != second
        assert first.startswith("198.51.100.1")
        assert reached(one, [second, "198.51.100.2"]) == [second, "198.51.100.2"]
        assert reached(server, [first, second]) == [first, second]
