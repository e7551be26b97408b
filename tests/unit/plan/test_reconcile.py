"""What is left over, and what is missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from fakes.firewall import FRONT, VAULT, WEB
from fakes.records import a_route
from seaway.drivers.bridge import BridgeDriver
from seaway.drivers.null import NullDriver
from seaway.model.ids import IfName, Mac
from seaway.model.observed import LinkState
from seaway.model.options import BridgeOptions, NullOptions
from seaway.model.switch import Switch, Uplink
from seaway.plan.operations import (
    BRIDGE_GROUP,
    AddBridge,
    AddSwitch,
    AttachVeth,
    ChangeElements,
    ChangeRoute,
    DeleteLink,
    DeleteNetns,
    DetachVeth,
    JoinUplink,
    PassVlan,
    UnnameNetns,
)
from seaway.plan.reconcile import (
    broken_links,
    leftover_links,
    leftover_namespaces,
    mending_ops,
    missing_ops,
)
from seaway.plan.wiring import Attachment, Wiring

NETNS = Path("/run/test/ns/b1")
NO_ROUTES = (
    ChangeRoute(netns=NETNS, version=4, old=None, new=None),
    ChangeRoute(netns=NETNS, version=6, old=None, new=None),
)
BRIDGE, LINK = IfName("sw-aa0000000000"), IfName("sv-e10000000000")
NO_LINKS: Mapping[IfName, LinkState] = {}


def on(master: IfName | None, *, up: bool = True) -> Mapping[IfName, LinkState]:
    """The host's links where the near end is on *master*."""
    return {LINK: LinkState(index=7, mtu=1500, up=up, master=master)}


FOREIGN = (
    *("lo", "eth0", "enp3s0", "wlan0", "tun0", "swp1"),
    *("docker0", "br-0123456789ab", "veth1234567", "cni0", "virbr0", "lxcbr0", "podman0"),
    *("sw-office", "sw-0123456789abc", "sv-0123456789AB", "seaway0x"),
    *("sx-0123456789ab", "sx-07", "sx-", "sx-4294967296789"),
)


@pytest.mark.parametrize("name", FOREIGN)
def test_a_foreign_link_is_never_touched(name: str) -> None:
    assert leftover_links({IfName(name): 0}, [], []) == ()


@pytest.mark.parametrize("name", ["sw-0123456789ab", "sv-0123456789ab", "sx-7", "sx-2147483647"])
def test_a_link_of_ours_that_nothing_wants_is_left_over(name: str) -> None:
    assert leftover_links({IfName(name): 0}, [], []) == (DeleteLink(name=IfName(name)),)


def test_a_bridge_with_a_name_of_its_own_is_known_by_its_group() -> None:
    name = IfName("office")

    assert leftover_links({name: BRIDGE_GROUP}, [], []) == (DeleteLink(name=name),)


def test_what_is_wanted_stays() -> None:
    assert leftover_links({BRIDGE: BRIDGE_GROUP, LINK: 0}, [FRONT], [WEB]) == ()


def test_ends_go_before_bridges() -> None:
    groups = {BRIDGE: BRIDGE_GROUP, LINK: 0}

    assert leftover_links(groups, [], []) == (DeleteLink(name=LINK), DeleteLink(name=BRIDGE))


def test_a_bridge_of_any_name_goes_after_the_ends() -> None:
    office = IfName("office")
    groups = {office: BRIDGE_GROUP, LINK: 0}

    assert leftover_links(groups, [], []) == (DeleteLink(name=LINK), DeleteLink(name=office))


def test_namespaces_and_names_that_nothing_wants_are_left_over() -> None:
    bound, names = Path("/run/test/ns"), Path("/run/test/netns")
    wanted = {names / "box": bound / "b1"}

    assert leftover_namespaces(
        [bound / "b1", bound / "b2"], [names / "box", names / "old"], wanted
    ) == (UnnameNetns(name=names / "old"), DeleteNetns(path=bound / "b2"))


def test_a_missing_bridge_is_made_without_its_rules_which_are_there() -> None:
    make = BridgeDriver().network_ops(None, FRONT)

    missing = missing_ops(make, NO_LINKS)

    assert [type(o) for o in make] == [ChangeElements, AddBridge]
    assert [type(o) for o in missing] == [AddBridge]
    assert missing_ops(make, {BRIDGE: LinkState(index=7, mtu=1500, up=True)}) == ()


SWITCH, ETH1 = IfName("st-eth1"), IfName("eth1")
assert isinstance(FRONT.options, BridgeOptions)
TRUNKED = replace(
    FRONT,
    options=replace(
        FRONT.options,
        switch=Switch(name=SWITCH, vlan=50, mac=Mac("02:00:00:00:00:07")),
        uplink=Uplink(name=ETH1, up=False),
    ),
)
ON_TRUNK: Mapping[IfName, LinkState] = {
    SWITCH: LinkState(
        index=3, mtu=65535, up=True, filters_vlans=True, vlans=frozenset({50}), group=BRIDGE_GROUP
    ),
    BRIDGE: LinkState(
        index=4,
        mtu=1500,
        up=True,
        lower=3,
        vlan=50,
        interfaces=TRUNKED.bridge_addresses,
        group=BRIDGE_GROUP,
    ),
    ETH1: LinkState(index=2, mtu=1500, up=True, master=SWITCH, vlans=frozenset({50})),
}


