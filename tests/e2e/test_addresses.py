"""Addresses: asked for, given, refused and given again, in Docker's words."""

from __future__ import annotations

from ipaddress import IPv6Network
from typing import Any

import pytest

from bed.daemon import Daemon
from bed.fingerprint import at_rest, leaked
from bed.host import Host
from e2e.stage import bridge_of, make_ipv4_network, make_network, make_sandbox, pings, place, post


@pytest.fixture
def daemon(swept_daemon: Daemon) -> Daemon:
    """One for all tests of this file."""
    return swept_daemon


@pytest.fixture
def host(daemon: Daemon) -> Host:
    """The host of the daemon."""
    return daemon.host


def connect(daemon: Daemon, network: str, sandbox: str, **ipam: str) -> tuple[int, str]:
    """Status and message of a connect with fixed addresses."""
    config = {"IPAMConfig": ipam} if ipam else None
    body = {"Container": sandbox, "EndpointConfig": config}
    return post(daemon, f"/networks/{network}/connect", body)


def create(
    daemon: Daemon, name: str, *configs: dict[str, object], **more: object
) -> tuple[int, str]:
    """Status and message of a network's making."""
    body = {"Name": name, "IPAM": {"Config": [*configs]}, **more}
    return post(daemon, "/networks/create", body)


def subnets(daemon: Daemon, network: str) -> list[str]:
    """Its subnets, IPv4 first."""
    shown: Any = daemon.get(f"/networks/{network}")
    return [str(each["Subnet"]) for each in shown["IPAM"]["Config"]]


def test_asked_addresses_and_mac_are_given(daemon: Daemon) -> None:
    make_network(daemon, 1)

    box = make_sandbox(daemon, "box", "n1:ip=10.77.1.40,ip6=fd77:1::40,mac=02:00:00:00:00:40")

    seen = place(daemon, "box", "n1")
    assert seen["IPAddress"] == "10.77.1.40"
    assert seen["GlobalIPv6Address"] == "fd77:1::40"
    assert seen["MacAddress"] == "02:00:00:00:00:40"
    shown = box.sh("ip -o address show eth0; ip -o link show eth0").out
    assert "10.77.1.40/24" in shown
    assert "fd77:1::40/64" in shown
    assert "link/ether 02:00:00:00:00:40" in shown


def test_a_taken_address_is_refused_with_its_holder(host: Host, daemon: Daemon) -> None:
    make_network(daemon, 1)
    make_sandbox(daemon, "box", "n1:ip=10.77.1.40,ip6=fd77:1::40")
    make_sandbox(daemon, "other")
    before = at_rest(host)

    status, message = connect(daemon, "n1", "other", IPv4Address="10.77.1.40")
    assert status == 403
    assert message.startswith("Address already in use: 10.77.1.40 on network n1")
    assert "box" in message
    status, message = connect(daemon, "n1", "other", IPv6Address="fd77:1::40")
    assert status == 403
    assert message.startswith("Address already in use: fd77:1::40 on network n1")
    assert leaked(before, host) == ()


@pytest.mark.parametrize("address", ["10.99.0.5", "fd99::5"])
def test_an_address_outside_of_all_subnets_is_refused(daemon: Daemon, address: str) -> None:
    make_network(daemon, 1)
    make_sandbox(daemon, "box")
    family = "IPv6Address" if ":" in address else "IPv4Address"

    status, message = connect(daemon, "n1", "box", **{family: address})

    assert status == 400
    assert message.startswith(
        f"invalid endpoint settings:\nno configured subnet contains IP address {address}"
    )
    assert "10.77.1.0/24" in message


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("10.77.1.0", "network address"),
        ("10.77.1.255", "broadcast address"),
        ("fd77:1::", "anycast"),
    ],
)
def test_an_address_that_no_host_can_have_is_refused(
    daemon: Daemon, address: str, why: str
) -> None:
    make_network(daemon, 1)
    make_sandbox(daemon, "box")
    family = "IPv6Address" if ":" in address else "IPv4Address"

    status, message = connect(daemon, "n1", "box", **{family: address})

    assert status == 400
    assert why in message


def test_the_gateway_and_auxiliary_addresses_are_reserved(daemon: Daemon) -> None:
    status, _ = create(
        daemon,
        "n1",
        {
            "Subnet": "10.77.1.0/29",
            "Gateway": "10.77.1.3",
            "AuxiliaryAddresses": {"router": "10.77.1.2", "printer": "10.77.1.4"},
        },
    )
    assert status == 201
    make_sandbox(daemon, "box", "n1")
    make_sandbox(daemon, "other")

    assert place(daemon, "box", "n1")["IPAddress"] == "10.77.1.1"
    status, message = connect(daemon, "n1", "other", IPv4Address="10.77.1.3")
    assert (status, message.split(":")[0]) == (403, "Address already in use")
    assert "gateway" in message
    status, message = connect(daemon, "n1", "other", IPv4Address="10.77.1.4")
    assert (status, message.split(":")[0]) == (403, "Address already in use")
    assert "printer" in message
    make_sandbox(daemon, "third", "n1")
    assert place(daemon, "third", "n1")["IPAddress"] == "10.77.1.5"


def test_overlapping_subnets_are_refused_with_the_other_network(host: Host, daemon: Daemon) -> None:
    make_network(daemon, 1)
    before = at_rest(host)

    for subnet in ("10.77.1.0/24", "10.77.0.0/16", "10.77.1.128/25", "fd77:1::/48"):
        status, message = create(daemon, "n2", {"Subnet": subnet}, EnableIPv6=":" in subnet)
        assert status == 403, subnet
        assert message.startswith(
            "invalid pool request: Pool overlaps with other one on this address space"
        )
        assert "n1" in message
    assert leaked(before, host) == ()


