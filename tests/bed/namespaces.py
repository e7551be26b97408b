"""Processes started inside the namespaces of another process.

A namespace belongs to a thread: each start happens in a thread made for it, which enters, starts
the process and ends. So the process is our own child, with its own exit status and signals, and
nobody else of this process has moved.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

_CLONE_FS = 0x00000200
_CLONE_NEWNS = 0x00020000
_CLONE_NEWUTS = 0x04000000
_CLONE_NEWIPC = 0x08000000
_CLONE_NEWPID = 0x20000000
_CLONE_NEWNET = 0x40000000
_MS_REC_PRIVATE = 0x4000 | 0x40000
_ALL = _CLONE_NEWNS | _CLONE_NEWUTS | _CLONE_NEWIPC | _CLONE_NEWPID | _CLONE_NEWNET

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a process shall run."""

    pid: int
    """A process whose namespaces are used."""
    netns: Path | None = None
    """A file that stands for another network namespace, as *pid* sees it."""


def inside(place: Place, work: Callable[[], T]) -> T:
    """What *work* gives in a thread that is in *place*; its errors are raised here.

    A process that *work* starts is in all namespaces of *place*; *work* itself keeps its process
    namespace (pid_namespaces(7): only children move).
    """

    def entered() -> T:
        _enter(place)
        return work()

    return in_thread(entered)


def in_thread(work: Callable[[], T]) -> T:
    """What *work* gives in a thread made for it, which may go anywhere; its errors are raised here."""
    result: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            result.append(work())
        except BaseException as error:  # noqa: BLE001 - carried to the caller's thread
            errors.append(error)

    thread = threading.Thread(target=run, name="in a namespace")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return result[0]


def leave_mounts() -> None:
    """Give this process, of one thread, mounts of its own, which end with it and its children."""
    _checked(_libc.unshare(_CLONE_NEWNS), "unshare")
    _checked(_libc.mount(b"none", b"/", None, _MS_REC_PRIVATE, None), "mount")


def start(
    place: Place,
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: int | None = subprocess.DEVNULL,
    stdout: int | None = None,
    stderr: int | None = None,
) -> subprocess.Popen[str]:
    """Start *argv* in *place*; the process is a child of this one."""
    return inside(
        place,
        lambda: subprocess.Popen(
            argv, env=env, cwd=cwd, stdin=stdin, stdout=stdout, stderr=stderr, text=True
        ),
    )


def _enter(place: Place) -> None:
    _checked(_libc.unshare(_CLONE_FS), "unshare")
    with _opened(os.pidfd_open(place.pid)) as process:
        _checked(_libc.setns(process, _ALL), "setns")
    if place.netns is not None:
        with _opened(os.open(place.netns, os.O_RDONLY | os.O_CLOEXEC)) as netns:
            _checked(_libc.setns(netns, _CLONE_NEWNET), f"setns {place.netns}")


@contextlib.contextmanager
def _opened(descriptor: int) -> Generator[int]:
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _checked(result: int, what: str) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