def altered(name: IfName, **facts: object) -> Mapping[IfName, LinkState]:
    """ON_TRUNK, where the link *name* is otherwise."""
    link = replace(ON_TRUNK[name], **facts)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    return {**ON_TRUNK, name: link}


def without(name: IfName) -> Mapping[IfName, LinkState]:
    return {n: link for n, link in ON_TRUNK.items() if n != name}


@pytest.mark.parametrize(
    ("links", "missing"),
    [
        (ON_TRUNK, []),
        ({}, [AddSwitch, AddBridge, PassVlan]),
        (without(ETH1), []),
        (without(BRIDGE), [AddBridge]),
        (altered(ETH1, master=None, vlans=frozenset[int]()), [JoinUplink, PassVlan]),
        (altered(ETH1, vlans=frozenset({60})), [PassVlan]),
        (altered(SWITCH, vlans=frozenset[int]()), [PassVlan]),
    ],
)
def test_of_a_network_in_a_vlan_only_what_is_missing_is_made(
    links: Mapping[IfName, LinkState], missing: list[type]
) -> None:
    make = BridgeDriver().network_ops(None, TRUNKED)

    assert [type(o) for o in missing_ops(make, links)] == missing


@pytest.mark.parametrize(
    ("links", "broken"),
    [
        (ON_TRUNK, ()),
        (altered(SWITCH, filters_vlans=False), (SWITCH,)),
        (altered(SWITCH, up=False), (SWITCH,)),
        (altered(BRIDGE, vlan=60), (BRIDGE,)),
        (altered(BRIDGE, lower=9), (BRIDGE,)),
    ],
)
def test_a_switch_or_a_subinterface_that_somebody_changed_is_broken(
    links: Mapping[IfName, LinkState], broken: tuple[IfName, ...]
) -> None:
    assert broken_links(BridgeDriver().network_ops(None, TRUNKED), links) == broken


def test_a_switch_is_wanted_as_long_as_a_network_is_on_it() -> None:
    groups = {name: link.group for name, link in ON_TRUNK.items()}

    assert leftover_links(groups, [TRUNKED], []) == ()
    assert set(leftover_links(groups, [], [])) == {
        DeleteLink(name=SWITCH),
        DeleteLink(name=BRIDGE),
    }


def test_a_link_that_is_missing_or_off_its_bridge_is_made_anew() -> None:
    wiring = Wiring(attachments=WEB.attachments[:1])

    for links in (NO_LINKS, on(None), on(IfName("br0")), on(BRIDGE, up=False)):
        remove, make = mending_ops(wiring, NETNS, BridgeDriver(), links, NO_LINKS)
        assert [type(o) for o in remove] == [DetachVeth]
        assert [type(o) for o in make] == [AttachVeth, ChangeRoute, ChangeRoute]


def test_a_sandbox_that_is_whole_has_its_routes_said_again() -> None:
    wiring = Wiring(attachments=WEB.attachments[:1])

    remove, make = mending_ops(wiring, NETNS, BridgeDriver(), on(BRIDGE), NO_LINKS)

    assert remove == ()
    four, six = a_route("eth0", "10.77.1.1"), a_route("eth0", "fd77:1::1")
    assert make == (
        ChangeRoute(netns=NETNS, version=4, old=four, new=four),
        ChangeRoute(netns=NETNS, version=6, old=six, new=six),
    )


def test_a_sandbox_without_a_way_out_has_no_default_route() -> None:
    attachment = WEB.attachments[0]
    inside = Wiring(attachments=(type(attachment)(network=VAULT, endpoint=attachment.endpoint),))

    _, make = mending_ops(inside, NETNS, BridgeDriver(), on(IfName("sw-cc0000000000")), NO_LINKS)

    assert make == NO_ROUTES
    assert mending_ops(Wiring(), NETNS, BridgeDriver(), NO_LINKS, NO_LINKS) == ((), ())


def test_what_was_changing_is_made_anew_though_it_is_there() -> None:
    wiring = Wiring(attachments=WEB.attachments[:1])

    remove, make = mending_ops(wiring, NETNS, BridgeDriver(), on(BRIDGE), NO_LINKS, anew={FRONT.id})

    assert [type(o) for o in remove] == [DetachVeth]
    assert [type(o) for o in make] == [AttachVeth, ChangeRoute, ChangeRoute]


def test_a_sandbox_without_an_interface_of_its_own_lacks_none() -> None:
    network = replace(FRONT, options=NullOptions(), subnets=())
    attachment = Attachment(network=network, endpoint=WEB.attachments[0].endpoint)
    wiring = Wiring(attachments=(attachment,))

    remove, make = mending_ops(wiring, NETNS, NullDriver(), NO_LINKS, NO_LINKS)

    assert remove == ()
    assert make == NO_ROUTES
