"""Ethernet frames that say where an address is, or ask: pure bytes."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from seaway.model.ids import Address, Mac

ALL_NODES_MAC = bytes.fromhex("333300000001")
"""Where answers about IPv6 addresses go to (RFC 4861, section 7.2.4; RFC 2464, section 7)."""

_BROADCAST = b"\xff" * 6
_ALL_NODES = IPv6Address("ff02::1")
_SOLICITED_NODE = bytes.fromhex("ff0200000000000000000001ff")
_UNSPECIFIED = bytes(16)
_NOBODY = bytes(4)
_ETHERNET = struct.Struct("!6s6sH")
_ARP_KIND, _IPV6_KIND = 0x0806, 0x86DD
_ARP = struct.Struct("!HHBBH6s4s6s4s")
_ARP_HEAD = (1, 0x0800, 6, 4)
"""Ethernet, IPv4, and the lengths of their addresses."""
_REQUEST, _REPLY = 1, 2
_IPV6 = struct.Struct("!IHBB16s16s")
_PSEUDO = struct.Struct("!16s16sI3xB")
_ICMPV6 = 58
_NEIGHBOUR = struct.Struct("!BBHI16s")
"""Type, code, checksum, flags and target of neighbour solicitations and advertisements."""
_SOLICITATION, _ADVERTISEMENT = 135, 136
_OVERRIDE = 0x20000000
_TARGET_LINK_ADDRESS = 2
_ON_LINK = 255
"""The hop limit of what no router has passed on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """That somebody on the LAN has an address, or is about to."""

    address: Address
    mac: Mac
    holds: bool
    """Whether it has the address; else it asks for it, as we do."""


# Said


def announcement(mac: Mac, address: Address) -> bytes:
    """The frame that tells all neighbours that *address* is at *mac*."""
    if isinstance(address, IPv4Address):
        return gratuitous_arp(mac, address)
    return unsolicited_advertisement(mac, address)


def gratuitous_arp(mac: Mac, address: IPv4Address) -> bytes:
    """An ARP announcement: a request for one's own address (RFC 5227, section 2.3 and 3)."""
    return _arp_request(mac, address.packed, address)


def unsolicited_advertisement(mac: Mac, address: IPv6Address) -> bytes:
    """A neighbour advertisement to all nodes which overrides what they know.

    It comes from *address* itself, with hop limit 255 (RFC 4861, sections 7.2.6 and 7.1.2).
    """
    option = struct.pack("!BB6s", _TARGET_LINK_ADDRESS, 1, _raw(mac))
    message = _NEIGHBOUR.pack(_ADVERTISEMENT, 0, 0, _OVERRIDE, address.packed) + option
    packet = _icmpv6(address.packed, _ALL_NODES.packed, message)
    return _ETHERNET.pack(ALL_NODES_MAC, _raw(mac), _IPV6_KIND) + packet


def probe(mac: Mac, address: Address) -> bytes:
    """The frame by which the owner of *mac* asks whether anybody has *address*, to use it itself."""
    if isinstance(address, IPv4Address):
        return arp_probe(mac, address)
    return duplicate_solicitation(mac, address)


def arp_probe(mac: Mac, address: IPv4Address) -> bytes:
    """An ARP request that comes from no address, so that nobody remembers it (RFC 5227, section 1.1)."""
    return _arp_request(mac, _NOBODY, address)


def duplicate_solicitation(mac: Mac, address: IPv6Address) -> bytes:
    """A neighbour solicitation that comes from no address (RFC 4862, section 5.4.2).

    It goes to those whose addresses end like *address* (RFC 4291, section 2.7.1).
    """
    group = _SOLICITED_NODE + address.packed[13:]
    message = _NEIGHBOUR.pack(_SOLICITATION, 0, 0, 0, address.packed)
    packet = _icmpv6(_UNSPECIFIED, group, message)
    return _ETHERNET.pack(b"\x33\x33" + group[12:], _raw(mac), _IPV6_KIND) + packet


def _arp_request(mac: Mac, sender: bytes, address: IPv4Address) -> bytes:
    own = _raw(mac)
    arp = _ARP.pack(*_ARP_HEAD, _REQUEST, own, sender, bytes(6), address.packed)
    return _ETHERNET.pack(_BROADCAST, own, _ARP_KIND) + arp


def _icmpv6(source: bytes, destination: bytes, message: bytes) -> bytes:
    """The packet with *message*, whose checksum is not there yet."""
    pseudo = _PSEUDO.pack(source, destination, len(message), _ICMPV6)
    checksum = struct.pack("!H", internet_checksum(pseudo + message))
    head = _IPV6.pack(6 << 28, len(message), _ICMPV6, _ON_LINK, source, destination)
    return head + message[:2] + checksum + message[4:]


# Heard


def claim(frame: bytes) -> Claim | None:
    """What *frame* claims, if it claims anything; whatever is malformed claims nothing.

    A machine has the address from which it sends ARP of any kind, and that of which it says in an
    advertisement where it is; who sends a probe asks for one (RFC 5227, section 2.1.1; RFC 4862,
    sections 5.4.3 and 5.4.4).
    """
    if len(frame) < _ETHERNET.size:
        return None
    _, source, kind = _ETHERNET.unpack_from(frame)
    rest = frame[_ETHERNET.size :]
    if kind == _ARP_KIND:
        return _arp_claim(rest)
    return _neighbour_claim(_said(source), rest) if kind == _IPV6_KIND else None


def _arp_claim(packet: bytes) -> Claim | None:
    if len(packet) < _ARP.size:
        return None
    *head, operation, mac, sender, _, target = _ARP.unpack_from(packet)
    if tuple(head) != _ARP_HEAD or operation not in {_REQUEST, _REPLY}:
        return None
    if sender != _NOBODY:
        return Claim(address=IPv4Address(sender), mac=_said(mac), holds=True)
    if operation == _REQUEST:
        return Claim(address=IPv4Address(target), mac=_said(mac), holds=False)
    return None


def _neighbour_claim(mac: Mac, packet: bytes) -> Claim | None:
    if len(packet) < _IPV6.size + _NEIGHBOUR.size:
        return None
    first, _, following, hops, source, _ = _IPV6.unpack_from(packet)
    kind, code, _, _, target = _NEIGHBOUR.unpack_from(packet, _IPV6.size)
    if (first >> 28, following, hops, code) != (6, _ICMPV6, _ON_LINK, 0):
        return None
    if kind == _ADVERTISEMENT:
        return Claim(address=IPv6Address(target), mac=mac, holds=True)
    if kind == _SOLICITATION and source == _UNSPECIFIED:
        return Claim(address=IPv6Address(target), mac=mac, holds=False)
    return None


def _raw(mac: Mac) -> bytes:
    return bytes.fromhex(mac.replace(":", ""))


def _said(mac: bytes) -> Mac:
    return Mac(mac.hex(":"))


def internet_checksum(data: bytes) -> int:
    """The one's complement of the one's complement sum of 16-bit words (RFC 1071)."""
    data += bytes(len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total >> 16) + (total & 0xFFFF)
    return ~total & 0xFFFF
