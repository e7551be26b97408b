"""Bridge networks with an uplink: an interface of the host as a port, with packets.

Behind ext0 is the LAN 198.51.100.0/24 and 2001:db8:0:2::/64 with one machine, .2 and ::2; the host is
.1 and ::1 by the network, and sandboxes get .128 and ::80, .129 and ::81. VLANs are in tests/vm.
"""

from __future__ import annotations

import json

import pytest

from bed.daemon import Daemon
from bed.fingerprint import at_rest, leaked
from bed.host import Host
from bed.spot import Spot
from e2e.lan import add_ext0, refused
from e2e.stage import answer, make_sandbox, make_server, pings, place, within

MTU = "com.docker.network.driver.mtu"
NAME = "com.docker.network.bridge.name"
FOUR = ("--subnet", "198.51.100.0/24", "--ip-range", "198.51.100.128/26")
SIX = ("--ipv6", "--subnet", "2001:db8:0:2::/64", "--ip-range", "2001:db8:0:2::80/121")


@pytest.fixture
def machine(host: Host) -> Spot:
    """The machine behind ext0, of which the host has no address, and which is down."""
    machine = add_ext0(host)
    host.sh("ip address flush dev ext0; ip link set ext0 down")
    return machine


def make_lan(daemon: Daemon, *flags: str) -> None:
    """The network "lan" with the uplink ext0."""
    daemon.seaway("network", "create", "-o", "seaway.uplink=ext0", *FOUR, *SIX, *flags, "lan")


def ext0(host: Host) -> tuple[str | None, bool, int]:
    """The bridge that ext0 is a port of, whether it is up, and how often it hears everything."""
    (link,) = json.loads(host.sh("ip -j -d link show ext0").out)
    return link.get("master"), "UP" in link["flags"], link["promiscuity"]


def test_sandboxes_and_machines_behind_an_uplink_are_on_one_network(
    host: Host, daemon: Daemon, machine: Spot
) -> None:
    make_lan(daemon)
    one = make_server(daemon, "one", "lan")
    daemon.seaway("publish", "one", "8080:80")

    for address in ("198.51.100.2", "2001:db8:0:2::2", "198.51.100.1", "192.0.2.2"):
        assert pings(one, address), address
    assert answer(machine, "tcp", "198.51.100.128", 80) == "one 198.51.100.2"
    assert answer(machine, "tcp", "2001:db8:0:2::80", 80) == "one 2001:db8:0:2::2"
    assert answer(machine, "tcp", "198.51.100.1", 8080) == "one 198.51.100.1"
    assert answer(host.neighbour, "tcp", "192.0.2.1", 8080) == "one 192.0.2.2"
    assert one.sh("cat /proc/sys/net/ipv6/conf/eth0/accept_ra").out == "0\n"
    mac = str(place(daemon, "one", "lan")["MacAddress"])
    assert mac in machine.sh("ip neigh show 198.51.100.128").out


def test_who_is_behind_the_uplink_reaches_the_outside_by_the_host_as_sandboxes_do(
    host: Host, daemon: Daemon, machine: Spot
) -> None:
    make_lan(daemon)
    machine.sh("ip route add default via 198.51.100.1")

    assert within(5, lambda: pings(machine, "192.0.2.2"))


def test_another_gateway_behind_the_uplink_is_the_way_out(
    host: Host, daemon: Daemon, machine: Spot
) -> None:
    machine.sh("ip address add 203.0.113.1/32 dev lo")
    flags = ("--gateway", "198.51.100.2", "-o", "com.docker.network.bridge.inhibit_ipv4=true")

    daemon.seaway("network", "create", "-o", "seaway.uplink=ext0", *FOUR, *flags, "lan")
    one = make_sandbox(daemon, "one", "lan")

    assert pings(one, "203.0.113.1")


def test_the_uplink_is_left_as_it_was(host: Host, daemon: Daemon, machine: Spot) -> None:
    before = at_rest(host)

    make_lan(daemon)
    bridge, is_up, _ = ext0(host)
    assert (bridge is not None, is_up) == (True, True)
    make_sandbox(daemon, "one", "lan")
    daemon.seaway("sandbox", "rm", "one")
    daemon.seaway("network", "rm", "lan")

    assert ext0(host) == (None, False, 0)
    assert leaked(before, host) == ()


def test_an_uplink_that_was_up_stays_up(host: Host, daemon: Daemon, machine: Spot) -> None:
    host.sh("ip link set ext0 up")
    make_lan(daemon)

    daemon.seaway("network", "rm", "lan")

    assert ext0(host) == (None, True, 0)


def test_the_networks_mtu_is_that_of_its_uplink_and_stays(
    host: Host, daemon: Daemon, machine: Spot
) -> None:
    host.sh("ip link set ext0 mtu 1400")
    sentence = refused(
        daemon, "network", "create", "-o", "seaway.uplink=ext0", "-o", f"{MTU}=1500", "big"
    )
    assert "interface ext0 has 1400, and nobody on it can have more" in sentence

    make_lan(daemon, "-o", f"{MTU}=1300")
    bridge, _, _ = ext0(host)
    assert "mtu 1300" in host.sh(f"ip link show {bridge}").out
    daemon.seaway("network", "rm", "lan")
    make_lan(daemon)
    assert "mtu 1400" in make_sandbox(daemon, "one", "lan").sh("ip link show eth0").out


