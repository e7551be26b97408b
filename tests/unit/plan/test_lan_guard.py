"""What the source guard on a LAN must know; packets show what it does (tests/e2e/test_lan_guard.py)."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

import pytest

from fakes.firewall import HOME, WEB, on_lan
from seaway.codec.nftelements import declared
from seaway.model.ids import IfName, Mac
from seaway.model.network import Network
from seaway.model.options import IpvlanOptions, MacvlanOptions
from seaway.model.parent import Ipvlan, Macvlan, MacvlanMode, Parent
from seaway.plan.elements import Elements, difference
from seaway.plan.firewall import guarded, sender
from seaway.plan.lan_guard import GUARD, guarded_on, hook, unhook
from seaway.plan.wiring import elements

ETH0 = Parent(name=IfName("eth0"))


def shown(found: Elements) -> list[str]:
    """Set and element of each, sorted; all are in the guard's table."""
    assert {e.table for e in found} <= {"netdev seaway"}
    return sorted(f"{e.set} {e.text()}" for e in found)


def of_set(found: Elements, *names: str) -> list[str]:
    """Those of the sets *names*."""
    return [text for text in shown(found) if text.split()[0] in names]


def hanging(**options: object) -> Network:
    """The home network with other options."""
    return replace(HOME, options=replace(HOME.options, **options))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_an_endpoint_on_the_lan_is_known_by_parent_and_mac() -> None:
    assert shown(elements(on_lan(50))) == [
        'drops "eth0" . 02:00:00:00:05:50',
        'guarded "eth0" . 02:00:00:00:05:50',
        'held_ip4 "eth0" . 192.0.2.50',
        'held_ip6 "eth0" . 2001:db8:0:1::50',
        'held_na "eth0" . 0x20010db8000000010000000000000050',
        'own_iid "eth0" . 02:00:00:00:05:50 . 0x000000fffe000550',
        'own_ip4 "eth0" . 02:00:00:00:05:50 . 192.0.2.50',
        'own_ip6 "eth0" . 02:00:00:00:05:50 . 2001:db8:0:1::50',
        'own_na "eth0" . 02:00:00:00:05:50 . 0x20010db8000000010000000000000050',
    ]


def test_further_addresses_are_its_own_as_well() -> None:
    wish = ("192.0.2.96/28", "192.0.2.100/32", "2001:db8:0:1::100/128")
    found = elements(on_lan(50, allowed_addresses=tuple(map(ip_network, wish))))

    assert of_set(found, "also_ip4", "also_ip6", "any_na") == [
        'also_ip4 "eth0" . 02:00:00:00:05:50 . 192.0.2.96/28',
        'also_ip6 "eth0" . 02:00:00:00:05:50 . 2001:db8:0:1::100/128',
        'any_na "eth0" . 02:00:00:00:05:50',
    ]


def test_a_host_that_may_route_for_its_sandboxes_sends_by_their_addresses() -> None:
    found = elements(on_lan(50, hanging(host_access=True)))

    assert of_set(found, "held_ip4", "held_ip6", "held_na") == []
    assert len(found) == 6


@pytest.mark.parametrize(
    ("options", "wish", "held"),
    [
        (MacvlanOptions(parent=ETH0, link=Macvlan()), None, True),
        (MacvlanOptions(parent=ETH0, link=Macvlan(mode=MacvlanMode.PRIVATE)), None, True),
        (MacvlanOptions(parent=ETH0, link=Macvlan()), False, False),
        (MacvlanOptions(parent=ETH0, link=Macvlan(), source_guard=False), None, False),
        (MacvlanOptions(parent=ETH0, link=Macvlan(), source_guard=False), True, True),
        (MacvlanOptions(parent=ETH0, link=Macvlan(mode=MacvlanMode.PASSTHRU)), True, False),
        (MacvlanOptions(parent=replace(ETH0, alone=True), link=Macvlan()), True, False),
        (IpvlanOptions(parent=ETH0, link=Ipvlan()), True, False),
    ],
    ids=["bridge", "private", "wish", "network", "both", "passthru", "alone", "ipvlan"],
)
def test_who_is_held_is_the_endpoints_to_say_and_the_networks_where_senders_are_told_apart(
    options: MacvlanOptions | IpvlanOptions, wish: bool | None, held: bool
) -> None:
    network = replace(HOME, options=options)
    (attachment,) = on_lan(50, network, source_guard=wish).attachments

    assert guarded(network, attachment.endpoint) is held


def test_drops_are_counted_by_whom_the_guard_knows() -> None:
    (on_parent,), (on_bridge, _) = on_lan(50).attachments, WEB.attachments

    assert sender(on_parent.network, on_parent.endpoint) == ("eth0", "02:00:00:00:05:50")
    assert sender(on_bridge.network, on_bridge.endpoint) == "sv-e10000000000"


def test_the_parents_are_those_of_the_guarded() -> None:
    found = elements(on_lan(50)) | elements(on_lan(51)) | elements(WEB)

    assert sorted(guarded_on(found)) == [
        (IfName("eth0"), Mac("02:00:00:00:05:50")),
        (IfName("eth0"), Mac("02:00:00:00:05:51")),
    ]


def test_each_element_has_its_set() -> None:
    wish = (ip_network("192.0.2.100/32"), ip_network("2001:db8::/64"))
    found = elements(on_lan(50, allowed_addresses=wish))

    assert {(e.table, e.set) for e in found} == set(declared(GUARD))


def test_a_change_of_addresses_leaves_the_rest_alone() -> None:
    changed = difference(elements(on_lan(50)), elements(on_lan(50, hanging(host_access=True))))

    assert [line.split("{")[0] for line in changed.splitlines()] == [
        "delete element netdev seaway held_ip4 ",
        "delete element netdev seaway held_ip6 ",
        "delete element netdev seaway held_na ",
    ]


def test_a_chain_hangs_at_each_parent_and_is_taken_away_whether_or_not_it_is_there() -> None:
    assert hook(IfName("wlan0"), 7) == (
        "add chain netdev seaway parent_7 "
        '{ type filter hook egress device "wlan0" priority filter; policy accept; }\n'
        "add rule netdev seaway parent_7 goto guard\n"
    )
    assert unhook(7).splitlines() == [
        "add chain netdev seaway parent_7",
        "flush chain netdev seaway parent_7",
        "delete chain netdev seaway parent_7",
    ]
