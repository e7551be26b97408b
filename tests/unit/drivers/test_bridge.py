"""The bridge driver: options, and the operations that it plans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_address, ip_interface
from pathlib import Path

import pytest

from fakes.firewall import BACK, FRONT, WEB
from fakes.records import an_endpoint
from seaway.contracts import Driver, NetworkFacts
from seaway.drivers.bridge import BridgeDriver
from seaway.drivers.host import HostDriver
from seaway.drivers.null import NullDriver
from seaway.model.endpoint import EndpointWish
from seaway.model.errors import InvalidRequest
from seaway.model.ids import IfName, Mac, NetworkId, NetworkName
from seaway.model.network import Network
from seaway.model.observed import LinkState
from seaway.model.options import Adopted, BridgeOptions, GatewayMode, HostOptions, Icc, NullOptions
from seaway.model.switch import Switch, Uplink
from seaway.plan.firewall import network_elements
from seaway.plan.operations import (
    AddBridge,
    AddSwitch,
    AttachVeth,
    ChangeAddresses,
    ChangeElements,
    ChangeGateways,
    ChangeGuard,
    ChangeMtu,
    DeleteLink,
    DetachVeth,
    DropVlan,
    JoinUplink,
    LeaveUplink,
    Operation,
    PassVlan,
)
from seaway.plan.wiring import Attachment

FACTS = NetworkFacts(
    id=NetworkId("0123456789abcdef" * 4),
    ipv6=False,
    predefined=False,
    default_mtu=1500,
    links={IfName("sw-taken"): LinkState(index=2, mtu=1500, up=True, kind="dummy")},
)
BRIDGE = "com.docker.network.bridge."
MTU = "com.docker.network.driver.mtu"
NETNS = Path("/run/test/ns/b1")


def options(*, facts: NetworkFacts = FACTS, **asked: str) -> BridgeOptions:
    """Typed options; ``name`` and the like stand for Docker's long keys."""
    keys = {
        "mtu": MTU,
        "guard": "seaway.source_guard",
        "host_ipv4": "com.docker.network.host_ipv4",
        "host_ipv6": "com.docker.network.host_ipv6",
        "container_iface_prefix": "com.docker.network.container_iface_prefix",
    }
    given = {keys.get(key, BRIDGE + key): value for key, value in asked.items()}
    return BridgeDriver().options(given, facts)


def refusal(facts: NetworkFacts = FACTS, **asked: str) -> str:
    """The sentence with which these options are refused."""
    with pytest.raises(InvalidRequest) as caught:
        options(facts=facts, **asked)
    return str(caught.value).removeprefix("invalid network config:\n")


def test_without_options_a_bridge_is_open_guarded_and_masqueraded() -> None:
    assert options() == BridgeOptions(
        bridge=IfName("sw-0123456789ab"),
        mtu=1500,
        icc=Icc.OPEN,
        masquerade=True,
        source_guard=True,
        host_binding=None,
    )


def test_the_first_network_is_on_seaway0() -> None:
    assert options(facts=replace(FACTS, predefined=True)).bridge == "seaway0"


def test_options_are_read_in_dockers_spelling() -> None:
    found = options(
        name="sw-office",
        enable_icc="false",
        enable_ip_masquerade="0",
        host_binding_ipv4="192.0.2.1",
        mtu="1400",
        guard="F",
    )

    assert found == BridgeOptions(
        bridge=IfName("sw-office"),
        mtu=1400,
        icc=Icc.CLOSED,
        masquerade=False,
        source_guard=False,
        host_binding=ip_address("192.0.2.1"),
    )


@pytest.mark.parametrize(
    ("text", "ipv6", "mtu"),
    [("68", False, 68), ("9000", False, 9000), ("65535", True, 65535), ("1280", True, 1280)],
)
def test_an_mtu_within_the_limits_is_taken(text: str, ipv6: bool, mtu: int) -> None:
    assert options(facts=replace(FACTS, ipv6=ipv6), mtu=text).mtu == mtu


@pytest.mark.parametrize(
    "text", ["0", "-1", "67", "70000", "abc", "1 400", "1400.0", "\uff11\uff14"]
)
def test_an_mtu_outside_of_the_limits_is_refused(text: str) -> None:
    assert refusal(mtu=text) == (
        f"option {MTU}={text}: an MTU is a number of bytes from 68 to 65535"
    )


def test_ipv6_needs_1280_bytes() -> None:
    assert refusal(replace(FACTS, ipv6=True), mtu="1279") == (
        f"option {MTU}=1279: an MTU is a number of bytes from 1280 (IPv6 needs that much) to 65535"
    )