def test_an_exhausted_network_says_what_is_used_up(host: Host, daemon: Daemon) -> None:
    daemon.seaway("network", "create", "--subnet", "10.77.1.0/29", "n1")
    for number in range(5):
        make_sandbox(daemon, f"box{number}", "n1")
    make_sandbox(daemon, "sixth")
    before = at_rest(host)

    status, message = connect(daemon, "n1", "sixth")

    assert status == 503
    assert message.startswith("no available IPv4 addresses on this network's address pools: n1 (")
    assert "10.77.1.0/29 is exhausted, 5 of 5 in use" in message
    assert leaked(before, host) == ()
    daemon.seaway("rm", "-f", "box2")
    assert connect(daemon, "n1", "sixth")[0] == 200
    assert place(daemon, "sixth", "n1")["IPAddress"] == "10.77.1.4"


def test_a_released_address_is_the_last_to_be_given_again(daemon: Daemon) -> None:
    daemon.seaway("network", "create", "--subnet", "10.77.1.0/29", "n1")
    make_sandbox(daemon, "first", "n1")
    make_sandbox(daemon, "second", "n1")
    daemon.seaway("rm", "-f", "second")
    daemon.seaway("rm", "-f", "first")

    given: list[object] = []
    for number in range(5):
        make_sandbox(daemon, f"box{number}", "n1")
        given.append(place(daemon, f"box{number}", "n1")["IPAddress"])
        if number == 1:
            daemon.restart()

    assert given == ["10.77.1.4", "10.77.1.5", "10.77.1.6", "10.77.1.3", "10.77.1.2"]


def test_a_stopped_sandbox_gets_its_address_back_while_it_is_free(daemon: Daemon) -> None:
    make_ipv4_network(daemon, 1)
    daemon.seaway("run", "-d", "--name", "job", "--network", "n1", "sleep", "600")
    assert place(daemon, "job", "n1")["IPAddress"] == "10.77.1.2"
    daemon.seaway("stop", "-t", "0", "job")
    make_sandbox(daemon, "box", "n1")
    assert place(daemon, "box", "n1")["IPAddress"] == "10.77.1.3"

    daemon.seaway("start", "job")

    assert place(daemon, "job", "n1")["IPAddress"] == "10.77.1.2"


def test_a_unique_local_subnet_is_made_up_where_none_is_given(daemon: Daemon) -> None:
    daemon.seaway("network", "create", "--ipv6", "n1")
    daemon.seaway("network", "create", "--ipv6", "n2")
    daemon.restart()
    daemon.seaway("network", "create", "--ipv6", "n3")

    made = [IPv6Network(subnets(daemon, name)[1]) for name in ("n1", "n2", "n3")]
    assert all(net.prefixlen == 64 and net.subnet_of(IPv6Network("fd00::/8")) for net in made)
    assert len(set(made)) == 3
    assert len({net.supernet(new_prefix=48) for net in made}) == 1
    box = make_sandbox(daemon, "box", "n1")
    assert f"{made[0].network_address + 2}/64" in box.sh("ip -o address show eth0").out


def test_a_network_may_have_ipv6_only(daemon: Daemon) -> None:
    daemon.seaway("network", "create", "--ipv4=false", "--ipv6", "--subnet", "fd77:6::/64", "n6")

    box = make_sandbox(daemon, "box", "n6")

    assert subnets(daemon, "n6") == ["fd77:6::/64"]
    assert "fd77:6::2/64" in box.sh("ip -o address show eth0").out
    assert box.sh("ip -4 -o address show eth0").out == ""


@pytest.mark.parametrize(
    "mac", ["01:00:5e:00:00:01", "00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "02:00:00:00:00", "x"]
)
def test_a_mac_address_that_no_interface_can_have_is_refused(daemon: Daemon, mac: str) -> None:
    make_network(daemon, 1)
    make_sandbox(daemon, "box")
    body = {"Container": "box", "EndpointConfig": {"MacAddress": mac}}

    status, message = post(daemon, "/networks/n1/connect", body)

    assert status == 400
    assert mac in message


def test_the_mac_address_of_the_bridge_is_refused_and_nothing_is_left_behind(
    host: Host, daemon: Daemon
) -> None:
    """With it a sandbox would take the gateway from all who are on the network."""
    make_network(daemon, 1)
    box = make_sandbox(daemon, "box", "n1")
    make_sandbox(daemon, "other")
    bridge = bridge_of(daemon, "n1")
    mac = host.sh(f"cat /sys/class/net/{bridge}/address").out.strip()
    before = at_rest(host)

    body = {"Container": "other", "EndpointConfig": {"MacAddress": mac}}
    status, message = post(daemon, "/networks/n1/connect", body)

    assert status == 409
    assert (
        message
        == f"mac address {mac} is in use on network n1 by its bridge {bridge}; ask for another"
    )
    assert leaked(before, host) == ()
    assert pings(box, "10.77.1.1")


def test_a_mac_address_is_unique_on_its_network_and_free_on_others(daemon: Daemon) -> None:
    make_network(daemon, 1)
    make_network(daemon, 2)
    make_sandbox(daemon, "box", "n1:mac=02:00:00:00:00:40")
    make_sandbox(daemon, "other")
    body = {"Container": "other", "EndpointConfig": {"MacAddress": "02:00:00:00:00:40"}}

    status, message = post(daemon, "/networks/n1/connect", body)
    assert status == 409
    assert "box" in message
    assert post(daemon, "/networks/n2/connect", body)[0] == 200
