"""Connection tracking over netlink: which flows to look at, and their deletion.

Sources: include/uapi/linux/netfilter/nfnetlink_conntrack.h, ``ctnetlink_alloc_filter()`` in
net/netfilter/nf_conntrack_netlink.c. Numbers inside attributes are in network order.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

from seaway.codec.rtnetlink import NLM_F_ACK, NLM_F_DUMP, Malformed, Request, attribute, attributes
from seaway.model.ids import Address
from seaway.model.port import Proto

_SUBSYSTEM = 1 << 8  # NFNL_SUBSYS_CTNETLINK
_GET = _SUBSYSTEM | 1
_DELETE = _SUBSYSTEM | 2
_NESTED = 0x8000
_CTA_TUPLE_ORIG = 1
_CTA_TUPLE_REPLY = 2
_CTA_ID = 12
_CTA_FILTER = 25
_CTA_TUPLE_IP = 1
_CTA_TUPLE_PROTO = 2
_CTA_IP = {4: (1, 2), 6: (3, 4)}  # source, destination
_CTA_PROTO_NUM = 1
_CTA_PROTO_DST_PORT = 3
_FILTER_ORIG = 1
_FILTER_REPLY = 2
_F_IP_SRC = 1 << 0  # CTA_FILTER_F_CTA_IP_SRC and so on
_F_IP_DST = 1 << 1
_F_PROTO_NUM = 1 << 3
_F_PROTO_DST_PORT = 1 << 5
_NFGENMSG = struct.Struct("=BBH")
_FAMILY = {4: 2, 6: 10}
_NUMBER = {Proto.TCP: 6, Proto.UDP: 17, Proto.SCTP: 132}


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowFilter:
    """What the kernel shall compare; None is anything."""

    version: int
    proto: Proto | None = None
    source: Address | None = None
    """Of the first packet, or of the answers where *reply*."""
    destination: Address | None = None
    port: int | None = None
    """Destination port; needs *proto*."""
    reply: bool = False


@dataclass(frozen=True, slots=True)
class Flow:
    """A tracked flow, as far as its deletion needs it."""

    original: bytes
    """The tuple of the first packet, packed."""
    id: bytes
    port: int
    """Its destination port; 0 in protocols without."""
    ends: frozenset[bytes] = frozenset()
    """Whom it concerns, packed: source and destination of its first packet, and who answers."""
    first: tuple[bytes, ...] = ()
    """Source and destination of its first packet, packed."""


def dump_all_flows(version: int) -> Request:
    """Ask for all flows of one family."""
    return Request(_GET, NLM_F_DUMP, _NFGENMSG.pack(_FAMILY[version], 0, 0))


def dump_flows(flows: FlowFilter) -> Request:
    """Ask for the flows that match, the comparing done by the kernel (since Linux 5.8)."""
    ip, flags = _ip_part(flows)
    proto = b""
    if flows.proto is not None:
        proto = attribute(_CTA_PROTO_NUM, bytes([_NUMBER[flows.proto]]))
        flags |= _F_PROTO_NUM
        if flows.port is not None:
            proto += attribute(_CTA_PROTO_DST_PORT, struct.pack("!H", flows.port))
            flags |= _F_PROTO_DST_PORT
    side, side_flags = (
        (_CTA_TUPLE_REPLY, _FILTER_REPLY) if flows.reply else (_CTA_TUPLE_ORIG, _FILTER_ORIG)
    )
    tuple_ = attribute(_CTA_TUPLE_IP | _NESTED, ip) + attribute(_CTA_TUPLE_PROTO | _NESTED, proto)
    body = (
        _NFGENMSG.pack(_FAMILY[flows.version], 0, 0)
        + attribute(side | _NESTED, tuple_)
        + attribute(_CTA_FILTER | _NESTED, attribute(side_flags, struct.pack("=I", flags)))
    )
    return Request(_GET, NLM_F_DUMP, body)


def _ip_part(flows: FlowFilter) -> tuple[bytes, int]:
    source, destination = _CTA_IP[flows.version]
    ip, flags = b"", 0
    if flows.source is not None:
        ip, flags = attribute(source, flows.source.packed), _F_IP_SRC
    if flows.destination is not None:
        ip, flags = ip + attribute(destination, flows.destination.packed), flags | _F_IP_DST
    return ip, flags


def flow(body: bytes) -> Flow:
    """The flow in an IPCTNL_MSG_CT_NEW; raises Malformed."""
    found = attributes(body[_NFGENMSG.size :])
    original = found.get(_CTA_TUPLE_ORIG)
    if original is None:
        raise Malformed("a flow without a tuple")
    parts, answer = attributes(original), attributes(found.get(_CTA_TUPLE_REPLY, b""))
    proto = attributes(parts.get(_CTA_TUPLE_PROTO, b""))
    port = int.from_bytes(proto.get(_CTA_PROTO_DST_PORT, b""), "big")
    first = _addresses(parts)
    ends = frozenset((*first, *_addresses(answer)[:1]))
    return Flow(original, found.get(_CTA_ID, b""), port, ends, first)


def _addresses(tuple_: Mapping[int, bytes]) -> tuple[bytes, ...]:
    """Source and destination in the parts of a tuple, packed."""
    ip = attributes(tuple_.get(_CTA_TUPLE_IP, b""))
    return tuple(ip[kind] for kind in sorted(ip))


def delete_flow(version: int, gone: Flow) -> Request:
    """Drop one flow; ENOENT when it is gone already. The id keeps a newer one of the same tuple."""
    body = _NFGENMSG.pack(_FAMILY[version], 0, 0) + attribute(
        _CTA_TUPLE_ORIG | _NESTED, gone.original
    )
    if gone.id:
        body += attribute(_CTA_ID, gone.id)
    return Request(_DELETE, NLM_F_ACK, body)
