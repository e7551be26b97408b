"""The interfaces inside sandboxes, of whatever kind: brought up, and changed while they carry traffic.

All of it runs on the kernel thread.
"""

from __future__ import annotations

from errno import EACCES, ENODEV, ESRCH
from pathlib import Path

from seaway.codec import rtnetlink
from seaway.codec.rtnetlink import Link, LinkChange
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
from seaway.kernel.visit import Inside, Visits
from seaway.model.errors import InvalidRequest
from seaway.model.ids import IfName, Mac
from seaway.model.options import MIN_MTU6
from seaway.plan.operations import (
    BRIDGE_GROUP,
    AttachLink,
    AttachVeth,
    ChangeAddresses,
    ChangeLeasedRoutes,
    ChangeMtu,
)

_KINDS = frozenset({"macvlan", "ipvlan"})
_EUI64, _NO_ADDRESS = "0", "1"
"""Which link-local address a link gives itself (``addr_gen_mode``, ip-sysctl)."""
_NO_ROUTERS, _ROUTERS_ALWAYS = "0", "2"
"""Which router advertisements are heeded: none, or all, even where packets are forwarded (``accept_ra``)."""


def set_up(inside: Inside, op: AttachVeth | AttachLink) -> None:
    """Bring the interface up with its addresses; without an IPv6 one it gets none of its own either."""
    netlink = inside.netlink
    far = netlink.index(op.ifname)
    if isinstance(op, AttachLink) or op.has_strangers:
        _set_autoconf(inside, op)
    has_own = isinstance(op, AttachLink) and op.autoconf
    if not has_own and not has_ipv6(op.addresses):
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


def _set_autoconf(inside: Inside, op: AttachVeth | AttachLink) -> None:
    """Let the LAN's routers say what the interface has by IPv6, or nothing.

    A new namespace would heed them, even by an interface that has no IPv6 address.
    """
    with inside.enter():
        if isinstance(op, AttachLink) and op.autoconf:
            set_ipv6(op.ifname, "disable_ipv6", "0", needed=True)
            set_ipv6(op.ifname, "accept_ra", _ROUTERS_ALWAYS, needed=True)
        else:
            set_ipv6(op.ifname, "accept_ra", _NO_ROUTERS, needed=False)


def _set_asked(inside: Inside, op: AttachVeth | AttachLink) -> None:
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


def change_mtu(visits: Visits, op: ChangeMtu) -> None:
    """Set the MTU of a link of the host, or of an interface inside."""
    with passing_over(op, op.link, MEDDLED if op.netns is not None else GONE):
        if op.netns is None:
            netlink, index = visits.host.netlink, visits.host.netlink.index(op.link)
        else:
            netlink = visits.to(op.netns).netlink
            index = _inside(visits, op.link, op.netns, op.parent).index
        old, new = (_mtu(visits, op, number) for number in (op.old, op.new))
        netlink.do(rtnetlink.change_link(index, LinkChange(mtu=new)))
        if old < MIN_MTU6 <= new:
            _no_ipv6_again(visits, op, index)


def _mtu(visits: Visits, op: ChangeMtu, number: int | None) -> int:
    """*number*, or what the parent has."""
    if number is not None:
        return number
    assert op.parent is not None
    netlink = visits.host.netlink
    link = netlink.link(netlink.index(op.parent))
    if link is None:
        raise Refused(ENODEV, f"there is no interface {op.parent}")
    return link.mtu


def _no_ipv6_again(visits: Visits, op: ChangeMtu, index: int) -> None:
    """Let a link that is large enough for IPv6 again have none, as it was made.

    Linux takes IPv6 off a link that is too small for it, and later begins anew with its own settings
    (``addrconf_notify()``).
    """
    if op.netns is None:
        link = visits.host.netlink.link(index)
        if link is not None and link.group == BRIDGE_GROUP:
            set_ipv6(op.link, "accept_ra", "0", needed=False)
        return
    inside, far = visits.to(op.netns), _inside(visits, op.link, op.netns, op.parent)
    with inside.enter():
        set_ipv6(far.name, "addr_gen_mode", _NO_ADDRESS, needed=False)
        set_ipv6(far.name, "accept_ra", _NO_ROUTERS, needed=False)
    drop_addresses(inside.netlink, index, versions=(6,))


def change_addresses(visits: Visits, op: ChangeAddresses) -> None:
    """Change the addresses of an interface."""
    with passing_over(op, op.link):
        inside, far = visits.to(op.netns), _inside(visits, op.link, op.netns, op.parent)
        had, has = (op.autoconf or has_ipv6(addresses) for addresses in (op.old, op.new))
        if has and not had:
            with inside.enter():
                set_ipv6(far.name, "disable_ipv6", "0", needed=True)
                set_ipv6(far.name, "addr_gen_mode", _EUI64, needed=True)
        exchange_addresses(inside.netlink, far.index, op.old, op.new)
        if had and not has:
            with inside.enter():
                set_ipv6(far.name, "addr_gen_mode", _NO_ADDRESS, needed=True)
            drop_addresses(inside.netlink, far.index, versions=(6,))


def change_leased_routes(visits: Visits, op: ChangeLeasedRoutes) -> None:
    """Change the routes that came with a lease; a router that nobody reaches is passed over."""
    with passing_over(op, op.ifname):
        index = link_inside(visits, parent=op.parent, netns=op.netns, ifname=op.ifname).index
        netlink = visits.to(op.netns).netlink
        gone = [route for route in op.old if route not in op.new]
        netlink.do_unless(
            {ESRCH, ENODEV}, *(rtnetlink.delete_route(index, route.to) for route in gone)
        )
        netlink.do(*(rtnetlink.add_route(index, route.to, route.via) for route in op.new))


def _inside(visits: Visits, link: IfName, netns: Path, parent: IfName | None) -> Link:
    """The interface that *link* means, whatever it is called by now; raises Refused."""
    if parent is None:
        return _far_end(visits, link, netns)
    return link_inside(visits, parent=parent, netns=netns, ifname=link)


def _far_end(visits: Visits, name: IfName, netns: Path) -> Link:
    """The other end of the host's link *name*, whatever it is called by now; raises Refused."""
    netlink = visits.host.netlink
    near = netlink.link(netlink.index(name))
    far = visits.to(netns).netlink.link(near.peer) if near is not None and near.peer else None
    if near is None or far is None or far.peer != near.index:
        raise Refused(ENODEV, f"the other end of {name} is not in its namespace")
    return far


def link_inside(
    visits: Visits, *, parent: IfName, netns: Path, ifname: IfName, mac: Mac | None = None
) -> Link:
    """The link on *parent* inside *netns* that was made as *ifname*; raises Refused.

    Whoever is root there may have called it otherwise: then it is the one with the address *mac*.
    """
    lower = parent_index(visits.host.netlink, parent)
    found = links_of(visits.to(netns).netlink)
    on_it = [link for link in found if link.kind in _KINDS and link.peer == lower]
    for link in on_it:
        if link.name == ifname:
            return link
    for link in on_it:
        if mac is not None and link.mac == mac:
            return link
    raise Refused(ENODEV, f"there is no interface {ifname} on {parent}")


def links_of(netlink: Netlink) -> list[Link]:
    """All links of the namespace of *netlink*."""
    return [rtnetlink.link(reply.body) for reply in netlink.dump(rtnetlink.dump_links())]


def parent_index(netlink: Netlink, parent: IfName) -> int:
    """The index of the host's interface *parent*; raises Refused."""
    index = netlink.find(parent)
    if index is None:
        raise Refused(
            ENODEV, f"the host has no interface {parent}, which is the parent of this network"
        )
    return index
