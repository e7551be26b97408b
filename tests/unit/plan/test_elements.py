"""Differences of elements, as a model: what is deleted was there, what is added was not."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from seaway.plan.elements import Element, Elements, difference

HOSTS = st.dictionaries(
    st.tuples(
        st.sampled_from(["inet seaway", "bridge seaway"]),
        st.sampled_from("mn"),
        st.sampled_from("abc"),
    ),
    st.sampled_from("123"),
).map(lambda found: frozenset(Element(t, s, k, v) for (t, s, k), v in found.items()))
LINE = re.compile(r"(delete|add) element (\w+ seaway) (\w) \{ (.*) \}")


def carried_out(text: str, elements: Elements) -> Elements:
    """What nft would have after *text*; a delete of what is not there, or an add over it, is refused."""
    found = {(e.table, e.set, e.key): e.value for e in elements}
    for line in text.splitlines():
        match = LINE.fullmatch(line)
        assert match is not None
        verb, table, name, members = match.groups()
        for member in members.split(", "):
            key, _, value = member.partition(" : ")
            assert ((table, name, key) in found) is (verb == "delete")
            if verb == "delete":
                del found[table, name, key]
            else:
                found[table, name, key] = value
    return frozenset(Element(t, s, k, v) for (t, s, k), v in found.items())


@given(old=HOSTS, new=HOSTS)
def test_the_difference_after_the_old_is_the_new(old: Elements, new: Elements) -> None:
    assert carried_out(difference(old, new), old) == new


@given(old=HOSTS, new=HOSTS)
def test_each_set_is_named_once_for_each_verb(old: Elements, new: Elements) -> None:
    heads = [line.partition("{")[0] for line in difference(old, new).splitlines()]

    assert len(heads) == len(set(heads))
