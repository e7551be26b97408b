"""Frames that tell neighbours where an address is."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

from hypothesis import given
from hypothesis import strategies as st

from seaway.codec.frames import (
    announcement,
    gratuitous_arp,
    internet_checksum,
    unsolicited_advertisement,
)
from seaway.model.ids import Mac

MAC = Mac("02:42:0a:4d:01:02")


def test_a_gratuitous_arp_is_a_broadcast_request_for_ones_own_address() -> None:
    frame = gratuitous_arp(MAC, IPv4Address("10.77.1.2"))

    assert frame.hex(" ", 2) == (
        "ffff ffff ffff 0242 0a4d 0102 0806"  # to everybody, ARP
        " 0001 0800 0604 0001"  # Ethernet, IPv4, request
        " 0242 0a4d 0102 0a4d 0102"  # sender
        " 0000 0000 0000 0a4d 0102"  # target
    )


def test_an_unsolicited_advertisement_goes_to_all_nodes_and_overrides() -> None:
    frame = unsolicited_advertisement(MAC, IPv6Address("fd77:1::2"))

    assert frame.hex(" ", 2) == (
        "3333 0000 0001 0242 0a4d 0102 86dd"  # to all nodes, IPv6
        " 6000 0000 0020 3aff"  # 32 bytes of ICMPv6, hop limit 255
        " fd77 0001 0000 0000 0000 0000 0000 0002"
        " ff02 0000 0000 0000 0000 0000 0000 0001"
        " 8800 4e19 2000 0000"  # neighbour advertisement, override
        " fd77 0001 0000 0000 0000 0000 0000 0002"
        " 0201 0242 0a4d 0102"  # target link-layer address
    )


@given(st.binary(min_size=16, max_size=16).map(IPv6Address))
def test_the_checksum_of_a_whole_advertisement_is_zero(address: IPv6Address) -> None:
    icmp = unsolicited_advertisement(MAC, address)[54:]
    pseudo = address.packed + IPv6Address("ff02::1").packed + bytes([0, 0, 0, 32, 0, 0, 0, 58])

    assert internet_checksum(pseudo + icmp) == 0


def test_the_checksum_is_that_of_the_example_in_rfc_1071() -> None:
    assert internet_checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0xFFFF - 0xDDF2
    assert internet_checksum(b"\x01") == 0xFEFF


def test_an_announcement_is_of_the_family_of_the_address() -> None:
    assert announcement(MAC, ip_address("10.0.0.1"))[12:14] == b"\x08\x06"
    assert announcement(MAC, ip_address("fd00::1"))[12:14] == b"\x86\xdd"
