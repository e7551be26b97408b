"""Lists of domain names, as options of DHCP carry them.

Sources: RFC 3397 (compressed, DHCPv4), RFC 8415 section 10 (never compressed, DHCPv6).
"""

from __future__ import annotations

from collections.abc import Iterable

from seaway.codec.dns import encode_name

_POINTER = 0xC0
_MAX_LABEL, _MAX_NAME = 63, 255


def encode_names(names: Iterable[str]) -> bytes:
    """*names* one after the other, uncompressed; raises ValueError for one that has no form in DNS."""
    return b"".join(map(encode_name, names))


def decode_names(data: bytes) -> tuple[str, ...]:
    """The names in *data*, which they must fill; raises ValueError.

    Bytes that are no UTF-8 become surrogates, and a dot within a label is like one between two: whoever
    uses such a name checks it.
    """
    names: list[str] = []
    at = 0
    while at < len(data):
        name, at = _name(data, at)
        names.append(name)
    return tuple(names)


def _name(data: bytes, at: int) -> tuple[str, int]:
    """The name at *at*, and where what follows it begins."""
    labels: list[bytes] = []
    end = 0
    size = 1
    limit = at
    while length := _byte(data, at):
        if length >= _POINTER:
            target = (length & ~_POINTER) << 8 | _byte(data, at + 1)
            end = end or at + 2
            if target >= limit:
                raise ValueError("a name points to itself or forward")
            at = limit = target  # each jump goes further back, so there is a last one
            continue
        if length > _MAX_LABEL:
            raise ValueError("an unknown kind of label")
        label = data[at + 1 : at + 1 + length]
        size += 1 + length
        if len(label) < length or size > _MAX_NAME:
            raise ValueError("a name is cut short or has more than 255 bytes")
        labels.append(label)
        at += 1 + length
    return b".".join(labels).decode("utf-8", "surrogateescape"), end or at + 1


def _byte(data: bytes, at: int) -> int:
    if at >= len(data):
        raise ValueError("a name is cut short")
    return data[at]
