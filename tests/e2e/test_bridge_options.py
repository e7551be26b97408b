"""Options of bridges beside the gateway modes, each shown by packets."""

from __future__ import annotations

import pytest

from bed.daemon import Daemon
from bed.host import Host
from bed.spot import Spot
from e2e.stage import (
    add_machine,
    answer,
    bridge_of,
    make_ipv4_network,
    make_network,
    make_sandbox,
    make_server,
    open_ways,
    place,
    route_subnets_by_host,
    serve,
)

BRIDGE = "com.docker.network.bridge."
NETWORK = "com.docker.network."


# The source of what leaves


@pytest.fixture
def daemon(swept_daemon: Daemon) -> Daemon:
    """One for all tests of this file."""
    return swept_daemon


@pytest.fixture
def host(daemon: Daemon) -> Host:
    """The host of the daemon."""
    return daemon.host


def test_what_leaves_has_the_address_that_the_network_names(host: Host, daemon: Daemon) -> None:
    host.sh(
        "ip address add 192.0.2.7/24 dev eth0; ip address add 2001:db8:0:1::7/64 dev eth0 nodad"
    )
    serve(host.neighbour, "lan", 90)
    sources = (f"{NETWORK}host_ipv4=192.0.2.7", f"{NETWORK}host_ipv6=2001:db8:0:1::7")
    make_network(daemon, 1, "-o", sources[0], "-o", sources[1])
    web = make_sandbox(daemon, "web", "n1")

    def seen() -> list[str]:
        lan = ("192.0.2.2", "2001:db8:0:1::2")
        return [answer(web, proto, to, 90) for to in lan for proto in ("tcp", "udp")]

    named = ["lan 192.0.2.7"] * 2 + ["lan 2001:db8:0:1::7"] * 2
    assert seen() == named
    daemon.kill()
    host.sh("nft flush ruleset")
    daemon.start()
    assert seen() == named
    assert "the host has no address" not in daemon.seaway("status").out


def test_an_address_that_the_host_has_not_got_is_told(daemon: Daemon) -> None:
    done = daemon.seaway("network", "create", "-o", f"{NETWORK}host_ipv4=192.0.2.99", "x")

    why = "the host has no address 192.0.2.99, with which packets of network x leave it"
    assert why in done.err
    assert why in daemon.seaway("status").out


def test_an_address_without_effect_is_told(daemon: Daemon) -> None:
    routed = ("-o", f"{BRIDGE}gateway_mode_ipv4=routed", "-o", f"{NETWORK}host_ipv4=192.0.2.1")
    done = daemon.seaway("network", "create", *routed, "x")

    why = "address 192.0.2.1 has no effect: packets leave network x with their own"
    assert why in done.err


# Trusted links


def test_a_trusted_link_reaches_published_ports_at_the_sandboxs_own_address(
    host: Host, daemon: Daemon
) -> None:
    trusted = add_machine(host, 2)
    route_subnets_by_host(host.neighbour)
    make_network(daemon, 1, "-o", f"{BRIDGE}trusted_host_interfaces=lan:lan2")
    web = make_server(daemon, "web", "n1")
    serve(web, "hidden", 81)
    daemon.seaway("publish", "web", "8080:80")

    assert answer(trusted, "tcp", "10.77.1.2", 80) == "web 198.51.100.2"
    assert answer(trusted, "tcp", "fd77:1::2", 80) == "web 2001:db8:0:2::2"
    assert answer(host.neighbour, "tcp", "192.0.2.1", 8080) == "web 192.0.2.2"
    assert (
        open_ways(
            (trusted, "tcp", "10.77.1.2", 81),
            (host.neighbour, "tcp", "10.77.1.2", 80),
            (host.neighbour, "tcp", "fd77:1::2", 80),
        )
        == []
    )
    daemon.seaway("unpublish", "web", "8080:80")
    assert open_ways((trusted, "tcp", "10.77.1.2", 80)) == []


# Somebody else is the gateway


def add_router(host: Host, bridge: str) -> Spot:
    """Somebody else's router on *bridge*, 10.77.1.1, which answers at port 90."""
    host.sh(
        "touch /run/router; unshare --net=/run/router true;"
        f"ip link add trunk master {bridge} type veth peer name eth0 netns /run/router;"
        "ip link set trunk up"
    )
    spot = host.at("/run/router")
    spot.sh("ip address add 10.77.1.1/24 dev eth0; ip link set eth0 up")
    serve(spot, "router", 90)
    return spot


def test_without_an_ipv4_address_of_the_bridge_another_is_the_gateway(
    host: Host, daemon: Daemon
) -> None:
    make_ipv4_network(daemon, 1, "-o", f"{BRIDGE}inhibit_ipv4=true")
    bridge = bridge_of(daemon, "n1")
    add_router(host, bridge)
    web = make_sandbox(daemon, "web", "n1")

    assert "inet " not in host.sh(f"ip address show dev {bridge}").out
    assert answer(web, "tcp", "10.77.1.1", 90) == "router 10.77.1.2"
    assert "default via 10.77.1.1" in web.sh("ip route").out
    daemon.seaway("publish", "web", "8080:80")
    assert answer(host.neighbour, "tcp", "192.0.2.1", 8080) == "refused"
    daemon.kill()
    daemon.start()
    assert answer(web, "tcp", "10.77.1.1", 90) == "router 10.77.1.2"


# Names of interfaces


def test_interfaces_inside_begin_as_the_network_says(daemon: Daemon) -> None:
    make_ipv4_network(daemon, 1, "-o", f"{NETWORK}container_iface_prefix=lan")
    make_ipv4_network(daemon, 2)
    web = make_sandbox(daemon, "web", "n1", "n2")
    own = make_sandbox(daemon, "own", "n1:ifname=mine")

    names = {line.split("@")[0] for line in web.sh("ip -br link").out.splitlines()}
    assert {"lan0", "eth0"} <= names
    assert any(line.startswith("mine@") for line in own.sh("ip -br link").out.splitlines())


