"""Ethernet frames that say where an address is now: pure bytes."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv6Address

from seaway.model.ids import Address, Mac

_BROADCAST = b"\xff" * 6
_ALL_NODES_MAC = bytes.fromhex("333300000001")
_ALL_NODES = IPv6Address("ff02::1")
_ARP = struct.Struct("!HHBBH6s4s6s4s")
_IPV6 = struct.Struct("!IHBB16s16s")
_PSEUDO = struct.Struct("!16s16sI3xB")
_ICMPV6 = 58
_NEIGHBOUR_ADVERTISEMENT = 136
_OVERRIDE = 0x20000000
_TARGET_LINK_ADDRESS = 2


def announcement(mac: Mac, address: Address) -> bytes:
    """The frame that tells all neighbours that *address* is at *mac*."""
    if isinstance(address, IPv4Address):
        return gratuitous_arp(mac, address)
    return unsolicited_advertisement(mac, address)


def gratuitous_arp(mac: Mac, address: IPv4Address) -> bytes:
    """An ARP announcement: a request for one's own address (RFC 5227, section 2.3 and 3)."""
    own = bytes.fromhex(mac.replace(":", ""))
    arp = _ARP.pack(1, 0x0800, 6, 4, 1, own, address.packed, bytes(6), address.packed)
    return _BROADCAST + own + b"\x08\x06" + arp


def unsolicited_advertisement(mac: Mac, address: IPv6Address) -> bytes:
    """A neighbour advertisement to all nodes which overrides what they know.

    It comes from *address* itself, with hop limit 255 (RFC 4861, sections 7.2.6 and 7.1.2).
    """
    own = bytes.fromhex(mac.replace(":", ""))
    rest = struct.pack("!I16sBB6s", _OVERRIDE, address.packed, _TARGET_LINK_ADDRESS, 1, own)
    pseudo = _PSEUDO.pack(address.packed, _ALL_NODES.packed, 4 + len(rest), _ICMPV6)
    head = struct.pack("!BB", _NEIGHBOUR_ADVERTISEMENT, 0)
    checksum = internet_checksum(pseudo + head + b"\0\0" + rest)
    icmp = head + struct.pack("!H", checksum) + rest
    ip = _IPV6.pack(6 << 28, len(icmp), _ICMPV6, 255, address.packed, _ALL_NODES.packed)
    return _ALL_NODES_MAC + own + b"\x86\xdd" + ip + icmp


def internet_checksum(data: bytes) -> int:
    """The one's complement of the one's complement sum of 16-bit words (RFC 1071)."""
    data += bytes(len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total >> 16) + (total & 0xFFFF)
    return ~total & 0xFFFF
