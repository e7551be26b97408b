"""conmon's log format."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaway.contracts import LogLine
from seaway.runtime.log import LogReader, nanoseconds, parse

LINE = b"2026-11-25T17:53:14.010287422+00:00 stdout F hello world\n"


def test_a_whole_line_is_given_with_its_end() -> None:
    assert list(LogReader().feed(LINE)) == [
        LogLine(time=1795629194010287422, stream=1, data=b"hello world\n")
    ]


def test_a_part_of_a_line_is_given_without_one() -> None:
    assert parse(b"2026-11-25T17:53:14+00:00 stderr P par ") == LogLine(
        time=1795629194000000000, stream=2, data=b"par "
    )


@pytest.mark.parametrize(
    "line",
    [b"", b"nonsense", b"2026-11-25T17:53:14Z stdin F x", b"then stdout F x", b"2026 stdout X y"],
)
def test_a_line_of_another_format_is_left_out(line: bytes) -> None:
    assert parse(line) is None


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [
        ("1970-01-01T00:00:01Z", 1_000_000_000),
        ("1970-01-01T01:00:00.5+01:00", 500_000_000),
        ("1970-01-01T00:00:00.000000001", 1),
        ("yesterday", None),
    ],
)
def test_times_are_read_to_the_nanosecond(stamp: str, expected: int | None) -> None:
    assert nanoseconds(stamp) == expected


@given(st.lists(st.integers(0, len(LINE * 3)), max_size=5))
def test_the_parts_in_which_a_log_is_read_do_not_matter(cuts: list[int]) -> None:
    text, reader = LINE * 3, LogReader()
    edges = [0, *sorted(cuts), len(text)]
    parts = [text[a:b] for a, b in itertools.pairwise(edges)]

    assert [line for part in parts for line in reader.feed(part)] == list(LogReader().feed(text))


@given(st.binary())
def test_no_bytes_are_too_strange_to_read(data: bytes) -> None:
    assert all(line.stream in {1, 2} for line in LogReader().feed(data + b"\n"))
