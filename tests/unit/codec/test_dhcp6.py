"""DHCPv6 messages in bytes."""

from __future__ import annotations

import string
from contextlib import suppress
from ipaddress import IPv6Address

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from seaway.codec.dhcp6 import decode_message, encode_message
from seaway.codec.udp import Malformed
from seaway.model.dhcp6 import (
    AddressSet,
    Kind6,
    Message6,
    OfferedAddress,
    Outcome,
    Status,
)

CLIENT = bytes.fromhex("00030001020000000101")
SERVER = bytes.fromhex("00010001329a6f0f020000000001")
OF_DNSMASQ = bytes.fromhex(
    "073ad092"
    " 0001000a 00030001020000000101"
    " 0002000e 00010001329a6f0f020000000001"
    " 000e0000"
    " 00030028 e55b923e 0000003c 00000069"
    "   00050018 20010db800000000000000000000005a 00000078 00000078"
    " 000d0009 0000 73756363657373"
    " 00070001 ff"
    " 0018000d 036c616e076578616d706c6500"
    " 00170010 20010db8000000000000000000000053"
    " 00270006 010477656231"
)
OF_ISC_DHCPD = bytes.fromhex(
    "0265611c"
    " 00030028 e55b923e 00000000 00000000"
    "   00050018 20010db8000000000000000000000099 00000050 00000064"
    " 0001000a 00030001020000000101"
    " 0002000e 00010001329a6f12020000000001"
)


def test_a_solicit_in_bytes() -> None:
    message = Message6(
        kind=Kind6.SOLICIT,
        xid=0x3AD092,
        client=CLIENT,
        sets=(AddressSet(iaid=0xE55B923E),),
        elapsed=0,
        rapid_commit=True,
        name="web1",
        wanted=(23, 24),
    )

    assert encode_message(message).hex(" ", -4) == (
        "013ad092"
        " 0001000a 00030001 02000000 0101"
        "0003 000ce55b 923e0000 00000000 0000"
        "0008 00020000"
        " 000e0000"
        " 00270006 01047765 6231"
        "0006 00040017 0018"
    )


def test_a_reply_of_dnsmasq_is_read() -> None:
    assert decode_message(OF_DNSMASQ) == Message6(
        kind=Kind6.REPLY,
        xid=0x3AD092,
        client=CLIENT,
        server=SERVER,
        sets=(
            AddressSet(
                iaid=0xE55B923E,
                t1=60,
                t2=105,
                addresses=(
                    OfferedAddress(address=IPv6Address("2001:db8::5a"), preferred=120, valid=120),
                ),
            ),
        ),
        preference=255,
        rapid_commit=True,
        outcome=Outcome(text="success"),
        dns=(IPv6Address("2001:db8::53"),),
        search=("lan.example",),
        name="web1",
    )


def test_an_advertisement_of_isc_dhcpd_is_read() -> None:
    read = decode_message(OF_ISC_DHCPD)

    assert (read.kind, read.preference, read.rapid_commit) == (Kind6.ADVERTISE, 0, False)
    assert read.sets[0].addresses == (
        OfferedAddress(address=IPv6Address("2001:db8::99"), preferred=80, valid=100),
    )


def test_what_a_server_says_of_a_part_belongs_to_the_part() -> None:
    no_binding = Outcome(code=Status.NO_BINDING, text="who?")
    not_here = Outcome(code=Status.NOT_ON_LINK)
    message = Message6(
        kind=Kind6.REPLY,
        xid=1,
        sets=(
            AddressSet(iaid=1, outcome=no_binding),
            AddressSet(
                iaid=2,
                addresses=(OfferedAddress(address=IPv6Address("fd00::1"), outcome=not_here),),
            ),
        ),
    )

    assert decode_message(encode_message(message)) == message


