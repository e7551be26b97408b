"""macvlan networks: sandboxes are machines on the LAN, with packets."""

from __future__ import annotations

import json

import pytest

from bed.daemon import Daemon
from bed.fingerprint import at_rest, leaked
from bed.host import Host
from bed.pulse import Pulse
from bed.spot import Spot
from e2e.lan import LAN, add_ext0, make_lan, refused
from e2e.resolving import resolve
from e2e.stage import make_sandbox, make_server, pings, place, within

INSIDE = "ip -o link | sed 's/ state [A-Z]*//'; ip route"
"""The links of a sandbox but for their state, which comes late, and its routes."""


def reached(spot: Spot, *addresses: str) -> list[str]:
    """Those of *addresses* that answer a ping."""
    return [a for a in addresses if pings(spot, a)]


def test_a_sandbox_is_a_machine_on_the_lan(host: Host, daemon: Daemon) -> None:
    lan = make_lan(daemon, "lan")
    one, two = make_sandbox(daemon, "one", lan), make_sandbox(daemon, "two", lan)

    assert reached(one, "192.0.2.2", "2001:db8:0:1::2", "192.0.2.129") == [
        "192.0.2.2",
        "2001:db8:0:1::2",
        "192.0.2.129",
    ]
    assert reached(host.neighbour, "192.0.2.128", "2001:db8:0:1::81") == [
        "192.0.2.128",
        "2001:db8:0:1::81",
    ]
    mac = str(place(daemon, "one", lan)["MacAddress"])
    assert mac in host.neighbour.sh("ip neigh show 192.0.2.128").out
    assert reached(two, "192.0.2.1", "2001:db8:0:1::1") == []


def test_its_way_out_is_the_router_that_the_host_uses(host: Host, daemon: Daemon) -> None:
    lan = make_lan(daemon, "lan")
    one = make_sandbox(daemon, "one", lan)
    host.neighbour.sh("ip address add 203.0.113.1/32 dev lo")

    assert "default via 192.0.2.2 dev eth0" in one.sh("ip route").out
    assert "default via 2001:db8:0:1::2 dev eth0" in one.sh("ip -6 route").out
    assert pings(one, "203.0.113.1")


def test_the_lan_is_taken_from_the_host_when_no_subnet_is_given(daemon: Daemon) -> None:
    daemon.seaway("network", "create", "-d", "macvlan", "-o", "parent=eth0", "lan")
    one = make_sandbox(daemon, "one", "lan:ip=192.0.2.77")

    shown = daemon.get("/networks/lan")
    assert isinstance(shown, dict)
    assert shown["IPAM"]["Config"] == [
        {
            "Subnet": "192.0.2.0/24",
            "Gateway": "192.0.2.2",
            "AuxiliaryAddresses": {"eth0": "192.0.2.1"},
        }
    ]
    assert pings(one, "192.0.2.2")


def test_nobody_gets_the_address_of_the_host(daemon: Daemon) -> None:
    lan = make_lan(daemon, "lan")

    sentence = refused(daemon, "sandbox", "create", "--network", f"{lan}:ip=192.0.2.1", "one")

    assert "192.0.2.1 on network lan is the auxiliary address eth0" in sentence


@pytest.mark.parametrize(
    ("mode", "brothers"), [("bridge", True), ("private", False), ("vepa", False)]
)
def test_who_hears_whom_is_the_modes_to_say(
    host: Host, daemon: Daemon, mode: str, brothers: bool
) -> None:
    lan = make_lan(daemon, "lan", "-o", f"macvlan_mode={mode}")
    one = make_sandbox(daemon, "one", lan)
    make_sandbox(daemon, "two", lan)

    assert reached(one, "192.0.2.2") == ["192.0.2.2"]
    assert pings(one, "192.0.2.129") is brothers


def test_with_vepa_a_switch_that_sends_frames_back_joins_brothers(
    host: Host, daemon: Daemon
) -> None:
    host.neighbour.sh(
        "ip link add br0 type bridge; ip link set br0 up; ip link set eth0 master br0;"
        "bridge link set dev eth0 hairpin on"
    )
    lan = make_lan(daemon, "lan", "-o", "macvlan_mode=vepa")
    one = make_sandbox(daemon, "one", lan)
    make_sandbox(daemon, "two", lan)

    assert within(3, lambda: pings(one, "192.0.2.129"))


