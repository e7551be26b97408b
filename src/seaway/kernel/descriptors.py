"""Descriptor numbers: low ones are kept free for libnftables.

It waits with select(2), and glibc ends a process that does so with a number from 1024 on ("bit out of
range 0 - FD_SETSIZE"). So sockets of which there are many move up, a daemon occupies the numbers that
are left for everything else (clients, processes that it watches), and a context is refused where no
low number is free.
"""

from __future__ import annotations

import fcntl
import os
import resource
import socket
from collections.abc import Generator
from contextlib import contextmanager
from errno import EINVAL, EMFILE

LOW = 1024
"""FD_SETSIZE (select(2))."""
_LENT = 64
"""Numbers that are free while a context is made: other threads may open something meanwhile."""


def moved_up(sock: socket.socket) -> socket.socket:
    """*sock* under a number that is not low, where this process may have such; else as it is."""
    try:
        fd = fcntl.fcntl(sock, fcntl.F_DUPFD_CLOEXEC, LOW)
    except OSError as error:
        if error.errno in {EINVAL, EMFILE}:  # the limit is lower, or reached
            return sock
        raise
    with sock:
        return socket.socket(sock.family, sock.type, sock.proto, fileno=fd)


def refuse_without_low() -> None:
    """Raise OSError when the next descriptor would not be low."""
    fd = os.open("/", os.O_PATH | os.O_CLOEXEC)
    os.close(fd)
    if fd >= LOW:
        raise OSError(
            EMFILE, f"the daemon has {LOW} low file descriptors open, libnftables needs one"
        )


class Reserve:
    """The low numbers of this process, occupied so that whatever else is opened gets higher ones."""

    def __init__(self) -> None:
        self._held: list[int] = []

    def fill(self) -> None:
        """Occupy all that are free; none where the process may have few others."""
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if limit < 2 * LOW:
            return
        while (fd := os.open("/", os.O_PATH | os.O_CLOEXEC)) < LOW:
            self._held.append(fd)
        os.close(fd)

    def free(self) -> None:
        """Let go of all of them."""
        self._let_go(len(self._held))

    @contextmanager
    def lent(self) -> Generator[None]:
        """Have low numbers free for the length of a block; raises OSError where there are none."""
        was_filled = bool(self._held)
        self._let_go(_LENT)
        try:
            refuse_without_low()
            yield
        finally:
            if was_filled:
                self.fill()

    def _let_go(self, count: int) -> None:
        for fd in self._held[:count]:
            os.close(fd)
        del self._held[:count]


reserve = Reserve()
"""This process's: numbers of descriptors are of the process as a whole."""
