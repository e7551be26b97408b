"""The changing part of the firewall: elements of named sets and maps.

The rules themselves never change (see ``plan.firewall``), so a change of the firewall is a
difference of two sets of elements, whatever the number of networks and ports.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from seaway.model.ids import Prefix

Elements = frozenset["Element"]


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a set or map, in nft's own words."""

    table: str
    """Family and name: ``inet seaway``, ``bridge seaway`` or ``netdev seaway``."""
    set: str
    key: str
    value: str = ""
    """Empty in a set; where it leads in a map."""

    def text(self) -> str:
        """The element as it stands between the braces."""
        return f"{self.key} : {self.value}" if self.value else self.key


NO_ELEMENTS: Elements = frozenset()


def apart(prefixes: Iterable[Prefix], version: int) -> list[Prefix]:
    """The prefixes of one family without any that another contains: intervals must not overlap."""
    mine = [p for p in prefixes if p.version == version]
    return [p for p in mine if not any(p != o and p.subnet_of(o) for o in mine)]  # type: ignore[arg-type]


def whole(rules: str, elements: Elements) -> str:
    """Text for one nft transaction: *rules*, with *elements* in their sets."""
    return rules + difference(frozenset(), elements)


def difference(old: Elements, new: Elements) -> str:
    """Text for one nft transaction that makes *new* of *old*; empty when they are equal.

    Deletions come first, so that a key can lead somewhere else within one transaction.
    """
    return _lines("delete", old - new) + _lines("add", new - old)


def _lines(verb: str, elements: Iterable[Element]) -> str:
    by_set: dict[tuple[str, str], list[Element]] = {}
    for element in sorted(elements, key=lambda e: (e.table, e.set, e.key)):
        by_set.setdefault((element.table, element.set), []).append(element)
    return "".join(
        f"{verb} element {table} {name} {{ "
        + ", ".join(e.key if verb == "delete" else e.text() for e in members)
        + " }\n"
        for (table, name), members in by_set.items()
    )
