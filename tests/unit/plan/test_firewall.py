"""Which elements the firewall needs; the whole text is in tests/golden."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from fakes.firewall import BACK, FRONT, ROUTER, TYPICAL_NETWORKS, VAULT, WEB, typical
from fakes.records import a_network, an_endpoint
from seaway.model.endpoint import EndpointWish
from seaway.model.ids import IfName, Prefix
from seaway.model.network import Network
from seaway.model.options import GatewayMode, HostOptions
from seaway.model.port import Proto, PublishedPort
from seaway.plan.elements import Element, Elements, difference
from seaway.plan.firewall import (
    NO_RULES,
    direct_elements,
    guard_elements,
    link_elements,
    network_elements,
    port_elements,
    ruleset,
)
from seaway.plan.wiring import elements

TARGET4, TARGET6 = ip_address("10.77.1.2"), ip_address("fd77:1::2")
BRIDGES = [IfName("sw-a")]


def shown(found: Elements) -> list[str]:
    """Set and element of each, sorted."""
    return sorted(f"{e.set} {e.text()}" for e in found)


def of_port(port: PublishedPort, version: int = 4) -> list[str]:
    """The elements that lead *port*, but for those of the hairpin."""
    target = TARGET4 if version == 4 else TARGET6
    found = shown(port_elements([port], target, BRIDGES))
    return [text for text in found if not text.startswith("hairpin")]


def tcp(**facts: object) -> PublishedPort:
    """8080 of the host to 80, but for *facts*."""
    plain = PublishedPort(proto=Proto.TCP, port=80, host_port=8080)
    return replace(plain, **facts)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_an_open_network_is_bridged_masqueraded_and_talks_within() -> None:
    assert shown(network_elements(FRONT)) == [
        'bridges "sw-aa0000000000"',
        'icc "sw-aa0000000000" . "sw-aa0000000000"',
        'masq4 "sw-aa0000000000" . 10.77.1.0/24',
        'masq6 "sw-aa0000000000" . fd77:1::/64',
    ]


def test_a_network_with_icc_off_lacks_the_inner_way() -> None:
    assert shown(network_elements(BACK)) == [
        'bridges "sw-bb0000000000"',
        'masq4 "sw-bb0000000000" . 10.77.2.0/24',
        'masq6 "sw-bb0000000000" . fd77:2::/64',
    ]


def test_an_internal_network_is_closed_and_not_masqueraded() -> None:
    assert shown(network_elements(VAULT)) == [
        'bridges "sw-cc0000000000"',
        'icc "sw-cc0000000000" . "sw-cc0000000000"',
        'internal "sw-cc0000000000"',
    ]


def hanging(**options: object) -> Network:
    """The front network with other options."""
    return replace(FRONT, options=replace(FRONT.options, **options))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def outward_and_inward(network: Network) -> list[str]:
    """The elements beside those that every open network has."""
    return [e for e in shown(network_elements(network)) if not e.startswith(("bridges", "icc"))]


def test_a_routed_network_is_reached_at_its_own_addresses_and_not_masqueraded() -> None:
    assert outward_and_inward(hanging(gateway_mode4=GatewayMode.ROUTED)) == [
        'masq6 "sw-aa0000000000" . fd77:1::/64',
        'routed4 "sw-aa0000000000"',
    ]


def test_an_unprotected_network_is_open_and_masqueraded() -> None:
    assert outward_and_inward(hanging(gateway_mode6=GatewayMode.UNPROTECTED)) == [
        'masq4 "sw-aa0000000000" . 10.77.1.0/24',
        'masq6 "sw-aa0000000000" . fd77:1::/64',
        'open6 "sw-aa0000000000"',
    ]


def test_a_named_source_stands_in_place_of_the_masquerade() -> None:
    found = outward_and_inward(
        hanging(sources=(ip_address("192.0.2.7"),), trusted=(IfName("eth1"),))
    )

    assert found == [
        'masq6 "sw-aa0000000000" . fd77:1::/64',
        'snat4 "sw-aa0000000000" . 10.77.1.0/24 : 192.0.2.7',
        'trusted "eth1" . "sw-aa0000000000"',
    ]


def test_an_internal_network_is_closed_whatever_its_mode() -> None:
    network = replace(
        hanging(gateway_mode4=GatewayMode.ROUTED, trusted=(IfName("eth1"),)), internal=True
    )

    assert outward_and_inward(network) == ['internal "sw-aa0000000000"']


@pytest.mark.parametrize(
    ("ports", "found"),
    [
        ([tcp()], ["direct4 10.77.1.2 . tcp . 80"]),
        ([tcp(host=ip_address("127.0.0.1"))], []),
        ([tcp(host=ip_address("0.0.0.0"))], ["direct4 10.77.1.2 . tcp . 80"]),
        ([tcp(), tcp(host_port=9090)], ["direct4 10.77.1.2 . tcp . 80"]),
        ([tcp(), tcp(port=75, count=11)], ["direct4 10.77.1.2 . tcp . 75-85"]),
        (
            [tcp(), tcp(port=79, count=3, sources=(ip_network("10.0.0.0/8"),))],
            [
                "direct4 10.77.1.2 . tcp . 80",
                "from_direct4 10.77.1.2 . tcp . 79 . 10.0.0.0/8",
                "from_direct4 10.77.1.2 . tcp . 81 . 10.0.0.0/8",
            ],
        ),
        ([tcp(sources=(ip_network("fd00::/8"),))], []),
        (
            [
                tcp(sources=(ip_network("10.1.0.0/16"),)),
                tcp(host_port=1, sources=(ip_network("10.0.0.0/8"),)),
            ],
            ["from_direct4 10.77.1.2 . tcp . 80 . 10.0.0.0/8"],
        ),
    ],
)
def test_a_direct_port_is_open_at_the_sandboxs_own_number(
    ports: list[PublishedPort], found: list[str]
) -> None:
    assert shown(direct_elements(ports, TARGET4)) == found


def test_a_network_without_a_bridge_needs_no_rules() -> None:
    unbridged = replace(FRONT, options=HostOptions(), subnets=())
    endpoint = an_endpoint(network=unbridged, wish=EndpointWish(source_guard=True))

    assert network_elements(unbridged) == frozenset()
    assert guard_elements(unbridged, endpoint) == frozenset()
    assert link_elements(unbridged, endpoint) == frozenset()


@pytest.mark.parametrize(
    ("port", "found"),
    [
        (tcp(), ["any4 tcp . 8080 : 10.77.1.2 . 80"]),
        (
            tcp(host=ip_address("192.0.2.1")),
            ["one4 tcp . 192.0.2.1 . 8080 : 10.77.1.2 . 80"],
        ),
        (tcp(host=ip_address("2001:db8::1")), []),
        (tcp(port=8080, count=3), ["range_any4 tcp . 8080-8082 : 10.77.1.2"]),
        (
            tcp(port=8080, count=3, host=ip_address("192.0.2.1")),
            ["range_one4 tcp . 192.0.2.1 . 8080-8082 : 10.77.1.2"],
        ),
        (
            tcp(count=2),
            ["any4 tcp . 8080 : 10.77.1.2 . 80", "any4 tcp . 8081 : 10.77.1.2 . 81"],
        ),
        (
            tcp(sources=(ip_network("10.0.0.0/8"), ip_network("10.1.0.0/16"))),
            [
                "any4 tcp . 8080 : 10.77.1.2 . 80",
                "from_any4 tcp . 8080 . 10.0.0.0/8",
                "limited_any4 tcp . 8080",
            ],
        ),
        (
            tcp(port=8080, count=2, sources=(ip_network("fd00::/8"),)),
            ["limited_any4 tcp . 8080-8081", "range_any4 tcp . 8080-8081 : 10.77.1.2"],
        ),
    ],
)
def test_a_port_leads_by_the_map_of_its_kind(port: PublishedPort, found: list[str]) -> None:
    assert of_port(port) == found


def test_a_port_of_both_families_leads_in_both() -> None:
    assert of_port(tcp(), 6) == ["any6 tcp . 8080 : fd77:1::2 . 80"]


def test_10000_ports_are_one_element() -> None:
    assert len(of_port(tcp(port=20000, host_port=20000, count=10000))) == 1


def test_a_hairpin_is_known_on_every_bridge_of_the_sandbox() -> None:
    hairpins = {e.key for e in elements(WEB) if e.set == "hairpin4"}

    assert hairpins == {'"sw-aa0000000000" . 10.77.1.2', '"sw-bb0000000000" . 10.77.1.2'}


def test_without_ports_there_is_no_hairpin() -> None:
    assert port_elements([], TARGET4, BRIDGES) == frozenset()


def test_a_guarded_endpoint_may_use_its_own_addresses_alone() -> None:
    assert shown(guard_elements(FRONT, WEB.attachments[0].endpoint)) == [
        'drops "sv-e10000000000"',
        'guarded "sv-e10000000000"',
        'own_ip4 "sv-e10000000000" . 10.77.1.2',
        'own_ip6 "sv-e10000000000" . fd77:1::2',
        'own_ip6 "sv-e10000000000" . fe80::ff:fe00:2',
        'own_mac "sv-e10000000000" . 02:00:00:00:00:02',
        'own_na "sv-e10000000000" . 0xfd770001000000000000000000000002',
        'own_na "sv-e10000000000" . 0xfe80000000000000000000fffe000002',
    ]


def also(*prefixes: Prefix) -> list[str]:
    """What the guard lets through for these allowed addresses."""
    wish = EndpointWish(allowed_addresses=prefixes)
    endpoint = an_endpoint(network=FRONT, wish=wish)
    found = guard_elements(FRONT, endpoint)
    return [text.partition(" ")[2] for text in shown(found) if text.startswith("also")]


def test_allowed_addresses_that_hold_one_another_are_one() -> None:
    assert also(ip_network("10.77.2.100/32"), ip_network("10.0.0.0/8")) == [
        '"sv-e10000000000" . 10.0.0.0/8'
    ]
    assert also(ip_network("fd77::/64"), ip_network("fd77::7/128")) == [
        '"sv-e10000000000" . fd77::/64'
    ]


@pytest.mark.parametrize(
    ("network_guards", "wish", "guarded"),
    [(True, None, True), (True, False, False), (False, None, False), (False, True, True)],
)
def test_the_endpoints_wish_goes_before_the_networks(
    network_guards: bool, wish: bool | None, guarded: bool
) -> None:
    network = a_network(source_guard=network_guards)
    endpoint = an_endpoint(wish=EndpointWish(source_guard=wish))

    found = guard_elements(network, endpoint)

    assert bool(found) is guarded


def test_no_element_is_said_in_two_ways() -> None:
    keys = [(e.table, e.set, e.key) for e in typical()]

    assert len(keys) == len(set(keys))


# Text


def test_deletions_come_first_and_sets_in_order() -> None:
    old = frozenset({Element("t", "m", "a", "1"), Element("t", "s", "x")})
    new = frozenset({Element("t", "m", "a", "2"), Element("t", "m", "b", "3")})

    assert difference(old, new) == (
        "delete element t m { a }\ndelete element t s { x }\nadd element t m { a : 2, b : 3 }\n"
    )


def test_no_difference_is_no_text() -> None:
    assert difference(typical(), typical()) == ""


def test_a_ruleset_begins_by_taking_the_old_one_away() -> None:
    assert ruleset(forwarding_is_ours=()).startswith(NO_RULES)


@pytest.mark.parametrize("families", [(), (4,), (6,), (4, 6)])
def test_the_host_is_no_router_in_the_families_where_forwarding_is_ours(
    families: tuple[int, ...],
) -> None:
    text = ruleset(forwarding_is_ours=families)

    closed = [v for v in (4, 6) if f'meta nfproto ipv{v} meta iifkind != "bridge"' in text]
    assert tuple(closed) == families


def test_the_typical_host_has_all_kinds() -> None:
    sets = {e.set for e in typical()}

    assert {f"range_{k}{v}" for k in ("any", "one") for v in (4,)} <= sets
    assert len(TYPICAL_NETWORKS) == 4
    assert {"also_ip4", "also_ip6", "any_na"} <= {e.set for e in elements(ROUTER)}
