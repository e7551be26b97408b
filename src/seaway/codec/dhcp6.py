"""DHCPv6 messages: bytes to values and back.

Sources: RFC 8415 sections 8 and 21, RFC 3646 (name servers), RFC 4704 (the client's name).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from ipaddress import IPv6Address
from typing import TypeVar

from seaway.codec.domains import decode_names, encode_names
from seaway.codec.udp import Malformed
from seaway.model.dhcp6 import (
    SUCCESS,
    AddressSet,
    Kind6,
    Message6,
    OfferedAddress,
    Option6,
    Outcome,
)

CLIENT_PORT, SERVER_PORT = 546, 547

T = TypeVar("T")
Options = Mapping[int, Sequence[bytes]]
"""What each option says, by number, as often as it is there."""

_OPTION = struct.Struct("!2H")
_ADDRESS_SET = struct.Struct("!3I")
_ADDRESS = struct.Struct("!16s2I")
_SERVER_UPDATES = b"\x01"
"""Flags of the client's name: the server enters it into the DNS, if at all (RFC 4704 section 4.1)."""


def encode_message(message: Message6) -> bytes:
    """*message* in bytes; *faults* are not sent."""
    head = bytes((message.kind,)) + message.xid.to_bytes(3, "big")
    return head + b"".join(_option(number, data) for number, data in _told(message))


def _told(message: Message6) -> Iterator[tuple[Option6, bytes]]:
    identifiers = {Option6.CLIENT_ID: message.client, Option6.SERVER_ID: message.server}
    yield from ((number, data) for number, data in identifiers.items() if data)
    for each in message.sets:
        yield Option6.ADDRESSES, _address_set(each)
    if message.elapsed is not None:
        yield Option6.ELAPSED, message.elapsed.to_bytes(2, "big")
    if message.preference:
        yield Option6.PREFERENCE, bytes((message.preference,))
    if message.rapid_commit:
        yield Option6.RAPID_COMMIT, b""
    if message.outcome != SUCCESS:
        yield Option6.STATUS, _outcome(message.outcome)
    if message.refresh_time is not None:
        yield Option6.REFRESH_TIME, message.refresh_time.to_bytes(4, "big")
    if message.name:
        yield Option6.CLIENT_NAME, _SERVER_UPDATES + _partial_name(message.name)
    rest = {
        Option6.WANTED: b"".join(number.to_bytes(2, "big") for number in message.wanted),
        Option6.DNS: b"".join(address.packed for address in message.dns),
        Option6.SEARCH: encode_names(message.search),
    }
    yield from ((number, data) for number, data in rest.items() if data)


def _option(number: int, data: bytes) -> bytes:
    return _OPTION.pack(number, len(data)) + data


def _address_set(each: AddressSet) -> bytes:
    parts = [_option(Option6.ADDRESS, _address(address)) for address in each.addresses]
    if each.outcome != SUCCESS:
        parts.append(_option(Option6.STATUS, _outcome(each.outcome)))
    return _ADDRESS_SET.pack(each.iaid, each.t1, each.t2) + b"".join(parts)


def _address(each: OfferedAddress) -> bytes:
    data = _ADDRESS.pack(each.address.packed, each.preferred, each.valid)
    told = b"" if each.outcome == SUCCESS else _option(Option6.STATUS, _outcome(each.outcome))
    return data + told


def _outcome(outcome: Outcome) -> bytes:
    return outcome.code.to_bytes(2, "big") + outcome.text.encode()


def _partial_name(name: str) -> bytes:
    """A name of one label has no zero at its end: its domain is the server's to know (section 4.2)."""
    wire = encode_names([name])
    return wire if "." in name else wire[:-1]


