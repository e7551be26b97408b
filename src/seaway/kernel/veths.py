"""Veth pairs: made, guarded, and cut off. All of it runs on the kernel thread."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from errno import ENODEV

from seaway.codec import rtnetlink
from seaway.codec.rtnetlink import Link, LinkChange, PortFlags
from seaway.kernel.doomed import clear_far_name, clear_near_name
from seaway.kernel.interfaces import set_up
from seaway.kernel.links import (
    GONE,
    drop_addresses,
    passing_over,
)
from seaway.kernel.netlink import Netlink
from seaway.kernel.switches import refuse_unfiltering
from seaway.kernel.visit import Host, Visits
from seaway.plan.operations import (
    DOOMED_GROUP,
    AttachVeth,
    ChangeGuard,
    DetachVeth,
    Operation,
)

log = logging.getLogger(__name__)

_CARRIER_WAIT, _CARRIER_STEP = 0.05, 0.0001
"""Seconds to wait for a carrier in all, and between two looks."""


def attach_veth(visits: Visits, op: AttachVeth) -> None:
    """Make a veth pair and all that belongs to it; on failure nothing of it is left.

    The kernel chooses both indexes: asking for them costs 1 µs each, small numbers are kept, and no
    choice of ours can clash. Messages that depend on each other are never in one batch, since the
    kernel goes on after a refusal. Nothing is up before the bridge port has its flags.
    """
    host, inside = visits.host, visits.to(op.netns)
    bridge = host.netlink.index(op.bridge)
    if op.vlan is not None:
        refuse_unfiltering(host.netlink, op.bridge)
    near = LinkChange(name=op.link, mac=op.host_mac, mtu=op.mtu, master=bridge)
    far = LinkChange(name=op.ifname, mac=op.mac, mtu=op.mtu)
    make = rtnetlink.new_veth(near, far, inside.fd)
    (refused,) = host.netlink.attempt(make)
    if refused is not None:
        clear_near_name(host.netlink, op.link)
        clear_far_name(host.netlink, inside.netlink, op.ifname)
        host.netlink.do(make)
    index = host.netlink.index(op.link)
    try:
        _raise_near_end(host, index, op)
        set_up(inside, op)
    except BaseException:
        host.netlink.attempt(rtnetlink.delete_link(index))
        raise


def _raise_near_end(host: Host, index: int, op: AttachVeth) -> None:
    """Make it a port that is right with br_netfilter and without, whenever that comes or goes.

    br_netfilter translates a published port while the frame is in the bridge, which may have to send
    it back to where it came from; rules keep the rest from coming back.
    """
    if op.vlan is not None:
        host.netlink.do(*rtnetlink.put_into_vlan(index, op.vlan))
    requests = [rtnetlink.raise_port(index, _port_flags(guarded=op.guarded))]
    if op.guarded:
        requests.append(rtnetlink.add_neighbour_of_bridge(index, op.mac, op.vlan))
    host.netlink.do(*requests)


def _port_flags(*, guarded: bool) -> PortFlags:
    return PortFlags(learning=not guarded, locked=guarded, unicast_flood=not guarded, hairpin=True)


def await_carrier(netlink: Netlink, operations: Sequence[Operation]) -> None:
    """Wait until frames pass the links that *operations* attached, _CARRIER_WAIT at most.

    The kernel lets a port forward, and a bridge send, from a queue of its own
    (net/core/link_watch.c), mostly some 0.1 ms after the link is up. A first packet that is lost
    costs its sender a second.
    """
    waiting = [op for op in operations if isinstance(op, AttachVeth)]
    end = time.monotonic() + _CARRIER_WAIT
    while waiting := [op for op in waiting if not _is_open(netlink, op)]:
        if time.monotonic() > end:
            return
        time.sleep(_CARRIER_STEP)


def _is_open(netlink: Netlink, op: AttachVeth) -> bool:
    """Whether frames pass; asking for a link waits until the queue that runs now is done."""
    if not netlink.is_running(op.link):
        return False
    port = netlink.ask(rtnetlink.get_link(netlink.index(op.link)))
    bridge = netlink.ask(rtnetlink.get_link(netlink.index(op.bridge)))
    return rtnetlink.port_forwards(port.body) and rtnetlink.link(bridge.body).operational


def change_guard(host: Host, op: ChangeGuard) -> None:
    """Lock a port, or open it."""
    with passing_over(op, op.link, GONE):
        index = host.netlink.index(op.link)
        host.netlink.do(rtnetlink.raise_port(index, _port_flags(guarded=op.new)))
        neighbour = rtnetlink.add_neighbour_of_bridge(index, op.mac, op.vlan)
        if op.new:
            host.netlink.do(neighbour)


def detach_veth(visits: Visits, op: DetachVeth) -> int | None:
    """Cut a veth pair off; the index of the end that is to be deleted, None when it is gone."""
    netlink = visits.host.netlink
    index = netlink.find(op.link)
    near = None if index is None else netlink.link(index)
    if near is None:
        return None
    _close_near_end(netlink, near.index)
    try:
        inside = visits.to(op.netns)
    except OSError:  # the namespace is gone, or is none any more: so is the far end
        return near.index
    try:
        _cut_far_end(inside.netlink, near)
    except OSError:
        log.exception("a link is deleted at once", extra={"link": op.link, "netns": op.netns})
        netlink.do_unless({ENODEV}, rtnetlink.delete_link(near.index))
    return near.index


def _close_near_end(netlink: Netlink, index: int) -> None:
    """Let no frame pass, and doom the link; it may die with its namespace meanwhile."""
    doomed = rtnetlink.change_link(index, LinkChange(group=DOOMED_GROUP))
    _, *closed = netlink.attempt(doomed, *rtnetlink.close_port(index))
    if any(closed):  # off its bridge already
        netlink.do_unless({ENODEV}, rtnetlink.change_link(index, LinkChange(up=False)))


def _cut_far_end(netlink: Netlink, near: Link) -> None:
    """Take the other end of *near* out of use, if it is still in this namespace.

    It is found by its index, whatever it is called by now. Raises OSError where the sandbox is in
    the way: it may have given our name to a link of its own.
    """
    far = netlink.link(near.peer) if near.peer else None
    if far is None or far.peer != near.index:
        return
    drop_addresses(netlink, far.index)
