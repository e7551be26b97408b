"""Who is at the other end of a connection? Nobody from inside a sandbox is answered.

The run directory is hidden from sandboxes, but a socket may lie elsewhere, in a directory of the
host that they see.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from pathlib import Path
from weakref import WeakKeyDictionary

from seaway.model.errors import Forbidden

_SANDBOX = re.compile(r"seaway-[0-9a-f]{64}")
"""A sandbox's cgroup (``plan.oci.cgroup``)."""
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

    def refuse_sandboxes(self, connection: asyncio.BaseTransport | None) -> None:
        """Raise InsideSandbox unless a process outside all sandboxes made *connection*."""
        if connection is None:  # it hung up
            return
        outside = self._outside.get(connection)
        if outside is None:
            outside = self._outside[connection] = self._is_outside(connection)
        if not outside:
            raise InsideSandbox

    def _is_outside(self, connection: asyncio.BaseTransport) -> bool:
        """A process of a namespace beside or above ours has no number here; sandboxes are below."""
        sock: socket.socket = connection.get_extra_info("socket")
        pid, _, _ = _UCRED.unpack(
            sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
        )
        try:
            return pid == 0 or not in_sandbox((self._proc / str(pid) / "cgroup").read_text())
        except OSError:  # it has ended
            return False


def in_sandbox(cgroups: str) -> bool:
    """Whether a process whose /proc/PID/cgroup says *cgroups* is in a sandbox, or below it.

    ``HIERARCHY:CONTROLLERS:PATH`` on each line (cgroups(7)).
    """
    paths = (line.split(":", 2)[2] for line in cgroups.splitlines() if line.count(":") >= 2)
    return any(_SANDBOX.fullmatch(part) for path in paths for part in path.split("/"))
