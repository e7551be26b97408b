"""UDP datagrams in IPv4 packets, for an interface that has no address yet: pure bytes.

Sources: RFC 791 section 3.1, RFC 768.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address

from seaway.codec.frames import internet_checksum

PACKET_SIZE = 65535
"""Bytes of a packet at most."""

_IP = struct.Struct("!BBHHHBBH4s4s")
_UDP = struct.Struct("!4H")
_PSEUDO = struct.Struct("!4s4sxBH")
_IP_VERSION, _IP_WORDS = 4, 5
_PROTOCOL = 17
_TTL = 64
_DONT_FRAGMENT = 0x4000
_FRAGMENT = 0x3FFF
"""More fragments to come, or an offset other than zero."""


class Malformed(ValueError):
    """Bytes that are not what they should be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Datagram:
    """What one program sends to another."""

    source: IPv4Address
    source_port: int
    destination: IPv4Address
    destination_port: int
    payload: bytes


def encode_datagram(datagram: Datagram) -> bytes:
    """*datagram* as an IPv4 packet."""
    length = _UDP.size + len(datagram.payload)
    ends = datagram.source.packed, datagram.destination.packed
    ports = datagram.source_port, datagram.destination_port
    pseudo = _PSEUDO.pack(*ends, _PROTOCOL, length)
    checksum = internet_checksum(pseudo + _UDP.pack(*ports, length, 0) + datagram.payload)
    udp = _UDP.pack(*ports, length, checksum or 0xFFFF) + datagram.payload
    return _ip_header(*ends, length) + udp


def _ip_header(source: bytes, destination: bytes, length: int) -> bytes:
    def header(checksum: int) -> bytes:
        version = _IP_VERSION << 4 | _IP_WORDS
        size = _IP.size + length
        ends = source, destination
        return _IP.pack(version, 0, size, 0, _DONT_FRAGMENT, _TTL, _PROTOCOL, checksum, *ends)

    return header(internet_checksum(header(0)))


def decode_datagram(packet: bytes, *, verify: bool = True) -> Datagram:
    """The datagram in an IPv4 *packet*, which may be padded; raises Malformed.

    *verify*: whether the UDP checksum must be right. One from this very host may not be there yet,
    since hardware would have made it (TP_STATUS_CSUMNOTREADY in packet(7)).
    """
    if len(packet) < _IP.size:
        raise Malformed(f"{len(packet)} bytes are too few for an IPv4 packet")
    first, _, size, _, fragment, _, protocol, _, source, destination = _IP.unpack_from(packet)
    header = (first & 0xF) * 4
    if first >> 4 != _IP_VERSION or protocol != _PROTOCOL or fragment & _FRAGMENT:
        raise Malformed("not a whole UDP datagram over IPv4")
    if not _IP.size <= header <= size - _UDP.size or size > len(packet):
        raise Malformed(f"lengths of {header} and {size} bytes in a packet of {len(packet)}")
    if internet_checksum(packet[:header]):
        raise Malformed("the checksum of the IPv4 header is wrong")
    source_port, destination_port, length, checksum = _UDP.unpack_from(packet, header)
    if not _UDP.size <= length <= size - header:
        raise Malformed(f"a datagram of {length} bytes in a packet of {size}")
    datagram = packet[header : header + length]
    pseudo = _PSEUDO.pack(source, destination, _PROTOCOL, length)
    if verify and checksum and internet_checksum(pseudo + datagram):
        raise Malformed("the checksum of the UDP datagram is wrong")
    return Datagram(
        source=IPv4Address(source),
        source_port=source_port,
        destination=IPv4Address(destination),
        destination_port=destination_port,
        payload=datagram[_UDP.size :],
    )
