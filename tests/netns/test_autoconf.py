"""Links whose IPv6 the LAN gives, and links beside them to which its routers are nobody."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from ipaddress import ip_address, ip_interface
from pathlib import Path

import pytest

from netns.kernel_stage import Stage
from seaway.model.ids import IfName, Mac
from seaway.model.parent import Macvlan
from seaway.plan.operations import (
    AttachLink,
    ChangeAddresses,
    ChangeMtu,
    ChangeRoute,
    CreateNetns,
    Route,
)

ETH0, PARENT = IfName("eth0"), IfName("eth9")
LENT = ip_interface("2001:db8::7/128")


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A host with a kernel, a parent with somebody behind it, and a namespace."""
    stage = Stage(tmp_path)
    stage.run("ip", "link", "add", "eth9", "type", "veth", "peer", "name", "far")
    for name in ("eth9", "far"):
        stage.run("ip", "link", "set", name, "up")
    await stage.kernel.apply([CreateNetns(path=stage.netns("box"))])
    yield stage
    await stage.close()


def a_link(stage: Stage, *addresses: str, autoconf: bool = False) -> AttachLink:
    """A macvlan link inside."""
    return AttachLink(
        parent=PARENT,
        netns=stage.netns("box"),
        ifname=ETH0,
        link=Macvlan(),
        mac=Mac("02:00:00:00:01:02"),
        mtu=None,
        addresses=tuple(ip_interface(a) for a in addresses),
        autoconf=autoconf,
    )


def setting(stage: Stage, name: str) -> str:
    """An IPv6 setting of the link."""
    path = f"/proc/sys/net/ipv6/conf/eth0/{name}"
    return stage.run("cat", path, netns=stage.netns("box")).strip()


def shown(stage: Stage, *words: str) -> str:
    """What ``ip -6`` shows inside."""
    return stage.run("ip", "-6", *words, netns=stage.netns("box"))


@pytest.mark.parametrize("addresses", [["10.7.0.2/24"], ["10.7.0.2/24", "fd00:7::2/64"], []])
async def test_routers_are_heeded_only_where_ipv6_is_theirs_to_give(
    stage: Stage, addresses: list[str]
) -> None:
    await stage.kernel.apply([a_link(stage, *addresses)])

    assert setting(stage, "accept_ra") == "0"
    assert ("fe80::" in shown(stage, "address")) is any(":" in a for a in addresses)


async def test_a_link_with_the_ipv6_of_the_lan_has_a_link_local_address_whatever_it_is_lent(
    stage: Stage,
) -> None:
    link = a_link(stage, "10.7.0.2/24", autoconf=True)
    await stage.kernel.apply([link])
    lent = ChangeAddresses(
        link=ETH0,
        netns=link.netns,
        ifname=ETH0,
        parent=PARENT,
        mac=link.mac,
        autoconf=True,
        old=link.addresses,
        new=(*link.addresses, LENT),
    )

    await stage.kernel.apply([lent])
    assert "2001:db8::7/128" in shown(stage, "address")
    await stage.kernel.apply([replace(lent, old=lent.new, new=lent.old)])

    assert "2001:db8::7" not in shown(stage, "address")
    assert "fe80::ff:fe00:102/64" in shown(stage, "address")
    assert setting(stage, "accept_ra") == "2"


async def test_ipv6_that_is_off_by_default_is_switched_on(stage: Stage) -> None:
    off = ("sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1")
    stage.run(*off, netns=stage.netns("box"))

    await stage.kernel.apply([a_link(stage, autoconf=True)])

    assert "fe80::ff:fe00:102/64" in shown(stage, "address")


async def test_a_default_route_of_ours_comes_and_goes_beside_a_routers(stage: Stage) -> None:
    link = a_link(stage, "fd00:7::2/64", autoconf=True)
    await stage.kernel.apply([link])
    way = ("default", "via", "fe80::1", "dev", "eth0", "proto", "ra", "metric", "1024")
    shown(stage, "route", "add", *way)
    ours = Route(ifname=ETH0, gateway=ip_address("fd00:7::1"))
    change = ChangeRoute(netns=link.netns, version=6, old=None, new=ours)

    for _ in range(2):
        await stage.kernel.apply([change])
    first, second = shown(stage, "route", "show", "default").splitlines()
    assert first.startswith("default via fd00:7::1 dev eth0 proto static metric 512")
    assert second.startswith("default via fe80::1 dev eth0 proto ra metric 1024")
    for _ in range(2):
        await stage.kernel.apply([replace(change, old=ours, new=None)])

    (left,) = shown(stage, "route", "show", "default").splitlines()
    assert left.startswith("default via fe80::1 dev eth0 proto ra metric 1024")


async def test_a_link_that_was_too_small_for_ipv6_heeds_no_routers_either(stage: Stage) -> None:
    link = a_link(stage, "10.7.0.2/24")
    await stage.kernel.apply([link])
    small = ChangeMtu(link=ETH0, netns=link.netns, parent=PARENT, old=1500, new=1000)

    await stage.kernel.apply([small])
    await stage.kernel.apply([replace(small, old=1000, new=1500)])

    assert setting(stage, "accept_ra") == "0"
    assert shown(stage, "address", "show", "dev", "eth0") == ""
