"""Published ports that change while traffic flows: published, moved, limited, taken away."""

from __future__ import annotations

import pytest

from bed.daemon import Daemon
from bed.fingerprint import at_rest, leaked
from bed.host import Host
from bed.spot import Spot
from e2e.stage import (
    answer,
    elements,
    ends,
    make_ipv4_network,
    make_network,
    make_sandbox,
    make_server,
    open_ways,
    say,
    with_and_without_bridge_nf,
    within,
)

both_families = pytest.mark.parametrize(
    ("address", "client"),
    [("192.0.2.1", "192.0.2.2"), ("2001:db8:0:1::1", "2001:db8:0:1::2")],
    ids=["ipv4", "ipv6"],
)
both_protos = pytest.mark.parametrize("proto", ["tcp", "udp"])


def test_publish_and_unpublish_of_a_running_sandbox_leave_nothing(
    host: Host, daemon: Daemon, web: Spot
) -> None:
    before = at_rest(host, daemon)

    daemon.seaway("publish", "web", "8080:80", "81/udp", "9000-9099:9000-9099")
    daemon.seaway("unpublish", "web", "8080:80", "81/udp", "9000-9099:9000-9099")

    assert leaked(before, host, daemon) == ()
    assert daemon.seaway("port", "web").out == ""


def test_a_sandbox_that_goes_takes_its_ports_with_it(host: Host, daemon: Daemon) -> None:
    make_network(daemon, 1)
    make_sandbox(daemon, "first", "n1")
    before = at_rest(host, daemon)
    make_sandbox(daemon, "web", "n1")
    daemon.seaway("publish", "web", "8080:80", "--from", "192.0.2.0/24")

    daemon.seaway("sandbox", "rm", "-f", "web")

    assert leaked(before, host, daemon) == ()


@with_and_without_bridge_nf
@both_families
def test_an_open_udp_flow_to_the_host_follows_a_publish_at_once(
    host: Host, daemon: Daemon, web: Spot, address: str, client: str
) -> None:
    own = host.serve("the host's own", "udp", 8080, address)
    with host.neighbour.connect("udp", address, 8080) as flow:
        assert say(flow) == f"the host's own {client}"
        own.close()

        daemon.seaway("publish", "web", "8080:80/udp")

        assert say(flow) == f"web {client}"


@both_families
def test_an_open_udp_flow_follows_an_unpublish_at_once(
    host: Host, daemon: Daemon, web: Spot, address: str, client: str
) -> None:
    daemon.seaway("publish", "web", "8080:80/udp")
    with host.neighbour.connect("udp", address, 8080) as flow:
        assert say(flow) == f"web {client}"

        daemon.seaway("unpublish", "web", "8080:80/udp")
        host.serve("the host's own", "udp", 8080, address)

        assert say(flow) == f"the host's own {client}"


@both_families
def test_an_open_udp_flow_follows_its_port_to_another_sandbox(
    host: Host, daemon: Daemon, address: str, client: str
) -> None:
    make_network(daemon, 1)
    make_server(daemon, "old", "n1")
    make_server(daemon, "new", "n1")
    daemon.seaway("publish", "old", "8080:80/udp")
    with host.neighbour.connect("udp", address, 8080) as flow:
        assert say(flow) == f"old {client}"

        daemon.seaway("unpublish", "old", "8080:80/udp")
        daemon.seaway("publish", "new", "8080:80/udp")

        assert say(flow) == f"new {client}"


def test_open_udp_flows_within_a_range_follow_too(host: Host, daemon: Daemon) -> None:
    make_network(daemon, 1)
    for name in ("old", "new"):
        make_server(daemon, name, "n1", port=7050)
    daemon.seaway("publish", "old", "7000-7099:7000-7099/udp")
    with (
        host.neighbour.connect("udp", "192.0.2.1", 7050) as flow4,
        host.neighbour.connect("udp", "2001:db8:0:1::1", 7050) as flow6,
    ):
        assert say(flow4) == "old 192.0.2.2"
        assert say(flow6) == "old 2001:db8:0:1::2"

        daemon.seaway("unpublish", "old", "7000-7099:7000-7099/udp")
        daemon.seaway("publish", "new", "7000-7099:7000-7099/udp")

        assert say(flow4) == "new 192.0.2.2"
        assert say(flow6) == "new 2001:db8:0:1::2"


