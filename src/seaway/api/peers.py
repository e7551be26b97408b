"""Who is at the other end of a connection? Nobody from inside a sandbox is answered.

The run directory is hidden from sandboxes, but a socket may lie elsewhere, in a directory of the
host that they see. TCP without TLS is on loopback only, which sandboxes on the host's network have,
too. Behind TLS is a pair of sockets of our own: there the client's certificate has decided.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from weakref import WeakKeyDictionary

from seaway.model.errors import Forbidden

_SANDBOX = re.compile(r"seaway-[0-9a-f]{64}")
"""A sandbox's cgroup (``plan.oci.cgroup``)."""
LOOKS = 2
"""Clients on TCP at a time that are looked for among all processes, which takes a thread and its time.

A sandbox on the host's network may ask as often as it likes; the Unix socket does not wait for that.
"""
_INODE = 9
"""The column of /proc/net/tcp."""
_LONGEST_IPV4 = len("0100007F:0947")
_UCRED = struct.Struct("3i")  # struct ucred: pid, uid, gid


class InsideSandbox(Forbidden):
    """The client is in a sandbox, or nobody can tell."""

    def __init__(self) -> None:
        super().__init__(
            "the API is not for processes inside sandboxes, nor for those whose cgroup cannot be read"
        )


class Peers:
    """Looks once at each connection: who made it stays the same."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc
        self._outside: WeakKeyDictionary[asyncio.BaseTransport, bool] = WeakKeyDictionary()
        self._looking = asyncio.Semaphore(LOOKS)

    async def refuse_sandboxes(self, connection: asyncio.BaseTransport | None) -> None:
        """Raise InsideSandbox unless a process outside all sandboxes made *connection*."""
        if connection is None:  # it hung up
            return
        outside = self._outside.get(connection)
        if outside is None:
            outside = self._outside[connection] = await self._looked_up(connection)
        if not outside:
            raise InsideSandbox

    async def _looked_up(self, connection: asyncio.BaseTransport) -> bool:
        sock: socket.socket = connection.get_extra_info("socket")
        if sock.family == socket.AF_UNIX:
            return self._is_outside(sock)
        async with self._looking:
            return await asyncio.to_thread(self._is_outside_by_tcp, sock)

    def _is_outside(self, sock: socket.socket) -> bool:
        """A process of a namespace beside or above ours has no number here; sandboxes are below."""
        pid, _, _ = _UCRED.unpack(
            sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
        )
        return pid == 0 or self._runs_outside(str(pid))

    def _runs_outside(self, pid: str) -> bool:
        try:
            text = (self._proc / pid / "cgroup").read_text(errors="replace")
        except OSError:  # it has ended
            return False
        return not in_sandbox(text)

    def _is_outside_by_tcp(self, sock: socket.socket) -> bool:
        """Whether a process outside all sandboxes holds the other end, which is on this host."""
        try:
            inode = self._inode(_row(sock.getpeername()), _row(sock.getsockname()))
        except OSError:  # it hung up
            return False
        holders = self._holders(f"socket:[{inode}]") if inode else iter(())
        return any(self._runs_outside(pid) for pid in holders)

    def _inode(self, local: str, remote: str) -> int:
        """The number of the socket between these ends, as proc_pid_net(5) lists them; 0: none."""
        table = "tcp6" if len(local) > _LONGEST_IPV4 else "tcp"
        for line in (self._proc / "net" / table).read_text().splitlines()[1:]:
            words = line.split()
            if words[1] == local and words[2] == remote:
                return int(words[_INODE])
        return 0

    def _holders(self, link: str) -> Iterator[str]:
        """The processes that have the file *link* open."""
        for each in self._proc.iterdir():
            if each.name.isdecimal() and _has_open(each / "fd", link):
                yield each.name


def _has_open(folder: Path, link: str) -> bool:
    """Whether one of a process's descriptors is *link*; a process that has ended has none."""
    try:
        names = os.listdir(folder)  # noqa: PTH208 - names only, of many
    except OSError:
        return False
    for name in names:
        with suppress(OSError):
            if os.readlink(f"{folder}/{name}") == link:  # noqa: PTH115
                return True
    return False


def _row(end: tuple[str, int]) -> str:
    """*end* as the table of sockets writes it: words of the host's byte order, in hexadecimal."""
    packed = ip_address(end[0]).packed
    words = struct.unpack(f"={len(packed) // 4}I", packed)
    return "".join(f"{word:08X}" for word in words) + f":{end[1]:04X}"


def in_sandbox(cgroups: str) -> bool:
    """Whether a process whose /proc/PID/cgroup says *cgroups* is in a sandbox, or below it.

    ``HIERARCHY:CONTROLLERS:PATH`` on each line (cgroups(7)).
    """
    paths = (line.split(":", 2)[2] for line in cgroups.splitlines() if line.count(":") >= 2)
    return any(_SANDBOX.fullmatch(part) for path in paths for part in path.split("/"))
