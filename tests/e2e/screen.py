"""A user at a terminal: the ``seaway`` command on a pseudo-terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Generator
from contextlib import contextmanager

from bed.daemon import Daemon


class Screen:
    """What a user sees and types."""

    def __init__(self, descriptor: int) -> None:
        self.text = ""
        """All that was printed so far."""
        self._descriptor = descriptor
        self.command: subprocess.Popen[str] | None = None

    def size(self, rows: int, columns: int) -> None:
        """Give the window a size; a running command is told, as a terminal does."""
        fcntl.ioctl(self._descriptor, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))
        if self.command is not None:
            self.command.send_signal(signal.SIGWINCH)

    def type(self, keys: str) -> None:
        """Press *keys*."""
        os.write(self._descriptor, keys.encode())

    def shows(self, wanted: str, seconds: float = 10) -> bool:
        """Whether *wanted* is printed within *seconds*."""
        deadline = time.monotonic() + seconds
        while wanted not in self.text and (left := deadline - time.monotonic()) > 0:
            ready, _, _ = select.select([self._descriptor], [], [], left)
            if ready and not self._read():
                break
        return wanted in self.text

    def ends(self, seconds: float = 10) -> int:
        """The exit code of the command, once it ended."""
        assert self.command is not None
        deadline = time.monotonic() + seconds
        while self.command.poll() is None and time.monotonic() < deadline:
            ready, _, _ = select.select([self._descriptor], [], [], 0.05)
            if ready:
                self._read()
        while select.select([self._descriptor], [], [], 0)[0] and self._read():
            continue
        return self.command.wait(0.1)

    def _read(self) -> bool:
        try:
            found = os.read(self._descriptor, 65536)
        except OSError:  # nobody has the other end any more
            return False
        self.text += found.decode(errors="replace")
        return bool(found)


@contextmanager
def screen(daemon: Daemon, *arguments: str, rows: int = 24, columns: int = 80) -> Generator[Screen]:
    """The ``seaway`` command with *arguments* on a terminal during a block."""
    outer, inner = pty.openpty()
    try:
        shown = Screen(outer)
        shown.size(rows, columns)
        shown.command = daemon.start_seaway(*arguments, stdin=inner, stdout=inner, stderr=inner)
        os.close(inner)
        inner = -1
        yield shown
    finally:
        os.close(outer)
        if inner >= 0:
            os.close(inner)
