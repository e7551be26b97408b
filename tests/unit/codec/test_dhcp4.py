"""DHCPv4 messages in bytes."""

from __future__ import annotations

import string
from contextlib import suppress
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from seaway.codec.dhcp4 import decode_message, encode_message
from seaway.codec.udp import Malformed
from seaway.model.dhcp4 import Kind4, Message4
from seaway.model.ids import Mac
from seaway.model.lease import LeasedRoute

MAC = Mac("02:00:00:00:00:07")
COOKIE = bytes.fromhex("63825363")
DISCOVER = Message4(
    kind=Kind4.DISCOVER,
    xid=0x01020304,
    mac=MAC,
    secs=4,
    client_id=bytes.fromhex("01020000000007"),
    hostname="web",
    wanted=(1, 121, 3, 6, 15, 119, 26, 58, 59),
    max_size=1472,
)


def reply(
    options: str, *, sname: bytes = b"", file: bytes = b"", yiaddr: str = "c000021a"
) -> bytes:
    """A reply to DISCOVER with *options* in hexadecimal."""
    head = bytes.fromhex(
        f"0201060001020304 00000000 00000000 {yiaddr} c0000201 00000000 020000000007"
    )
    return (
        head.ljust(44, b"\0")
        + sname.ljust(64, b"\0")
        + file.ljust(128, b"\0")
        + COOKIE
        + bytes.fromhex(options)
    )


OF_DNSMASQ = reply(
    "350102 3604c0000201 330400000078 3a040000003c 3b0400000069 0104ffffff00 1c04c00002ff"
    " 0304c0000201 0f0b6c616e2e6578616d706c65 0608c0000235c0000236 1a020578"
    " 770f036c616e076578616d706c6500c004 790b080ac00002fe00c0000201 ff"
)
OF_ISC_DHCPD = reply(
    "350102 3604c0000201 33040000003c 3a0400000014 3b0400000028 0104ffffff00"
    " 790b080ac00002fe00c0000201 0304c0000201 0604c0000235 0f0b6c616e2e6578616d706c65"
    " 770f036c616e076578616d706c6500c004 1a020578 ff",
    yiaddr="c000020a",
)
ROUTES = (
    LeasedRoute(to=IPv4Network("10.0.0.0/8"), via=IPv4Address("192.0.2.254")),
    LeasedRoute(to=IPv4Network("0.0.0.0/0"), via=IPv4Address("192.0.2.1")),
)


def test_a_discover_in_bytes() -> None:
    wire = encode_message(DISCOVER)

    assert wire[:44].hex(" ", -4) == (
        "01010600 01020304 00040000"  # a request over Ethernet, four seconds old
        " 00000000 00000000 00000000 00000000"
        " 02000000 00070000 00000000 00000000"
    )
    assert wire[44:236] == bytes(192)
    assert wire[236:].rstrip(b"\0").hex(" ") == (
        "63 82 53 63"
        " 35 01 01"
        " 39 02 05 c0"
        " 0c 03 77 65 62"
        " 3d 07 01 02 00 00 00 00 07"
        " 37 09 01 79 03 06 0f 77 1a 3a 3b"
        " ff"
    )
    assert len(wire) == 300


def test_a_client_that_cannot_hear_its_own_mac_asks_for_broadcasts() -> None:
    wire = encode_message(replace(DISCOVER, broadcast=True))

    assert wire[10:12] == b"\x80\x00"


def test_an_offer_of_dnsmasq_is_read() -> None:
    assert decode_message(OF_DNSMASQ) == Message4(
        kind=Kind4.OFFER,
        xid=0x01020304,
        mac=MAC,
        yiaddr=IPv4Address("192.0.2.26"),
        server=IPv4Address("192.0.2.1"),
        lease_time=120,
        renewal_time=60,
        rebinding_time=105,
        prefix_length=24,
        routers=(IPv4Address("192.0.2.1"),),
        routes=ROUTES,
        dns=(IPv4Address("192.0.2.53"), IPv4Address("192.0.2.54")),
        domain="lan.example",
        search=("lan.example", "example"),
        mtu=1400,
    )


def test_an_offer_of_isc_dhcpd_is_read() -> None:
    read = decode_message(OF_ISC_DHCPD)

    assert (read.kind, read.yiaddr) == (Kind4.OFFER, IPv4Address("192.0.2.10"))
    assert (read.lease_time, read.renewal_time, read.rebinding_time) == (60, 20, 40)
    assert (read.routes, read.search, read.faults) == (ROUTES, ("lan.example", "example"), ())


def test_the_examples_of_rfc_3442_are_read() -> None:
    read = decode_message(
        reply(
            "350105 79 2c 00 0a000001 080a 0a000001 180a0000 0a000001 100a11 0a000001"
            " 190ae50080 0a000001 200ac67a2f 00000000 ff"
        )
    )

    assert read.routes is not None
    assert [(str(r.to), r.via and str(r.via)) for r in read.routes] == [
        ("0.0.0.0/0", "10.0.0.1"),
        ("10.0.0.0/8", "10.0.0.1"),
        ("10.0.0.0/24", "10.0.0.1"),
        ("10.17.0.0/16", "10.0.0.1"),
        ("10.229.0.128/25", "10.0.0.1"),
        ("10.198.122.47/32", None),
    ]


