"""What is left to do, or to take away, so that Linux is what the store wants?"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from seaway.model.ids import IfName
from seaway.model.network import Network
from seaway.plan.operations import (
    BRIDGE_GROUP,
    DOOMED_GROUP,
    AddBridge,
    ChangeElements,
    ChangeRoute,
    DeleteLink,
    DeleteNetns,
    Operation,
    UnnameNetns,
)
from seaway.plan.wiring import VERSIONS, Cabling, Wiring, route

_OURS = re.compile(r"(sw|sv)-[0-9a-f]{12}|sx-[1-9][0-9]{0,9}")
"""Bridges and veth ends by their id; what was cut off, by its index."""


def leftover_links(
    groups: Mapping[IfName, int], networks: Iterable[Network], wirings: Iterable[Wiring]
) -> tuple[Operation, ...]:
    """What takes away links that are ours and that nothing wants any more.

    *groups* are the host's links with their link group. Veth ends go before bridges.
    """
    bridges = {n.options.bridge for n in networks}
    ends = {a.endpoint.link for w in wirings for a in w.attachments}
    found = [
        name
        for name, group in groups.items()
        if (group == BRIDGE_GROUP or _OURS.fullmatch(name))
        and group != DOOMED_GROUP
        and name not in bridges | ends
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
    operations: Iterable[Operation], links: Collection[IfName]
) -> tuple[Operation, ...]:
    """Of the *operations* that make a network, those that are needed: the rules are there already."""
    return tuple(
        o
        for o in operations
        if not isinstance(o, ChangeElements) and not (isinstance(o, AddBridge) and o.name in links)
    )


def mending_ops(
    wiring: Wiring, netns: Path, cabling: Cabling, masters: Mapping[IfName, IfName | None]
) -> tuple[tuple[Operation, ...], tuple[Operation, ...]]:
    """What makes a running sandbox whole again: what to remove first, and then what to do.

    *masters* are the host's links with the bridge they are on. A link that is off its bridge is made
    anew. Default routes are said again, since saying them twice does no harm.
    """
    broken = [
        a for a in wiring.attachments if masters.get(a.endpoint.link) != a.network.options.bridge
    ]
    remove = tuple(o for a in broken for o in cabling.endpoint_ops(a, None, netns))
    attach = [o for a in broken for o in cabling.endpoint_ops(None, a, netns)]
    return remove, (*attach, *_routes(wiring, netns))


def _routes(wiring: Wiring, netns: Path) -> list[Operation]:
    if not wiring.attachments:
        return []
    ways = [(version, route(wiring, version)) for version in VERSIONS]
    return [ChangeRoute(netns=netns, version=version, old=way, new=way) for version, way in ways]
