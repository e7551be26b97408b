"""Lists of domain names in options."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from seaway.codec.domains import decode_names, encode_names

NAMES = st.from_regex(r"[a-z0-9_-]{1,20}(\.[a-z0-9_-]{1,20}){0,3}", fullmatch=True)


@given(st.lists(NAMES, max_size=6))
def test_names_come_back_as_they_went(names: list[str]) -> None:
    assert decode_names(encode_names(names)) == tuple(names)


def test_the_example_of_rfc_3397_is_read_with_its_pointers() -> None:
    data = b"\3eng\5apple\3com\0\x09marketing\xc0\x04"

    assert decode_names(data) == ("eng.apple.com", "marketing.apple.com")


@pytest.mark.parametrize(
    "data",
    [
        b"\xc0\x00",
        b"\1a\xc0\x00",
        b"\1a\xc0\x04\1b\xc0\x00",
        b"\1a\0\1b\xc0\x03",
        b"\1a\0\xc0",
        b"\1a",
        b"\x09abc\0",
        b"\x40a\0",
        b"\x3f" + b"a" * 63 + (b"\x3f" + b"a" * 63) * 3 + b"\0",
    ],
    ids=[
        "a pointer to itself",
        "a loop",
        "a loop of two",
        "a pointer into its own name",
        "half a pointer",
        "no end",
        "a label cut short",
        "an unknown label",
        "too long",
    ],
)
def test_what_is_no_list_of_names_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"name|label"):
        decode_names(data)


@given(st.binary(max_size=300))
@example(b"\0" * 300)
@example(b"\1a" * 100 + b"\0" + b"\xc0\0" * 40)
def test_any_bytes_are_names_or_a_value_error(data: bytes) -> None:
    with suppress(ValueError):
        assert all(len(name) <= 255 for name in decode_names(data))
