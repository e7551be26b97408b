"""Changes of sandboxes that run: networks come and go, the default route moves, names follow."""

from __future__ import annotations

import time

import pytest

from bed.daemon import Daemon
from bed.host import Host
from bed.spot import Spot
from e2e.resolving import NXDOMAIN, resolve
from e2e.stage import (
    make_ipv4_network,
    make_network,
    make_sandbox,
    make_server,
    place,
    serve,
    within,
)

SOON = 0.1
"""Seconds within which names follow a change."""


@pytest.fixture
def daemon(swept_daemon: Daemon) -> Daemon:
    """One for all tests of this file."""
    return swept_daemon


@pytest.fixture
def host(daemon: Daemon) -> Host:
    """The host of the daemon."""
    return daemon.host


def interfaces(spot: Spot) -> dict[str, list[str]]:
    """The interfaces inside with their addresses, loopback and link-local ones left out."""
    found: dict[str, list[str]] = {}
    for line in spot.sh("ip -o link; ip -o address show scope global").out.splitlines():
        words = line.split()
        name = words[1].rstrip(":").partition("@")[0]
        if name != "lo":
            found.setdefault(name, [])
            found[name] += [words[3]] if words[2].startswith("inet") else []
    return found


def default_routes(spot: Spot) -> list[str]:
    """The default routes inside, IPv4 first: ``10.77.1.1 eth0``."""
    lines = spot.sh("ip route show default; ip -6 route show default").out.splitlines()
    return [f"{line.split()[2]} {line.split()[4]}" for line in lines]


def follows(asker: Spot, name: str, wanted: list[str]) -> bool:
    """Whether *name* is answered so within 100 ms."""
    return within(SOON, lambda: resolve(asker, name) == wanted)


def test_a_running_sandbox_comes_to_a_network_and_leaves_it(daemon: Daemon) -> None:
    make_network(daemon, 1)
    make_network(daemon, 2)
    box = make_sandbox(daemon, "box", "n1")
    make_server(daemon, "web", "n2")

    daemon.seaway("network", "connect", "n2", "box")
    assert interfaces(box) == {
        "eth0": ["10.77.1.2/24", "fd77:1::2/64"],
        "eth1": ["10.77.2.3/24", "fd77:2::3/64"],
    }
    assert box.ask("tcp", "10.77.2.2", 80) == "web 10.77.2.3"
    assert box.ask("tcp", "fd77:2::2", 80) == "web fd77:2::3"

    daemon.seaway("network", "disconnect", "n2", "box")
    assert not box.reaches("tcp", "10.77.2.2", 80)
    assert within(3, lambda: list(interfaces(box)) == ["eth0"])


def test_names_follow_connect_and_disconnect(daemon: Daemon) -> None:
    make_network(daemon, 1)
    make_network(daemon, 2)
    cli = make_sandbox(daemon, "cli", "n2")
    box = make_sandbox(daemon, "box", "n1")

    daemon.seaway("network", "connect", "--alias", "other", "n2", "box")
    assert follows(cli, "box", ["10.77.2.3"])
    assert follows(cli, "other", ["10.77.2.3"])
    assert follows(box, "cli", ["10.77.2.2"])

    daemon.seaway("network", "disconnect", "n2", "box")
    assert follows(cli, "box", NXDOMAIN)
    assert follows(cli, "other", NXDOMAIN)
    assert follows(box, "cli", NXDOMAIN)


def test_names_follow_a_rename(host: Host, daemon: Daemon) -> None:
    make_network(daemon, 1)
    cli = make_sandbox(daemon, "cli", "n1")
    make_sandbox(daemon, "box", "n1:alias=same")

    daemon.seaway("rename", "box", "crate")

    assert follows(cli, "crate", ["10.77.1.3"])
    assert follows(cli, "box", NXDOMAIN)
    assert follows(cli, "same", ["10.77.1.3"])
    assert host.at("/run/seaway/netns/crate").sh("ip -o link show eth0").out
    assert host.sh("ls /run/seaway/netns").out.split() == ["cli", "crate"]
    make_sandbox(daemon, "box", "n1")
    assert follows(cli, "box", ["10.77.1.4"])


