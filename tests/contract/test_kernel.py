"""What every kernel does, Linux and the one in memory alike."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import pytest

from netns.kernel_stage import Stage, Steps, bridge, detach, veth
from seaway.contracts import Kernel
from seaway.kernel.fake import FakeKernel
from seaway.model.errors import KernelRefused
from seaway.model.ids import IfName
from seaway.plan.operations import (
    BRIDGE_GROUP,
    DOOMED_GROUP,
    BindNetns,
    ChangeRules,
    CreateNetns,
    DefaultRoute,
    DeleteLink,
    DeleteNetns,
    ForgetFlows,
    NameNetns,
    NoDefaultRoute,
    RedirectNames,
    SetSysctl,
    UnnameNetns,
)
from seaway.plan.rules import Element

ETH0 = IfName("eth0")
GATEWAY = ip_address("10.7.0.1")
RULES = "table inet seaway { map one { type inet_service : ipv4_addr; }\n}\n"
ELEMENT = Element("inet seaway", "one", "80", "10.7.0.2")


@dataclass
class Subject:
    """A kernel under test."""

    kernel: Kernel
    steps: Steps
    directory: Path

    @property
    def path(self) -> Path:
        """Where a namespace may be bound."""
        return self.directory / "netns" / "a"

    async def links(self) -> set[str]:
        """Names of the host's links."""
        return set((await self.kernel.observe()).links)


@asynccontextmanager
async def _linux(directory: Path) -> AsyncGenerator[Subject]:
    stage = Stage(directory)
    yield Subject(stage.kernel, stage.steps, directory)
    await stage.close()


@asynccontextmanager
async def _fake(directory: Path) -> AsyncGenerator[Subject]:
    steps = Steps()
    yield Subject(FakeKernel(steps), steps, directory)


@pytest.fixture(params=["fake", "linux"])
async def subject(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Subject]:
    """Each kernel in turn."""
    if request.param == "linux" and os.geteuid() != 0:
        pytest.skip("namespaces need root")
    make = _linux if request.param == "linux" else _fake
    async with make(tmp_path) as subject:
        yield subject


async def test_a_bridge_is_seen_with_group_mtu_and_gateways(subject: Subject) -> None:
    await subject.kernel.apply([bridge()])

    state = (await subject.kernel.observe()).links[IfName("sw-web")]
    assert (state.group, state.mtu, state.up, state.master) == (BRIDGE_GROUP, 1400, True, None)
    assert set(state.addresses) >= {GATEWAY, ip_address("fd00:7::1")}


async def test_a_bridge_that_is_there_is_refused(subject: Subject) -> None:
    await subject.kernel.apply([bridge()])

    with pytest.raises(KernelRefused, match=r"AddBridge: .*exists"):
        await subject.kernel.apply([bridge()])

    assert "sw-web" in await subject.links()


async def test_an_attached_link_is_on_its_bridge(subject: Subject) -> None:
    await subject.kernel.apply([bridge(), CreateNetns(path=subject.path), veth(subject.path, 2)])

    state = (await subject.kernel.observe()).links[IfName("sv-000000000002")]
    assert (state.master, state.mtu, state.up, state.group) == ("sw-web", 1400, True, 0)


async def test_a_refused_list_leaves_nothing_behind(subject: Subject) -> None:
    before = await subject.links()
    unreachable = DefaultRoute(netns=subject.path, ifname=ETH0, gateway=ip_address("10.9.9.9"))

    with pytest.raises(KernelRefused, match="DefaultRoute: Nexthop has invalid gateway"):
        await subject.kernel.apply(
            [bridge(), CreateNetns(path=subject.path), veth(subject.path, 2), unreachable]
        )

    assert await subject.links() == before
    assert await subject.kernel.bound(subject.path.parent) == {}


async def test_a_fault_is_a_refusal_of_its_operation(subject: Subject) -> None:
    subject.steps.fail_at = "kernel.CreateNetns"

    with pytest.raises(KernelRefused, match="CreateNetns: the test wants it to fail"):
        await subject.kernel.apply([bridge(), CreateNetns(path=subject.path)])

    assert "sw-web" not in await subject.links()
    assert subject.steps.reached == ["kernel.AddBridge", "kernel.CreateNetns", "kernel.Observe"]


@pytest.mark.parametrize("missing", ["bridge", "netns"])
async def test_an_attach_needs_bridge_and_namespace(subject: Subject, missing: str) -> None:
    ops = [bridge() if missing == "netns" else CreateNetns(path=subject.path)]

    with pytest.raises(KernelRefused, match="AttachVeth"):
        await subject.kernel.apply([*ops, veth(subject.path, 2)])


