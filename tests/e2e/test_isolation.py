"""Who cannot reach whom: networks, the LAN, sandboxes of one network, and the host as a router."""

from __future__ import annotations

import pytest

from bed.daemon import Daemon
from bed.host import Host
from bed.spot import Spot
from e2e.frames import (
    ALL_NODES_MAC,
    IPV6,
    datagram,
    ethernet,
    kind_of,
    mac_of,
    router_advertisement,
    send,
)
from e2e.stage import (
    SHUT,
    add_machine,
    answer,
    bridge_of,
    make_network,
    make_sandbox,
    make_server,
    open_ways,
    pings,
    route_subnets_by_host,
    serve,
    with_and_without_bridge_nf,
    within,
)

both_protos = pytest.mark.parametrize("proto", ["tcp", "udp"])
SERVER = ("10.77.1.2", "fd77:1::2")
"""The addresses of the first sandbox on network 1."""


@with_and_without_bridge_nf
@both_protos
def test_one_network_cannot_reach_another(host: Host, daemon: Daemon, proto: str) -> None:
    make_network(daemon, 1)
    make_network(daemon, 2)
    one = make_server(daemon, "one", "n1")
    brother = make_sandbox(daemon, "brother", "n1")
    two = make_server(daemon, "two", "n2")

    assert answer(brother, proto, "10.77.1.2", 80) == "one 10.77.1.3"
    assert answer(brother, proto, "fd77:1::2", 80) == "one fd77:1::3"
    ways = ((one, "10.77.2.2"), (one, "fd77:2::2"), (two, "10.77.1.2"), (two, "fd77:1::2"))
    assert open_ways(*((who, way, to, 80) for who, to in ways for way in (proto, "ping"))) == []


@with_and_without_bridge_nf
@both_protos
def test_the_lan_reaches_published_ports_only(
    host: Host, daemon: Daemon, web: Spot, proto: str
) -> None:
    route_subnets_by_host(host.neighbour)
    daemon.seaway("publish", "web", f"8080:80/{proto}")

    assert answer(host.neighbour, proto, "192.0.2.1", 8080) == "web 192.0.2.2"
    assert answer(host.neighbour, proto, "2001:db8:0:1::1", 8080) == "web 2001:db8:0:1::2"
    assert (
        open_ways(
            *((host.neighbour, proto, to, port) for to in SERVER for port in (80, 8080)),
            *((host.neighbour, "ping", to, 0) for to in SERVER),
        )
        == []
    )


@pytest.mark.parametrize("forwarding", [0, 1])
def test_the_lan_reaches_no_sandbox_whoever_turned_forwarding_on(
    host: Host, stopped_daemon: Daemon, forwarding: int
) -> None:
    set_forwarding(host, forwarding)
    stopped_daemon.start()
    make_network(stopped_daemon, 1)
    make_server(stopped_daemon, "web", "n1")
    route_subnets_by_host(host.neighbour)

    assert open_ways(*((host.neighbour, "tcp", to, 80) for to in SERVER)) == []


def test_isolation_outlives_the_daemon(host: Host, daemon: Daemon) -> None:
    make_network(daemon, 1)
    make_network(daemon, 2)
    make_server(daemon, "one", "n1")
    two = make_sandbox(daemon, "two", "n2")
    route_subnets_by_host(host.neighbour)

    daemon.kill()

    assert (
        open_ways(*((who, "tcp", to, 80) for to in SERVER for who in (two, host.neighbour))) == []
    )


# Sandboxes of one network


@with_and_without_bridge_nf
@both_protos
def test_without_icc_sandboxes_of_one_network_cannot_reach_one_another(
    host: Host, daemon: Daemon, proto: str
) -> None:
    make_network(daemon, 1, "-o", "com.docker.network.bridge.enable_icc=false")
    make_server(daemon, "one", "n1")
    two = make_sandbox(daemon, "two", "n1")

    assert open_ways(*((two, way, to, 80) for to in SERVER for way in (proto, "ping"))) == []
    assert answer(host, proto, "10.77.1.2", 80) == "one 10.77.1.1"
    assert answer(host, proto, "fd77:1::2", 80) == "one fd77:1::1"