def test_the_default_route_moves_when_its_network_goes(host: Host, daemon: Daemon) -> None:
    for number in (1, 2, 3):
        make_network(daemon, number)
    box = make_server(daemon, "box", "n1", "n2", "n3")
    daemon.seaway("publish", "box", "8080:80")
    assert default_routes(box) == ["10.77.1.1 eth0", "fd77:1::1 eth0"]
    assert host.neighbour.ask("tcp", "192.0.2.1", 8080) == "box 192.0.2.2"

    daemon.seaway("network", "disconnect", "n1", "box")
    assert default_routes(box) == ["10.77.2.1 eth1", "fd77:2::1 eth1"]
    assert host.neighbour.ask("tcp", "192.0.2.1", 8080) == "box 192.0.2.2"

    daemon.seaway("network", "disconnect", "n2", "box")
    assert default_routes(box) == ["10.77.3.1 eth2", "fd77:3::1 eth2"]
    assert host.neighbour.ask("tcp", "192.0.2.1", 8080) == "box 192.0.2.2"

    daemon.seaway("network", "disconnect", "n3", "box")
    assert default_routes(box) == []
    assert not host.neighbour.reaches("tcp", "192.0.2.1", 8080)

    daemon.seaway("network", "connect", "n2", "box")
    assert default_routes(box) == ["10.77.2.1 eth0", "fd77:2::1 eth0"]
    assert host.neighbour.ask("tcp", "192.0.2.1", 8080) == "box 192.0.2.2"


def test_the_highest_gateway_priority_has_the_default_route(daemon: Daemon) -> None:
    for number in (1, 2, 3):
        make_network(daemon, number)
    box = make_sandbox(daemon, "box", "n1", "n2:gw-priority=5")
    assert default_routes(box) == ["10.77.2.1 eth1", "fd77:2::1 eth1"]

    daemon.seaway("network", "connect", "--gw-priority", "9", "n3", "box")
    assert default_routes(box) == ["10.77.3.1 eth2", "fd77:3::1 eth2"]

    daemon.seaway("network", "disconnect", "n3", "box")
    assert default_routes(box) == ["10.77.2.1 eth1", "fd77:2::1 eth1"]


def test_each_family_has_its_own_default_route(daemon: Daemon) -> None:
    make_ipv4_network(daemon, 1)
    make_network(daemon, 2)
    box = make_sandbox(daemon, "box", "n1", "n2")

    assert default_routes(box) == ["10.77.1.1 eth0", "fd77:2::1 eth1"]


def test_an_internal_network_never_has_the_default_route(daemon: Daemon) -> None:
    make_network(daemon, 1, "--internal")
    make_network(daemon, 2)
    box = make_sandbox(daemon, "box", "n1")
    assert default_routes(box) == []

    daemon.seaway("network", "connect", "n2", "box")
    assert default_routes(box) == ["10.77.2.1 eth1", "fd77:2::1 eth1"]


def test_interface_names_are_the_lowest_free_or_those_asked_for(daemon: Daemon) -> None:
    for number in (1, 2, 3, 4):
        make_network(daemon, number)
    box = make_sandbox(daemon, "box", "n1", "n2:ifname=wan", "n3")
    assert [*interfaces(box)] == ["eth0", "wan", "eth1"]

    daemon.seaway("network", "disconnect", "n1", "box")
    daemon.seaway("network", "connect", "n4", "box")

    assert interfaces(box)["eth0"] == ["10.77.4.2/24", "fd77:4::2/64"]


def test_an_interface_name_that_is_in_use_is_refused(daemon: Daemon) -> None:
    make_network(daemon, 1)
    make_network(daemon, 2)
    box = make_sandbox(daemon, "box", "n1")
    before = interfaces(box)
    option = "com.docker.network.endpoint.ifname=eth0"

    answer = daemon.seaway("network", "connect", "--driver-opt", option, "n2", "box", check=False)

    assert answer.code == 1
    assert "interface name eth0 is in use in this container; choose another" in answer.err
    assert interfaces(box) == before