def test_without_an_mtu_it_is_that_of_the_way_out_and_enough_for_ipv6() -> None:
    assert options(facts=replace(FACTS, default_mtu=1420)).mtu == 1420
    assert options(facts=replace(FACTS, default_mtu=1000, ipv6=True)).mtu == 1280


@pytest.mark.parametrize("name", ["docker0", "br-123", "veth1", "eth7", "enp3s0", "virbr0"])
def test_a_name_that_belongs_to_others_is_refused(name: str) -> None:
    assert refusal(name=name) == (
        f"option {BRIDGE}name={name}: such names belong to other engines or to the host's own "
        "interfaces; try one that begins with sw-"
    )


def test_the_name_of_a_link_that_is_there_is_refused() -> None:
    assert refusal(name="sw-taken") == (
        f"option {BRIDGE}name=sw-taken: the host has a link of that name, and it is no bridge"
    )


OLD = LinkState(
    index=3,
    mtu=1400,
    up=False,
    group=7,
    kind="bridge",
    mac=Mac("02:00:00:00:00:09"),
    interfaces=(ip_interface("10.77.1.1/24"), ip_interface("fe80::1/64")),
)


def with_bridge(**facts: object) -> NetworkFacts:
    """Facts of a host that has OLD as br0, but for *facts* of it."""
    link = replace(OLD, **facts)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    return replace(FACTS, links={IfName("br0"): link})


def test_a_bridge_that_is_there_is_adopted_with_its_mtu() -> None:
    found = options(facts=with_bridge(), name="br0")

    assert (found.bridge, found.mtu) == ("br0", 1400)
    assert found.adopted == Adopted(
        mac=Mac("02:00:00:00:00:09"), group=7, up=False, held=(ip_interface("10.77.1.1/24"),)
    )


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"kind": "veth"}, "and it is no bridge"),
        ({"filters_vlans": True}, "it filters VLANs, so sandboxes would be in its default one"),
        ({"group": 0x5EB}, "it is Seaway's own, and is being made or removed; try again"),
    ],
)
def test_a_bridge_that_is_unfit_is_refused(facts: dict[str, object], why: str) -> None:
    assert why in refusal(with_bridge(**facts), name="br0")


def test_a_bridge_is_one_networks_and_not_the_hosts_way_out() -> None:
    br0 = IfName("br0")
    first = replace(FRONT, name=NetworkName("first"), options=replace(FRONT.options, bridge=br0))  # type: ignore[arg-type]
    used = replace(with_bridge(), others=(first,))
    uplink = replace(with_bridge(), uplinks=frozenset({br0}))

    assert refusal(used, name="br0") == f"option {BRIDGE}name=br0: network first is on it"
    assert "the host's default route goes by it" in refusal(uplink, name="br0")
    gone = replace(FACTS, others=(first,))
    assert refusal(gone, name="br0") == f"option {BRIDGE}name=br0: network first is on it"


def test_nobody_on_an_adopted_bridge_has_more_mtu_than_it_has() -> None:
    assert options(facts=with_bridge(), name="br0", mtu="1300").mtu == 1300
    assert refusal(with_bridge(), name="br0", mtu="1401") == (
        f"option {MTU}=1401: bridge br0 has 1400, and nobody on it can have more"
    )


def test_a_name_that_linux_does_not_take_is_refused() -> None:
    assert refusal(name="sw-0123456789abc").startswith("invalid interface name")


@pytest.mark.parametrize("key", ["enable_icc", "enable_ip_masquerade", "guard"])
def test_a_flag_is_true_or_false(key: str) -> None:
    assert refusal(FACTS, **{key: "maybe"}).endswith("=maybe: it is true or false")


def test_an_unknown_option_of_our_own_is_refused_and_a_foreign_one_kept() -> None:
    with pytest.raises(InvalidRequest) as caught:
        BridgeDriver().options({"seaway.sorce_guard": "false"}, FACTS)
    assert "unknown option seaway.sorce_guard" in str(caught.value)

    assert BridgeDriver().options({"org.example.colour": "red"}, FACTS) == options()


def test_a_binding_to_all_addresses_is_none() -> None:
    assert options(host_binding_ipv4="0.0.0.0").host_binding is None
    assert options(host_binding_ipv4="").host_binding is None
    assert refusal(host_binding_ipv4="host").startswith("invalid IP address 'host'")


