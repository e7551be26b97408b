"""Networks of each driver: what their options do to links, and what is refused."""

from __future__ import annotations

import json

import pytest

from bed.daemon import Daemon
from bed.fingerprint import at_rest, leaked
from bed.host import Host
from bed.spot import Spot
from e2e.stage import (
    answer,
    bridge_of,
    make_ipv4_network,
    make_network,
    make_sandbox,
    make_server,
    pings,
    place,
    within,
)

MTU = "com.docker.network.driver.mtu"
BRIDGE_NAME = "com.docker.network.bridge.name"


@pytest.fixture
def daemon(swept_daemon: Daemon) -> Daemon:
    """One for all tests of this file."""
    return swept_daemon


@pytest.fixture
def host(daemon: Daemon) -> Host:
    """The host of the daemon."""
    return daemon.host


def mtu(spot: Spot, link: str) -> int:
    """The MTU of a link at *spot*."""
    found: list[dict[str, object]] = json.loads(spot.sh(f"ip -j link show dev {link}").out)
    return int(str(found[0]["mtu"]))


# bridge


def test_the_default_network_is_a_bridge_with_names_of_its_own(host: Host, daemon: Daemon) -> None:
    daemon.seaway("run", "-d", "--name", "web", "sleep", "60")
    web = daemon.sandbox("web")
    daemon.seaway("run", "-d", "--name", "other", "sleep", "60")

    assert place(daemon, "web", "bridge")["IPAddress"] == "172.17.0.2"
    assert "seaway0" in host.sh("ip -br link show type bridge").out
    assert pings(daemon.sandbox("other"), "172.17.0.2")
    assert pings(web, "172.17.0.1")


def test_no_link_of_ours_is_called_as_those_of_other_engines(host: Host, daemon: Daemon) -> None:
    make_network(daemon, 1)
    make_sandbox(daemon, "web", "n1")

    links = {line.split()[0].split("@")[0] for line in host.sh("ip -br link").out.splitlines()}

    assert {link[:3] for link in links - {"lo", "eth0", "seaway0"}} == {"sw-", "sv-"}


def test_a_bridge_is_called_as_asked(host: Host, daemon: Daemon) -> None:
    make_network(daemon, 1, "-o", f"{BRIDGE_NAME}=lan-front")
    web = make_sandbox(daemon, "web", "n1")

    assert "10.77.1.1/24" in host.sh("ip -br address show lan-front").out
    assert pings(web, "10.77.1.1")


def test_a_bridge_that_is_called_as_asked_is_no_route_of_the_hosts(daemon: Daemon) -> None:
    make_network(daemon, 1, "-o", f"{BRIDGE_NAME}=lan-front")
    make_sandbox(daemon, "web", "n1")

    assert "WARNING" not in daemon.seaway("status").out


FOREIGN = ("docker0", "br-0123456789ab", "eth0", "veth1")
IMPOSSIBLE = ("a/b", "sixteen-letters-", "", "..", "x y", "a\nb")


def test_a_bridge_gets_no_name_that_is_anothers_or_none_at_all(host: Host, daemon: Daemon) -> None:
    before = at_rest(host, daemon)

    said = {name: refusal(daemon, "-o", f"{BRIDGE_NAME}={name}") for name in FOREIGN + IMPOSSIBLE}

    assert [
        n for n in FOREIGN if f"option {BRIDGE_NAME}={n}: such names belong to" not in said[n]
    ] == []
    assert [n for n in IMPOSSIBLE if not said[n].startswith("Error response from daemon: ")] == []
    assert leaked(before, host, daemon) == ()


def refusal(daemon: Daemon, *flags: str) -> str:
    """What is said of a network that cannot be made; empty when it is made."""
    said = daemon.seaway("network", "create", *flags, "n1", check=False)
    return said.err if said.code == 1 else ""


@pytest.mark.parametrize("versions", [(4,), (6,), (4, 6)], ids=["ipv4", "ipv6", "dual"])
def test_a_network_has_the_families_it_was_asked_for(
    host: Host, daemon: Daemon, versions: tuple[int, ...]
) -> None:
    flags = [*([] if 4 in versions else ["--ipv4=false"]), *(["--ipv6"] if 6 in versions else [])]
    daemon.seaway("network", "create", *flags, "n1")
    web = make_server(daemon, "web", "n1")
    found = place(daemon, "web", "n1")

    assert bool(found["IPAddress"]) is (4 in versions)
    assert bool(found["GlobalIPv6Address"]) is (6 in versions)
    assert bool(web.sh("ip -4 address show dev eth0").out) is (4 in versions)
    assert bool(web.sh("ip -6 address show dev eth0").out) is (6 in versions)
    for key in ("IPAddress", "GlobalIPv6Address"):
        if found[key]:
            assert answer(host, "tcp", str(found[key]), 80).startswith("web ")


