"""The DNS codec beside an oracle."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import cast

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from seaway.codec.dns import (
    AAAA,
    ANY,
    IN,
    OPT,
    PTR,
    A,
    Edns,
    Query,
    QueryError,
    Rcode,
    decode_query,
    encode_answer,
    encode_name,
    encode_query,
    failed,
    for_asker,
    is_reply,
    is_truncated,
    truncated,
)
from seaway.plan.zone import folded

LABELS = st.lists(st.binary(min_size=1, max_size=63), max_size=4)
PLAIN_NAMES = st.from_regex(r"[a-zA-Z0-9_-]{1,20}(\.[a-zA-Z0-9_-]{1,20}){0,5}", fullmatch=True)
ADDRESSES = st.lists(st.ip_addresses(v=4), max_size=400)


def asked(name: str = "srv.", kind: str = "A", *, payload: int | None = None) -> Query:
    """The query that the oracle's bytes decode to, with EDNS when it has a *payload*."""
    edns = -1 if payload is None else 0
    query = dns.message.make_query(name, kind, id=0x1234, use_edns=edns, payload=payload or 0)
    return decode_query(query.to_wire())


def data_of(message: dns.message.Message) -> list[str]:
    """The data of the answers, in the order of the oracle."""
    return [str(item) for rrset in message.answer for item in cast("Iterable[object]", rrset)]


def on_the_wire(*labels: bytes) -> bytes:
    """A name as the oracle writes it."""
    wire = dns.name.Name((*labels, b"")).to_wire()
    assert wire is not None
    return wire


@given(
    labels=LABELS,
    kind=st.integers(1, 65535).filter(lambda kind: kind not in (41, 249, 250)),
    size=st.none() | st.integers(0, 65535),
    dnssec_ok=st.booleans(),
)
def test_queries_are_read_as_the_oracle_wrote_them(
    labels: list[bytes], kind: int, size: int | None, dnssec_ok: bool
) -> None:
    query = dns.message.make_query(
        dns.name.Name((*labels, b"")),
        dns.rdatatype.RdataType.make(kind),
        use_edns=-1 if size is None else 0,
        payload=size or 0,
        ednsflags=dns.flags.DO if dnssec_ok else 0,
    )

    read = decode_query(query.to_wire())

    assert read.id == query.id
    assert read.question == on_the_wire(*labels) + kind.to_bytes(2, "big") + b"\0\1"
    assert (read.type, read.rclass) == (kind, IN)
    assert read.edns == (None if size is None else Edns(size, dnssec_ok))


@given(PLAIN_NAMES)
def test_names_are_folded_as_the_zones_fold_them(name: str) -> None:
    assert asked(name).name == folded(name)


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        ((b"My", b"Net"), "my.net"),
        ((b"my.net",), r"my\.net"),
        ((b"a\\", b"b.c"), r"a\\.b\.c"),
        (("Bücher".encode(), b"de"), "bücher.de"),
        ((b"\xff\xc3",), "\udcff\udcc3"),
        ((), ""),
    ],
)
def test_a_dot_within_a_label_is_no_dot_between_two(labels: tuple[bytes, ...], text: str) -> None:
    wire = b"\0\0\1\0\0\1\0\0\0\0\0\0" + on_the_wire(*labels) + b"\0\1\0\1"

    assert decode_query(wire).name == text


@given(st.binary(max_size=600))
@example(b"\0" * 12)
@example(b"\0\0\1\0\0\1\0\0\0\0\0\0" + b"\xc0\x0c\0\1\0\1")
@example(b"\0\0\1\0\0\1\0\0\0\0\0\1" + b"\1a\0\0\1\0\1" + b"\xc0\x17\0\x29\0\0\0\0\0\0\0\0")
def test_any_bytes_are_a_query_or_a_query_error(message: bytes) -> None:
    try:
        query = decode_query(message)
    except QueryError as error:
        assert error.answer is None or error.answer[:2] == message[:2]
    else:
        assert encode_answer(query)[:2] == message[:2]