def test_an_interface_that_the_host_needs_is_refused_with_the_way_round(
    host: Host, daemon: Daemon, machine: Spot
) -> None:
    sentence = refused(daemon, "network", "create", "-o", "seaway.uplink=eth0", "lan")
    assert "the host has 192.0.2.1 and 2001:db8:0:1::1 on it, and a bridge takes all" in sentence
    assert f"and name that by {NAME}; or use a macvlan network, parent=eth0" in sentence

    host.sh("ip link add br7 type bridge; ip link set ext0 master br7")
    sentence = refused(daemon, "network", "create", "-o", "seaway.uplink=ext0", "lan")
    assert f"it is part of bridge br7 already: name that, {NAME}=br7" in sentence


def test_an_uplink_and_a_parent_are_never_one_interface(
    host: Host, daemon: Daemon, machine: Spot
) -> None:
    on_ext0 = ("-d", "macvlan", "-o", "parent=ext0", "--subnet", "10.9.0.0/24")
    daemon.seaway("network", "create", *on_ext0, "mac")
    sentence = refused(daemon, "network", "create", "-o", "seaway.uplink=ext0", "lan")
    assert "network mac is on it (macvlan), and it cannot be part of a bridge as well" in sentence
    daemon.seaway("network", "rm", "mac")

    make_lan(daemon)
    sentence = refused(daemon, "network", "create", *on_ext0, "mac")
    assert "it is the uplink of network lan; name another interface" in sentence


def test_where_the_kernel_keeps_no_vlans_apart_a_vlan_is_refused_and_nothing_is_left(
    host: Host, daemon: Daemon, machine: Spot
) -> None:
    before = at_rest(host)
    flags = ("-o", "seaway.uplink=ext0", "-o", "seaway.vlan=50")
    done = daemon.seaway("network", "create", *flags, "lan", check=False)
    if done.code == 0:
        pytest.skip("this kernel keeps VLANs apart")

    assert "bridges of this kernel keep no VLANs apart" in done.err
    assert leaked(before, host) == ()


@pytest.mark.parametrize("running", [True, False], ids=["running", "killed"])
def test_an_uplink_goes_and_returns(
    host: Host, daemon: Daemon, machine: Spot, running: bool
) -> None:
    make_lan(daemon)
    one = make_server(daemon, "one", "lan")
    two = make_sandbox(daemon, "two", "lan")

    if not running:
        daemon.kill()
    host.sh("ip link delete ext0; umount /run/ext0; rm /run/ext0")
    if not running:
        daemon.start()
    assert answer(two, "tcp", "198.51.100.128", 80) == "one 198.51.100.129"
    assert "network lan waits for its uplink ext0" in daemon.seaway("status").out
    machine = add_ext0(host)
    host.sh("ip address flush dev ext0")

    assert within(5, lambda: pings(machine, "198.51.100.128"))
    assert within(5, lambda: pings(one, "2001:db8:0:2::2"))
    assert "uplink" not in daemon.seaway("status").out


def test_an_uplink_that_somebody_takes_off_the_bridge_joins_it_again(
    host: Host, daemon: Daemon, machine: Spot
) -> None:
    make_lan(daemon)
    make_sandbox(daemon, "one", "lan")
    bridge, _, _ = ext0(host)

    host.sh("ip link set ext0 nomaster")
    assert within(5, lambda: ext0(host)[0] == bridge)
    assert within(5, lambda: pings(machine, "198.51.100.128"))

    host.sh("ip link add br7 type bridge; ip link set ext0 master br7")
    told = "network lan could not be made whole: the kernel refused JoinUplink: ext0 is part of another"
    assert within(5, lambda: told in daemon.seaway("status").out)
    assert ext0(host)[0] == "br7"
    host.sh("ip link set ext0 nomaster")
    assert within(5, lambda: ext0(host)[0] == bridge)


def test_a_bridge_that_somebody_deletes_is_made_again_with_its_uplink(
    host: Host, daemon: Daemon, machine: Spot
) -> None:
    make_lan(daemon)
    make_sandbox(daemon, "one", "lan")
    bridge, _, _ = ext0(host)

    host.sh(f"ip link delete {bridge}")

    assert within(5, lambda: pings(machine, "198.51.100.128"))


def test_an_uplink_on_which_the_host_lives_by_now_is_left_to_it_and_the_rest_is_there(
    host: Host, daemon: Daemon, machine: Spot
) -> None:
    make_lan(daemon)
    one, two = make_sandbox(daemon, "one", "lan"), make_sandbox(daemon, "two", "lan")
    bridge, _, _ = ext0(host)
    daemon.kill()
    host.sh(f"ip link delete {bridge}; ip link set ext0 up; ip address add 203.0.113.1/24 dev ext0")
    machine.sh("ip address add 203.0.113.2/24 dev ext0")

    daemon.start()

    assert pings(host, "203.0.113.2")
    assert pings(one, str(place(daemon, "two", "lan")["IPAddress"]))
    assert pings(two, "192.0.2.2")
    assert "the host has 203.0.113.1 on ext0 now" in daemon.seaway("status").out
