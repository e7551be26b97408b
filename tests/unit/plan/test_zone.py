"""Which name leads where, and who may see it."""

from __future__ import annotations

import time
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaway.model.ids import EndpointId, NetworkId
from seaway.plan.zone import (
    EMPTY_ZONE,
    Empty,
    Found,
    Holder,
    NetworkZone,
    Outcome,
    Unknown,
    View,
    Wanted,
    Zones,
    folded,
    reverse_address,
    rotated,
)

N1, N2 = NetworkId("1" * 64), NetworkId("2" * 64)


def holder(end: str, *names: str, at: tuple[str, ...] = ("10.1.0.2",)) -> Holder:
    return Holder(
        endpoint=EndpointId(end),
        name=names[0],
        names=names,
        addresses=tuple(ip_address(a) for a in at),
    )


def found(*addresses: str) -> Found:
    return Found(tuple(ip_address(a) for a in addresses))


def zones(n1: tuple[Holder, ...] = (), n2: tuple[Holder, ...] = ()) -> Zones:
    """Networks ``Front`` and ``back`` with these holders."""
    made = Zones()
    for network, name, holders in ((N1, "Front", n1), (N2, "back", n2)):
        zone = EMPTY_ZONE.named(name)
        for each in holders:
            zone = zone.with_holder(each)
        made = made.with_zone(network, zone)
    return made


def resolve(all_zones: Zones, name: str, wanted: Wanted = Wanted.IPV4, *on: NetworkId) -> Outcome:
    return all_zones.resolve(View(networks=on or (N1,)), name, wanted)


BOTH = holder("a", "web", "Alias", "0123456789ab", "web.example", at=("10.1.0.2", "fd00::2"))


@pytest.mark.parametrize(
    "name",
    [
        "web",
        "alias",
        "0123456789ab",
        "web.example",
        "web.front",
        "alias.front",
        "web.example.front",
    ],
)
def test_every_name_leads_to_its_holder_alone_and_with_the_network_s_name(name: str) -> None:
    assert resolve(zones((BOTH,)), name) == found("10.1.0.2")


@pytest.mark.parametrize(
    ("wanted", "outcome"),
    [
        (Wanted.IPV4, found("10.1.0.2")),
        (Wanted.IPV6, found("fd00::2")),
        (Wanted.ADDRESSES, found("10.1.0.2", "fd00::2")),
        (Wanted.OTHER, Empty()),
        (Wanted.NAME, Empty()),
    ],
)
def test_a_name_gives_what_is_wanted_of_it(wanted: Wanted, outcome: Outcome) -> None:
    assert resolve(zones((BOTH,)), "web", wanted) == outcome


def test_a_name_without_an_address_of_the_family_exists_all_the_same() -> None:
    assert resolve(zones((holder("a", "srv"),)), "srv", Wanted.IPV6) == Empty()
    assert resolve(zones((holder("a", "srv", at=()),)), "srv", Wanted.IPV4) == Empty()


@pytest.mark.parametrize("name", ["", "nosuch", "front", "nosuch.front", "web.back", r"web\.front"])
def test_what_nobody_holds_is_unknown(name: str) -> None:
    assert resolve(zones((BOTH,)), name) == Unknown()


def test_only_names_of_networks_of_the_asker_are_seen() -> None:
    both = zones((holder("a", "web"),), (holder("b", "db", at=("10.2.0.2",)),))

    assert resolve(both, "db", Wanted.IPV4, N1) == Unknown()
    assert resolve(both, "db.back", Wanted.IPV4, N1) == Unknown()
    assert resolve(both, "2.0.2.10.in-addr.arpa", Wanted.NAME, N1) == Unknown()
    assert resolve(both, "db", Wanted.IPV4, N1, N2) == found("10.2.0.2")
    assert both.resolve(View(), "web", Wanted.IPV4) == Unknown()


def test_nobody_hides_behind_somebody_of_the_same_name() -> None:
    both = zones(
        (holder("a", "BigTest"), holder("b", "bigtest", at=("10.1.0.3",))),
        (holder("c", "BIGTEST", at=("10.2.0.2",)),),
    )

    assert resolve(both, "bigtest") == found("10.1.0.2", "10.1.0.3")
    assert resolve(both, "bigtest", Wanted.IPV4, N2, N1) == found(
        "10.2.0.2", "10.1.0.2", "10.1.0.3"
    )
    assert resolve(both, "bigtest.front", Wanted.IPV4, N2, N1) == found("10.1.0.2", "10.1.0.3")