def test_a_network_gives_out_addresses_of_its_range_only(daemon: Daemon) -> None:
    make_network(
        daemon, 1, "--ip-range", "10.77.1.128/30", "--gateway", "10.77.1.254",
        "--aux-address", "router=10.77.1.129",
    )  # fmt: skip

    addresses: list[object] = []
    for name in ("aa", "bb", "cc"):
        make_sandbox(daemon, name, "n1")
        addresses.append(place(daemon, name, "n1")["IPAddress"])
    late = daemon.seaway("sandbox", "create", "--network", "n1", "dd", check=False)

    assert addresses == ["10.77.1.128", "10.77.1.130", "10.77.1.131"]
    assert place(daemon, "aa", "n1")["Gateway"] == "10.77.1.254"
    assert "10.77.1.128/30 is exhausted, 3 of 3 in use" in late.err


# MTU


def test_fr_41_every_link_of_a_network_has_the_mtu_that_was_asked_for(
    host: Host, daemon: Daemon
) -> None:
    make_network(daemon, 1, "-o", f"{MTU}=1400")
    make_ipv4_network(daemon, 2, "-o", f"{MTU}=9000")
    assert mtu(host, bridge_of(daemon, "n1")) == 1400

    web = make_sandbox(daemon, "web", "n1", "n2")

    ends = [
        line.split()[0].split("@")[0]
        for line in host.sh("ip -br link show type veth").out.splitlines()
    ]
    assert sorted(mtu(host, end) for end in ends if end.startswith("sv-")) == [1400, 9000]
    assert mtu(web, "eth0") == 1400
    assert mtu(web, "eth1") == 9000
    assert mtu(host, bridge_of(daemon, "n1")) == 1400
    assert mtu(host, bridge_of(daemon, "n2")) == 9000


def test_fr_41_an_impossible_mtu_is_refused(host: Host, daemon: Daemon) -> None:
    before = at_rest(host, daemon)
    values = ("0", "-1", "67", "70000", "abc", "1400.5", "\uff11\uff14\uff10\uff10")

    said = {value: refusal(daemon, "-o", f"{MTU}={value}") for value in values}

    text = "option {}={}: an MTU is a number of bytes from 68 to 65535"
    assert [v for v in values if text.format(MTU, v) not in said[v]] == []
    assert leaked(before, host, daemon) == ()


def test_fr_41_a_network_with_ipv6_refuses_an_mtu_below_1280(daemon: Daemon) -> None:
    said = daemon.seaway("network", "create", "--ipv6", "-o", f"{MTU}=1279", "n1", check=False)

    assert "from 1280 (IPv6 needs that much) to 65535" in said.err
    daemon.seaway("network", "create", "--ipv6", "-o", f"{MTU}=1280", "n1")
    daemon.seaway("network", "create", "-o", f"{MTU}=68", "n2")


def test_the_mtu_is_that_of_the_hosts_default_route(host: Host, daemon: Daemon) -> None:
    host.sh("ip link set eth0 mtu 1420")

    make_network(daemon, 1)
    web = make_sandbox(daemon, "web", "n1")

    assert mtu(host, bridge_of(daemon, "n1")) == 1420
    assert mtu(web, "eth0") == 1420


# host and none


def test_a_sandbox_on_the_host_network_has_the_hosts_ports(host: Host, daemon: Daemon) -> None:
    said = daemon.seaway("run", "--rm", "--network", "host", "ip", "-br", "address", "show", "eth0")

    assert "192.0.2.1/24" in said.out


def test_a_sandbox_on_the_host_network_serves_at_the_hosts_address(
    host: Host, daemon: Daemon
) -> None:
    code = (
        "import socket; s = socket.create_server(('', 8090)); c, _ = s.accept();"
        "c.sendall(b'from the host network\\n')"
    )
    daemon.seaway("run", "-d", "--network", "host", "--name", "web", "python3", "-c", code)

    def reached() -> bool:
        found = answer(host.neighbour, "tcp", "192.0.2.1", 8090)
        return found == "from the host network"

    assert within(5, reached)


def test_a_sandbox_on_no_network_has_loopback_alone(daemon: Daemon) -> None:
    said = daemon.seaway("run", "--rm", "--network", "none", "ip", "-br", "address")

    assert said.out.split() == ["lo", "UNKNOWN", "127.0.0.1/8", "::1/128"]