def test_passthru_is_for_one_sandbox_and_nothing_else(host: Host, daemon: Daemon) -> None:
    add_ext0(host)
    mac = host.sh("cat /sys/class/net/ext0/address").out.strip()
    subnet = ("--subnet", "198.51.100.0/24", "-o", "parent=ext0")
    create = ("network", "create", "-d", "macvlan", *subnet)
    daemon.seaway(*create, "-o", "macvlan_mode=passthru", "whole")
    one = make_sandbox(daemon, "one", "whole:ip=198.51.100.7")

    assert pings(one, "198.51.100.2")
    assert mac in one.sh("ip link show eth0").out
    assert refused(daemon, "sandbox", "create", "--network", "whole", "two").endswith(
        "network whole is for one sandbox at a time (macvlan mode passthru), and container one is on "
        "it: disconnect or stop that one first"
    )
    assert refused(daemon, *create, "beside").endswith(
        "network whole is on ext0 (macvlan mode passthru): passthru has an interface for itself; use "
        "another interface, or a VLAN of it such as ext0.50"
    )
    mixed = ("network", "create", "-d", "ipvlan", *subnet, "other")
    assert "macvlan and ipvlan on one interface never both" in refused(daemon, *mixed)
    own = make_lan_command("-o", "macvlan_mode=passthru")
    assert "the host's default route goes by it" in refused(daemon, *own)
    daemon.seaway("sandbox", "rm", "one")
    two = make_sandbox(daemon, "two", "whole")
    assert pings(two, "198.51.100.2")


def make_lan_command(*flags: str) -> tuple[str, ...]:
    return ("network", "create", "-d", "macvlan", "-o", "parent=eth0", *LAN, *flags, "lan")


def test_several_networks_on_one_parent_share_no_subnet(daemon: Daemon) -> None:
    make_lan(daemon, "lan")

    sentence = refused(daemon, *make_lan_command()[:-1], "twice")

    assert "192.0.2.0/24 overlaps 192.0.2.0/24 of network lan" in sentence


def test_two_lans_may_have_the_same_addresses(host: Host, daemon: Daemon) -> None:
    add_ext0(host).sh("ip address add 192.0.2.3/24 dev ext0")
    make_lan(daemon, "lan")
    make_lan(daemon, "other", parent="ext0")
    one, other = make_sandbox(daemon, "one", "lan"), make_sandbox(daemon, "other", "other")

    assert pings(one, "192.0.2.2")
    assert pings(other, "192.0.2.3")
    assert not pings(other, "192.0.2.2")


def test_names_lead_to_sandboxes_and_ports_need_no_publishing(host: Host, daemon: Daemon) -> None:
    lan = make_lan(daemon, "lan")
    make_server(daemon, "web", lan)
    cli = make_sandbox(daemon, "cli", lan)

    found = daemon.seaway("publish", "web", "8080:80", check=False)

    assert resolve(cli, "web") == ["192.0.2.128"]
    assert resolve(cli, "web", "AAAA") == ["2001:db8:0:1::80"]
    assert host.neighbour.ask("tcp", "192.0.2.128", 80) == "web 192.0.2.2"
    assert "web is reached at its own addresses on network lan, with all its ports" in found.err
    assert not host.neighbour.reaches("tcp", "192.0.2.1", 8080)


def test_a_fixed_mac_is_had_and_kept(host: Host, daemon: Daemon) -> None:
    lan = make_lan(daemon, "lan")
    fixed = "02:00:00:00:00:77"
    for name, on in (("one", f"{lan}:mac-address={fixed}"), ("two", lan)):
        daemon.seaway("run", "-d", "--name", name, "--network", on, "sleep", "60")
    before = {name: place(daemon, name, lan)["MacAddress"] for name in ("one", "two")}

    for name in ("one", "two"):
        daemon.seaway("stop", "-t", "0", name)
        daemon.seaway("start", name)

    assert before["one"] == fixed
    assert {name: place(daemon, name, lan)["MacAddress"] for name in ("one", "two")} == before
    assert fixed in daemon.sandbox("one").sh("ip link show eth0").out


