"""Colours and width: on a terminal, as its user wants them, and nowhere else."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import termios

import pytest

from unit.cli.engine import Engine
from unit.cli.test_main import LAUNCHER
from unit.cli.test_map import MAP

STATUS = {"Version": "1", "Warnings": ["a port is taken"]}
NETWORKS = [{"Id": "1" * 64, "Name": "web", "Driver": "bridge", "Scope": "local"}]
PLAIN = {"TERM": "xterm", "PATH": "/bin", "LC_ALL": "C.UTF-8"}


def on_a_terminal(engine: Engine, *words: str, **environment: str) -> str:
    """What the command shows on a terminal of 50 columns."""
    engine.answers["GET /seaway/map"] = (200, MAP)
    engine.answers["GET /seaway/status"] = (200, STATUS)
    engine.answers["GET /networks"] = (200, NETWORKS)
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 50))
    code = f"{LAUNCHER}sys.exit(main(sys.argv[1:]))"
    argv = [sys.executable, "-IS", "-c", code, "-H", engine.host, *words]
    with subprocess.Popen(argv, stdout=theirs, env={**PLAIN, **environment}) as process:
        os.close(theirs)
        seen = b""
        while part := _read(ours):
            seen += part
    os.close(ours)
    assert process.returncode == 0
    return seen.decode().replace("\r\n", "\n")


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:
        return b""  # the terminal's other side is closed: its end (pty(7))


@pytest.mark.parametrize("words", [["map"], ["status"]])
def test_a_terminal_has_colours(engine: Engine, words: list[str]) -> None:
    assert "\x1b[" in on_a_terminal(engine, *words)


@pytest.mark.parametrize("plain", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
@pytest.mark.parametrize("words", [["map"], ["status"], ["network", "ls"], ["--help"]])
def test_whoever_wants_none_gets_none(
    engine: Engine, words: list[str], plain: dict[str, str]
) -> None:
    assert "\x1b" not in on_a_terminal(engine, *words, **plain)


def test_an_empty_no_color_says_nothing(engine: Engine) -> None:
    assert "\x1b[" in on_a_terminal(engine, "map", NO_COLOR="")


@pytest.mark.parametrize(
    ("environment", "columns"),
    [({}, 50), ({"COLUMNS": "60"}, 60), ({"COLUMNS": "0"}, 50), ({"COLUMNS": "wide"}, 50)],
)
def test_the_map_is_as_wide_as_the_window(
    engine: Engine, environment: dict[str, str], columns: int
) -> None:
    shown = on_a_terminal(engine, "map", NO_COLOR="1", **environment)

    assert columns - 12 < max(map(len, shown.splitlines())) <= columns
