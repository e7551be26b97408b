"""Elements changed over netlink, in a real kernel: nft lists them as if they had come as text."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fakes.firewall import TYPICAL_NETWORKS, WEB, WIRINGS, host_elements, moved, typical
from fakes.tables import FakeTables, TablesRefused
from netns.kernel_stage import Stage, tells_overlaps
from netns.test_firewall import OUR_RULES, NetfilterThread, hosts, whole
from seaway.codec.nftelements import Unpackable, declared
from seaway.kernel.elements import ElementSocket
from seaway.kernel.nft import NftRefused
from seaway.model.errors import KernelRefused
from seaway.model.port import Proto, PublishedPort
from seaway.plan.elements import Element, Elements, difference
from seaway.plan.firewall import RULES
from seaway.plan.operations import ChangeElements

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root")

NOTHING: Elements = frozenset()


class Firewall(NetfilterThread):
    """A namespace in which elements change both ways."""

    def __init__(self) -> None:
        super().__init__()
        self.socket: ElementSocket = self.do(ElementSocket)

    def change(self, old: Elements, new: Elements) -> None:
        """Make *new* of *old* by netlink."""
        self.do(lambda: self.socket.change(old - new, new - old))

    def json(self) -> object:
        """What ``nft -j`` shows of our tables, without the numbers that each transaction gives."""
        argv = ["nft", "-j", "list", "ruleset"]
        text = self.do(
            lambda: subprocess.run(argv, check=True, capture_output=True, text=True).stdout
        )
        found: object = json.loads(text, object_hook=without_handle)
        return found

    def close(self) -> None:
        """Let go of the namespace."""
        self.socket.close()
        super().close()


def without_handle(shown: dict[str, Any]) -> dict[str, Any]:
    """*shown* without its handle; elements of a set in an order of their own."""
    shown.pop("handle", None)
    if isinstance(shown.get("elem"), list):
        shown["elem"].sort(key=json.dumps)
    return shown


@pytest.fixture(scope="module")
def firewall() -> Iterator[Firewall]:
    """A namespace of its own."""
    found = Firewall()
    yield found
    found.close()


def inet(name: str, *keys: str) -> Elements:
    """Elements of a set or map of the host's table, as text."""
    parts = (key.partition(" : ") for key in keys)
    return frozenset(Element("inet seaway", name, key, value) for key, _, value in parts)


def guard(name: str, *keys: str) -> Elements:
    """Elements of a set of the source guard."""
    return frozenset(Element("bridge seaway", name, key) for key in keys)


