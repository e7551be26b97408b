"""Neighbours hear of an address that has a new place: ARP and ND announcements."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from errno import ENODEV

from seaway.codec.frames import announcement
from seaway.kernel.netlink import Refused
from seaway.kernel.visit import Visits
from seaway.model.ids import IfName, Interface, Mac
from seaway.model.parent import has_neighbours
from seaway.plan.operations import Announce, AttachLink, AttachVeth, ChangeAddresses, Operation

log = logging.getLogger(__name__)

_PACKET_QDISC_BYPASS = 20
_SOL_PACKET = 263


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """Frames to send through a socket that is closed afterwards.

    They are sent from another thread: a broadcast visits each port of the bridge, and to close a
    packet socket takes 12 to 16 ms (``packet_release()``).
    """

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


def announcements(operations: Sequence[Operation], visits: Visits) -> Iterator[Announcement]:
    """What neighbours must hear of the links made; a failure is only logged, since the link stands."""
    for each in operations:
        op = each.what if isinstance(each, Announce) else each
        addresses = _new_addresses(op)
        if not addresses:
            continue
        assert isinstance(op, AttachVeth | AttachLink | ChangeAddresses)
        try:
            mac = op.mac or _mac(visits, op)
            sock = visits.to(op.netns).socket(socket.AF_PACKET, socket.SOCK_RAW)
        except Refused:
            continue  # its interface is not there now; it is announced when it is made
        except OSError:
            log.exception("no socket to announce an address", extra={"netns": op.netns})
            continue
        frames = tuple(announcement(mac, address.ip) for address in addresses)
        yield Announcement(sock=sock, ifname=op.ifname, frames=frames)


def _mac(visits: Visits, op: AttachVeth | AttachLink | ChangeAddresses) -> Mac:
    """That of the interface inside, which has its parent's; raises OSError."""
    netlink = visits.to(op.netns).netlink
    link = netlink.link(netlink.index(op.ifname))
    if link is None or link.mac is None:
        raise Refused(ENODEV, f"there is no interface {op.ifname}")
    return link.mac


def _new_addresses(op: Operation) -> tuple[Interface, ...]:
    match op:
        case AttachVeth(addresses=addresses):
            return addresses
        case AttachLink(addresses=addresses, link=link):
            return addresses if has_neighbours(link) else ()
        case ChangeAddresses(old=old, new=new):
            return tuple(a for a in new if a not in old)
        case _:
            return ()
