"""The VLAN and the uplink of a bridge network: what can be had, and why the rest is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from seaway.contracts import NetworkFacts
from seaway.drivers.interfaces import is_ours, master, subinterface, there, vlan_number
from seaway.drivers.words import BRIDGE_NAME, refusal
from seaway.model.ids import IfName, ifname, mac_of
from seaway.model.observed import LinkState
from seaway.model.switch import LAST_VLAN, Switch, Uplink
from seaway.plan.operations import BRIDGE_GROUP, DOOMED_GROUP
from seaway.plan.sharing import on_switch, on_uplink

VLAN = "seaway.vlan"
UPLINK = "seaway.uplink"
_LONGEST = 12
"""Characters; of the 15 of a link's name three say that it is a switch."""


def uplink(asked: Mapping[str, str], facts: NetworkFacts) -> Uplink | None:
    """The uplink that is *asked* for; raises InvalidRequest.

    One that the network had before is not looked at again: it may be away.
    """
    text = asked.get(UPLINK)
    if not text:
        return None
    before = facts.before.uplink if facts.before is not None else None
    if before is not None and text == before.name:
        return before
    if text == "lo":
        raise refusal(UPLINK, text, "the loopback interface leads to nobody; name one that does")
    name = ifname(text)
    for other in on_uplink(name, facts.others):
        if other.options.switch is None:
            raise refusal(UPLINK, text, f"network {other.name} has all of it, VLANs and the rest")
        if not asked.get(VLAN):
            raise refusal(
                UPLINK,
                text,
                f"network {other.name} has VLAN {other.options.switch.vlan} of it: "
                f"give this one a VLAN too, {VLAN}=N",
            )
        return other.options.uplink
    link = facts.links.get(name)
    if link is None:
        raise refusal(UPLINK, text, f"the host has no interface of that name; {there(facts)}")
    if (why := _unfit(name, link, facts)) is not None:
        raise refusal(UPLINK, text, why)
    return Uplink(name=name, up=link.up)


def _unfit(name: IfName, link: LinkState, facts: NetworkFacts) -> str | None:
    """Why an interface that is there can be no uplink, and what would be right."""
    for other in facts.others:
        parent = other.options.parent
        if parent is not None and name in {parent.name, parent.base}:
            return (
                f"network {other.name} is on it ({other.driver}), and it cannot be part of a bridge as "
                "well; use another interface"
            )
    whole = master(link, facts)
    if is_ours(link) or (whole is not None and is_ours(whole)):
        return "it belongs to a network of Seaway; name another interface"
    if whole is not None and whole.kind == "bridge":
        return f"it is part of bridge {link.master} already: name that, {BRIDGE_NAME}={link.master}"
    if link.master is not None:
        kind = whole.kind if whole is not None else ""
        return f"it is part of {kind} {link.master}; try {UPLINK}={link.master}"
    if link.kind == "bridge":
        return f"it is a bridge, and no bridge is part of another: name it by {BRIDGE_NAME}"
    if link.mac is None:
        return "it has no MAC address, and only such interfaces are part of bridges"
    held = " and ".join(str(i.ip) for i in link.interfaces if not i.ip.is_link_local)
    if held or name in facts.uplinks:
        what = f"has {held} on it" if held else "has its default route by it"
        return (
            f"the host {what}, and a bridge takes all that comes in by its ports: let a bridge of yours "
            f"have {name} as a port, and on itself the addresses and routes that the host has there now, "
            f"and name that by {BRIDGE_NAME}; or use a macvlan network, parent={name}"
        )
    return None


def switch(
    asked: Mapping[str, str], its_uplink: Uplink | None, facts: NetworkFacts
) -> Switch | None:
    """The switch, and the VLAN in it, that is *asked* for; raises InvalidRequest.

    One that the network had before is not looked at again: it may be away.
    """
    text = asked.get(VLAN)
    if not text:
        return None
    vlan = vlan_number(text)
    if vlan is None:
        raise refusal(VLAN, text, f"it is the number of a VLAN, from 1 to {LAST_VLAN}")
    before = facts.before.switch if facts.before is not None else None
    name = _switch_name(asked, its_uplink, before, facts)
    if before is not None and (before.name, before.vlan) == (name, vlan):
        return before
    _refuse_taken(name, vlan, its_uplink, facts)
    shared = next(on_switch(name, facts.others), None)
    if shared is not None and shared.options.switch is not None:
        found = replace(shared.options.switch, vlan=vlan)
    elif name in facts.links:
        found = _adopted(name, vlan, asked, its_uplink, facts)
    else:
        found = Switch(name=name, vlan=vlan, mac=mac_of(facts.id))
    if not found.adopted:
        return found
    if its_uplink is not None:
        raise refusal(UPLINK, its_uplink.name, foreign_ports(name, its_uplink))
    return replace(found, passed=_passes(name, vlan, facts))


