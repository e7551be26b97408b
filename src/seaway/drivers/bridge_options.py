"""The options of a bridge network: Docker's words and ours, as types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from seaway.contracts import LinkState, NetworkFacts
from seaway.model.errors import InvalidRequest
from seaway.model.ids import Address, IfName, address, ifname, shown
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

BRIDGE = "com.docker.network.bridge."
NAME = BRIDGE + "name"
ICC = BRIDGE + "enable_icc"
MASQUERADE = BRIDGE + "enable_ip_masquerade"
HOST_BINDING = BRIDGE + "host_binding_ipv4"
INHIBIT = BRIDGE + "inhibit_ipv4"
GATEWAY_MODES = {4: BRIDGE + "gateway_mode_ipv4", 6: BRIDGE + "gateway_mode_ipv6"}
TRUSTED = BRIDGE + "trusted_host_interfaces"
DEFAULT_BRIDGE = BRIDGE + "default_bridge"
MTU = "com.docker.network.driver.mtu"
SOURCES = {4: "com.docker.network.host_ipv4", 6: "com.docker.network.host_ipv6"}
IFNAME_PREFIX = "com.docker.network.container_iface_prefix"
SOURCE_GUARD = "seaway.source_guard"
DNS = "seaway.dns"
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
    }
)
"""The options that mean something here; others are kept, shown and warned of."""

FOREIGN_LINKS = ("docker", "br-", "veth", "cni", "virbr", "lxc", "lxd", "podman", "eth", "en", "wl")
"""How the links of other engines and of the host begin: none of ours may."""
LONGEST_PREFIX = 11
"""Characters; of the 15 of an interface's name four are left for its number."""


def bridge_options(asked: Mapping[str, str], facts: NetworkFacts) -> BridgeOptions:
    """*asked* as typed options; raises InvalidRequest."""
    _refuse_unknown(asked)
    bridge = _bridge_name(asked, facts)
    adopted = facts.adopted or (_adopted(bridge, facts) if NAME in asked else None)
    return BridgeOptions(
        bridge=bridge,
        mtu=_mtu(asked.get(MTU), facts) if adopted is None else _adopted_mtu(bridge, asked, facts),
        adopted=adopted,
        icc=Icc.OPEN if _flag(asked, ICC) else Icc.CLOSED,
        masquerade=_flag(asked, MASQUERADE),
        source_guard=_flag(asked, SOURCE_GUARD),
        host_binding=_host_binding(asked.get(HOST_BINDING)),
        dns=tuple(address(a.strip()) for a in asked.get(DNS, "").split(",") if a.strip()),
        gateway_mode4=_gateway_mode(asked, 4, facts, adopted),
        gateway_mode6=_gateway_mode(asked, 6, facts, adopted),
        inhibit_ipv4=_flag(asked, INHIBIT, default=False),
        sources=tuple(_source(asked[key], v) for v, key in SOURCES.items() if asked.get(key)),
        trusted=_trusted(asked.get(TRUSTED, "")),
        ifname_prefix=_ifname_prefix(asked.get(IFNAME_PREFIX)),
    )


def refusal(key: str, text: str, why: str) -> InvalidRequest:
    """That the option *key* cannot be *text*, and what would be right."""
    return InvalidRequest(f"invalid network config:\noption {key}={shown(text)}: {why}")


def _refuse_unknown(asked: Mapping[str, str]) -> None:
    for key in asked:
        if key.startswith("seaway.") and key not in KNOWN:
            raise InvalidRequest(
                f"invalid network config:\nunknown option {key}; "
                f"Seaway's own for a bridge are {SOURCE_GUARD} and {DNS}"
            )


def _bridge_name(asked: Mapping[str, str], facts: NetworkFacts) -> IfName:
    text = asked.get(NAME)
    if text is None:
        return ifname("seaway0" if facts.predefined else f"sw-{facts.id[:12]}")
    name = ifname(text)
    if name.startswith(FOREIGN_LINKS):
        raise refusal(
            NAME,
            text,
            "such names belong to other engines or to the host's own interfaces; "
            "try one that begins with sw-",
        )
    return name


def _adopted(bridge: IfName, facts: NetworkFacts) -> Adopted | None:
    """What the bridge is like that is there already; None where there is none."""
    if bridge in facts.bridges:
        raise refusal(NAME, bridge, f"network {facts.bridges[bridge]} is on it")
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
            "set its vlan_filtering to 0, or name another bridge"
        )
    return None


def _adopted_mtu(bridge: IfName, asked: Mapping[str, str], facts: NetworkFacts) -> int:
    """That of the sandboxes: the bridge's own when it was adopted, or less."""
    link = facts.links.get(bridge)
    most = MAX_MTU if link is None else link.mtu
    mtu = _mtu(asked.get(MTU) or str(facts.default_mtu if facts.adopted else most), facts)
    if mtu > most:
        raise refusal(MTU, str(mtu), f"bridge {bridge} has {most}, and nobody on it can have more")
    return mtu


def _mtu(text: str | None, facts: NetworkFacts) -> int:
    least = MIN_MTU6 if facts.ipv6 else MIN_MTU
    if text is None or text == "":
        return max(facts.default_mtu, least)
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(MAX_MTU))
    if not is_number or not least <= int(text) <= MAX_MTU:
        needs = " (IPv6 needs that much)" if facts.ipv6 else ""
        raise refusal(MTU, text, f"an MTU is a number of bytes from {least}{needs} to {MAX_MTU}")
    return int(text)


def _flag(asked: Mapping[str, str], key: str, *, default: bool = True) -> bool:
    text = asked.get(key, str(default)).lower()
    if text in {"1", "t", "true"}:
        return True
    if text in {"0", "f", "false"}:
        return False
    raise refusal(key, text, "it is true or false")


def _host_binding(text: str | None) -> Address | None:
    if not text:
        return None
    found = address(text)
    return None if found.is_unspecified else found


def _gateway_mode(
    asked: Mapping[str, str], version: int, facts: NetworkFacts, adopted: Adopted | None
) -> GatewayMode:
    key = GATEWAY_MODES[version]
    text = asked.get(key) or GatewayMode.NAT.value
    if text not in {mode.value for mode in GatewayMode}:
        raise refusal(key, text, f"it is {_either([mode.value for mode in GatewayMode])}")
    mode = GatewayMode(text)
    if mode is GatewayMode.ISOLATED and not facts.internal:
        raise refusal(
            key, text, "only an internal network can be isolated from its host; add --internal"
        )
    for held in adopted.held if adopted and mode is GatewayMode.ISOLATED else ():
        if held.version == version:
            raise refusal(key, text, f"the host has the address {held.ip} on the bridge")
    return mode


def _either(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"


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


def _ifname_prefix(text: str | None) -> str:
    if not text:
        return "eth"
    if len(text) > LONGEST_PREFIX or text[-1].isdigit():
        raise refusal(
            IFNAME_PREFIX,
            text,
            f"it is at most {LONGEST_PREFIX} characters and ends with no digit, since a number follows",
        )
    return ifname(f"{text}0")[:-1]
