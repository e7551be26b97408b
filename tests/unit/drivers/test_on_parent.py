"""The macvlan and ipvlan drivers: options, and the operations they lead to."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network
from pathlib import Path

import pytest

from fakes.leases import a_lease
from seaway.contracts import Driver, NetworkFacts
from seaway.drivers.ipvlan import IpvlanDriver
from seaway.drivers.macvlan import MacvlanDriver
from seaway.model.endpoint import Endpoint, Place
from seaway.model.errors import InvalidRequest
from seaway.model.ids import EndpointId, IfName, Mac, NetworkId, NetworkName, SandboxId, mac_of
from seaway.model.network import Network, Subnet
from seaway.model.observed import LinkState
from seaway.model.options import IpvlanOptions, MacvlanOptions
from seaway.model.parent import Ipvlan, IpvlanFlag, IpvlanMode, Macvlan, MacvlanMode, Parent
from seaway.plan.operations import (
    BRIDGE_GROUP,
    PARENT_GROUP,
    AddDummy,
    AddVlan,
    AttachLink,
    ChangeAddresses,
    ChangeHostRoutes,
    ChangeMtu,
    ChangeShim,
    DeleteLink,
    DetachLink,
    Shim,
)
from seaway.plan.wiring import Attachment

MTU = "com.docker.network.driver.mtu"
ETH0, ETH1, VLAN = IfName("eth0"), IfName("eth1"), IfName("eth0.50")
NETNS = Path("/run/test/ns/b1")
MAC = Mac("02:00:00:00:00:01")


def a_link(index: int, **more: object) -> LinkState:
    """An interface of the host, up, with the Ethernet MTU."""
    link = LinkState(index=index, mtu=1500, up=True, mac=Mac("02:00:00:00:01:00"))
    return replace(link, **more)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


HOST = {IfName("lo"): LinkState(index=1, mtu=65536, up=True), ETH0: a_link(2), ETH1: a_link(3)}
FACTS = NetworkFacts(
    id=NetworkId("aa" * 32), ipv6=False, predefined=False, default_mtu=1500, links=HOST
)


def a_network(letter: str, options: MacvlanOptions | IpvlanOptions) -> Network:
    """A network with one subnet, in which .9 is the host's."""
    subnet = Subnet(
        prefix=ip_network("192.0.2.0/24"),
        gateway=ip_address("192.0.2.1"),
        auxiliary=(("host", ip_address("192.0.2.9")),),
    )
    return Network(
        id=NetworkId(letter * 64),
        name=NetworkName(f"net-{letter}"),
        created=1,
        options=options,
        subnets=(subnet,),
    )


def macvlan(
    parent: Parent | None = None, mode: MacvlanMode = MacvlanMode.BRIDGE, **more: object
) -> MacvlanOptions:
    """Options of a macvlan network, on eth0 by default."""
    options = MacvlanOptions(parent=parent or Parent(name=ETH0), link=Macvlan(mode=mode))
    return replace(options, **more)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def on(network: Network, address: str = "192.0.2.20/24") -> Attachment:
    """An endpoint on *network*."""
    own = MAC if network.options.own_macs else None
    place = Place(ifname=ETH0, mac=own, addresses=(ip_interface(address),))
    endpoint = Endpoint(
        id=EndpointId("e1" * 32),
        network=network.id,
        sandbox=SandboxId("5b" * 32),
        order=1,
        place=place,
        live=True,
    )
    return Attachment(network=network, endpoint=endpoint)


def refusal(driver: Driver, facts: NetworkFacts = FACTS, **asked: str) -> str:
    """The sentence with which options are refused."""
    with pytest.raises(InvalidRequest) as caught:
        driver.options({key.replace("__", "."): text for key, text in asked.items()}, facts)
    return str(caught.value).removeprefix("invalid network config:\n")


# Options


