"""Elements of nftables' sets and maps over netlink: packed by the types that a ruleset declares.

To add an element as text, libnftables reads all tables and sets anew; here the types are known, so
one batch of messages does. A batch is a transaction: all of its messages hold, or none.

Sources: include/uapi/linux/netfilter/{nfnetlink,nf_tables}.h, ``nfnetlink_rcv_batch()`` in
net/netfilter/nfnetlink.c, ``nft_add_set_elem()`` in net/netfilter/nf_tables_api.c; nft(8), "DATA
TYPES" and "SETS". Lengths of attributes are native, numbers in keys in network order.
"""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from ipaddress import IPv4Network, IPv6Network

from seaway.codec.rtnetlink import NLM_F_ACK, NLM_F_CREATE, Request, attribute

_NFTABLES = 10  # NFNL_SUBSYS_NFTABLES
_BATCH_BEGIN = 16
_BATCH_END = 17
_NFGENMSG = struct.Struct("=BBH")  # family, version, resource
_FAMILY = {"inet": 1, "netdev": 5, "bridge": 7}
_NESTED = 0x8000
_LIST_TABLE = 1  # NFTA_SET_ELEM_LIST_TABLE and so on
_LIST_SET = 2
_LIST_ELEMENTS = 3
_LIST_ELEM = 1
_ELEM_KEY = 1
_ELEM_DATA = 2
_ELEM_KEY_END = 10
_DATA_VALUE = 1
_LIST_LIMIT = 60_000
"""Bytes of elements in one message: the length of an attribute has 16 bits."""
_IFNAMSIZ = 16
_PROTOCOLS = {"tcp": 6, "udp": 17, "sctp": 132}

Span = tuple[bytes, bytes]
"""The first and the last value of a field, unpadded; the same where it is one value."""


class Unpackable(ValueError):
    """A set or an element that only nft can read."""


class Verb(IntEnum):
    """What happens to elements, as the type of the message that says so."""

    ADD = _NFTABLES << 8 | 12
    """NFT_MSG_NEWSETELEM: what is there already, with the same value, is fine."""
    DELETE = _NFTABLES << 8 | 14
    """NFT_MSG_DELSETELEM: ENOENT for what is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetType:
    """The type of a set or map, as nft's own names of the fields."""

    key: tuple[str, ...]
    value: tuple[str, ...] = ()
    """Empty in a set."""
    interval: bool = False
    """Whether a field may be a prefix or a range."""


_DECLARED = re.compile(
    r"^table (?P<table>\w+ \w+) \{$"
    r"|^ +(?:set|map) (?P<set>\w+) \{ type(?:of)? (?P<key>[^;:]+?)(?: : (?P<value>[^;]+))?;"
    r"(?P<rest>[^}]*)\}$",
    re.MULTILINE,
)


def declared(text: str) -> dict[tuple[str, str], SetType]:
    """The sets and maps that *text* for nft declares, each on a line of its own."""
    found: dict[tuple[str, str], SetType] = {}
    table = ""
    for match in _DECLARED.finditer(text):
        if match["table"]:
            table = match["table"]
            continue
        found[table, match["set"]] = SetType(
            key=tuple(match["key"].split(" . ")),
            value=tuple(match["value"].split(" . ")) if match["value"] else (),
            interval="interval" in match["rest"],
        )
    return found


# --- elements ---


def element(kind: SetType, key: str, value: str = "") -> bytes:
    """One element of a set of type *kind*, from nft's words for it; raises Unpackable.

    Without *value* it is as a set has it, or as one of a map is deleted.
    """
    first, last = _packed(kind.key, key)
    parts = attribute(_ELEM_KEY | _NESTED, attribute(_DATA_VALUE, first))
    if kind.interval:
        if len(kind.key) == 1:
            raise Unpackable("an interval of one field is two elements")
        parts += attribute(_ELEM_KEY_END | _NESTED, attribute(_DATA_VALUE, last))
    elif first != last:
        raise Unpackable(f"{key} is an interval, and its set has none")
    if value:
        data, end = _packed(kind.value, value)
        if data != end:
            raise Unpackable(f"{value} is more than one value")
        parts += attribute(_ELEM_DATA | _NESTED, attribute(_DATA_VALUE, data))
    return attribute(_LIST_ELEM | _NESTED, parts)


def _packed(fields: Sequence[str], text: str) -> Span:
    """The fields in *text*, each padded to four bytes, as nft concatenates them."""
    first = last = b""
    for begin, end in spans(fields, text):
        padding = bytes(-len(begin) % 4) if len(fields) > 1 else b""
        first, last = first + begin + padding, last + end + padding
    return first, last


