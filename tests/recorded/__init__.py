"""Replies of Docker's engine as they were recorded, and how ours differ from them.

``1.50.json`` and its like hold whole replies, by name, in the order of members that Docker sends. Where a
value is another each time there is a word for its kind: ``<id>``, ``<time>``, ``<mac>``, ``<any>`` ….
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

VERSIONS = ("1.24", "1.41", "1.44", "1.50")
OURS = frozenset({"Drops"})
"""Members that Seaway adds."""

_KINDS = {
    "<id>": "[0-9a-f]{64}",
    "<short id>": "[0-9a-f]{12}",
    "<time>": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z",
    "<mac>": "([0-9a-f]{2}:){5}[0-9a-f]{2}",
    "<netns>": "/run/.*/netns/.*",
    "<text>": ".*",
    "<number>": r"\d+",
}


def replies(version: str) -> Mapping[str, object]:
    """The recorded replies of *version*, by name."""
    text = Path(__file__).with_name(f"{version}.json").read_text()
    return cast("Mapping[str, object]", json.loads(text))


def differences(wanted: object, found: object, place: str = "") -> Iterator[str]:
    """Where *found* is not as *wanted*, in members, their order, and values."""
    match wanted, found:
        case (dict(), dict()):
            yield from _members(
                cast("dict[str, object]", wanted), cast("dict[str, object]", found), place
            )
        case (list(), list()):
            yield from _items(cast("list[object]", wanted), cast("list[object]", found), place)
        case (str(), _) if wanted in _KINDS:
            if not re.fullmatch(_KINDS[wanted], str(found)) or isinstance(found, bool):
                yield f"{place}: {wanted} wanted, {found!r} found"
        case _:
            if (type(wanted), wanted) != (type(found), found):
                yield f"{place}: {wanted!r} wanted, {found!r} found"


def _members(wanted: dict[str, object], found: dict[str, object], place: str) -> Iterator[str]:
    """A key that is a kind stands for any such key."""
    shown = {key: value for key, value in found.items() if key not in OURS}
    if len(shown) != len(wanted) or not all(map(_fits, wanted, shown)):
        yield f"{place}: members {list(wanted)} wanted, {list(shown)} found"
        return
    for key, other in zip(wanted, shown, strict=True):
        yield from differences(wanted[key], shown[other], f"{place}.{key}")


def _fits(wanted: str, found: str) -> bool:
    kind = _KINDS.get(wanted)
    return wanted == found if kind is None else re.fullmatch(kind, found) is not None


def _items(wanted: list[object], found: list[object], place: str) -> Iterator[str]:
    if len(wanted) != len(found):
        yield f"{place}: {len(wanted)} items wanted, {len(found)} found"
        return
    for n, (one, other) in enumerate(zip(wanted, found, strict=True)):
        yield from differences(one, other, f"{place}[{n}]")
