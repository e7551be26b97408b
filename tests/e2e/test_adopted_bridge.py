"""Bridges that are there already: used, never deleted, and left as they were."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from bed.daemon import DATA_DIR, Daemon
from bed.faults import OPTIONS, FaultFile
from bed.host import Host
from bed.spot import Spot
from e2e.stage import answer, make_sandbox, make_server, open_ways, serve

BRIDGE = "com.docker.network.bridge."
NAME = ("-o", f"{BRIDGE}name=br0")
MTU = "com.docker.network.driver.mtu"
SETTINGS = (
    "net.ipv4.conf.br0.route_localnet net.ipv4.conf.br0.send_redirects "
    "net.ipv6.conf.br0.accept_ra net.ipv6.conf.br0.disable_ipv6"
)


def make_bridge(host: Host, *addresses: str, up: bool = True, more: str = "") -> None:
    """Somebody's br0 on *host*, with MTU 1400."""
    host.sh(f"ip link add br0 mtu 1400 type bridge {more}")
    if up:
        host.sh("ip link set br0 up")
    for address in addresses:
        host.sh(f"ip address add {address} dev br0 {'nodad' if ':' in address else ''}")


def bridge_state(host: Host) -> str:
    """All of br0 that a network may change: its link, its addresses and its kernel settings."""
    return host.sh(
        "ip -d -o link show br0 | grep -oE '<[^>]*UP[^>]*>|mtu [0-9]*|group [0-9a-z]*|link/ether [^ ]*'"
        "| sed 's/NO-CARRIER,//; s/,LOWER_UP//';"
        "ip -o address show dev br0 scope global | sed 's/  */ /g; s/^[0-9]*: //; s/[\\\\].*//';"
        f"ip -6 route show table local | grep '^local ::1 dev br0' || true; sysctl {SETTINGS}"
    ).out


def refusal(daemon: Daemon, *flags: str) -> str:
    """The sentence with which a network on br0 is refused."""
    refused = daemon.seaway("network", "create", *NAME, *flags, "n1", check=False)
    assert refused.code == 1
    return refused.err.strip().removeprefix("Error response from daemon: invalid network config:\n")


def config(daemon: Daemon) -> list[dict[str, object]]:
    """The subnets of n1, as inspect shows them."""
    shown = cast("dict[str, dict[str, list[dict[str, object]]]]", daemon.get("/networks/n1"))
    return shown["IPAM"]["Config"]


def test_a_bridge_with_an_address_gives_the_network_its_subnet_and_is_left_as_it_was(
    host: Host, daemon: Daemon
) -> None:
    make_bridge(host, "10.77.1.1/24", "fd77:1::1/64")
    before = bridge_state(host)

    daemon.seaway("network", "create", "--ipv6", *NAME, "n1")
    web = make_server(daemon, "web", "n1")
    daemon.seaway("publish", "web", "8080:80")

    assert [(c["Subnet"], c["Gateway"]) for c in config(daemon)] == [
        ("10.77.1.0/24", "10.77.1.1"),
        ("fd77:1::/64", "fd77:1::1"),
    ]
    assert answer(host.neighbour, "tcp", "192.0.2.1", 8080) == "web 192.0.2.2"
    assert answer(host.neighbour, "tcp", "2001:db8:0:1::1", 8080) == "web 2001:db8:0:1::2"
    assert answer(host, "tcp", "127.0.0.1", 8080) == "web 10.77.1.1"
    assert answer(host, "tcp", "::1", 8080) == "web fd77:1::1"
    assert "mtu 1400" in web.sh("ip link show eth0").out
    assert "mtu 1400" in host.sh("ip link show br0").out
    daemon.seaway("sandbox", "rm", "web")
    daemon.seaway("network", "rm", "n1")
    assert bridge_state(host) == before


def test_a_bare_bridge_that_is_down_gets_what_it_needs_and_is_left_bare_and_down(
    host: Host, daemon: Daemon
) -> None:
    make_bridge(host, up=False)
    before = bridge_state(host)
    subnets = ("--ipv6", "--subnet", "10.77.1.0/24", "--subnet", "fd77:1::/64")

    daemon.seaway("network", "create", *subnets, *NAME, "n1")
    make_server(daemon, "web", "n1")

    assert answer(host, "tcp", "10.77.1.2", 80) == "web 10.77.1.1"
    assert answer(host, "tcp", "fd77:1::2", 80) == "web fd77:1::1"
    daemon.seaway("sandbox", "rm", "web")
    daemon.seaway("network", "rm", "n1")
    assert bridge_state(host) == before


