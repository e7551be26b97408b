"""Network namespaces: making, binding to files, entering.

A namespace belongs to a thread, so all of this happens on the thread that calls it, which is the
kernel thread. It enters another namespace only to make an object there (a socket, an nft context),
which keeps that namespace wherever it is used, and comes back at once.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, suppress
from errno import EINVAL, ENOENT
from pathlib import Path

_CLONE_NEWNET = 0x40000000
_MS_BIND = 4096
_MNT_DETACH = 2
_NS_GET_NSTYPE = 0xB703
_LOST = 70
"""Exit status of a daemon whose kernel thread could not come home (EX_SOFTWARE)."""

_libc = ctypes.CDLL(None, use_errno=True)

Entering = AbstractContextManager[None]
"""A stay in another namespace."""


def current() -> int:
    """A descriptor of the calling thread's network namespace."""
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def enter(netns: int) -> None:
    """Move the calling thread for good into the namespace of the descriptor *netns*."""
    _check(_libc.setns(netns, _CLONE_NEWNET), "setns")


@contextmanager
def inside(netns: int, home: int) -> Generator[None]:
    """Be in *netns*, then back in *home* (both descriptors); raises OSError when it cannot go.

    When it cannot come back, the process ends: it must not run on in a stranger's namespace.
    """
    enter(netns)
    try:
        yield
    finally:
        _go_home(home)


@contextmanager
def fresh(home: int) -> Generator[None]:
    """Be in a new namespace, then back in *home*."""
    _check(_libc.unshare(_CLONE_NEWNET), "unshare")
    try:
        yield
    finally:
        _go_home(home)


def _go_home(home: int) -> None:
    if _libc.setns(home, _CLONE_NEWNET):
        os._exit(_LOST)


def open_netns(path: Path) -> int:
    """A descriptor of the network namespace that *path* leads to; raises OSError."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise FileNotFoundError(ENOENT, f"there is no network namespace at {path}") from None
    if is_netns(fd):
        return fd
    os.close(fd)
    raise OSError(EINVAL, f"{path} is not a network namespace")


def is_netns(fd: int) -> bool:
    """Whether the descriptor is of a network namespace (ioctl_ns(2))."""
    try:
        return fcntl.ioctl(fd, _NS_GET_NSTYPE) == _CLONE_NEWNET
    except OSError:  # ENOTTY of other files, EINVAL of some devices: in no case a namespace
        return False


def same(one: int, other: int) -> bool:
    """Whether two descriptors are of the same namespace (namespaces(7))."""
    first, second = os.fstat(one), os.fstat(other)
    return (first.st_dev, first.st_ino) == (second.st_dev, second.st_ino)


def bind(fd: int, path: Path) -> None:
    """Bind the namespace *fd* to the new file *path*; raises OSError, with nothing left behind."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o400))
    source = f"/proc/thread-self/fd/{fd}".encode()
    try:
        _check(_libc.mount(source, os.fsencode(path), b"none", _MS_BIND, None), "mount")
    except OSError:
        path.unlink()
        raise


def unbind(path: Path) -> None:
    """Take the binding at *path* away, and the file; gone already is fine."""
    if _libc.umount2(os.fsencode(path), _MNT_DETACH):
        error = ctypes.get_errno()
        if error not in {EINVAL, ENOENT}:
            raise OSError(error, os.strerror(error), str(path))
    with suppress(FileNotFoundError):
        path.unlink()


def name(link: Path, path: Path) -> None:
    """Let the symbolic link *link* lead to *path*, in place of what it was."""
    link.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh_link = link.with_name(f".{link.name}.new")
    unname(fresh_link)
    fresh_link.symlink_to(path)
    fresh_link.replace(link)


def unname(link: Path) -> None:
    """Take the symbolic link *link* away; gone already is fine."""
    with suppress(FileNotFoundError):
        link.unlink()


def bound(directory: Path) -> dict[Path, bool]:
    """The files and links in *directory*, with whether each leads to a network namespace.

    Empty where there is no such directory; directories in it are left out.
    """
    try:
        found = sorted(directory.iterdir())
    except FileNotFoundError:
        return {}
    return {path: _leads_to_netns(path) for path in found if path.is_symlink() or path.is_file()}


def _leads_to_netns(path: Path) -> bool:
    try:
        os.close(open_netns(path))
    except OSError:
        return False
    return True


def socket_inside(
    netns: int,
    home: int,
    family: socket.AddressFamily,
    kind: socket.SocketKind,
    protocol: int = 0,
) -> socket.socket:
    """A socket that lives in *netns*, wherever it is used; some 8 µs."""
    with inside(netns, home):
        return socket.socket(family, kind | socket.SOCK_CLOEXEC, protocol)


def _check(result: int, call: str) -> None:
    if result:
        error = ctypes.get_errno()
        raise OSError(error, f"{call}: {os.strerror(error)}")