@with_and_without_bridge_nf
@pytest.mark.parametrize(
    ("victim", "attacker"), [("10.77.1.2", "10.77.1.3"), ("fd77:1::2", "fd77:1::3")]
)
def test_without_icc_no_frame_comes_through_by_way_of_the_gateway(
    host: Host, daemon: Daemon, victim: str, attacker: str
) -> None:
    make_network(daemon, 1, "-o", "com.docker.network.bridge.enable_icc=false")
    one = make_sandbox(daemon, "one", "n1")
    two = make_sandbox(daemon, "two", "n1")
    bridge = bridge_of(daemon, "n1")
    sink = one.serve("one", "udp", 80)

    for target in (mac_of(host, bridge), mac_of(one)):
        frame = datagram(attacker, victim, 80, b"hello")
        send(two, ethernet(target, mac_of(two), kind_of(victim), frame))
    assert answer(host, "udp", victim, 80) == (
        "one 10.77.1.1" if "." in victim else "one fd77:1::1"
    )

    assert len(sink.seen) == 1


@with_and_without_bridge_nf
@both_protos
def test_without_icc_two_willing_sandboxes_cannot_talk_by_way_of_the_gateway(
    host: Host, daemon: Daemon, proto: str
) -> None:
    make_network(daemon, 1, "-o", "com.docker.network.bridge.enable_icc=false")
    one = make_server(daemon, "one", "n1")
    two = make_server(daemon, "two", "n1")
    for spot, other in ((one, "3"), (two, "2")):
        spot.sh(
            f"ip route add 10.77.1.{other}/32 via 10.77.1.1;"
            f"ip -6 route add fd77:1::{other}/128 via fd77:1::1"
        )

    assert (
        open_ways(
            *((two, proto, to, 80) for to in SERVER),
            *((one, proto, to, 80) for to in ("10.77.1.3", "fd77:1::3")),
        )
        == []
    )


@with_and_without_bridge_nf
@both_protos
def test_without_icc_a_published_port_is_still_for_all(
    host: Host, daemon: Daemon, proto: str
) -> None:
    make_network(daemon, 1, "-o", "com.docker.network.bridge.enable_icc=false")
    one = make_server(daemon, "one", "n1")
    two = make_sandbox(daemon, "two", "n1")

    daemon.seaway("publish", "one", f"8080:80/{proto}")

    assert answer(two, proto, "192.0.2.1", 8080) == "one 10.77.1.1"
    assert answer(two, proto, "2001:db8:0:1::1", 8080) == "one fd77:1::1"
    assert answer(one, proto, "192.0.2.1", 8080) == "one 10.77.1.1"
    assert answer(host.neighbour, proto, "192.0.2.1", 8080) == "one 192.0.2.2"


# Internal networks


@with_and_without_bridge_nf
@both_protos
def test_an_internal_network_reaches_nothing_but_itself_and_the_host(
    host: Host, daemon: Daemon, proto: str
) -> None:
    make_network(daemon, 1, "--internal")
    make_network(daemon, 2)
    one = make_server(daemon, "one", "n1")
    brother = make_sandbox(daemon, "brother", "n1")
    make_server(daemon, "two", "n2")
    daemon.seaway("publish", "two", f"8080:80/{proto}")
    serve(host.neighbour, "outside", 9000)
    route_subnets_by_host(host.neighbour)

    assert answer(brother, proto, "10.77.1.2", 80) == "one 10.77.1.3"
    assert answer(brother, proto, "fd77:1::2", 80) == "one fd77:1::3"
    assert answer(host, proto, "10.77.1.2", 80) == "one 10.77.1.1"
    assert answer(one, proto, "192.0.2.2", 9000, SHUT) == "Network is unreachable"
    assert answer(one, proto, "2001:db8:0:1::2", 9000, SHUT) == "Network is unreachable"

    one.sh("ip route add default via 10.77.1.1; ip route add default via fd77:1::1")
    assert (
        open_ways(
            (one, proto, "192.0.2.2", 9000),
            (one, proto, "2001:db8:0:1::2", 9000),
            (one, proto, "192.0.2.1", 8080),
            (one, proto, "2001:db8:0:1::1", 8080),
            (one, proto, "10.77.2.2", 80),
            (one, proto, "fd77:2::2", 80),
            *((host.neighbour, proto, to, 80) for to in SERVER),
        )
        == []
    )