def test_another_gateway_is_added_and_the_hosts_own_address_is_given_to_nobody(
    host: Host, daemon: Daemon
) -> None:
    make_bridge(host, "10.77.1.2/24")
    subnet = ("--subnet", "10.77.1.0/24", "--gateway", "10.77.1.1")

    daemon.seaway("network", "create", *subnet, *NAME, "n1")
    make_server(daemon, "web", "n1")

    assert config(daemon)[0]["AuxiliaryAddresses"] == {"br0": "10.77.1.2"}
    assert answer(host, "tcp", "10.77.1.3", 80) == "web 10.77.1.2"
    daemon.seaway("sandbox", "rm", "web")
    daemon.seaway("network", "rm", "n1")
    addresses = host.sh("ip -o -4 address show dev br0").out
    assert "10.77.1.2/24" in addresses
    assert "10.77.1.1" not in addresses


def test_somebody_elses_router_on_the_bridge_is_the_gateway(host: Host, daemon: Daemon) -> None:
    make_bridge(host, "10.77.1.5/24")
    router = add_router(host)
    flags = ("-o", f"{BRIDGE}inhibit_ipv4=true", "--gateway", "10.77.1.1")

    done = daemon.seaway("network", "create", *flags, "--subnet", "10.77.1.0/24", *NAME, "n1")
    web = make_server(daemon, "web", "n1")

    assert "bridge br0 has ports already (trunk)" in done.err
    assert "10.77.1.1" not in host.sh("ip address show dev br0").out
    assert answer(web, "tcp", "203.0.113.1", 90) == "router 10.77.1.2"
    assert answer(router, "tcp", "10.77.1.2", 80) == "web 10.77.1.1"
    assert answer(host, "tcp", "10.77.1.2", 80) == "web 10.77.1.5"


def add_router(host: Host) -> Spot:
    """A router on br0, 10.77.1.1 and 203.0.113.1, which answers at port 90."""
    host.sh(
        "touch /run/router; unshare --net=/run/router true;"
        "ip link add trunk master br0 type veth peer name eth0 netns /run/router;"
        "ip link set trunk up"
    )
    spot = host.at("/run/router")
    spot.sh(
        "ip address add 10.77.1.1/24 dev eth0; ip link set eth0 up;"
        "ip link set lo up; ip address add 203.0.113.1/32 dev lo"
    )
    serve(spot, "router", 90)
    return spot


def test_a_network_on_an_adopted_bridge_grows_and_is_still_not_its_owner(
    host: Host, daemon: Daemon
) -> None:
    make_bridge(host, "10.77.1.1/24")
    before = bridge_state(host)
    daemon.seaway("network", "create", *NAME, "n1")
    web = make_server(daemon, "web", "n1")

    grow = ("--add-subnet", "fd77:1::/64", "--mtu", "1300", "--icc=false")
    daemon.seaway("network", "update", *grow, "n1")

    assert answer(host, "tcp", "fd77:1::2", 80) == "web fd77:1::1"
    assert "mtu 1300" in web.sh("ip link show eth0").out
    assert "mtu 1400" in host.sh("ip link show br0").out
    more = daemon.seaway("network", "update", "--mtu", "1401", "n1", check=False)
    assert "bridge br0 has 1400, and nobody on it can have more" in more.err
    daemon.kill()
    daemon.start()
    assert answer(host, "tcp", "10.77.1.2", 80) == "web 10.77.1.1"
    daemon.seaway("sandbox", "rm", "web")
    daemon.seaway("network", "rm", "n1")
    assert bridge_state(host) == before


# Refused


def test_a_link_that_is_no_bridge_is_refused(host: Host, daemon: Daemon) -> None:
    host.sh("ip link add br0 type veth peer name other")

    assert refusal(daemon) == (
        f"option {BRIDGE}name=br0: the host has a link of that name, and it is no bridge"
    )


def test_a_bridge_that_another_network_is_on_is_refused(host: Host, daemon: Daemon) -> None:
    make_bridge(host)
    daemon.seaway("network", "create", *NAME, "first")

    assert refusal(daemon) == f"option {BRIDGE}name=br0: network first is on it"


def test_a_bridge_by_which_the_host_itself_goes_out_is_refused(host: Host, daemon: Daemon) -> None:
    make_bridge(host, "10.77.1.1/24")
    host.sh("ip route replace default via 10.77.1.9 dev br0")

    assert refusal(daemon) == (
        f"option {BRIDGE}name=br0: the host's default route goes by it, and the network's rules would "
        "hold for all that the host forwards there; leave the option out for a bridge of the network's "
        "own, and publish ports or make it routed"
    )