ONE_OF_EACH = (
    inet("bridges", '"sw-web"', '"br.0_15-charsx"'),
    inet("internal", '"b"'),
    inet("icc", '"sw-web" . "sw-web"'),
    inet("masq4", '"sw-web" . 10.7.0.0/24', '"sw-web" . 10.8.0.1/32'),
    inet("masq6", '"sw-web" . fd00:7::/64', '"sw-db" . ::/0'),
    inet("snat4", '"sw-web" . 10.7.0.0/24 : 192.0.2.7'),
    inet("snat6", '"sw-web" . fd00:7::/64 : 2001:db8::7'),
    inet("open4", '"sw-web"'),
    inet("open6", '"sw-web"'),
    inet("routed4", '"sw-web"'),
    inet("routed6", '"sw-web"'),
    inet("trusted", '"eth0" . "sw-web"'),
    inet("direct4", "10.7.0.2 . tcp . 80-85", "10.7.0.2 . udp . 53"),
    inet("direct6", "fd00:7::2 . sctp . 9"),
    inet("from_direct4", "10.7.0.2 . tcp . 22 . 192.0.2.0/24"),
    inet("from_direct6", "fd00:7::2 . tcp . 22-23 . fd00::/8"),
    inet("hairpin4", '"sw-web" . 10.7.0.2'),
    inet("hairpin6", '"sw-web" . fd00:7::2'),
    inet("one4", "tcp . 192.0.2.1 . 80 : 10.7.0.2 . 8080"),
    inet("one6", "udp . 2001:db8::1 . 53 : fd00:7::2 . 5353"),
    inet("any4", "sctp . 9 : 10.7.0.2 . 65535", "tcp . 1 : 10.7.0.2 . 1"),
    inet("any6", "tcp . 65535 : fd00:7::2 . 1"),
    inet("range_one4", "udp . 192.0.2.1 . 5000-5004 : 10.7.0.2"),
    inet("range_one6", "tcp . 2001:db8::1 . 1-65535 : fd00:7::2"),
    inet("range_any4", "udp . 20000-29999 : 10.7.0.2", "udp . 7 : 10.7.0.3"),
    inet("range_any6", "udp . 255-256 : fd00:7::2"),
    inet("limited_one4", "tcp . 192.0.2.1 . 6000-6009"),
    inet("limited_one6", "tcp . 2001:db8::1 . 6000"),
    inet("limited_any4", "tcp . 2222"),
    inet("limited_any6", "tcp . 2222-2223"),
    inet("from_one4", "tcp . 192.0.2.1 . 6000-6009 . 0.0.0.0/0"),
    inet("from_one6", "tcp . 2001:db8::1 . 6000 . fd00::/8"),
    inet("from_any4", "tcp . 2222 . 192.0.2.0/24", "tcp . 2222 . 198.51.100.7/32"),
    inet("from_any6", "tcp . 2222-2223 . 2001:db8::/33"),
    guard("guarded", '"sv-000000000002"'),
    guard("own_mac", '"sv-000000000002" . 02:00:00:00:01:0a'),
    guard("own_ip4", '"sv-000000000002" . 10.7.0.2'),
    guard("own_ip6", '"sv-000000000002" . fe80::ff:fe00:10a'),
    guard("also_ip4", '"sv-000000000002" . 10.0.0.0/8'),
    guard("also_ip6", '"sv-000000000002" . fd07::100/128'),
    guard("own_na", '"sv-000000000002" . 0x00fd000700000000000000000000000002'),
    guard("any_na", '"sv-000000000002"'),
    guard("drops", '"sv-000000000002"'),
    guard("closed", '"sv-000000000002"'),
    guard("itself", '"sv-000000000002" . "sv-000000000002"'),
)


def test_each_set_of_the_ruleset_has_an_example_here() -> None:
    examples = {(e.table, e.set) for elements in ONE_OF_EACH for e in elements}

    assert examples == set(declared(RULES.template))


@pytest.mark.parametrize("elements", ONE_OF_EACH, ids=lambda e: next(iter(e)).set)
def test_elements_are_listed_as_those_that_came_as_text(
    firewall: Firewall, elements: Elements
) -> None:
    firewall.load(whole(NOTHING))
    empty = firewall.json()
    firewall.load(whole(elements))
    wanted, wanted_json = firewall.listing(), firewall.json()

    firewall.load(whole(NOTHING))
    firewall.change(NOTHING, elements)

    assert (firewall.listing(), firewall.json()) == (wanted, wanted_json)
    assert sum(map(len, wanted.values())) == len(elements)
    firewall.change(elements, NOTHING)
    assert firewall.json() == empty


@pytest.mark.parametrize("elements", ONE_OF_EACH, ids=lambda e: next(iter(e)).set)
def test_what_came_one_way_goes_the_other(firewall: Firewall, elements: Elements) -> None:
    firewall.load(whole(NOTHING))

    firewall.change(NOTHING, elements)
    firewall.load(difference(elements, NOTHING))
    firewall.load(difference(NOTHING, elements))
    firewall.change(elements, NOTHING)

    assert sum(map(len, firewall.listing().values())) == 0


def test_the_typical_host_is_the_same_both_ways(firewall: Firewall) -> None:
    firewall.load(whole(typical()))
    wanted = firewall.json()

    firewall.load(whole(NOTHING))
    firewall.change(NOTHING, typical())

    assert firewall.json() == wanted


def test_a_key_can_lead_elsewhere_within_one_transaction(firewall: Firewall) -> None:
    before = host_elements(TYPICAL_NETWORKS, WIRINGS)
    after = host_elements(TYPICAL_NETWORKS, (moved(WEB), *WIRINGS[1:]))
    firewall.load(whole(after))
    wanted = firewall.json()
    firewall.load(whole(before))

    firewall.change(before, after)

    assert firewall.listing()["inet seaway range_any4"] == ["udp . 20000-29999 : 10.77.2.2"]
    assert firewall.json() == wanted


