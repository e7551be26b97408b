"""Elements of nftables, packed. That Linux reads them as meant is tested in tests/netns."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaway.codec.nftelements import (
    SetType,
    Unpackable,
    Verb,
    batch,
    change,
    declared,
    element,
)
from seaway.codec.rtnetlink import attributes

PORTS = SetType(key=("inet_proto", "inet_service"), value=("ipv4_addr", "inet_service"))
RANGES = SetType(key=("ifname", "ipv4_addr"), interval=True)


def parts(packed: bytes) -> dict[int, bytes]:
    """The values in an element: its key, 10 for the end of an interval, 2 for where it leads."""
    return {
        kind: attributes(nested)[1] for kind, nested in attributes(attributes(packed)[1]).items()
    }


def test_a_ruleset_declares_its_types() -> None:
    text = """\
table inet seaway
delete table inet seaway
table inet seaway {
  set bridges { type ifname; }
  map any4 { type inet_proto . inet_service : ipv4_addr . inet_service; }
  set masq4 { type ifname . ipv4_addr; flags interval; }
  chain publish { meta l4proto . th dport map @any4 }
}
table bridge seaway {
  set own_na { typeof iifname . @th,64,128; }
  set drops { type ifname; counter; }
}
"""

    assert declared(text) == {
        ("inet seaway", "bridges"): SetType(key=("ifname",)),
        ("inet seaway", "any4"): PORTS,
        ("inet seaway", "masq4"): RANGES,
        ("bridge seaway", "own_na"): SetType(key=("iifname", "@th,64,128")),
        ("bridge seaway", "drops"): SetType(key=("ifname",)),
    }


@pytest.mark.parametrize(
    ("field", "word", "packed"),
    [
        ("ifname", '"eth0"', b"eth0" + bytes(12)),
        ("ipv4_addr", "192.0.2.1", b"\xc0\x00\x02\x01"),
        ("ipv6_addr", "fd00::2", b"\xfd" + bytes(14) + b"\x02"),
        ("ether_addr", "02:00:00:00:01:0a", b"\x02\x00\x00\x00\x01\x0a\x00\x00"),
        ("inet_proto", "udp", b"\x11\x00\x00\x00"),
        ("inet_service", "443", b"\x01\xbb\x00\x00"),
        ("@th,64,128", "0x00fd000700000000000000000000000002", b"\xfd\x00\x07" + bytes(12) + b"\2"),
    ],
)
def test_fields_of_a_concatenation_have_four_bytes_or_more(
    field: str, word: str, packed: bytes
) -> None:
    kind = SetType(key=(field, "inet_proto"))

    assert parts(element(kind, f"{word} . tcp")) == {1: packed + b"\x06\x00\x00\x00"}


def test_an_element_of_a_map_leads_to_its_value_and_is_deleted_without() -> None:
    key = b"\x06\x00\x00\x00\x1f\x90\x00\x00"

    assert parts(element(PORTS, "tcp . 8080", "10.7.0.2 . 80")) == {
        1: key,
        2: b"\x0a\x07\x00\x02\x00\x50\x00\x00",
    }
    assert parts(element(PORTS, "tcp . 8080")) == {1: key}


def test_an_element_of_an_interval_set_has_both_ends() -> None:
    name = b"br0" + bytes(13)

    assert parts(element(RANGES, '"br0" . 10.7.0.0/24')) == {
        1: name + b"\x0a\x07\x00\x00",
        10: name + b"\x0a\x07\x00\xff",
    }
    assert parts(element(RANGES, '"br0" . 10.7.0.9')) == {
        1: name + b"\x0a\x07\x00\x09",
        10: name + b"\x0a\x07\x00\x09",
    }


@pytest.mark.parametrize(
    ("kind", "key", "value"),
    [
        (PORTS, "tcp", ""),
        (PORTS, "tcp . 80-90", ""),
        (PORTS, "tcp . 65536", ""),
        (PORTS, "tcp . -1", ""),
        (PORTS, "icmp . 80", ""),
        (PORTS, "tcp . http", ""),
        (PORTS, "tcp . 80", "10.7.0.0/24 . 80"),
        (PORTS, "tcp . 80", "10.7.0.2"),
        (RANGES, '"br0" . 10.7.0.1/24', ""),
        (RANGES, '"br0" . fd00::/64', ""),
        (RANGES, '"br0" . 10.7.0.2', "10.7.0.3"),
        (RANGES, '"a-name-of-16-byt" . 10.7.0.2', ""),
        (RANGES, '"eth*" . 10.7.0.2', ""),
        (RANGES, '"" . 10.7.0.2', ""),
        (SetType(key=("ifname", "ether_addr")), '"br0" . 02:00', ""),
        (SetType(key=("mark",)), "1", ""),
        (SetType(key=("ipv4_addr",), interval=True), "10.0.0.0/8", ""),
    ],
)
def test_what_only_nft_can_read_is_not_packed(kind: SetType, key: str, value: str) -> None:
    with pytest.raises(Unpackable):
        element(kind, key, value)


@given(key=st.text(max_size=40), value=st.text(max_size=40))
def test_any_text_is_packed_or_unpackable(key: str, value: str) -> None:
    for kind in (PORTS, RANGES, SetType(key=("@th,64,128",)), SetType(key=("ether_addr",))):
        with suppress(Unpackable):
            element(kind, key, value)


def test_a_change_names_family_table_and_set() -> None:
    (add,) = change(Verb.ADD, "bridge seaway", "closed", [b"abcd"])
    (delete,) = change(Verb.DELETE, "inet seaway", "any4", [b"abcd", b"efgh"])

    assert (add.kind, add.flags, add.body[:4]) == (0x0A0C, 0x400, b"\x07\x00\x00\x00")
    assert attributes(add.body[4:]) == {1: b"seaway\0", 2: b"closed\0", 3: b"abcd"}
    assert (delete.kind, delete.flags, delete.body[:4]) == (0x0A0E, 0, b"\x01\x00\x00\x00")
    assert attributes(delete.body[4:]) == {1: b"seaway\0", 2: b"any4\0", 3: b"abcdefgh"}


def test_elements_that_no_message_can_hold_are_spread_over_several() -> None:
    elements = [bytes([n]) * 20_000 for n in range(7)]

    lists = [attributes(r.body[4:])[3] for r in change(Verb.ADD, "inet seaway", "any4", elements)]

    assert [len(one) for one in lists] == [60_000, 60_000, 20_000]
    assert b"".join(lists) == b"".join(elements)
    assert list(change(Verb.ADD, "inet seaway", "any4", [])) == []


def test_the_last_change_of_a_transaction_is_acknowledged() -> None:
    changes = [*change(Verb.DELETE, "inet seaway", "any4", [b"abcd"])] * 2

    begin, first, last, end = batch(changes)

    assert (begin.kind, begin.flags, begin.body) == (16, 0, b"\x00\x00\x00\x0a")
    assert (first.flags, last.flags, last.body) == (0, 0x4, changes[1].body)
    assert (end.kind, end.flags, end.body) == (17, 0, b"\x00\x00\x00\x0a")
