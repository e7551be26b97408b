"""DNS messages: queries read, answers written, and what a forwarder changes in between.

Sources: RFC 1035 section 4 (messages), RFC 3596 (AAAA), RFC 6891 (EDNS), RFC 4343 (upper and lower
case), RFC 5452 section 9 (which replies to believe).

Answers of our own have a lifetime of zero and negative ones carry no SOA record: without one nobody
may cache "there is no such name" (RFC 2308 section 5), so a change shows at the next question.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Address

from seaway.model.ids import Address

A, PTR, AAAA, OPT, ANY = 1, 12, 28, 41, 255
"""Types of records that we know; others are numbers to us."""
IN = 1
"""The only class that we answer."""

HEADER_SIZE = 12
PLAIN_SIZE = 512
"""Bytes of a UDP answer to an asker without EDNS (RFC 1035 section 4.2.1)."""
MAX_SIZE = 4096
"""Bytes of a UDP answer at most; it passes loopback only, which never fragments it."""
UPSTREAM_SIZE = 1232
"""Bytes of a UDP reply that we ask of upstreams: no fragments where IPv6 passes at all."""
STREAM_SIZE = 65535
"""Bytes of a TCP answer at most (RFC 1035 section 4.2.2)."""

_HEADER = struct.Struct("!6H")
_QUESTION_END = struct.Struct("!2H")
_RECORD = struct.Struct("!2HIH")  # type, class, lifetime, length of the data
_QR, _AA, _TC, _RD, _RA, _AD, _CD = 0x8000, 0x0400, 0x0200, 0x0100, 0x0080, 0x0020, 0x0010
_OPCODE = 0x7800
_DO = 0x8000
_MAX_NAME, _MAX_LABEL = 255, 63
_TO_QUESTION = b"\xc0\x0c"  # a pointer to the name of the question


class Rcode(IntEnum):
    """How an answer ends (RFC 1035 section 4.1.1, RFC 6891 section 9)."""

    NOERROR = 0
    FORMERR = 1
    SERVFAIL = 2
    NXDOMAIN = 3
    NOTIMP = 4
    REFUSED = 5
    BADVERS = 16


class QueryError(ValueError):
    """A message that is no query we can read; *answer* is what its sender gets, if anything."""

    def __init__(self, reason: str, answer: bytes | None = None) -> None:
        super().__init__(reason)
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Edns:
    """The extension a query carried."""

    size: int
    """Bytes of a UDP answer that the asker can take, as it said."""
    dnssec_ok: bool = False
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One question, as it was asked."""

    id: int
    flags: int
    """The header's second word."""
    question: bytes
    """The question section in the asker's spelling."""
    name: str
    """Labels joined with dots, ASCII in lower case (``plan.zone.folded``); empty for the root.

    A dot or backslash within a label has a backslash before it (RFC 1035 section 5.1).
    """
    type: int
    rclass: int
    edns: Edns | None = None

    @property
    def udp_size(self) -> int:
        """Bytes of a UDP answer that the asker can take, and we are ready to send."""
        return PLAIN_SIZE if self.edns is None else max(PLAIN_SIZE, min(self.edns.size, MAX_SIZE))


def decode_query(message: bytes) -> Query:
    """The query in *message*; raises QueryError."""
    if len(message) < HEADER_SIZE:
        raise QueryError("shorter than a header")
    ident, flags, questions, answers, authorities, additional = _HEADER.unpack_from(message)
    if flags & _QR:
        raise QueryError("an answer")
    if flags & _OPCODE:
        raise QueryError("not a standard query", _bare(ident, flags, Rcode.NOTIMP))
    try:
        labels, end = _question_name(message, questions, answers + authorities)
        type_, rclass = _QUESTION_END.unpack_from(message, end)
        edns = _additional(message, end + 4, additional)
    except (ValueError, IndexError, struct.error) as error:
        raise QueryError(str(error), _bare(ident, flags, Rcode.FORMERR)) from error
    return Query(
        id=ident,
        flags=flags,
        question=message[HEADER_SIZE : end + 4],
        name=_text(labels),
        type=type_,
        rclass=rclass,
        edns=edns,
    )


def encode_answer(
    query: Query,
    answers: Sequence[Address | str] = (),
    *,
    rcode: Rcode = Rcode.NOERROR,
    size: int = STREAM_SIZE,
) -> bytes:
    """Our answer to *query*: addresses, or names for a reverse query, in *size* bytes at most.

    When they are more than fit, those that fit and the sign to ask again by TCP: some resolvers
    (musl before 1.2.4) have no TCP and take what is there. Raises ValueError for a name that has no
    form in DNS.
    """
    opt = b"" if query.edns is None else _opt(MAX_SIZE, query.edns.dnssec_ok, rcode)
    room = size - HEADER_SIZE - len(query.question) - len(opt)
    records: list[bytes] = []
    for answer in answers:
        record = _address(answer) if not isinstance(answer, str) else _pointer(answer)
        room -= len(record)
        if room < 0:
            break
        records.append(record)
    own = rcode in (Rcode.NOERROR, Rcode.NXDOMAIN)
    flags = _QR | _RA | query.flags & (_RD | _CD) | rcode & 15
    flags |= (_AA if own else 0) | (_TC if room < 0 else 0)
    header = _HEADER.pack(query.id, flags, 1, len(records), 0, 1 if opt else 0)
    return b"".join((header, query.question, *records, opt))