def test_a_bridge_hangs_on_the_host_as_its_modes_say() -> None:
    found = options(gateway_mode_ipv4="nat-unprotected", gateway_mode_ipv6="routed")

    assert (found.gateway_mode4, found.gateway_mode6) == (
        GatewayMode.UNPROTECTED,
        GatewayMode.ROUTED,
    )
    assert options(gateway_mode_ipv4="").gateway_mode4 is GatewayMode.NAT
    internal = replace(FACTS, internal=True)
    isolated = options(facts=internal, gateway_mode_ipv6="isolated")
    assert isolated.gateway_mode6 is GatewayMode.ISOLATED


def test_only_an_internal_network_is_isolated() -> None:
    assert refusal(gateway_mode_ipv4="isolated") == (
        f"option {BRIDGE}gateway_mode_ipv4=isolated: only an internal network can be isolated from "
        "its host; add --internal"
    )


def test_a_source_is_an_address_of_its_family_that_can_be_answered() -> None:
    found = options(host_ipv4="192.0.2.7", host_ipv6="2001:db8::7")

    assert found.sources == (ip_address("192.0.2.7"), ip_address("2001:db8::7"))
    for text in ("2001:db8::7", "127.0.0.1", "0.0.0.0", "224.0.0.1", "169.254.1.1"):
        assert refusal(host_ipv4=text).endswith(
            "it is an IPv4 address of the host that others can answer to"
        )


def test_trusted_links_have_colons_between_them() -> None:
    assert options(trusted_host_interfaces="eth1:vxlan.7:eth1").trusted == ("eth1", "vxlan.7")
    assert refusal(trusted_host_interfaces="eth1:..").startswith("invalid interface name")


@pytest.mark.parametrize("prefix", ["abcdefghijkl", "lan1", "no/name", "-x"])
def test_a_prefix_leaves_room_for_a_number(prefix: str) -> None:
    assert options(container_iface_prefix="lan").ifname_prefix == "lan"
    assert options(container_iface_prefix="").ifname_prefix == "eth"
    assert refusal(container_iface_prefix=prefix)


# Operations


def test_rules_come_before_the_bridge_and_go_after_it() -> None:
    elements = network_elements(FRONT)

    assert BridgeDriver().network_ops(None, FRONT) == (
        ChangeElements(old=frozenset(), new=elements),
        AddBridge(
            name=IfName("sw-aa0000000000"),
            mac="02:aa:00:00:00:00",  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
            mtu=1500,
            addresses=(ip_interface("10.77.1.1/24"), ip_interface("fd77:1::1/64")),
        ),
    )
    assert BridgeDriver().network_ops(FRONT, None) == (
        DeleteLink(name=IfName("sw-aa0000000000")),
        ChangeElements(old=elements, new=frozenset()),
    )


def test_an_endpoint_is_a_veth_pair_with_the_networks_mtu() -> None:
    attachment = WEB.attachments[0]

    (attach,) = BridgeDriver().endpoint_ops(None, attachment, NETNS)
    (detach,) = BridgeDriver().endpoint_ops(attachment, None, NETNS)

    assert isinstance(attach, AttachVeth)
    assert (attach.link, attach.bridge, attach.ifname) == (
        "sv-e10000000000",
        "sw-aa0000000000",
        "eth0",
    )
    assert (attach.mac, attach.host_mac, attach.mtu) == (
        "02:00:00:00:00:02",
        "02:e1:00:00:00:00",
        1500,
    )
    assert attach.guarded
    assert detach == DetachVeth(link=attach.link, netns=NETNS, ifname=IfName("eth0"))


def test_a_wish_takes_the_guard_away() -> None:
    endpoint = an_endpoint(network=BACK, wish=EndpointWish(source_guard=False))

    on_back = Attachment(network=BACK, endpoint=endpoint)

    (attach,) = BridgeDriver().endpoint_ops(None, on_back, NETNS)

    assert isinstance(attach, AttachVeth)
    assert not attach.guarded


# In VLANs, and with an uplink

ETH1, SWITCH = IfName("eth1"), IfName("st-eth1")
LEAVE = LeaveUplink(name=ETH1, bridge=SWITCH, up=False)
DROP = DropVlan(switch=SWITCH, vlan=50, uplink=ETH1)
PASS = PassVlan(switch=SWITCH, vlan=50, uplink=ETH1, adopted=False, release=DROP)


def in_vlan(vlan: int, network: Network = FRONT, **switch: bool) -> Network:
    """*network* in a VLAN of the uplink eth1; of somebody else's switch it has none."""
    its = Switch(name=SWITCH, vlan=vlan, mac=Mac("02:00:00:00:00:07"), **switch)
    uplink = None if its.adopted else Uplink(name=ETH1, up=False)
    return altered(network, switch=its, uplink=uplink)


