"""What stands behind the ``?`` of a request."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import msgspec

from seaway.api import moments
from seaway.api.declaration import Kind, Parameter
from seaway.model.errors import InvalidRequest
from seaway.model.ids import shown

_FALSE = frozenset({"", "0", "no", "false", "none"})
"""Everything else is true, as for Docker; whatever its case."""
_LONGEST_PATTERN = 256
LEAST, MOST = -(1 << 63), (1 << 63) - 1
"""Whole numbers of clients have 64 bits."""


class Query:
    """The query of one request."""

    def __init__(self, values: Mapping[str, str], declared: Iterable[Parameter]) -> None:
        """*declared* is all that may be asked for: what the route says that it reads."""
        self._values, self._declared = values, {p.name: p for p in declared}

    def _value(self, name: str, *kinds: Kind) -> str:
        declared = self._declared[name]
        assert declared.kind in kinds, f"{name} is declared as {declared.kind}"
        return self._values.get(name, "")

    def said(self, name: str) -> str:
        """What the client says for *name*, whatever that is to be; empty when it is not there."""
        return self._value(name, *Kind)

    def text(self, name: str) -> str:
        """The value of *name*; empty when it is not there."""
        return self._value(name, Kind.TEXT)

    def flag(self, name: str) -> bool:
        """Whether *name* is true."""
        return self._value(name, Kind.FLAG).strip().lower() not in _FALSE

    def strict_flag(self, name: str) -> bool:
        """*name* as true or false; empty is false. Raises InvalidRequest."""
        text = self._value(name, Kind.FLAG)
        if text.lower() in {"1", "t", "true"}:
            return True
        if text.lower() in {"", "0", "f", "false"}:
            return False
        raise InvalidRequest(f"invalid value for {name}: {shown(text)}: it is true or false")

    def whole(self, name: str) -> int | None:
        """*name* as a whole number; None when it is not there. Raises InvalidRequest."""
        text = self._value(name, Kind.WHOLE)
        if not text:
            return None
        try:
            number = int(text)
        except ValueError:
            raise InvalidRequest(f"{name} is a whole number, not {shown(text)!r}") from None
        if not LEAST <= number <= MOST:
            raise InvalidRequest(f"{name} is a number of 64 bits, not {shown(text)}")
        return number

    def moment(self, name: str, now: int) -> int | None:
        """*name* as nanoseconds since the epoch; None when it is not there, or 0."""
        text = self._value(name, Kind.MOMENT)
        return moments.moment(text, now) or None if text else None

    def filters(self) -> Filters:
        """The filters, by the keys that are declared; raises InvalidRequest."""
        text = self._value("filters", Kind.FILTERS)
        found = Filters(_filters(text)) if text else Filters({})
        for key in found.keys - self._declared["filters"].keys:
            raise InvalidRequest(f"invalid filter '{key}'")
        return found


class Filters:
    """Values by key: those of one key are alternatives, but labels must all be there."""

    def __init__(self, values: Mapping[str, tuple[str, ...]]) -> None:
        self._values = values

    @property
    def keys(self) -> frozenset[str]:
        """What is filtered by."""
        return frozenset(self._values)

    def values(self, key: str) -> tuple[str, ...]:
        """What *key* may be; empty: anything."""
        return self._values.get(key, ())

    def fits(self, key: str, *facts: str) -> bool:
        """Whether one of *facts* is one of the values."""
        wanted = self.values(key)
        return not wanted or any(fact in wanted for fact in facts)

    def fits_start(self, key: str, fact: str) -> bool:
        """Whether *fact* begins as one of the values."""
        wanted = self.values(key)
        return not wanted or fact.startswith(wanted)

    def fits_pattern(self, key: str, *facts: str) -> bool:
        """Whether one of *facts* has one of the values, which are patterns, in it."""
        wanted = self.values(key)
        return not wanted or any(_has(fact, pattern) for fact in facts for pattern in wanted)

    def fits_labels(self, key: str, labels: Mapping[str, str]) -> bool:
        """Whether *labels* have all of the values, ``name`` or ``name=value``."""
        return all(has_label(labels, text) for text in self.values(key))

    def flag(self, key: str) -> bool | None:
        """*key* as true or false; None when it is not there. Raises InvalidRequest."""
        match self.values(key):
            case ():
                return None
            case ("true" | "1",):
                return True
            case ("false" | "0",):
                return False
            case _:
                raise InvalidRequest(
                    f'invalid value for filter \'{key}\', must be "true" (or "1"), or "false" (or "0")'
                )


def has_label(labels: Mapping[str, str], text: str) -> bool:
    """Whether *labels* have *text*, ``name`` or ``name=value``."""
    name, equals, value = text.partition("=")
    return name in labels and (not equals or labels[name] == value)


def _filters(text: str) -> dict[str, tuple[str, ...]]:
    """Both forms: ``{"name": {"n1": true}}`` and ``{"name": ["n1"]}``."""
    try:
        found = msgspec.json.decode(text, type=dict[str, dict[str, bool] | list[str]])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidRequest("invalid filter") from None
    return {key: tuple(values) for key, values in found.items()}


def _has(fact: str, pattern: str) -> bool:
    """Whether *pattern*, a regular expression if it is one, is in *fact*."""
    if len(pattern) > _LONGEST_PATTERN:
        return pattern in fact
    try:
        return re.search(pattern, fact) is not None
    except (re.error, OverflowError):
        return pattern in fact
