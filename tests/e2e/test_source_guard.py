"""The source guard: no sandbox uses another's address or MAC, and what it drops is counted."""

from __future__ import annotations

import json

import pytest

from bed.daemon import Daemon
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
    kind_of,
    listening,
    mac_of,
    neighbour_advertisement,
    payload,
    router_advertisement,
    send,
    tagged,
)
from e2e.stage import (
    answer,
    drops,
    make_network,
    make_sandbox,
    make_server,
    pings,
    with_and_without_bridge_nf,
)

OTHER_MAC = "02:00:00:00:00:99"
GUARD_OFF = ("-o", "seaway.source_guard=false")
MARK = b"an honest datagram"


def attack(attacker: Spot, victim: Spot, frames: list[bytes]) -> list[bytes]:
    """Which of *frames*, sent by *attacker* before an honest one, arrive at *victim*."""
    mac = mac_of(attacker)
    honest = datagram("10.77.1.2", "10.77.1.3", 9, MARK)
    with listening(victim) as ear:
        send(attacker, *frames, ethernet(mac_of(victim), mac, IPV4, honest))
        heard = ear.until(MARK)
    return [frame for frame in frames if any(payload(frame) in other for other in heard)]


def forgeries(attacker: Spot, victim: Spot) -> dict[str, bytes]:
    """Frames by which a sandbox with 10.77.1.2 and fd77:1::2 pretends to be another."""
    mac, to = mac_of(attacker), mac_of(victim)
    own4 = datagram("10.77.1.2", "10.77.1.3", 80, b"from another mac")
    return {
        "ipv4": ethernet(to, mac, IPV4, datagram("10.77.1.77", "10.77.1.3", 80, b"1")),
        "ipv4 of the gateway": ethernet(to, mac, IPV4, datagram("10.77.1.1", "10.77.1.3", 80, b"2")),
        "ipv6": ethernet(to, mac, IPV6, datagram("fd77:1::77", "fd77:1::3", 80, b"3")),
        "ipv6 link-local": ethernet(to, mac, IPV6, datagram("fe80::77", "fd77:1::3", 80, b"4")),
        "mac": ethernet(to, OTHER_MAC, IPV4, own4),
        "arp of another": ethernet(BROADCAST, mac, ARP, arp(mac, "10.77.1.77", "10.77.1.3")),
        "arp of the gateway": ethernet(to, mac, ARP, arp(mac, "10.77.1.1", "10.77.1.3", reply=True)),
        "arp with another mac": ethernet(
            BROADCAST, mac, ARP, arp(OTHER_MAC, "10.77.1.2", "10.77.1.3", reply=True)
        ),
        "na of another": _to_all(mac, neighbour_advertisement("fd77:1::2", "fd77:1::77", mac)),
        "na of the gateway": _to_all(mac, neighbour_advertisement("fd77:1::2", "fd77:1::1", mac)),
        "ra": _to_all(mac, router_advertisement("fe80::77")),
        "ra of its own": _to_all(mac, router_advertisement(_link_local(mac))),
        "vlan": tagged(ethernet(to, mac, IPV4, datagram("10.77.1.77", "10.77.1.3", 81, b"5")), VLAN, 7),
        "priority tag": tagged(ethernet(to, mac, IPV4, datagram("10.77.1.77", "10.77.1.3", 82, b"6"))),
        "qinq": tagged(ethernet(to, mac, IPV4, datagram("10.77.1.77", "10.77.1.3", 83, b"7")), QINQ, 7),
        "another protocol": ethernet(to, mac, 0x88CC, b"neither ARP nor IP, at all"),
    }  # fmt: skip


def _to_all(mac: str, packet: bytes) -> bytes:
    return ethernet(ALL_NODES_MAC, mac, IPV6, packet)


def _link_local(mac: str) -> str:
    """The link-local address made of *mac* (RFC 4291, appendix A)."""
    b = bytes.fromhex(mac.replace(":", ""))
    return f"fe80::{b[0] ^ 2:02x}{b[1]:02x}:{b[2]:02x}ff:fe{b[3]:02x}:{b[4]:02x}{b[5]:02x}"


@with_and_without_bridge_nf
def test_no_forged_frame_arrives_and_each_is_counted(host: Host, daemon: Daemon) -> None:
    make_network(daemon, 1)
    attacker = make_sandbox(daemon, "attacker", "n1")
    victim = make_sandbox(daemon, "victim", "n1")
    assert pings(attacker, "10.77.1.3")
    before = drops(daemon, "n1")["attacker"]
    frames = forgeries(attacker, victim)

    arrived = attack(attacker, victim, list(frames.values()))

    assert [name for name, frame in frames.items() if frame in arrived] == []
    assert drops(daemon, "n1") == {"attacker": before + 16, "victim": 0}
    shown = daemon.docker("network", "inspect", "-f", "{{json .Containers}}", "n1").out
    assert "attacker" in shown


