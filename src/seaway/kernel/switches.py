"""Bridges that keep VLANs apart, and interfaces of somebody else's as ports of bridges.

All of it runs on the kernel thread. Sources: bridge(8), "bridge vlan"; net/bridge/br_vlan.c.
"""

from __future__ import annotations

from errno import EBUSY, ENODEV, EOPNOTSUPP

from seaway.codec import rtnetlink
from seaway.codec.rtnetlink import Link, LinkChange
from seaway.kernel import sysctl
from seaway.kernel.bridges import keep_mtu
from seaway.kernel.links import set_ipv6
from seaway.kernel.netlink import Netlink, Refused
from seaway.kernel.visit import Host
from seaway.model.errors import InvalidRequest
from seaway.model.ids import IfName
from seaway.model.options import MAX_MTU
from seaway.plan.operations import (
    BRIDGE_GROUP,
    AddSwitch,
    DropVlan,
    JoinUplink,
    LeaveUplink,
    PassVlan,
)

_UNABLE = (
    "invalid network config:\nbridges of this kernel keep no VLANs apart (CONFIG_BRIDGE_VLAN_FILTERING): "
    "use a macvlan network on a VLAN of the interface, such as parent=eth0.50"
)


def add_switch(host: Host, op: AddSwitch) -> None:
    """Make a bridge that keeps VLANs apart; on failure nothing of it is left.

    Its MTU is the most there is, so that each VLAN has that of its network. It is said once the
    bridge is there: one that nobody said follows the ports (``br_mtu_auto_adjust()``). Where
    br_netfilter translates a published port within the bridge, the packet is routed as if it came by
    the bridge itself, by which no answer goes: ``rp_filter`` would drop it. Raises InvalidRequest
    where this kernel keeps no VLANs apart.
    """
    near = LinkChange(name=op.name, mac=op.mac, group=BRIDGE_GROUP)
    (refused,) = host.netlink.attempt(rtnetlink.new_switch(near))
    if refused is not None and refused.errno == EOPNOTSUPP:
        raise InvalidRequest(_UNABLE)
    if refused is not None:
        raise Refused(refused.errno, refused.text)
    index = host.netlink.index(op.name)
    try:
        set_ipv6(op.name, "disable_ipv6", "1", needed=False)
        sysctl.set_to(f"net/ipv4/conf/{op.name}/rp_filter", "0")
        host.netlink.do(rtnetlink.change_link(index, LinkChange(mtu=MAX_MTU, up=True)))
    except BaseException:
        host.netlink.attempt(rtnetlink.delete_link(index))
        raise


def refuse_unfiltering(netlink: Netlink, name: IfName) -> Link:
    """The bridge *name*; raises Refused where it keeps no VLANs apart: all on it would hear each other."""
    link = netlink.link(netlink.index(name))
    if link is None or not link.filters_vlans:
        raise Refused(EOPNOTSUPP, f"{name} does not keep VLANs apart")
    return link


def join_uplink(host: Host, op: JoinUplink) -> None:
    """Make an interface a port; on failure it is as it was. The MTU of the bridge stays."""
    index = _uplink_index(host.netlink, op.name)
    link = host.netlink.link(index)
    bridge = host.netlink.link(host.netlink.index(op.bridge))
    if bridge is None or (link is not None and link.master not in {0, bridge.index}):
        raise Refused(EBUSY, f"{op.name} is part of another bridge or bond")
    _refuse_held(host.netlink, op.name, index)
    keep_mtu(host.netlink, bridge)
    (refused,) = host.netlink.attempt(
        rtnetlink.change_link(index, LinkChange(master=bridge.index, up=True))
    )
    if refused is not None:
        leave_uplink(host, op.release)
        text = refused.text if refused.errno != EBUSY else f"{op.name} is used by other links"
        raise Refused(refused.errno, text)


def _refuse_held(netlink: Netlink, name: IfName, index: int) -> None:
    """Raise Refused where the host has addresses on an interface: they would be reached no more."""
    netlink.heed_filters()
    replies = [r for v in (4, 6) for r in netlink.dump(rtnetlink.dump_addresses(v, index))]
    held = [rtnetlink.address(reply.body)[1].ip for reply in replies]
    if theirs := [str(address) for address in held if not address.is_link_local]:
        raise Refused(EBUSY, f"the host has {' and '.join(theirs)} on {name} now")


def leave_uplink(host: Host, op: LeaveUplink) -> None:
    """Take an interface off a bridge; one that is elsewhere by now is left alone."""
    bridge = host.netlink.find(op.bridge)
    port = None if bridge is None else _port(host.netlink, op.name, bridge)
    if port is not None:
        change = LinkChange(master=0, up=None if op.up else False)
        host.netlink.do_unless({ENODEV}, rtnetlink.change_link(port, change))


def _uplink_index(netlink: Netlink, name: IfName) -> int:
    index = netlink.find(name)
    if index is None:
        raise Refused(
            ENODEV, f"the host has no interface {name}, which is the uplink of this network"
        )
    return index


def pass_vlan(host: Host, op: PassVlan) -> None:
    """Let the frames of a VLAN pass; on failure they do no more.

    The MAC address of an adopted switch is said again: one that nobody said follows the ports
    (``br_stp_recalculate_bridge_id()``).
    """
    switch = refuse_unfiltering(host.netlink, op.switch)
    mac = switch.mac if op.adopted else None
    if op.adopted:
        keep_mtu(host.netlink, switch)
    host.netlink.do(rtnetlink.change_link(switch.index, LinkChange(mac=mac, up=True)))
    ends = [rtnetlink.pass_vlan(switch.index, op.vlan, to_host=True)]
    if (port := _port(host.netlink, op.uplink, switch.index)) is not None:
        ends.append(rtnetlink.pass_vlan(port, op.vlan))
    try:
        host.netlink.do(*ends)
    except BaseException:
        if op.release is not None:
            drop_vlan(host, op.release)
        raise


def drop_vlan(host: Host, op: DropVlan) -> None:
    """Let the frames of a VLAN pass no more; a switch that is gone has none left."""
    index = host.netlink.find(op.switch)
    if index is None:
        return
    ends = [rtnetlink.drop_vlan(index, op.vlan, to_host=True)]
    if (port := _port(host.netlink, op.uplink, index)) is not None:
        ends.append(rtnetlink.drop_vlan(port, op.vlan))
    host.netlink.do_unless({ENODEV}, *ends)


def _port(netlink: Netlink, name: IfName | None, bridge: int) -> int | None:
    """The index of the link *name*, if it is a port of *bridge*."""
    index = None if name is None else netlink.find(name)
    link = None if index is None else netlink.link(index)
    return link.index if link is not None and link.master == bridge else None