def spans(fields: Sequence[str], text: str) -> tuple[Span, ...]:
    """What each of the *fields* in *text* spans; raises Unpackable."""
    words = text.split(" . ")
    if len(words) != len(fields):
        raise Unpackable(f"{text} has {len(words)} fields, not {len(fields)}")
    return tuple(_span(name, word) for name, word in zip(fields, words, strict=True))


def _span(name: str, word: str) -> Span:
    try:
        return _FIELDS[name](word)
    except (KeyError, ValueError, OSError, OverflowError, struct.error) as error:
        raise Unpackable(f"{word} as {name}") from error


def _interface(word: str) -> Span:
    name = word.removeprefix('"').removesuffix('"').encode()
    if not 0 < len(name) < _IFNAMSIZ or name.endswith(b"*"):
        raise ValueError("no interface's name")
    packed = name.ljust(_IFNAMSIZ, b"\0")
    return packed, packed


def _ipv4(word: str) -> Span:
    if "/" in word:
        prefix = IPv4Network(word)
        return prefix.network_address.packed, prefix.broadcast_address.packed
    packed = socket.inet_pton(socket.AF_INET, word)
    return packed, packed


def _ipv6(word: str) -> Span:
    if "/" in word:
        prefix = IPv6Network(word)
        return prefix.network_address.packed, prefix.broadcast_address.packed
    packed = socket.inet_pton(socket.AF_INET6, word)
    return packed, packed


def _mac(word: str) -> Span:
    packed = bytes.fromhex(word.replace(":", ""))
    if len(packed) != 6:
        raise ValueError("no MAC address")
    return packed, packed


def _protocol(word: str) -> Span:
    packed = bytes([_PROTOCOLS[word]])
    return packed, packed


def _ports(word: str) -> Span:
    first, _, last = word.partition("-")
    begin = struct.pack("!H", int(first))
    return begin, struct.pack("!H", int(last)) if last else begin


def _eight_bytes(word: str) -> Span:
    packed = int(word, 16).to_bytes(8, "big")
    return packed, packed


def _sixteen_bytes(word: str) -> Span:
    packed = int(word, 16).to_bytes(16, "big")
    return packed, packed


_FIELDS: Mapping[str, Callable[[str], Span]] = {
    "ifname": _interface,
    "iifname": _interface,
    "oifname": _interface,
    "ipv4_addr": _ipv4,
    "ipv6_addr": _ipv6,
    "ether_addr": _mac,
    "ether saddr": _mac,
    "inet_proto": _protocol,
    "inet_service": _ports,
    "@nh,128,64": _eight_bytes,
    "@th,64,128": _sixteen_bytes,
}


# --- messages ---


def change(verb: Verb, table: str, name: str, elements: Iterable[bytes]) -> Iterator[Request]:
    """Do *verb* to packed *elements* of the set *name*, in as few messages as can hold them."""
    family, _, table_name = table.partition(" ")
    head = _NFGENMSG.pack(_FAMILY[family], 0, 0)
    head += attribute(_LIST_TABLE, _text(table_name)) + attribute(_LIST_SET, _text(name))
    flags = NLM_F_CREATE if verb is Verb.ADD else 0
    for members in _lists(elements):
        yield Request(verb, flags, head + attribute(_LIST_ELEMENTS | _NESTED, members))


def _lists(elements: Iterable[bytes]) -> Iterator[bytes]:
    """*elements* joined, as many at a time as one message holds."""
    members: list[bytes] = []
    size = 0
    for one in elements:
        if size + len(one) > _LIST_LIMIT:
            yield b"".join(members)
            members, size = [], 0
        members.append(one)
        size += len(one)
    if members:
        yield b"".join(members)


def batch(changes: Sequence[Request]) -> tuple[Request, ...]:
    """*changes*, of which there is one at least, as one transaction.

    The last of them is acknowledged. Refusals come unasked and in order, so its acknowledgement
    comes after all of them; a refusal of the transaction as a whole names the first message.
    """
    *others, last = changes
    mark = _NFGENMSG.pack(0, 0, socket.htons(_NFTABLES))
    return (
        Request(_BATCH_BEGIN, 0, mark),
        *others,
        replace(last, flags=last.flags | NLM_F_ACK),
        Request(_BATCH_END, 0, mark),
    )


def _text(name: str) -> bytes:
    return name.encode() + b"\0"