def test_what_nobody_asks_for_is_as_with_docker() -> None:
    assert MacvlanDriver().options({"parent": "eth0"}, FACTS) == MacvlanOptions(
        parent=Parent(name=ETH0), link=Macvlan(mode=MacvlanMode.BRIDGE)
    )
    assert IpvlanDriver().options({"parent": "eth0"}, FACTS) == IpvlanOptions(
        parent=Parent(name=ETH0), link=Ipvlan(mode=IpvlanMode.L2, flag=IpvlanFlag.BRIDGE)
    )


def test_a_missing_subinterface_is_ours_to_make_and_one_that_is_there_is_not() -> None:
    ours = Parent(name=VLAN, base=ETH0, vlan=50)
    theirs = replace(FACTS, links={**HOST, VLAN: a_link(9, kind="vlan", vlan=50, lower=2)})
    made = replace(FACTS, links={**HOST, VLAN: a_link(9, kind="vlan", group=PARENT_GROUP)})

    assert MacvlanDriver().options({"parent": "eth0.50"}, FACTS).parent == ours
    assert MacvlanDriver().options({"parent": "eth0.50"}, theirs).parent == Parent(name=VLAN)
    assert MacvlanDriver().options({"parent": "eth0.50"}, made).parent == ours


def test_without_a_parent_it_is_a_link_of_its_own() -> None:
    own = MacvlanDriver().options({}, FACTS).parent

    assert own == Parent(name=IfName("sd-aaaaaaaaaaaa"), alone=True)
    assert own.needs is None


@pytest.mark.parametrize(
    ("name", "link", "why"),
    [
        ("eth9", None, "the host has no interface of that name; it has eth0, eth1"),
        ("eth9.50", None, "the host has no interface of that name; it has eth0, eth1"),
        ("eth0.0", None, "behind the dot is the number of a VLAN, from 1 to 4094"),
        ("eth0.x", None, "behind the dot is the number of a VLAN, from 1 to 4094"),
        ("lo", None, "the loopback interface leads to nobody; name one that does"),
        ("wg0", a_link(9, mac=None), "it has no MAC address, so nobody is told apart behind it"),
        (
            "sw-0123",
            a_link(9, group=BRIDGE_GROUP),
            "it belongs to a network of Seaway; name another interface",
        ),
        (
            "eth2",
            a_link(9, master=IfName("bond0")),
            "it is part of bond bond0, which takes all that comes in; try parent=bond0",
        ),
    ],
)
def test_an_unfit_parent_is_refused(name: str, link: LinkState | None, why: str) -> None:
    bond = {IfName("bond0"): a_link(8, kind="bond")}
    links = {**HOST, **bond, IfName(name): link} if link is not None else HOST

    sentence = refusal(MacvlanDriver(), replace(FACTS, links=links), parent=name)

    assert sentence == f"option parent={name}: {why}"


@pytest.mark.parametrize(
    ("theirs", "asked", "why"),
    [
        (Macvlan(), {"macvlan_mode": "passthru"}, "passthru has an interface for itself"),
        (Macvlan(mode=MacvlanMode.PASSTHRU), {}, "passthru has an interface for itself"),
        (Ipvlan(), {}, "the kernel has macvlan and ipvlan on one interface never both"),
    ],
)
def test_what_does_not_go_together_on_one_parent_is_refused(
    theirs: Macvlan | Ipvlan, asked: dict[str, str], why: str
) -> None:
    parent = Parent(name=ETH1)
    other = (
        macvlan(parent, link=theirs)
        if isinstance(theirs, Macvlan)
        else IpvlanOptions(parent=parent, link=theirs)
    )
    facts = replace(FACTS, others=(a_network("b", other),))

    assert refusal(MacvlanDriver(), facts, parent="eth1", **asked) == (
        f"network net-b is on eth1 ({theirs.said}): {why}; "
        "use another interface, or a VLAN of it such as eth1.50"
    )
    assert MacvlanDriver().options({"parent": "eth0", **asked}, facts).parent.name == ETH0


