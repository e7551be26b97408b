"""Bridges: made, adopted, left again, and changed. All of it runs on the kernel thread."""

from __future__ import annotations

from contextlib import suppress
from errno import EADDRNOTAVAIL, EEXIST, ENODEV, ENOENT, ESRCH
from ipaddress import IPv6Address

from seaway.codec import rtnetlink
from seaway.codec.rtnetlink import Link, LinkChange, Request
from seaway.kernel import sysctl
from seaway.kernel.links import exchange_addresses, has_ipv6, set_ipv6
from seaway.kernel.netlink import Netlink, Refused
from seaway.kernel.visit import Host
from seaway.plan.operations import (
    ADOPTED_GROUP,
    BRIDGE_GROUP,
    AddBridge,
    AdoptBridge,
    ChangeGateways,
    ReleaseBridge,
)

_LOOPBACK6 = IPv6Address("::1")
_METRICS_OF_BRIDGES = 1024
"""Metrics of the local routes to ::1 begin here; the index of the bridge makes each its own."""


def add_bridge(host: Host, op: AddBridge) -> None:
    """Make a bridge; on failure nothing of it is left."""
    near = LinkChange(name=op.name, mac=op.mac, mtu=op.mtu, group=BRIDGE_GROUP)
    if op.switch is None:
        host.netlink.do(rtnetlink.new_bridge(near))
    else:
        host.netlink.do(rtnetlink.new_vlan(near, host.netlink.index(op.switch), op.vlan))
    index = host.netlink.index(op.name)
    try:
        _set_up_bridge(host.netlink, index, op)
    except BaseException:
        host.netlink.attempt(rtnetlink.delete_link(index))
        raise


def adopt_bridge(host: Host, op: AdoptBridge) -> None:
    """Use a bridge that is there; on failure it is as it was. Raises Refused where it is no bridge.

    Its MAC address is said again: one that nobody said follows the ports
    (``br_stp_recalculate_bridge_id()``).
    """
    index = host.netlink.index(op.name)
    link = host.netlink.link(index)
    if link is None or link.kind != "bridge":
        raise Refused(ENODEV, f"{op.name} is no bridge")
    try:
        if link.group != ADOPTED_GROUP:
            keep_mtu(host.netlink, link)
        host.netlink.do(rtnetlink.change_link(index, LinkChange(group=ADOPTED_GROUP, mac=link.mac)))
        _set_up_bridge(host.netlink, index, op)
    except BaseException:
        release_bridge(host, op.release)
        raise


def keep_mtu(netlink: Netlink, bridge: Link) -> None:
    """Let *bridge* keep its MTU: one that nobody said follows its ports (``br_mtu_auto_adjust()``).

    To say the one that it has would do nothing, so it has one byte more for a moment. One byte less
    might take its IPv6 away.
    """
    said = (LinkChange(mtu=bridge.mtu + 1), LinkChange(mtu=bridge.mtu))
    netlink.attempt(*(rtnetlink.change_link(bridge.index, change) for change in said))


def release_bridge(host: Host, op: ReleaseBridge) -> None:
    """Leave a bridge as it was; gone already is fine."""
    index = host.netlink.find(op.name)
    if index is None:
        return
    gone = [rtnetlink.delete_address(index, address) for address in op.addresses]
    host.netlink.do_unless({ENODEV, EADDRNOTAVAIL}, *gone)
    host.netlink.do_unless({ESRCH, ENOENT}, _no_route_to_loopback6(index))
    for path, value in op.settings:
        with suppress(FileNotFoundError):
            sysctl.set_to(path, value)
    down = None if op.up else False
    host.netlink.do(rtnetlink.change_link(index, LinkChange(group=op.group, up=down)))


def _set_up_bridge(netlink: Netlink, index: int, op: AddBridge | AdoptBridge) -> None:
    with_ipv6 = has_ipv6(op.addresses)
    sysctl.set_to(f"net/ipv4/conf/{op.name}/send_redirects", "0")
    set_ipv6(op.name, "accept_ra", "0", needed=with_ipv6)
    if with_ipv6:
        set_ipv6(op.name, "disable_ipv6", "0", needed=True)
    netlink.do(rtnetlink.change_link(index, LinkChange(up=True)))
    there = {EEXIST} if isinstance(op, AdoptBridge) else set[int]()
    netlink.do_unless(there, *(rtnetlink.add_address(index, address) for address in op.addresses))
    if with_ipv6:
        netlink.do(_route_to_loopback6(index))
    sysctl.set_to(f"net/ipv4/conf/{op.name}/route_localnet", "1")


def change_gateways(host: Host, op: ChangeGateways) -> None:
    """Change the addresses of a bridge; on failure they are as before."""
    index = host.netlink.index(op.bridge)
    had, has = has_ipv6(op.old), has_ipv6(op.new)
    if has and not had:
        set_ipv6(op.bridge, "accept_ra", "0", needed=True)
        set_ipv6(op.bridge, "disable_ipv6", "0", needed=True)
        host.netlink.do(_route_to_loopback6(index))
    try:
        exchange_addresses(host.netlink, index, op.old, op.new)
    except Refused:
        if has and not had:
            host.netlink.attempt(_no_route_to_loopback6(index))
        raise
    if had and not has:
        host.netlink.do_unless({ESRCH, ENOENT}, _no_route_to_loopback6(index))


def _route_to_loopback6(index: int) -> Request:
    return rtnetlink.add_local_route(index, _LOOPBACK6, _METRICS_OF_BRIDGES + index)


def _no_route_to_loopback6(index: int) -> Request:
    return rtnetlink.delete_local_route(index, _LOOPBACK6, _METRICS_OF_BRIDGES + index)