# Outward, and to the host


@with_and_without_bridge_nf
@both_protos
def test_the_outside_sees_the_hosts_address(host: Host, daemon: Daemon, proto: str) -> None:
    make_network(daemon, 1)
    one = make_sandbox(daemon, "one", "n1")
    serve(host.neighbour, "outside", 9000)

    assert answer(one, proto, "192.0.2.2", 9000) == "outside 192.0.2.1"
    assert answer(one, proto, "2001:db8:0:1::2", 9000) == "outside 2001:db8:0:1::1"
    assert pings(one, "192.0.2.2")
    assert pings(one, "2001:db8:0:1::2")


@both_protos
def test_without_masquerade_the_outside_sees_the_sandboxs_own_address(
    host: Host, daemon: Daemon, proto: str
) -> None:
    make_network(daemon, 1, "-o", "com.docker.network.bridge.enable_ip_masquerade=false")
    one = make_sandbox(daemon, "one", "n1")
    serve(host.neighbour, "outside", 9000)
    route_subnets_by_host(host.neighbour)

    assert answer(one, proto, "192.0.2.2", 9000) == "outside 10.77.1.2"
    assert answer(one, proto, "2001:db8:0:1::2", 9000) == "outside fd77:1::2"


@with_and_without_bridge_nf
@both_protos
def test_sandboxes_reach_the_hosts_services_and_the_host_reaches_sandboxes(
    host: Host, daemon: Daemon, proto: str
) -> None:
    make_network(daemon, 1)
    one = make_server(daemon, "one", "n1")
    serve(host, "the host's own", 9000)

    assert answer(one, proto, "10.77.1.1", 9000) == "the host's own 10.77.1.2"
    assert answer(one, proto, "fd77:1::1", 9000) == "the host's own fd77:1::2"
    for address, seen in (("192.0.2.1", "10.77.1.2"), ("2001:db8:0:1::1", "fd77:1::2")):
        host.serve("the LAN's", proto, 9001, address)
        assert answer(one, proto, address, 9001) == f"the LAN's {seen}"
    assert answer(host, proto, "10.77.1.2", 80) == "one 10.77.1.1"
    assert answer(host, proto, "fd77:1::2", 80) == "one fd77:1::1"


# The host is no router


@pytest.mark.parametrize(
    ("v4", "v6"), [(0, 0), (1, 1), (1, 0), (0, 1)], ids=["none", "both", "ipv4", "ipv6"]
)
def test_the_host_is_a_router_only_where_it_was_one_before(
    host: Host, stopped_daemon: Daemon, v4: int, v6: int
) -> None:
    host.sh(f"sysctl -qw net.ipv4.ip_forward={v4} net.ipv6.conf.all.forwarding={v6}")
    third = add_machine(host, 1)
    serve(third, "third", 80)
    stopped_daemon.start()

    assert answer(host.neighbour, "tcp", "198.51.100.2", 80, SHUT) == (
        "third 192.0.2.2" if v4 else "silent"
    )
    assert answer(host.neighbour, "udp", "2001:db8:0:2::2", 80, SHUT) == (
        "third 2001:db8:0:1::2" if v6 else "silent"
    )
    assert pings(host.neighbour, "198.51.100.2") is bool(v4)
    assert pings(host.neighbour, "2001:db8:0:2::2") is bool(v6)


