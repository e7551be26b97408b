"""What is left of a container to look at."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from seaway.contracts import Exit
from seaway.runtime import traces


@pytest.mark.parametrize(
    ("text", "number"), [("12", 12), ("12\n", 12), ("", None), ("x", None), ("1 2", None)]
)
def test_a_number_is_read_from_a_file(tmp_path: Path, text: str, number: int | None) -> None:
    (tmp_path / "pid").write_text(text)

    assert traces.number_in(tmp_path / "pid") == number
    assert traces.number_in(tmp_path / "nothing") is None


def test_an_exit_file_gives_code_and_time(tmp_path: Path) -> None:
    (tmp_path / "box").write_text("42")
    os.utime(tmp_path / "box", ns=(7, 1_000_000_007))

    assert traces.exit_in(tmp_path, "box") == Exit(code=42, finished=1_000_000_007)
    assert traces.exit_in(tmp_path, "other") is None


def test_a_pid_that_somebody_else_has_now_is_not_taken_for_ours(tmp_path: Path) -> None:
    (tmp_path / "conmon.pid").write_text(str(os.getpid()))

    with traces.conmon_of(tmp_path) as conmon, traces.process_in(os.getpid(), "f" * 64) as process:
        assert (conmon, process) == (None, None)


@pytest.mark.parametrize("name", [b"\xff", "übersetzungäää".encode(), b") Z 1 (", b"a\nb"])
def test_a_process_is_found_whatever_it_calls_itself(tmp_path: Path, name: bytes) -> None:
    program = f"{tmp_path}/{os.fsdecode(name)}"
    shutil.copy("/bin/sleep", program)
    group = Path("/proc/self/cgroup").read_text().splitlines()[0]

    with subprocess.Popen([program, "60"]) as process:
        try:
            assert traces.is_in_container(process.pid, group)
            assert not traces.is_in_container(process.pid, "f" * 64)
        finally:
            process.kill()


async def test_nothing_is_killed_that_is_not_the_containers() -> None:
    await traces.end(os.getpid(), "f" * 64, 1)


def test_only_what_ended_long_ago_is_taken_away(tmp_path: Path) -> None:
    for name, ended, time in (("old", True, 10), ("new", True, 1000), ("runs", False, 10)):
        exits = tmp_path / name / "exit"
        exits.mkdir(parents=True)
        if ended:
            (exits / "box").write_text("0")
        os.utime(exits, (time, time))

    traces.remove_ended(tmp_path, before=500)

    assert sorted(traces.names(tmp_path)) == ["new", "runs"]


def test_the_last_line_that_says_something(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("one\ntwo\n\n")

    assert traces.last_line(tmp_path / "log") == "two"
    assert traces.last_line(tmp_path / "nothing") == ""
