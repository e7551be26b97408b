"""The host's namespace, and those of sandboxes while one list of operations is carried out."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import cached_property
from os import close
from pathlib import Path
from typing import Self

from seaway.codec.frames import announcement
from seaway.kernel import netns
from seaway.kernel.firewall import Firewall
from seaway.kernel.netlink import NETLINK_ROUTE, Netlink, open_netlink
from seaway.model.ids import Address, IfName, Mac

log = logging.getLogger(__name__)

_PACKET_QDISC_BYPASS = 20
_SOL_PACKET = 263


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


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """Addresses that neighbours must hear of."""

    netns: Path
    ifname: IfName
    mac: Mac
    addresses: tuple[Address, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """Frames to send through a socket that is closed afterwards."""

    sock: socket.socket
    ifname: IfName
    frames: tuple[bytes, ...]

    def send(self) -> None:
        """Send the frames and close the socket; a link without carrier tells nobody."""
        with self.sock as sock:
            sock.setblocking(False)
            sock.setsockopt(_SOL_PACKET, _PACKET_QDISC_BYPASS, 1)
            for frame in self.frames:
                with suppress(OSError):  # no carrier, or the interface is gone again
                    sock.sendto(frame, (self.ifname, 0))


@dataclass
class Visits:
    """The namespaces entered while one list of operations is carried out, each opened once."""

    host: Host
    announce: Callable[[Announcement], object]
    """Sends it from another thread: a broadcast visits each port of the bridge, and to close a
    packet socket takes 12 to 16 ms (``packet_release()``)."""
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

    def spread(self, news: Sequence[News]) -> None:
        """Tell the neighbours *news*; a failure is only logged, since the link itself stands."""
        for item in news:
            try:
                sock = self.to(item.netns).socket(socket.AF_PACKET, socket.SOCK_RAW)
            except OSError:
                log.exception("no socket to announce an address", extra={"netns": item.netns})
                continue
            frames = [announcement(item.mac, address) for address in item.addresses]
            self.announce(Announcement(sock=sock, ifname=item.ifname, frames=tuple(frames)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with ExitStack() as stack:
            for inside in self._open.values():
                stack.callback(inside.close)
            self._open.clear()
