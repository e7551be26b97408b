"""What is left to do, or to take away, so that Linux is what the store wants?"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from seaway.model.ids import Address, IfName, NetworkId
from seaway.model.network import Network
from seaway.model.observed import LinkState
from seaway.plan.operations import (
    BRIDGE_GROUP,
    DOOMED_GROUP,
    PARENT_GROUP,
    AddBridge,
    AddDummy,
    AddSwitch,
    AddVlan,
    ChangeElements,
    ChangeHostRoutes,
    ChangeRoute,
    ChangeShim,
    DeleteLink,
    DeleteNetns,
    DetachLink,
    JoinUplink,
    Operation,
    PassVlan,
    Shim,
    UnnameNetns,
)
from seaway.plan.wiring import VERSIONS, Cabling, Wiring, route

_OURS = re.compile(r"(sw|sv|sd)-[0-9a-f]{12}|sx-[1-9][0-9]{0,9}")
"""Bridges, shims, dummy links and veth ends by their id; what was cut off, by its index."""
_NOWHERE = Path("/")
"""For a question in which no namespace matters."""
_OUR_GROUPS = frozenset({BRIDGE_GROUP, PARENT_GROUP})

Made = AddBridge | AddSwitch | AddVlan | AddDummy | Shim
"""A link of the host that a network has, as it is made."""


def was_made_by_us(name: IfName, group: int) -> bool:
    """Whether a link of the host, with its link group, was made by us: its name alone says so of few."""
    return group in _OUR_GROUPS or _OURS.fullmatch(name) is not None


def leftover_links(
    groups: Mapping[IfName, int], networks: Iterable[Network], wirings: Iterable[Wiring]
) -> tuple[Operation, ...]:
    """What takes away links that are ours and that nothing wants any more.

    *groups* are the host's links with their link group. Veth ends go before bridges.
    """
    wanted = {name for n in networks for name in n.host_links}
    ends = {a.endpoint.link for w in wirings for a in w.attachments}
    found = [
        name
        for name, group in groups.items()
        if was_made_by_us(name, group) and group != DOOMED_GROUP and name not in wanted | ends
    ]
    found.sort(key=lambda name: (groups[name] == BRIDGE_GROUP, name))
    return tuple(DeleteLink(name=name) for name in found)


def leftover_namespaces(
    bound: Collection[Path], named: Collection[Path], wanted: Mapping[Path, Path]
) -> tuple[Operation, ...]:
    """What takes away namespaces and their names that nothing wants; *wanted* maps names to files."""
    return (
        *(UnnameNetns(name=n) for n in sorted(named) if n not in wanted),
        *(DeleteNetns(path=p) for p in sorted(bound) if p not in wanted.values()),
    )


def missing_ops(
    operations: Iterable[Operation], links: Mapping[IfName, LinkState]
) -> tuple[Operation, ...]:
    """Of the *operations* that make a network, those that are needed: the rules are there already."""
    return tuple(o for o in operations if _is_missing(o, links))


def _is_missing(op: Operation, links: Mapping[IfName, LinkState]) -> bool:
    match op:
        case ChangeElements():
            return False
        case JoinUplink(name=name, bridge=bridge):
            return (link := links.get(name)) is not None and link.master != bridge
        case PassVlan():
            return not _passes(op, links)
        case _:
            return (made := _made(op)) is None or made.name not in links


def joining_ops(missing: Collection[Operation]) -> tuple[Operation, ...]:
    """Of the *missing* operations, what joins an uplink, if anything does, with its VLAN."""
    joins = any(isinstance(o, JoinUplink) for o in missing)
    return tuple(o for o in missing if joins and isinstance(o, JoinUplink | PassVlan))


def _passes(op: PassVlan, links: Mapping[IfName, LinkState]) -> bool:
    """Whether frames of the VLAN pass; an uplink that the host has not got is no reason to say it again."""
    ends = [op.switch]
    if op.uplink is not None and op.uplink in links:
        ends.append(op.uplink)
    return all((link := links.get(end)) is not None and op.vlan in link.vlans for end in ends)


def broken_links(
    operations: Iterable[Operation], links: Mapping[IfName, LinkState]
) -> tuple[IfName, ...]:
    """Of the links that *operations* make, those that are there and are not as they were made."""
    found = [made for o in operations if (made := _made(o)) and made.name in links]
    return tuple(made.name for made in found if not _is_as_made(made, links[made.name], links))


def made_links(operations: Iterable[Operation], links: Collection[IfName]) -> tuple[IfName, ...]:
    """Of the links that *operations* make, those that are there."""
    found = (made for o in operations if (made := _made(o)))
    return tuple(made.name for made in found if made.name in links)


def _made(op: Operation) -> Made | None:
    """The link that *op* makes, if it makes one of the host."""
    match op:
        case AddBridge() | AddSwitch() | AddVlan() | AddDummy():
            return op
        case ChangeShim(old=None, new=shim):
            return shim
        case _:
            return None


def _is_as_made(made: Made, link: LinkState, links: Mapping[IfName, LinkState]) -> bool:
    match made:
        case AddBridge(addresses=wanted, switch=switch, vlan=vlan):
            has_all = link.up and {a.ip for a in wanted}.issubset(link.addresses)
            placed = switch is None or _is_on(link, links.get(switch))
            return has_all and placed and link.vlan == vlan
        case AddSwitch():
            return link.up and link.filters_vlans
        case Shim(addresses=wanted, parent=parent):
            has_all = link.up and {a.ip for a in wanted}.issubset(link.addresses)
            return has_all and _is_on(link, links.get(parent))
        case AddVlan(vlan=vlan, parent=parent):
            return link.vlan == vlan and _is_on(link, links.get(parent))
        case AddDummy():
            return link.up


def _is_on(link: LinkState, parent: LinkState | None) -> bool:
    return parent is not None and link.lower == parent.index


def mending_ops(
    wiring: Wiring,
    netns: Path,
    cabling: Cabling,
    host: Mapping[IfName, LinkState],
    inside: Mapping[IfName, LinkState],
    *,
    anew: Collection[NetworkId] = (),
    waiting: Collection[NetworkId] = (),
) -> tuple[tuple[Operation, ...], tuple[Operation, ...]]:
    """What makes a running sandbox whole again: what to remove first, and then what to do.

    *host* are the host's links, *inside* those of the sandbox. An interface that is not whole is made
    anew, and so are those on the networks *anew*; networks that are *waiting* for their parent are left out,
    with the routes by them. Routes are said again, since saying them twice does no harm.
    """
    there = [a for a in wiring.attachments if a.network.id not in waiting]
    broken = [a for a in there if a.network.id in anew or not cabling.is_whole(a, host, inside)]
    remove = tuple(o for a in broken for o in cabling.endpoint_ops(a, None, netns))
    attach = [
        o
        for a in there
        for o in cabling.endpoint_ops(None, a, netns)
        if a in broken or isinstance(o, ChangeHostRoutes)
    ]
    names = {a.place.ifname for a in there}
    return remove, (*attach, *(_routes(wiring, netns, names) if there else ()))


def _routes(wiring: Wiring, netns: Path, there: Collection[IfName]) -> list[Operation]:
    """The default routes by interfaces that are *there*, and that there is none where none should be."""
    ways = [(version, route(wiring, version)) for version in VERSIONS]
    return [
        ChangeRoute(netns=netns, version=version, old=way, new=way)
        for version, way in ways
        if way is None or way.ifname in there
    ]


def leftover_inside(
    wiring: Wiring,
    netns: Path,
    cabling: Cabling,
    host: Mapping[IfName, LinkState],
    inside: Mapping[IfName, LinkState],
) -> tuple[Operation, ...]:
    """What takes away links on parents that we made inside a sandbox, and that nothing wants any more.

    One that an endpoint has is wanted, whatever the sandbox calls it by now.
    """
    parents = {link.index: name for name, link in host.items()}
    wanted = {
        (a.network.options.parent.name, a.place.ifname): a
        for a in wiring.attachments
        if a.network.options.parent is not None
    }

    def is_wanted(name: IfName, link: LinkState) -> bool:
        return (parents[link.lower], name) in wanted or any(
            ifname not in inside and cabling.is_whole(a, host, {name: link})
            for (_, ifname), a in wanted.items()
        )

    return tuple(
        DetachLink(parent=parents[link.lower], netns=netns, ifname=name, mac=None)
        for name, link in inside.items()
        if link.group == PARENT_GROUP and link.lower in parents and not is_wanted(name, link)
    )


def leftover_routes(
    there: Mapping[IfName, Collection[Address]], wirings: Iterable[Wiring], cabling: Cabling
) -> tuple[Operation, ...]:
    """What takes away routes of the host to endpoints that are no more: *there* are those by each link."""
    wanted = {
        (op.link, address)
        for wiring in wirings
        for a in wiring.attachments
        for op in cabling.endpoint_ops(None, a, _NOWHERE)
        if isinstance(op, ChangeHostRoutes)
        for address in op.new
    }
    gone = {
        link: tuple(a for a in addresses if (link, a) not in wanted)
        for link, addresses in there.items()
    }
    return tuple(ChangeHostRoutes(link=link, old=old) for link, old in gone.items() if old)
