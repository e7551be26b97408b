"""The options of a bridge network: Docker's words and ours, as types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from seaway.contracts import NetworkFacts
from seaway.drivers.switch_options import UPLINK, VLAN, foreign_ports, switch, uplink
from seaway.drivers.words import (
    BRIDGE_NAME,
    DNS,
    IFNAME_PREFIX,
    MTU,
    SOURCE_GUARD,
    flag,
    ifname_prefix,
    mtu,
    one_of,
    refusal,
    servers,
)
from seaway.model.errors import InvalidRequest
from seaway.model.ids import Address, IfName, address, ifname
from seaway.model.observed import LinkState
from seaway.model.options import (
    MAX_MTU,
    MIN_MTU,
    MIN_MTU6,
    Adopted,
    BridgeOptions,
    GatewayMode,
    Icc,
)
from seaway.plan.operations import BRIDGE_GROUP, DOOMED_GROUP
from seaway.plan.sharing import on_switch

BRIDGE = "com.docker.network.bridge."
NAME = BRIDGE_NAME
ICC = BRIDGE + "enable_icc"
MASQUERADE = BRIDGE + "enable_ip_masquerade"
HOST_BINDING = BRIDGE + "host_binding_ipv4"
INHIBIT = BRIDGE + "inhibit_ipv4"
GATEWAY_MODES = {4: BRIDGE + "gateway_mode_ipv4", 6: BRIDGE + "gateway_mode_ipv6"}
TRUSTED = BRIDGE + "trusted_host_interfaces"
DEFAULT_BRIDGE = BRIDGE + "default_bridge"
SOURCES = {4: "com.docker.network.host_ipv4", 6: "com.docker.network.host_ipv6"}
KNOWN = frozenset(
    {
        NAME,
        ICC,
        MASQUERADE,
        HOST_BINDING,
        INHIBIT,
        *GATEWAY_MODES.values(),
        TRUSTED,
        DEFAULT_BRIDGE,
        MTU,
        *SOURCES.values(),
        IFNAME_PREFIX,
        SOURCE_GUARD,
        DNS,
        VLAN,
        UPLINK,
    }
)
"""The options that mean something here; others are kept, shown and warned of."""

FOREIGN_LINKS = ("docker", "br-", "veth", "cni", "virbr", "lxc", "lxd", "podman", "eth", "en", "wl")
"""How the links of other engines and of the host begin: none of ours may."""


def bridge_options(asked: Mapping[str, str], facts: NetworkFacts) -> BridgeOptions:
    """*asked* as typed options; raises InvalidRequest."""
    _refuse_unknown(asked)
    _refuse_foreign(asked.get(NAME))
    its_uplink = uplink(asked, facts)
    its_switch = switch(asked, its_uplink, facts)
    bridge = _bridge_name(None if its_switch is not None else asked.get(NAME), facts)
    adopted = facts.before.adopted if facts.before is not None else None
    if facts.before is None and its_switch is None and NAME in asked:
        adopted = _adopted(bridge, facts)
    if adopted is not None and its_uplink is not None:
        raise refusal(UPLINK, its_uplink.name, foreign_ports(bridge, its_uplink))
    found = BridgeOptions(
        bridge=bridge,
        mtu=_mtu(asked.get(MTU), facts),
        adopted=adopted,
        switch=its_switch,
        uplink=its_uplink,
        icc=Icc.OPEN if flag(asked, ICC) else Icc.CLOSED,
        masquerade=flag(asked, MASQUERADE),
        source_guard=flag(asked, SOURCE_GUARD),
        host_binding=_host_binding(asked.get(HOST_BINDING)),
        dns=servers(asked.get(DNS, "")),
        gateway_mode4=_gateway_mode(asked, 4, facts, adopted),
        gateway_mode6=_gateway_mode(asked, 6, facts, adopted),
        inhibit_ipv4=flag(asked, INHIBIT, default=False),
        sources=tuple(_source(asked[key], v) for v, key in SOURCES.items() if asked.get(key)),
        trusted=_trusted(asked.get(TRUSTED, "")),
        ifname_prefix=ifname_prefix(asked.get(IFNAME_PREFIX)),
    )
    return (
        found if found.foreign is None else replace(found, mtu=_mtu_of(found.foreign, asked, facts))
    )


def _refuse_unknown(asked: Mapping[str, str]) -> None:
    for key in asked:
        if key.startswith("seaway.") and key not in KNOWN:
            raise InvalidRequest(
                f"invalid network config:\nunknown option {key}; "
                f"Seaway's own for a bridge are {SOURCE_GUARD}, {DNS}, {VLAN} and {UPLINK}"
            )


def _refuse_foreign(text: str | None) -> None:
    if text is not None and ifname(text).startswith(FOREIGN_LINKS):
        raise refusal(
            NAME,
            text,
            "such names belong to other engines or to the host's own interfaces; "
            "try one that begins with sw-",
        )


def _bridge_name(text: str | None, facts: NetworkFacts) -> IfName:
    if text is None:
        return ifname("seaway0" if facts.predefined else f"sw-{facts.id[:12]}")
    return ifname(text)


def _adopted(bridge: IfName, facts: NetworkFacts) -> Adopted | None:
    """What the bridge is like that is there already; None where there is none."""
    for other in facts.others:
        if bridge == other.options.bridge:
            raise refusal(NAME, bridge, f"network {other.name} is on it")
    for other in on_switch(bridge, facts.others):
        raise refusal(
            NAME,
            bridge,
            f"network {other.name} is in a VLAN of it: give this one another, {VLAN}=N",
        )
    link = facts.links.get(bridge)
    if link is None:
        return None
    if (why := _unfit(bridge, link, facts)) is not None:
        raise refusal(NAME, bridge, why)
    assert link.mac is not None
    held = tuple(interface for interface in link.interfaces if not interface.ip.is_link_local)
    return Adopted(mac=link.mac, group=link.group, up=link.up, held=held)


def _unfit(bridge: IfName, link: LinkState, facts: NetworkFacts) -> str | None:
    """Why a link that is there can be no network's bridge."""
    if link.kind != "bridge" or link.mac is None:
        return "the host has a link of that name, and it is no bridge"
    if link.group in {BRIDGE_GROUP, DOOMED_GROUP}:
        return "it is Seaway's own, and is being made or removed; try again"
    if bridge in facts.uplinks:
        return (
            "the host's default route goes by it, and the network's rules would hold for all that the "
            "host forwards there; leave the option out for a bridge of the network's own, and publish "
            "ports or make it routed"
        )
    if link.filters_vlans:
        return (
            "it filters VLANs, so sandboxes would be in its default one, whatever that is; "
            f"say in which they shall be, {VLAN}=N, or set its vlan_filtering to 0"
        )
    return None


