"""The source guard on the LAN: what leaves by the host's interface has a MAC and address that belong together."""

from __future__ import annotations

from contextlib import suppress

import pytest

from bed.daemon import Daemon
from bed.fingerprint import at_rest, leaked
from bed.host import Host
from bed.spot import Spot
from e2e.frames import (
    ALL_NODES_MAC,
    ARP,
    BROADCAST,
    IPV4,
    IPV6,
    QINQ,
    VLAN,
    arp,
    datagram,
    ethernet,
    listening,
    mac_of,
    neighbour_advertisement,
    payload,
    router_advertisement,
    send,
    tagged,
)
from e2e.lan import LAN, add_ext0, lose_ext0, make_lan, refused
from e2e.stage import drops, make_sandbox, pings, within
from seaway.model.ids import Mac, link_local

OTHER_MAC = "02:00:00:00:00:99"
GUARD_OFF = ("-o", "seaway.source_guard=false")
FOUR, SIX = "192.0.2.128", "2001:db8:0:1::80"
"""What the first sandbox has."""
TO4, TO6 = "192.0.2.2", "2001:db8:0:1::2"
MARK = b"the end"


def send_all(spot: Spot, frames: list[bytes]) -> None:
    """Send *frames* from *spot*; of those that are dropped on their way out the sender is told."""
    for frame in frames:
        with suppress(OSError):
            send(spot, frame)


def arriving(host: Host, sender: Spot, frames: list[bytes]) -> list[bytes]:
    """Which of *frames*, sent by *sender*, arrive at the neighbour before one of the host."""
    to = mac_of(host.neighbour)
    mark = ethernet(to, mac_of(host), IPV4, datagram("192.0.2.1", TO4, 9, MARK))
    with listening(host.neighbour) as ear:
        send_all(sender, frames)
        send(host, mark)
        heard = ear.until(MARK)
    return [frame for frame in frames if any(payload(frame) in other for other in heard)]


def forgeries(attacker: Spot, victim: Spot) -> dict[str, bytes]:
    """Frames by which a sandbox with FOUR and SIX pretends to be another."""
    mac, to = mac_of(attacker), mac_of(victim)
    return {
        "ipv4": ethernet(to, mac, IPV4, datagram("192.0.2.77", TO4, 80, b"1")),
        "ipv4 of the host": ethernet(to, mac, IPV4, datagram("192.0.2.1", TO4, 80, b"2")),
        "ipv6": ethernet(to, mac, IPV6, datagram("2001:db8:0:1::77", TO6, 80, b"3")),
        "ipv6 link-local": ethernet(to, mac, IPV6, datagram("fe80::77", TO6, 80, b"4")),
        "mac": ethernet(to, OTHER_MAC, IPV4, datagram(FOUR, TO4, 80, b"5")),
        "mac, ipv6": ethernet(to, OTHER_MAC, IPV6, datagram(SIX, TO6, 80, b"6")),
        "arp of another": ethernet(BROADCAST, mac, ARP, arp(mac, "192.0.2.77", TO4)),
        "arp of the router": ethernet(to, mac, ARP, arp(mac, "192.0.2.254", TO4, reply=True)),
        "arp with another mac": ethernet(
            BROADCAST, mac, ARP, arp(OTHER_MAC, FOUR, TO4, reply=True)
        ),
        "arp from another mac": ethernet(
            BROADCAST, OTHER_MAC, ARP, arp(mac, "192.0.2.254", TO4, reply=True)
        ),
        "arp of itself at another mac": ethernet(BROADCAST, OTHER_MAC, ARP, arp(OTHER_MAC, FOUR, TO4)),
        "na of another": _to_all(mac, neighbour_advertisement(SIX, "2001:db8:0:1::77", mac)),
        "na from another mac": _to_all(
            OTHER_MAC, neighbour_advertisement("fe80::77", SIX, OTHER_MAC)
        ),
        "ra": _to_all(mac, router_advertisement("fe80::77")),
        "ra of its own": _to_all(mac, router_advertisement(str(link_local(Mac(mac))))),
        "vlan": tagged(ethernet(to, mac, IPV4, datagram("192.0.2.77", TO4, 81, b"7")), VLAN, 7),
        "priority tag": tagged(ethernet(to, mac, IPV4, datagram("192.0.2.77", TO4, 82, b"8"))),
        "qinq": tagged(ethernet(to, mac, IPV4, datagram("192.0.2.77", TO4, 83, b"9")), QINQ, 7),
        "another protocol": ethernet(to, mac, 0x88CC, b"neither ARP nor IP, at all"),
    }  # fmt: skip