@pytest.mark.parametrize("asked", ["eth0.50", "eth0.050"])
def test_a_vlan_that_the_host_has_under_another_name_is_named(asked: str) -> None:
    links = {**HOST, IfName("vlan50"): a_link(9, vlan=50, lower=HOST[ETH0].index)}

    sentence = refusal(MacvlanDriver(), replace(FACTS, links=links), parent=asked)

    why = "VLAN 50 of eth0 is vlan50 already; name that, parent=vlan50"
    assert sentence == f"option parent={asked}: {why}"


def test_all_ipvlan_links_on_one_parent_have_one_mode() -> None:
    other = IpvlanOptions(parent=Parent(name=ETH1), link=Ipvlan(mode=IpvlanMode.L3))
    facts = replace(FACTS, others=(a_network("b", other),))

    sentence = refusal(IpvlanDriver(), facts, parent="eth1")

    assert "ipvlan has one mode and flag for all on an interface" in sentence
    IpvlanDriver().options({"parent": "eth1", "ipvlan_mode": "l3"}, facts)


def test_passthru_does_not_cut_the_host_off() -> None:
    facts = replace(FACTS, uplinks=frozenset({ETH0}))

    sentence = refusal(MacvlanDriver(), facts, parent="eth0", macvlan_mode="passthru")

    assert "the host's default route goes by it" in sentence


@pytest.mark.parametrize(
    ("mtu", "ipv6", "why"),
    [
        ("1501", False, "eth0 has 1500, and nobody on it can have more"),
        ("67", False, "an MTU is a number of bytes from 68 to 65535"),
        ("1279", True, "an MTU is a number of bytes from 1280 (IPv6 needs that much) to 65535"),
    ],
)
def test_an_mtu_that_cannot_be_is_refused(mtu: str, ipv6: bool, why: str) -> None:
    facts = replace(FACTS, ipv6=ipv6)

    with pytest.raises(InvalidRequest) as caught:
        MacvlanDriver().options({"parent": "eth0", MTU: mtu}, facts)

    assert str(caught.value) == f"invalid network config:\noption {MTU}={mtu}: {why}"


@pytest.mark.parametrize(
    ("driver", "asked", "milliseconds"),
    [
        (MacvlanDriver(), {"parent": "eth0"}, 20),
        (MacvlanDriver(), {"parent": "eth0", "seaway.probe": "0"}, 0),
        (IpvlanDriver(), {"parent": "eth0.50", "seaway.probe": "10000"}, 10000),
        (IpvlanDriver(), {"parent": "eth0", "ipvlan_mode": "l3", "seaway.probe": "50"}, 0),
        (MacvlanDriver(), {"seaway.probe": "50"}, 0),
    ],
    ids=["default", "off", "longest", "behind the host", "alone"],
)
def test_others_are_listened_to_where_there_may_be_any(
    driver: Driver, asked: dict[str, str], milliseconds: int
) -> None:
    assert driver.options(asked, FACTS).probe == milliseconds


@pytest.mark.parametrize("text", ["-1", "10001", "0.5", "20ms", "٢٠"])
def test_a_time_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        MacvlanDriver().options({"parent": "eth0", "seaway.probe": text}, FACTS)

    assert str(caught.value) == (
        f"invalid network config:\noption seaway.probe={text}: it is a number of milliseconds from 0 to "
        "10000"
    )


def test_macvlan_networks_are_guarded_unless_it_is_switched_off() -> None:
    on, off = (
        MacvlanDriver().options({"parent": "eth0", **asked}, FACTS)
        for asked in ({}, {"seaway.source_guard": "false"})
    )

    assert (on.source_guard, off.source_guard) == (True, False)


HIDDEN = "send with the MAC address of the host, and are not told apart from it"


