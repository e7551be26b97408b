"""Kernel settings under /proc/sys; those under net/ are those of the calling thread's namespace."""

from __future__ import annotations

import os
import re

_PATH = re.compile(r"[a-z0-9_.-]+(/[^/\s\0]+)*")
"""A link's name is part of some, and has all characters but blanks and slashes."""
_ROOM = 4096
"""Bytes; no setting of the network is longer."""


def checked(path: str) -> str:
    """The file of the setting *path*; raises ValueError for what can lead elsewhere."""
    if not _PATH.fullmatch(path) or ".." in path.split("/"):
        raise ValueError(f"{path!r} is not the path of a kernel setting")
    return f"/proc/sys/{path}"


def read(path: str) -> str | None:
    """The value of a setting; None when this kernel has none of that name. 10 µs."""
    try:
        fd = os.open(checked(path), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        return os.read(fd, _ROOM).decode().strip()
    finally:
        os.close(fd)


def write(path: str, value: str) -> None:
    """Set a setting; raises OSError."""
    fd = os.open(checked(path), os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, value.encode())
    finally:
        os.close(fd)


def set_to(path: str, value: str) -> None:
    """Set a setting unless it is *value* already, since some of them cost a flush when written."""
    if read(path) != value:
        write(path, value)