def _mtu_of(foreign: IfName, asked: Mapping[str, str], facts: NetworkFacts) -> int:
    """That of the sandboxes: what a link of somebody else's had when it became the network's, or less."""
    link = facts.links.get(foreign)
    most = MAX_MTU if link is None else link.mtu
    wanted = _mtu(asked.get(MTU) or str(facts.default_mtu if facts.before else most), facts)
    if wanted > most:
        what = "bridge" if link is not None and link.kind == "bridge" else "interface"
        raise refusal(
            MTU, str(wanted), f"{what} {foreign} has {most}, and nobody on it can have more"
        )
    return wanted


def _mtu(text: str | None, facts: NetworkFacts) -> int:
    if not text:
        return max(facts.default_mtu, MIN_MTU6 if facts.ipv6 else MIN_MTU)
    return mtu(text, ipv6=facts.ipv6)


def _host_binding(text: str | None) -> Address | None:
    if not text:
        return None
    found = address(text)
    return None if found.is_unspecified else found


def _gateway_mode(
    asked: Mapping[str, str], version: int, facts: NetworkFacts, adopted: Adopted | None
) -> GatewayMode:
    key = GATEWAY_MODES[version]
    mode = one_of(GatewayMode, asked, key, GatewayMode.NAT)
    if mode is GatewayMode.ISOLATED and not facts.internal:
        raise refusal(
            key, mode, "only an internal network can be isolated from its host; add --internal"
        )
    for held in adopted.held if adopted and mode is GatewayMode.ISOLATED else ():
        if held.version == version:
            raise refusal(key, mode, f"the host has the address {held.ip} on the bridge")
    return mode


def _source(text: str, version: int) -> Address:
    found = address(text)
    unfit = found.is_unspecified or found.is_loopback or found.is_multicast or found.is_link_local
    if found.version != version or unfit:
        raise refusal(
            SOURCES[version],
            text,
            f"it is an IPv{version} address of the host that others can answer to",
        )
    return found


def _trusted(text: str) -> tuple[IfName, ...]:
    """Links with colons between them, as Docker has it."""
    return tuple(dict.fromkeys(ifname(name) for name in text.split(":") if name))
