"""The VLAN and the uplink of a bridge network: what is taken, and with which sentence the rest is refused."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_interface

import pytest

from seaway.contracts import NetworkFacts
from seaway.drivers.bridge import BridgeDriver
from seaway.drivers.macvlan import MacvlanDriver
from seaway.model.errors import InvalidRequest
from seaway.model.ids import IfName, Mac, NetworkId, NetworkName, mac_of
from seaway.model.network import Network
from seaway.model.observed import LinkState
from seaway.model.options import BridgeOptions, MacvlanOptions
from seaway.model.parent import Macvlan, Parent
from seaway.model.switch import Switch, Uplink
from seaway.plan.operations import BRIDGE_GROUP

NAME = "com.docker.network.bridge.name"
MTU = "com.docker.network.driver.mtu"
ETH0, ETH1, BR0 = IfName("eth0"), IfName("eth1"), IfName("br0")
ID, OTHER = NetworkId("aa" * 32), NetworkId("bb" * 32)


def a_link(index: int, **more: object) -> LinkState:
    """A link of the host, up, with the MTU 1500."""
    link = LinkState(index=index, mtu=1500, up=True, mac=Mac(f"02:00:00:00:01:{index:02x}"))
    return replace(link, **more)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


HOST = {
    IfName("lo"): LinkState(index=1, mtu=65536, up=True),
    ETH0: a_link(2, interfaces=(ip_interface("192.0.2.1/24"), ip_interface("fe80::1/64"))),
    ETH1: a_link(3, up=False, interfaces=(ip_interface("fe80::2/64"),)),
    BR0: a_link(4, kind="bridge", mtu=1400, filters_vlans=True, vlans=frozenset({1, 70})),
    IfName("sw-plain"): a_link(5, kind="bridge"),
    IfName("eth2"): a_link(6, master=BR0),
    IfName("eth3"): a_link(7, master=IfName("bond0")),
    IfName("bond0"): a_link(8, kind="bond"),
    IfName("tun0"): a_link(9, kind="tun", mac=None),
    IfName("eth1.80"): a_link(10, kind="vlan", lower=3, vlan=80),
    IfName("br0.80"): a_link(11, kind="vlan", lower=4, vlan=80),
}
FACTS = NetworkFacts(
    id=ID,
    ipv6=False,
    predefined=False,
    default_mtu=1420,
    links=HOST,
    uplinks=frozenset({ETH0}),
)


def a_network(options: BridgeOptions | MacvlanOptions, name: str = "first") -> Network:
    """Another network, with these options."""
    return Network(id=OTHER, name=NetworkName(name), created=1, options=options)


def trunked(vlan: int = 50, switch: str = "st-eth1", **more: object) -> Network:
    """A network in a VLAN of eth1, or of somebody else's switch."""
    adopted = bool(more.get("adopted", False))
    options = BridgeOptions(
        bridge=IfName("sw-bbbbbbbbbbbb"),
        mtu=1500,
        switch=Switch(
            name=IfName(switch), vlan=vlan, mac=Mac("02:00:00:00:00:07"), adopted=adopted
        ),
        uplink=None if adopted else Uplink(name=ETH1, up=False),
    )
    return a_network(options)


KEYS = {"vlan": "seaway.vlan", "uplink": "seaway.uplink", "name": NAME, "mtu": MTU}


def options(*others: Network, **asked: str) -> BridgeOptions:
    """Typed options beside *others*; ``vlan`` and the like stand for the long keys."""
    given = {KEYS[key]: value for key, value in asked.items()}
    return BridgeDriver().options(given, replace(FACTS, others=others))


def refusal(*others: Network, **asked: str) -> str:
    """The sentence with which these options are refused."""
    with pytest.raises(InvalidRequest) as caught:
        options(*others, **asked)
    return str(caught.value).removeprefix("invalid network config:\noption ")


# An uplink


def test_an_uplink_is_a_port_of_the_networks_own_bridge() -> None:
    found = options(uplink="eth1")

    assert found.uplink == Uplink(name=ETH1, up=False)
    assert (found.bridge, found.ports_of, found.switch) == ("sw-aaaaaaaaaaaa",) * 2 + (None,)


