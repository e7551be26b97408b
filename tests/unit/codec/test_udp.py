"""UDP datagrams in IPv4 packets."""

from __future__ import annotations

from contextlib import suppress
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaway.codec.udp import Datagram, Malformed, decode_datagram, encode_datagram

ANYBODY, EVERYBODY = IPv4Address("0.0.0.0"), IPv4Address("255.255.255.255")
SHORT = Datagram(
    source=ANYBODY, source_port=68, destination=EVERYBODY, destination_port=67, payload=b"abc"
)
ADDRESSES = st.ip_addresses(v=4)
PORTS = st.integers(0, 65535)
DATAGRAMS = st.builds(
    Datagram,
    source=ADDRESSES,
    source_port=PORTS,
    destination=ADDRESSES,
    destination_port=PORTS,
    payload=st.binary(max_size=100),
)


def test_a_datagram_in_bytes() -> None:
    assert encode_datagram(SHORT).hex(" ", -4) == (
        "4500001f 00004000 40113acf"  # 31 bytes, whole, time to live 64, UDP
        " 00000000 ffffffff"
        " 00440043 000b3aef 616263"
    )


@given(DATAGRAMS, st.integers(0, 30))
def test_datagrams_come_back_as_they_went_and_padding_does_not(
    datagram: Datagram, padding: int
) -> None:
    assert decode_datagram(encode_datagram(datagram) + bytes(padding)) == datagram


@given(st.binary(max_size=100))
def test_any_bytes_are_a_datagram_or_malformed(packet: bytes) -> None:
    with suppress(Malformed):
        decode_datagram(packet)


@given(DATAGRAMS, st.data())
def test_a_datagram_with_one_bit_changed_is_malformed(
    datagram: Datagram, data: st.DataObject
) -> None:
    packet = bytearray(encode_datagram(datagram))
    bit = data.draw(st.integers(0, len(packet) * 8 - 1))
    packet[bit // 8] ^= 1 << bit % 8

    with pytest.raises(Malformed):
        decode_datagram(bytes(packet))


def test_a_checksum_that_hardware_would_have_made_is_not_missed() -> None:
    packet = bytearray(encode_datagram(SHORT))
    packet[26:28] = b"\x12\x34"

    with pytest.raises(Malformed, match="checksum of the UDP datagram"):
        decode_datagram(bytes(packet))
    assert decode_datagram(bytes(packet), verify=False) == SHORT


@pytest.mark.parametrize(
    ("at", "value"),
    [(0, b"\x65"), (0, b"\x4f"), (2, b"\x01\x00"), (6, b"\x20\x00"), (9, b"\x06"), (24, b"\0\x20")],
    ids=["IPv6", "a long header", "longer than it is", "a fragment", "TCP", "a long datagram"],
)
def test_another_packet_is_malformed(at: int, value: bytes) -> None:
    packet = bytearray(encode_datagram(SHORT))
    packet[at : at + len(value)] = value

    with pytest.raises(Malformed):
        decode_datagram(bytes(packet))
