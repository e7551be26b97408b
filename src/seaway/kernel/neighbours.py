"""Who on a LAN has addresses that are to be used: asked, and heard, by an interface of the host.

Sources: RFC 5227 for IPv4, RFC 4862 section 5.4 for IPv6; packet(7).
"""

from __future__ import annotations

import asyncio
import ctypes
import socket
import struct
from collections.abc import Collection, Iterable
from contextlib import suppress
from errno import ENODEV

from seaway.codec.frames import ALL_NODES_MAC, Claim, claim, probe
from seaway.model.ids import Address, IfName, Mac

PROBES = 2
"""How often each question is asked, in case a frame is lost."""

_ETH_P_ALL = 0x0003
_SO_ATTACH_FILTER = 26
_SOL_PACKET = 263
_PACKET_ADD_MEMBERSHIP, _PACKET_IGNORE_OUTGOING = 1, 23
_PACKET_MR_MULTICAST = 0
_MEMBERSHIP = struct.Struct("=iHH8s")  # struct packet_mreq
_MAC_LENGTH = 6
_LARGEST = 128
"""Bytes of a frame that are looked at; what is claimed is in the first 78."""
_MOST = 1024
"""Frames that are looked at at once, however many somebody sends."""
_PRESENT, _TAG = 0xFFFFF030, 0xFFFFF02C  # SKF_AD_VLAN_TAG_PRESENT, SKF_AD_VLAN_TAG
_FILTER = b"".join(
    struct.pack("=HBBI", *instruction)
    for instruction in (
        (0x20, 0, 0, _PRESENT),  # of another LAN, if the frame is of a VLAN
        (0x15, 2, 0, 0),
        (0x20, 0, 0, _TAG),
        (0x45, 9, 0, 0x0FFF),
        (0x28, 0, 0, 12),  # ldh [12], the EtherType
        (0x15, 6, 0, 0x0806),
        (0x15, 0, 6, 0x86DD),
        (0x30, 0, 0, 20),  # ldb [20], what follows the IPv6 header
        (0x15, 0, 4, socket.IPPROTO_ICMPV6),
        (0x30, 0, 0, 54),  # ldb [54], the type of the message
        (0x15, 1, 0, 135),
        (0x15, 0, 1, 136),
        (0x06, 0, 0, 0xFFFFFFFF),  # take it
        (0x06, 0, 0, 0),  # or not
    )
)
"""ARP, neighbour solicitations and advertisements, as classic BPF (linux/filter.h)."""
_INSTRUCTION = 8


def listen(sock: socket.socket, parent: IfName, versions: Collection[int]) -> None:
    """Let *sock*, a raw packet socket, hear what is claimed behind *parent*; raises OSError.

    All frames come by it before a macvlan link can take them (``__netif_receive_skb_core()``). Where
    there is no such interface it hears nothing.
    """
    program = ctypes.create_string_buffer(_FILTER, len(_FILTER))
    fprog = struct.pack("@HP", len(_FILTER) // _INSTRUCTION, ctypes.addressof(program))
    sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, fprog)
    sock.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
    try:
        sock.bind((parent, _ETH_P_ALL))
        if 6 in versions:
            index = socket.if_nametoindex(parent)
            group = _MEMBERSHIP.pack(index, _PACKET_MR_MULTICAST, _MAC_LENGTH, ALL_NODES_MAC)
            sock.setsockopt(_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, group)
    except OSError as error:
        if error.errno != ENODEV:
            raise


async def ask(
    sock: socket.socket, addresses: Collection[Address], seconds: float
) -> dict[Address, Mac]:
    """Ask by *sock*, which listens, who has *addresses*, and give who says so within *seconds*."""
    own = _mac_of(sock)
    found: dict[Address, Mac] = {}
    if own is None:
        return found
    for _ in range(PROBES):
        if not _send(sock, (probe(own, a) for a in addresses if a not in found)):
            break
        await asyncio.sleep(seconds / PROBES)
        for heard in _heard(sock):
            if heard.address in addresses and _goes_before(heard, own):
                found[heard.address] = heard.mac
    return found


def _goes_before(heard: Claim, own: Mac) -> bool:
    """Whether *heard* keeps us from the address: one of two that ask at once must go on.

    A frame of our own may come back from the switch.
    """
    return heard.mac != own if heard.holds else heard.mac < own


def _mac_of(sock: socket.socket) -> Mac | None:
    """The MAC address of the interface that *sock* is bound to; None: it has none, or is not there."""
    mac = sock.getsockname()[4]
    return Mac(mac.hex(":")) if len(mac) == _MAC_LENGTH else None


def _send(sock: socket.socket, frames: Iterable[bytes]) -> bool:
    """Send *frames*, as many as can be; gives whether any went out: none does by a link that is down."""
    sent = False
    for frame in frames:
        with suppress(OSError):
            sock.send(frame)
            sent = True
    return sent


def _heard(sock: socket.socket) -> Iterable[Claim]:
    """What was claimed until now."""
    for _ in range(_MOST):
        try:
            frame = sock.recv(_LARGEST)
        except OSError:  # nothing is left, or the interface went
            return
        if (found := claim(frame)) is not None:
            yield found
