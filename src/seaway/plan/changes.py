"""Where two sequences differ that have most of their items in common."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import compress, count
from operator import is_not


def changed(one: Sequence[object], other: Sequence[object]) -> tuple[slice, slice]:
    """The part of each in which they differ: before and behind it both are the very same.

    Items are the same when they are one object, since there may be thousands to look at.
    """
    least = min(len(one), len(other))
    begin = _same(one, other, least)
    end = _same(reversed(one), reversed(other), least - begin)
    return slice(begin, len(one) - end), slice(begin, len(other) - end)


def _same(one: Iterable[object], other: Iterable[object], most: int) -> int:
    """How many items are the same at the beginning of both, *most* at the most."""
    return min(most, next(compress(count(), map(is_not, one, other)), most))