# What the kernel refuses

GONE = Element("inet seaway", "any4", "tcp . 7", "10.7.0.2 . 7")
TAKEN = Element("inet seaway", "any4", "tcp . 1", "10.7.0.9 . 9")
OVERLAPPING = Element("inet seaway", "range_any4", "udp . 29999-30000", "10.7.0.9")
FINE = inet("any6", "tcp . 5 : fd00::5 . 5") | guard("closed", '"sv-9"') | inet("bridges", '"b9"')


@pytest.mark.parametrize(
    ("gone", "new", "why"),
    [
        ({GONE}, set[Element](), "delete element inet seaway any4: No such file or directory"),
        (
            set[Element](),
            {TAKEN},
            "add element inet seaway any4: (File exists|Device or resource busy)",
        ),
        (set[Element](), {OVERLAPPING}, "add element inet seaway range_any4: "),
    ],
)
def test_one_refused_element_leaves_all_as_it_was(
    firewall: Firewall, gone: set[Element], new: set[Element], why: str
) -> None:
    there = frozenset[Element]().union(*ONE_OF_EACH)
    firewall.load(whole(there))
    before = firewall.json()
    others = frozenset(e for e in there if not e.set.endswith("any4"))

    with pytest.raises(NftRefused, match=why):
        firewall.change(others | gone, FINE | new)

    assert firewall.json() == before
    firewall.change(NOTHING, FINE)
    firewall.change(FINE, NOTHING)
    assert firewall.json() == before


def test_what_is_there_can_be_added_again(firewall: Firewall) -> None:
    there = frozenset[Element]().union(*ONE_OF_EACH)
    firewall.load(whole(there))
    before = firewall.json()

    firewall.change(NOTHING, there)

    assert firewall.json() == before