@pytest.mark.parametrize("name", ["host", "none"])
def test_host_and_none_cannot_be_connected_or_made_again(daemon: Daemon, name: str) -> None:
    make_network(daemon, 1)
    make_sandbox(daemon, "web", "n1")
    driver = {"host": "host", "none": "null"}[name]

    connect = daemon.seaway("network", "connect", name, "web", check=False)
    create = daemon.seaway("network", "create", "-d", driver, "more", check=False)
    remove = daemon.seaway("network", "rm", name, check=False)

    assert connect.code == create.code == remove.code == 1
    assert f'only one instance of "{driver}" network is allowed' in create.err
    assert f"{name} is a pre-defined network and cannot be removed" in remove.err


# Nonsense


def _config(subnet: str, **more: object) -> dict[str, object]:
    return {"Subnet": subnet, **more}


NONSENSE = {
    "host bits": ([_config("10.77.55.7/24")], ("10.77.55.7/24", "10.77.55.0/24")),
    "host bits, ipv6": ([_config("fd77:55::7/64")], ("fd77:55::7/64", "fd77:55::/64")),
    "one address": ([_config("10.77.55.0/32")], ("10.77.55.0/32",)),
    "everything": ([_config("0.0.0.0/0")], ("0.0.0.0/0",)),
    "multicast": ([_config("224.0.0.0/24")], ("224.0.0.0/24",)),
    "loopback": ([_config("127.0.0.0/8")], ("127.0.0.0/8",)),
    "gateway of the other family": (
        [_config("10.77.55.0/24", Gateway="fd00::1")],
        ("fd00::1", "10.77.55.0/24"),
    ),
    "gateway outside": ([_config("10.77.55.0/24", Gateway="10.99.0.1")], ("10.99.0.1",)),
    "gateway is the network": ([_config("10.77.55.0/24", Gateway="10.77.55.0")], ("10.77.55.0",)),
    "gateway is the broadcast": (
        [_config("10.77.55.0/24", Gateway="10.77.55.255")],
        ("10.77.55.255",),
    ),
    "range outside": ([_config("10.77.55.0/24", IPRange="10.99.0.0/24")], ("10.99.0.0/24",)),
    "overlapping": ([_config("10.77.55.0/24"), _config("10.77.0.0/16")], ("10.77.0.0/16",)),
    "link-local": ([_config("fe80::/64")], ("fe80::/64",)),
    "no prefix at all": ([_config("ten")], ("ten",)),
    "one more than there are": ([_config("10.77.55.0/33")], ("10.77.55.0/33",)),
}


def test_fr_55_a_nonsense_network_is_refused_by_field_and_value(host: Host, daemon: Daemon) -> None:
    before = at_rest(host, daemon)

    said = {case: created(daemon, subnets) for case, (subnets, _) in NONSENSE.items()}

    assert [case for case in NONSENSE if not 400 <= said[case][0] < 500] == []
    assert [
        (case, value)
        for case, (_, values) in NONSENSE.items()
        for value in values
        if value not in said[case][1]
    ] == []
    assert leaked(before, host, daemon) == ()


def created(daemon: Daemon, subnets: list[dict[str, object]]) -> tuple[int, str]:
    """The API's status and message when a network with *subnets* is made."""
    body = {"Name": "n55", "EnableIPv6": True, "IPAM": {"Config": subnets}}
    status, answered = daemon.request("POST", "/networks/create", body)
    return status, str(json.loads(answered).get("message"))


def test_fr_55_a_sandbox_cannot_ask_for_an_address_that_nobody_can_have(
    host: Host, daemon: Daemon
) -> None:
    daemon.seaway("network", "create", "--subnet", "10.77.55.0/24", "n55")
    before = at_rest(host, daemon)

    for address in ("10.77.55.1", "10.77.55.0", "10.77.55.255", "10.77.56.9"):
        settings = {"IPAMConfig": {"IPv4Address": address}}
        body = {"Name": "web", "NetworkingConfig": {"EndpointsConfig": {"n55": settings}}}
        status, answered = daemon.request("POST", "/seaway/sandboxes", body)

        assert 400 <= status < 500
        assert address in str(json.loads(answered)["message"])
    assert daemon.seaway("sandbox", "ls", "-q").out == ""
    assert leaked(before, host, daemon) == ()


def test_fr_55_a_subnet_of_two_addresses_is_refused_as_too_small(daemon: Daemon) -> None:
    assert refusal(daemon, "--subnet", "10.77.55.0/31") == (
        "Error response from daemon: invalid network config:\ninvalid subnet 10.77.55.0/31: "
        "it has no room for a gateway and an endpoint; /30 is the smallest\n"
    )