@with_and_without_bridge_nf
@both_families
def test_an_open_tcp_stream_outlives_its_unpublish(
    host: Host, daemon: Daemon, web: Spot, address: str, client: str
) -> None:
    daemon.seaway("publish", "web", "8080:80")
    with host.neighbour.connect("tcp", address, 8080) as stream:
        assert say(stream) == f"web {client}"

        daemon.seaway("unpublish", "web", "8080:80")

        assert answer(host.neighbour, "tcp", address, 8080) == "refused"
        assert say(stream) == f"web {client}"


@with_and_without_bridge_nf
@both_families
def test_an_open_tcp_stream_ends_when_its_port_is_unpublished_now(
    host: Host, daemon: Daemon, web: Spot, address: str, client: str
) -> None:
    daemon.seaway("publish", "web", "8080:80", "8081:80")
    with (
        host.neighbour.connect("tcp", address, 8080) as stream,
        host.neighbour.connect("tcp", address, 8081) as other,
    ):
        assert say(stream) == f"web {client}"
        assert say(other) == f"web {client}"

        daemon.seaway("unpublish", "--now", "web", "8080:80")

        assert ends(stream)
        assert say(other) == f"web {client}"


@both_protos
def test_streams_of_a_range_end_when_it_is_unpublished_now(
    host: Host, daemon: Daemon, proto: str
) -> None:
    make_network(daemon, 1)
    make_server(daemon, "web", "n1", port=7050)
    daemon.seaway("publish", "web", f"7000-7099:7000-7099/{proto}")
    with (
        host.neighbour.connect(proto, "192.0.2.1", 7050) as far,
        host.connect(proto, "127.0.0.1", 7050) as near,
    ):
        assert say(far) == "web 192.0.2.2"
        assert say(near) == "web 10.77.1.1"

        daemon.seaway("unpublish", "--now", "web", f"7000-7099:7000-7099/{proto}")

        assert ends(far)
        assert ends(near)


def test_a_port_that_is_not_published_cannot_be_unpublished(daemon: Daemon) -> None:
    make_network(daemon, 1)
    make_sandbox(daemon, "web", "n1")
    daemon.seaway("publish", "web", "8080:80")

    said = daemon.seaway("unpublish", "web", "8081:80", check=False)

    assert said.code == 1
    assert said.err == (
        "Error response from daemon: port 8081:80/tcp is not published; "
        "published are: 8080:80/tcp\n"
    )


# Only for some


@with_and_without_bridge_nf
@both_protos
def test_a_port_for_some_sources_is_closed_to_all_others(
    host: Host, daemon: Daemon, web: Spot, proto: str
) -> None:
    make_network(daemon, 2)
    brother = make_sandbox(daemon, "brother", "n1")
    far = make_sandbox(daemon, "far", "n2")

    daemon.seaway(
        "publish", "--from", "192.0.2.2", "--from", "fd77:2::/64", "web", f"8080:80/{proto}"
    )

    assert answer(host.neighbour, proto, "192.0.2.1", 8080) == "web 192.0.2.2"
    assert answer(far, proto, "fd77:2::1", 8080) == "web fd77:2::2"
    ways = (
        (host.neighbour, "2001:db8:0:1::1"),
        (host, "192.0.2.1"),
        (host, "127.0.0.1"),
        (host, "2001:db8:0:1::1"),
        (brother, "192.0.2.1"),
        (brother, "2001:db8:0:1::1"),
        (far, "192.0.2.1"),
        (web, "10.77.1.1"),
    )
    assert open_ways(*((who, proto, to, 8080) for who, to in ways)) == []