@pytest.mark.parametrize(
    ("driver", "asked", "why"),
    [
        (IpvlanDriver(), {"parent": "eth1"}, f"links of ipvlan mode l2, bridge {HIDDEN}"),
        (
            MacvlanDriver(),
            {"parent": "eth1", "macvlan_mode": "passthru"},
            f"links of macvlan mode passthru {HIDDEN}",
        ),
        (
            MacvlanDriver(),
            {},
            "without a parent nothing leaves by an interface at which it could be seen",
        ),
    ],
    ids=["ipvlan", "passthru", "alone"],
)
def test_where_senders_are_not_told_apart_nobody_is_guarded_and_to_ask_for_it_is_refused(
    driver: Driver, asked: dict[str, str], why: str
) -> None:
    for text in ({}, {"seaway.source_guard": "false"}):
        assert driver.options(asked | text, FACTS).source_guard is False
    with pytest.raises(InvalidRequest) as caught:
        driver.options(asked | {"seaway.source_guard": "true"}, FACTS)

    assert str(caught.value) == (f"invalid network config:\noption seaway.source_guard=true: {why}")


def test_a_parent_that_is_away_keeps_no_network_from_changing() -> None:
    before = macvlan(Parent(name=IfName("usb0")))
    facts = replace(FACTS, before=before)

    found = MacvlanDriver().options({"parent": "usb0", "seaway.host_access": "true"}, facts)

    assert found == replace(before, host_access=True)


# Operations


def test_the_first_network_makes_the_subinterface_and_the_last_takes_it_away() -> None:
    parent = Parent(name=VLAN, base=ETH0, vlan=50)
    one, two = a_network("a", macvlan(parent)), a_network("b", macvlan(parent))
    driver = MacvlanDriver()

    assert driver.network_ops(None, one) == (AddVlan(name=VLAN, parent=ETH0, vlan=50),)
    assert driver.network_ops(None, two, [one]) == ()
    assert driver.network_ops(one, None, [one, two]) == ()
    assert driver.network_ops(two, None, [two]) == (DeleteLink(name=VLAN),)


def test_somebody_elses_parent_is_left_alone() -> None:
    lan = a_network("a", macvlan())

    assert MacvlanDriver().network_ops(None, lan) == ()
    assert MacvlanDriver().network_ops(lan, None) == ()


def test_a_link_of_its_own_comes_and_goes_with_the_network() -> None:
    name = IfName("sd-aaaaaaaaaaaa")
    alone = a_network("a", macvlan(Parent(name=name, alone=True)))

    assert MacvlanDriver().network_ops(None, alone) == (AddDummy(name=name),)
    assert MacvlanDriver().network_ops(alone, None) == (DeleteLink(name=name),)


def test_host_access_is_a_link_of_the_hosts_own_and_a_route_to_each_endpoint() -> None:
    closed, open_ = (a_network("a", macvlan(host_access=access)) for access in (False, True))
    shim = Shim(
        name=IfName("sw-aaaaaaaaaaaa"),
        parent=ETH0,
        link=Macvlan(),
        mac=mac_of("a" * 64),
        mtu=None,
        addresses=(ip_interface("192.0.2.9/32"),),
    )
    driver, there = MacvlanDriver(), (ip_address("192.0.2.20"),)

    assert driver.network_ops(closed, open_) == (ChangeShim(old=None, new=shim),)
    assert driver.network_ops(open_, closed) == (ChangeShim(old=shim, new=None),)
    routes = ChangeHostRoutes(link=shim.name, old=(), new=there)
    assert driver.endpoint_ops(None, on(open_), NETNS)[1:] == (routes,)
    assert driver.endpoint_ops(on(closed), on(open_), NETNS) == (routes,)
    gone = ChangeHostRoutes(link=shim.name, old=there, new=())
    assert driver.endpoint_ops(on(open_), on(closed), NETNS) == (gone,)
    assert driver.endpoint_ops(on(open_), None, NETNS)[0] == gone