def decode_message(data: bytes) -> Message6:
    """The message in *data*; raises Malformed.

    A single option that cannot be read is left out, and told in *faults*.
    """
    try:
        kind = Kind6(data[0])
        options = _Reader(_options(data[4:]))
    except (ValueError, IndexError) as error:
        raise Malformed(f"no DHCPv6 message: {error}") from error
    return Message6(
        kind=kind,
        xid=int.from_bytes(data[1:4], "big"),
        client=options.one(Option6.CLIENT_ID, bytes, b""),
        server=options.one(Option6.SERVER_ID, bytes, b""),
        sets=options.each(Option6.ADDRESSES, _read_set),
        wanted=options.one(Option6.WANTED, _numbers, ()),
        elapsed=options.one(Option6.ELAPSED, _number(2), None),
        preference=options.one(Option6.PREFERENCE, _number(1), 0),
        rapid_commit=options.one(Option6.RAPID_COMMIT, lambda _: True, False),
        outcome=options.one(Option6.STATUS, _read_outcome, SUCCESS),
        dns=options.one(Option6.DNS, _addresses, ()),
        search=options.one(Option6.SEARCH, decode_names, ()),
        refresh_time=options.one(Option6.REFRESH_TIME, _number(4), None),
        name=options.one(Option6.CLIENT_NAME, _read_name, ""),
        faults=tuple(options.faults),
    )


class _Reader:
    """Options, read one by one."""

    def __init__(self, found: Options) -> None:
        self._found = found
        self.faults: list[str] = []

    def one(self, option: Option6, how: Callable[[bytes], T], absent: T) -> T:
        """What *how* makes of the first *option*; *absent* where there is none that can be read."""
        found = self.each(option, how)
        return found[0] if found else absent

    def each(self, option: Option6, how: Callable[[bytes], T]) -> tuple[T, ...]:
        """What *how* makes of each *option* that it can read."""
        good: list[T] = []
        for data in self._found.get(option, ()):
            try:
                good.append(how(data))
            except ValueError as error:
                self.faults.append(f"option {option.value}: {error}")
        return tuple(good)


def _options(data: bytes) -> Options:
    """The options in *data*, which they must fill; raises ValueError."""
    found: dict[int, list[bytes]] = {}
    at = 0
    while at < len(data):
        begin = at + _OPTION.size
        if begin > len(data):
            raise ValueError("an option is cut short")
        number, length = _OPTION.unpack_from(data, at)
        at = begin + length
        if at > len(data):
            raise ValueError(f"option {number} is longer than what it is in")
        found.setdefault(number, []).append(data[begin:at])
    return found


def _read_set(data: bytes) -> AddressSet:
    if len(data) < _ADDRESS_SET.size:
        raise ValueError("a set of addresses is cut short")
    iaid, t1, t2 = _ADDRESS_SET.unpack_from(data)
    inner = _options(data[_ADDRESS_SET.size :])
    return AddressSet(
        iaid=iaid,
        t1=t1,
        t2=t2,
        addresses=tuple(_read_address(each) for each in inner.get(Option6.ADDRESS, ())),
        outcome=_outcome_in(inner),
    )


def _read_address(data: bytes) -> OfferedAddress:
    if len(data) < _ADDRESS.size:
        raise ValueError("an address is cut short")
    address, preferred, valid = _ADDRESS.unpack_from(data)
    return OfferedAddress(
        address=IPv6Address(address),
        preferred=preferred,
        valid=valid,
        outcome=_outcome_in(_options(data[_ADDRESS.size :])),
    )


def _outcome_in(options: Options) -> Outcome:
    """What the options within an option say of it; SUCCESS where they say nothing."""
    found = options.get(Option6.STATUS, ())
    return _read_outcome(found[0]) if found else SUCCESS


def _read_outcome(data: bytes) -> Outcome:
    if len(data) < 2:
        raise ValueError("a status is cut short")
    return Outcome(code=int.from_bytes(data[:2], "big"), text=data[2:].decode("utf-8", "replace"))


def _number(size: int) -> Callable[[bytes], int]:
    def number(data: bytes) -> int:
        if len(data) != size:
            raise ValueError(f"{len(data)} bytes in place of {size}")
        return int.from_bytes(data, "big")

    return number


def _numbers(data: bytes) -> tuple[int, ...]:
    if len(data) % 2:
        raise ValueError(f"{len(data)} bytes are no row of numbers")
    return tuple(number for (number,) in struct.iter_unpack("!H", data))


def _addresses(data: bytes) -> tuple[IPv6Address, ...]:
    if len(data) % 16:
        raise ValueError(f"{len(data)} bytes are no row of addresses")
    return tuple(IPv6Address(data[at : at + 16]) for at in range(0, len(data), 16))


def _read_name(data: bytes) -> str:
    partial = data[1:] if data.endswith(b"\0") else data[1:] + b"\0"
    return ".".join(decode_names(partial)[:1])
