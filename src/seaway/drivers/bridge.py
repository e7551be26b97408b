"""The ``bridge`` driver: a Linux bridge, and a veth pair for each endpoint."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from seaway.contracts import NetworkFacts
from seaway.drivers.bridge_options import KNOWN, bridge_options
from seaway.model.ids import Address, IfName, Interface, mac_of
from seaway.model.network import Network
from seaway.model.observed import LinkState
from seaway.model.options import BridgeOptions
from seaway.plan.adoption import release_ops
from seaway.plan.elements import NO_ELEMENTS
from seaway.plan.firewall import guarded, network_elements
from seaway.plan.operations import (
    DOOMED_GROUP,
    AddBridge,
    AdoptBridge,
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


class BridgeDriver:
    """Makes bridges, and joins sandboxes to them by veth pairs."""

    name = BridgeOptions.driver
    multiple = True
    known_options = KNOWN

    def options(self, asked: Mapping[str, str], facts: NetworkFacts) -> BridgeOptions:
        """*asked* as typed options; raises InvalidRequest."""
        return bridge_options(asked, facts)

    def network_ops(
        self, before: Network | None, after: Network | None, others: Collection[Network] = ()
    ) -> tuple[Operation, ...]:
        """The rules are there before the bridge, and stay until it is gone: it is never unguarded."""
        rules = _rule_ops(before, after)
        if after is None:
            assert before is not None
            return (*(release_ops(before) or [DeleteLink(name=_options(before).bridge)]), *rules)
        return (*rules, *([_bridge(after)] if before is None else _bridge_changes(before, after)))

    def endpoint_ops(
        self, before: Attachment | None, after: Attachment | None, netns: Path
    ) -> tuple[Operation, ...]:
        """A veth pair is made, cut off, or changed while it carries traffic."""
        if after is None:
            assert before is not None
            return (_detach(before, netns),)
        return (_attach(after, netns),) if before is None else _veth_changes(before, after, netns)

    def is_whole(
        self,
        attachment: Attachment,
        host: Mapping[IfName, LinkState],
        inside: Mapping[IfName, LinkState],
    ) -> bool:
        """Whether the near end of its veth pair carries traffic to the bridge."""
        link = host.get(attachment.endpoint.link)
        return (
            link is not None
            and link.up
            and link.group != DOOMED_GROUP
            and link.master == _options(attachment.network).bridge
        )


def _rule_ops(before: Network | None, after: Network | None) -> tuple[Operation, ...]:
    old, new = (network_elements(n) if n is not None else NO_ELEMENTS for n in (before, after))
    return (ChangeElements(old=old, new=new),) if old != new else ()


def _bridge(network: Network) -> AddBridge | AdoptBridge:
    options = _options(network)
    for release in release_ops(network):
        return AdoptBridge(name=options.bridge, addresses=network.bridge_addresses, release=release)
    return AddBridge(
        name=options.bridge,
        mac=network.bridge_mac,
        mtu=options.mtu,
        addresses=network.bridge_addresses,
    )


def _bridge_changes(before: Network, after: Network) -> tuple[Operation, ...]:
    """What differs; of an adopted bridge its MTU, and the addresses that it had, are its owner's."""
    old, new = _options(before), _options(after)
    assert old.bridge == new.bridge
    found: list[Operation] = []
    if old.mtu != new.mtu and new.adopted is None:
        found.append(ChangeMtu(link=new.bridge, old=old.mtu, new=new.mtu))
    gateways = _own_gateways(before), _own_gateways(after)
    if gateways[0] != gateways[1]:
        found.append(ChangeGateways(bridge=new.bridge, old=gateways[0], new=gateways[1]))
    return tuple(found)


def _own_gateways(network: Network) -> tuple[Interface, ...]:
    """The addresses that the bridge has for the network's sake."""
    adopted = network.options.adopted
    held = {interface.ip for interface in adopted.held} if adopted else set[Address]()
    return tuple(a for a in network.bridge_addresses if a.ip not in held)


def _attach(attachment: Attachment, netns: Path) -> AttachVeth:
    network, endpoint = attachment.network, attachment.endpoint
    options, place = _options(network), attachment.place
    return AttachVeth(
        link=endpoint.link,
        bridge=options.bridge,
        netns=netns,
        ifname=place.ifname,
        mac=place.own_mac,
        host_mac=mac_of(endpoint.id),
        mtu=options.mtu,
        addresses=place.addresses,
        guarded=guarded(network, endpoint),
        sysctls=endpoint.wish.sysctls,
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
