"""When certificates are valid: as much of X.509 as tells it (RFC 5280 section 4.1; DER is X.690).

Python's ssl module tells it of authorities only.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----\s(.*?)-----END CERTIFICATE-----", re.DOTALL)
_SEQUENCE, _VERSION, _UTC_TIME, _GENERALIZED_TIME = 0x30, 0xA0, 0x17, 0x18
_LONG = 0x80
_CENTURY = 50
"""UTCTime years from here on are of the 20th century (RFC 5280 section 4.1.2.5.1)."""


class NotACertificate(ValueError):
    """The bytes are no certificate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Validity:
    """The time between which a certificate is good."""

    begins: datetime
    ends: datetime


def validities(pem: bytes) -> Sequence[Validity]:
    """Those of all certificates in *pem*, in their order; raises NotACertificate, also for none."""
    try:
        found = [_validity(base64.b64decode(m, validate=False)) for m in _PEM.findall(pem)]
    except (IndexError, UnicodeDecodeError, ValueError, binascii.Error) as error:
        raise NotACertificate(str(error)) from None
    if not found:
        raise NotACertificate("there is no certificate in it")
    return found


def _validity(der: bytes) -> Validity:
    """Certificate → TBSCertificate → version?, serial, algorithm, issuer, *validity*."""
    whole = _inner(der, _SEQUENCE)
    rest = _inner(whole, _SEQUENCE)
    if rest[0] == _VERSION:
        rest = _after(rest)
    for _ in ("serial number", "algorithm", "issuer"):
        rest = _after(rest)
    times = _inner(rest, _SEQUENCE)
    return Validity(begins=_time(times), ends=_time(_after(times)))


def _inner(der: bytes, tag: int) -> bytes:
    """The content of the element at the beginning of *der*, which must have *tag*."""
    if der[0] != tag:
        raise NotACertificate(f"element {der[0]:#x} stands where {tag:#x} should")
    begin, end = _extent(der)
    return der[begin:end]


def _after(der: bytes) -> bytes:
    return der[_extent(der)[1] :]


def _extent(der: bytes) -> tuple[int, int]:
    """Where the content of the first element begins and ends."""
    first = der[1]
    size = first - _LONG if first >= _LONG else 0
    length = int.from_bytes(der[2 : 2 + size], "big") if first >= _LONG else first
    begin = 2 + size
    if begin + length > len(der):
        raise NotACertificate("it is cut off")
    return begin, begin + length


def _time(der: bytes) -> datetime:
    begin, end = _extent(der)
    text = der[begin:end].decode("ascii")
    if der[0] == _UTC_TIME:
        text = ("19" if int(text[:2]) >= _CENTURY else "20") + text
    elif der[0] != _GENERALIZED_TIME:
        raise NotACertificate(f"{der[0]:#x} is no time")
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
