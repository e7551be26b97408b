"""The ways to and from networks by their gateway mode: who is reached where, and who is translated."""

from __future__ import annotations

from typing import cast

import pytest

from bed.daemon import Daemon
from bed.host import Host
from e2e.stage import (
    answer,
    bridge_of,
    elements,
    make_network,
    make_sandbox,
    make_server,
    open_ways,
    pings,
    post,
    route_subnets_by_host,
    serve,
    with_and_without_bridge_nf,
)

MODE = "com.docker.network.bridge.gateway_mode_ipv"
OWN = ("10.77.1.2", "fd77:1::2")
"""The addresses of the first sandbox on network 1."""
HOST = ("192.0.2.1", "2001:db8:0:1::1")
both_protos = pytest.mark.parametrize("proto", ["tcp", "udp"])


def mode(word: str) -> tuple[str, ...]:
    """Flags that give a network this mode in both families."""
    return ("-o", f"{MODE}4={word}", "-o", f"{MODE}6={word}")


def shown_ports(daemon: Daemon, sandbox: str) -> object:
    """The ports as ``docker inspect`` shows them."""
    shown = cast("dict[str, dict[str, object]]", daemon.get(f"/containers/{sandbox}/json"))
    return shown["NetworkSettings"]["Ports"]


# routed


@with_and_without_bridge_nf
@both_protos
def test_a_routed_sandbox_is_reached_at_its_own_address_by_published_ports_and_pings_alone(
    host: Host, daemon: Daemon, proto: str
) -> None:
    route_subnets_by_host(host.neighbour)
    make_network(daemon, 1, *mode("routed"))
    web = make_server(daemon, "web", "n1")
    serve(web, "hidden", 81)

    daemon.seaway("publish", "web", f"8080:80/{proto}")

    assert [answer(host.neighbour, proto, own, 80) for own in OWN] == [
        "web 192.0.2.2",
        "web 2001:db8:0:1::2",
    ]
    assert all(pings(host.neighbour, own) for own in OWN)
    assert open_ways(*((host.neighbour, proto, own, n) for own in OWN for n in (81, 8080))) == []
    daemon.seaway("unpublish", "web", f"8080:80/{proto}")
    assert open_ways(*((host.neighbour, proto, own, 80) for own in OWN)) == []


def test_nothing_that_leaves_a_routed_network_is_translated(host: Host, daemon: Daemon) -> None:
    route_subnets_by_host(host.neighbour)
    serve(host.neighbour, "lan", 90)
    make_network(daemon, 1, *mode("routed"))
    web = make_sandbox(daemon, "web", "n1")

    assert answer(web, "tcp", "192.0.2.2", 90) == "lan 10.77.1.2"
    assert answer(web, "tcp", "2001:db8:0:1::2", 90) == "lan fd77:1::2"


def test_a_routed_port_holds_no_port_of_the_host_and_docker_is_shown_none(
    host: Host, daemon: Daemon
) -> None:
    make_network(daemon, 1, *mode("routed"))
    make_server(daemon, "web", "n1")
    serve(host, "host", 8080)

    done = daemon.seaway("publish", "web", "8080:80")

    assert [answer(host.neighbour, "tcp", own, 8080) for own in HOST] == [
        "host 192.0.2.2",
        "host 2001:db8:0:1::2",
    ]
    assert shown_ports(daemon, "web") == {
        "80/tcp": [{"HostIp": "0.0.0.0", "HostPort": ""}, {"HostIp": "::", "HostPort": ""}]
    }
    assert done.out == "80/tcp -> 10.77.1.2:80\n80/tcp -> [fd77:1::2]:80\n"
    assert daemon.seaway("port", "web").out.splitlines() == [
        "80/tcp -> the sandbox's own IPv4 address",
        "80/tcp -> the sandbox's own IPv6 address",
    ]


def test_each_family_has_a_mode_of_its_own(host: Host, daemon: Daemon) -> None:
    route_subnets_by_host(host.neighbour)
    serve(host.neighbour, "lan", 90)
    make_network(daemon, 1, "-o", f"{MODE}6=routed")
    web = make_server(daemon, "web", "n1")

    daemon.seaway("publish", "web", "8080:80")

    assert shown_ports(daemon, "web") == {
        "80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}, {"HostIp": "::", "HostPort": ""}]
    }
    assert answer(host.neighbour, "tcp", "192.0.2.1", 8080) == "web 192.0.2.2"
    assert answer(host.neighbour, "tcp", "fd77:1::2", 80) == "web 2001:db8:0:1::2"
    assert open_ways((host.neighbour, "tcp", "10.77.1.2", 80)) == []
    assert answer(host.neighbour, "tcp", "2001:db8:0:1::1", 8080) == "refused"
    assert answer(web, "tcp", "192.0.2.2", 90) == "lan 192.0.2.1"
    assert answer(web, "tcp", "2001:db8:0:1::2", 90) == "lan fd77:1::2"