def test_the_way_back_gives_the_name() -> None:
    known = zones((BOTH,))
    six = ".".join(reversed(ip_address("fd00::2").exploded.replace(":", ""))) + ".ip6.arpa"

    assert resolve(known, "2.0.1.10.in-addr.arpa", Wanted.NAME) == Found(("web",))
    assert resolve(known, six, Wanted.NAME) == Found(("web",))
    assert resolve(known, six, Wanted.IPV4) == Empty()
    assert resolve(known, "3.0.1.10.in-addr.arpa", Wanted.NAME) == Unknown()


@pytest.mark.parametrize(
    "name",
    [
        "arpa", "in-addr.arpa", "1.10.in-addr.arpa", "1.2.3.4.5.in-addr.arpa",
        "a.0.1.10.in-addr.arpa",
        "02.0.1.10.in-addr.arpa", "256.0.1.10.in-addr.arpa", "1.ip6.arpa", "g." * 32 + "ip6.arpa",
        "10.0.1.2", "\u0662.0.1.10.in-addr.arpa",
    ],
)  # fmt: skip
def test_what_is_no_reverse_name_stands_for_no_address(name: str) -> None:
    assert reverse_address(name) is None


@given(st.ip_addresses())
def test_every_address_is_found_behind_its_reverse_name(address: object) -> None:
    known = ip_address(str(address).partition("%")[0])

    assert reverse_address(known.reverse_pointer) == known


def test_a_holder_s_names_take_the_place_of_its_former_ones() -> None:
    before = EMPTY_ZONE.with_holder(holder("a", "old", "both")).with_holder(
        holder("b", "both", at=())
    )

    after = before.with_holder(holder("a", "new", "both", at=("10.1.0.9",)))

    known = Zones().with_zone(N1, after)
    assert resolve(known, "old") == Unknown()
    assert resolve(known, "new") == resolve(known, "both") == found("10.1.0.9")
    assert resolve(known, "2.0.1.10.in-addr.arpa", Wanted.NAME) == Unknown()
    assert resolve(Zones().with_zone(N1, before), "old") == found("10.1.0.2")


def test_a_network_can_be_renamed_and_forgotten() -> None:
    known = zones((BOTH,))

    renamed = known.with_zone(N1, known.zone(N1).named("Edge"))

    assert resolve(renamed, "web.edge") == found("10.1.0.2")
    assert resolve(renamed, "web.front") == Unknown()
    assert resolve(renamed.without_zone(N1), "web") == Unknown()
    assert N1 not in renamed.without_zone(N1).networks


def numbered(end: str, names: list[str], last: int) -> Holder:
    return holder(end, *names, at=(f"10.1.0.{last}",))


HOLDERS = st.builds(
    numbered,
    st.sampled_from("abcd"),
    st.lists(st.sampled_from(["x", "X", "y", "z.", ""]), min_size=1, max_size=3),
    st.integers(1, 9),
)


@given(st.lists(HOLDERS), HOLDERS)
def test_who_came_and_left_leaves_no_trace(before: list[Holder], guest: Holder) -> None:
    zone = EMPTY_ZONE
    for each in before:
        if each.endpoint != guest.endpoint and each.addresses != guest.addresses:
            zone = zone.with_holder(each)

    after = zone.with_holder(guest).without_holder(guest.endpoint)

    assert after == zone
    assert zone.without_holder(guest.endpoint) is zone


@pytest.mark.parametrize(
    ("text", "fold"), [("Web", "web"), ("web.", "web"), ("BÜCHER", "bÜcher"), ("a\\b", "a\\\\b")]
)
def test_only_ascii_is_folded(text: str, fold: str) -> None:
    assert folded(text) == fold


def test_each_address_is_first_once_in_a_round() -> None:
    addresses = found("10.1.0.2", "10.1.0.3", "10.1.0.4").answers

    turns = [[str(a)[-1] for a in rotated(addresses, turn)] for turn in range(4)]

    assert turns == [["2", "3", "4"], ["3", "4", "2"], ["4", "2", "3"], ["2", "3", "4"]]


def test_a_thousand_holders_join_in_less_than_two_seconds() -> None:
    before = time.process_time()
    zone = NetworkZone()

    for n in range(1000):
        zone = zone.with_holder(
            holder(f"{n}", f"c{n}", f"h{n}", f"{n:012x}", "all", at=(f"10.1.{n >> 8}.{n & 255}",))
        )

    assert len(zone.holders) == 1000
    assert len(zone.by_name["all"]) == 1000
    assert time.process_time() - before < 2