@both_protos
def test_the_host_itself_and_sandboxes_are_sources_too(
    host: Host, daemon: Daemon, web: Spot, proto: str
) -> None:
    make_network(daemon, 2)
    far = make_sandbox(daemon, "far", "n2")

    sources = ("127.0.0.0/8", "::1", "192.0.2.1", "10.77.0.0/16")
    daemon.seaway(
        "publish", *(w for s in sources for w in ("--from", s)), "web", f"8080:80/{proto}"
    )

    assert answer(host, proto, "127.0.0.1", 8080) == "web 10.77.1.1"
    assert answer(host, proto, "::1", 8080) == "web fd77:1::1"
    assert answer(host, proto, "192.0.2.1", 8080) == "web 192.0.2.1"
    assert answer(far, proto, "192.0.2.1", 8080) == "web 10.77.2.2"
    assert answer(web, proto, "192.0.2.1", 8080) == "web 10.77.1.1"
    assert answer(host.neighbour, proto, "192.0.2.1", 8080, 0.25) == "silent"


@both_protos
def test_publishing_again_changes_who_may_come_in(
    host: Host, daemon: Daemon, web: Spot, proto: str
) -> None:
    daemon.seaway("publish", "--from", "203.0.113.0/24", "web", f"8080:80/{proto}")
    assert answer(host.neighbour, proto, "192.0.2.1", 8080, 0.25) == "silent"

    daemon.seaway("publish", "--from", "192.0.2.0/24", "web", f"8080:80/{proto}")
    assert answer(host.neighbour, proto, "192.0.2.1", 8080) == "web 192.0.2.2"

    daemon.seaway("publish", "--from", "203.0.113.0/24", "web", f"8080:80/{proto}")
    assert answer(host.neighbour, proto, "192.0.2.1", 8080, 0.25) == "silent"

    daemon.seaway("publish", "web", f"8080:80/{proto}")
    assert answer(host.neighbour, proto, "192.0.2.1", 8080) == "web 192.0.2.2"
    assert elements(host, "any4") == [f"{proto} . 8080 : 10.77.1.2 . 80"]
    assert elements(host, "limited_any4") == []


@both_protos
def test_a_range_for_some_sources_is_closed_to_all_others(
    host: Host, daemon: Daemon, proto: str
) -> None:
    make_network(daemon, 1)
    make_server(daemon, "web", "n1", port=7001)
    ports = f"192.0.2.1:7000-7009:7000-7009/{proto}"

    daemon.seaway("publish", "--from", "192.0.2.2", "web", ports)

    assert answer(host.neighbour, proto, "192.0.2.1", 7001) == "web 192.0.2.2"
    assert answer(host, proto, "192.0.2.1", 7001, 0.25) in {"silent", "Operation not permitted"}
    assert elements(host, "limited_one4") == [f"{proto} . 192.0.2.1 . 7000-7009"]


# Which network a port leads to


@with_and_without_bridge_nf
@both_families
def test_a_port_moves_with_the_default_route(
    host: Host, daemon: Daemon, address: str, client: str
) -> None:
    make_network(daemon, 1)
    make_network(daemon, 2)
    make_server(daemon, "web", "n1", "n2")
    daemon.seaway("publish", "web", "8080:80", "8080:80/udp")
    assert elements(host, "any4") == [
        "tcp . 8080 : 10.77.1.2 . 80",
        "udp . 8080 : 10.77.1.2 . 80",
    ]
    with host.neighbour.connect("udp", address, 8080) as flow:
        assert say(flow) == f"web {client}"

        daemon.seaway("network", "disconnect", "n1", "web")

        assert say(flow) == f"web {client}"
    assert answer(host.neighbour, "tcp", address, 8080) == f"web {client}"
    assert elements(host, "any4") == [
        "tcp . 8080 : 10.77.2.2 . 80",
        "udp . 8080 : 10.77.2.2 . 80",
    ]
    assert elements(host, "any6") == [
        "tcp . 8080 : fd77:2::2 . 80",
        "udp . 8080 : fd77:2::2 . 80",
    ]


