"""JSON without the ``json`` module, beside the ``json`` module."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaway.cli.events import line_of
from seaway.cli.text import compact, parsed, pretty, printable

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


@given(VALUES)
def test_what_is_written_reads_back_as_itself(value: object) -> None:
    if not _has_infinity(value):
        assert parsed(compact(value)) == value
        assert json.loads(compact(value)) == value


def _has_infinity(value: object) -> bool:
    return "inf" in repr(value).lower()


@given(VALUES)
def test_what_json_writes_is_read(value: object) -> None:
    assert parsed(f" {json.dumps(value, indent=1)}\n") == json.loads(json.dumps(value))


@given(st.recursive(st.integers() | st.text("abc"), st.lists, max_leaves=9))
def test_the_layout_for_people_is_that_of_json(value: object) -> None:
    assert pretty(value) == json.dumps(value, indent=4)


@given(st.text())
def test_no_text_is_read_that_json_refuses(text: str) -> None:
    try:
        expected = json.loads(text)
    except ValueError:
        with pytest.raises(ValueError, match=r".*"):
            parsed(text)
    else:
        found = parsed(text)
        both_nan = isinstance(found, float) and math.isnan(found)
        assert both_nan or found == expected


def test_depth_is_bounded_both_ways() -> None:
    deep: object = []
    for _ in range(300):
        deep = [deep]

    with pytest.raises(ValueError, match="nested deeper than 200"):
        compact(deep)
    with pytest.raises(ValueError, match="not a JSON value"):
        parsed("[" * 100_000)


def test_bytes_of_a_command_line_that_are_no_unicode_become_a_replacement_sign() -> None:
    assert compact("a\udcffb") == '"a\ufffd\ufffd\ufffdb"'


def test_control_characters_are_escaped() -> None:
    assert compact("\x1b[31m\x00\n") == '"\\u001b[31m\\u0000\\n"'


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("web größer 网", "web größer 网"),
        ("\x1b[2Jweb", "\ufffd[2Jweb"),
        ("a\x9b2Jb\r\nc", "a\ufffd2Jb\ufffd\ufffdc"),
        ("abc\u202ecba", "abc\ufffdcba"),
    ],
)
def test_what_would_speak_to_a_terminal_is_not_shown_to_people(told: str, shown: str) -> None:
    assert printable(told) == shown


def test_a_label_cannot_make_a_second_line_of_an_event() -> None:
    actor = {"ID": "web", "Attributes": {"x": "1\n2026-11-26 network destroy\x1b[1A"}}

    line = line_of({"time": 1, "Type": "network", "Action": "create", "Actor": actor})

    assert line.endswith(" network create web (x=1\ufffd2026-11-26 network destroy\ufffd[1A)")


def test_a_command_cannot_speak_to_a_terminal_of_eight_bits() -> None:
    assert compact("\x9b2J") == '"\\u009b2J"'