def links_of(
    before: Network | None, after: Network | None, others: Sequence[Network] = ()
) -> list[Operation]:
    """The operations of a change but for the rules."""
    operations = BridgeDriver().network_ops(before, after, others)
    return [op for op in operations if not isinstance(op, ChangeElements)]


def the_bridge_in(vlan: int, name: str = "sw-aa0000000000") -> AddBridge:
    """The VLAN subinterface that is the network's bridge."""
    gateways = (ip_interface("10.77.1.1/24"), ip_interface("fd77:1::1/64"))
    return AddBridge(
        name=IfName(name), mac=None, mtu=1500, addresses=gateways, switch=SWITCH, vlan=vlan
    )


def test_an_uplink_is_joined_to_the_bridge_and_left_as_it_was() -> None:
    network = altered(uplink=Uplink(name=ETH1, up=True))
    leave = LeaveUplink(name=ETH1, bridge=BRIDGE_AA, up=True)

    made, joined = links_of(None, network)

    assert isinstance(made, AddBridge)
    assert joined == JoinUplink(name=ETH1, bridge=BRIDGE_AA, release=leave)
    assert links_of(network, None) == [leave, DeleteLink(name=BRIDGE_AA)]


def test_the_first_network_makes_the_switch_and_the_last_one_takes_it_away() -> None:
    first, second = in_vlan(50), in_vlan(60, replace(FRONT, id=BACK.id))
    add = AddSwitch(name=SWITCH, mac=Mac("02:00:00:00:00:07"))
    join = JoinUplink(name=ETH1, bridge=SWITCH, release=LEAVE)

    assert links_of(None, first) == [add, the_bridge_in(50), join, PASS]
    assert links_of(None, first, others=[first, second]) == [the_bridge_in(50), PASS]
    assert links_of(first, None, others=[first, second]) == [DROP, DeleteLink(name=BRIDGE_AA)]
    assert links_of(first, None, others=[first]) == [
        DROP,
        LEAVE,
        DeleteLink(name=BRIDGE_AA),
        DeleteLink(name=SWITCH),
    ]


@pytest.mark.parametrize("passed", [False, True])
def test_of_somebody_elses_switch_only_the_vlan_is_ours_unless_it_passed_before(
    passed: bool,
) -> None:
    network = in_vlan(50, adopted=True, passed=passed)
    drop = DropVlan(switch=SWITCH, vlan=50)
    release = None if passed else drop

    assert links_of(None, network) == [
        the_bridge_in(50),
        PassVlan(switch=SWITCH, vlan=50, uplink=None, adopted=True, release=release),
    ]
    gone = [DeleteLink(name=BRIDGE_AA)]
    assert links_of(network, None) == (gone if passed else [drop, *gone])


def test_an_endpoint_is_a_port_of_the_switch_in_the_vlan() -> None:
    network = in_vlan(50)

    (attach,) = BridgeDriver().endpoint_ops(None, on(network, str(FOUR)), NETNS)

    assert isinstance(attach, AttachVeth)
    assert (attach.bridge, attach.vlan) == (SWITCH, 50)


def test_strangers_are_on_what_reaches_beyond_the_host() -> None:
    adopted = Adopted(mac=Mac("02:00:00:00:00:09"), group=7, up=True)
    beyond = altered(uplink=Uplink(name=ETH1, up=True)), altered(adopted=adopted), in_vlan(50)
    for network, strangers in ((FRONT, False), *((n, True) for n in beyond)):
        (attach,) = BridgeDriver().endpoint_ops(None, on(network, str(FOUR)), NETNS)

        assert isinstance(attach, AttachVeth)
        assert attach.has_strangers is strangers


def test_an_endpoint_is_whole_while_it_is_in_its_vlan() -> None:
    for vlans, whole in ((frozenset({50}), True), (frozenset[int](), False)):
        link = LinkState(index=7, mtu=1500, up=True, master=SWITCH, vlans=vlans)

        assert BridgeDriver().is_whole(on(in_vlan(50)), {NEAR: link}, {}) is whole


# Changes


def altered(network: Network = FRONT, **options: object) -> Network:
    """*network* with other options."""
    assert isinstance(network.options, BridgeOptions)
    return replace(network, options=replace(network.options, **options))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def on(network: Network, *addresses: str, wish: EndpointWish | None = None) -> Attachment:
    """The endpoint e1 on *network*."""
    endpoint = an_endpoint("e1", network=network, addresses=addresses, wish=wish)
    return Attachment(network=network, endpoint=endpoint)