def _to_all(mac: str, packet: bytes) -> bytes:
    return ethernet(ALL_NODES_MAC, mac, IPV6, packet)


def arrived(host: Host, sender: Spot) -> list[str]:
    """The names of those forgeries that arrive."""
    frames = forgeries(sender, host.neighbour)
    found = arriving(host, sender, list(frames.values()))
    return [name for name, frame in frames.items() if frame in found]


@pytest.mark.parametrize("mode", ["bridge", "private", "vepa"])
def test_no_forged_frame_arrives_on_the_lan(host: Host, daemon: Daemon, mode: str) -> None:
    lan = make_lan(daemon, "lan", "-o", f"macvlan_mode={mode}")
    attacker, _ = make_sandbox(daemon, "attacker", lan), make_sandbox(daemon, "victim", lan)
    assert pings(attacker, TO4)
    before = drops(daemon, lan)["attacker"]

    assert arrived(host, attacker) == []

    assert drops(daemon, lan) == {"attacker": before + 14, "victim": 0}
    assert pings(attacker, TO4)
    assert pings(attacker, TO6)


def test_drops_are_shown_by_inspect_and_map(host: Host, daemon: Daemon) -> None:
    lan = make_lan(daemon, "lan")
    one = make_sandbox(daemon, "one", lan)
    before = drops(daemon, lan)["one"]

    send_all(one, [forgeries(one, host.neighbour)["ipv4"]] * 3)

    assert drops(daemon, lan)["one"] == before + 3
    shown = daemon.seaway("inspect", "-f", "{{json .NetworkSettings.Networks}}", "one").out
    assert f'"Drops":{before + 3}' in shown.replace(" ", "")
    assert f"{before + 3} packets dropped" in daemon.seaway("map").out


def test_what_a_sandbox_gives_itself_is_of_no_use(host: Host, daemon: Daemon) -> None:
    one = make_sandbox(daemon, "one", make_lan(daemon, "lan"))
    one.sh(
        "ip address add 192.0.2.99/24 dev eth0; ip address add 2001:db8:0:1::99/64 dev eth0 nodad"
    )

    assert [pings(host.neighbour, a) for a in (FOUR, SIX)] == [True, True]
    assert [pings(host.neighbour, a) for a in ("192.0.2.99", "2001:db8:0:1::99")] == [False, False]
    one.sh(f"ip link set eth0 down; ip link set eth0 address {OTHER_MAC} up")
    assert not pings(host.neighbour, FOUR)


def test_an_address_that_the_lans_router_announces_a_prefix_for_may_be_used(
    host: Host, daemon: Daemon
) -> None:
    one = make_sandbox(daemon, "one", make_lan(daemon, "lan"))
    own = link_local(Mac(mac_of(one)))
    announced = str(own).replace("fe80::", "2001:db8:0:9:")
    host.neighbour.sh("ip address add 2001:db8:0:9::2/64 dev eth0 nodad")
    one.sh(f"ip address add {announced}/64 dev eth0 nodad")

    assert pings(host.neighbour, announced)
    assert drops(daemon, "lan")["one"] == 0


def test_the_hosts_own_traffic_is_untouched(host: Host, daemon: Daemon) -> None:
    attacker = make_sandbox(daemon, "attacker", make_lan(daemon, "lan"))
    to = mac_of(host.neighbour)
    mac = "02:00:00:00:00:55"
    frames = [
        ethernet(to, mac_of(host), IPV4, datagram("192.0.2.88", TO4, 80, b"routed by the host")),
        ethernet(to, mac, IPV4, datagram("192.0.2.89", TO4, 80, b"of a virtual machine")),
        tagged(ethernet(to, mac, IPV4, datagram("192.0.2.90", TO4, 80, b"of a VLAN")), VLAN, 7),
        ethernet(BROADCAST, mac, ARP, arp(mac, "192.0.2.91", TO4)),
        ethernet(to, mac_of(host), 0x88CC, b"neither ARP nor IP, of the host"),
    ]

    assert arriving(host, host, frames) == frames
    assert pings(host, TO4)
    host.sh(
        f"ip link set eth0 down; ip link set eth0 address {mac} up; ip route replace default via {TO4}"
    )
    assert within(3, lambda: pings(host, TO4))
    assert within(3, lambda: pings(attacker, TO4))


