"""The sockets that the API listens on: who may use them, and those that systemd hands over."""

from __future__ import annotations

import grp
import logging
import os
import socket
from collections.abc import Sequence
from pathlib import Path

from seaway.model.errors import Unavailable

log = logging.getLogger(__name__)

BACKLOG = 4096
"""Clients that may wait to be accepted; of others those fail at once that do not block (Go's)."""
MODE = 0o660
"""Root and the group may use it; nobody else (a client's sentence says how to be let in)."""
_FIRST = 3  # sd_listen_fds(3)


def listening(paths: Sequence[Path], group: str) -> list[socket.socket]:
    """Sockets that listen at *paths*, for root and *group*; or those that systemd made.

    Raises Unavailable when a path cannot be used.
    """
    return handed_over() or [_listening(path, group) for path in paths]


def handed_over() -> list[socket.socket]:
    """The sockets systemd listens on for us (sd_listen_fds(3)); none when it did not start us."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return []
    count = int(os.environ.get("LISTEN_FDS", "0"))
    found = [socket.socket(fileno=fd) for fd in range(_FIRST, _FIRST + count)]
    for each in found:
        each.setblocking(False)
        os.set_inheritable(each.fileno(), False)
    return found


def _listening(path: Path, group: str) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o711)
        path.unlink(missing_ok=True)
        _bind_for_nobody(sock, path)
    except OSError as error:
        sock.close()
        raise Unavailable(f"cannot listen on {path}: {error.strerror or error}") from None
    _let_in(path, group)
    sock.listen(BACKLOG)
    sock.setblocking(False)
    return sock


def _bind_for_nobody(sock: socket.socket, path: Path) -> None:
    """Nobody gets in before the rights are set."""
    before = os.umask(0o777)
    try:
        sock.bind(str(path))
    finally:
        os.umask(before)


def _let_in(path: Path, group: str) -> None:
    try:
        os.chown(path, 0, grp.getgrnam(group).gr_gid)
    except KeyError:
        log.warning("the group is not there: only root may use the socket", extra={"group": group})
    path.chmod(MODE)
