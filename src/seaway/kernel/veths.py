"""Veth pairs: made, changed while they carry traffic, and cut off. All of it runs on the kernel thread."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from errno import EACCES, ENODEV
from pathlib import Path

from seaway.codec import rtnetlink
from seaway.codec.rtnetlink import Link, LinkChange, PortFlags
from seaway.kernel import sysctl
from seaway.kernel.links import (
    GONE,
    MEDDLED,
    drop_addresses,
    exchange_addresses,
    has_ipv6,
    passing_over,
    set_ipv6,
)
from seaway.kernel.netlink import Netlink, Refused, strerror
from seaway.kernel.visit import Host, Inside, Visits
from seaway.model.errors import InvalidRequest
from seaway.model.ids import IfName
from seaway.model.options import MIN_MTU6
from seaway.plan.operations import (
    DOOMED_GROUP,
    AttachVeth,
    ChangeAddresses,
    ChangeGuard,
    ChangeMtu,
    DetachVeth,
    Operation,
)

log = logging.getLogger(__name__)

_CARRIER_WAIT, _CARRIER_STEP = 0.05, 0.0001
"""Seconds to wait for a carrier in all, and between two looks."""
_EUI64, _NO_ADDRESS = "0", "1"
"""Which link-local address a link gives itself (``addr_gen_mode``, ip-sysctl)."""


def attach_veth(visits: Visits, op: AttachVeth) -> None:
    """Make a veth pair and all that belongs to it; on failure nothing of it is left.

    The kernel chooses both indexes: asking for them costs 1 µs each, small numbers are kept, and no
    choice of ours can clash. Messages that depend on each other are never in one batch, since the
    kernel goes on after a refusal. Nothing is up before the bridge port has its flags.
    """
    host, inside = visits.host, visits.to(op.netns)
    bridge = host.netlink.index(op.bridge)
    near = LinkChange(name=op.link, mac=op.host_mac, mtu=op.mtu, master=bridge)
    far = LinkChange(name=op.ifname, mac=op.mac, mtu=op.mtu)
    make = rtnetlink.new_veth(near, far, inside.fd)
    (refused,) = host.netlink.attempt(make)
    if refused is not None:
        _clear_doomed_names(host.netlink, inside.netlink, op)
        host.netlink.do(make)
    index = host.netlink.index(op.link)
    try:
        _raise_near_end(host, index, op)
        _set_up_far_end(inside, op)
    except BaseException:
        host.netlink.attempt(rtnetlink.delete_link(index))
        raise


def _clear_doomed_names(host: Netlink, inside: Netlink, op: AttachVeth) -> None:
    """Rename doomed links whose names are wanted again; those of others stay.

    A new name waits for an RCU grace period, so ``detach_veth`` leaves the old ones alone.
    """
    near = _named(host, op.link)
    if near is not None and near.group == DOOMED_GROUP:
        _rename_away(host, near.index)
    far = _named(inside, op.ifname)
    near = host.link(far.peer) if far is not None and far.peer else None
    if (
        far is not None
        and near is not None
        and near.group == DOOMED_GROUP
        and near.peer == far.index
    ):
        try:
            _rename_away(inside, far.index)
        except Refused:  # the sandbox has given that name to a link of its own
            host.do_unless({ENODEV}, rtnetlink.delete_link(near.index))


def _named(netlink: Netlink, name: IfName) -> Link | None:
    index = netlink.find(name)
    return None if index is None else netlink.link(index)


def _rename_away(netlink: Netlink, index: int) -> None:
    new_name = rtnetlink.change_link(index, LinkChange(name=_doomed_name(index)))
    (refused,) = netlink.attempt(new_name)
    if refused is not None:  # kernels before 6.2 rename no link that is up
        netlink.do_unless({ENODEV}, rtnetlink.change_link(index, LinkChange(up=False)), new_name)


def _doomed_name(index: int) -> IfName:
    """A name that nobody else can have: an index is of one link only."""
    return IfName(f"sx-{index}")


def _raise_near_end(host: Host, index: int, op: AttachVeth) -> None:
    """Make it a port that is right with br_netfilter and without, whenever that comes or goes.

    br_netfilter translates a published port while the frame is in the bridge, which may have to send
    it back to where it came from; rules keep the rest from coming back.
    """
    requests = [rtnetlink.raise_port(index, _port_flags(guarded=op.guarded))]
    if op.guarded:
        requests.append(rtnetlink.add_neighbour_of_bridge(index, op.mac))
    host.netlink.do(*requests)


def _port_flags(*, guarded: bool) -> PortFlags:
    return PortFlags(learning=not guarded, locked=guarded, unicast_flood=not guarded, hairpin=True)


def _set_up_far_end(inside: Inside, op: AttachVeth) -> None:
    """Bring the far end up with its addresses; without an IPv6 one it gets none of its own either."""
    netlink = inside.netlink
    far = netlink.index(op.ifname)
    if all(address.version == 4 for address in op.addresses):
        netlink.attempt(rtnetlink.no_own_ipv6(far))  # a kernel without IPv6 refuses, and is right
    if op.sysctls:
        _set_asked(inside, op)
    netlink.do(rtnetlink.change_link(far, LinkChange(up=True)))
    for version in (4, 6):
        additions = [
            rtnetlink.add_address(far, address)
            for address in op.addresses
            if address.version == version
        ]
        refused = next((r for r in netlink.attempt(*additions) if r is not None), None)
        if refused is not None and refused.errno == EACCES and version == 6:
            _allow_ipv6(inside, op.ifname)
            netlink.do(*additions)
        elif refused is not None:
            raise Refused(refused.errno, refused.text)


def _set_asked(inside: Inside, op: AttachVeth) -> None:
    """Write the settings that were asked for; raises InvalidRequest for what the kernel refuses."""
    with inside.enter():
        for wanted in op.sysctls:
            try:
                sysctl.write(wanted.path(op.ifname), wanted.value)
            except OSError as error:
                raise InvalidRequest(
                    f"invalid endpoint settings:\nthe kernel refuses {wanted.said(op.ifname)}: "
                    f"{strerror(error)}"
                ) from error


def _allow_ipv6(inside: Inside, name: IfName) -> None:
    """Switch IPv6 on, which the namespace has off by default.

    Only when the kernel asks for it: to find this file takes 1 to 3 ms among a thousand namespaces,
    which each have one of that name.
    """
    with inside.enter():
        set_ipv6(name, "disable_ipv6", "0", needed=True)


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
    return rtnetlink.port_forwards(port.body) and rtnetlink.is_operational(bridge.body)


def change_mtu(visits: Visits, op: ChangeMtu) -> None:
    """Set the MTU of a link of the host, or of its far end."""
    with passing_over(op, op.link, MEDDLED if op.netns is not None else GONE):
        netlink, index = visits.host.netlink, visits.host.netlink.index(op.link)
        if op.netns is not None:
            netlink = visits.to(op.netns).netlink
            index = _far_end(visits, op.link, op.netns).index
        netlink.do(rtnetlink.change_link(index, LinkChange(mtu=op.new)))
        if op.old < MIN_MTU6 <= op.new:
            _no_ipv6_again(visits, op, index)


def _no_ipv6_again(visits: Visits, op: ChangeMtu, index: int) -> None:
    """Let a link that is large enough for IPv6 again have none, as it was made.

    Linux takes IPv6 off a link that is too small for it, and later begins anew with its own settings
    (``addrconf_notify()``).
    """
    if op.netns is None:
        link = visits.host.netlink.link(index)
        if link is not None and link.kind == "bridge":
            set_ipv6(op.link, "accept_ra", "0", needed=False)
        return
    inside, far = visits.to(op.netns), _far_end(visits, op.link, op.netns)
    with inside.enter():
        set_ipv6(far.name, "addr_gen_mode", _NO_ADDRESS, needed=False)
    drop_addresses(inside.netlink, index, versions=(6,))


def change_guard(host: Host, op: ChangeGuard) -> None:
    """Lock a port, or open it."""
    with passing_over(op, op.link, GONE):
        index = host.netlink.index(op.link)
        host.netlink.do(rtnetlink.raise_port(index, _port_flags(guarded=op.new)))
        neighbour = rtnetlink.add_neighbour_of_bridge(index, op.mac)
        if op.new:
            host.netlink.do(neighbour)


def change_addresses(visits: Visits, op: ChangeAddresses) -> None:
    """Change the addresses of a far end."""
    with passing_over(op, op.link):
        inside, far = visits.to(op.netns), _far_end(visits, op.link, op.netns)
        had, has = has_ipv6(op.old), has_ipv6(op.new)
        if has and not had:
            with inside.enter():
                set_ipv6(far.name, "disable_ipv6", "0", needed=True)
                set_ipv6(far.name, "addr_gen_mode", _EUI64, needed=True)
        exchange_addresses(inside.netlink, far.index, op.old, op.new)
        if had and not has:
            with inside.enter():
                set_ipv6(far.name, "addr_gen_mode", _NO_ADDRESS, needed=True)
            drop_addresses(inside.netlink, far.index, versions=(6,))


def _far_end(visits: Visits, name: IfName, netns: Path) -> Link:
    """The other end of the host's link *name*, whatever it is called by now; raises Refused."""
    netlink = visits.host.netlink
    near = netlink.link(netlink.index(name))
    far = visits.to(netns).netlink.link(near.peer) if near is not None and near.peer else None
    if near is None or far is None or far.peer != near.index:
        raise Refused(ENODEV, f"the other end of {name} is not in its namespace")
    return far


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