def test_a_network_or_an_endpoint_may_do_without(host: Host, daemon: Daemon) -> None:
    lan = make_lan(daemon, "lan", *GUARD_OFF)
    free = make_sandbox(daemon, "free", lan)
    assert "ipv4" in arrived(host, free)
    held = make_sandbox(daemon, "held", f"{lan}:driver-opt=seaway.source_guard=true")
    frames = forgeries(held, host.neighbour)
    assert arriving(host, held, [frames["ipv4"], frames["ipv6"]]) == []

    daemon.seaway("network", "update", "--opt", "seaway.source_guard=true", lan)
    assert "ipv4" not in arrived(host, free)
    daemon.seaway("network", "update", "--opt", "seaway.source_guard=false", lan)
    assert "ipv4" in arrived(host, free)


def test_further_addresses_can_be_allowed(host: Host, daemon: Daemon) -> None:
    lan = make_lan(daemon, "lan")
    daemon.seaway("sandbox", "create", "one")
    allowed = "seaway.allowed_addresses=192.0.2.100,2001:db8:0:1::100,192.0.2.64/28"
    daemon.seaway("network", "connect", "--driver-opt", allowed, lan, "one")
    one = daemon.sandbox("one")
    one.sh(
        "for a in 192.0.2.100 192.0.2.65 192.0.2.101; do ip address add $a/24 dev eth0; done;"
        "for a in 100 101; do ip address add 2001:db8:0:1::$a/64 dev eth0 nodad; done"
    )

    there = ["192.0.2.100", "192.0.2.65", "192.0.2.101", "2001:db8:0:1::100", "2001:db8:0:1::101"]
    assert [a for a in there if pings(host.neighbour, a)] == [
        "192.0.2.100",
        "192.0.2.65",
        "2001:db8:0:1::100",
    ]


@pytest.mark.parametrize("end", [Daemon.kill, Daemon.stop])
def test_the_guard_outlives_the_daemon_and_returns_with_the_next(
    host: Host, daemon: Daemon, end: object
) -> None:
    one = make_sandbox(daemon, "one", make_lan(daemon, "lan"))

    assert callable(end)
    end(daemon)
    assert arrived(host, one) == []
    daemon.start()

    assert arrived(host, one) == []
    host.sh("nft flush ruleset")
    assert within(5, lambda: "netdev seaway" in host.sh("nft list tables").out)
    assert arrived(host, one) == []


def test_a_parent_that_returns_is_guarded_again(host: Host, daemon: Daemon) -> None:
    machine = add_ext0(host)
    subnet = ("--subnet", "198.51.100.0/24", "-o", "parent=ext0")
    daemon.seaway("network", "create", "-d", "macvlan", *subnet, "lan")
    one = make_sandbox(daemon, "one", "lan:ip=198.51.100.7")
    one.sh("ip address add 198.51.100.99/24 dev eth0")
    assert [pings(machine, f"198.51.100.{n}") for n in (7, 99)] == [True, False]

    lose_ext0(host)
    machine = add_ext0(host)

    assert within(5, lambda: pings(machine, "198.51.100.7"))
    one.sh("ip address add 198.51.100.99/24 dev eth0")
    assert not pings(machine, "198.51.100.99")


def test_nothing_of_it_is_there_before_the_first_sandbox_and_after_the_last(
    host: Host, daemon: Daemon
) -> None:
    before = at_rest(host)
    lan = make_lan(daemon, "lan")
    assert "netdev" not in host.sh("nft list tables").out
    make_sandbox(daemon, "one", lan)
    assert "netdev seaway" in host.sh("nft list tables").out

    daemon.seaway("sandbox", "rm", "--force", "one")

    assert "netdev" not in host.sh("nft list tables").out
    daemon.seaway("network", "rm", lan)
    assert leaked(before, host) == ()


def test_a_purge_takes_it_away(host: Host, daemon: Daemon) -> None:
    make_sandbox(daemon, "one", make_lan(daemon, "lan"))

    daemon.seaway("purge", "--force")

    assert "seaway" not in host.sh("nft list tables").out


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("-d", "macvlan", "-o", "parent=ext0", "-o", "macvlan_mode=passthru"), "not told apart"),
        (("-d", "ipvlan", "-o", "parent=eth0"), "not told apart"),
        (("-d", "macvlan"), "without a parent nothing leaves"),
    ],
    ids=["passthru", "ipvlan", "alone"],
)
def test_where_nobody_can_tell_senders_apart_it_cannot_be_had(
    host: Host, daemon: Daemon, words: tuple[str, ...], why: str
) -> None:
    add_ext0(host)
    on = ("-o", "seaway.source_guard=true")

    assert why in refused(daemon, "network", "create", *words, *on, *LAN, "lan")