def test_more_mtu_than_the_bridge_has_is_refused_and_less_is_the_sandboxes_alone(
    host: Host, daemon: Daemon
) -> None:
    make_bridge(host)
    mtu = "com.docker.network.driver.mtu"

    assert refusal(daemon, "-o", f"{mtu}=1500") == (
        f"option {mtu}=1500: bridge br0 has 1400, and nobody on it can have more"
    )
    daemon.seaway("network", "create", *NAME, "-o", f"{mtu}=1300", "n1")
    assert "mtu 1300" in make_sandbox(daemon, "web", "n1").sh("ip link show eth0").out


def test_an_isolated_network_is_refused_where_the_host_has_an_address(
    host: Host, daemon: Daemon
) -> None:
    make_bridge(host, "10.77.1.1/24")
    mode = f"{BRIDGE}gateway_mode_ipv4=isolated"

    assert refusal(daemon, "--internal", "-o", mode) == (
        f"option {mode}: the host has the address 10.77.1.1 on the bridge"
    )


def test_a_refused_network_leaves_the_bridge_as_it_was(host: Host, daemon: Daemon) -> None:
    make_bridge(host, "10.77.1.1/24")
    before = bridge_state(host)
    daemon.seaway("network", "create", "--subnet", "10.77.1.0/25", "first")

    assert "overlaps" in refusal(daemon)
    assert bridge_state(host) == before


# A daemon that ends


@pytest.fixture
def faulty(host: Host, tmp_path: Path) -> Iterator[Daemon]:
    """A daemon whose steps can be its last."""
    daemon = Daemon(host, tmp_path / "daemon.log", *OPTIONS)
    daemon.start()
    try:
        yield daemon
    finally:
        daemon.close()


CREATE = {
    "Name": "n1",
    "EnableIPv6": True,
    "Options": {f"{BRIDGE}name": "br0"},
    "IPAM": {"Config": [{"Subnet": "10.77.1.0/24"}, {"Subnet": "fd77:1::/64"}]},
}


def test_a_daemon_that_ends_while_it_adopts_or_leaves_deletes_nothing_and_forgets_nothing(
    host: Host, faulty: Daemon
) -> None:
    make_bridge(host)
    faulty.restart()  # from now on its settings are as on every link of a host that forwards
    before = bridge_state(host)
    faults = FaultFile(host)
    steps: set[str] = set()
    for verb in ("kill", "fail"):
        for method, path, body in (
            ("POST", "/networks/create", CREATE),
            ("DELETE", "/networks/n1", None),
        ):
            for number in range(100):
                make_ready(faulty, there=method == "DELETE")
                faults.arm(verb, number)
                end_at_step(faulty, method, path, body)
                reached = faults.disarm()
                steps |= set(reached)
                is_there = faulty.request("GET", "/networks/n1")[0] == 200
                assert (bridge_state(host) == before) is not is_there, (verb, method, number)
                if len(reached) <= number:
                    break
    make_ready(faulty, there=False)
    assert bridge_state(host) == before
    assert {"kernel.AdoptBridge", "kernel.ReleaseBridge", "store.commit"} <= steps


def make_ready(daemon: Daemon, *, there: bool) -> None:
    """Have network n1, or not."""
    is_there = daemon.request("GET", "/networks/n1")[0] == 200
    if there and not is_there:
        assert daemon.request("POST", "/networks/create", CREATE)[0] == 201
    if is_there and not there:
        assert daemon.request("DELETE", "/networks/n1")[0] == 204


def end_at_step(daemon: Daemon, method: str, path: str, body: object) -> None:
    """Ask, with whatever comes of it; a daemon that ended is started again."""
    try:
        daemon.request(method, path, body)
    except (OSError, IndexError):
        daemon.wait()
    FaultFile(daemon.host).disarm()
    if not daemon.is_running:
        daemon.start()


def test_without_its_records_a_daemon_deletes_no_bridge_of_somebody_else(
    host: Host, daemon: Daemon
) -> None:
    make_bridge(host, "10.77.1.1/24")
    daemon.seaway("network", "create", *NAME, "n1")

    daemon.kill()
    host.sh(f"rm -r {DATA_DIR}")
    daemon.start()

    assert "10.77.1.1/24" in host.sh("ip address show dev br0").out


