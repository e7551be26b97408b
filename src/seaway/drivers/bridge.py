"""The ``bridge`` driver: a Linux bridge, and a veth pair for each endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_interface
from pathlib import Path

from seaway.contracts import NetworkFacts
from seaway.model.errors import InvalidRequest
from seaway.model.ids import Address, IfName, Interface, address, ifname, mac_of
from seaway.model.network import MAX_MTU, MIN_MTU, MIN_MTU6, BridgeOptions, Icc, Network
from seaway.plan.elements import NO_ELEMENTS
from seaway.plan.firewall import guarded, network_elements
from seaway.plan.operations import (
    AddBridge,
    AttachVeth,
    ChangeAddresses,
    ChangeElements,
    ChangeGateways,
    ChangeGuard,
    ChangeMtu,
    DeleteLink,
    DetachVeth,
    Operation,
)
from seaway.plan.wiring import Attachment

BRIDGE = "com.docker.network.bridge."
NAME = BRIDGE + "name"
ICC = BRIDGE + "enable_icc"
MASQUERADE = BRIDGE + "enable_ip_masquerade"
HOST_BINDING = BRIDGE + "host_binding_ipv4"
MTU = "com.docker.network.driver.mtu"
SOURCE_GUARD = "seaway.source_guard"
DNS = "seaway.dns"
DEFAULT_BRIDGE = BRIDGE + "default_bridge"
KNOWN = frozenset({NAME, ICC, MASQUERADE, HOST_BINDING, MTU, SOURCE_GUARD, DNS, DEFAULT_BRIDGE})
"""The options that mean something here; others are kept, shown and warned of."""

FOREIGN_LINKS = ("docker", "br-", "veth", "cni", "virbr", "lxc", "lxd", "podman", "eth", "en", "wl")
"""How the links of other engines and of the host begin: none of ours may."""


class BridgeDriver:
    """Makes bridges, and joins sandboxes to them by veth pairs."""

    name = BridgeOptions.driver
    multiple = True
    known_options = KNOWN

    def options(self, asked: Mapping[str, str], facts: NetworkFacts) -> BridgeOptions:
        """*asked* as typed options; raises InvalidRequest."""
        for key in asked:
            if key.startswith("seaway.") and key not in KNOWN:
                raise InvalidRequest(
                    f"invalid network config:\nunknown option {key}; "
                    f"Seaway's own for a bridge are {SOURCE_GUARD} and {DNS}"
                )
        return BridgeOptions(
            bridge=_bridge_name(asked, facts),
            mtu=_mtu(asked.get(MTU), facts),
            icc=Icc.OPEN if _flag(asked, ICC) else Icc.CLOSED,
            masquerade=_flag(asked, MASQUERADE),
            source_guard=_flag(asked, SOURCE_GUARD),
            host_binding=_host_binding(asked.get(HOST_BINDING)),
            dns=tuple(
                address(text.strip()) for text in asked.get(DNS, "").split(",") if text.strip()
            ),
        )

    def network_ops(self, before: Network | None, after: Network | None) -> tuple[Operation, ...]:
        """The rules are there before the bridge, and stay until it is gone: it is never unguarded."""
        rules = _rule_ops(before, after)
        if after is None:
            assert before is not None
            return (DeleteLink(name=_options(before).bridge), *rules)
        return (*rules, *([_bridge(after)] if before is None else _bridge_changes(before, after)))

    def endpoint_ops(
        self, before: Attachment | None, after: Attachment | None, netns: Path
    ) -> tuple[Operation, ...]:
        """A veth pair is made, cut off, or changed while it carries traffic."""
        if after is None:
            assert before is not None
            return (_detach(before, netns),)
        return (_attach(after, netns),) if before is None else _veth_changes(before, after, netns)


def _rule_ops(before: Network | None, after: Network | None) -> tuple[Operation, ...]:
    old, new = (network_elements(n) if n is not None else NO_ELEMENTS for n in (before, after))
    return (ChangeElements(old=old, new=new),) if old != new else ()


def _bridge(network: Network) -> AddBridge:
    options = _options(network)
    return AddBridge(
        name=options.bridge,
        mac=network.bridge_mac,
        mtu=options.mtu,
        addresses=_gateways(network),
    )


def _bridge_changes(before: Network, after: Network) -> tuple[Operation, ...]:
    old, new = _options(before), _options(after)
    assert old.bridge == new.bridge
    gateways = _gateways(before), _gateways(after)
    return (
        *([ChangeMtu(link=new.bridge, old=old.mtu, new=new.mtu)] if old.mtu != new.mtu else []),
        *(
            [ChangeGateways(bridge=new.bridge, old=gateways[0], new=gateways[1])]
            if gateways[0] != gateways[1]
            else []
        ),
    )


def _gateways(network: Network) -> tuple[Interface, ...]:
    return tuple(ip_interface(f"{s.gateway}/{s.prefix.prefixlen}") for s in network.subnets)


def _attach(attachment: Attachment, netns: Path) -> AttachVeth:
    network, endpoint = attachment.network, attachment.endpoint
    options, place = _options(network), attachment.place
    return AttachVeth(
        link=endpoint.link,
        bridge=options.bridge,
        netns=netns,
        ifname=place.ifname,
        mac=place.mac,
        host_mac=mac_of(endpoint.id),
        mtu=options.mtu,
        addresses=place.addresses,
        guarded=guarded(network, endpoint),
    )


def _detach(attachment: Attachment, netns: Path) -> DetachVeth:
    return DetachVeth(link=attachment.endpoint.link, netns=netns, ifname=attachment.place.ifname)


def _veth_changes(before: Attachment, after: Attachment, netns: Path) -> tuple[Operation, ...]:
    """What differs is changed at both ends; nothing is when both ends stay as they are."""
    old, new = _attach(before, netns), _attach(after, netns)
    found: list[Operation] = []
    if old.mtu != new.mtu:
        found.append(ChangeMtu(link=new.link, old=old.mtu, new=new.mtu))
        found.append(ChangeMtu(link=new.link, netns=netns, old=old.mtu, new=new.mtu))
    if old.addresses != new.addresses:
        found.append(
            ChangeAddresses(
                link=new.link,
                netns=netns,
                ifname=new.ifname,
                mac=new.mac,
                old=old.addresses,
                new=new.addresses,
            )
        )
    if old.guarded != new.guarded:
        found.append(ChangeGuard(link=new.link, mac=new.mac, old=old.guarded, new=new.guarded))
    return tuple(found)


def _options(network: Network) -> BridgeOptions:
    assert isinstance(network.options, BridgeOptions)
    return network.options


def _bridge_name(asked: Mapping[str, str], facts: NetworkFacts) -> IfName:
    text = asked.get(NAME)
    if text is None:
        return ifname("seaway0" if facts.predefined else f"sw-{facts.id[:12]}")
    name = ifname(text)
    if name.startswith(FOREIGN_LINKS):
        raise InvalidRequest(
            f"invalid network config:\noption {NAME}={text}: such names belong to other engines "
            "or to the host's own interfaces; try one that begins with sw-"
        )
    if name in facts.links:
        raise InvalidRequest(
            f"invalid network config:\noption {NAME}={text}: the host has a link of that name"
        )
    return name


def _mtu(text: str | None, facts: NetworkFacts) -> int:
    least = MIN_MTU6 if facts.ipv6 else MIN_MTU
    if text is None or text == "":
        return max(facts.default_mtu, least)
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(MAX_MTU))
    if not is_number or not least <= int(text) <= MAX_MTU:
        raise InvalidRequest(
            f"invalid network config:\noption {MTU}={text}: an MTU is a number of bytes from "
            f"{least}{' (IPv6 needs that much)' if facts.ipv6 else ''} to {MAX_MTU}"
        )
    return int(text)


def _flag(asked: Mapping[str, str], key: str, *, default: bool = True) -> bool:
    text = asked.get(key, str(default)).lower()
    if text in {"1", "t", "true"}:
        return True
    if text in {"0", "f", "false"}:
        return False
    raise InvalidRequest(f"invalid network config:\noption {key}={text}: it is true or false")


def _host_binding(text: str | None) -> Address | None:
    if not text:
        return None
    found = address(text)
    return None if found.is_unspecified else found
