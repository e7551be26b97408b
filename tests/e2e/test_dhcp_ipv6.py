"""IPv6 as the LAN gives it: router advertisements and DHCPv6 of dnsmasq on the neighbour, with packets."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from ipaddress import IPv6Address, IPv6Network
from typing import cast

import pytest

from bed.daemon import Daemon
from bed.fingerprint import at_rest, leaked
from bed.host import Host
from bed.pulse import Pulse
from bed.spot import Spot
from e2e.lan import add_ext0, lose_ext0, make_lan
from e2e.resolving import resolve
from e2e.stage import make_sandbox, make_server, pings, place, within

CREATE = ("network", "create", "-d", "macvlan", "-o", "parent=eth0", "--ipam-driver", "dhcp")
IPV6 = (*CREATE, "--ipv6", "--ipv4=false")
PREFIX = IPv6Network("2001:db8:0:1::/64")
STATELESS = "--dhcp-range=::,constructor:{},slaac,64,2m"
STATEFUL = "--dhcp-range=::100,::1ff,constructor:{},64,2m"
LEASES = "/run/leases6"
SOON = 8
"""Seconds in which an advertisement is answered with an address: two, on a machine that is not busy."""


def advertise(machine: Spot, *options: str, link: str = "eth0") -> None:
    """Be the router of the LAN behind *link*; one that forwards nothing would be believed no router."""
    machine.sh("sysctl -qw net.ipv6.conf.all.forwarding=1")
    machine.popen(
        [
            *("dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0"),
            *(f"--interface={link}", "--bind-interfaces", "--enable-ra", "--no-ping"),
            *(f"--ra-param={link},4,60", f"--dhcp-leasefile={LEASES}", "--user=root"),
            *(f"--pid-file=/run/dnsmasq6-{link}", *(o.format(link) for o in options)),
        ]
    )


@pytest.fixture
def lan(host: Host) -> Host:
    """A host on a LAN whose router advertises a prefix; the host itself takes nothing of it."""
    host.sh("sysctl -qw net.ipv6.conf.eth0.accept_ra=0")
    advertise(host.neighbour, STATELESS)
    return host


def shown(daemon: Daemon, sandbox: str, network: str = "lan") -> str:
    """The IPv6 address that a sandbox is shown with."""
    return str(place(daemon, sandbox, network)["GlobalIPv6Address"])


def comes(asked: Callable[[], str]) -> str:
    """The address that is shown, when it is."""
    assert within(SOON, lambda: bool(asked()))
    return asked()


def member(daemon: Daemon) -> Mapping[str, object]:
    """The only endpoint of the network, as ``network inspect`` shows it."""
    found = json.loads(daemon.seaway("network", "inspect", "lan").out)[0]
    (one,) = cast("dict[str, dict[str, object]]", found["Containers"]).values()
    return one


def test_a_sandbox_has_the_address_and_the_route_that_the_router_advertises(
    lan: Host, daemon: Daemon
) -> None:
    daemon.seaway(*IPV6, "lan")
    empty = at_rest(lan)

    one, two = make_server(daemon, "one", "lan"), make_sandbox(daemon, "two", "lan")
    at = comes(lambda: shown(daemon, "one"))

    assert IPv6Address(at) in PREFIX
    assert at in one.sh("ip -6 address show dev eth0").out
    assert "default via fe80::" in one.sh("ip -6 route").out
    assert lan.neighbour.ask("tcp", at, 80).startswith("one 2001:db8:0:1:")
    assert within(SOON, lambda: pings(two, at))
    assert resolve(two, "one", "AAAA") == [at]
    network = json.loads(daemon.seaway("network", "inspect", "lan").out)[0]
    assert (network["EnableIPv4"], network["EnableIPv6"]) == (False, True)
    assert {m["Name"]: m["IPv6Address"] for m in network["Containers"].values()}[
        "one"
    ] == f"{at}/64"

    daemon.seaway("sandbox", "rm", "--force", "one", "two")
    assert leaked(empty, lan) == ()


def test_a_dhcpv6_server_lends_an_address_and_has_it_back(host: Host, daemon: Daemon) -> None:
    host.sh("sysctl -qw net.ipv6.conf.eth0.accept_ra=0")
    advertise(host.neighbour, STATEFUL)
    daemon.seaway(*IPV6, "lan")
    leases = host.path(LEASES)

    one = make_server(daemon, "one", "lan")
    at = comes(lambda: shown(daemon, "one"))

    assert PREFIX[0x100] <= IPv6Address(at) <= PREFIX[0x1FF]
    assert at in leases.read_text()
    assert host.neighbour.ask("tcp", at, 80).startswith("one 2001:db8:0:1:")
    assert within(SOON, lambda: "default via fe80::" in one.sh("ip -6 route").out)
    lent = cast("dict[str, object]", member(daemon)["Lease6"])
    assert lent["Addresses"] == [f"{at}/128"]

    daemon.seaway("sandbox", "rm", "--force", "one")
    assert within(3, lambda: at not in leases.read_text())


def test_both_families_come_from_the_lan(lan: Host, daemon: Daemon) -> None:
    options = ("--dhcp-range=192.0.2.100,192.0.2.150,120", "--dhcp-option=3,192.0.2.2")
    lan.hush()
    advertise(lan.neighbour, STATELESS, *options, "--dhcp-authoritative")
    daemon.seaway(*CREATE, "--ipv6", "lan")

    daemon.seaway("run", "-d", "--name", "one", "--network", "lan", "sleep", "60")
    at = comes(lambda: shown(daemon, "one"))

    assert str(place(daemon, "one", "lan")["IPAddress"]).startswith("192.0.2.1")
    assert within(3, lambda: at in daemon.seaway("exec", "one", "cat", "/etc/hosts").out)
    assert pings(lan.neighbour, at)


def test_addresses_outlive_the_daemon_and_are_followed_again(lan: Host, daemon: Daemon) -> None:
    daemon.seaway(*IPV6, "lan")
    one = make_server(daemon, "one", "lan")
    at = comes(lambda: shown(daemon, "one"))
    link = one.sh("ip -o link show eth0").out
    pulse = Pulse(lan.neighbour, at, 80)

    daemon.kill()
    daemon.start()

    assert shown(daemon, "one") == at
    assert pulse.stop() == 0
    assert one.sh("ip -o link show eth0").out == link
    one.sh(f"ip -6 address delete {at}/64 dev eth0")
    assert within(3, lambda: shown(daemon, "one") != at)


def test_a_parent_that_returns_brings_the_addresses_back(host: Host, daemon: Daemon) -> None:
    advertise(add_ext0(host), STATELESS, link="ext0")
    daemon.seaway(*IPV6, "-o", "parent=ext0", "lan")
    make_sandbox(daemon, "one", "lan")
    at = comes(lambda: shown(daemon, "one"))
    assert IPv6Address(at) in IPv6Network("2001:db8:0:2::/64")

    lose_ext0(host)
    assert within(3, lambda: shown(daemon, "one") == "")
    advertise(add_ext0(host), STATELESS, link="ext0")

    assert comes(lambda: shown(daemon, "one")) == at


@pytest.mark.parametrize(
    ("priority", "way"), [(1, "dev eth1"), (-1, "dev eth0")], ids=["the bridge", "the LAN"]
)
def test_the_default_route_is_of_the_network_with_the_higher_priority(
    lan: Host, daemon: Daemon, priority: int, way: str
) -> None:
    daemon.seaway(*IPV6, "lan")
    daemon.seaway("network", "create", "--ipv6", "--subnet", "fd77::/64", "web")
    one = make_sandbox(daemon, "one", "lan", f"web:gw-priority={priority}")
    comes(lambda: shown(daemon, "one"))

    assert "proto ra" in one.sh("ip -6 route show default").out
    assert way in one.sh("ip -6 route get 2001:db8:9::1").out
    daemon.restart()
    assert way in one.sh("ip -6 route get 2001:db8:9::1").out
    daemon.seaway("network", "disconnect", "web", "one")
    assert "dev eth0" in one.sh("ip -6 route get 2001:db8:9::1").out


def test_routers_mean_nothing_where_ipv6_is_not_theirs_to_give(lan: Host, daemon: Daemon) -> None:
    subnet = ("--subnet", "198.51.100.0/24")
    daemon.seaway("network", "create", "-d", "macvlan", "-o", "parent=eth0", *subnet, "four")
    make_lan(daemon, "static")
    daemon.seaway(*IPV6, "lan")
    four, static = make_sandbox(daemon, "one", "four"), make_sandbox(daemon, "two", "static")

    make_sandbox(daemon, "three", "lan")
    comes(lambda: shown(daemon, "three"))  # the router has spoken, to all

    for spot in (four, static):
        assert spot.sh("ip -6 address show dev eth0 dynamic").out == ""
        assert spot.sh("ip -6 route show proto ra").out == ""
    assert four.sh("ip -6 address show dev eth0").out == ""
