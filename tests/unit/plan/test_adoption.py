"""How an adopted bridge is left again, kept as text."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_interface

from fakes.firewall import FRONT
from seaway.model.ids import IfName, Mac
from seaway.model.options import Adopted, BridgeOptions
from seaway.plan.adoption import kept_release, kept_text, release_ops
from seaway.plan.operations import ReleaseBridge

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


def test_it_is_kept_as_text() -> None:
    assert kept_release(kept_text(ADOPTED, RELEASE)) == (ADOPTED.id, RELEASE)
