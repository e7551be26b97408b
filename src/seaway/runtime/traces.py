"""What a container has on the host: living processes, exit files, cgroups, directories.

A pid in a file may be another process's by now, so each is checked by what only ours can have.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from seaway.contracts import Exit
from seaway.model.errors import Unavailable
from seaway.plan import oci_root
from seaway.runtime import watch

CONMON_PID = "conmon.pid"
"""The file in a bundle in which conmon leaves its own pid."""
_CGROUPS = Path("/sys/fs/cgroup")
_MOUNTS = Path("/proc/self/mountinfo")
_BY_ITSELF = 1.0
"""Seconds in which a conmon ends when its process did."""
_DEAD = frozenset("ZX")
"""States of a process that has ended (proc_pid_stat(5))."""


def number_in(path: Path) -> int | None:
    """The number in the file *path*; None when there is none."""
    try:
        return int(path.read_text())
    except (FileNotFoundError, ValueError):
        return None


def names(directory: Path) -> tuple[str, ...]:
    """The names in *directory*; none when it is not there."""
    try:
        return tuple(os.listdir(directory))  # noqa: PTH208 - names, not paths
    except FileNotFoundError:
        return ()


def last_line(path: Path) -> str:
    """The last line that is not empty of the file *path*; empty when it is not there."""
    with suppress(FileNotFoundError):
        lines = path.read_text(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")
    return ""


def exit_in(directory: Path, name: str) -> Exit | None:
    """What conmon wrote to the exit file *name*; None while there is none."""
    path = directory / name
    code = number_in(path)
    if code is None:
        return None
    try:
        return Exit(code=code, finished=path.stat().st_mtime_ns)
    except FileNotFoundError:
        return None


def is_in_container(pid: int, container: str) -> bool:
    """Whether *pid* is a living process in the cgroup of *container*.

    It may have any bytes for its name, and cut in the middle of a character (PR_SET_NAME, prctl(2)).
    """
    try:
        cgroups, stat = (
            Path(f"/proc/{pid}/{name}").read_text(errors="replace") for name in ("cgroup", "stat")
        )
    except (FileNotFoundError, ProcessLookupError):
        return False
    return container in cgroups and stat.rpartition(")")[2].split()[0] not in _DEAD


@contextmanager
def process_in(pid: int | None, container: str) -> Generator[int | None]:
    """A handle of *pid* (see ``watch``), if it is a living process of *container*; None else."""
    if pid is None:
        yield None
        return
    with watch.process_handle(pid) as handle:
        yield handle if handle is not None and is_in_container(pid, container) else None


@contextmanager
def conmon_of(bundle: Path) -> Generator[int | None]:
    """A handle of the conmon that serves the directory *bundle*; None when there is none."""
    pid = number_in(bundle / CONMON_PID)
    if pid is None:
        yield None
        return
    with watch.process_handle(pid) as handle:
        yield handle if handle is not None and _serves(pid, bundle) else None


def _serves(pid: int, bundle: Path) -> bool:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return os.fsencode(bundle) in words


async def end(pid: int | None, container: str, timeout: float) -> None:
    """Kill *pid*, if it is of *container*, and wait until it is gone; raises Unavailable."""
    with process_in(pid, container) as handle:
        if handle is not None:
            await _kill(handle, f"process {pid}", timeout)


async def end_conmon(bundle: Path, timeout: float) -> None:
    """Wait until the conmon of *bundle*, whose process is gone or was never made, is gone too.

    It ends by itself soon; if not, its runtime is still at work: SIGTERM to conmon is passed on.
    """
    with conmon_of(bundle) as handle:
        if handle is None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                await watch.readable(handle, timeout=_BY_ITSELF)
            except TimeoutError:
                _signal(handle, number)
        await _gone(handle, "conmon", timeout)


async def _kill(handle: int, what: str, timeout: float) -> None:
    _signal(handle, signal.SIGKILL)
    await _gone(handle, what, timeout)


def _signal(handle: int, number: int) -> None:
    with suppress(ProcessLookupError):
        signal.pidfd_send_signal(handle, number)


async def _gone(handle: int, what: str, timeout: float) -> None:
    try:
        await watch.readable(handle, timeout=timeout)
    except TimeoutError as error:
        raise Unavailable(f"{what} was killed and did not end within {timeout:.0f} s") from error


async def end_of(bundle: Path, exit_dir: Path, name: str) -> Exit | None:
    """Wait for the conmon of *bundle* and its exit file *name*; None when it ended without one."""
    with conmon_of(bundle) as handle:
        if handle is not None and exit_in(exit_dir, name) is None:
            await watch.readable(handle)
    return exit_in(exit_dir, name)


def remove_cgroups(name: str) -> None:
    """Take away what a killed runtime left of the cgroup *name*, in all hierarchies."""
    hierarchies = (_CGROUPS, *(_CGROUPS / n for n in names(_CGROUPS)))
    for hierarchy in hierarchies:
        with suppress(
            OSError
        ):  # not there, no hierarchy, or still in use: then it is not left over
            (hierarchy / name).rmdir()


def remove_bundle(bundle: Path) -> None:
    """Take *bundle* away; raises Unavailable while the host's files may be mounted there."""
    mounts = oci_root.host_mounts(_MOUNTS.read_text(errors="surrogateescape"))
    mounted = [m.path for m in mounts if oci_root.inside(m.path, os.path.realpath(bundle))]
    if mounted:
        raise Unavailable(f"{bundle} cannot be removed: {mounted[0]} is mounted")
    with suppress(FileNotFoundError):
        shutil.rmtree(bundle)


def remove_ended(directory: Path, *, before: float) -> None:
    """Take what ended before *before* (seconds since the epoch) out of *directory*."""
    for name in names(directory):
        exits = directory / name / "exit"
        if names(exits) and exits.stat().st_mtime < before:
            shutil.rmtree(directory / name, ignore_errors=True)
