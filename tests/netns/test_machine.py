"""The virtual machine of the test bed: what it promises to the tests that run in it."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bed.spot import ROOT

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="the machine's files are mounts, which need root"),
    pytest.mark.skipif(platform.machine() != "x86_64", reason="the machine is made for amd64"),
]


def boot(*arguments: str) -> subprocess.Popen[str]:
    """``python -m vm``, as ``./check`` runs it."""
    return subprocess.Popen(
        [sys.executable, "-m", "vm", *arguments],
        env=os.environ | {"PYTHONPATH": f"{ROOT}/tests"},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_what_a_command_says_and_its_status_come_back_and_what_it_writes_does_not() -> None:
    written = Path("/var/tmp/written-in-the-machine")
    script = f"uname -r; pwd; command -v {sys.executable}; echo $IN_VM; echo x >{written}"

    with boot("sh", "-c", f"{script}; sleep 1000 & exit 7") as run:
        said, _ = run.communicate(timeout=90)

    kernel, *rest = said.splitlines()
    assert kernel.endswith("-cloud-amd64")
    assert rest == [str(ROOT), sys.executable, "1"]
    assert run.returncode == 7
    assert not written.exists()


@pytest.mark.long
def test_a_command_ends_in_time_and_a_machine_that_dies_says_how() -> None:
    with boot("-t", "1", "sh", "-c", "echo begun; sleep 60") as late:
        assert late.communicate(timeout=90)[0] == "begun\n"
    with boot("sh", "-c", "echo c >/proc/sysrq-trigger") as dead:
        said, _ = dead.communicate(timeout=90)

    assert late.returncode == 124
    assert dead.returncode == 125
    assert "Kernel panic - not syncing: sysrq triggered crash" in said


def test_a_killed_machine_leaves_nothing() -> None:
    mounts = Path("/proc/self/mounts").read_text()
    with boot("sh", "-c", "echo begun; sleep 60") as run:
        assert run.stdout is not None
        assert run.stdout.readline() == "begun\n"
        started = children(run.pid)
        run.kill()

    assert {Path(name).name for name in started.values()} == {"qemu-system-x86_64", "virtiofsd"}
    assert vanish(started)
    assert Path("/proc/self/mounts").read_text() == mounts


def children(pid: int) -> dict[int, str]:
    """The processes that process *pid* started, with their programs."""
    pids = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return {int(child): str(Path(f"/proc/{child}/exe").readlink()) for child in pids}


def vanish(processes: dict[int, str]) -> bool:
    """Whether none of *processes* runs any more within 5 seconds."""
    deadline = time.monotonic() + 5
    while any(runs(pid) for pid in processes):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def runs(pid: int) -> bool:
    """Whether process *pid* is there, and more than an exit status."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