def test_a_killed_daemon_finds_the_network_whole(host: Host, daemon: Daemon) -> None:
    make_bridge(host)
    before = bridge_state(host)
    daemon.seaway("network", "create", "--subnet", "10.77.1.0/24", *NAME, "n1")
    make_server(daemon, "web", "n1")

    daemon.kill()
    host.sh("ip address flush dev br0; ip link set br0 group 0; nft flush ruleset")
    daemon.start()

    assert answer(host, "tcp", "10.77.1.2", 80) == "web 10.77.1.1"
    assert "not whole" not in daemon.log
    daemon.seaway("sandbox", "rm", "web")
    daemon.seaway("network", "rm", "n1")
    assert bridge_state(host) == before


def test_a_network_on_it_changes_and_the_bridge_is_left_as_it_was(
    host: Host, daemon: Daemon
) -> None:
    make_bridge(host, "10.77.1.1/24")
    before = bridge_state(host)
    daemon.seaway("network", "create", *NAME, "n1")
    web = make_server(daemon, "web", "n1")
    cli = make_sandbox(daemon, "cli", "n1")

    daemon.seaway("network", "update", "--add-subnet", "fd77:1::/64", "--mtu", "1300", "n1")

    assert answer(cli, "tcp", "fd77:1::2", 80) == "web fd77:1::3"
    assert answer(host, "tcp", "fd77:1::2", 80) == "web fd77:1::1"
    assert "mtu 1300" in web.sh("ip link show eth0").out
    assert "mtu 1400" in host.sh("ip link show br0").out
    daemon.seaway("sandbox", "rm", "web")
    daemon.seaway("sandbox", "rm", "cli")
    daemon.seaway("network", "rm", "n1")
    assert bridge_state(host) == before


def test_a_daemon_that_ends_while_a_network_on_it_changes_leaves_all_or_nothing(
    host: Host, faulty: Daemon
) -> None:
    make_bridge(host, "10.77.1.1/24")
    before = bridge_state(host)
    faulty.seaway("network", "create", *NAME, "n1")
    change = {"AddSubnets": [{"Subnet": "fd77:1::/64"}], "Options": {MTU: "1300"}}
    web = make_sandbox(faulty, "web", "n1")
    old = (inside(web), host.sh("ip -o address show dev br0 scope global").out)

    tries = 0
    while tries < 40:
        FaultFile(host).arm("kill", tries)
        end_at_step(faulty, "POST", "/seaway/networks/n1/update", change)
        if "mtu 1300" in inside(web):
            break
        assert (inside(web), host.sh("ip -o address show dev br0 scope global").out) == old, tries
        tries += 1

    assert 5 < tries < 40
    assert "fd77:1::" in inside(web)
    faulty.seaway("sandbox", "rm", "web")
    faulty.seaway("network", "rm", "n1")
    assert bridge_state(host) == before


def inside(spot: Spot) -> str:
    """The MTU and the global addresses of eth0."""
    return spot.sh(
        "ip -o link show eth0 | grep -o 'mtu [0-9]*';"
        "ip -o address show dev eth0 scope global | sed 's/^[0-9]*: //'"
    ).out


# A bridge that vanishes


def test_a_bridge_that_vanishes_is_missed_and_used_again_when_it_is_back(
    host: Host, daemon: Daemon
) -> None:
    make_bridge(host, "10.77.1.1/24")
    daemon.seaway("network", "create", *NAME, "n1")
    web = make_server(daemon, "web", "n1")

    host.sh("ip link delete br0")
    assert (
        "network n1 is not whole: its bridge br0 is gone; when it is back it is used again at the next "
        "start" in daemon.seaway("status").out
    )
    daemon.kill()
    daemon.start()
    status = daemon.seaway("status").out
    assert "network n1 could not be made whole: " in status
    assert "there is no interface br0" in status
    assert open_ways((host, "tcp", "10.77.1.2", 80)) == []

    make_bridge(host, "10.77.1.1/24")
    daemon.restart()

    assert answer(host, "tcp", "10.77.1.2", 80) == "web 10.77.1.1"
    assert answer(web, "tcp", "10.77.1.2", 80) == "web 10.77.1.2"
    assert "not whole" not in daemon.seaway("status").out
    host.sh("ip link delete br0")
    daemon.seaway("sandbox", "rm", "web")
    daemon.seaway("network", "rm", "n1")


def test_purge_leaves_the_bridge_as_it_was(host: Host, daemon: Daemon) -> None:
    make_bridge(host)
    before = bridge_state(host)
    daemon.seaway("network", "create", "--subnet", "10.77.1.0/24", *NAME, "n1")
    make_sandbox(daemon, "web", "n1")

    daemon.seaway("purge", "-f")

    assert bridge_state(host) == before
