"""Route netlink messages: requests packed into bytes, answers read back into values.

Everything here is native byte order, as netlink is. A request has no sequence number until ``pack``
gives it one. Sources: include/uapi/linux/{netlink,rtnetlink,if_link,if_addr,neighbour}.h, and
Documentation/userspace-api/netlink/intro.rst for the acknowledgements.
"""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address

from seaway.model.ids import Address, IfName, Interface, Mac, Prefix, interface
from seaway.model.parent import Ipvlan, IpvlanFlag, IpvlanMode, LinkKind, Macvlan, MacvlanMode
from seaway.model.switch import LAST_VLAN
from seaway.model.usage import Traffic

NLM_F_REQUEST = 0x1
NLM_F_ACK = 0x4
NLM_F_DUMP_INTR = 0x10
NLM_F_DUMP = 0x300
NLM_F_REPLACE = 0x100
NLM_F_EXCL = 0x200
NLM_F_BULK = 0x200
NLM_F_CREATE = 0x400
NLM_F_CAPPED = 0x100
NLM_F_ACK_TLVS = 0x200

NLMSG_ERROR = 2
NLMSG_DONE = 3

IFF_UP = 0x1
IFF_LOOPBACK = 0x8
IFF_RUNNING = 0x40
LOOPBACK_INDEX = 1
"""The kernel makes ``lo`` first in every namespace (net/core/net_namespace.c)."""

AF_INET = 2
AF_BRIDGE = 7
AF_INET6 = 10

OUR_METRIC = 512
"""Of our IPv6 default routes: less, and so better, than the 1024 of those that routers advertise
(``IP6_RT_PRIO_USER``, include/uapi/linux/ipv6_route.h)."""
RT_TABLE_MAIN = 254
RT_TABLE_LOCAL = 255


class Kind(IntEnum):
    """Types of message."""

    NEWLINK = 16
    DELLINK = 17
    GETLINK = 18
    SETLINK = 19
    NEWADDR = 20
    DELADDR = 21
    GETADDR = 22
    NEWROUTE = 24
    DELROUTE = 25
    GETROUTE = 26
    NEWNEIGH = 28
    DELNEIGH = 29


class RouteType(IntEnum):
    """What a route does with a packet."""

    UNICAST = 1
    LOCAL = 2
    BLACKHOLE = 6
    UNREACHABLE = 7
    PROHIBIT = 8


_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, port
_ATTRIBUTE = struct.Struct("=HH")  # length, type
_STATS = struct.Struct("=8Q")  # packets, bytes, errors, drops: received, then sent
_LINK = struct.Struct("=BxHiII")  # family, device type, index, flags, change
_ADDRESS = struct.Struct("=BBBBI")  # family, prefix length, flags, scope, index
_ROUTE = struct.Struct("=BBBBBBBBI")  # family, dst, src, tos, table, protocol, scope, type, flags
_NEIGHBOUR = struct.Struct("=BxxxiHBB")  # family, index, state, flags, type
_NEXTHOP = struct.Struct("=HBBi")  # length, flags, hops, index
_INT = struct.Struct("=i")
_U16 = struct.Struct("=H")
_U32 = struct.Struct("=I")
_VLAN_INFO = struct.Struct("=HH")  # flags, VLAN

