"""What the options of macvlan and ipvlan networks have in common: the parent, and what holds on it."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from seaway.contracts import NetworkFacts
from seaway.drivers.interfaces import is_ours, master, subinterface, there, vlan_number
from seaway.drivers.words import (
    DNS,
    IFNAME_PREFIX,
    MTU,
    SOURCE_GUARD,
    flag,
    ifname_prefix,
    mtu,
    refusal,
    servers,
)
from seaway.model.errors import InvalidRequest
from seaway.model.ids import Address, IfName, ifname
from seaway.model.network import Network
from seaway.model.observed import LinkState
from seaway.model.options import DEFAULT_PROBE, MIN_MTU, MIN_MTU6
from seaway.model.parent import (
    Ipvlan,
    LinkKind,
    Macvlan,
    MacvlanMode,
    Parent,
    has_neighbours,
    hears_brothers,
)
from seaway.model.switch import LAST_VLAN
from seaway.plan.operations import PARENT_GROUP
from seaway.plan.sharing import on_uplink

PARENT = "parent"
HOST_ACCESS = "seaway.host_access"
PROBE = "seaway.probe"
KNOWN = frozenset({PARENT, MTU, IFNAME_PREFIX, DNS, HOST_ACCESS, PROBE, SOURCE_GUARD})
LONGEST_PROBE = 10_000
"""Milliseconds."""
_SHARED = ("bridge", "bond", "team")
"""Kinds of links that take all that comes in by an interface which is part of them."""


def parent(asked: Mapping[str, str], link: LinkKind, facts: NetworkFacts) -> Parent:
    """The parent that is *asked* for, fit for links of the kind *link*; raises InvalidRequest.

    One that the network had before is not looked at again: it may be away.
    """
    text = asked.get(PARENT, "")
    there = facts.before.parent if facts.before is not None else None
    if there is not None and (text == there.name or (not text and there.alone)):
        return there
    if not text:
        return Parent(name=IfName(f"sd-{facts.id[:12]}"), alone=True)
    if text == "lo":
        raise refusal(PARENT, text, "the loopback interface leads to nobody; name one that does")
    found = _found(ifname(text), facts)
    _refuse_company(found, link, facts.others)
    if isinstance(link, Macvlan) and link.mode is MacvlanMode.PASSTHRU and text in facts.uplinks:
        raise refusal(
            PARENT,
            text,
            "the host's default route goes by it, and passthru takes all that comes in there from the "
            "host; use another interface, a VLAN of it, or mode bridge",
        )
    return found


def _found(name: IfName, facts: NetworkFacts) -> Parent:
    link = facts.links.get(name)
    if link is not None and link.group != PARENT_GROUP:
        _refuse_unfit(name, link, facts)
        return Parent(name=name)
    base, dot, number = name.rpartition(".")
    if not dot or base not in facts.links:
        raise refusal(PARENT, name, f"the host has no interface of that name; {there(facts)}")
    if (vlan := vlan_number(number)) is None:
        raise refusal(
            PARENT, name, f"behind the dot is the number of a VLAN, from 1 to {LAST_VLAN}"
        )
    upper = subinterface(IfName(base), vlan, facts)
    if upper not in {None, name}:
        raise refusal(
            PARENT, name, f"VLAN {vlan} of {base} is {upper} already; name that, {PARENT}={upper}"
        )
    _refuse_unfit(IfName(base), facts.links[IfName(base)], facts)
    return Parent(name=name, base=IfName(base), vlan=vlan)


def _refuse_unfit(name: IfName, link: LinkState, facts: NetworkFacts) -> None:
    for other in on_uplink(name, facts.others):
        raise refusal(
            PARENT, name, f"it is the uplink of network {other.name}; name another interface"
        )
    whole = master(link, facts)
    if is_ours(link) or (whole is not None and is_ours(whole)):
        raise refusal(PARENT, name, "it belongs to a network of Seaway; name another interface")
    if whole is not None and whole.kind in _SHARED:
        raise refusal(
            PARENT,
            name,
            f"it is part of {whole.kind} {link.master}, which takes all that comes in; "
            f"try {PARENT}={link.master}",
        )
    if link.mac is None:
        raise refusal(PARENT, name, "it has no MAC address, so nobody is told apart behind it")


def _refuse_company(parent: Parent, link: LinkKind, others: Collection[Network]) -> None:
    """Raise InvalidRequest where others on *parent* keep links like *link* from being there."""
    for other in others:
        theirs = other.options.link
        if (
            theirs is None
            or other.options.parent is None
            or other.options.parent.name != parent.name
        ):
            continue
        if (why := _quarrel(link, theirs)) is not None:
            raise InvalidRequest(
                f"invalid network config:\nnetwork {other.name} is on {parent.name} ({theirs.said}): "
                f"{why}; use another interface, or a VLAN of it such as {parent.name}.50"
            )


def _quarrel(one: LinkKind, other: LinkKind) -> str | None:
    """Why links of two kinds cannot be on one parent; None when they can."""
    if isinstance(one, Macvlan) is not isinstance(other, Macvlan):
        return "the kernel has macvlan and ipvlan on one interface never both"
    if isinstance(one, Macvlan) and isinstance(other, Macvlan):
        alone = MacvlanMode.PASSTHRU in {one.mode, other.mode}
        return "passthru has an interface for itself" if alone else None
    return None if one == other else "ipvlan has one mode and flag for all on an interface"


def parent_mtu(asked: Mapping[str, str], found: Parent, facts: NetworkFacts) -> int | None:
    """The MTU that is *asked* for; None: as the parent has. Raises InvalidRequest."""
    below = facts.links.get(found.needs) if found.needs is not None else None
    least = MIN_MTU6 if facts.ipv6 else MIN_MTU
    if not asked.get(MTU):
        if below is not None and below.mtu < least:
            raise refusal(PARENT, found.name, f"its MTU is {below.mtu}, and IPv6 needs {least}")
        return None
    number = mtu(asked[MTU], ipv6=facts.ipv6)
    if below is not None and number > below.mtu:
        raise refusal(
            MTU, asked[MTU], f"{found.needs} has {below.mtu}, and nobody on it can have more"
        )
    return number


def host_access(asked: Mapping[str, str], link: LinkKind) -> bool:
    """Whether the host and the sandboxes shall reach each other; raises InvalidRequest."""
    wanted = flag(asked, HOST_ACCESS, default=False)
    if wanted and not hears_brothers(link):
        raise refusal(
            HOST_ACCESS,
            asked[HOST_ACCESS],
            f"links of {link.said} hear nobody on their own host; it needs the mode or flag bridge",
        )
    return wanted


def probe(asked: Mapping[str, str], found: Parent, link: LinkKind) -> int:
    """The milliseconds to wait for others who may have an address; raises InvalidRequest."""
    text = asked.get(PROBE, "")
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(LONGEST_PROBE))
    if text and not (is_number and int(text) <= LONGEST_PROBE):
        raise refusal(PROBE, text, f"it is a number of milliseconds from 0 to {LONGEST_PROBE}")
    if found.alone or not has_neighbours(link):
        return 0
    return int(text) if text else DEFAULT_PROBE


def source_guard(asked: Mapping[str, str], found: Parent, link: LinkKind) -> bool:
    """Whether the source guard shall hold; raises InvalidRequest where it cannot and was asked for."""
    why = _unguardable(found, link)
    if why is not None and flag(asked, SOURCE_GUARD, default=False):
        raise refusal(SOURCE_GUARD, asked[SOURCE_GUARD], why)
    return why is None and flag(asked, SOURCE_GUARD)


def _unguardable(parent: Parent, link: LinkKind) -> str | None:
    """Why nobody can tell who sent what leaves by *parent*; None: somebody can."""
    if isinstance(link, Ipvlan) or link.mode is MacvlanMode.PASSTHRU:
        return f"links of {link.said} send with the MAC address of the host, and are not told apart from it"
    if parent.alone:
        return "without a parent nothing leaves by an interface at which it could be seen"
    return None


def dns(asked: Mapping[str, str]) -> tuple[Address, ...]:
    """The name servers that are *asked* for; raises InvalidRequest."""
    return servers(asked.get(DNS, ""))


def prefix(asked: Mapping[str, str]) -> str:
    """How interfaces inside begin; raises InvalidRequest."""
    return ifname_prefix(asked.get(IFNAME_PREFIX))


def refuse_unknown(asked: Mapping[str, str], driver: str) -> None:
    """Raise InvalidRequest for an option in Seaway's name that the *driver* has not got."""
    for key in asked:
        if key.startswith("seaway.") and key not in KNOWN:
            raise InvalidRequest(
                f"invalid network config:\nunknown option {key}; "
                f"Seaway's own for {driver} are {HOST_ACCESS}, {PROBE}, {SOURCE_GUARD} and {DNS}"
            )