def test_a_name_of_one_label_has_no_end_and_a_whole_one_has() -> None:
    names = ["web", "web.lan.example"]

    wires = [encode_message(Message6(kind=Kind6.SOLICIT, xid=0, name=name)) for name in names]

    assert wires[0].endswith(b"\x00\x27\x00\x05\x01\x03web")
    assert wires[1].endswith(b"\x03web\x03lan\x07example\x00")
    assert [decode_message(wire).name for wire in wires] == names


def test_options_that_cannot_be_read_are_left_out_and_told() -> None:
    read = decode_message(
        bytes.fromhex(
            "07000001"
            " 00030004 e55b923e"
            " 0003001c e55b923e 00000000 00000000 0005000c 20010db80000000000000000"
            " 00030010 e55b923e 00000000 00000000 00050001"
            " 00080003 000000"
            " 000d0001 00"
            " 00170011 20010db800000000000000000000005300"
            " 00180002 c000"
        )
    )

    assert read == Message6(
        kind=Kind6.REPLY,
        xid=1,
        faults=(
            "option 3: a set of addresses is cut short",
            "option 3: an address is cut short",
            "option 3: option 5 is longer than what it is in",
            "option 8: 3 bytes in place of 2",
            "option 13: a status is cut short",
            "option 23: 17 bytes are no row of addresses",
            "option 24: a name points to itself or forward",
        ),
    )


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "index out of range"),
        (b"\x0c\0\0\1", "12 is not a valid Kind6"),
        (b"\7\0\0\1\0", "an option is cut short"),
        (b"\7\0\0\1\0\1\0\1", "option 1 is longer than what it is in"),
    ],
)
def test_what_is_no_message_is_malformed(data: bytes, why: str) -> None:
    with pytest.raises(Malformed, match=f"^no DHCPv6 message: {why}"):
        decode_message(data)


@given(st.binary(max_size=200))
@example(OF_DNSMASQ[4:])
def test_any_bytes_are_a_message_or_malformed(options: bytes) -> None:
    with suppress(Malformed):
        decode_message(b"\7\0\0\1" + options)


@given(at=st.integers(0, 400), byte=st.integers(0, 255), cut=st.integers(0, 40))
def test_a_damaged_message_is_read_or_malformed(at: int, byte: int, cut: int) -> None:
    wire = bytearray(OF_DNSMASQ)
    wire[at % len(wire)] = byte

    with suppress(Malformed):
        decode_message(bytes(wire[: len(wire) - cut]))


ADDRESSES = st.ip_addresses(v=6)
SECONDS = st.integers(0, 0xFFFFFFFF)
OUTCOMES = st.builds(
    Outcome, code=st.integers(0, 0xFFFF), text=st.text(string.printable, max_size=50)
)
OFFERED = st.builds(
    OfferedAddress, address=ADDRESSES, preferred=SECONDS, valid=SECONDS, outcome=OUTCOMES
)
SETS = st.builds(
    AddressSet,
    iaid=SECONDS,
    t1=SECONDS,
    t2=SECONDS,
    addresses=st.lists(OFFERED, max_size=3).map(tuple),
    outcome=OUTCOMES,
)
NAMES = st.from_regex(r"[a-z]{1,20}(\.[a-z]{1,20}){0,3}", fullmatch=True)


@given(
    st.builds(
        Message6,
        kind=st.sampled_from(Kind6),
        xid=st.integers(0, 0xFFFFFF),
        client=st.binary(max_size=130),
        server=st.binary(max_size=130),
        sets=st.lists(SETS, max_size=3).map(tuple),
        wanted=st.lists(st.integers(0, 0xFFFF), max_size=5).map(tuple),
        elapsed=st.none() | st.integers(0, 0xFFFF),
        preference=st.integers(0, 255),
        rapid_commit=st.booleans(),
        outcome=OUTCOMES,
        dns=st.lists(ADDRESSES, max_size=5).map(tuple),
        search=st.lists(NAMES, max_size=5).map(tuple),
        refresh_time=st.none() | SECONDS,
        name=NAMES | st.just(""),
        faults=st.just(()),
    )
)
def test_every_message_comes_back_as_it_went(message: Message6) -> None:
    assert decode_message(encode_message(message)) == message
