"""The firewall's text in a real kernel: it loads, and a difference makes the one of the other."""

from __future__ import annotations

import asyncio
import ctypes
import itertools
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fakes.firewall import (
    PORTS,
    ROUTER,
    TYPICAL_NETWORKS,
    WEB,
    WIRINGS,
    host_elements,
    moved,
    typical,
)
from netns.kernel_stage import Stage
from seaway.kernel.nft import Nft, NftRefused
from seaway.model.port import Proto, PublishedPort
from seaway.plan import elements as plan
from seaway.plan.elements import Element, Elements, difference
from seaway.plan.firewall import NO_RULES, ruleset
from seaway.plan.operations import ChangeElements
from seaway.plan.wiring import Wiring

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root")

_CLONE_NEWNET = 0x40000000
Listing = dict[str, list[str]]
"""The elements of each set, as nft lists them, sorted."""


class NetfilterThread:
    """A thread in a network namespace of its own, which dies with it."""

    def __init__(self) -> None:
        self._work: Callable[[], object] | None = None
        self._result: object = None
        self._wanted, self._done = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self.nft = self.do(self._enter)

    def do(self, work: Callable[[], Any]) -> Any:
        """What *work* gives inside."""
        self._work = work
        self._wanted.release()
        self._done.acquire()
        if isinstance(self._result, BaseException):
            raise self._result
        return self._result

    def load(self, text: str) -> None:
        """Carry out *text* as one transaction."""
        self.do(lambda: self.nft.run(text))

    def listing(self) -> Listing:
        """The elements of all sets and maps of our tables."""
        text = self.do(
            lambda: (
                subprocess.run(
                    ["nft", "list", "ruleset"], check=True, capture_output=True, text=True
                ).stdout
            )
        )
        return elements_listed(text)

    def close(self) -> None:
        """End the thread, and so the namespace."""
        self.do(self.nft.close)
        self._work = None
        self._wanted.release()
        self._thread.join()

    @staticmethod
    def _enter() -> Nft:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(_CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "unshare")
        return Nft()

    def _run(self) -> None:
        while True:
            self._wanted.acquire()
            if self._work is None:
                return
            try:
                self._result = self._work()
            except BaseException as error:  # noqa: BLE001 - raised where it was wanted
                self._result = error
            self._done.release()


def elements_listed(text: str) -> Listing:
    """The elements in a listing of the ruleset, by table and set."""
    found: Listing = {}
    table = name = ""
    collecting: list[str] | None = None
    for line in map(str.strip, text.splitlines()):
        words = line.split()
        if words[:1] == ["table"]:
            table = f"{words[1]} {words[2]}"
        elif words[:1] in (["set"], ["map"]):
            name = f"{table} {words[1]}"
            found[name] = []
        elif line.startswith("elements = {"):
            collecting = [line.removeprefix("elements = {")]
        elif collecting is not None:
            collecting.append(line)
        if collecting is not None and line.endswith("}"):
            joined = " ".join(collecting).removesuffix("}")
            found[name] = sorted(" ".join(e.split()) for e in joined.split(","))
            collecting = None
    return found


@pytest.fixture(scope="module")
def netfilter() -> Iterator[NetfilterThread]:
    """Nft in a namespace of its own."""
    found = NetfilterThread()
    yield found
    found.close()


OUR_RULES = ruleset(forwarding_is_ours=(4, 6))


def whole(elements: Elements) -> str:
    """The whole ruleset."""
    return plan.whole(OUR_RULES, elements)


def test_the_typical_host_loads_and_loads_again(netfilter: NetfilterThread) -> None:
    netfilter.load(whole(typical()))
    once = netfilter.listing()
    netfilter.load(whole(typical()))

    assert netfilter.listing() == once
    assert once["inet seaway range_any4"] == ["udp . 20000-29999 : 10.77.1.2"]
    assert once["inet seaway from_one4"] == ["tcp . 192.0.2.1 . 6000-6009 . 0.0.0.0/0"]
    assert once["bridge seaway also_ip4"] == ['"sv-e30000000000" . 10.0.0.0/8']
    assert sum(map(len, once.values())) == len(typical())


def test_no_rules_takes_both_tables_away_there_or_not(netfilter: NetfilterThread) -> None:
    netfilter.load(whole(typical()))

    netfilter.load(NO_RULES)
    netfilter.load(NO_RULES)

    assert netfilter.listing() == {}