@given(
    name=PLAIN_NAMES,
    edns=st.booleans(),
    at=st.integers(0, 200),
    byte=st.integers(0, 255),
    cut=st.integers(0, 200),
)
def test_a_damaged_query_is_read_only_if_the_oracle_can_read_it(
    name: str, edns: bool, at: int, byte: int, cut: int
) -> None:
    wire = bytearray(dns.message.make_query(name, "A", use_edns=0 if edns else -1).to_wire())
    wire[at % len(wire)] = byte
    message = bytes(wire[: len(wire) - cut % 4])
    try:
        query = decode_query(message)
    except QueryError:
        return

    read = dns.message.from_wire(message)

    assert query.question == message[12 : 12 + len(query.question)]
    assert read.question[0].rdtype == query.type
    assert read.edns == (-1 if query.edns is None else query.edns.version)


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        (b"", None),
        (b"\x12\x34\1\0\0\1\0\0\0\0\0", None),
        (b"\x12\x34\x80\0\0\1\0\0\0\0\0\0\0\0\1\0\1", None),
        (b"\x12\x34\x28\0" + bytes(8), b"\x12\x34\xa8\x04" + bytes(8)),
        (b"\x12\x34\1\0\0\0" + bytes(6), b"\x12\x34\x81\x01" + bytes(8)),
        (b"\x12\x34\1\0\0\2" + bytes(6) + b"\0\0\1\0\1" * 2, b"\x12\x34\x81\x01" + bytes(8)),
        (b"\x12\x34\1\0\0\1" + bytes(6) + b"\1a\0\0\1\0\1junk", b"\x12\x34\x81\x01" + bytes(8)),
        (b"\x12\x34\1\0\0\1" + bytes(6) + b"\x40a\0\0\1\0\1", b"\x12\x34\x81\x01" + bytes(8)),
        (b"\x12\x34\1\0\0\1" + bytes(6) + b"\xc0\x0c\0\1\0\1", b"\x12\x34\x81\x01" + bytes(8)),
        (
            b"\x12\x34\1\0\0\1" + bytes(6) + (b"\x3f" + b"a" * 63) * 4 + b"\0\0\1\0\1",
            b"\x12\x34\x81\x01" + bytes(8),
        ),
        (
            b"\x12\x34\1\0\0\1\0\0\0\0\0\2\0\0\1\0\1" + (b"\0\0\x29" + bytes(8)) * 2,
            b"\x12\x34\x81\x01" + bytes(8),
        ),
    ],
    ids=[
        "empty",
        "short",
        "an answer",
        "an update",
        "no question",
        "two questions",
        "junk after it",
        "an unknown label",
        "a pointer to itself",
        "too long a name",
        "two OPT records",
    ],
)
def test_what_is_no_query_gets_what_its_sender_can_understand(
    message: bytes, answer: bytes | None
) -> None:
    with pytest.raises(QueryError) as caught:
        decode_query(message)

    assert caught.value.answer == answer


@given(name=PLAIN_NAMES, addresses=ADDRESSES, size=st.none() | st.integers(0, 65535))
def test_the_oracle_reads_our_answers_and_they_fit(
    name: str, addresses: list[IPv4Address], size: int | None
) -> None:
    query = dns.message.make_query(name, "A", use_edns=-1 if size is None else 0, payload=size or 0)
    decoded = decode_query(query.to_wire())

    wire = encode_answer(decoded, addresses, size=decoded.udp_size)

    answer = dns.message.from_wire(wire)
    got = data_of(answer)
    given_ = list(dict.fromkeys(map(str, addresses)))
    assert query.is_response(answer)
    assert answer.question[0].to_text() == query.question[0].to_text()
    assert len(wire) <= max(512, min(size or 512, 4096))
    assert got == given_[: len(got)]
    assert got == given_ or answer.flags & dns.flags.TC
    assert answer.edns == query.edns


def test_an_answer_in_bytes() -> None:
    assert encode_answer(asked("sRv."), [ip_address("10.1.0.2")]) == (
        b"\x12\x34\x85\x80\0\1\0\1\0\0\0\0\3sRv\0\0\1\0\1\xc0\x0c\0\1\0\1\0\0\0\0\0\4\x0a\1\0\2"
    )


def test_an_ipv6_answer_and_a_name() -> None:
    address = IPv6Address("fd00::2")

    forth = dns.message.from_wire(encode_answer(asked("srv.", "AAAA"), [address]))
    back = dns.message.from_wire(encode_answer(asked("2.0.1.10.in-addr.arpa.", "PTR"), ["srv.n1"]))

    assert forth.answer[0].to_text() == "srv. 0 IN AAAA fd00::2"
    assert back.answer[0].to_text() == "2.0.1.10.in-addr.arpa. 0 IN PTR srv.n1."