def _switch_name(
    asked: Mapping[str, str], its_uplink: Uplink | None, before: Switch | None, facts: NetworkFacts
) -> IfName:
    text = asked.get(BRIDGE_NAME)
    there = [
        n.options.switch.name
        for n in (on_uplink(its_uplink.name, facts.others) if its_uplink is not None else ())
        if n.options.switch is not None
    ]
    if text and there and text != there[0]:
        assert its_uplink is not None
        raise refusal(
            BRIDGE_NAME, text, f"{its_uplink.name} is a port of {there[0]}: leave the option out"
        )
    if text:
        return ifname(text)
    if there:
        return there[0]
    if before is not None:
        return before.name
    return IfName(f"st-{its_uplink.name[-_LONGEST:] if its_uplink else facts.id[:_LONGEST]}")


def _refuse_taken(name: IfName, vlan: int, its_uplink: Uplink | None, facts: NetworkFacts) -> None:
    """Raise InvalidRequest where *vlan* of the switch *name*, or the switch itself, is another's."""
    for other in facts.others:
        if other.options.bridge == name:
            raise refusal(BRIDGE_NAME, name, f"network {other.name} is on it, in no VLAN")
    for other in on_switch(name, facts.others):
        if other.options.switch is not None and other.options.switch.vlan == vlan:
            raise refusal(VLAN, str(vlan), f"network {other.name} is in that VLAN of {name}")
    for lower in (name, *([its_uplink.name] if its_uplink is not None else [])):
        if (upper := subinterface(lower, vlan, facts)) is not None:
            raise refusal(
                VLAN,
                str(vlan),
                f"it is the subinterface {upper} that has this VLAN of {lower}; delete that, or choose "
                "another VLAN",
            )


def _adopted(
    name: IfName,
    vlan: int,
    asked: Mapping[str, str],
    its_uplink: Uplink | None,
    facts: NetworkFacts,
) -> Switch:
    """The switch that is there already; raises InvalidRequest where it is none, or is not asked for."""
    link = facts.links[name]
    if BRIDGE_NAME not in asked:
        assert its_uplink is not None
        raise refusal(
            UPLINK,
            its_uplink.name,
            f"its switch would be called {name}, and the host has such a link; give it another name by "
            f"{BRIDGE_NAME}",
        )
    if (why := _unfit_switch(name, link)) is not None:
        raise refusal(BRIDGE_NAME, name, why)
    assert link.mac is not None
    return Switch(name=name, vlan=vlan, mac=link.mac, adopted=True)


def _unfit_switch(name: IfName, link: LinkState) -> str | None:
    if link.kind != "bridge" or link.mac is None:
        return "the host has a link of that name, and it is no bridge"
    if link.group in {BRIDGE_GROUP, DOOMED_GROUP}:
        return "it is Seaway's own, and is being made or removed; try again"
    if not link.filters_vlans:
        return (
            f"it does not keep VLANs apart: ip link set {name} type bridge vlan_filtering 1, "
            f"or leave {VLAN} out"
        )
    return None if link.up else f"it is down: ip link set {name} up"


def foreign_ports(bridge: IfName, its_uplink: Uplink) -> str:
    """That the ports of an adopted bridge are its owner's."""
    return (
        f"bridge {bridge} is somebody else's, and so are its ports: leave the option out, and let it "
        f"have the port yourself, ip link set {its_uplink.name} master {bridge}"
    )


def _passes(switch_name: IfName, vlan: int, facts: NetworkFacts) -> bool:
    """Whether frames of *vlan* pass between a switch that is there and the host already."""
    link = facts.links.get(switch_name)
    return link is not None and vlan in link.vlans
