"""What a route reads and answers, declared: the server holds it to that, and the OpenAPI document tells it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

JSON = "application/json"
TEXT = "text/plain"
RAW = "application/vnd.docker.raw-stream"
FRAMED = "application/vnd.docker.multiplexed-stream"


class Kind(Enum):
    """What the value of a parameter is."""

    TEXT = "text"
    FLAG = "flag"
    """``1``, ``true`` or ``True``; ``0``, ``false``, ``False``, or nothing."""
    WHOLE = "whole"
    """A whole number of 64 bits."""
    MOMENT = "moment"
    """Seconds since the epoch, with a fraction or without, RFC 3339, or a duration before now (``10m``)."""
    FILTERS = "filters"
    """``{"name": ["n1"]}`` or ``{"name": {"n1": true}}``."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a query."""

    name: str
    kind: Kind
    meaning: str
    keys: frozenset[str] = frozenset()
    """The keys of filters that are known."""


def text(name: str, meaning: str) -> Parameter:
    """A parameter that is any text."""
    return Parameter(name, Kind.TEXT, meaning)


def flag(name: str, meaning: str) -> Parameter:
    """A parameter that is true or false."""
    return Parameter(name, Kind.FLAG, meaning)


def whole(name: str, meaning: str) -> Parameter:
    """A parameter that is a whole number."""
    return Parameter(name, Kind.WHOLE, meaning)


def moment(name: str, meaning: str) -> Parameter:
    """A parameter that is a moment."""
    return Parameter(name, Kind.MOMENT, meaning)


def filters(*keys: str) -> Parameter:
    """The parameter ``filters``, with the keys that are known."""
    return Parameter("filters", Kind.FILTERS, "only what fits", frozenset(keys))


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a route answers when it does what it was asked."""

    status: int = 200
    body: object = None
    """The type of the JSON document; None: no body, or one that is no JSON."""
    media: tuple[str, ...] = ()
    """Content types of a body that is no single JSON document: a text, or a stream."""
    meaning: str = ""

    @property
    def types(self) -> tuple[str, ...]:
        """The content types that it may have."""
        return self.media or ((JSON,) if self.body is not None else ())


def json(body: object, status: int = 200) -> tuple[Answer, ...]:
    """One JSON document of the type *body*."""
    return (Answer(status=status, body=body, meaning="done"),)


def nothing(status: int = 200) -> tuple[Answer, ...]:
    """No body."""
    return (Answer(status=status, meaning="done"),)


def stream(*media: str, upgraded: bool = False) -> tuple[Answer, ...]:
    """Bytes without an end that is known before; *upgraded*: both ways, if the client asks for that."""
    found = Answer(media=media, meaning="a stream")
    both = Answer(status=101, media=media, meaning="a stream both ways")
    return (found, both) if upgraded else (found,)


ALWAYS = (400, 403, 413, 500)
"""Any request may be wrong, come from inside a sandbox, be too large, or fail."""