# Settings of one interface

SYSCTLS = f"{NETWORK}endpoint.sysctls="


SHAPE = (
    "should be like net.ipv4.conf.IFNAME.log_martians=1, with the word IFNAME as it stands (ipv4, "
    "ipv6 or mpls; conf or neigh), and commas between several"
)


def setting(spot: Spot, name: str) -> str:
    """A kernel setting inside."""
    return spot.sh(f"sysctl -n {name}").out.strip()


def test_settings_of_an_interface_are_its_own_and_go_with_it(host: Host, daemon: Daemon) -> None:
    make_network(daemon, 1)
    make_ipv4_network(daemon, 2)
    web = make_sandbox(daemon, "web", "n2")
    wanted = "net.ipv4.conf.IFNAME.log_martians=1,net.ipv6.conf.IFNAME.accept_ra=0"

    daemon.seaway(
        "network", "connect", "--driver-opt", SYSCTLS + wanted, "--ifname", "in.1", "n1", "web"
    )

    assert setting(web, "net/ipv4/conf/in.1/log_martians") == "1"
    assert setting(web, "net/ipv6/conf/in.1/accept_ra") == "0"
    assert setting(web, "net.ipv4.conf.eth0.log_martians") == "0"
    assert host.sh("sysctl -n net.ipv4.conf.eth0.log_martians").out == "0\n"
    assert place(daemon, "web", "n1")["DriverOpts"] == {
        f"{NETWORK}endpoint.sysctls": wanted,
        f"{NETWORK}endpoint.ifname": "in.1",
    }
    end = end_of(daemon, host, "n1")
    daemon.kill()
    host.sh(f"ip link delete {end}")
    daemon.start()
    assert setting(web, "net/ipv4/conf/in.1/log_martians") == "1"
    daemon.seaway("network", "disconnect", "n1", "web")
    daemon.seaway("network", "connect", "--ifname", "in.1", "n1", "web")
    assert setting(web, "net/ipv4/conf/in.1/log_martians") == "0"


def end_of(daemon: Daemon, host: Host, network: str) -> str:
    """The host's end of the one link on *network*."""
    bridge = bridge_of(daemon, network)
    return host.sh(f"ls /sys/class/net/{bridge}/brif").out.strip()


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        (
            "net.ipv4.ip_forward=1",
            f"option {SYSCTLS[:-1]}: 'net.ipv4.ip_forward=1' {SHAPE}",
        ),
        (
            "net.ipv4.conf.IFNAME.log_martens=1",
            "this kernel has no setting net.ipv4.conf.IFNAME.log_martens=1",
        ),
        (
            "net.ipv4.conf.IFNAME.log_martians=yes",
            "the kernel refuses net.ipv4.conf.eth0.log_martians=yes: Invalid argument",
        ),
    ],
)
def test_a_setting_that_cannot_be_is_refused_and_leaves_nothing_behind(
    host: Host, daemon: Daemon, wanted: str, why: str
) -> None:
    make_ipv4_network(daemon, 1)
    web = make_sandbox(daemon, "web")
    before = host.sh("ls /sys/class/net").out

    refused = daemon.seaway(
        "network", "connect", "--driver-opt", SYSCTLS + wanted, "n1", "web", check=False
    )

    assert refused.code == 1
    assert refused.err.endswith(f"invalid endpoint settings:\n{why}\n")
    assert "eth0" not in web.sh("ip -br link").out
    assert host.sh("ls /sys/class/net").out == before


def test_a_sandbox_that_asks_for_an_unknown_setting_is_not_made(daemon: Daemon) -> None:
    make_ipv4_network(daemon, 1)
    where = f"n1:driver-opt={SYSCTLS}net.ipv4.conf.IFNAME.log_martens=1"

    for words in (["sandbox", "create"], ["run"]):
        command = ["true"] if words == ["run"] else []
        name = ["--name", "box"] if command else ["box"]
        refused = daemon.seaway(*words, "--network", where, *name, *command, check=False)
        assert refused.code != 0
        assert "this kernel has no setting net.ipv4.conf.IFNAME.log_martens=1" in refused.err
        assert daemon.request("GET", "/containers/box/json")[0] == 404


# Bad values


@pytest.mark.parametrize(
    ("option", "value", "why"),
    [
        (f"{BRIDGE}inhibit_ipv4", "perhaps", "it is true or false"),
        (
            f"{NETWORK}host_ipv4",
            "fd00::1",
            "it is an IPv4 address of the host that others can answer to",
        ),
        (
            f"{NETWORK}host_ipv6",
            "::1",
            "it is an IPv6 address of the host that others can answer to",
        ),
        (
            f"{NETWORK}container_iface_prefix",
            "eth1",
            "it is at most 11 characters and ends with no digit, since a number follows",
        ),
    ],
)
def test_a_value_that_cannot_be_is_refused_in_one_sentence(
    daemon: Daemon, option: str, value: str, why: str
) -> None:
    refused = daemon.seaway("network", "create", "-o", f"{option}={value}", "x", check=False)

    assert refused.code == 1
    assert refused.err.endswith(f"option {option}={value}: {why}\n")
    assert daemon.request("GET", "/networks/x")[0] == 404


def test_a_trusted_link_has_a_name_that_links_can_have(daemon: Daemon) -> None:
    option = f"{BRIDGE}trusted_host_interfaces=eth0:no/link"
    refused = daemon.seaway("network", "create", "-o", option, "x", check=False)

    assert refused.code == 1
    assert "invalid interface name 'no/link'" in refused.err