def test_a_key_can_lead_elsewhere_within_one_transaction(netfilter: NetfilterThread) -> None:
    before = host_elements(TYPICAL_NETWORKS, WIRINGS)
    after = host_elements(TYPICAL_NETWORKS, (moved(WEB), *WIRINGS[1:]))
    netfilter.load(whole(before))

    netfilter.load(difference(before, after))

    assert netfilter.listing()["inet seaway range_any4"] == ["udp . 20000-29999 : 10.77.2.2"]
    assert same_when_whole(netfilter, after)
    netfilter.load(difference(after, before))
    assert same_when_whole(netfilter, before)


def same_when_whole(netfilter: NetfilterThread, elements: Elements) -> bool:
    """Whether Linux has what it would have if *elements* were loaded whole."""
    now = netfilter.listing()
    netfilter.load(whole(elements))
    return now == netfilter.listing()


def test_a_refused_difference_changes_nothing(netfilter: NetfilterThread) -> None:
    netfilter.load(whole(typical()))
    before = netfilter.listing()

    with pytest.raises(NftRefused):
        netfilter.load(
            "add element inet seaway any4 { tcp . 1 : 10.77.1.2 . 1 }\n"
            "delete element inet seaway any4 { tcp . 7 }\n"
        )

    assert netfilter.listing() == before


# Hosts of any kind

SOURCES = st.lists(
    st.sampled_from(["10.0.0.0/8", "10.1.0.0/16", "0.0.0.0/0", "192.0.2.7/32", "fd00::/8"]),
    max_size=3,
    unique=True,
)


@st.composite
def ports(draw: st.DrawFn) -> tuple[PublishedPort, ...]:
    """Some of the typical ports, some with other sources, or leading to another port."""
    chosen = draw(st.lists(st.sampled_from(PORTS), max_size=6, unique=True))
    return tuple(
        replace(
            port,
            sources=tuple(ip_network(s) for s in draw(SOURCES)) or port.sources,
            port=port.port + draw(st.integers(0, 1)),
        )
        for port in chosen
    )


@st.composite
def hosts(draw: st.DrawFn) -> Elements:
    """What some host needs."""
    networks = draw(st.lists(st.sampled_from(TYPICAL_NETWORKS), max_size=3, unique=True))
    web = replace(WEB, ports=draw(ports()))
    if draw(st.booleans()):
        web = moved(web)
    wirings: list[Wiring] = [w for w in (web, ROUTER) if draw(st.booleans())]
    return host_elements(tuple(networks), tuple(wirings))


@given(steps=st.lists(hosts(), min_size=2, max_size=5))
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_differences_one_after_another_make_what_the_whole_text_makes(
    netfilter: NetfilterThread, steps: list[Elements]
) -> None:
    netfilter.load(whole(steps[0]))
    for before, after in itertools.pairwise(steps):
        if text := difference(before, after):
            netfilter.load(text)

    assert same_when_whole(netfilter, steps[-1])


@pytest.mark.parametrize("done", ["nothing", "all", "part"])
def test_a_removal_that_came_part_of_the_way_before_is_finished(tmp_path: Path, done: str) -> None:
    before = host_elements(TYPICAL_NETWORKS, WIRINGS)
    after = host_elements(TYPICAL_NETWORKS, (moved(WEB),))
    now = {"nothing": before, "all": after, "part": before - set(sorted_some(before - after))}

    async def remove() -> Listing:
        stage = Stage(tmp_path)
        try:
            await stage.kernel.replace_rules(OUR_RULES, now[done])
            await stage.kernel.remove([ChangeElements(old=before, new=after)])
            return elements_listed(stage.run("nft", "list", "ruleset"))
        finally:
            await stage.close()

    netfilter = NetfilterThread()
    netfilter.load(whole(after))
    wanted = netfilter.listing()
    netfilter.close()
    assert asyncio.run(remove()) == wanted


def sorted_some(elements: Elements) -> list[Element]:
    """Every second of *elements*."""
    return sorted(elements, key=lambda e: (e.table, e.set, e.key))[::2]


def test_2000_ports_that_lead_elsewhere_load_as_elements(netfilter: NetfilterThread) -> None:
    shifted = PublishedPort(proto=Proto.TCP, port=30000, host_port=20000, count=2000)
    after = host_elements(TYPICAL_NETWORKS, (replace(WEB, ports=(shifted,)),))
    before = host_elements(TYPICAL_NETWORKS, ())
    netfilter.load(whole(before))

    netfilter.load(difference(before, after))

    assert len(netfilter.listing()["inet seaway any4"]) == 2000
    netfilter.load(difference(after, before))
    assert netfilter.listing()["inet seaway any4"] == []