def test_those_behind_an_uplink_have_its_mtu_and_so_has_the_network() -> None:
    assert options(uplink="eth1").mtu == 1500
    assert options(uplink="eth1", mtu="1300").mtu == 1300
    assert refusal(uplink="eth1", mtu="9000") == (
        f"{MTU}=9000: interface eth1 has 1500, and nobody on it can have more"
    )


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("lo", "the loopback interface leads to nobody; name one that does"),
        (
            "eth9",
            (
                "the host has no interface of that name; it has eth0, eth1, br0, sw-plain, eth2, eth3, bond0, "
                "eth1.80, br0.80"
            ),
        ),
        ("eth2", f"it is part of bridge br0 already: name that, {NAME}=br0"),
        ("eth3", "it is part of bond bond0; try seaway.uplink=bond0"),
        ("br0", f"it is a bridge, and no bridge is part of another: name it by {NAME}"),
        ("tun0", "it has no MAC address, and only such interfaces are part of bridges"),
        (
            "eth0",
            (
                "the host has 192.0.2.1 on it, and a bridge takes all that comes in by its ports: let a bridge "
                "of yours have eth0 as a port, and on itself the addresses and routes that the host has there "
                f"now, and name that by {NAME}; or use a macvlan network, parent=eth0"
            ),
        ),
    ],
)
def test_an_interface_that_is_unfit_is_refused_with_what_would_be_right(
    name: str, why: str
) -> None:
    assert refusal(uplink=name) == f"seaway.uplink={name}: {why}"


def test_the_interface_of_the_default_route_is_refused_without_an_address_too() -> None:
    facts = replace(FACTS, uplinks=frozenset({ETH1}))

    with pytest.raises(InvalidRequest, match="the host has its default route by it, and a bridge"):
        BridgeDriver().options({"seaway.uplink": "eth1"}, facts)


@pytest.mark.parametrize(
    "parent",
    [Parent(name=ETH1), Parent(name=IfName("eth1.50"), base=ETH1, vlan=50)],
    ids=["itself", "a VLAN of it"],
)
def test_an_interface_on_which_a_macvlan_network_is_is_refused(parent: Parent) -> None:
    lan = a_network(MacvlanOptions(parent=parent, link=Macvlan()), "lan")

    assert refusal(lan, uplink="eth1") == (
        "seaway.uplink=eth1: network lan is on it (macvlan), and it cannot be part of a bridge as well; "
        "use another interface"
    )


def test_an_uplink_is_no_parent() -> None:
    with pytest.raises(InvalidRequest, match="it is the uplink of network first; name another"):
        MacvlanDriver().options({"parent": "eth1"}, replace(FACTS, others=(trunked(),)))


def test_an_uplink_without_a_vlan_is_one_networks() -> None:
    whole = a_network(
        BridgeOptions(bridge=IfName("sw-b"), mtu=1500, uplink=Uplink(name=ETH1, up=True))
    )

    for asked in ({}, {"vlan": "50"}):
        assert refusal(whole, uplink="eth1", **asked) == (
            "seaway.uplink=eth1: network first has all of it, VLANs and the rest"
        )
    assert refusal(trunked(50), uplink="eth1") == (
        "seaway.uplink=eth1: network first has VLAN 50 of it: give this one a VLAN too, seaway.vlan=N"
    )


def test_ports_of_somebody_elses_bridge_are_his() -> None:
    host = {**HOST, BR0: replace(HOST[BR0], filters_vlans=False)}
    adopted = {NAME: "br0", "seaway.uplink": "eth1"}

    with pytest.raises(InvalidRequest, match="ip link set eth1 master br0"):
        BridgeDriver().options(adopted, replace(FACTS, links=host))
    for others in ((), (trunked(60, "br0", adopted=True),)):
        assert "bridge br0 is somebody else's, and so are its ports" in refusal(
            *others, name="br0", vlan="50", uplink="eth1"
        )


# A VLAN


def test_the_first_network_in_a_vlan_of_an_uplink_has_its_switch_made() -> None:
    found = options(uplink="eth1", vlan="50")

    assert found.switch == Switch(name=IfName("st-eth1"), vlan=50, mac=mac_of(ID))
    assert (found.bridge, found.ports_of) == ("sw-aaaaaaaaaaaa", "st-eth1")


def test_the_next_one_shares_switch_and_uplink_as_they_were_found() -> None:
    found = options(trunked(50, "sw-office"), uplink="eth1", vlan="60")

    assert found.switch == Switch(name=IfName("sw-office"), vlan=60, mac=Mac("02:00:00:00:00:07"))
    assert found.uplink == Uplink(name=ETH1, up=False)


def test_a_long_name_of_an_uplink_is_cut_where_it_is_like_others() -> None:
    name = IfName("enx001122334455")
    facts = replace(FACTS, links={name: a_link(2)})

    found = BridgeDriver().options({"seaway.uplink": name, "seaway.vlan": "50"}, facts)

    assert found.switch is not None
    assert found.switch.name == "st-001122334455"


def test_a_switch_may_have_a_name_and_no_uplink() -> None:
    assert options(name="sw-office", vlan="50").ports_of == "sw-office"
    assert options(vlan="50").ports_of == "st-aaaaaaaaaaaa"
    assert options(name="sw-office", uplink="eth1", vlan="50").ports_of == "sw-office"


@pytest.mark.parametrize("text", ["0", "4095", "-1", "x", "1.5", "99999999999"])
def test_a_vlan_has_a_number_from_1_to_4094(text: str) -> None:
    assert refusal(uplink="eth1", vlan=text) == (
        f"seaway.vlan={text}: it is the number of a VLAN, from 1 to 4094"
    )


