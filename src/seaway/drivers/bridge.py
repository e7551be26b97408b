"""The ``bridge`` driver: a Linux bridge, and a veth pair for each endpoint."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from seaway.contracts import NetworkFacts
from seaway.drivers.bridge_options import KNOWN, bridge_options
from seaway.model.ids import Address, IfName, Interface, mac_of
from seaway.model.network import Network
from seaway.model.observed import LinkState
from seaway.model.options import BridgeOptions
from seaway.plan.adoption import bridge_release, uplink_release, vlan_release
from seaway.plan.elements import NO_ELEMENTS
from seaway.plan.firewall import guarded, network_elements
from seaway.plan.operations import (
    DOOMED_GROUP,
    AddBridge,
    AddSwitch,
    AdoptBridge,
    AttachVeth,
    ChangeAddresses,
    ChangeElements,
    ChangeGateways,
    ChangeGuard,
    ChangeMtu,
    DeleteLink,
    DetachVeth,
    JoinUplink,
    Operation,
    PassVlan,
)
from seaway.plan.sharing import shares_switch, shares_uplink
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
        match before, after:
            case None, Network():
                return (*rules, *_links(after, others))
            case Network(), None:
                return (*_no_links(before, others), *rules)
            case Network(), Network():
                return (*rules, *_bridge_changes(before, after))
            case _:
                return ()

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
        link, options = host.get(attachment.endpoint.link), _options(attachment.network)
        return (
            link is not None
            and link.up
            and link.group != DOOMED_GROUP
            and link.master == options.ports_of
            and (options.switch is None or options.switch.vlan in link.vlans)
        )


def _rule_ops(before: Network | None, after: Network | None) -> tuple[Operation, ...]:
    old, new = (network_elements(n) if n is not None else NO_ELEMENTS for n in (before, after))
    return (ChangeElements(old=old, new=new),) if old != new else ()


def _links(network: Network, others: Collection[Network]) -> Iterator[Operation]:
    """What makes the links of *network*; the switch and the uplink are there for the first of *others*."""
    options = _options(network)
    switch, uplink = options.switch, uplink_release(network)
    if switch is not None and not switch.adopted and not shares_switch(network, others):
        yield AddSwitch(name=switch.name, mac=switch.mac)
    yield _bridge(network)
    if uplink is not None and not shares_uplink(network, others):
        yield JoinUplink(name=uplink.name, bridge=uplink.bridge, release=uplink)
    if switch is not None:
        yield PassVlan(
            switch=switch.name,
            vlan=switch.vlan,
            uplink=None if uplink is None else uplink.name,
            adopted=switch.adopted,
            release=vlan_release(network),
        )


def _no_links(network: Network, others: Collection[Network]) -> Iterator[Operation]:
    """What takes the links of *network* away; the switch and the uplink stay for *others*."""
    options = _options(network)
    switch, uplink = options.switch, uplink_release(network)
    if (vlan := vlan_release(network)) is not None:
        yield vlan
    if uplink is not None and not shares_uplink(network, others):
        yield uplink
    yield bridge_release(network) or DeleteLink(name=options.bridge)
    if switch is not None and not switch.adopted and not shares_switch(network, others):
        yield DeleteLink(name=switch.name)


def _bridge(network: Network) -> AddBridge | AdoptBridge:
    options, switch = _options(network), network.options.switch
    if (release := bridge_release(network)) is not None:
        return AdoptBridge(name=options.bridge, addresses=network.bridge_addresses, release=release)
    return AddBridge(
        name=options.bridge,
        mac=network.bridge_mac if switch is None else None,
        mtu=options.mtu,
        addresses=network.bridge_addresses,
        switch=None if switch is None else switch.name,
        vlan=0 if switch is None else switch.vlan,
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
        bridge=options.ports_of,
        netns=netns,
        ifname=place.ifname,
        mac=place.own_mac,
        host_mac=mac_of(endpoint.id),
        mtu=options.mtu,
        addresses=place.addresses,
        guarded=guarded(network, endpoint),
        vlan=None if options.switch is None else options.switch.vlan,
        has_strangers=options.foreign is not None,
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
        found.append(
            ChangeGuard(link=new.link, mac=new.mac, vlan=new.vlan, old=old.guarded, new=new.guarded)
        )
    return tuple(found)


def _options(network: Network) -> BridgeOptions:
    assert isinstance(network.options, BridgeOptions)
    return network.options
