"""The host's namespace, and those of sandboxes while one list of operations is carried out."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from os import close
from pathlib import Path
from typing import Self

from seaway.kernel import netns
from seaway.kernel.firewall import Firewall
from seaway.kernel.netlink import NETLINK_ROUTE, Netlink, open_netlink


class Host:
    """What the kernel thread keeps open in the host's namespace, which it lives in."""

    def __init__(self) -> None:
        self.home = netns.current()
        self.netlink = open_netlink()
        self.firewall = Firewall()

    def close(self) -> None:
        """Let go of all of it."""
        self.netlink.close()
        self.firewall.close()
        close(self.home)


class Inside:
    """A sandbox's namespace, seen from the kernel thread."""

    def __init__(self, path: Path, home: int) -> None:
        self.fd = netns.open_netns(path)
        self._home = home

    @cached_property
    def netlink(self) -> Netlink:
        """A netlink socket in there."""
        kind = socket.SOCK_RAW
        return Netlink(self.socket(socket.AF_NETLINK, kind, NETLINK_ROUTE))

    def socket(
        self, family: socket.AddressFamily, kind: socket.SocketKind, protocol: int = 0
    ) -> socket.socket:
        """A socket in there."""
        return netns.socket_inside(self.fd, self._home, family, kind, protocol)

    def enter(self) -> netns.Entering:
        """Be in there for a moment."""
        return netns.inside(self.fd, self._home)

    def close(self) -> None:
        """Let go of the namespace."""
        if "netlink" in self.__dict__:
            self.netlink.close()
        close(self.fd)


@dataclass
class Visits:
    """The namespaces entered while one list of operations is carried out, each opened once."""

    host: Host
    _open: dict[Path, Inside] = field(default_factory=dict[Path, Inside])

    def to(self, path: Path) -> Inside:
        """The namespace bound to *path*; raises OSError."""
        found = self._open.get(path)
        if found is None:
            found = self._open[path] = Inside(path, self.host.home)
        return found

    def forget(self, path: Path) -> None:
        """*path* may lead elsewhere from now on."""
        gone = self._open.pop(path, None)
        if gone is not None:
            gone.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with ExitStack() as stack:
            for inside in self._open.values():
                stack.callback(inside.close)
            self._open.clear()
