"""The firewall's tables in memory: elements are refused where nf_tables refuses them.

Source: ``nft_add_set_elem()`` in net/netfilter/nf_tables_api.c, ``nft_pipapo_insert()`` in
net/netfilter/nft_set_pipapo.c; tests/contract/test_kernel.py proves each claim on Linux too.

It is stricter in two things. What is deleted must be the very same element, as in ``kernel.firewall``;
Linux looks at its key alone, and of an interval only at the first point. And an interval that begins in
another is refused, as Linux does since 6.19 and the stable releases of January 2026 (7711f4bb4b36); older
ones, Debian's 6.1 among them, drop it in silence, so plans must never ask for one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from seaway.codec.nftelements import SetType, Span, Unpackable, declared, spans
from seaway.plan.elements import Element, Elements

_MISSING = "No such file or directory"
_THERE = "File exists"

Key = tuple[Span, ...]
"""What each field of an element's key spans."""
Members = Mapping[Key, Element]


class TablesRefused(Exception):
    """What the kernel would say."""


@dataclass(frozen=True, kw_only=True)
class FakeTables:
    """The sets and maps of our tables, with what is in them. Never changed: a change gives new ones."""

    types: Mapping[tuple[str, str], SetType] = field(default_factory=dict[tuple[str, str], SetType])
    """By table and set; none while there is no table."""
    members: Mapping[tuple[str, str], Members] = field(
        default_factory=dict[tuple[str, str], Members]
    )

    @classmethod
    def of(cls, rules: str, elements: Elements) -> FakeTables:
        """The tables of *rules* with *elements* in them; raises TablesRefused."""
        return cls(types=declared(rules)).changed(frozenset(), elements)

    @property
    def elements(self) -> Elements:
        """All of them."""
        return frozenset(e for members in self.members.values() for e in members.values())

    def changed(self, gone: Elements, new: Elements) -> FakeTables:
        """The tables without *gone* and with *new*; raises TablesRefused."""
        members = {place: dict(found) for place, found in self.members.items()}
        for element in _ordered(gone):
            _, key = self._read("delete", element)
            if members.get((element.table, element.set), {}).pop(key, None) != element:
                raise _refused("delete", element, _MISSING)
        for element in _ordered(new):
            kind, key = self._read("add", element)
            others = members.setdefault((element.table, element.set), {})
            if _is_in_the_way(kind, key, element, others):
                raise _refused("add", element, _THERE)
            others[key] = element
        return replace(self, members=members)

    def _read(self, verb: str, element: Element) -> tuple[SetType, Key]:
        kind = self.types.get((element.table, element.set))
        if kind is None:
            raise _refused(verb, element, _MISSING)
        try:
            return kind, spans(kind.key, element.key)
        except Unpackable as error:
            raise _refused(verb, element, str(error)) from error


def _is_in_the_way(kind: SetType, key: Key, element: Element, others: Members) -> bool:
    """Whether what is there keeps *element* out.

    An equal one does not. Of intervals the kernel looks up both ends: one that contains an end of
    the new one is in the way, one that lies within it is not.
    """
    same = others.get(key)
    if same is not None:
        return same.value != element.value
    if not kind.interval:
        return False
    ends = [first for first, _ in key], [last for _, last in key]
    return any(_contains(other, end) for other in others for end in ends)


def _contains(key: Key, point: Iterable[bytes]) -> bool:
    return all(first <= at <= last for (first, last), at in zip(key, point, strict=True))


def _ordered(elements: Elements) -> list[Element]:
    return sorted(elements, key=lambda e: (e.table, e.set, e.key))


def _refused(verb: str, element: Element, reason: str) -> TablesRefused:
    return TablesRefused(f"{verb} element {element.table} {element.set}: {reason}")
