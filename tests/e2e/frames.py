"""Frames as an attacker sends them, and a way to hear what arrives."""

from __future__ import annotations

import socket
import struct
from collections.abc import Generator
from contextlib import contextmanager
from ipaddress import ip_address

from bed.spot import Spot
from seaway.codec.frames import internet_checksum

BROADCAST = "ff:ff:ff:ff:ff:ff"
ALL_NODES_MAC = "33:33:00:00:00:01"
ALL_NODES = "ff02::1"
IPV4, ARP, IPV6, VLAN, QINQ = 0x0800, 0x0806, 0x86DD, 0x8100, 0x88A8
UDP, ICMPV6 = 17, 58
_ALL = 0x0003
"""ETH_P_ALL of linux/if_ether.h."""


def ethernet(target: str, source: str, kind: int, payload: bytes) -> bytes:
    """A frame from MAC *source* to MAC *target*."""
    return raw(target) + raw(source) + struct.pack("!H", kind) + payload


def raw(mac: str) -> bytes:
    """*mac* as six bytes."""
    return bytes.fromhex(mac.replace(":", ""))


def packet(source: str, target: str, proto: int, payload: bytes) -> bytes:
    """An IP packet; UDP and ICMPv6 checksums in *payload* (bytes 6-7 and 2-3) are filled in."""
    here, there = ip_address(source), ip_address(target)
    if here.version == 4:
        head = struct.pack(
            "!BBHHHBBH4s4s",
            0x45,
            0,
            20 + len(payload),
            1,
            0,
            255,
            proto,
            0,
            here.packed,
            there.packed,
        )
        return head[:10] + struct.pack("!H", internet_checksum(head)) + head[12:] + payload
    pseudo = here.packed + there.packed + struct.pack("!II", len(payload), proto)
    at = 6 if proto == UDP else 2
    total = struct.pack("!H", internet_checksum(pseudo + payload))
    whole = payload[:at] + total + payload[at + 2 :]
    return (
        struct.pack("!IHBB16s16s", 6 << 28, len(whole), proto, 255, here.packed, there.packed)
        + whole
    )


def datagram(source: str, target: str, port: int, data: bytes) -> bytes:
    """A UDP packet from port 5000."""
    return packet(source, target, UDP, struct.pack("!HHHH", 5000, port, 8 + len(data), 0) + data)


def kind_of(address: str) -> int:
    """The EtherType of packets to *address*."""
    return IPV4 if ip_address(address).version == 4 else IPV6


def arp(sender_mac: str, sender: str, asked: str, *, reply: bool = False) -> bytes:
    """An ARP packet: a request for *asked*, or the reply that *sender* is at *sender_mac*."""
    here, there = ip_address(sender), ip_address(asked)
    operation = 2 if reply else 1
    head = struct.pack("!HHBBH", 1, 0x0800, 6, 4, operation)
    return head + raw(sender_mac) + here.packed + bytes(6) + there.packed


def neighbour_advertisement(source: str, target: str, mac: str) -> bytes:
    """From *source* to all nodes: *target* is at *mac* (RFC 4861, section 4.4)."""
    body = struct.pack("!BBHI", 136, 0, 0, 0x20000000) + ip_address(target).packed
    return packet(source, ALL_NODES, ICMPV6, body + struct.pack("!BB6s", 2, 1, raw(mac)))


def router_advertisement(source: str) -> bytes:
    """From *source* to all nodes: I am a router, for half an hour (RFC 4861, section 4.2)."""
    return packet(source, ALL_NODES, ICMPV6, struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0))


def tagged(frame: bytes, kind: int = VLAN, number: int = 0) -> bytes:
    """*frame* with a VLAN tag; number 0 is a priority tag, which many hosts take off unseen."""
    return frame[:12] + struct.pack("!HH", kind, number) + frame[12:]


def send(spot: Spot, *frames: bytes, ifname: str = "eth0") -> None:
    """Send *frames* from *spot*, whatever its addresses are."""
    with spot.open_socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
        sock.bind((ifname, 0))
        for frame in frames:
            sock.send(frame)


class Ear:
    """Hears all frames that arrive at an interface."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def until(self, mark: bytes) -> list[bytes]:
        """The frames that arrive before the first that has *mark* in it.

        Raises TimeoutError when none has, within 2 seconds.
        """
        found: list[bytes] = []
        while True:
            frame, (_, _, kind, *_) = self._sock.recvfrom(65536)
            if kind == socket.PACKET_OUTGOING:
                continue
            if mark in frame:
                return found
            found.append(frame)


@contextmanager
def listening(spot: Spot, ifname: str = "eth0") -> Generator[Ear]:
    """Hear what arrives at *spot*'s *ifname* during a block."""
    with spot.open_socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
        sock.settimeout(2)
        sock.bind((ifname, _ALL))
        yield Ear(sock)


def mac_of(spot: Spot, ifname: str = "eth0") -> str:
    """The MAC of an interface (sysfs shows those of another namespace)."""
    return spot.run(["ip", "-br", "link", "show", "dev", ifname]).out.split()[2]


def payload(frame: bytes) -> bytes:
    """What is left of *frame* whoever takes tags off it."""
    start = 18 if frame[12:14] in {b"\x81\x00", b"\x88\xa8"} else 14
    return frame[start:]
