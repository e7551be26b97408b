"""DHCPv4 messages: bytes to values and back.

Sources: RFC 2131 section 2 (the message), RFC 2132 (options), RFC 3396 (long options), RFC 3397
(search domains), RFC 3442 (classless routes).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network
from typing import TypeVar

from seaway.codec.domains import decode_names, encode_names
from seaway.codec.udp import Malformed
from seaway.model.dhcp4 import NO_ADDRESS, Kind4, Message4, Option4
from seaway.model.ids import Mac
from seaway.model.lease import LeasedRoute

CLIENT_PORT, SERVER_PORT = 68, 67

T = TypeVar("T")

_HEAD = struct.Struct("!BBBBIHH4s4s4s4s6s10x")
_SNAME, _FILE, _COOKIE_AT = slice(44, 108), slice(108, 236), 236
_COOKIE = b"\x63\x82\x53\x63"
_REQUEST, _REPLY = 1, 2
_ETHERNET, _MAC_SIZE = 1, 6
_BROADCAST = 0x8000
_PAD, _END = 0, 255
_SHORTEST = 300
"""Bytes of a message at least: relays made for BOOTP drop shorter ones (RFC 1542 section 2.1)."""
_PIECE = 255
"""Bytes of an option at most; a longer one goes in pieces (RFC 3396)."""
_IN_FILE, _IN_SNAME = 1, 2


def encode_message(message: Message4) -> bytes:
    """*message* in bytes, all its options in the options field; *faults* are not sent."""
    head = _HEAD.pack(
        _REPLY if message.kind.is_reply else _REQUEST,
        _ETHERNET,
        _MAC_SIZE,
        0,
        message.xid,
        message.secs,
        _BROADCAST if message.broadcast else 0,
        message.ciaddr.packed,
        message.yiaddr.packed,
        NO_ADDRESS.packed,
        NO_ADDRESS.packed,
        bytes.fromhex(message.mac.replace(":", "")),
    )
    options = b"".join(_option(number, data) for number, data in _told(message))
    whole = head.ljust(_COOKIE_AT, b"\0") + _COOKIE + options + bytes((_END,))
    return whole.ljust(_SHORTEST, b"\0")


def _told(message: Message4) -> Iterator[tuple[Option4, bytes]]:
    """The options of *message*, its kind first, by which some servers know DHCP."""
    yield Option4.KIND, bytes((message.kind,))
    addresses = {Option4.REQUESTED_ADDRESS: message.requested, Option4.SERVER: message.server}
    for number, address in addresses.items():
        if address is not None:
            yield number, address.packed
    seconds = {
        Option4.LEASE_TIME: message.lease_time,
        Option4.RENEWAL_TIME: message.renewal_time,
        Option4.REBINDING_TIME: message.rebinding_time,
    }
    for number, each in seconds.items():
        if each is not None:
            yield number, each.to_bytes(4, "big")
    for number, size in {Option4.MAX_SIZE: message.max_size, Option4.MTU: message.mtu}.items():
        if size is not None:
            yield number, size.to_bytes(2, "big")
    if message.prefix_length is not None:
        yield Option4.SUBNET_MASK, IPv4Network((0, message.prefix_length)).netmask.packed
    if message.routes is not None:
        yield Option4.ROUTES, b"".join(map(_route, message.routes))
    rest = {
        Option4.ROUTERS: _packed(message.routers),
        Option4.DNS: _packed(message.dns),
        Option4.DOMAIN_NAME: message.domain.encode(),
        Option4.SEARCH: encode_names(message.search),
        Option4.HOST_NAME: message.hostname.encode(),
        Option4.CLIENT_ID: message.client_id,
        Option4.WANTED: bytes(message.wanted),
        Option4.TEXT: message.text.encode(),
    }
    yield from ((number, data) for number, data in rest.items() if data)


def _option(number: int, data: bytes) -> bytes:
    pieces = (data[at : at + _PIECE] for at in range(0, max(len(data), 1), _PIECE))
    return b"".join(bytes((number, len(piece))) + piece for piece in pieces)


def _packed(addresses: Iterable[IPv4Address]) -> bytes:
    return b"".join(address.packed for address in addresses)


def _route(route: LeasedRoute) -> bytes:
    length = route.to.prefixlen
    significant = route.to.network_address.packed[: (length + 7) // 8]
    return bytes((length,)) + significant + (route.via or NO_ADDRESS).packed


def decode_message(data: bytes) -> Message4:
    """The message in *data*; raises Malformed.

    A single option that cannot be read is left out, and told in *faults*: a server that garbles one
    may give a good address all the same.
    """
    if len(data) < _COOKIE_AT + len(_COOKIE):
        raise Malformed(f"{len(data)} bytes are too few for a DHCP message")
    if not data.startswith(_COOKIE, _COOKIE_AT):
        raise Malformed("a BOOTP message, or none at all")
    options = _Options(_all_options(data))
    op, htype, size, _, xid, secs, flags, ciaddr, yiaddr, _, _, mac = _HEAD.unpack_from(data)
    kind = options.read(Option4.KIND, _kind, None)
    if kind is None or op != (_REPLY if kind.is_reply else _REQUEST):
        raise Malformed("a message of no known kind")
    if (htype, size) != (_ETHERNET, _MAC_SIZE):
        raise Malformed(
            f"an address of hardware type {htype} with {size} bytes is none of Ethernet"
        )
    return Message4(
        kind=kind,
        xid=xid,
        mac=Mac(mac.hex(":")),
        secs=secs,
        broadcast=bool(flags & _BROADCAST),
        ciaddr=IPv4Address(ciaddr),
        yiaddr=IPv4Address(yiaddr),
        requested=options.read(Option4.REQUESTED_ADDRESS, IPv4Address, None),
        server=options.read(Option4.SERVER, IPv4Address, None),
        lease_time=options.read(Option4.LEASE_TIME, _number(4), None),
        renewal_time=options.read(Option4.RENEWAL_TIME, _number(4), None),
        rebinding_time=options.read(Option4.REBINDING_TIME, _number(4), None),
        prefix_length=options.read(Option4.SUBNET_MASK, _prefix_length, None),
        routers=options.read(Option4.ROUTERS, _addresses, ()),
        routes=options.read(Option4.ROUTES, _routes, None),
        dns=options.read(Option4.DNS, _addresses, ()),
        domain=options.read(Option4.DOMAIN_NAME, _text, ""),
        search=options.read(Option4.SEARCH, decode_names, ()),
        mtu=options.read(Option4.MTU, _number(2), None),
        hostname=options.read(Option4.HOST_NAME, _text, ""),
        client_id=options.read(Option4.CLIENT_ID, bytes, b""),
        wanted=options.read(Option4.WANTED, tuple, ()),
        max_size=options.read(Option4.MAX_SIZE, _number(2), None),
        text=options.read(Option4.TEXT, _text, ""),
        faults=tuple(options.faults),
    )


class _Options:
    """Options by number, read one by one."""

    def __init__(self, found: dict[int, bytes]) -> None:
        self._found = found
        self.faults: list[str] = []

    def read(self, option: Option4, how: Callable[[bytes], T], absent: T) -> T:
        """What *how* makes of *option*; *absent* where it is not there, or is no such thing."""
        data = self._found.get(option)
        if data is None:
            return absent
        try:
            return how(data)
        except ValueError as error:
            self.faults.append(f"option {option.value}: {error}")
            return absent


def _all_options(data: bytes) -> dict[int, bytes]:
    """The options by number: of the options field, and of the two that it may run over into.

    Source: RFC 2131 section 4.1, RFC 3396 section 5 (the order, and pieces that belong together).
    """
    found = _add_options({}, data[_COOKIE_AT + len(_COOKIE) :])
    overload = found.get(Option4.OVERLOAD, b"\0")[:1] or b"\0"
    if overload[0] & _IN_FILE:
        _add_options(found, data[_FILE])
    if overload[0] & _IN_SNAME:
        _add_options(found, data[_SNAME])
    return found


def _add_options(found: dict[int, bytes], data: bytes) -> dict[int, bytes]:
    at = 0
    while at < len(data) and (number := data[at]) != _END:
        if number == _PAD:
            at += 1
            continue
        begin = at + 2
        at = begin + data[at + 1] if at + 1 < len(data) else len(data) + 1
        if at > len(data):
            raise Malformed(f"option {number} is longer than the message")
        found[number] = found.get(number, b"") + data[begin:at]
    return found


def _kind(data: bytes) -> Kind4:
    return Kind4(_number(1)(data))


def _number(size: int) -> Callable[[bytes], int]:
    def number(data: bytes) -> int:
        if len(data) != size:
            raise ValueError(f"{len(data)} bytes in place of {size}")
        return int.from_bytes(data, "big")

    return number


def _addresses(data: bytes) -> tuple[IPv4Address, ...]:
    if len(data) % 4:
        raise ValueError(f"{len(data)} bytes are no row of addresses")
    return tuple(IPv4Address(data[at : at + 4]) for at in range(0, len(data), 4))


def _prefix_length(data: bytes) -> int:
    mask = _number(4)(data)
    length = mask.bit_count()
    if mask != (1 << 32) - (1 << 32 - length):
        raise ValueError(f"{IPv4Address(mask)} is no mask of a subnet")
    return length


def _routes(data: bytes) -> tuple[LeasedRoute, ...]:
    routes: list[LeasedRoute] = []
    at = 0
    while at < len(data):
        length = data[at]
        via_at = at + 1 + (length + 7) // 8
        if length > 32 or via_at + 4 > len(data):
            raise ValueError(f"a route of prefix length {length} is cut short or impossible")
        to = int.from_bytes(data[at + 1 : via_at].ljust(4, b"\0"), "big")
        via = IPv4Address(data[via_at : via_at + 4])
        network = IPv4Network((to, length), strict=False)
        routes.append(LeasedRoute(to=network, via=None if via == NO_ADDRESS else via))
        at = via_at + 4
    return tuple(routes)


def _text(data: bytes) -> str:
    """Text, which some servers end with a zero byte (RFC 2132 section 2)."""
    return data.rstrip(b"\0").decode("utf-8", "replace")