_IFLA_ADDRESS = 1
_IFLA_IFNAME = 3
_IFLA_MTU = 4
_IFLA_LINK = 5
_IFLA_MASTER = 10
_IFLA_OPERSTATE = 16
_IFLA_LINKINFO = 18
_IFLA_STATS64 = 23
_IF_OPER_UP = 6
_IFLA_AF_SPEC = 26
_IFLA_GROUP = 27
_IFLA_INET6_ADDR_GEN_MODE = 8
_ADDR_GEN_MODE_NONE = 1
_IFLA_NET_NS_FD = 28
_IFLA_EXT_MASK = 29
_IFLA_INFO_KIND = 1
_IFLA_INFO_DATA = 2
_IFLA_INFO_SLAVE_KIND = 4
_IFLA_INFO_SLAVE_DATA = 5
_VETH_INFO_PEER = 1
_IFLA_VLAN_ID = 1
_IFLA_MACVLAN_MODE = 1
_IFLA_MACVLAN_BC_CUTOFF = 9
_MACVLAN_MODES = {
    MacvlanMode.PRIVATE: 1,
    MacvlanMode.VEPA: 2,
    MacvlanMode.BRIDGE: 4,
    MacvlanMode.PASSTHRU: 8,
}
_IFLA_IPVLAN_MODE = 1
_IFLA_IPVLAN_FLAGS = 2
_IPVLAN_MODES = {IpvlanMode.L2: 0, IpvlanMode.L3: 1, IpvlanMode.L3S: 2}
_IPVLAN_FLAGS = {IpvlanFlag.BRIDGE: 0, IpvlanFlag.PRIVATE: 1, IpvlanFlag.VEPA: 2}
_IFLA_BR_FORWARD_DELAY = 1
_IFLA_BR_STP_STATE = 5
_IFLA_BR_VLAN_FILTERING = 7
_IFLA_BR_VLAN_DEFAULT_PVID = 39
_IFLA_BRIDGE_FLAGS = 0
_IFLA_BRIDGE_VLAN_INFO = 2
_BRIDGE_FLAGS_SELF = 2
_BRIDGE_VLAN_INFO_PVID = 1 << 1
_BRIDGE_VLAN_INFO_UNTAGGED = 1 << 2
_BRIDGE_VLAN_INFO_RANGE_BEGIN = 1 << 3
_BRIDGE_VLAN_INFO_RANGE_END = 1 << 4
_MAC_SIZE = 6
_IFLA_BRPORT_STATE = 1
_BR_STATE_FORWARDING = 3
_IFLA_BRPORT_MODE = 4  # hairpin
_IFLA_BRPORT_LEARNING = 8
_IFLA_BRPORT_UNICAST_FLOOD = 9
_IFLA_BRPORT_MCAST_FLOOD = 27
_IFLA_BRPORT_BCAST_FLOOD = 30
_IFLA_BRPORT_ISOLATED = 33
_IFLA_BRPORT_LOCKED = 39
_IFA_ADDRESS = 1
_IFA_LOCAL = 2
_IFA_FLAGS = 8
_IFA_F_TEMPORARY = 0x1
_IFA_F_NODAD = 0x2
_IFA_F_DADFAILED = 0x8
_IFA_F_DEPRECATED = 0x20
_IFA_F_TENTATIVE = 0x40
_IFA_F_MANAGETEMPADDR = 0x100
_UNFIT = _IFA_F_TEMPORARY | _IFA_F_DADFAILED | _IFA_F_DEPRECATED | _IFA_F_TENTATIVE
_RTA_DST = 1
_RTA_OIF = 4
_RTA_GATEWAY = 5
_RTA_PRIORITY = 6
_RTA_MULTIPATH = 9
_RTA_TABLE = 15
_NDA_LLADDR = 2
_NDA_VLAN = 5
_NUD_NOARP = (
    0x40  # what bridge(8) calls static; NUD_PERMANENT would make the address the bridge's own
)
_NTF_MASTER = 0x4
_RTPROT_STATIC = 4
_RT_SCOPE_LINK = 253
_RT_SCOPE_HOST = 254
_NLMSGERR_ATTR_MSG = 1
_TYPE_MASK = 0x3FFF  # without NLA_F_NESTED and NLA_F_NET_BYTEORDER
_VLAN_RANGES = 1 << 2  # RTEXT_FILTER_BRVLAN_COMPRESSED
_SKIP_STATS = 1 << 3  # RTEXT_FILTER_SKIP_STATS: half of a link's dump


class Malformed(ValueError):
    """Bytes that are no netlink message."""


@dataclass(frozen=True, slots=True)
class Request:
    """A message that has no sequence number yet."""

    kind: int
    flags: int
    body: bytes


def pack(request: Request, sequence: int) -> bytes:
    """*request* as it goes over the socket."""
    length = _HEADER.size + len(request.body)
    flags = request.flags | NLM_F_REQUEST
    return _HEADER.pack(length, request.kind, flags, sequence, 0) + request.body


def attribute(kind: int, data: bytes) -> bytes:
    """One attribute, padded to four bytes."""
    return _ATTRIBUTE.pack(4 + len(data), kind) + data + bytes(-len(data) % 4)


# --- requests: links ---

