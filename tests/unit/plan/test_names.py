"""Names for sandboxes that were given none."""

from __future__ import annotations

from seaway.model.ids import sandbox_name
from seaway.plan.names import FIRST, SECOND, made_up_name


def test_every_made_up_name_is_one_that_a_user_may_give() -> None:
    for first in FIRST:
        assert sandbox_name(f"{first}_{SECOND[0]}")
    for second in SECOND:
        assert sandbox_name(f"{FIRST[0]}_{second}")


def test_no_word_is_there_twice() -> None:
    assert len(set(FIRST)) == len(FIRST)
    assert len(set(SECOND)) == len(SECOND)


def test_a_name_that_somebody_has_is_not_made_up() -> None:
    all_but_one = {f"{a}_{b}" for a in FIRST for b in SECOND} - {"calm_bay"}

    name = made_up_name(all_but_one)

    assert name not in all_but_one


def test_a_number_is_added_when_words_run_out() -> None:
    name = made_up_name(f"{a}_{b}" for a in FIRST for b in SECOND)

    assert len(name.split("_")) == 3
    assert sandbox_name(name) == name