def encode_query(query: Query, ident: int) -> bytes:
    """*query* for an upstream, under the id *ident*.

    EDNS is between neighbours only (RFC 6891 section 6.1.1), so cookies and the like stay here.
    """
    flags = query.flags & (_RD | _AD | _CD)
    opt = b""
    if query.edns is not None:
        opt = _opt(min(query.udp_size, UPSTREAM_SIZE), query.edns.dnssec_ok)
    return _HEADER.pack(ident, flags, 1, 0, 0, 1 if opt else 0) + query.question + opt


def is_reply(message: bytes, query: Query, ident: int) -> bool:
    """Whether *message* answers ``encode_query(query, ident)``: id and question, spelling included.

    A failure without any question counts too: some servers answer so what they cannot read.
    """
    if len(message) < HEADER_SIZE:
        return False
    got, flags, questions, _, _, _ = _HEADER.unpack_from(message)
    if got != ident or flags & (_QR | _OPCODE) != _QR:
        return False
    if not questions:
        return flags & 15 not in (Rcode.NOERROR, Rcode.NXDOMAIN)
    return questions == 1 and message.startswith(query.question, HEADER_SIZE)


def failed(reply: bytes) -> bool:
    """Whether the server could not answer, so that another may know better."""
    return reply[3] & 15 not in (Rcode.NOERROR, Rcode.NXDOMAIN)


def is_truncated(reply: bytes) -> bool:
    """Whether there is more to be had by TCP."""
    return bool(reply[2] & _TC >> 8)


def for_asker(reply: bytes, query: Query) -> bytes:
    """An upstream's *reply* as the asker gets it: under the asker's id, and with a question."""
    if reply[4:6] == b"\0\0":
        return encode_answer(query, rcode=Rcode.SERVFAIL)
    return query.id.to_bytes(2, "big") + reply[2:]


def truncated(query: Query, reply: bytes) -> bytes:
    """What an asker by UDP gets of a *reply* that is too long: the sign to ask by TCP."""
    flags = int.from_bytes(reply[2:4], "big") | _TC
    opt = b"" if query.edns is None else _opt(MAX_SIZE, query.edns.dnssec_ok)
    return _HEADER.pack(query.id, flags, 1, 0, 0, 1 if opt else 0) + query.question + opt


def _question_name(message: bytes, questions: int, records: int) -> tuple[list[bytes], int]:
    """The labels of the one question's name, and where it ends.

    Nothing precedes it that a compression pointer could lead to, so there is none to follow. More
    than one question is an error (RFC 9619).
    """
    if questions != 1 or records:
        raise ValueError("not one question alone")
    labels: list[bytes] = []
    at = HEADER_SIZE
    while length := message[at]:
        if length > _MAX_LABEL:
            raise ValueError("a pointer or unknown label in the question")
        labels.append(message[at + 1 : at + 1 + length])
        at += 1 + length
    if at + 1 - HEADER_SIZE > _MAX_NAME:
        raise ValueError("a name of more than 255 bytes")
    return labels, at + 1


def _text(labels: list[bytes]) -> str:
    name = b".".join(labels)
    if b"\\" in name or name.count(b".") >= len(labels) > 0:
        name = b".".join(i.replace(b"\\", b"\\\\").replace(b".", b"\\.") for i in labels)
    return name.lower().decode("utf-8", "surrogateescape")


def _additional(message: bytes, at: int, count: int) -> Edns | None:
    """The one OPT record among *count* further records, which must end with the message."""
    edns = None
    for _ in range(count):
        start, at = at, _skip_name(message, at)
        type_, rclass, lifetime, length = _RECORD.unpack_from(message, at)
        at += _RECORD.size + length
        if type_ == OPT:
            if edns is not None or message[start]:
                raise ValueError("a second OPT record, or one with a name")
            edns = Edns(rclass, bool(lifetime & _DO), lifetime >> 16 & 255)
    if at != len(message):
        raise ValueError("the message does not end with its last record")
    return edns


def _skip_name(message: bytes, at: int) -> int:
    """Where the name at *at* ends; a pointer (RFC 1035 section 4.1.4) ends it, nobody follows."""
    while length := message[at]:
        if length >= 0xC0:
            return at + 2
        if length > _MAX_LABEL:
            raise ValueError("an unknown kind of label")
        at += 1 + length
    return at + 1


def _bare(ident: int, flags: int, rcode: Rcode) -> bytes:
    """An answer to what could not be read: a header alone."""
    return _HEADER.pack(ident, _QR | flags & (_OPCODE | _RD) | rcode, 0, 0, 0, 0)


def _opt(size: int, dnssec_ok: bool, rcode: int = 0) -> bytes:
    return b"\0" + _RECORD.pack(OPT, size, rcode >> 4 << 24 | (_DO if dnssec_ok else 0), 0)


def _address(address: Address) -> bytes:
    type_ = A if isinstance(address, IPv4Address) else AAAA
    return _TO_QUESTION + _RECORD.pack(type_, IN, 0, len(address.packed)) + address.packed


def _pointer(name: str) -> bytes:
    data = encode_name(name)
    return _TO_QUESTION + _RECORD.pack(PTR, IN, 0, len(data)) + data


def encode_name(name: str) -> bytes:
    """*name* as labels on the wire; raises ValueError when it has no form there."""
    labels = name.encode("utf-8", "surrogateescape").split(b".")
    if not all(0 < len(label) <= _MAX_LABEL for label in labels):
        raise ValueError(f"{name!r} has a label of 0 or more than {_MAX_LABEL} bytes")
    wire = b"".join(bytes((len(label),)) + label for label in labels) + b"\0"
    if len(wire) > _MAX_NAME:
        raise ValueError(f"{name!r} is longer than {_MAX_NAME} bytes")
    return wire