_PROMPT = attribute(_IFLA_BR_FORWARD_DELAY, _U32.pack(0)) + attribute(
    _IFLA_BR_STP_STATE, _U32.pack(0)
)
"""Of a bridge: its ports forward at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkChange:
    """What to set on a link; None leaves a thing as it is."""

    up: bool | None = None
    name: IfName | None = None
    mac: Mac | None = None
    mtu: int | None = None
    master: int | None = None
    """The index of a bridge; 0 takes the link off its bridge."""
    group: int | None = None

    def flags(self) -> tuple[int, int]:
        """``ifi_flags`` and ``ifi_change``."""
        return (IFF_UP if self.up else 0, 0 if self.up is None else IFF_UP)

    def attributes(self) -> bytes:
        """The change as attributes of a link message."""
        return b"".join(
            (
                b"" if self.name is None else attribute(_IFLA_IFNAME, _text(self.name)),
                b"" if self.mac is None else attribute(_IFLA_ADDRESS, mac_bytes(self.mac)),
                b"" if self.mtu is None else attribute(_IFLA_MTU, _U32.pack(self.mtu)),
                b"" if self.master is None else attribute(_IFLA_MASTER, _U32.pack(self.master)),
                b"" if self.group is None else attribute(_IFLA_GROUP, _U32.pack(self.group)),
            )
        )


def change_link(index: int, change: LinkChange) -> Request:
    """Set *change* on the link *index*."""
    body = _LINK.pack(0, 0, index, *change.flags()) + change.attributes()
    return Request(Kind.SETLINK, NLM_F_ACK, body)


def no_own_ipv6(index: int) -> Request:
    """Let the kernel give the link *index* no IPv6 address of its own (``addr_gen_mode none``).

    Said before the link comes up: that is when the kernel makes the link-local one.
    """
    mode = attribute(_IFLA_INET6_ADDR_GEN_MODE, bytes([_ADDR_GEN_MODE_NONE]))
    families = attribute(_IFLA_AF_SPEC, attribute(AF_INET6, mode))
    return Request(Kind.SETLINK, NLM_F_ACK, _LINK.pack(0, 0, index, 0, 0) + families)


def new_bridge(near: LinkChange) -> Request:
    """Make a bridge without spanning tree, whose ports forward at once."""
    return _new_link(near, b"bridge", _PROMPT)


def new_switch(near: LinkChange) -> Request:
    """Make a bridge that keeps VLANs apart, and in which a port is in none until somebody says so."""
    apart = attribute(_IFLA_BR_VLAN_FILTERING, b"\1")
    nowhere = attribute(_IFLA_BR_VLAN_DEFAULT_PVID, _U16.pack(0))
    return _new_link(near, b"bridge", _PROMPT + apart + nowhere)


def new_veth(near: LinkChange, far: LinkChange, netns: int) -> Request:
    """Make a veth pair, *far* in the namespace held by the descriptor *netns*.

    *far* cannot be made up: its peer is not tied to it yet (``veth_open()``, drivers/net/veth.c).
    """
    assert not far.up
    attributes = far.attributes() + attribute(_IFLA_NET_NS_FD, _U32.pack(netns))
    peer = _LINK.pack(0, 0, 0, 0, 0) + attributes
    return _new_link(near, b"veth", attribute(_VETH_INFO_PEER, peer))


def new_vlan(near: LinkChange, lower: int, vlan: int) -> Request:
    """Make a VLAN subinterface of the link *lower* for *vlan*, 1 to 4094."""
    return _new_link(near, b"vlan", attribute(_IFLA_VLAN_ID, _U16.pack(vlan)), lower)


def new_dummy(near: LinkChange) -> Request:
    """Make a link with nothing behind it."""
    return _new_link(near, b"dummy", b"")


def new_on_parent(near: LinkChange, lower: int, kind: LinkKind, netns: int | None) -> Request:
    """Make a macvlan or ipvlan link on *lower*, in the namespace held by *netns*; None: in this one."""
    inside = b"" if netns is None else attribute(_IFLA_NET_NS_FD, _U32.pack(netns))
    match kind:
        case Macvlan(mode=mode, bclim=bclim):
            data = attribute(_IFLA_MACVLAN_MODE, _U32.pack(_MACVLAN_MODES[mode]))
            data += b"" if bclim is None else attribute(_IFLA_MACVLAN_BC_CUTOFF, _INT.pack(bclim))
            return _new_link(near, b"macvlan", data, lower, inside)
        case Ipvlan(mode=its_mode, flag=flag):
            data = attribute(_IFLA_IPVLAN_MODE, _U16.pack(_IPVLAN_MODES[its_mode]))
            data += attribute(_IFLA_IPVLAN_FLAGS, _U16.pack(_IPVLAN_FLAGS[flag]))
            return _new_link(near, b"ipvlan", data, lower, inside)


def _new_link(
    near: LinkChange, kind: bytes, data: bytes, lower: int = 0, more: bytes = b""
) -> Request:
    info = attribute(_IFLA_INFO_KIND, kind) + attribute(_IFLA_INFO_DATA, data)
    on = attribute(_IFLA_LINK, _U32.pack(lower)) if lower else b""
    body = _LINK.pack(0, 0, 0, *near.flags()) + near.attributes() + on + more
    body += attribute(_IFLA_LINKINFO, info)
    return Request(Kind.NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, body)


@dataclass(frozen=True, slots=True, kw_only=True)
class PortFlags:
    """How a bridge treats one of its ports (bridge(8), ``bridge link set``)."""

    learning: bool = True
    locked: bool = False
    """Take frames only from MAC addresses that the forwarding table has at this port."""
    hairpin: bool = False
    """Send a frame back to the port from which it came, too."""
    unicast_flood: bool = True
    """Send it frames for MAC addresses that nobody is known to have."""


def raise_port(index: int, port: PortFlags) -> Request:
    """Set the flags of the bridge port *index*, then bring it up, in one message.

    The kernel changes a port before its link (``rtnl_changelink()``), so no frame passes before the
    flags hold.
    """
    flags = (
        (_IFLA_BRPORT_MODE, port.hairpin),
        (_IFLA_BRPORT_LEARNING, port.learning),
        (_IFLA_BRPORT_UNICAST_FLOOD, port.unicast_flood),
        (_IFLA_BRPORT_LOCKED, port.locked),
    )
    data = b"".join(attribute(kind, bytes([value])) for kind, value in flags)
    return _change_port(index, LinkChange(up=True), data)


def close_port(index: int) -> tuple[Request, Request]:
    """Let the bridge port *index* pass no frame either way, whatever its far end does.

    To set it down or to take it off its bridge would wait some 8 ms for an RCU grace period. The
    state "disabled" alone does not last: any change of the link or of its carrier makes the port
    forward again (``br_port_carrier_check()``). A locked port takes no frame from an address that
    the forwarding table does not have there, and its entries are flushed; without them and without
    floods nothing is sent to it.
    """
    flags = (
        (_IFLA_BRPORT_STATE, 0),
        (_IFLA_BRPORT_LOCKED, 1),
        (_IFLA_BRPORT_LEARNING, 0),
        (_IFLA_BRPORT_ISOLATED, 1),
        (_IFLA_BRPORT_UNICAST_FLOOD, 0),
        (_IFLA_BRPORT_MCAST_FLOOD, 0),
        (_IFLA_BRPORT_BCAST_FLOOD, 0),
    )
    data = b"".join(attribute(kind, bytes([value])) for kind, value in flags)
    flush = _NEIGHBOUR.pack(AF_BRIDGE, index, 0, _NTF_MASTER, 0)
    return (
        _change_port(index, LinkChange(), data),
        Request(Kind.DELNEIGH, NLM_F_ACK | NLM_F_BULK, flush),
    )


def _change_port(index: int, change: LinkChange, data: bytes) -> Request:
    info = attribute(_IFLA_INFO_SLAVE_KIND, b"bridge\0") + attribute(_IFLA_INFO_SLAVE_DATA, data)
    body = (
        _LINK.pack(0, 0, index, *change.flags())
        + change.attributes()
        + attribute(_IFLA_LINKINFO, info)
    )
    return Request(Kind.NEWLINK, NLM_F_ACK, body)


def pass_vlan(index: int, vlan: int, *, to_host: bool = False) -> Request:
    """Let the frames of *vlan* pass the bridge port *index*, tagged.

    *to_host*: the link is the bridge itself, and they pass between it and the host.
    """
    return Request(Kind.SETLINK, NLM_F_ACK, _vlans(index, [(0, vlan)], to_host=to_host))


def drop_vlan(index: int, vlan: int, *, to_host: bool = False) -> Request:
    """Undo ``pass_vlan``; that they did not pass is fine."""
    return Request(Kind.DELLINK, NLM_F_ACK, _vlans(index, [(0, vlan)], to_host=to_host))


def put_into_vlan(index: int, vlan: int) -> tuple[Request, Request]:
    """Let the bridge port *index* be in *vlan* and in no other: who is behind it knows of no VLANs.

    The first request takes it out of all others, the bridge's default one among them.
    """
    whole = [(_BRIDGE_VLAN_INFO_RANGE_BEGIN, 1), (_BRIDGE_VLAN_INFO_RANGE_END, LAST_VLAN)]
    one = [(_BRIDGE_VLAN_INFO_PVID | _BRIDGE_VLAN_INFO_UNTAGGED, vlan)]
    return (
        Request(Kind.DELLINK, NLM_F_ACK, _vlans(index, whole)),
        Request(Kind.SETLINK, NLM_F_ACK, _vlans(index, one)),
    )


def _vlans(index: int, infos: Sequence[tuple[int, int]], *, to_host: bool = False) -> bytes:
    found = attribute(_IFLA_BRIDGE_FLAGS, _U16.pack(_BRIDGE_FLAGS_SELF)) if to_host else b""
    found += b"".join(attribute(_IFLA_BRIDGE_VLAN_INFO, _VLAN_INFO.pack(*info)) for info in infos)
    return _LINK.pack(AF_BRIDGE, 0, index, 0, 0) + attribute(_IFLA_AF_SPEC, found)


def delete_link(index: int) -> Request:
    """Delete one link; 16 to 36 ms."""
    return Request(Kind.DELLINK, NLM_F_ACK, _LINK.pack(0, 0, index, 0, 0))


def delete_group(group: int) -> Request:
    """Delete all links of *group*; some 30 ms in all. ENODEV when there is none."""
    body = _LINK.pack(0, 0, 0, 0, 0) + attribute(_IFLA_GROUP, _U32.pack(group))
    return Request(Kind.DELLINK, NLM_F_ACK, body)


def get_link(index: int) -> Request:
    """Ask for one link."""
    body = _LINK.pack(0, 0, index, 0, 0) + attribute(_IFLA_EXT_MASK, _U32.pack(_SKIP_STATS))
    return Request(Kind.GETLINK, NLM_F_ACK, body)


def get_link_named(name: IfName) -> Request:
    """Ask for one link by its name."""
    mask = attribute(_IFLA_EXT_MASK, _U32.pack(_SKIP_STATS))
    body = _LINK.pack(0, 0, 0, 0, 0) + attribute(_IFLA_IFNAME, name.encode() + b"\0") + mask
    return Request(Kind.GETLINK, NLM_F_ACK, body)


def dump_links() -> Request:
    """Ask for all links."""
    body = _LINK.pack(0, 0, 0, 0, 0) + attribute(_IFLA_EXT_MASK, _U32.pack(_SKIP_STATS))
    return Request(Kind.GETLINK, NLM_F_DUMP, body)


def dump_vlans() -> Request:
    """Ask for all bridges and their ports, with their VLANs."""
    mask = attribute(_IFLA_EXT_MASK, _U32.pack(_VLAN_RANGES))
    return Request(Kind.GETLINK, NLM_F_DUMP, _LINK.pack(AF_BRIDGE, 0, 0, 0, 0) + mask)


def dump_traffic() -> Request:
    """Ask for all links with what they have carried."""
    return Request(Kind.GETLINK, NLM_F_DUMP, _LINK.pack(0, 0, 0, 0, 0))


def add_neighbour_of_bridge(index: int, mac: Mac, vlan: int | None = None) -> Request:
    """Let the bridge of port *index* know for ever that *mac* is behind that port, in *vlan* if it has any."""
    body = _NEIGHBOUR.pack(AF_BRIDGE, index, _NUD_NOARP, _NTF_MASTER, 0) + attribute(
        _NDA_LLADDR, mac_bytes(mac)
    )
    body += b"" if vlan is None else attribute(_NDA_VLAN, _U16.pack(vlan))
    return Request(Kind.NEWNEIGH, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, body)


# --- requests: addresses and routes ---


def add_address(index: int, address: Interface) -> Request:
    """Give the link *index* an address, without duplicate address detection."""
    body = _address_body(index, address) + attribute(_IFA_FLAGS, _U32.pack(_IFA_F_NODAD))
    return Request(Kind.NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, body)


def delete_address(index: int, address: Interface) -> Request:
    """Take an address from the link *index*."""
    return Request(Kind.DELADDR, NLM_F_ACK, _address_body(index, address))


def _address_body(index: int, address: Interface) -> bytes:
    packed = address.ip.packed
    return (
        _ADDRESS.pack(_family(address.version), address.network.prefixlen, 0, 0, index)
        + attribute(_IFA_LOCAL, packed)
        + attribute(_IFA_ADDRESS, packed)
    )


def dump_addresses(version: int, index: int = 0) -> Request:
    """Ask for all addresses of the family *version*.

    With *index*, those of one link; only a socket with NETLINK_GET_STRICT_CHK heeds it.
    """
    return Request(Kind.GETADDR, NLM_F_DUMP, _ADDRESS.pack(_family(version), 0, 0, 0, index))


def replace_default_route(index: int, version: int, gateway: Address | None) -> Request:
    """Make *gateway* on the link *index* the default route of family *version*.

    None: whoever it is for is right behind the link. That of IPv6 goes before, and is never taken for,
    one that a router advertisement brought: its metric is OUR_METRIC.
    """
    scope = _RT_SCOPE_LINK if gateway is None and version == 4 else 0
    body = _ROUTE.pack(
        _family(version), 0, 0, 0, RT_TABLE_MAIN, _RTPROT_STATIC, scope, RouteType.UNICAST, 0
    )
    body += b"" if gateway is None else attribute(_RTA_GATEWAY, gateway.packed)
    body += attribute(_RTA_OIF, _U32.pack(index)) + _our_metric(version)
    return Request(Kind.NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, body)


def delete_default_route(version: int) -> Request:
    """Take a default route of family *version* away, of IPv6 ours alone; ESRCH when there is none."""
    body = _ROUTE.pack(_family(version), 0, 0, 0, RT_TABLE_MAIN, 0, _scope_any(version), 0, 0)
    return Request(Kind.DELROUTE, NLM_F_ACK, body + _our_metric(version))


def _our_metric(version: int) -> bytes:
    return attribute(_RTA_PRIORITY, _U32.pack(OUR_METRIC)) if version == 6 else b""


def add_local_route(index: int, address: IPv6Address, metric: int) -> Request:
    """Let packets to *address* that come by the link *index* be for this host."""
    body = _ROUTE.pack(
        AF_INET6, 128, 0, 0, RT_TABLE_LOCAL, _RTPROT_STATIC, _RT_SCOPE_HOST, RouteType.LOCAL, 0
    )
    body += _local_route(index, address, metric)
    return Request(Kind.NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, body)


def delete_local_route(index: int, address: IPv6Address, metric: int) -> Request:
    """Take away what ``add_local_route`` made; ESRCH when it is not there."""
    body = _ROUTE.pack(AF_INET6, 128, 0, 0, RT_TABLE_LOCAL, 0, 0, 0, 0)
    return Request(Kind.DELROUTE, NLM_F_ACK, body + _local_route(index, address, metric))


def _local_route(index: int, address: IPv6Address, metric: int) -> bytes:
    return (
        attribute(_RTA_DST, address.packed)
        + attribute(_RTA_OIF, _U32.pack(index))
        + attribute(_RTA_PRIORITY, _U32.pack(metric))
    )


def add_route(index: int, to: Prefix, via: Address | None) -> Request:
    """Let this host reach *to* by the link *index*, by way of a router or right behind it."""
    scope = _RT_SCOPE_LINK if via is None and to.version == 4 else 0
    body = _ROUTE.pack(
        _family(to.version),
        to.prefixlen,
        *(0, 0, RT_TABLE_MAIN, _RTPROT_STATIC, scope, RouteType.UNICAST, 0),
    )
    body += attribute(_RTA_DST, to.network_address.packed) + attribute(_RTA_OIF, _U32.pack(index))
    body += b"" if via is None else attribute(_RTA_GATEWAY, via.packed)
    return Request(Kind.NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, body)


def delete_route(index: int, to: Prefix) -> Request:
    """Take away what ``add_route`` made; ESRCH when it is not there."""
    body = _ROUTE.pack(
        _family(to.version), to.prefixlen, 0, 0, RT_TABLE_MAIN, 0, _scope_any(to.version), 0, 0
    )
    body += attribute(_RTA_DST, to.network_address.packed) + attribute(_RTA_OIF, _U32.pack(index))
    return Request(Kind.DELROUTE, NLM_F_ACK, body)


def dump_routes(version: int) -> Request:
    """Ask for all routes of family *version*, of all tables."""
    body = _ROUTE.pack(_family(version), 0, 0, 0, 0, 0, 0, 0, 0)
    return Request(Kind.GETROUTE, NLM_F_DUMP, body)


def _scope_any(version: int) -> int:
    """RT_SCOPE_NOWHERE, which matches any scope in ``fib_table_delete()``; IPv6 knows no scopes."""
    return 255 if version == 4 else 0


# --- answers ---


@dataclass(frozen=True, slots=True)
class Reply:
    """A message from the kernel."""

    kind: int
    flags: int
    sequence: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Refusal:
    """An acknowledgement that says no."""

    errno: int
    text: str
    """The kernel's own words, or strerror's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link as the kernel shows it."""

    index: int
    name: IfName
    flags: int
    mtu: int
    group: int
    master: int
    """Index of the bridge; 0 without one."""
    peer: int
    """``IFLA_LINK``: for a veth end the index of the other, in the other's namespace; 0 without."""
    hardware: bytes = field(default=b"", compare=False)
    """Its hardware address, of whatever length."""
    info: bytes = field(default=b"", compare=False)
    """``IFLA_LINKINFO``: what is known of its kind alone; read by those who ask."""
    operational: bool = field(default=False, compare=False)
    """Whether it is known to pass packets (RFC 2863, IF_OPER_UP). IFF_RUNNING says so of a link of
    unknown state too, which a new bridge is for up to a second."""

    @property
    def up(self) -> bool:
        """Whether it is set up (not: whether it has carrier)."""
        return bool(self.flags & IFF_UP)

    @property
    def is_loopback(self) -> bool:
        """Whether it leads nowhere but back."""
        return bool(self.flags & IFF_LOOPBACK)

    @property
    def mac(self) -> Mac | None:
        """Its Ethernet address, if it has one."""
        return Mac(self.hardware.hex(":")) if len(self.hardware) == _MAC_SIZE else None

    @property
    def kind(self) -> str:
        """``bridge``, ``veth`` and the like; empty for hardware."""
        found = attributes(self.info).get(_IFLA_INFO_KIND, b"")
        return found.rstrip(b"\0").decode("utf-8", "replace")

    @property
    def vlan(self) -> int:
        """Of a VLAN subinterface: its VLAN; 0 else."""
        data = attributes(attributes(self.info).get(_IFLA_INFO_DATA, b""))
        number = data.get(_IFLA_VLAN_ID, b"")
        return int.from_bytes(number, sys.byteorder) if self.kind == "vlan" else 0

    @property
    def bclim(self) -> int | None:
        """Of a macvlan link: to how many a broadcast goes at once; None where the kernel knows none."""
        data = attributes(attributes(self.info).get(_IFLA_INFO_DATA, b""))
        number = data.get(_IFLA_MACVLAN_BC_CUTOFF)
        if self.kind != "macvlan" or number is None or len(number) != _INT.size:
            return None
        return int.from_bytes(number, sys.byteorder, signed=True)

    @property
    def filters_vlans(self) -> bool:
        """Whether it is a bridge that keeps VLANs apart."""
        data = attributes(attributes(self.info).get(_IFLA_INFO_DATA, b""))
        return self.kind == "bridge" and data.get(_IFLA_BR_VLAN_FILTERING) == b"\1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A route as the kernel shows it."""

    prefix: Prefix
    table: int
    type: int
    links: tuple[int, ...]
    """Indexes of the links it leads through; empty for blackhole and its like."""
    metric: int
    gateway: Address | None = None
    """The router it leads to, if it is one and no more."""
    static: bool = False
    """Whether somebody asked for it, and no address or router advertisement brought it."""


