"""The size of a sandbox's terminal."""

from __future__ import annotations

import ctypes
import os
import stat
import termios
from collections.abc import Generator
from contextlib import contextmanager, suppress
from fcntl import ioctl
from pathlib import Path
from struct import Struct

from seaway.model.errors import Conflict
from seaway.runtime import traces

_SIZE = Struct("4H")
"""struct winsize: rows, columns, and pixels, which nobody says (ioctl_tty(2))."""
_TERMINALS = os.makedev(5, 2)
"""/dev/ptmx: what a process that has the outer end of a terminal has open (pty(7))."""
_PIDFD_GETFD = 438
"""On all architectures (pidfd_getfd(2), Linux 5.6)."""


def resize(directory: Path, height: int, width: int) -> None:
    """Tell the terminal that the conmon of *directory* serves its size; raises Conflict when it is gone.

    At the end that conmon has: of sizes that it is told by its FIFO one soon after the other, version
    2.1.6 takes the first twice. Before it has the terminal, or where that is out of our reach, that is
    where it finds the size.
    """
    with traces.conmon_of(directory) as conmon:
        if conmon is None:
            raise Conflict("the terminal is gone")
        with _terminal_of(conmon, traces.number_in(directory / traces.CONMON_PID)) as terminal:
            if terminal is not None:
                ioctl(terminal, termios.TIOCSWINSZ, _SIZE.pack(height, width, 0, 0))
            else:
                _tell(directory / "ctl", height, width)


@contextmanager
def _terminal_of(conmon: int, pid: int | None) -> Generator[int | None]:
    """The terminal of the process with the handle *conmon* and the number *pid*; None: none is in reach."""
    number = next((n for n in _descriptors(pid) if _is_terminal(pid, n)), None)
    descriptor = -1
    if number is not None:
        descriptor = int(ctypes.CDLL(None).syscall(_PIDFD_GETFD, conmon, int(number), 0))
    if descriptor < 0:  # there is none, or the kernel or its settings forbid it
        yield None
        return
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _descriptors(pid: int | None) -> tuple[str, ...]:
    with suppress(PermissionError):
        return traces.names(Path(f"/proc/{pid}/fd"))
    return ()


def _is_terminal(pid: int | None, number: str) -> bool:
    with suppress(FileNotFoundError, PermissionError):  # closed meanwhile, or not ours to see
        found = Path(f"/proc/{pid}/fd/{number}").stat()
        return stat.S_ISCHR(found.st_mode) and found.st_rdev == _TERMINALS
    return False


def _tell(control: Path, height: int, width: int) -> None:
    try:
        fifo = os.open(control, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:  # not there, or nobody reads it
        raise Conflict("the terminal is gone") from error
    try:
        os.write(fifo, f"1 {height} {width}\n".encode())
    finally:
        os.close(fifo)
