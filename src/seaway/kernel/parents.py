"""What networks have on an interface of the host: subinterfaces, links of the host's own, links inside.

All of it runs on the kernel thread.
"""

from __future__ import annotations

from errno import EADDRINUSE, EBUSY, EEXIST, EINVAL, ENETDOWN, ENODEV, EOPNOTSUPP, ESRCH
from ipaddress import ip_network

from seaway.codec import rtnetlink
from seaway.codec.rtnetlink import Link, LinkChange
from seaway.kernel import sysctl
from seaway.kernel.doomed import clear_far_name
from seaway.kernel.interfaces import link_inside, links_of, parent_index, set_up
from seaway.kernel.links import delete_link, drop_addresses, exchange_addresses, set_ipv6
from seaway.kernel.netlink import Netlink, Refused
from seaway.kernel.reaper import Reaper
from seaway.kernel.visit import Host, Inside, Visits
from seaway.model.errors import InvalidRequest
from seaway.model.ids import IfName
from seaway.model.parent import LinkKind, Macvlan
from seaway.plan.operations import (
    PARENT_GROUP,
    AddDummy,
    AddVlan,
    AttachLink,
    ChangeHostRoutes,
    ChangeShim,
    DeleteLink,
    DetachLink,
    Shim,
)

_PASSING = IfName("sl%d")
"""A name for a moment; the kernel puts a number in it (``dev_alloc_name()``)."""


# Of the host


def add_vlan(host: Host, op: AddVlan) -> None:
    """Make a VLAN subinterface; one of ours that is there is fine. On failure nothing of it is left."""
    lower = parent_index(host.netlink, op.parent)
    near = LinkChange(name=op.name, group=PARENT_GROUP)
    request = rtnetlink.new_vlan(near, lower, op.vlan)
    try:
        _make(host.netlink, request, op.parent, "8021q")
    except Refused as error:
        if error.errno != EEXIST:
            raise
    link = host.netlink.link(host.netlink.index(op.name))
    if link is None or (link.group, link.peer, link.vlan) != (PARENT_GROUP, lower, op.vlan):
        raise Refused(EEXIST, f"{op.name} is there, and is not VLAN {op.vlan} of {op.parent}")
    _bring_up(host.netlink, link)


def add_dummy(host: Host, op: AddDummy) -> None:
    """Make a link with nothing behind it; on failure nothing of it is left."""
    request = rtnetlink.new_dummy(LinkChange(name=op.name, group=PARENT_GROUP))
    _make(host.netlink, request, op.name, "dummy")
    link = host.netlink.link(host.netlink.index(op.name))
    if link is not None:
        _bring_up(host.netlink, link)


def _bring_up(netlink: Netlink, link: Link) -> None:
    """Bring a link up that is the host's, and on which the host is nobody.

    The kernel refuses it while the link below is down: it comes up with that.
    """
    set_ipv6(link.name, "disable_ipv6", "1", needed=False)
    netlink.do_unless({ENETDOWN}, rtnetlink.change_link(link.index, LinkChange(up=True)))


def change_shim(host: Host, op: ChangeShim) -> None:
    """Make, change or delete the host's own link on a parent; a refused change leaves it as it was."""
    match op.old, op.new:
        case None, Shim():
            _add_shim(host, op.new)
        case Shim(), None:
            delete_link(host, DeleteLink(name=op.old.name))
        case Shim(), Shim():
            _change_shim(host, op.old, op.new)
        case _:
            pass


def _add_shim(host: Host, shim: Shim) -> None:
    """Give the host a link among those of the endpoints; on failure nothing of it is left."""
    lower = parent_index(host.netlink, shim.parent)
    near = LinkChange(name=shim.name, mac=shim.mac, mtu=shim.mtu, group=PARENT_GROUP)
    request = rtnetlink.new_on_parent(near, lower, shim.link, None)
    _make(host.netlink, request, shim.parent, _module(shim.link))
    index = host.netlink.index(shim.name)
    try:
        sysctl.set_to(f"net/ipv4/conf/{shim.name}/arp_filter", "1")
        set_ipv6(shim.name, "accept_ra", "0", needed=False)
        host.netlink.do(rtnetlink.change_link(index, LinkChange(up=True)))
        host.netlink.do(*(rtnetlink.add_address(index, address) for address in shim.addresses))
    except BaseException:
        host.netlink.attempt(rtnetlink.delete_link(index))
        raise


def _change_shim(host: Host, old: Shim, new: Shim) -> None:
    index = host.netlink.find(new.name)
    if index is None:
        return  # it went with the parent, and comes back as it shall be
    exchange_addresses(host.netlink, index, old.addresses, new.addresses)
    if new.mtu is not None and new.mtu != old.mtu:
        host.netlink.do(rtnetlink.change_link(index, LinkChange(mtu=new.mtu)))


def change_host_routes(host: Host, op: ChangeHostRoutes) -> None:
    """Say by which link the host reaches addresses; with one that is gone the routes went, and come back."""
    gone = [address for address in op.old if address not in op.new]
    index = host.netlink.find(op.link)
    if index is None:
        return
    host.netlink.do_unless(
        {ESRCH, ENODEV}, *(rtnetlink.delete_route(index, ip_network(address)) for address in gone)
    )
    host.netlink.do(*(rtnetlink.add_route(index, ip_network(address), None) for address in op.new))


# Inside sandboxes