def test_sandboxes_reach_all_networks_of_a_host_that_is_no_router(
    host: Host, daemon: Daemon
) -> None:
    third = add_machine(host, 1)
    serve(third, "third", 80)
    make_network(daemon, 1)
    one = make_server(daemon, "one", "n1")
    daemon.seaway("publish", "one", "8080:80")

    assert answer(one, "tcp", "198.51.100.2", 80) == "third 198.51.100.1"
    assert answer(one, "udp", "2001:db8:0:2::2", 80) == "third 2001:db8:0:2::1"
    assert answer(third, "tcp", "198.51.100.1", 8080) == "one 198.51.100.2"
    assert answer(third, "tcp", "192.0.2.1", 8080) == "one 198.51.100.2"


def test_what_was_no_router_before_a_restart_is_none_after_it(host: Host, daemon: Daemon) -> None:
    third = add_machine(host, 1)
    serve(third, "third", 80)

    daemon.restart()

    assert answer(host.neighbour, "tcp", "198.51.100.2", 80, SHUT) == "silent"
    assert answer(host.neighbour, "tcp", "2001:db8:0:2::2", 80, SHUT) == "silent"


@pytest.mark.parametrize("uplink", ["eth0", "lan.7", "l@n+"])
def test_the_host_keeps_the_default_route_that_a_router_advertises(
    host: Host, stopped_daemon: Daemon, uplink: str
) -> None:
    router = host.neighbour if uplink == "eth0" else add_machine(host, 7, uplink)
    assert within(2, lambda: believes(host, uplink, router))
    stopped_daemon.start()
    host.sh("ip -6 route flush proto ra")

    assert within(2, lambda: believes(host, uplink, router))


def test_a_sandbox_is_no_router_of_the_host(host: Host, daemon: Daemon) -> None:
    make_network(daemon, 1, "-o", "seaway.source_guard=false")
    one = make_sandbox(daemon, "one", "n1")
    before = host.sh("ip -6 route show default").out

    source = link_local_of(one)
    send(one, ethernet(ALL_NODES_MAC, mac_of(one), IPV6, router_advertisement(source)))

    assert pings(one, "fd77:1::1")
    assert host.sh("ip -6 route show default").out == before


@pytest.mark.parametrize("forwarding", [0, 1])
def test_purge_sets_the_hosts_sysctls_as_they_were(
    host: Host, stopped_daemon: Daemon, forwarding: int
) -> None:
    set_forwarding(host, forwarding)
    before = sysctls(host)
    stopped_daemon.start()
    make_network(stopped_daemon, 1)
    make_server(stopped_daemon, "web", "n1")
    stopped_daemon.seaway("publish", "web", "8080:80")
    stopped_daemon.restart()

    stopped_daemon.seaway("purge", "-f")
    stopped_daemon.wait()

    assert sysctls(host) == before
    assert host.sh("nft list ruleset").out == ""


def set_forwarding(host: Host, value: int) -> None:
    """Whether the host forwards in both families before the daemon starts."""
    host.sh(f"sysctl -qw net.ipv4.ip_forward={value} net.ipv6.conf.all.forwarding={value}")


def sysctls(host: Host) -> list[str]:
    """All network settings of the host that can be read, but for those that count by themselves."""
    places = " ".join(f"/proc/sys/net/{room}" for room in ("bridge", "ipv4", "ipv6", "netfilter"))
    lines = host.sh(f"grep -rs '' {places}", check=False).out.splitlines()
    return sorted(line for line in lines if "nf_conntrack_count" not in line)


def link_local_of(spot: Spot, ifname: str = "eth0") -> str:
    """The link-local address of an interface."""
    lines = spot.sh(f"ip -6 -o address show dev {ifname} scope link").out
    return lines.split()[3].partition("/")[0]


def believes(host: Host, uplink: str, router: Spot) -> bool:
    """Whether the host has a default route by *uplink*, on which *router* says that it is one."""
    frame = router_advertisement(link_local_of(router))
    send(router, ethernet(ALL_NODES_MAC, mac_of(router), IPV6, frame))
    return f"dev {uplink}" in host.sh("ip -6 route show default proto ra").out
