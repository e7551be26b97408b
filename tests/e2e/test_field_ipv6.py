"""Field reports on IPv6: what broke for others, as they told it."""

from __future__ import annotations

import pytest

from bed.daemon import Daemon
from bed.fingerprint import at_rest, leaked
from bed.host import Host
from e2e.stage import answer, make_ipv4_network, make_server

NO_IPV6 = "sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1"


def test_fr38_without_ipv6_ports_work_by_ipv4(host: Host, stopped_daemon: Daemon) -> None:
    host.sh(NO_IPV6)
    stopped_daemon.start()
    make_ipv4_network(stopped_daemon, 1)
    make_server(stopped_daemon, "web", "n1")

    said = stopped_daemon.seaway("publish", "web", "8090:80", "8090:80/udp")

    assert said.err.count("WARNING") <= 1
    assert stopped_daemon.log.count(" warning ") <= 2  # one of them on the group of the socket
    for proto in ("tcp", "udp"):
        assert answer(host.neighbour, proto, "192.0.2.1", 8090) == "web 192.0.2.2"
        assert answer(host, proto, "127.0.0.1", 8090) == "web 10.77.1.1"


def test_fr38_without_ipv6_a_network_with_ipv6_is_refused(
    host: Host, stopped_daemon: Daemon
) -> None:
    host.sh(NO_IPV6)
    stopped_daemon.start()
    before = at_rest(host, stopped_daemon)

    said = stopped_daemon.seaway("network", "create", "--ipv6", "n1", check=False)

    assert said.code == 1
    assert "IPv6 is not available in this kernel" in said.err
    assert leaked(before, host, stopped_daemon) == ()


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_fr40_unpublished_ports_are_not_public(host: Host, daemon: Daemon, family: str) -> None:
    daemon.seaway(
        "network", "create", "--ipv6", "--subnet", "198.18.77.0/24",
        "--subnet", "2001:db8:77:40::/64", "n1",
    )  # fmt: skip
    host.neighbour.sh(
        "ip route add 198.18.77.0/24 via 192.0.2.1;"
        "ip route add 2001:db8:77:40::/64 via 2001:db8:0:1::1"
    )
    web = make_server(daemon, "web", "n1")
    for proto in ("tcp", "udp"):
        web.serve("web", proto, 9000)
    daemon.seaway("publish", "web", "80:80", "80:80/udp")
    at_host, at_web, seen = {
        "ipv4": ("192.0.2.1", "198.18.77.2", "192.0.2.2"),
        "ipv6": ("2001:db8:0:1::1", "2001:db8:77:40::2", "2001:db8:0:1::2"),
    }[family]

    for proto in ("tcp", "udp"):
        assert answer(host.neighbour, proto, at_web, 9000, 0.25) == "silent"
        assert answer(host.neighbour, proto, at_web, 80, 0.25) == "silent"
        assert answer(host.neighbour, proto, at_host, 80) == f"web {seen}"
        assert answer(host.neighbour, proto, at_host, 9000) == "refused"