def attach_link(visits: Visits, op: AttachLink, reaper: Reaper) -> None:
    """Make a link on the parent right inside, with all that belongs to it; on failure nothing is left.

    Raises InvalidRequest for what this kernel cannot do.
    """
    host, inside = visits.host.netlink, visits.to(op.netns)
    clear_far_name(host, inside.netlink, op.ifname)
    try:
        index = _make_inside(host, inside, op)
    except Refused:
        reaper.finish_inside()  # one that waits for its deletion may have the name, or the parent
        index = _make_inside(host, inside, op)
    try:
        _refuse_unheeded(inside.netlink, index, op)
        _bring_up_inside(inside, op, reaper)
    except BaseException:
        inside.netlink.attempt(rtnetlink.delete_link(index))
        raise


def _bring_up_inside(inside: Inside, op: AttachLink, reaper: Reaper) -> None:
    """Bring the link up: two with one MAC address on a parent are never up (``macvlan_open()``)."""
    try:
        set_up(inside, op)
    except Refused as error:
        if error.errno not in {EADDRINUSE, EBUSY}:
            raise
        reaper.finish_inside()  # one that waits for its deletion may have the address
        try:
            set_up(inside, op)
        except Refused as again:
            taken = f"another link on {op.parent} has the MAC address {op.mac}"
            raise Refused(again.errno or EADDRINUSE, taken) from again


def _make_inside(host: Netlink, inside: Inside, op: AttachLink) -> int:
    """Make the link, still down, and give its index."""
    lower = parent_index(host, op.parent)
    near = LinkChange(name=op.ifname, mac=op.mac, mtu=op.mtu, group=PARENT_GROUP)
    request = rtnetlink.new_on_parent(near, lower, op.link, inside.fd)
    there = host.find(op.ifname) is not None and inside.netlink.find(op.ifname) is None
    try:
        _make(host, request, op.parent, _module(op.link))
    except Refused as error:
        if error.errno != EEXIST or not there:
            raise
        return _make_by_another_name(host, inside, op, lower)
    return inside.netlink.index(op.ifname)


def _make_by_another_name(host: Netlink, inside: Inside, op: AttachLink, lower: int) -> int:
    """Make the link where a link of the host has its name.

    Older kernels look for the name among the links of whoever asks, not where the link shall be
    (``rtnl_newlink()``; 6.1 does, 6.18 does not). A pattern they number themselves, and there: the first
    free eth%d of a sandbox is the name that was wanted, mostly. A new name waits for an RCU grace period.
    """
    near = LinkChange(name=_pattern(op.ifname), mac=op.mac, mtu=op.mtu, group=PARENT_GROUP)
    there = {link.index for link in links_of(inside.netlink)}
    _make(
        host,
        rtnetlink.new_on_parent(near, lower, op.link, inside.fd),
        op.parent,
        _module(op.link),
    )
    (made,) = (link for link in links_of(inside.netlink) if link.index not in there)
    if made.name == op.ifname:
        return made.index
    try:
        inside.netlink.do(rtnetlink.change_link(made.index, LinkChange(name=op.ifname)))
    except BaseException:
        inside.netlink.attempt(rtnetlink.delete_link(made.index))
        raise
    return made.index


def _pattern(name: IfName) -> IfName:
    """A name that the kernel numbers, as *name* if that has a number (``dev_alloc_name()``)."""
    stem = name.rstrip("0123456789")
    return IfName(f"{stem}%d") if stem != name and "%" not in name else _PASSING


def _refuse_unheeded(netlink: Netlink, index: int, op: AttachLink) -> None:
    """Raise InvalidRequest where the kernel passed over what it does not know."""
    if not isinstance(op.link, Macvlan) or op.link.bclim is None:
        return
    link = netlink.link(index)
    if link is None or link.bclim != op.link.bclim:
        raise InvalidRequest(
            "invalid network config:\nthis kernel has no limit for macvlan broadcasts (Linux 6.4 has): "
            "leave the option bclim out"
        )


def detach_link(visits: Visits, op: DetachLink, reaper: Reaper) -> None:
    """Take a link of a sandbox out of use, and leave it to *reaper*; gone already is fine.

    Without addresses nothing passes. The kernel's own deletion takes 12 to 25 ms, for which nobody
    waits.
    """
    try:
        link = link_inside(visits, parent=op.parent, netns=op.netns, ifname=op.ifname, mac=op.mac)
        inside = Inside(op.netns, visits.host.home)
    except OSError:  # it is gone, or its namespace is, or is none any more
        return
    reaper.doom_inside(inside, link.index)
    drop_addresses(inside.netlink, link.index)


def _make(netlink: Netlink, request: rtnetlink.Request, parent: IfName, module: str) -> None:
    """Make a link on *parent*; raises Refused, in words where the kernel has only a number."""
    (refused,) = netlink.attempt(request)
    if refused is None:
        return
    why = {
        EBUSY: f"{parent} is used by a bridge or a bond, or by links of the other kind (macvlan, ipvlan)",
        EINVAL: f"{parent} is used in mode passthru already, or its MTU is less than what was asked for",
        EOPNOTSUPP: f"this kernel has no such links: its module {module} is not there",
    }
    raise Refused(refused.errno, why.get(refused.errno, refused.text))


def _module(link: LinkKind) -> str:
    return "macvlan" if isinstance(link, Macvlan) else "ipvlan"
