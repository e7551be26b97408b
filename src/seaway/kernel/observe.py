"""What Linux has now, read whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network
from typing import NamedTuple

from seaway.codec import rtnetlink
from seaway.codec.rtnetlink import Link, Request, Route, RouteType
from seaway.kernel.netlink import Netlink
from seaway.model.ids import Address, IfName, Interface, Prefix
from seaway.model.observed import LinkState, Observed
from seaway.plan.operations import BRIDGE_GROUPS, DOOMED_GROUP, PARENT_GROUP

_OURS = BRIDGE_GROUPS | {DOOMED_GROUP, PARENT_GROUP}
_EVERYTHING: frozenset[Prefix] = frozenset(
    {
        IPv4Network("0.0.0.0/0"),
        IPv4Network("0.0.0.0/1"),
        IPv4Network("128.0.0.0/1"),
        IPv6Network("::/0"),
        IPv6Network("::/1"),
        IPv6Network("8000::/1"),
    }
)
"""Default routes, and the halves that VPNs use in their place."""
_LEADING = frozenset(
    {RouteType.UNICAST, RouteType.BLACKHOLE, RouteType.UNREACHABLE, RouteType.PROHIBIT}
)
_ETHERNET = 1500


class _Held(NamedTuple):
    """An address, and the index of the link that has it."""

    link: int
    interface: Interface
    autoconfigured: bool


def observe(netlink: Netlink) -> Observed:
    """What the namespace of *netlink* has."""
    found, held = _found_links(netlink), _held_addresses(netlink)
    links = {link.index: link for link in found}
    routes = [
        rtnetlink.route(body)
        for version in (4, 6)
        for body in _dump(netlink, version, rtnetlink.dump_routes(version))
        if not rtnetlink.is_local_route(body)
    ]
    ours = {link.index for link in found if link.group in _OURS}
    defaults = [r for r in routes if r.prefix in _EVERYTHING and r.type == RouteType.UNICAST]
    return Observed(
        links=_states(found, held, _passing_vlans(netlink, found)),
        routes=_destinations(routes, links),
        default_mtu=_default_mtu(routes, links),
        addresses=tuple(
            a.interface.ip
            for a in held
            if not (a.interface.ip.is_loopback or a.interface.ip.is_link_local or a.link in ours)
        ),
        uplinks=frozenset(
            links[index].name for route in defaults for index in route.links if index in links
        ),
        gateways=tuple(route.gateway for route in defaults if route.gateway is not None),
        host_routes=_host_routes(routes, links),
    )


def links(netlink: Netlink) -> Mapping[IfName, LinkState]:
    """The links that the namespace of *netlink* has."""
    return _states(_found_links(netlink), _held_addresses(netlink), {})


def _found_links(netlink: Netlink) -> list[Link]:
    return [rtnetlink.link(reply.body) for reply in netlink.dump(rtnetlink.dump_links())]


def _held_addresses(netlink: Netlink) -> list[_Held]:
    return [
        _Held(*rtnetlink.address(body), rtnetlink.is_autoconfigured(body))
        for version in (4, 6)
        for body in _dump(netlink, version, rtnetlink.dump_addresses(version))
    ]


def _passing_vlans(netlink: Netlink, found: Sequence[Link]) -> dict[int, frozenset[int]]:
    """The VLANs that pass bridges and their ports, by index, if any bridge keeps them apart."""
    if not any(link.filters_vlans for link in found):
        return {}
    vlans: dict[int, frozenset[int]] = {}
    for reply in netlink.dump(rtnetlink.dump_vlans()):
        index, passing = rtnetlink.vlans(reply.body)
        vlans[index] = vlans.get(index, frozenset()) | passing  # a port and its device each answer
    return vlans


def _dump(netlink: Netlink, version: int, request: Request) -> Iterator[bytes]:
    """The answers that are of family *version*; a kernel without it answers with all others."""
    family = rtnetlink.AF_INET if version == 4 else rtnetlink.AF_INET6
    for reply in netlink.dump(request):
        if reply.body[:1] == bytes([family]):
            yield reply.body


def _states(
    found: Sequence[Link], held: Sequence[_Held], vlans: Mapping[int, frozenset[int]]
) -> dict[IfName, LinkState]:
    links = {link.index: link for link in found}
    by_link: dict[int, list[_Held]] = {}
    for each in held:
        by_link.setdefault(each.link, []).append(each)
    return {
        link.name: _state(
            link, links, by_link.get(link.index, ()), vlans.get(link.index, frozenset())
        )
        for link in found
    }


def _state(
    link: Link, links: Mapping[int, Link], held: Sequence[_Held], vlans: frozenset[int]
) -> LinkState:
    master = links.get(link.master)
    return LinkState(
        index=link.index,
        mtu=link.mtu,
        up=link.up,
        group=link.group,
        master=None if master is None else master.name,
        interfaces=tuple(each.interface for each in held),
        autoconfigured=tuple(each.interface for each in held if each.autoconfigured),
        kind=link.kind,
        mac=link.mac,
        filters_vlans=link.filters_vlans,
        vlans=vlans,
        lower=link.peer,
        vlan=link.vlan,
    )


def _destinations(routes: Iterable[Route], links: Mapping[int, Link]) -> tuple[Prefix, ...]:
    ours = {index for index, link in links.items() if _is_ours(link, links)}
    found = {
        route.prefix: None
        for route in routes
        if route.type in _LEADING
        and route.prefix not in _EVERYTHING
        and not route.prefix.is_link_local
        and not route.prefix.is_loopback
        and not (route.links and ours.issuperset(route.links))
    }
    return tuple(found)


def _is_ours(link: Link, links: Mapping[int, Link]) -> bool:
    """Whether it is a bridge of ours, on one, or cut off; a bridge's name may be the user's."""
    master = links.get(link.master, link)
    return not _OURS.isdisjoint((link.group, master.group))


def _host_routes(
    routes: Iterable[Route], links: Mapping[int, Link]
) -> dict[IfName, tuple[Address, ...]]:
    """The addresses that are said to be right behind our links on parents, by link."""
    found: dict[IfName, tuple[Address, ...]] = {}
    for route in routes:
        link = links.get(route.links[0]) if route.static and len(route.links) == 1 else None
        alone = route.prefix.prefixlen == route.prefix.max_prefixlen
        if link is not None and link.group == PARENT_GROUP and alone:
            found[link.name] = (*found.get(link.name, ()), route.prefix.network_address)
    return found


def _default_mtu(routes: Iterable[Route], links: Mapping[int, Link]) -> int:
    """MTU of the best default route's link, IPv4's first."""
    defaults = sorted(
        (
            route
            for route in routes
            if route.prefix.prefixlen == 0
            and route.table == rtnetlink.RT_TABLE_MAIN
            and route.type == RouteType.UNICAST
            and route.links
        ),
        key=lambda route: (route.prefix.version, route.metric),
    )
    link = links.get(defaults[0].links[0]) if defaults else None
    return _ETHERNET if link is None else link.mtu
