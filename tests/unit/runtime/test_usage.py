"""What a cgroup says, of version 1 and of version 2."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from seaway.model.errors import InvalidRequest
from seaway.model.usage import Processes, Usage
from seaway.runtime.usage import members, table, usage

TICK = 10**9 // os.sysconf("SC_CLK_TCK")
PS = "UID          PID    PPID CMD\nroot           7       1 sleep 60 70\nroot          77       1 sh\n"


def write(directory: Path, **files: str) -> None:
    directory.mkdir(parents=True)
    for name, text in files.items():
        (directory / name.replace("__", ".")).write_text(text)


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A host with 2 MB of memory, and 36 ticks of time."""
    write(
        tmp_path / "proc",
        stat="cpu  1 2 3 4 5 6 7 8 100 200\ncpu0 9 9 9\n",
        meminfo="MemTotal:        2048 kB\nMemFree:  1 kB\n",
    )
    return tmp_path / "proc"


def test_version_2_has_all_in_one_directory(tmp_path: Path, proc: Path) -> None:
    write(
        tmp_path / "c",
        cgroup__procs="7\n",
        cpu__stat="usage_usec 30\nuser_usec 20\nsystem_usec 10\n",
        memory__current="4096\n",
        memory__max="max\n",
        memory__stat="anon 1000\ninactive_file 96\n",
        pids__current="3\n",
    )

    assert usage("c", tmp_path, proc) == Usage(
        cpu=30_000,
        cpu_user=20_000,
        cpu_kernel=10_000,
        host_cpu=36 * TICK,
        processors=os.cpu_count() or 1,
        memory=4096,
        memory_limit=2 << 20,
        memory_parts={"anon": 1000, "inactive_file": 96},
        tasks=3,
    )


def test_version_1_has_a_directory_for_each_controller(tmp_path: Path, proc: Path) -> None:
    write(
        tmp_path / "cpuacct/c",
        cpuacct__usage="30000\n",
        cpuacct__stat="user 2\nsystem 1\n",
    )
    write(
        tmp_path / "memory/c",
        memory__usage_in_bytes="4096\n",
        memory__limit_in_bytes="9223372036854771712\n",
        memory__stat="total_inactive_file 96\n",
    )
    write(tmp_path / "pids/c", pids__current="3\n")

    assert usage("c", tmp_path, proc) == Usage(
        cpu=30_000,
        cpu_user=2 * TICK,
        cpu_kernel=TICK,
        host_cpu=36 * TICK,
        processors=os.cpu_count() or 1,
        memory=4096,
        memory_limit=2 << 20,
        memory_parts={"total_inactive_file": 96},
        tasks=3,
    )


def test_what_is_not_there_uses_nothing(tmp_path: Path, proc: Path) -> None:
    found = usage("c", tmp_path, proc)

    assert (found.cpu, found.memory, found.tasks, found.memory_parts) == (0, 0, 0, {})


def test_the_processes_of_a_cgroup_are_those_below_it_too(tmp_path: Path) -> None:
    write(tmp_path / "one/c", cgroup__procs="7\n8\n")
    write(tmp_path / "one/c/below", cgroup__procs="9\n")
    write(tmp_path / "two/pids/c", cgroup__procs="7\n")

    assert members("c", tmp_path / "one") == {7, 8, 9}
    assert members("c", tmp_path / "two") == {7}
    assert members("c", tmp_path / "none") == set()


def test_of_all_processes_those_of_the_cgroup_are_shown() -> None:
    assert table(PS, {7, 8}) == Processes(
        titles=("UID", "PID", "PPID", "CMD"), rows=(("root", "7", "1", "sleep 60 70"),)
    )


@pytest.mark.parametrize("output", ["", "CMD\nsleep\n"])
def test_without_pids_nobody_can_tell_whose_processes_they_are(output: str) -> None:
    with pytest.raises(InvalidRequest, match="ps shows no column PID with these ps_args"):
        table(output, {7})