async def test_two_interfaces_of_one_name_are_refused(subject: Subject) -> None:
    await subject.kernel.apply([bridge(), CreateNetns(path=subject.path), veth(subject.path, 2)])

    with pytest.raises(KernelRefused, match=r"AttachVeth: .*exists"):
        await subject.kernel.apply([veth(subject.path, 3)])

    assert "sv-000000000003" not in await subject.links()


async def test_a_detached_link_can_be_attached_again(subject: Subject) -> None:
    pair = veth(subject.path, 2)
    await subject.kernel.apply([bridge(), CreateNetns(path=subject.path), pair])

    await subject.kernel.remove([detach(pair), detach(pair)])
    after = (await subject.kernel.observe()).links.get(pair.link)
    await subject.kernel.apply([pair, DefaultRoute(netns=pair.netns, ifname=ETH0, gateway=GATEWAY)])

    assert after is None or after.group == DOOMED_GROUP
    assert pair.link in await subject.links()


async def test_removing_what_is_not_there_is_fine(subject: Subject) -> None:
    await subject.kernel.remove(
        [
            detach(veth(subject.path, 2)),
            NoDefaultRoute(netns=subject.path, version=4),
            UnnameNetns(name=subject.directory / "name"),
            DeleteNetns(path=subject.path),
            DeleteLink(name=IfName("sw-web")),
            ForgetFlows(address=GATEWAY),
        ]
    )


async def test_removal_goes_on_after_an_error(subject: Subject) -> None:
    await subject.kernel.apply([bridge(), CreateNetns(path=subject.path)])
    subject.steps.fail_at = "kernel.DeleteNetns"

    with pytest.raises(ExceptionGroup) as caught:
        await subject.kernel.remove(
            [DeleteNetns(path=subject.path), DeleteLink(name=IfName("sw-web"))]
        )

    assert [str(error) for error in caught.value.exceptions] == [
        "the kernel refused DeleteNetns: the test wants it to fail"
    ]
    assert "sw-web" not in await subject.links()


async def test_a_namespace_that_is_there_is_refused(subject: Subject) -> None:
    await subject.kernel.apply([CreateNetns(path=subject.path)])

    with pytest.raises(KernelRefused, match=r"CreateNetns: .* is there already"):
        await subject.kernel.apply([CreateNetns(path=subject.path)])

    assert await subject.kernel.bound(subject.path.parent) == {subject.path: True}


async def test_what_is_no_namespace_is_not_bound(subject: Subject) -> None:
    with pytest.raises(KernelRefused, match="/etc/hostname is not a network namespace"):
        await subject.kernel.apply([BindNetns(path=subject.path, source=Path("/etc/hostname"))])

    assert await subject.kernel.bound(subject.path.parent) == {}


async def test_names_of_namespaces_are_seen_where_they_lead(subject: Subject) -> None:
    name = subject.path.with_name("web")

    await subject.kernel.apply(
        [CreateNetns(path=subject.path), NameNetns(name=name, path=subject.path)]
    )
    both = await subject.kernel.bound(name.parent)
    await subject.kernel.remove([DeleteNetns(path=subject.path)])

    assert both == {subject.path: True, name: True}
    assert await subject.kernel.bound(name.parent) == {name: False}


async def test_names_need_a_namespace(subject: Subject) -> None:
    with pytest.raises(KernelRefused, match="RedirectNames"):
        await subject.kernel.apply([RedirectNames(netns=subject.path, port=35353)])


async def test_rules_change_there_and_back(subject: Subject) -> None:
    await subject.kernel.replace_rules(RULES)
    there = ChangeRules(old=frozenset(), new=frozenset({ELEMENT}))
    back = ChangeRules(old=frozenset({ELEMENT}), new=frozenset())

    await subject.kernel.apply([there, back, there])


async def test_a_setting_is_read_back_and_put_back(subject: Subject) -> None:
    on = SetSysctl(path="net/ipv4/ip_forward", value="1", before="0")
    await subject.kernel.apply([on])
    off = SetSysctl(path="net/ipv4/ip_forward", value="0", before="1")

    with pytest.raises(KernelRefused):
        await subject.kernel.apply([off, veth(subject.path, 2)])

    assert await subject.kernel.sysctl("net/ipv4/ip_forward") == "1"
    assert await subject.kernel.sysctl("net/ipv4/none_such") is None


async def test_a_host_without_routes_has_ethernets_mtu(subject: Subject) -> None:
    seen = await subject.kernel.observe()

    assert (seen.routes, seen.default_mtu, seen.addresses) == ((), 1500, ())
    assert await subject.kernel.drops() == {}