def test_ipv6_of_the_lan_is_not_cut_off_by_a_small_mtu_and_has_no_routes_of_the_host() -> None:
    lan = replace(a_network("a", macvlan(host_access=True)), subnets=(), dhcp=(4, 6))
    bare = on(lan)
    place = replace(
        bare.place,
        addresses=(ip_interface("192.0.2.50/24"), ip_interface("2001:db8::7/128")),
        autoconfigured=(ip_interface("2001:db8:0:1::5/64"),),
        lease=replace(a_lease(50), mtu=600),
    )
    lent = replace(bare, endpoint=replace(bare.endpoint, place=place))

    attach, routes = MacvlanDriver().endpoint_ops(None, lent, NETNS)

    assert isinstance(attach, AttachLink)
    assert (attach.mtu, attach.autoconf, attach.addresses) == (1280, True, place.addresses)
    assert routes == ChangeHostRoutes(
        link=IfName("sw-aaaaaaaaaaaa"), new=(ip_address("192.0.2.50"),)
    )


@pytest.mark.parametrize(
    ("driver", "options", "mac"),
    [
        (MacvlanDriver(), macvlan(mode=MacvlanMode.VEPA), MAC),
        (MacvlanDriver(), macvlan(mode=MacvlanMode.PASSTHRU), None),
        (IpvlanDriver(), IpvlanOptions(parent=Parent(name=ETH0), link=Ipvlan()), None),
    ],
)
def test_an_endpoint_is_a_link_inside(
    driver: Driver, options: MacvlanOptions | IpvlanOptions, mac: Mac | None
) -> None:
    lan = a_network("a", options)

    assert driver.endpoint_ops(None, on(lan), NETNS) == (
        AttachLink(
            parent=ETH0,
            netns=NETNS,
            ifname=ETH0,
            link=options.link,
            mac=mac,
            mtu=None,
            addresses=(ip_interface("192.0.2.20/24"),),
        ),
    )
    assert driver.endpoint_ops(on(lan), None, NETNS) == (
        DetachLink(parent=ETH0, netns=NETNS, ifname=ETH0, mac=mac),
    )


def test_an_endpoint_changes_while_it_carries_traffic() -> None:
    lan, small = a_network("a", macvlan()), a_network("a", macvlan(mtu=1400))
    driver = MacvlanDriver()

    assert driver.endpoint_ops(on(lan), on(lan), NETNS) == ()
    assert driver.endpoint_ops(on(lan), on(small), NETNS) == (
        ChangeMtu(link=ETH0, netns=NETNS, parent=ETH0, old=None, new=1400),
    )
    assert driver.endpoint_ops(on(lan), on(lan, "192.0.2.21/24"), NETNS) == (
        ChangeAddresses(
            link=ETH0,
            netns=NETNS,
            ifname=ETH0,
            parent=ETH0,
            mac=MAC,
            old=(ip_interface("192.0.2.20/24"),),
            new=(ip_interface("192.0.2.21/24"),),
        ),
    )


def test_an_endpoint_is_whole_on_the_parent_that_is_there_now_whatever_it_is_called() -> None:
    attachment = on(a_network("a", macvlan()))
    mine = LinkState(
        index=2,
        mtu=1500,
        up=True,
        kind="macvlan",
        mac=MAC,
        lower=2,
        interfaces=(ip_interface("192.0.2.20/24"),),
    )
    inside = {IfName("renamed"): mine}
    driver = MacvlanDriver()

    assert driver.is_whole(attachment, HOST, inside)
    assert not driver.is_whole(attachment, {}, inside)
    assert not driver.is_whole(attachment, {ETH0: a_link(12)}, inside)
    assert not driver.is_whole(attachment, HOST, {})
    other = replace(mine, mac=Mac("02:00:00:00:00:02"))
    assert not driver.is_whole(attachment, HOST, {ETH0: other})
