"""JSON to values and back: Docker's spelling, and what a body may be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from msgspec import DecodeError, Struct, ValidationError, json

from seaway.model.errors import InvalidRequest

Labels = dict[str, str]
T = TypeVar("T")

_WORDS = {"id": "ID", "ip": "IP", "ipam": "IPAM", "ipv4": "IPv4", "ipv6": "IPv6", "dns": "DNS"}


def _spelling(name: str) -> str:
    """``ipv4_address`` is ``IPv4Address``; an ``id`` alone is ``Id``."""
    if name == "id":
        return "Id"
    return "".join(_WORDS.get(word, word.capitalize()) for word in name.split("_"))


def pairs(members: Mapping[str, T] | None) -> tuple[tuple[str, T], ...]:
    """Labels, options and the like as the model has them, in the order given; null is none."""
    return tuple((members or {}).items())


def decoded(body: bytes, kind: type[T]) -> T:
    """*body* as a *kind*; an empty one, and null, is ``{}``. Raises InvalidRequest."""
    try:
        return json.decode(b"{}" if body.strip() in {b"", b"null"} else body, type=kind)
    except ValidationError as error:
        raise InvalidRequest(f"invalid JSON: {error}") from None
    except DecodeError as error:
        raise InvalidRequest(_malformed(str(error))) from None
    except (UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(f"invalid JSON: {error}") from None


def _malformed(reason: str) -> str:
    if "truncated" in reason:
        return "invalid JSON: unexpected EOF"
    if "trailing characters" in reason:
        return "unexpected content after JSON"
    return f"invalid JSON: {reason}"


def encoded(value: object) -> bytes:
    """*value* as JSON, with a newline as Docker ends it."""
    return json.encode(value) + b"\n"


class Request(Struct, rename=_spelling):
    """What a client sends; a member that is missing, or null, was not asked for."""


class Reply(Struct, rename=_spelling):
    """What we answer."""
