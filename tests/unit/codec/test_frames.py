"""Frames that tell neighbours where an address is, and those that ask."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaway.codec.frames import (
    Claim,
    announcement,
    arp_probe,
    claim,
    duplicate_solicitation,
    gratuitous_arp,
    internet_checksum,
    probe,
    unsolicited_advertisement,
)
from seaway.model.ids import Mac

MAC, OTHER = Mac("02:42:0a:4d:01:02"), Mac("02:42:ac:11:00:02")
FOUR, SIX = IPv4Address("192.0.2.50"), IPv6Address("2001:db8:0:1::50")


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


def test_a_frame_is_of_the_family_of_the_address() -> None:
    for make in (announcement, probe):
        assert make(MAC, ip_address("10.0.0.1"))[12:14] == b"\x08\x06"
        assert make(MAC, ip_address("fd00::1"))[12:14] == b"\x86\xdd"


# Asked


def test_an_arp_probe_comes_from_no_address() -> None:
    assert arp_probe(MAC, FOUR).hex(" ", 2) == (
        "ffff ffff ffff 0242 0a4d 0102 0806"  # to everybody, ARP
        " 0001 0800 0604 0001"  # Ethernet, IPv4, request
        " 0242 0a4d 0102 0000 0000"  # sender
        " 0000 0000 0000 c000 0232"  # target
    )


def test_a_solicitation_for_duplicates_goes_to_those_whose_addresses_end_alike() -> None:
    assert duplicate_solicitation(MAC, IPv6Address("2001:db8::12:3456")).hex(" ", 2) == (
        "3333 ff12 3456 0242 0a4d 0102 86dd"  # to the solicited-node group, IPv6
        " 6000 0000 0018 3aff"  # 24 bytes of ICMPv6, hop limit 255
        " 0000 0000 0000 0000 0000 0000 0000 0000"
        " ff02 0000 0000 0000 0000 0001 ff12 3456"
        " 8700 e41e 0000 0000"  # neighbour solicitation
        " 2001 0db8 0000 0000 0000 0000 0012 3456"
    )


@given(st.binary(min_size=16, max_size=16).map(IPv6Address))
def test_the_checksum_of_a_whole_solicitation_is_zero(address: IPv6Address) -> None:
    frame = duplicate_solicitation(MAC, address)

    assert internet_checksum(frame[22:54] + bytes([0, 0, 0, 24, 0, 0, 0, 58]) + frame[54:]) == 0


# Heard

ARP_REPLY = bytes.fromhex(
    "02420a4d0102 0242ac110002 0806 0001 0800 06 04 00020242ac110002 c0000232 02420a4d0102 00000000"
)
"""To a probe: 192.0.2.50 is at 02:42:ac:11:00:02."""
ADVERTISEMENT = bytes.fromhex(
    "333300000001 0242ac110002 86dd 60000000 0020 3a ff"
    "20010db8000000010000000000000050 ff020000000000000000000000000001"
    "8800 0000 20000000 20010db8000000010000000000000050 0201 0242ac110002"
)
"""The same of 2001:db8:0:1::50, to all nodes."""


@pytest.mark.parametrize(
    ("frame", "address", "holds"),
    [
        (ARP_REPLY, FOUR, True),
        (ARP_REPLY + bytes(18), FOUR, True),
        (gratuitous_arp(OTHER, FOUR), FOUR, True),
        (arp_probe(OTHER, FOUR), FOUR, False),
        (ADVERTISEMENT, SIX, True),
        (duplicate_solicitation(OTHER, SIX), SIX, False),
    ],
    ids=["reply", "padded", "announcement", "probe", "advertisement", "solicitation"],
)
def test_who_has_an_address_is_told_from_who_asks_for_it(
    frame: bytes, address: IPv4Address | IPv6Address, holds: bool
) -> None:
    assert claim(frame) == Claim(address=address, mac=OTHER, holds=holds)


def altered(frame: bytes, at: int, to: str) -> bytes:
    """*frame* with other bytes from *at* on."""
    new = bytes.fromhex(to)
    return frame[:at] + new + frame[at + len(new) :]


@pytest.mark.parametrize(
    "frame",
    [
        altered(ARP_REPLY, 12, "0800"),
        altered(ARP_REPLY, 14, "0006"),  # hardware that is no Ethernet
        altered(ARP_REPLY, 20, "0003"),  # RARP
        altered(ARP_REPLY, 28, "00000000"),
        altered(ADVERTISEMENT, 14, "40"),
        altered(ADVERTISEMENT, 20, "11"),
        altered(ADVERTISEMENT, 21, "fe"),  # a router passed it on
        altered(ADVERTISEMENT, 54, "86"),
        altered(ADVERTISEMENT, 55, "01"),
        altered(duplicate_solicitation(OTHER, SIX), 37, "01"),  # who looks for a neighbour
    ],
)
def test_other_frames_claim_nothing(frame: bytes) -> None:
    assert claim(frame) is None


@pytest.mark.parametrize("frame", [ARP_REPLY, ADVERTISEMENT[:78]])
def test_a_frame_that_ends_too_early_claims_nothing(frame: bytes) -> None:
    assert {claim(frame[:size]) for size in range(len(frame))} == {None}


@given(st.binary(max_size=100), st.sampled_from([b"\x08\x06", b"\x86\xdd"]))
def test_no_bytes_are_a_surprise(rest: bytes, kind: bytes) -> None:
    found = claim(bytes(12) + kind + rest)

    assert found is None or isinstance(found, Claim)
