"""Where two sequences differ that have most of their items in common."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaway.plan.changes import changed

SEQUENCES = st.lists(st.sampled_from("abc"), max_size=8)


@pytest.mark.parametrize(
    ("one", "other", "gone", "come"),
    [
        ("", "", "", ""),
        ("abc", "abc", "", ""),
        ("abc", "abcd", "", "d"),
        ("abcd", "bcd", "a", ""),
        ("abcd", "abd", "c", ""),
        ("abcd", "abxyd", "c", "xy"),
        ("aa", "aaa", "", "a"),
        ("ab", "xy", "ab", "xy"),
    ],
)
def test_the_parts_are_those_that_differ(one: str, other: str, gone: str, come: str) -> None:
    left, right = changed(one, other)

    assert (one[left], other[right]) == (gone, come)


@given(one=SEQUENCES, other=SEQUENCES)
def test_what_lies_before_and_behind_the_parts_is_the_same(
    one: list[str], other: list[str]
) -> None:
    left, right = changed(one, other)

    assert one[: left.start] + other[right] + one[left.stop :] == other
    assert other[: right.start] + one[left] + other[right.stop :] == one


def test_items_that_are_only_equal_differ() -> None:
    for one, other in permutations([[1], [1]]):
        assert changed([one], [other]) == (slice(0, 1), slice(0, 1))
