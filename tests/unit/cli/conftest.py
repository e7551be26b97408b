"""An engine to talk to, and a way to run the command against it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from seaway.cli.main import main
from unit.cli.engine import Engine

Run = Callable[..., tuple[int, str, str]]
"""Runs the command with these words; gives exit code, standard output, standard error."""


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """A fake engine without any answers yet."""
    server = Engine(tmp_path / "s")
    yield server
    server.close()


@pytest.fixture
def seaway(engine: Engine, capfd: pytest.CaptureFixture[str]) -> Run:
    """The command, talking to *engine*."""

    def run(*words: str) -> tuple[int, str, str]:
        code = main(["-H", engine.host, *words])
        out, err = capfd.readouterr()
        return code, out, err

    return run
