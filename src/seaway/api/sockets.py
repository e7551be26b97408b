"""The sockets that the API listens on: who may use them, and those that systemd hands over.

On TCP a certificate decides, or, on loopback without TLS, only that the client is in no sandbox.
"""

from __future__ import annotations

import errno
import grp
import logging
import os
import socket
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path

from seaway.model.errors import Unavailable
from seaway.plan.listening import TcpAddress, refuse_plain

log = logging.getLogger(__name__)

BACKLOG = 4096
"""Clients that may wait to be accepted; of others those fail at once that do not block (Go's)."""
MODE = 0o660
"""Root and the group may use it; nobody else (a client's sentence says how to be let in)."""
_FIRST = 3  # sd_listen_fds(3)


KEEPALIVE = ((socket.TCP_KEEPIDLE, 30), (socket.TCP_KEEPINTVL, 10), (socket.TCP_KEEPCNT, 6))
"""Seconds until a silent client is asked whether it is there, seconds between, and how often."""


def listening(
    addresses: Sequence[Path | TcpAddress], group: str, *, tls: bool
) -> list[socket.socket]:
    """Sockets that listen at *addresses*: at paths for root and *group*, unless systemd made those.

    Raises Unavailable when one cannot be used, InvalidRequest where one needs *tls*.
    """
    found = handed_over()
    if not tls:
        refuse_plain(_tcp_of(each) for each in found if each.family != socket.AF_UNIX)
    if not found:
        found = [_listening(each, group) for each in addresses if isinstance(each, Path)]
    return found + [_listening_tcp(each) for each in addresses if isinstance(each, TcpAddress)]


def _tcp_of(sock: socket.socket) -> TcpAddress:
    host, port = sock.getsockname()[:2]
    return TcpAddress(host=ip_address(host), port=port)


def _listening_tcp(address: TcpAddress) -> socket.socket:
    family = socket.AF_INET6 if address.host.version == 6 else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a start right after an end
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in KEEPALIVE:  # what is accepted has it from here
        sock.setsockopt(socket.IPPROTO_TCP, option, value)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    try:
        sock.bind((str(address.host), address.port))
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise Unavailable(f"cannot listen on {address}: {_hindrance(error)}") from None
    sock.setblocking(False)
    return sock


def _hindrance(error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return "another program, or a published port, has it already: end that or take another"
        case errno.EADDRNOTAVAIL:
            return "this host has no such address"
        case _:
            return error.strerror or str(error)


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