def test_options_run_over_into_the_fields_for_files() -> None:
    wire = reply(
        "350105 340103 ff",
        file=bytes.fromhex("0304c0000201 ff"),
        sname=bytes.fromhex("00 1a020578 ff"),
    )

    read = decode_message(wire)

    assert read.routers == (IPv4Address("192.0.2.1"),)
    assert read.mtu == 1400


def test_pieces_of_a_long_option_belong_together() -> None:
    routers = tuple(IPv4Address(n) for n in range(1, 101))
    wire = encode_message(Message4(kind=Kind4.ACK, xid=1, mac=MAC, routers=routers))

    assert b"\x03\xff\0\0\0\1" in wire
    assert decode_message(wire).routers == routers


def test_options_that_cannot_be_read_are_left_out_and_told() -> None:
    read = decode_message(
        reply(
            "350105 3303000078 0104ff00ff00 0305c000020101 1a03000578 7702c000 7906210a000001c0 ff"
        )
    )

    assert read == Message4(
        kind=Kind4.ACK,
        xid=0x01020304,
        mac=MAC,
        yiaddr=IPv4Address("192.0.2.26"),
        faults=(
            "option 51: 3 bytes in place of 4",
            "option 1: 255.0.255.0 is no mask of a subnet",
            "option 3: 5 bytes are no row of addresses",
            "option 121: a route of prefix length 33 is cut short or impossible",
            "option 119: a name points to itself or forward",
            "option 26: 3 bytes in place of 2",
        ),
    )


def test_text_ends_before_a_zero_byte() -> None:
    read = decode_message(reply("350106 38056e6f210000 ff"))

    assert (read.kind, read.text) == (Kind4.NAK, "no!")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "too few"),
        (OF_DNSMASQ[:239], "too few"),
        (bytes(300), "BOOTP"),
        (reply("ff"), "no known kind"),
        (reply("350101 ff"), "no known kind"),
        (reply("35010e ff"), "no known kind"),
        (reply("35020202 ff"), "no known kind"),
        (b"\1" + OF_DNSMASQ[1:], "no known kind"),
        (OF_DNSMASQ[:1] + b"\6" + OF_DNSMASQ[2:], "none of Ethernet"),
        (reply("350102 36ff"), "longer than the message"),
        (reply("350102 36"), "longer than the message"),
    ],
    ids=[
        "nothing", "short", "no cookie", "no kind", "a request from a server", "unknown",
        "two kinds", "a reply from a client", "InfiniBand", "too long", "no length",
    ],
)  # fmt: skip
def test_what_is_no_message_is_malformed(data: bytes, why: str) -> None:
    with pytest.raises(Malformed, match=why):
        decode_message(data)


@given(st.binary(max_size=80), st.binary(max_size=64), st.binary(max_size=20))
@example(b"\x34\1\3\x35\1\2", b"\xff" * 64, b"\3\xff")
def test_any_options_are_a_message_or_malformed(options: bytes, file: bytes, sname: bytes) -> None:
    with suppress(Malformed):
        decode_message(reply(options.hex(), file=file, sname=sname))


@given(at=st.integers(0, 400), byte=st.integers(0, 255), cut=st.integers(0, 100))
def test_a_damaged_message_is_read_or_malformed(at: int, byte: int, cut: int) -> None:
    wire = bytearray(OF_DNSMASQ)
    wire[at % len(wire)] = byte

    with suppress(Malformed):
        decode_message(bytes(wire[: len(wire) - cut]))


ADDRESSES = st.ip_addresses(v=4)
ROWS = st.lists(ADDRESSES, max_size=70).map(tuple)
NUMBERS = st.none() | st.integers(0, 0xFFFFFFFF)
SIZES = st.none() | st.integers(0, 0xFFFF)
TEXTS = st.text(string.printable, max_size=300)
NAMES = st.from_regex(r"[a-z]{1,20}(\.[a-z]{1,20}){0,3}", fullmatch=True)


def prefix(address: IPv4Address, length: int) -> IPv4Network:
    return IPv4Network((int(address), length), strict=False)


PREFIXES = st.builds(prefix, ADDRESSES, st.integers(0, 32))
ROUTE = st.builds(
    LeasedRoute, to=PREFIXES, via=st.none() | ADDRESSES.filter(lambda a: not a.is_unspecified)
)


@given(
    st.builds(
        Message4,
        kind=st.sampled_from(Kind4),
        xid=st.integers(0, 0xFFFFFFFF),
        mac=st.binary(min_size=6, max_size=6).map(lambda b: Mac(b.hex(":"))),
        secs=st.integers(0, 0xFFFF),
        broadcast=st.booleans(),
        ciaddr=ADDRESSES,
        yiaddr=ADDRESSES,
        requested=st.none() | ADDRESSES,
        server=st.none() | ADDRESSES,
        lease_time=NUMBERS,
        renewal_time=NUMBERS,
        rebinding_time=NUMBERS,
        prefix_length=st.none() | st.integers(0, 32),
        routers=ROWS,
        routes=st.none() | st.lists(ROUTE, max_size=40).map(tuple),
        dns=ROWS,
        domain=NAMES | st.just(""),
        search=st.lists(NAMES, max_size=5).map(tuple),
        mtu=SIZES,
        hostname=TEXTS,
        client_id=st.binary(max_size=300),
        wanted=st.lists(st.integers(0, 255), max_size=20).map(tuple),
        max_size=SIZES,
        text=TEXTS,
        faults=st.just(()),
    )
)
def test_every_message_comes_back_as_it_went(message: Message4) -> None:
    assert decode_message(encode_message(message)) == message
