"""How links of somebody else's are left again, kept as text."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_interface

import pytest

from fakes.firewall import FRONT
from seaway.model.ids import IfName, Mac, NetworkId
from seaway.model.network import Network
from seaway.model.options import Adopted, BridgeOptions
from seaway.model.switch import Switch, Uplink
from seaway.plan.adoption import kept_release, kept_text, release_key, release_ops, vlan_release
from seaway.plan.operations import DropVlan, LeaveUplink, Release, ReleaseBridge

ADOPTED = replace(
    FRONT,
    options=BridgeOptions(
        bridge=IfName("br0"),
        mtu=1400,
        adopted=Adopted(
            mac=Mac("02:00:00:00:00:09"),
            group=7,
            up=False,
            held=(ip_interface("10.77.1.1/16"), ip_interface("192.0.2.9/24")),
            settings=(("net/ipv4/conf/br0/route_localnet", "0"),),
        ),
    ),
)
RELEASE = ReleaseBridge(
    name=IfName("br0"),
    group=7,
    up=False,
    addresses=(ip_interface("fd77:1::1/64"),),
    settings=(("net/ipv4/conf/br0/route_localnet", "0"),),
)


def test_what_the_bridge_got_is_taken_from_it_and_what_it_had_stays() -> None:
    assert release_ops(ADOPTED) == (RELEASE,)


def test_a_bridge_of_our_own_is_not_left() -> None:
    assert release_ops(FRONT) == ()


def in_vlan(vlan: int, letter: str = "a", **switch: bool) -> Network:
    """A network in a VLAN of the uplink eth1."""
    options = BridgeOptions(
        bridge=IfName(f"sw-{letter}"),
        mtu=1500,
        switch=Switch(name=IfName("st-eth1"), vlan=vlan, mac=Mac("02:00:00:00:00:07"), **switch),
        uplink=Uplink(name=IfName("eth1"), up=False),
    )
    return replace(FRONT, id=NetworkId(letter * 64), options=options)


LEAVE = LeaveUplink(name=IfName("eth1"), bridge=IfName("st-eth1"), up=False)
DROP = DropVlan(switch=IfName("st-eth1"), vlan=50, uplink=IfName("eth1"))


def test_an_uplink_is_left_once_nobody_else_has_it() -> None:
    one, other = in_vlan(50), in_vlan(60, "b")

    assert release_ops(one, [one]) == (DROP, LEAVE)
    assert release_ops(one, [one, other]) == (DROP,)


def test_a_vlan_that_passed_before_passes_on() -> None:
    assert vlan_release(in_vlan(50, adopted=True, passed=True)) is None
    assert vlan_release(FRONT) is None


@pytest.mark.parametrize(
    ("release", "key"),
    [
        (RELEASE, "bridge:br0"),
        (LEAVE, "uplink:eth1"),
        (DROP, "vlan:st-eth1:50"),
        (DropVlan(switch=IfName("br0"), vlan=1), "vlan:br0:1"),
    ],
)
def test_a_release_is_kept_as_text_under_a_name_of_its_own(release: Release, key: str) -> None:
    assert release_key(release) == key
    assert kept_release(kept_text(release)) == release