async def test_the_kernel_says_which_set_refused(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    await stage.kernel.replace_rules(OUR_RULES)
    gone = ChangeElements(old=frozenset({GONE}), new=NOTHING)

    with pytest.raises(
        KernelRefused, match="ChangeElements: delete element inet seaway any4: No such"
    ):
        await stage.kernel.apply([gone])
    await stage.kernel.remove([gone])

    await stage.close()


async def test_the_kernel_leaves_to_nft_what_only_nft_can_read(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    await stage.kernel.replace_rules(OUR_RULES)
    there = FINE | inet("any4", "17 . domain : 10.7.0.2 . 53")

    await stage.kernel.apply([ChangeElements(old=NOTHING, new=there)])

    assert "udp . 53 : 10.7.0.2 . 53" in stage.run("nft", "list", "ruleset")
    await stage.kernel.remove([ChangeElements(old=there, new=NOTHING)] * 2)
    assert "elements" not in stage.run("nft", "list", "ruleset")
    await stage.close()


@pytest.mark.parametrize(
    "meddling",
    ["flush ruleset", "delete table bridge seaway", "flush map inet seaway any4"],
)
async def test_what_somebody_took_away_is_there_again_after_the_next_change(
    tmp_path: Path, meddling: str
) -> None:
    stage = Stage(tmp_path)
    before = host_elements(TYPICAL_NETWORKS, WIRINGS)
    after = host_elements(TYPICAL_NETWORKS, (moved(WEB), *WIRINGS[1:]))
    await stage.kernel.replace_rules(OUR_RULES, before)
    await stage.kernel.apply([ChangeElements(old=before, new=after)])
    whole_ruleset = stage.run("nft", "list", "ruleset")
    await stage.kernel.apply([ChangeElements(old=after, new=before)])
    stage.run("nft", meddling)

    await stage.kernel.apply([ChangeElements(old=before, new=after)])

    assert sorted(stage.run("nft", "list", "ruleset").split()) == sorted(whole_ruleset.split())
    await stage.close()


def test_without_our_tables_nothing_can_be_added() -> None:
    firewall = Firewall()

    with pytest.raises(NftRefused, match="add element inet seaway bridges: No such file"):
        firewall.change(NOTHING, inet("bridges", '"sw-web"'))

    firewall.close()


def test_what_only_nft_can_read_is_not_sent(firewall: Firewall) -> None:
    firewall.load(whole(NOTHING))
    before = firewall.json()

    for strange in (inet("any4", "icmp . 1 : 10.7.0.2 . 1"), inet("none_such", '"sw-web"')):
        with pytest.raises(Unpackable):
            firewall.change(NOTHING, FINE | strange)

    assert firewall.json() == before


# Any host

HOW = st.sampled_from(["netlink", "text"])


@given(first=hosts(), steps=st.lists(st.tuples(hosts(), HOW), min_size=1, max_size=5))
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_changes_both_ways_one_after_another_make_what_the_whole_text_makes(
    firewall: Firewall, first: Elements, steps: list[tuple[Elements, str]]
) -> None:
    firewall.load(whole(first))
    for (before, _), (after, how) in itertools.pairwise([(first, "text"), *steps]):
        if how == "netlink":
            firewall.change(before, after)
        elif text := difference(before, after):
            firewall.load(text)

    now = firewall.json()
    firewall.load(whole(steps[-1][0]))
    assert now == firewall.json()


FEW = (
    inet("bridges", '"a"', '"b"')
    | inet("any4", *(f"tcp . {port} : 10.7.0.{n} . 1" for port in (1, 2) for n in (1, 2)))
    | inet("masq4", *(f'"{link}" . 10.7.0.0/16' for link in "ab"), '"a" . 10.8.0.0/16')
    | inet("range_any4", *(f"udp . {at} : 10.7.0.1" for at in ("1-9", "5-12", "9-15", "16")))
    | inet("range_any4", "udp . 5-12 : 10.7.0.2")
    | inet("from_any4", *(f"tcp . {p} . {a}.0.0.0/8" for p in ("1-9", "5-12") for a in (10, 11)))
)
"""Elements that are often in each other's way, and intervals of which none lies within another."""
BEGIN_IN_OTHERS = {e for e in FEW if " . 5-12" in e.key or " . 9-15" in e.key}
INTERVALS = {"masq4", "range_any4", "from_any4"}
SOME = st.frozensets(st.sampled_from(sorted(FEW, key=repr)), max_size=4)


@given(changes=st.lists(st.tuples(SOME, SOME), min_size=1, max_size=30))
@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_tables_in_memory_refuse_what_linux_refuses_in_its_words(
    firewall: Firewall, changes: list[tuple[Elements, Elements]]
) -> None:
    firewall.load(whole(NOTHING))
    tables = FakeTables.of(OUR_RULES, NOTHING)
    unsaid = set[Element]() if tells_overlaps() else BEGIN_IN_OTHERS

    for asked, wanted in changes:
        new = wanted - unsaid
        # Linux deletes by the key alone, and of intervals any that holds the first point
        keys = {(e.set, e.key) for e in tables.elements}
        missing = {e for e in asked if e.set not in INTERVALS and (e.set, e.key) not in keys}
        gone = asked & (tables.elements | missing)
        refusal = words = ""
        try:
            firewall.change(gone, new)
        except NftRefused as error:
            refusal = str(error)
        try:
            tables = tables.changed(gone - new, new - gone)
        except TablesRefused as error:
            words = str(error)
        assert words == refusal

    listed = sum(map(len, firewall.listing().values()))
    assert listed == len(tables.elements)


def test_20000_ports_that_lead_elsewhere_change_in_one_transaction(firewall: Firewall) -> None:
    shifted = PublishedPort(proto=Proto.TCP, port=40000, host_port=20000, count=20000)
    before = host_elements(TYPICAL_NETWORKS, ())
    after = host_elements(TYPICAL_NETWORKS, (replace(WEB, ports=(shifted,)),))
    firewall.load(whole(before))

    firewall.change(before, after)

    assert len(firewall.listing()["inet seaway any4"]) == 20000
    firewall.change(after, before)
    assert firewall.listing()["inet seaway any4"] == []