def test_drops_are_shown_by_inspect_and_map(host: Host, daemon: Daemon) -> None:
    make_network(daemon, 1)
    attacker = make_sandbox(daemon, "attacker", "n1")
    forged = datagram("10.77.1.77", "10.77.1.1", 80, b"forged")
    before = drops(daemon, "n1")["attacker"]

    send(attacker, *[ethernet(BROADCAST, mac_of(attacker), IPV4, forged)] * 3)

    assert pings(attacker, "10.77.1.1")
    assert drops(daemon, "n1")["attacker"] == before + 3
    inspected = json.loads(daemon.seaway("network", "inspect", "n1").out)
    assert [m["Drops"] for m in inspected[0]["Containers"].values()] == [before + 3]
    sandbox = json.loads(daemon.seaway("inspect", "attacker").out)
    assert sandbox[0]["NetworkSettings"]["Networks"]["n1"]["Drops"] == before + 3
    assert f"{before + 3} packets dropped" in daemon.seaway("map").out


def test_the_host_believes_no_forged_neighbour(host: Host, daemon: Daemon) -> None:
    make_network(daemon, 1)
    attacker = make_sandbox(daemon, "attacker", "n1")
    make_server(daemon, "victim", "n1")
    assert answer(host, "tcp", "10.77.1.3", 80) == "victim 10.77.1.1"
    assert answer(host, "tcp", "fd77:1::3", 80) == "victim fd77:1::1"
    mac = mac_of(attacker)

    send(
        attacker,
        ethernet(BROADCAST, mac, ARP, arp(mac, "10.77.1.3", "10.77.1.3")),
        _to_all(mac, neighbour_advertisement("fd77:1::3", "fd77:1::3", mac)),
    )

    assert pings(attacker, "10.77.1.1")
    assert mac not in host.sh("ip neighbour show to 10.77.1.3; ip neighbour show to fd77:1::3").out
    assert answer(host, "tcp", "10.77.1.3", 80) == "victim 10.77.1.1"
    assert answer(host, "tcp", "fd77:1::3", 80) == "victim fd77:1::1"


def test_a_sandbox_gets_no_frames_of_others_by_taking_their_mac(host: Host, daemon: Daemon) -> None:
    make_network(daemon, 1)
    attacker = make_sandbox(daemon, "attacker", "n1")
    victim = make_server(daemon, "victim", "n1")
    peer = make_sandbox(daemon, "peer", "n1")
    assert answer(peer, "udp", "10.77.1.3", 80) == "victim 10.77.1.4"

    attacker.sh(f"ip link set eth0 address {mac_of(victim)}")
    send(
        attacker,
        ethernet(BROADCAST, mac_of(victim), ARP, arp(mac_of(victim), "10.77.1.2", "10.77.1.4")),
    )

    with listening(attacker) as ear:
        assert answer(peer, "udp", "10.77.1.3", 80) == "victim 10.77.1.4"
        send(
            peer,
            ethernet(BROADCAST, mac_of(peer), IPV4, datagram("10.77.1.4", "10.77.1.255", 9, MARK)),
        )
        assert [f for f in ear.until(MARK) if b"who?" in f] == []


@with_and_without_bridge_nf
def test_honest_traffic_and_duplicate_address_detection_go_on(host: Host, daemon: Daemon) -> None:
    make_network(daemon, 1)
    one = make_sandbox(daemon, "one", "n1")
    two = make_server(daemon, "two", "n1")
    before = drops(daemon, "n1")

    one.sh(
        "ip link set eth0 down; sysctl -qw net.ipv6.conf.eth0.accept_dad=1;"
        "ip link set eth0 up; ip address add fd77:1::2/64 dev eth0;"
        "until ! ip -6 address show dev eth0 | grep -q tentative; do sleep 0.02; done;"
        "! ip -6 address show dev eth0 | grep -q dadfailed"
    )

    for address in ("10.77.1.1", "10.77.1.3", "fd77:1::1", "fd77:1::3"):
        assert pings(one, address)
    assert pings(two, "fd77:1::2")
    assert answer(one, "tcp", "fd77:1::3", 80) == "two fd77:1::2"
    assert drops(daemon, "n1") == before