def replies(data: bytes) -> Iterator[Reply]:
    """The messages in one datagram; raises Malformed."""
    offset = 0
    while offset < len(data):
        if len(data) - offset < _HEADER.size:
            raise Malformed(f"{len(data) - offset} bytes are left, too few for a header")
        length, kind, flags, sequence, _ = _HEADER.unpack_from(data, offset)
        if not _HEADER.size <= length <= len(data) - offset:
            raise Malformed(f"a message of {length} bytes among {len(data) - offset}")
        yield Reply(kind, flags, sequence, data[offset + _HEADER.size : offset + length])
        offset += length + -length % 4


def attributes(data: bytes) -> dict[int, bytes]:
    """The attributes in *data* by type, the last of a type winning; raises Malformed."""
    return dict(_each_attribute(data))


def _each_attribute(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The attributes in *data* in their order, each with its type; raises Malformed."""
    offset = 0
    while len(data) - offset >= 4:
        length, kind = _ATTRIBUTE.unpack_from(data, offset)
        if not 4 <= length <= len(data) - offset:
            raise Malformed(f"an attribute of {length} bytes among {len(data) - offset}")
        yield kind & _TYPE_MASK, data[offset + 4 : offset + length]
        offset += length + -length % 4


def refusal(reply: Reply) -> Refusal | None:
    """Why the kernel refused, from an NLMSG_ERROR or NLMSG_DONE; None when it did not."""
    if len(reply.body) < _INT.size:
        if reply.kind == NLMSG_DONE:
            return None
        raise Malformed("an acknowledgement is cut short")
    (error,) = _INT.unpack_from(reply.body)
    if error >= 0:
        return None
    return Refusal(-error, _ack_text(reply) or os.strerror(-error))


def _ack_text(reply: Reply) -> str:
    if not reply.flags & NLM_F_ACK_TLVS:
        return ""
    start = _INT.size
    if reply.kind == NLMSG_ERROR:
        if len(reply.body) < start + _HEADER.size:
            raise Malformed("an acknowledgement is cut short")
        capped = reply.flags & NLM_F_CAPPED
        (length,) = _U32.unpack_from(reply.body, start)
        start += _HEADER.size if capped else length + -length % 4
    found = attributes(reply.body[start:])
    return found.get(_NLMSGERR_ATTR_MSG, b"").rstrip(b"\0").decode("utf-8", "replace")


def link(body: bytes) -> Link:
    """The link in an RTM_NEWLINK; raises Malformed."""
    _, _, index, flags, _ = _read(_LINK, body)
    found = attributes(body[_LINK.size :])
    return Link(
        index=index,
        name=IfName(found.get(_IFLA_IFNAME, b"").rstrip(b"\0").decode("utf-8", "replace")),
        flags=flags,
        mtu=_number(found, _IFLA_MTU),
        group=_number(found, _IFLA_GROUP),
        master=_number(found, _IFLA_MASTER),
        peer=_number(found, _IFLA_LINK),
        hardware=found.get(_IFLA_ADDRESS, b""),
        info=found.get(_IFLA_LINKINFO, b""),
        operational=found.get(_IFLA_OPERSTATE) == bytes([_IF_OPER_UP]),
    )


def index(body: bytes) -> int:
    """The index of the link in an RTM_NEWLINK; raises Malformed."""
    return int(_read(_LINK, body)[2])


def vlans(body: bytes) -> tuple[int, frozenset[int]]:
    """The index of a bridge or port, and the VLANs that pass there, in an answer to ``dump_vlans``.

    Raises Malformed.
    """
    _, _, index, _, _ = _read(_LINK, body)
    found: set[int] = set()
    first: int | None = None
    for kind, data in _each_attribute(attributes(body[_LINK.size :]).get(_IFLA_AF_SPEC, b"")):
        if kind != _IFLA_BRIDGE_VLAN_INFO:
            continue
        flags, vlan = _read(_VLAN_INFO, data)
        if flags & _BRIDGE_VLAN_INFO_RANGE_BEGIN:
            first = vlan
            continue
        found.update(range(vlan if first is None else first, vlan + 1))
        first = None
    return index, frozenset(found)


def traffic(body: bytes) -> Traffic:
    """What the link in an RTM_NEWLINK has carried (struct rtnl_link_stats64); raises Malformed."""
    found = attributes(body[_LINK.size :])
    rx, tx, rx_bytes, tx_bytes, rx_errors, tx_errors, rx_dropped, tx_dropped = _read(
        _STATS, found.get(_IFLA_STATS64, b"")
    )
    return Traffic(
        rx_bytes=rx_bytes,
        rx_packets=rx,
        rx_errors=rx_errors,
        rx_dropped=rx_dropped,
        tx_bytes=tx_bytes,
        tx_packets=tx,
        tx_errors=tx_errors,
        tx_dropped=tx_dropped,
    )


def port_forwards(body: bytes) -> bool:
    """Whether the link in an RTM_NEWLINK is a bridge port that lets frames pass."""
    _read(_LINK, body)
    info = attributes(attributes(body[_LINK.size :]).get(_IFLA_LINKINFO, b""))
    port = attributes(info.get(_IFLA_INFO_SLAVE_DATA, b""))
    return port.get(_IFLA_BRPORT_STATE) == bytes([_BR_STATE_FORWARDING])


def address(body: bytes) -> tuple[int, Interface]:
    """The index of the link and the address in an RTM_NEWADDR; raises Malformed."""
    family, length, _, _, index = _read(_ADDRESS, body)
    found = attributes(body[_ADDRESS.size :])
    packed = found.get(_IFA_LOCAL) or found.get(_IFA_ADDRESS)
    ip, bits = _ip(family, packed), _prefix_length(family, length)
    return index, interface(ip, bits)


def is_autoconfigured(body: bytes) -> bool:
    """Whether the address in an RTM_NEWADDR was made by a router advertisement, and is fit to be told.

    That it is not while it is tentative, when it is deprecated, and where it is a temporary one for
    privacy (RFC 8981). Linux marks what it makes so by IFA_F_MANAGETEMPADDR (``addrconf_prefix_rcv()``).
    """
    _read(_ADDRESS, body)
    flags = _number(attributes(body[_ADDRESS.size :]), _IFA_FLAGS)
    return bool(flags & _IFA_F_MANAGETEMPADDR) and not flags & _UNFIT


def is_local_route(body: bytes) -> bool:
    """Whether an RTM_NEWROUTE is of the table of the host's own addresses, which each address fills."""
    return body[4:5] == bytes([RT_TABLE_LOCAL])


def route(body: bytes) -> Route:
    """The route in an RTM_NEWROUTE; raises Malformed."""
    family, length, _, _, table, protocol, _, kind, _ = _read(_ROUTE, body)
    found = attributes(body[_ROUTE.size :])
    destination = _ip(family, found.get(_RTA_DST, bytes(4 if family == AF_INET else 16)))
    bits = _prefix_length(family, length)
    one = (_number(found, _RTA_OIF),) if _RTA_OIF in found else ()
    return Route(
        prefix=interface(destination, bits).network,
        table=_number(found, _RTA_TABLE) or table,
        type=kind,
        links=one or tuple(_nexthops(found.get(_RTA_MULTIPATH, b""))),
        metric=_number(found, _RTA_PRIORITY),
        gateway=_ip(family, found[_RTA_GATEWAY]) if _RTA_GATEWAY in found else None,
        static=protocol == _RTPROT_STATIC,
    )


def _nexthops(data: bytes) -> Iterator[int]:
    offset = 0
    while len(data) - offset >= _NEXTHOP.size:
        length, _, _, index = _NEXTHOP.unpack_from(data, offset)
        if length < _NEXTHOP.size:
            raise Malformed(f"a next hop of {length} bytes")
        yield index
        offset += length + -length % 4


def _read(head: struct.Struct, body: bytes) -> tuple[int, ...]:
    if len(body) < head.size:
        raise Malformed(f"{len(body)} bytes, where {head.size} begin a message")
    return head.unpack_from(body)


def _number(found: Mapping[int, bytes], kind: int) -> int:
    data = found.get(kind, b"\0\0\0\0")
    if len(data) != _U32.size:
        raise Malformed(f"attribute {kind} has {len(data)} bytes, not 4")
    number: int = _U32.unpack(data)[0]
    return number


def _ip(family: int, packed: bytes | None) -> Address:
    if family == AF_INET and packed is not None and len(packed) == 4:
        return IPv4Address(packed)
    if family == AF_INET6 and packed is not None and len(packed) == 16:
        return IPv6Address(packed)
    raise Malformed(f"no address of family {family}: {packed!r}")


def _prefix_length(family: int, length: int) -> int:
    if length > (32 if family == AF_INET else 128):
        raise Malformed(f"a prefix of {length} bits in family {family}")
    return length


def _family(version: int) -> int:
    return AF_INET if version == 4 else AF_INET6


def _text(name: str) -> bytes:
    return name.encode() + b"\0"


def mac_bytes(mac: Mac) -> bytes:
    """The six bytes of *mac*."""
    return bytes.fromhex(mac.replace(":", ""))
