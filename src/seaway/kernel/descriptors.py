"""Descriptor numbers: low ones are kept free for libnftables.

It waits with select(2), and glibc ends a process that does so with a number from 1024 on ("bit out of
range 0 - FD_SETSIZE"). So sockets of which there are many move up, a daemon holds some low numbers back
from everything else (clients, processes that it watches), and a context is refused where none is free.
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
KEPT = 64
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
    """Up to KEPT low numbers, occupied so that nobody else gets them."""

    def __init__(self) -> None:
        self._held: list[int] = []
        self._wanted = False

    def fill(self) -> None:
        """Occupy low numbers, from now on; none where the process may have few others."""
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._wanted = limit >= 2 * LOW
        self._occupy()

    def free(self) -> None:
        """Let go of all of them, for good."""
        self._wanted = False
        self._let_go()

    @contextmanager
    def lent(self) -> Generator[None]:
        """Have low numbers free for the length of a block; raises OSError where there are none."""
        self._let_go()
        try:
            refuse_without_low()
            yield
        finally:
            self._occupy()

    def _occupy(self) -> None:
        """Occupy what there is: of numbers that others took meanwhile, those that they gave back."""
        while self._wanted and len(self._held) < KEPT:
            fd = os.open("/", os.O_PATH | os.O_CLOEXEC)
            if fd >= LOW:
                os.close(fd)
                return
            self._held.append(fd)

    def _let_go(self) -> None:
        for fd in self._held:
            os.close(fd)
        self._held.clear()


reserve = Reserve()
"""This process's: numbers of descriptors are of the process as a whole."""
