"""The guard of LANs in a real kernel: its table, and the chains that hang at parents."""

from __future__ import annotations

import json
import os
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from ipaddress import ip_interface, ip_network
from pathlib import Path

import pytest

from fakes.firewall import HOME, on_lan, typical
from netns.kernel_stage import Stage
from netns.test_elements import Firewall
from netns.test_firewall import OUR_RULES
from seaway.model.errors import KernelRefused
from seaway.model.ids import IfName, Mac
from seaway.model.parent import Macvlan, Parent
from seaway.plan.elements import Elements, whole
from seaway.plan.lan_guard import GUARD
from seaway.plan.operations import AttachLink, ChangeElements, CreateNetns
from seaway.plan.wiring import elements

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root")

NOTHING: Elements = frozenset()
ONE, TWO = elements(on_lan(50)), elements(on_lan(51))
AWAY = elements(
    on_lan(52, replace(HOME, options=replace(HOME.options, parent=Parent(name=IfName("usb0")))))  # type: ignore[arg-type]
)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A host that has eth0, and our rules."""
    stage = Stage(tmp_path)
    plug_in(stage, "eth0")
    await stage.kernel.replace_rules(OUR_RULES, typical())
    yield stage
    await stage.close()


def plug_in(stage: Stage, name: str) -> None:
    """The host gets an interface with carrier."""
    stage.run("ip", "link", "add", name, "up", "type", "veth", "peer", "name", f"{name}-there")
    stage.run("ip", "link", "set", f"{name}-there", "up")


def pull_out(stage: Stage, name: str) -> None:
    stage.run("ip", "link", "delete", name)


async def change(stage: Stage, old: Elements, new: Elements) -> None:
    await stage.kernel.apply([ChangeElements(old=old, new=new)])


def hooks(stage: Stage) -> list[str]:
    """The devices at which the chains of our table hang."""
    listing = stage.run("nft", "list", "ruleset")
    return sorted(re.findall(r'hook egress device "(\w+)"', listing))


def tables(stage: Stage) -> set[str]:
    return set(stage.run("nft", "list", "tables").splitlines())


def counted(stage: Stage) -> int:
    """How many elements the guard has."""
    found = json.loads(stage.run("nft", "-j", "list", "table", "netdev", "seaway"))["nftables"]
    return sum(len(each["set"].get("elem", ())) for each in found if "set" in each)


async def test_the_table_is_there_as_long_as_anybody_is_guarded(stage: Stage) -> None:
    ours = {"table inet seaway", "table bridge seaway"}
    assert tables(stage) == ours

    await change(stage, NOTHING, ONE)
    assert tables(stage) == ours | {"table netdev seaway"}
    assert (hooks(stage), counted(stage)) == (["eth0"], len(ONE))
    await change(stage, NOTHING, TWO)
    await change(stage, ONE, NOTHING)
    assert (hooks(stage), counted(stage)) == (["eth0"], len(TWO))
    await change(stage, TWO, NOTHING)

    assert tables(stage) == ours


async def test_a_refused_list_takes_it_away_again(stage: Stage) -> None:
    path = stage.netns("a")
    await stage.kernel.apply([CreateNetns(path=path)])

    with pytest.raises(KernelRefused, match="the host has no interface usb0"):
        await stage.kernel.apply([ChangeElements(old=NOTHING, new=AWAY), a_link(path, "usb0")])

    assert "table netdev seaway" not in tables(stage)


def a_link(path: Path, parent: str) -> AttachLink:
    """That of the third endpoint."""
    return AttachLink(
        parent=IfName(parent),
        netns=path,
        ifname=IfName("eth0"),
        link=Macvlan(),
        mac=Mac("02:00:00:00:05:52"),
        mtu=None,
        addresses=(ip_interface("192.0.2.52/24"),),
    )


async def test_a_parent_is_guarded_when_it_comes_and_when_it_is_there_again(stage: Stage) -> None:
    path = stage.netns("a")
    await stage.kernel.apply([CreateNetns(path=path)])
    await change(stage, NOTHING, ONE | AWAY)
    assert hooks(stage) == ["eth0"]

    for _ in range(2):
        plug_in(stage, "usb0")
        await stage.kernel.apply([a_link(path, "usb0")])
        assert hooks(stage) == ["eth0", "usb0"]
        await no_forged_ping_is_heard(stage, path)
        pull_out(stage, "usb0")

    await change(stage, AWAY, NOTHING)
    assert hooks(stage) == ["eth0"]
    await change(stage, ONE, NOTHING)
    assert "table netdev seaway" not in tables(stage)


async def no_forged_ping_is_heard(stage: Stage, path: Path) -> None:
    """What leaves with an address that is not its own is dropped, and counted."""
    stage.run("ip", "address", "add", "192.0.2.99/24", "dev", "eth0", netns=path)
    before = (await stage.kernel.drops()).get((IfName("usb0"), Mac("02:00:00:00:05:52")), 0)

    assert not stage.works("ping", "-c1", "-W1", "-I", "192.0.2.99", "192.0.2.2", netns=path)

    assert (await stage.kernel.drops())[IfName("usb0"), Mac("02:00:00:00:05:52")] > before


@pytest.mark.parametrize("away", [False, True], ids=["there", "away"])
async def test_the_next_daemon_loads_all_of_it_again(stage: Stage, away: bool) -> None:
    await change(stage, NOTHING, ONE | TWO)
    if away:
        pull_out(stage, "eth0")

    await stage.kernel.close()
    second = stage.new_kernel()
    await second.replace_rules(OUR_RULES, ONE | AWAY)

    assert hooks(stage) == ([] if away else ["eth0"])
    assert counted(stage) == len(ONE | AWAY)
    await second.replace_rules(OUR_RULES)
    assert "table netdev seaway" not in tables(stage)


async def test_no_rules_are_no_guard(stage: Stage) -> None:
    await change(stage, NOTHING, ONE)

    await stage.kernel.remove_rules()
    await stage.kernel.remove_rules()

    assert tables(stage) == set()


@pytest.mark.parametrize(
    "meddling", ["delete table netdev seaway", "flush ruleset", "flush set netdev seaway held_ip4"]
)
async def test_what_somebody_took_away_of_it_is_there_again(stage: Stage, meddling: str) -> None:
    await change(stage, NOTHING, ONE)
    stage.run("nft", meddling)

    await change(stage, ONE, TWO)

    assert (hooks(stage), counted(stage)) == (["eth0"], len(TWO))


def test_elements_are_the_same_by_netlink_and_as_text() -> None:
    allowed = (ip_network("192.0.2.96/28"), ip_network("2001:db8:0:1:8000::/65"))
    all_sets = elements(on_lan(50, allowed_addresses=allowed))
    firewall = Firewall()
    firewall.load(GUARD)
    firewall.change(NOTHING, all_sets)
    by_netlink = firewall.json()
    firewall.load("delete table netdev seaway\n" + whole(GUARD, all_sets))

    assert by_netlink == firewall.json()
    firewall.change(all_sets, NOTHING)
    firewall.close()