@pytest.mark.parametrize("times", [12, pytest.param(30, marks=pytest.mark.long)])
def test_fr58_interfaces_and_default_route_keep_their_places(daemon: Daemon, times: int) -> None:
    for name, number in (("z1", 1), ("a2", 2), ("m3", 3)):
        daemon.seaway("network", "create", "--subnet", f"10.77.{number}.0/24", name)
    on = [word for name in ("z1", "a2", "m3") for word in ("--network", name)]
    daemon.seaway("run", "-d", "--name", "box", *on, "sleep", "600")
    first = hanging(daemon)
    assert [*first] == ["eth0 10.77.1.2/24", "eth1 10.77.2.2/24", "eth2 10.77.3.2/24"]

    for number in range(times):
        daemon.seaway("stop", "-t", "0", "box")
        if number % 4 == 3:
            daemon.restart()
        daemon.seaway("start", "box")
        assert hanging(daemon) == first
        assert default_routes(daemon.sandbox("box")) == ["10.77.1.1 eth0"]

    daemon.seaway("network", "disconnect", "z1", "box")
    box = daemon.sandbox("box")
    assert default_routes(box) == ["10.77.2.1 eth1"]
    assert within(3, lambda: [*interfaces(box)] == ["eth1", "eth2"])
    daemon.seaway("network", "connect", "z1", "box")
    assert default_routes(box) == ["10.77.2.1 eth1"]


def hanging(daemon: Daemon) -> dict[str, str]:
    """Interface and address, with the MAC address, of the sandbox "box"."""
    box = daemon.sandbox("box")
    links = [line.split() for line in box.sh("ip -o link show type veth").out.splitlines()]
    macs = {w[1].partition("@")[0].rstrip(":"): w[w.index("link/ether") + 1] for w in links}
    return {f"{name} {held[0]}": macs[name] for name, held in interfaces(box).items()}


def test_a_reused_address_answers_at_once_to_who_knew_its_former_holder(daemon: Daemon) -> None:
    make_network(daemon, 1)
    peer = make_sandbox(daemon, "peer", "n1")
    make_server(daemon, "old", "n1:ip=10.77.1.50,ip6=fd77:1::50")
    assert peer.ask("tcp", "10.77.1.50", 80) == "old 10.77.1.2"
    assert peer.ask("tcp", "fd77:1::50", 80) == "old fd77:1::2"
    former = place(daemon, "old", "n1")["MacAddress"]

    for number in range(5):
        daemon.seaway("rm", "-f", "old" if number == 0 else f"new{number}")
        new = make_sandbox(daemon, f"new{number + 1}", "n1:ip=10.77.1.50,ip6=fd77:1::50")
        serve(new, "new", 80)
        assert peer.ask("tcp", "10.77.1.50", 80, 0.3) == "new 10.77.1.2"
        assert peer.ask("tcp", "fd77:1::50", 80, 0.3) == "new fd77:1::2"

    assert place(daemon, "new5", "n1")["MacAddress"] != former


def test_connecting_twice_is_refused_and_changes_nothing(daemon: Daemon) -> None:
    make_network(daemon, 1)
    box = make_sandbox(daemon, "box", "n1")
    before = interfaces(box)

    answer = daemon.seaway("network", "connect", "n1", "box", check=False)

    assert "endpoint with name box already exists in network n1" in answer.err
    assert interfaces(box) == before


def test_a_hundred_connects_and_disconnects_leave_one_interface(daemon: Daemon) -> None:
    make_network(daemon, 1)
    make_network(daemon, 2)
    box = make_sandbox(daemon, "box", "n1")
    make_server(daemon, "web", "n2")
    fixed = {"IPAMConfig": {"IPv4Address": "10.77.2.9"}}

    begin = time.monotonic()
    for _ in range(100):
        body = {"Container": "box", "EndpointConfig": fixed}
        assert daemon.request("POST", "/networks/n2/connect", body)[0] == 200
        assert box.ask("tcp", "10.77.2.2", 80) == "web 10.77.2.9"
        assert daemon.request("POST", "/networks/n2/disconnect", body)[0] == 200

    assert time.monotonic() - begin < 30
    assert within(5, lambda: [*interfaces(box)] == ["eth0"])