NEAR, FAR, BRIDGE_AA = IfName("sv-e10000000000"), IfName("eth0"), IfName("sw-aa0000000000")
FOUR, SIX = ip_interface("10.77.1.2/24"), ip_interface("fd77:1::2/64")


def test_what_stays_is_not_touched() -> None:
    after = replace(FRONT, labels=(("a", "b"),))

    assert BridgeDriver().network_ops(FRONT, after) == ()
    assert BridgeDriver().endpoint_ops(on(FRONT, str(FOUR)), on(after, str(FOUR)), NETNS) == ()


def test_an_mtu_changes_at_the_bridge_and_at_both_ends() -> None:
    after = altered(mtu=1400)

    assert BridgeDriver().network_ops(FRONT, after) == (
        ChangeMtu(link=BRIDGE_AA, old=1500, new=1400),
    )
    assert BridgeDriver().endpoint_ops(on(FRONT, str(FOUR)), on(after, str(FOUR)), NETNS) == (
        ChangeMtu(link=NEAR, old=1500, new=1400),
        ChangeMtu(link=NEAR, netns=NETNS, old=1500, new=1400),
    )


def test_a_subnet_more_is_a_gateway_more_once_the_rules_know_it() -> None:
    only4 = replace(FRONT, subnets=FRONT.subnets[:1])
    rules, gateways = BridgeDriver().network_ops(only4, FRONT)

    assert rules == ChangeElements(old=network_elements(only4), new=network_elements(FRONT))
    assert gateways == ChangeGateways(
        bridge=BRIDGE_AA,
        old=(ip_interface("10.77.1.1/24"),),
        new=(ip_interface("10.77.1.1/24"), ip_interface("fd77:1::1/64")),
    )


def test_an_endpoint_gets_an_address_more() -> None:
    before, after = on(FRONT, str(FOUR)), on(FRONT, str(FOUR), str(SIX))

    assert BridgeDriver().endpoint_ops(before, after, NETNS) == (
        ChangeAddresses(
            link=NEAR,
            netns=NETNS,
            ifname=FAR,
            mac=before.place.own_mac,
            old=(FOUR,),
            new=(FOUR, SIX),
        ),
    )


def test_the_guard_changes_with_the_network_unless_the_endpoint_has_a_wish() -> None:
    after = altered(source_guard=False)
    wish = EndpointWish(source_guard=True)

    assert BridgeDriver().endpoint_ops(on(FRONT, str(FOUR)), on(after, str(FOUR)), NETNS) == (
        ChangeGuard(link=NEAR, mac=on(FRONT).place.own_mac, old=True, new=False),
    )
    mine = on(FRONT, str(FOUR), wish=wish), on(after, str(FOUR), wish=wish)
    assert BridgeDriver().endpoint_ops(*mine, NETNS) == ()


def test_an_adopted_bridge_keeps_its_mtu_and_the_addresses_that_it_had() -> None:
    held = (ip_interface("10.77.1.1/24"),)
    adopted = Adopted(mac=Mac("02:00:00:00:00:09"), group=7, up=True, held=held)
    only4 = replace(altered(adopted=adopted), subnets=FRONT.subnets[:1])
    assert isinstance(only4.options, BridgeOptions)
    after = replace(only4, options=replace(only4.options, mtu=1400), subnets=FRONT.subnets)

    changes = [
        o for o in BridgeDriver().network_ops(only4, after) if not isinstance(o, ChangeElements)
    ]

    assert changes == [
        ChangeGateways(bridge=BRIDGE_AA, old=(), new=(ip_interface("fd77:1::1/64"),))
    ]


# The drivers without Linux parts


@pytest.mark.parametrize(
    ("driver", "name", "options_"),
    [(HostDriver(), "host", HostOptions()), (NullDriver(), "null", NullOptions())],
)
def test_host_and_null_have_one_network_and_nothing_to_do(
    driver: Driver, name: str, options_: HostOptions | NullOptions
) -> None:
    network = replace(FRONT, options=options_, subnets=())
    attachment = Attachment(network=network, endpoint=an_endpoint(network=network))

    assert (driver.name, network.places, driver.multiple) == (name, False, False)
    assert driver.options({}, FACTS) == options_
    assert [
        *driver.network_ops(None, network),
        *driver.network_ops(network, None),
        *driver.endpoint_ops(None, attachment, NETNS),
        *driver.endpoint_ops(attachment, None, NETNS),
    ] == []