def test_other_networks_reach_a_routed_one_directly_unless_they_are_internal(
    daemon: Daemon,
) -> None:
    make_network(daemon, 1, *mode("routed"))
    make_network(daemon, 2)
    make_network(daemon, 3, "--internal")
    web = make_server(daemon, "web", "n1")
    serve(web, "hidden", 81)
    daemon.seaway("publish", "web", "80")
    near, vault = make_server(daemon, "near", "n2"), make_sandbox(daemon, "vault", "n3")

    assert [answer(near, "tcp", own, 80) for own in OWN] == ["web 10.77.2.2", "web fd77:2::2"]
    assert all(pings(near, own) for own in OWN)
    assert (
        open_ways(
            *((near, "tcp", own, 81) for own in OWN),
            *((vault, way, own, 80) for own in OWN for way in ("tcp", "ping")),
            *((web, "tcp", to, 80) for to in ("10.77.2.2", "fd77:2::2")),
        )
        == []
    )


def test_a_routed_port_is_open_to_its_sources_alone(host: Host, daemon: Daemon) -> None:
    route_subnets_by_host(host.neighbour)
    make_network(daemon, 1, *mode("routed"))
    make_network(daemon, 2)
    make_server(daemon, "web", "n1")
    near = make_sandbox(daemon, "near", "n2")

    daemon.seaway("publish", "--from", "192.0.2.0/24", "web", "80")

    assert answer(host.neighbour, "tcp", "10.77.1.2", 80) == "web 192.0.2.2"
    ways = ((near, "10.77.1.2"), (near, "fd77:1::2"), (host.neighbour, "fd77:1::2"))
    assert open_ways(*((who, "tcp", to, 80) for who, to in ways)) == []


def test_a_port_for_one_address_of_the_host_is_opened_to_nobody_else(
    host: Host, daemon: Daemon
) -> None:
    route_subnets_by_host(host.neighbour)
    make_network(daemon, 1, *mode("routed"))
    make_server(daemon, "web", "n1")

    done = daemon.seaway("publish", "web", "127.0.0.1:8080:80")

    why = (
        "web is reached at its own IPv4 address, since its network is routed: nothing answers at "
        "127.0.0.1; publish the port without an address of the host"
    )
    assert why in done.err
    assert why in daemon.seaway("status").out
    assert open_ways(*((host.neighbour, "tcp", own, 80) for own in OWN)) == []


def test_ports_that_lead_to_one_number_are_closed_with_the_last_of_them(
    host: Host, daemon: Daemon
) -> None:
    route_subnets_by_host(host.neighbour)
    make_network(daemon, 1, *mode("routed"))
    make_server(daemon, "web", "n1")
    daemon.seaway("publish", "web", "8080:80", "8000-8010:75-85")

    daemon.seaway("unpublish", "web", "8000-8010:75-85")
    assert answer(host.neighbour, "tcp", "10.77.1.2", 80) == "web 192.0.2.2"

    daemon.seaway("unpublish", "web", "8080:80")
    assert open_ways((host.neighbour, "tcp", "10.77.1.2", 80)) == []


def test_ports_move_between_the_host_and_the_sandbox_with_the_default_route(
    host: Host, daemon: Daemon
) -> None:
    route_subnets_by_host(host.neighbour)
    make_network(daemon, 1)
    make_network(daemon, 2, *mode("routed"))
    make_server(daemon, "web", "n1")
    daemon.seaway("publish", "web", "8080:80")

    daemon.seaway("network", "connect", "--gw-priority", "1", "n2", "web")

    assert answer(host.neighbour, "tcp", "10.77.2.2", 80) == "web 192.0.2.2"
    assert answer(host.neighbour, "tcp", "192.0.2.1", 8080) == "refused"
    daemon.seaway("network", "disconnect", "n2", "web")
    assert answer(host.neighbour, "tcp", "192.0.2.1", 8080) == "web 192.0.2.2"


def test_a_killed_daemon_finds_modes_and_ports_again(host: Host, daemon: Daemon) -> None:
    route_subnets_by_host(host.neighbour)
    make_network(daemon, 1, *mode("routed"))
    make_server(daemon, "web", "n1")
    daemon.seaway("publish", "web", "8080:80")
    before = daemon.get("/networks/n1")

    daemon.kill()
    assert answer(host.neighbour, "tcp", "10.77.1.2", 80) == "web 192.0.2.2"
    host.sh("nft delete table inet seaway")
    daemon.start()

    assert answer(host.neighbour, "tcp", "10.77.1.2", 80) == "web 192.0.2.2"
    assert daemon.get("/networks/n1") == before
    assert elements(host, "routed4") == [f'"{bridge_of(daemon, "n1")}"']