def test_a_port_moves_to_a_network_of_higher_priority_and_back(
    host: Host, daemon: Daemon, web: Spot
) -> None:
    make_network(daemon, 2)
    daemon.seaway("publish", "web", "8080:80", "8080:80/udp")
    with host.neighbour.connect("udp", "192.0.2.1", 8080) as flow:
        assert say(flow) == "web 192.0.2.2"

        daemon.seaway("network", "connect", "--gw-priority", "5", "n2", "web")
        assert elements(host, "any4")[0] == "tcp . 8080 : 10.77.2.2 . 80"
        assert say(flow) == "web 192.0.2.2"
        assert answer(host.neighbour, "tcp", "192.0.2.1", 8080) == "web 192.0.2.2"

        daemon.seaway("network", "disconnect", "n2", "web")
        assert elements(host, "any4")[0] == "tcp . 8080 : 10.77.1.2 . 80"
        assert say(flow) == "web 192.0.2.2"
        assert answer(host.neighbour, "tcp", "2001:db8:0:1::1", 8080) == "web 2001:db8:0:1::2"


def test_each_family_of_a_port_leads_to_the_network_of_its_own_default_route(
    host: Host, daemon: Daemon
) -> None:
    make_ipv4_network(daemon, 1)
    daemon.seaway("network", "create", "--ipv4=false", "--ipv6", "--subnet", "fd77:2::/64", "n2")
    make_server(daemon, "web", "n1", "n2")

    daemon.seaway("publish", "web", "8080:80")

    assert elements(host, "any4") == ["tcp . 8080 : 10.77.1.2 . 80"]
    assert elements(host, "any6") == ["tcp . 8080 : fd77:2::2 . 80"]
    assert answer(host.neighbour, "tcp", "192.0.2.1", 8080) == "web 192.0.2.2"
    assert answer(host.neighbour, "tcp", "2001:db8:0:1::1", 8080) == "web 2001:db8:0:1::2"


def test_ports_wait_for_a_network_with_a_way_out(host: Host, daemon: Daemon) -> None:
    make_network(daemon, 1, "--internal")
    make_network(daemon, 2)
    make_server(daemon, "web", "n1")
    daemon.seaway("publish", "web", "8080:80")
    assert answer(host.neighbour, "tcp", "192.0.2.1", 8080) == "refused"

    daemon.seaway("network", "connect", "n2", "web")
    assert answer(host.neighbour, "tcp", "192.0.2.1", 8080) == "web 192.0.2.2"

    daemon.seaway("network", "disconnect", "n2", "web")
    assert answer(host.neighbour, "tcp", "192.0.2.1", 8080) == "refused"
    host.serve("the host's own", "tcp", 8080)
    assert answer(host.neighbour, "tcp", "192.0.2.1", 8080) == "the host's own 192.0.2.2"


# Without the daemon


@with_and_without_bridge_nf
def test_ports_and_their_flows_outlive_the_daemon(host: Host, daemon: Daemon, web: Spot) -> None:
    daemon.seaway("publish", "web", "8080:80", "8080:80/udp")
    with (
        host.neighbour.connect("tcp", "192.0.2.1", 8080) as stream,
        host.neighbour.connect("udp", "2001:db8:0:1::1", 8080) as flow,
    ):
        assert say(stream) == "web 192.0.2.2"
        assert say(flow) == "web 2001:db8:0:1::2"

        daemon.kill()

        assert say(stream) == "web 192.0.2.2"
        assert say(flow) == "web 2001:db8:0:1::2"
        assert answer(host.neighbour, "tcp", "192.0.2.1", 8080) == "web 192.0.2.2"
        assert answer(host, "tcp", "127.0.0.1", 8080) == "web 10.77.1.1"

        daemon.start()

        assert say(stream) == "web 192.0.2.2"
        assert say(flow) == "web 2001:db8:0:1::2"
    daemon.seaway("unpublish", "web", "8080:80", "8080:80/udp")
    assert within(1, lambda: answer(host.neighbour, "tcp", "192.0.2.1", 8080) == "refused")
