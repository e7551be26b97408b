"""``./start``: what a newcomer runs first."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bed.spot import ROOT


@pytest.fixture
def trial() -> Iterator[Path]:
    """Where the trial host of this test keeps its files; a short path, since sockets are in it."""
    if os.geteuid() != 0:
        pytest.skip("namespaces need root")
    with tempfile.TemporaryDirectory(prefix="sw-", ignore_cleanup_errors=True) as folder:
        state = Path(folder) / "trial"
        yield state
        start(state, "--clean")


def start(state: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(ROOT / "start"), *options],
        env=os.environ | {"SEAWAY_TRIAL": str(state)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def steps(output: str) -> list[str]:
    """The steps that were told, without their times."""
    return re.findall(r"^ *[0-9.]+ s  (.*)$", output, re.MULTILINE)


def test_a_first_look_shows_what_seaway_does_and_leaves_nothing(trial: Path) -> None:
    links = Path("/proc/net/dev").read_text().count(":")

    done = start(trial, "--once")

    assert done.returncode == 0, done.stdout + done.stderr
    told = steps(done.stdout)
    assert "by name   a sandbox on front asks http://web/: 200" in told
    assert "port      the neighbour asks http://192.0.2.1:8080/: 200" in told
    assert re.search(r"apart     a sandbox on back asks web at [0-9.]+: no answer", "\n".join(told))
    assert told[-1] == "host      took the trial host away"
    assert not trial.exists()
    assert Path("/proc/net/dev").read_text().count(":") == links


def test_the_trial_host_stays_until_it_is_cleaned(trial: Path) -> None:
    done = start(trial)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"export SEAWAY_HOST=unix://{trial}/run/seaway.sock" in done.stdout

    listed = subprocess.run(
        [str(ROOT / ".venv/bin/seaway"), "ps", "--format", "{{.Names}}"],
        env=os.environ | {"SEAWAY_HOST": f"unix://{trial}/run/seaway.sock"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert sorted(listed.stdout.split()) == ["vault", "web"]

    ping = start(trial, "--outside", "ping", "-c1", "-W1", "192.0.2.1")
    assert " 0% packet loss" in ping.stdout

    assert steps(start(trial, "--clean").stdout) == ["host      took it away"]
    assert not trial.exists()


def test_without_a_trial_host_the_way_to_one_is_said(trial: Path) -> None:
    done = start(trial, "--outside", "true")

    assert done.returncode == 1
    assert done.stderr == "./start: there is no trial host; './start' makes one\n"