@pytest.mark.parametrize("rcode", list(Rcode))
def test_every_outcome_is_read_by_the_oracle(rcode: Rcode) -> None:
    answer = dns.message.from_wire(encode_answer(asked(payload=1232), rcode=rcode))

    assert answer.rcode() == int(rcode)
    assert answer.answer == answer.authority == []
    assert bool(answer.flags & dns.flags.AA) == (rcode in (Rcode.NOERROR, Rcode.NXDOMAIN))


def test_extended_dns_is_answered_in_kind() -> None:
    query = dns.message.make_query("srv.", "A", payload=1400, ednsflags=dns.flags.DO)

    answer = dns.message.from_wire(encode_answer(decode_query(query.to_wire())))

    assert (answer.edns, answer.payload, answer.ednsflags) == (0, 4096, dns.flags.DO)


@pytest.mark.parametrize(
    ("payload", "size"), [(0, 512), (511, 512), (1232, 1232), (4096, 4096), (65535, 4096)]
)
def test_a_datagram_is_as_long_as_the_asker_can_take(payload: int, size: int) -> None:
    assert asked(payload=payload).udp_size == size
    assert asked().udp_size == 512


@pytest.mark.parametrize("name", ["", "a..b", ".a", "a" * 64, ".".join(["a" * 60] * 5)])
def test_what_dns_cannot_say_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"label|longer"):
        encode_name(name)


@given(PLAIN_NAMES)
def test_names_are_written_as_the_oracle_writes_them(name: str) -> None:
    assert encode_name(name) == dns.name.from_text(name).to_wire()


def test_an_upstream_sees_question_flags_and_size_and_no_options() -> None:
    cookie = dns.edns.GenericOption("COOKIE", b"12345678")
    query = dns.message.make_query("sRv.", "AAAA", use_edns=0, payload=4096, options=[cookie])
    query.flags |= dns.flags.CD | dns.flags.AD

    wire = encode_query(decode_query(query.to_wire()), 7)

    sent = dns.message.from_wire(wire)
    assert b"12345678" not in wire
    assert sent.id == 7
    assert sent.flags == dns.flags.RD | dns.flags.CD | dns.flags.AD
    assert sent.question[0].to_text() == "sRv. IN AAAA"
    assert (sent.edns, sent.payload) == (0, 1232)


def reply_to(query: Query, ident: int) -> dns.message.Message:
    return dns.message.make_response(dns.message.from_wire(encode_query(query, ident)))


def test_only_the_reply_to_our_question_is_believed() -> None:
    query = asked("sRv.")
    right = reply_to(query, 7).to_wire()

    assert is_reply(right, query, 7)
    assert not is_reply(right, query, 8)
    assert not is_reply(right, asked("srv."), 7)
    assert not is_reply(right, asked("sRv.", "AAAA"), 7)
    assert not is_reply(encode_query(query, 7), query, 7)
    assert not is_reply(right[:11], query, 7)
    assert not is_reply(b"\0\7\x80\0" + bytes(8), query, 7)
    assert is_reply(b"\0\7\x80\1" + bytes(8), query, 7)


def test_replies_come_to_the_asker_under_its_own_id_and_with_its_question() -> None:
    query = asked("srv.")
    whole = reply_to(query, 7).to_wire()

    assert for_asker(whole, query) == b"\x12\x34" + whole[2:]
    assert dns.message.from_wire(for_asker(b"\0\7\x80\1" + bytes(8), query)).rcode() == 2
    assert [failed(b"\0\7\x80" + bytes([rcode])) for rcode in range(6)] == [
        False, True, True, False, True, True,
    ]  # fmt: skip


def test_a_reply_cut_short_keeps_question_and_outcome() -> None:
    query = asked("srv.", payload=1232)
    reply = reply_to(query, 7)
    reply.set_rcode(dns.rcode.NXDOMAIN)

    short = dns.message.from_wire(truncated(query, reply.to_wire()))

    assert (short.id, short.rcode()) == (0x1234, dns.rcode.NXDOMAIN)
    assert short.flags & dns.flags.TC
    assert is_truncated(truncated(query, reply.to_wire()))
    assert not is_truncated(reply.to_wire())


def test_the_numbers_are_those_of_the_registry() -> None:
    known = [dns.rdatatype.from_text(name) for name in ("A", "PTR", "AAAA", "OPT", "ANY")]

    assert known == [A, PTR, AAAA, OPT, ANY]
