"""Interfaces of the host that networks may be put on: those that are there, and whose they are."""

from __future__ import annotations

from seaway.contracts import NetworkFacts
from seaway.model.ids import IfName
from seaway.model.observed import LinkState
from seaway.model.switch import LAST_VLAN
from seaway.plan.operations import BRIDGE_GROUPS, DOOMED_GROUP, PARENT_GROUP


def there(facts: NetworkFacts) -> str:
    """The interfaces that a network could be on, in words."""
    links = facts.links.items()
    names = [n for n, link in links if n != "lo" and link.mac and not is_ours(link)]
    return f"it has {', '.join(names)}" if names else "it has none but lo"


def is_ours(link: LinkState) -> bool:
    """Whether *link* is a network's, of whatever kind."""
    return link.group in {*BRIDGE_GROUPS, DOOMED_GROUP, PARENT_GROUP}


def master(link: LinkState, facts: NetworkFacts) -> LinkState | None:
    """The link that *link* is part of, if it is part of one."""
    return None if link.master is None else facts.links.get(link.master)


def subinterface(name: IfName, vlan: int, facts: NetworkFacts) -> IfName | None:
    """The subinterface that takes *vlan* of the interface *name*, if there is one."""
    lower = facts.links.get(name)
    on_it = (n for n, link in facts.links.items() if lower and link.lower == lower.index)
    return next((n for n in on_it if facts.links[n].vlan == vlan), None)


def vlan_number(text: str) -> int | None:
    """*text* as the number of a VLAN, 1 to LAST_VLAN; None where it is none."""
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(LAST_VLAN))
    return int(text) if is_number and 1 <= int(text) <= LAST_VLAN else None
