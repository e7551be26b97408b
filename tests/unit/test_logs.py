"""A line of the log is one line, whatever somebody called something."""

from __future__ import annotations

import logging

import pytest

from seaway.logs import set_up


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("web", "web"),
        ("two words", '"two words"'),
        ("", '""'),
        ("\x1b[2J", '"\\u001b[2J"'),
        ("a\nlevel=error", '"a\\nlevel=error"'),
        ("a\u202eb", '"a\\u202eb"'),
        ("\x9b2J", '"\\u009b2J"'),
    ],
)
def test_what_would_speak_to_a_terminal_is_quoted(
    capsys: pytest.CaptureFixture[str], value: str, shown: str
) -> None:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    root.handlers = []
    try:
        set_up("text", "info")
        logging.getLogger("here").info("seen", extra={"network": value})
    finally:
        root.handlers = before
        root.setLevel(level)

    assert capsys.readouterr().err.endswith(f" info seen network={shown}\n")