def test_a_network_changes_its_mode_while_it_is_used(host: Host, daemon: Daemon) -> None:
    route_subnets_by_host(host.neighbour)
    serve(host.neighbour, "lan", 90)
    make_network(daemon, 1)
    web = make_server(daemon, "web", "n1")
    daemon.seaway("publish", "web", "8080:80")
    former = elements(host, "any4")

    daemon.seaway("network", "update", "-o", f"{MODE}4=routed", "n1")

    assert answer(host.neighbour, "tcp", "10.77.1.2", 80) == "web 192.0.2.2"
    assert answer(host.neighbour, "tcp", "192.0.2.1", 8080) == "refused"
    assert answer(web, "tcp", "192.0.2.2", 90) == "lan 10.77.1.2"
    server = host.serve("host", "tcp", 8080, "192.0.2.1")
    assert answer(host.neighbour, "tcp", "192.0.2.1", 8080) == "host 192.0.2.2"

    taken = daemon.seaway("network", "update", "-o", f"{MODE}4=nat", "n1", check=False)
    assert "8080" in taken.err
    assert answer(host.neighbour, "tcp", "10.77.1.2", 80) == "web 192.0.2.2"
    server.close()
    daemon.seaway("network", "update", "-o", f"{MODE}4=nat", "n1")
    assert answer(host.neighbour, "tcp", "192.0.2.1", 8080) == "web 192.0.2.2"
    assert open_ways((host.neighbour, "tcp", "10.77.1.2", 80)) == []
    assert elements(host, "any4") == former
    assert elements(host, "direct4") == []


def test_dockers_client_shows_a_routed_port_without_one_of_the_host(daemon: Daemon) -> None:
    make_network(daemon, 1, *mode("routed"))
    daemon.seaway("run", "-d", "--network", "n1", "-p", "8080:80", "--name", "web", "sleep", "60")

    assert "80/tcp" in daemon.docker("ps", "--format", "{{.Ports}}").out
    assert "8080" not in daemon.docker("ps").out
    assert daemon.docker("port", "web").code == 0


# nat-unprotected


@with_and_without_bridge_nf
@both_protos
def test_every_port_of_an_unprotected_sandbox_is_reached_from_outside(
    host: Host, daemon: Daemon, proto: str
) -> None:
    route_subnets_by_host(host.neighbour)
    serve(host.neighbour, "lan", 90)
    make_network(daemon, 1, *mode("nat-unprotected"))
    make_network(daemon, 2)
    web = make_server(daemon, "web", "n1")
    near = make_sandbox(daemon, "near", "n2")
    daemon.seaway("publish", "web", f"8080:80/{proto}")

    assert [answer(host.neighbour, proto, own, 80) for own in OWN] == [
        "web 192.0.2.2",
        "web 2001:db8:0:1::2",
    ]
    assert all(pings(host.neighbour, own) for own in OWN)
    assert answer(host.neighbour, proto, "192.0.2.1", 8080) == "web 192.0.2.2"
    assert answer(web, proto, "192.0.2.2", 90) == "lan 192.0.2.1"
    assert open_ways(*((near, way, own, 80) for own in OWN for way in (proto, "ping"))) == []


# isolated


def test_the_host_has_no_address_on_an_isolated_network_and_members_no_gateway(
    host: Host, daemon: Daemon
) -> None:
    make_network(daemon, 1, "--internal", *mode("isolated"))
    one = make_server(daemon, "one", "n1")
    two = make_sandbox(daemon, "two", "n1")
    serve(host, "host", 70)

    assert answer(two, "tcp", "10.77.1.2", 80) == "one 10.77.1.3"
    assert answer(two, "tcp", "fd77:1::2", 80) == "one fd77:1::3"
    assert "10.77.1.1" not in host.sh(f"ip address show dev {bridge_of(daemon, 'n1')}").out
    assert open_ways(*((one, "tcp", to, 70) for to in (*HOST, "10.77.1.1", "fd77:1::1"))) == []
    shown = cast("dict[str, dict[str, list[dict[str, str]]]]", daemon.get("/networks/n1"))
    assert [c.get("Gateway", "") for c in shown["IPAM"]["Config"]] == ["", ""]
    daemon.kill()
    daemon.start()
    assert answer(two, "tcp", "10.77.1.2", 80) == "one 10.77.1.3"
    assert "not whole" not in daemon.log


# Bad values


@pytest.mark.parametrize(
    ("option", "value", "flags", "why"),
    [
        (f"{MODE}4", "route", (), "it is nat, nat-unprotected, routed or isolated"),
        (f"{MODE}6", "NAT", (), "it is nat, nat-unprotected, routed or isolated"),
        (
            f"{MODE}4",
            "isolated",
            (),
            "only an internal network can be isolated from its host; add --internal",
        ),
    ],
)
def test_a_mode_that_cannot_be_is_refused_in_one_sentence(
    daemon: Daemon, option: str, value: str, flags: tuple[str, ...], why: str
) -> None:
    refused = daemon.seaway(
        "network", "create", *flags, "-o", f"{option}={value}", "x", check=False
    )

    assert refused.code == 1
    assert refused.err.endswith(f"option {option}={value}: {why}\n")
    assert post(daemon, "/networks/x/connect", {"Container": "y"})[0] == 404


def test_a_mode_without_effect_on_an_internal_network_is_told(daemon: Daemon) -> None:
    done = daemon.seaway("network", "create", "--internal", *mode("routed"), "--ipv6", "x")

    assert "gateway mode routed has no effect on x while it is internal" in done.err
