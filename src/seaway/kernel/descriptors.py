"""Descriptor numbers: low ones are kept free for libnftables.

It waits with select(2), and glibc ends a process that does so with a number from 1024 on ("bit out of
range 0 - FD_SETSIZE"). So sockets of which there are many move up, and a context is refused where no
low number is free.
"""

from __future__ import annotations

import fcntl
import os
import socket
from errno import EINVAL, EMFILE

LOW = 1024
"""FD_SETSIZE (select(2))."""


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