def test_a_process_of_somebody_elses_is_on_the_lan_and_leaves_it(
    host: Host, daemon: Daemon
) -> None:
    lan = make_lan(daemon, "lan")
    host.sh("touch /run/theirs; unshare --net=/run/theirs true")
    theirs = host.at("/run/theirs")
    daemon.seaway("sandbox", "adopt", "--network", lan, "--netns", "/run/theirs", "theirs")

    assert pings(theirs, "192.0.2.2")
    daemon.seaway("sandbox", "rm", "--force", "theirs")
    assert within(3, lambda: "eth0" not in theirs.sh("ip link").out)


@pytest.mark.parametrize(
    ("address", "flags"),
    [("192.0.2.128", ()), ("192.0.2.129", ("--host-access",))],
    ids=["alone", "with the host"],
)
def test_a_killed_daemon_breaks_nothing_and_leaves_nothing(
    host: Host, daemon: Daemon, address: str, flags: tuple[str, ...]
) -> None:
    empty = at_rest(host)
    lan = make_lan(daemon, "lan", *flags)
    one = make_server(daemon, "one", lan)
    before, inside = at_rest(host), one.sh(INSIDE).out
    pulse = Pulse(host.neighbour, address, 80)

    for end in (Daemon.kill, Daemon.stop):
        end(daemon)
        assert pulse.ask_by_stream() == "one 192.0.2.2"
        daemon.start()

    assert pulse.stop() == 0
    assert leaked(before, host) == ()
    assert one.sh(INSIDE).out == inside
    daemon.seaway("sandbox", "rm", "one")
    daemon.seaway("network", "rm", lan)
    assert leaked(empty, host) == ()


def test_a_network_changes_while_sandboxes_are_on_it(host: Host, daemon: Daemon) -> None:
    lan = make_lan(daemon, "lan")
    one = make_sandbox(daemon, "one", lan)

    daemon.seaway("network", "update", "--opt", "com.docker.network.driver.mtu=1400", lan)
    assert "mtu 1400" in one.sh("ip link show eth0").out
    daemon.seaway("network", "update", "--opt-rm", "com.docker.network.driver.mtu", lan)
    assert "mtu 1500" in one.sh("ip link show eth0").out
    daemon.seaway("network", "update", "--opt", "seaway.host_access=true", lan)
    assert pings(host, "192.0.2.128")
    daemon.seaway("network", "update", "--opt", "seaway.host_access=false", lan)
    assert not pings(host, "192.0.2.128")
    sentence = refused(daemon, "network", "update", "--opt", "macvlan_mode=private", lan)
    assert sentence.endswith(
        "network lan keeps its parent eth0 and macvlan mode bridge: for a parent eth0 and macvlan mode "
        "private create another network"
    )
    assert pings(one, "192.0.2.2")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("parent=lo",), "the loopback interface leads to nobody"),
        (("parent=eth9",), "the host has no interface of that name; it has eth0"),
        (("parent=eth0.4095",), "behind the dot is the number of a VLAN, from 1 to 4094"),
        (("parent=eth0", "macvlan_mode=loud"), "it is bridge, private, vepa or passthru"),
        (("parent=eth0", "bclim=-2"), "it is a number of links from 0 to 2147483647, or -1"),
        (("parent=eth0", "seaway.vlan=50"), "unknown option seaway.vlan"),
        (
            ("parent=eth0", "macvlan_mode=private", "seaway.host_access=true"),
            "links of macvlan mode private hear nobody on their own host",
        ),
    ],
)
def test_bad_options_are_refused_in_one_sentence(
    host: Host, shared_daemon: Daemon, options: tuple[str, ...], why: str
) -> None:
    words = [word for option in options for word in ("-o", option)]

    sentence = refused(shared_daemon, "network", "create", "-d", "macvlan", *words, "bad")

    assert why in sentence
    assert json.loads(shared_daemon.request("GET", "/networks/bad")[1])["message"] == (
        "network bad not found"
    )


def test_a_part_of_a_bridge_is_refused_with_the_way_round(host: Host, daemon: Daemon) -> None:
    add_ext0(host).sh("ip address add 192.0.2.9/24 dev ext0")
    host.sh("ip link add br0 type bridge; ip link set ext0 master br0; ip link set br0 up")

    sentence = refused(daemon, "network", "create", "-d", "macvlan", "-o", "parent=ext0", "lan")

    assert "it is part of bridge br0, which takes all that comes in; try parent=br0" in sentence
    make_lan(daemon, "lan", parent="br0")
    one = make_sandbox(daemon, "one", "lan")
    assert within(3, lambda: pings(one, "192.0.2.9"))