def test_a_vlan_of_a_switch_is_one_networks() -> None:
    assert refusal(trunked(50), uplink="eth1", vlan="50") == (
        "seaway.vlan=50: network first is in that VLAN of st-eth1"
    )
    assert refusal(trunked(50, "br0", adopted=True), name="br0", vlan="50") == (
        "seaway.vlan=50: network first is in that VLAN of br0"
    )


def test_a_vlan_that_a_subinterface_takes_is_refused() -> None:
    assert refusal(uplink="eth1", vlan="80") == (
        "seaway.vlan=80: it is the subinterface eth1.80 that has this VLAN of eth1; delete that, or choose "
        "another VLAN"
    )
    assert "the subinterface br0.80 that has this VLAN of br0" in refusal(name="br0", vlan="80")


def test_an_uplink_is_a_port_of_one_switch() -> None:
    assert refusal(trunked(50), uplink="eth1", vlan="60", name="sw-office") == (
        f"{NAME}=sw-office: eth1 is a port of st-eth1: leave the option out"
    )


def test_a_name_that_the_host_has_given_to_another_link_is_told() -> None:
    facts = replace(FACTS, links={**HOST, IfName("st-eth1"): a_link(12, kind="bridge")})

    with pytest.raises(InvalidRequest, match="would be called st-eth1, and the host has such a"):
        BridgeDriver().options({"seaway.uplink": "eth1", "seaway.vlan": "50"}, facts)


# Somebody else's switch


def test_a_bridge_that_keeps_vlans_apart_is_adopted_with_a_vlan_though_the_host_goes_out_by_it() -> (
    None
):
    facts = replace(FACTS, uplinks=frozenset({BR0}))

    found = BridgeDriver().options({NAME: "br0", "seaway.vlan": "50"}, facts)

    assert found.switch == Switch(name=BR0, vlan=50, mac=Mac("02:00:00:00:01:04"), adopted=True)
    assert (found.bridge, found.adopted, found.mtu) == ("sw-aaaaaaaaaaaa", None, 1400)
    assert (found.needs, found.foreign) == ("br0", "br0")


def test_whether_a_vlan_passed_before_is_known_of_each() -> None:
    first = options(name="br0", vlan="70").switch
    second = options(trunked(70, "br0", adopted=True), name="br0", vlan="50").switch

    assert first is not None
    assert second is not None
    assert (first.passed, second.passed) == (True, False)
    assert second.adopted


@pytest.mark.parametrize(
    ("link", "why"),
    [
        ({"kind": "veth"}, "the host has a link of that name, and it is no bridge"),
        ({"group": BRIDGE_GROUP}, "it is Seaway's own, and is being made or removed; try again"),
        (
            {"filters_vlans": False},
            (
                "it does not keep VLANs apart: ip link set br0 type bridge vlan_filtering 1, or leave "
                "seaway.vlan out"
            ),
        ),
        ({"up": False}, "it is down: ip link set br0 up"),
    ],
)
def test_a_bridge_that_is_no_switch_is_refused(link: dict[str, object], why: str) -> None:
    there = replace(HOST[BR0], **link)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    facts = replace(FACTS, links={**HOST, BR0: there})

    with pytest.raises(InvalidRequest) as caught:
        BridgeDriver().options({NAME: "br0", "seaway.vlan": "50"}, facts)

    assert str(caught.value) == f"invalid network config:\noption {NAME}=br0: {why}"


def test_a_network_in_no_vlan_and_one_in_a_vlan_are_not_on_one_bridge() -> None:
    plain = a_network(BridgeOptions(bridge=IfName("sw-plain"), mtu=1500))

    assert refusal(plain, name="sw-plain", vlan="50") == (
        f"{NAME}=sw-plain: network first is on it, in no VLAN"
    )
    assert refusal(trunked(50, "sw-office"), name="sw-office") == (
        f"{NAME}=sw-office: network first is in a VLAN of it: give this one another, seaway.vlan=N"
    )


# An update


def test_what_a_network_has_is_not_looked_at_again() -> None:
    before = options(uplink="eth1", vlan="50")
    gone = replace(FACTS, links={}, before=before)
    asked = {"seaway.uplink": "eth1", "seaway.vlan": "50", NAME: "st-eth1"}

    for more in (asked, {key: asked[key] for key in asked if key != NAME}):
        found = BridgeDriver().options(more, gone)
        assert (found.switch, found.uplink) == (before.switch, before.uplink)


def test_another_vlan_is_another_value() -> None:
    before = options(uplink="eth1", vlan="50")

    asked = {"seaway.uplink": "eth1", "seaway.vlan": "60"}
    after = BridgeDriver().options(asked, replace(FACTS, before=before))

    assert after.switch is not None
    assert (after.switch.name, after.switch.vlan) == ("st-eth1", 60)