def test_an_address_that_a_sandbox_gives_itself_is_of_no_use(host: Host, daemon: Daemon) -> None:
    make_network(daemon, 1)
    one = make_sandbox(daemon, "one", "n1")
    one.sh("ip address add 10.77.1.99/24 dev eth0; ip address add fd77:1::99/64 dev eth0 nodad")

    assert not pings(host, "10.77.1.99")
    assert not pings(host, "fd77:1::99")
    assert pings(host, "10.77.1.2")
    assert pings(host, "fd77:1::2")


# Where it is off, or lets more through


def test_a_network_without_the_guard_lets_all_frames_through(host: Host, daemon: Daemon) -> None:
    make_network(daemon, 1, *GUARD_OFF)
    attacker = make_sandbox(daemon, "attacker", "n1")
    victim = make_sandbox(daemon, "victim", "n1")
    frames = forgeries(attacker, victim)

    arrived = attack(attacker, victim, list(frames.values()))

    assert {"ipv4", "ipv6", "mac", "arp of another", "na of another"} <= {
        name for name, frame in frames.items() if frame in arrived
    }
    assert drops(daemon, "n1") == {"attacker": 0, "victim": 0}


@pytest.mark.parametrize("on", ["true", "false"])
def test_an_endpoint_decides_otherwise_than_its_network(
    host: Host, daemon: Daemon, on: str
) -> None:
    make_network(daemon, 1, *(GUARD_OFF if on == "true" else ()))
    option = f"n1:driver-opt=seaway.source_guard={on}"
    attacker = make_sandbox(daemon, "attacker", option)
    victim = make_sandbox(daemon, "victim", "n1")
    frames = forgeries(attacker, victim)

    arrived = attack(attacker, victim, [frames["ipv4"], frames["ipv6"]])

    assert arrived == ([] if on == "true" else [frames["ipv4"], frames["ipv6"]])


@with_and_without_bridge_nf
def test_further_addresses_can_be_allowed(host: Host, daemon: Daemon) -> None:
    make_network(daemon, 1)
    option = "seaway.allowed_addresses=10.77.1.100"
    option6 = "fd77:1::100,10.77.1.128/25"
    daemon.seaway("sandbox", "create", "one")
    daemon.seaway("network", "connect", "--driver-opt", f"{option},{option6}", "n1", "one")
    one = daemon.sandbox("one")
    other = make_sandbox(daemon, "other", "n1")
    one.sh(
        "ip address add 10.77.1.100/24 dev eth0; ip address add 10.77.1.200/24 dev eth0;"
        "ip address add fd77:1::100/64 dev eth0 nodad; ip address add 10.77.1.101/24 dev eth0;"
        "ip address add fd77:1::101/64 dev eth0 nodad"
    )

    for who in (host, other):
        assert pings(who, "10.77.1.100")
        assert pings(who, "10.77.1.200")
        assert pings(who, "fd77:1::100")
        assert not pings(who, "10.77.1.101")


@pytest.mark.parametrize("target", ["10.77.1.3", "fd77:1::3"])
def test_the_guard_outlives_the_daemon(host: Host, daemon: Daemon, target: str) -> None:
    make_network(daemon, 1)
    attacker = make_sandbox(daemon, "attacker", "n1")
    victim = make_sandbox(daemon, "victim", "n1")
    forged = datagram("10.77.1.9" if "." in target else "fd77:1::9", target, 80, b"forged")
    frame = ethernet(mac_of(victim), mac_of(attacker), kind_of(target), forged)

    daemon.kill()

    assert attack(attacker, victim, [frame]) == []


def test_a_sandbox_that_was_disconnected_sends_nothing(host: Host, daemon: Daemon) -> None:
    make_network(daemon, 1)
    leaver = make_sandbox(daemon, "leaver", "n1")
    victim = make_sandbox(daemon, "victim", "n1")
    frame = ethernet(
        BROADCAST, mac_of(leaver), IPV4, datagram("10.77.1.2", "10.77.1.3", 80, b"late")
    )

    daemon.seaway("network", "disconnect", "n1", "leaver")
    with listening(victim) as ear:
        leaver.python(
            "import socket, sys\n"
            "s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)\n"
            "for _, name in socket.if_nameindex():\n"
            "    try: s.bind((name, 0)); s.send(bytes.fromhex(sys.argv[1]))\n"
            "    except OSError: pass\n",
            frame.hex(),
        )
        assert answer(host, "udp", "10.77.1.3", 9) == "refused"
        assert [f for f in ear.until(b"who?") if b"late" in f] == []
