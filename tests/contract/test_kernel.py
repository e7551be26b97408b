"""What every kernel does, Linux and the one in memory alike."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_interface
from pathlib import Path

import pytest

from fakes.kernel import FakeKernel
from netns.kernel_stage import Stage, Steps, bridge, default_route, detach, tells_overlaps, veth
from seaway.contracts import Kernel
from seaway.model.errors import InvalidRequest, KernelRefused
from seaway.model.ids import IfName, Mac
from seaway.model.parent import Macvlan
from seaway.model.port import Proto
from seaway.plan.elements import Element, Elements
from seaway.plan.firewall import BRIDGE, INET, NO_RULES, ruleset
from seaway.plan.operations import (
    ADOPTED_GROUP,
    BRIDGE_GROUP,
    DOOMED_GROUP,
    PARENT_GROUP,
    AddBridge,
    AddSwitch,
    AdoptBridge,
    AttachLink,
    BindNetns,
    ChangeAddresses,
    ChangeElements,
    ChangeGateways,
    ChangeGuard,
    ChangeHostRoutes,
    ChangeMtu,
    ChangeRoute,
    ChangeShim,
    CreateNetns,
    DeleteLink,
    DeleteNetns,
    DetachLink,
    DetachVeth,
    DropVlan,
    ForgetAddress,
    ForgetPort,
    JoinUplink,
    LeaveNames,
    LeaveUplink,
    NameNetns,
    Operation,
    PassVlan,
    RedirectNames,
    ReleaseBridge,
    Route,
    SetSysctl,
    Shim,
    UnnameNetns,
    inverse,
)

ETH0, ETH1 = IfName("eth0"), IfName("eth1")
GATEWAY = ip_address("10.7.0.1")
GATEWAY4, GATEWAY6 = ip_interface("10.7.0.1/24"), ip_interface("fd00:7::1/64")
FOUR, SIX = ip_interface("10.7.0.2/24"), ip_interface("fd00:7::2/64")
NOTHING: Elements = frozenset()


def one(name: str, key: str, value: str = "", *, table: str = INET) -> Elements:
    """One element of a set or map."""
    return frozenset({Element(table, name, key, value)})


WEB, DB = one("bridges", '"sw-web"'), one("bridges", '"sw-db"')
PORT = one("any4", "tcp . 80", "10.7.0.2 . 8080")
ELSEWHERE = one("any4", "tcp . 80", "10.7.0.3 . 8080")
MASQ = one("masq4", '"sw-web" . 10.7.0.0/16')
RANGE = one("range_any4", "udp . 100-200", "10.7.0.2")
FROM = one("from_any4", "tcp . 10-20 . 10.0.0.0/8")
EACH_KIND = [WEB, PORT, MASQ, RANGE, FROM, one("drops", '"sv-1"', table=BRIDGE)]


def change(old: Elements = NOTHING, new: Elements = NOTHING) -> ChangeElements:
    """Elements *new* of *old*."""
    return ChangeElements(old=old, new=new)


def kind_of(elements: Elements) -> str:
    """The set that they are in, to name a test by."""
    return next(iter(elements)).set


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

    async def load(self, elements: Elements = NOTHING) -> None:
        """Load our tables with *elements* in them."""
        await self.kernel.replace_rules(ruleset(forwarding_is_ours=()), elements)

    async def refusal(self, *operations: Operation) -> str:
        """Why *operations* are refused."""
        with pytest.raises(KernelRefused) as caught:
            await self.kernel.apply(operations)
        return str(caught.value).removeprefix("the kernel refused ")

    def needs_told_overlaps(self) -> None:
        """Skip the test on a Linux that drops overlapping intervals in silence."""
        if not isinstance(self.kernel, FakeKernel) and not tells_overlaps():
            pytest.skip("this Linux says nothing of an interval that begins in another")

    async def needs_vlans(self) -> None:
        """Skip the test on a Linux whose bridges keep no VLANs apart."""
        try:
            await self.kernel.apply([A_SWITCH])
        except InvalidRequest:
            pytest.skip("bridges of this Linux keep no VLANs apart")
        await self.kernel.remove([DeleteLink(name=SWITCH)])

    async def has(self, elements: Elements) -> bool:
        """Whether all of *elements*, of maps by their keys, are there; if so, they stay."""
        try:
            await self.kernel.apply([change(elements), change(new=elements)])
        except KernelRefused:
            return False
        return True


@asynccontextmanager
async def _linux(directory: Path) -> AsyncGenerator[Subject]:
    stage = Stage(directory)
    yield Subject(stage.kernel, stage.steps, directory)
    await stage.close()


@asynccontextmanager
async def _fake(directory: Path) -> AsyncGenerator[Subject]:
    steps = Steps()
    kernel = FakeKernel(steps)
    kernel.sysctls["net/ipv4/ip_forward"] = "0"
    yield Subject(kernel, steps, directory)


@pytest.fixture(params=["fake", "linux"])
async def subject(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Subject]:
    """Each kernel in turn."""
    if request.param == "linux" and os.geteuid() != 0:
        pytest.skip("namespaces need root")
    make = _linux if request.param == "linux" else _fake
    async with make(tmp_path) as subject:
        yield subject


def adoption(name: str = "sw-test") -> AdoptBridge:
    """Adopt *name* with one gateway more."""
    more = (ip_interface("10.9.0.1/24"),)
    release = ReleaseBridge(name=IfName(name), group=7, up=False, addresses=more, settings=())
    return AdoptBridge(name=IfName(name), addresses=more, release=release)


async def test_an_adopted_bridge_gets_addresses_and_is_left_without_them(subject: Subject) -> None:
    made = bridge()
    await subject.kernel.apply([made])
    asked = adoption(made.name)

    await subject.kernel.apply([asked])
    await subject.kernel.apply([asked])

    link = (await subject.kernel.observe()).links[made.name]
    assert (link.group, link.up, link.kind) == (ADOPTED_GROUP, True, "bridge")
    assert {*made.addresses, *asked.addresses} <= set(link.interfaces)
    await subject.kernel.remove([asked.release])
    await subject.kernel.remove([asked.release])
    link = (await subject.kernel.observe()).links[made.name]
    assert (link.group, link.up) == (7, False)
    assert not set(asked.addresses) & set(link.interfaces)


async def test_a_bridge_is_adopted_with_all_else_or_left_as_it_is(subject: Subject) -> None:
    made = bridge()
    await subject.kernel.apply([made])

    await subject.refusal(adoption(made.name), made)

    assert (await subject.kernel.observe()).links[made.name].group == 7


async def test_what_is_no_bridge_is_not_adopted_and_what_is_gone_is_left(subject: Subject) -> None:
    assert (await subject.refusal(adoption("lo"))).startswith("AdoptBridge: ")
    assert (await subject.refusal(adoption("nowhere"))).startswith("AdoptBridge: ")
    await subject.kernel.remove([adoption("nowhere").release])


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
    unreachable = default_route(subject.path, "10.9.9.9")

    with pytest.raises(KernelRefused, match="ChangeRoute: Nexthop has invalid gateway"):
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


async def test_an_attach_needs_bridge_and_namespace(subject: Subject) -> None:
    without_namespace = await subject.refusal(bridge(), veth(subject.path, 2))
    without_bridge = await subject.refusal(CreateNetns(path=subject.path), veth(subject.path, 2))

    assert without_namespace == f"AttachVeth: there is no network namespace at {subject.path}"
    assert without_bridge == "AttachVeth: there is no interface sw-web"
    assert await subject.links() == {"lo"}


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
    await subject.kernel.apply([pair, default_route(pair.netns, "10.7.0.1")])

    assert after is None or after.group == DOOMED_GROUP
    assert pair.link in await subject.links()


async def test_a_link_changes_while_it_is_up_and_back_again(subject: Subject) -> None:
    pair = veth(subject.path, 2, addresses=[FOUR])
    await subject.kernel.apply(
        [bridge("sw-web", "10.7.0.1/24"), CreateNetns(path=subject.path), pair]
    )
    wider = ChangeGateways(bridge=pair.bridge, old=(GATEWAY4,), new=(GATEWAY4, GATEWAY6))
    changes: list[Operation] = [
        ChangeMtu(link=pair.bridge, old=1400, new=1300),
        ChangeMtu(link=pair.link, old=1400, new=1300),
        ChangeMtu(link=pair.link, netns=pair.netns, old=1400, new=1300),
        wider,
        ChangeAddresses(
            link=pair.link,
            netns=pair.netns,
            ifname=pair.ifname,
            mac=pair.mac,
            old=(FOUR,),
            new=(FOUR, SIX),
        ),
        ChangeGuard(link=pair.link, mac=pair.mac, old=True, new=False),
    ]
    by_six = ChangeRoute(
        netns=pair.netns,
        version=6,
        old=None,
        new=Route(ifname=pair.ifname, gateway=ip_address("fd00:7::1")),
    )

    await subject.kernel.apply([*changes, by_six])
    links = (await subject.kernel.observe()).links
    assert {links[name].mtu for name in (pair.bridge, pair.link)} == {1300}
    assert ip_address("fd00:7::1") in links[pair.bridge].addresses

    no_route = ChangeRoute(netns=pair.netns, version=6, old=None, new=None)
    back = [b for c in reversed(changes) if (b := inverse(c)) is not None]
    await subject.kernel.apply([no_route, *back])
    links = (await subject.kernel.observe()).links
    assert {links[name].mtu for name in (pair.bridge, pair.link)} == {1400}
    assert ip_address("fd00:7::1") not in links[pair.bridge].addresses
    assert "ChangeRoute" in await subject.refusal(by_six)


async def test_a_refused_change_leaves_a_link_as_it_was(subject: Subject) -> None:
    pair = veth(subject.path, 2)
    await subject.kernel.apply([bridge(), CreateNetns(path=subject.path), pair])
    change_mtu = ChangeMtu(link=pair.link, old=1400, new=1300)
    of_nobody = ChangeGateways(bridge=IfName("sw-none"), old=(), new=(GATEWAY4,))

    assert await subject.refusal(change_mtu, of_nobody) == (
        "ChangeGateways: there is no interface sw-none"
    )

    assert (await subject.kernel.observe()).links[pair.link].mtu == 1400


async def test_a_link_that_is_gone_keeps_no_other_from_changing(subject: Subject) -> None:
    pair, gone = veth(subject.path, 2), veth(subject.path, 3)
    await subject.kernel.apply([bridge(), CreateNetns(path=subject.path), pair])
    way = Route(ifname=IfName("eth9"), gateway=ip_address("10.7.0.1"))

    await subject.kernel.apply(
        [
            ChangeMtu(link=gone.link, old=1400, new=1300),
            ChangeMtu(link=gone.link, netns=gone.netns, old=1400, new=1300),
            ChangeAddresses(
                link=gone.link,
                netns=gone.netns,
                ifname=gone.ifname,
                mac=gone.mac,
                old=(FOUR,),
                new=(FOUR, SIX),
            ),
            ChangeGuard(link=gone.link, mac=gone.mac, old=True, new=False),
            ChangeRoute(netns=gone.netns, version=4, old=None, new=way, settled=True),
            ChangeMtu(link=pair.link, old=1400, new=1300),
        ]
    )

    assert (await subject.kernel.observe()).links[pair.link].mtu == 1300


async def test_removing_what_is_not_there_is_fine(subject: Subject) -> None:
    await subject.kernel.remove(
        [
            detach(veth(subject.path, 2)),
            ChangeRoute(netns=subject.path, version=4, old=None, new=None),
            UnnameNetns(name=subject.directory / "name"),
            DeleteNetns(path=subject.path),
            DeleteLink(name=IfName("sw-web")),
            ForgetAddress(address=GATEWAY),
            ForgetPort(proto=Proto.UDP, version=4, host_port=53),
            LeaveNames(netns=subject.path),
            change(WEB | PORT),
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
    with pytest.raises(InvalidRequest, match=r"cannot adopt .*/etc/hostname.*network namespace"):
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


async def test_what_happens_in_a_namespace_needs_one(subject: Subject) -> None:
    path = subject.path
    missing = f"there is no network namespace at {path}"

    names = await subject.refusal(RedirectNames(netns=path, port=35353))
    route = await subject.refusal(default_route(path, "10.7.0.1"))
    with pytest.raises(KernelRefused) as opened:
        await subject.kernel.open_socket(path, socket.AF_INET, socket.SOCK_DGRAM)

    assert names == f"RedirectNames: {missing}"
    assert route == f"ChangeRoute: {missing}"
    assert str(opened.value) == f"the kernel refused OpenSocket: {missing}"


async def test_a_default_route_needs_its_interface_and_a_way_to_its_gateway(
    subject: Subject,
) -> None:
    await subject.kernel.apply([bridge(), CreateNetns(path=subject.path), veth(subject.path, 2)])

    async def refusal(ifname: str, gateway: str) -> str:
        return await subject.refusal(default_route(subject.path, gateway, ifname))

    assert await refusal("eth9", "10.7.0.1") == "ChangeRoute: there is no interface eth9"
    assert await refusal("eth0", "10.9.9.9") == "ChangeRoute: Nexthop has invalid gateway"
    assert await refusal("eth0", "169.254.0.1") == "ChangeRoute: Nexthop has invalid gateway"
    assert await refusal("eth0", "2001:db8::1") == "ChangeRoute: No route to host"
    for gateway in ("10.7.0.1", "fd00:7::1", "fe80::1"):
        await subject.kernel.apply([default_route(subject.path, gateway)])


async def test_traffic_is_told_of_each_interface_inside_but_loopback(subject: Subject) -> None:
    await subject.kernel.apply([CreateNetns(path=subject.path)])
    before = await subject.kernel.traffic(subject.path)

    await subject.kernel.apply([bridge(), veth(subject.path, 2)])
    there = await subject.kernel.traffic(subject.path)

    assert dict(before) == {}
    assert list(there) == [ETH0]
    assert there[ETH0].rx_errors == there[ETH0].tx_errors == 0


async def test_a_bridge_that_goes_leaves_its_ports(subject: Subject) -> None:
    pair = veth(subject.path, 2)
    await subject.kernel.apply([bridge(), CreateNetns(path=subject.path), pair])

    await subject.kernel.remove([DeleteLink(name=IfName("sw-web"))])

    assert (await subject.kernel.observe()).links[pair.link].master is None
    assert await subject.refusal(pair) == "AttachVeth: there is no interface sw-web"


async def test_the_end_on_the_host_takes_the_other_with_it(subject: Subject) -> None:
    pair = veth(subject.path, 2)
    await subject.kernel.apply([bridge(), CreateNetns(path=subject.path), pair])

    await subject.kernel.remove([DeleteLink(name=pair.link)])

    await subject.kernel.apply([veth(subject.path, 3)])
    assert pair.link not in await subject.links()


async def test_a_link_is_cut_off_whatever_it_is_called_inside(subject: Subject) -> None:
    pair = veth(subject.path, 2)
    await subject.kernel.apply([bridge(), CreateNetns(path=subject.path), pair])

    await subject.kernel.remove(
        [DetachVeth(link=pair.link, netns=subject.path, ifname=IfName("eth9"))]
    )

    await subject.kernel.apply([veth(subject.path, 3)])


async def test_an_interface_of_another_link_is_not_cut_off(subject: Subject) -> None:
    pair, other = veth(subject.path, 2), veth(subject.path, 3, ifname="eth1")
    await subject.kernel.apply([bridge(), CreateNetns(path=subject.path), pair, other])

    await subject.kernel.remove([DetachVeth(link=pair.link, netns=subject.path, ifname=ETH1)])

    refusal = await subject.refusal(veth(subject.path, 4, ifname="eth1"))
    assert refusal == "AttachVeth: File exists"


async def test_a_namespace_that_is_bound_twice_outlives_one_of_them(subject: Subject) -> None:
    again = subject.path.with_name("b")
    pair = veth(subject.path, 2)
    await subject.kernel.apply(
        [bridge(), CreateNetns(path=subject.path), BindNetns(path=again, source=subject.path), pair]
    )

    await subject.kernel.remove([DeleteNetns(path=subject.path)])

    assert await subject.kernel.bound(again.parent) == {again: True}
    assert pair.link in await subject.links()
    refusal = await subject.refusal(veth(again, 3))
    assert refusal == "AttachVeth: File exists"


async def test_a_name_leads_to_the_last_namespace_and_goes_when_that_is_undone(
    subject: Subject,
) -> None:
    name, there = subject.path.with_name("web"), subject.path.with_name("b")
    await subject.kernel.apply([CreateNetns(path=there), NameNetns(name=name, path=subject.path)])
    nowhere = await subject.kernel.bound(name.parent)

    await subject.kernel.apply([NameNetns(name=name, path=there)])
    somewhere = await subject.kernel.bound(name.parent)
    await subject.refusal(NameNetns(name=name, path=subject.path), CreateNetns(path=there))

    assert nowhere == {there: True, name: False}
    assert somewhere == {there: True, name: True}
    assert await subject.kernel.bound(name.parent) == {there: True}


async def test_each_question_is_a_step_but_that_for_drops(subject: Subject) -> None:
    await subject.kernel.observe()
    await subject.kernel.sysctl("net/ipv4/ip_forward")
    await subject.kernel.bound(subject.directory)
    await subject.kernel.drops()
    await subject.load()
    (await subject.kernel.open_socket(None, socket.AF_INET, socket.SOCK_DGRAM)).close()

    with pytest.raises(KernelRefused):
        await subject.kernel.traffic(subject.path)

    steps = ("Observe", "ReadSysctl", "Bound", "ReplaceRules", "OpenSocket", "ReadTraffic")
    assert subject.steps.reached == [f"kernel.{step}" for step in steps]


# The firewall's elements


async def test_rules_change_there_and_back(subject: Subject) -> None:
    await subject.load()
    there, back = change(new=PORT), change(PORT)

    await subject.kernel.apply([there, back, there])

    assert await subject.has(PORT)


@pytest.mark.parametrize("elements", EACH_KIND, ids=kind_of)
async def test_an_element_that_is_there_may_be_added_again(
    subject: Subject, elements: Elements
) -> None:
    await subject.load(elements)

    await subject.kernel.apply([change(new=elements)])

    assert await subject.has(elements)


@pytest.mark.parametrize("elements", EACH_KIND, ids=kind_of)
async def test_an_element_that_is_not_there_cannot_be_deleted(
    subject: Subject, elements: Elements
) -> None:
    await subject.load()
    (element,) = elements

    refusal = await subject.refusal(change(elements, DB))

    assert refusal == (
        f"ChangeElements: delete element {element.table} {element.set}: No such file or directory"
    )
    assert not await subject.has(DB)


async def test_a_key_leads_elsewhere_only_when_its_element_is_deleted(subject: Subject) -> None:
    await subject.load(PORT | RANGE)
    other_range = one("range_any4", "udp . 100-200", "10.7.0.3")

    assert await subject.refusal(change(new=ELSEWHERE)) == (
        "ChangeElements: add element inet seaway any4: File exists"
    )
    assert await subject.refusal(change(new=other_range)) == (
        "ChangeElements: add element inet seaway range_any4: File exists"
    )
    await subject.kernel.apply([change(PORT | RANGE, ELSEWHERE | other_range)])
    await subject.kernel.apply([change(new=ELSEWHERE | other_range)])


async def test_an_element_of_a_map_that_leads_elsewhere_is_not_the_one_to_delete(
    subject: Subject,
) -> None:
    await subject.load(PORT)

    refusal = await subject.refusal(change(ELSEWHERE))

    assert refusal == "ChangeElements: delete element inet seaway any4: No such file or directory"
    assert await subject.has(PORT)


@pytest.mark.parametrize(
    ("there", "new"),
    [
        (MASQ, one("masq4", '"sw-web" . 10.7.1.0/24')),
        (MASQ, one("masq4", '"sw-web" . 10.6.0.0/15')),
        (RANGE, one("range_any4", "udp . 150-250", "10.7.0.2")),
        (RANGE, one("range_any4", "udp . 50-150", "10.7.0.2")),
        (RANGE, one("range_any4", "udp . 150", "10.7.0.2")),
        (FROM, one("from_any4", "tcp . 15-25 . 10.1.0.0/16")),
    ],
    ids=["within", "around to the same end", "right", "left", "one", "both fields"],
)
async def test_an_interval_with_an_end_in_another_is_refused(
    subject: Subject, there: Elements, new: Elements
) -> None:
    subject.needs_told_overlaps()
    await subject.load(there)

    refusal = await subject.refusal(change(new=new))

    assert refusal == f"ChangeElements: add element inet seaway {kind_of(new)}: File exists"
    assert await subject.has(there)
    await subject.kernel.apply([change(there, new)])


@pytest.mark.parametrize(
    ("there", "new"),
    [
        (MASQ, one("masq4", '"sw-web" . 10.0.0.0/8')),
        (MASQ, one("masq4", '"sw-db" . 10.7.0.0/24')),
        (RANGE, one("range_any4", "udp . 50-250", "10.7.0.2")),
        (RANGE, one("range_any4", "tcp . 150", "10.7.0.2")),
        (RANGE, one("range_any4", "udp . 201-210", "10.7.0.2")),
        (FROM, one("from_any4", "tcp . 15-25 . 11.0.0.0/8")),
    ],
    ids=["around", "other link", "range around", "other protocol", "beside", "one field"],
)
async def test_an_interval_whose_ends_are_in_no_other_is_fine(
    subject: Subject, there: Elements, new: Elements
) -> None:
    await subject.load(there)

    await subject.kernel.apply([change(new=new)])

    await subject.kernel.apply([change(there | new)])


async def test_intervals_of_one_change_may_not_overlap_either(subject: Subject) -> None:
    subject.needs_told_overlaps()
    await subject.load()

    refusal = await subject.refusal(change(new=MASQ | one("masq4", '"sw-web" . 10.7.1.0/24')))

    assert refusal == "ChangeElements: add element inet seaway masq4: File exists"
    assert not await subject.has(MASQ)


@pytest.mark.parametrize("ever", [True, False], ids=["removed", "never there"])
async def test_without_tables_no_element_changes(subject: Subject, ever: bool) -> None:
    if ever:
        await subject.load(WEB)
        await subject.kernel.replace_rules(NO_RULES)

    missing = "element inet seaway bridges: No such file or directory"
    assert await subject.refusal(change(WEB)) == f"ChangeElements: delete {missing}"
    assert await subject.refusal(change(new=WEB)) == f"ChangeElements: add {missing}"
    await subject.kernel.apply([change(), change(WEB, WEB)])


async def test_a_whole_ruleset_has_its_own_elements_alone(subject: Subject) -> None:
    await subject.load(WEB)

    await subject.load(DB | PORT)

    assert await subject.has(DB | PORT)
    assert not await subject.has(WEB)


async def test_a_refused_ruleset_leaves_the_former(subject: Subject) -> None:
    await subject.load(WEB)

    with pytest.raises(KernelRefused, match="ReplaceRules"):
        await subject.load(PORT | ELSEWHERE)

    assert await subject.has(WEB)


async def test_a_change_is_undone_with_the_rest_of_its_list(subject: Subject) -> None:
    await subject.load(WEB)

    await subject.refusal(change(WEB, DB | PORT), veth(subject.path, 2))

    assert await subject.has(WEB)
    assert not await subject.has(DB)
    assert not await subject.has(PORT)


async def test_a_removal_of_rules_may_be_said_again(subject: Subject) -> None:
    await subject.load(DB)

    for _ in range(2):
        await subject.kernel.remove([change(WEB | DB, PORT)])

    assert await subject.has(PORT)
    assert not await subject.has(DB)


async def test_a_removal_that_must_add_what_cannot_be_is_told(subject: Subject) -> None:
    await subject.load(PORT | WEB)

    with pytest.raises(ExceptionGroup) as caught:
        await subject.kernel.remove([change(WEB | DB, ELSEWHERE), change(NOTHING, DB)])

    (error,) = caught.value.exceptions
    assert str(error) == (
        "the kernel refused ChangeElements: add element inet seaway any4: File exists"
    )
    assert await subject.has(WEB)
    assert await subject.has(DB)


async def test_a_setting_is_read_back_and_put_back(subject: Subject) -> None:
    on = SetSysctl(path="net/ipv4/ip_forward", value="1", before="0")
    await subject.kernel.apply([on])
    off = SetSysctl(path="net/ipv4/ip_forward", value="0", before="1")

    with pytest.raises(KernelRefused):
        await subject.kernel.apply([off, veth(subject.path, 2)])

    assert await subject.kernel.sysctl("net/ipv4/ip_forward") == "1"
    assert await subject.kernel.sysctl("net/ipv4/none_such") is None
    none_such = SetSysctl(path="net/ipv4/none_such", value="1", before="0")
    assert await subject.refusal(none_such) == "SetSysctl: No such file or directory"


async def test_a_host_without_routes_has_ethernets_mtu(subject: Subject) -> None:
    seen = await subject.kernel.observe()

    assert (seen.routes, seen.default_mtu, seen.addresses) == ((), 1500, ())
    assert await subject.kernel.drops() == {}


# Uplinks and switches


def joined(bridge_name: str = "sw-db", name: str = "sw-shim", *, up: bool = False) -> JoinUplink:
    """What makes the host's link sw-shim, or another, a port of a bridge."""
    link, master = IfName(name), IfName(bridge_name)
    release = LeaveUplink(name=link, bridge=master, up=up)
    return JoinUplink(name=link, bridge=master, release=release)


async def with_uplink(subject: Subject) -> None:
    """The bridges sw-web and sw-db, and the link sw-shim, which is no port of any."""
    other = replace(bridge("sw-db", "10.8.0.1/24"), mac=Mac("02:00:00:00:00:02"))
    await subject.kernel.apply([bridge(), other, ChangeShim(old=None, new=a_shim())])


@pytest.mark.parametrize("up", [True, False])
async def test_an_uplink_is_a_port_and_is_left_as_it_was(subject: Subject, up: bool) -> None:
    await with_uplink(subject)
    join, name = joined(up=up), IfName("sw-shim")

    for _ in range(2):
        await subject.kernel.apply([join])
    link = (await subject.kernel.observe()).links[name]
    assert (link.master, link.up) == ("sw-db", True)

    for _ in range(2):
        await subject.kernel.remove([join.release])
    link = (await subject.kernel.observe()).links[name]
    assert (link.master, link.up) == (None, up)


async def test_an_uplink_that_is_elsewhere_or_gone_is_refused_and_left_alone(
    subject: Subject,
) -> None:
    await with_uplink(subject)
    await subject.kernel.apply([joined("sw-db", up=True)])

    refusal = await subject.refusal(joined("sw-web"))
    assert refusal == "JoinUplink: sw-shim is part of another bridge or bond"
    await subject.kernel.remove([joined("sw-web").release, joined("sw-none").release])
    link = (await subject.kernel.observe()).links[IfName("sw-shim")]
    assert (link.master, link.up) == ("sw-db", True)

    gone = joined(name="usb0")
    assert "the host has no interface usb0" in await subject.refusal(gone)
    await subject.kernel.remove([gone.release])


async def test_an_uplink_is_taken_off_again_with_the_rest_of_its_list(subject: Subject) -> None:
    await with_uplink(subject)

    await subject.refusal(joined(), bridge())

    assert (await subject.kernel.observe()).links[IfName("sw-shim")].master is None


async def test_where_vlans_are_not_kept_apart_nobody_is_put_into_one(subject: Subject) -> None:
    path, name = subject.path, IfName("sw-web")
    await subject.kernel.apply([bridge(), CreateNetns(path=path)])

    for op in (replace(veth(path, 2), vlan=50), passing(50, "sw-web")):
        assert "sw-web does not keep VLANs apart" in await subject.refusal(op)

    assert await subject.links() == {"lo", name}


SWITCH = IfName("st-eth1")
A_SWITCH = AddSwitch(name=SWITCH, mac=Mac("02:00:00:00:00:07"))


def passing(vlan: int, switch: str = SWITCH) -> PassVlan:
    """What lets frames of *vlan* pass a switch, and its uplink sw-shim."""
    gone = dropping(vlan, switch)
    return PassVlan(switch=gone.switch, vlan=vlan, uplink=gone.uplink, adopted=False, release=gone)


def dropping(vlan: int, switch: str = SWITCH) -> DropVlan:
    """What undoes it."""
    return DropVlan(switch=IfName(switch), vlan=vlan, uplink=IfName("sw-shim"))


def bridge_in(vlan: int, name: str = "sw-v50") -> AddBridge:
    """The VLAN subinterface of the switch that is a network's bridge."""
    made = bridge(name, f"10.{vlan}.0.1/24")
    return replace(made, mac=None, switch=SWITCH, vlan=vlan)


async def passes(subject: Subject, *names: str) -> list[set[int]]:
    """The VLANs that pass links of the host."""
    links = (await subject.kernel.observe()).links
    return [set(links[IfName(name)].vlans) for name in names]


@pytest.mark.machine
async def test_a_switch_has_vlans_for_its_networks_alone(subject: Subject) -> None:
    await subject.needs_vlans()
    await with_uplink(subject)
    before = await subject.links()
    await subject.kernel.apply([A_SWITCH, bridge_in(50), joined(SWITCH), passing(50)])
    await subject.kernel.apply([bridge_in(60, "sw-v60"), passing(60)])
    await subject.kernel.apply([passing(60)])

    links = (await subject.kernel.observe()).links
    switch, subinterface = links[SWITCH], links[IfName("sw-v50")]
    assert (switch.kind, switch.filters_vlans, switch.mtu) == ("bridge", True, 65535)
    assert (switch.group, subinterface.group) == (BRIDGE_GROUP, BRIDGE_GROUP)
    assert (subinterface.vlan, subinterface.lower, subinterface.mtu) == (50, switch.index, 1400)
    assert (subinterface.mac, subinterface.up) == (A_SWITCH.mac, True)
    assert ip_address("10.50.0.1") in subinterface.addresses
    assert await passes(subject, SWITCH, "sw-shim") == [{50, 60}, {50, 60}]

    for _ in range(2):
        await subject.kernel.remove([dropping(60)])
    assert await passes(subject, SWITCH, "sw-shim") == [{50}, {50}]
    bridges = (DeleteLink(name=IfName("sw-v60")), DeleteLink(name=SWITCH))
    await subject.kernel.remove([joined(SWITCH).release, *bridges])
    await subject.kernel.remove([dropping(50)])
    assert await subject.links() == before


@pytest.mark.machine
async def test_a_port_is_in_one_vlan_alone(subject: Subject) -> None:
    await subject.needs_vlans()
    path = subject.path
    ends = [replace(veth(path, n, to=SWITCH, ifname=f"eth{n}"), vlan=50 + n) for n in (2, 3)]

    await subject.kernel.apply(
        [A_SWITCH, CreateNetns(path=path), ends[0], replace(ends[1], guarded=False)]
    )

    assert await passes(subject, *(end.link for end in ends)) == [{52}, {53}]
    guard = ChangeGuard(link=ends[1].link, mac=ends[1].mac, vlan=53, old=False, new=True)
    await subject.kernel.apply([guard])


@pytest.mark.machine
async def test_what_a_refused_list_made_of_a_switch_is_taken_back(subject: Subject) -> None:
    await subject.needs_vlans()
    await with_uplink(subject)
    first = (A_SWITCH, bridge_in(50), joined(SWITCH), passing(50))
    second = (bridge_in(60, "sw-v60"), passing(60))
    for there in ((), first):
        await subject.kernel.apply(there)
        before = await subject.links()

        await subject.refusal(*(second if there else first), bridge())

        assert await subject.links() == before
    assert await passes(subject, SWITCH, "sw-shim") == [{50}, {50}]


@pytest.mark.machine
async def test_a_vlan_of_a_switch_is_taken_once(subject: Subject) -> None:
    await subject.needs_vlans()
    await subject.kernel.apply([A_SWITCH, bridge_in(50)])

    assert "exists" in await subject.refusal(bridge_in(50, "sw-other"))
    assert "AddBridge: there is no interface st-eth9" in await subject.refusal(
        replace(bridge_in(60, "sw-other"), switch=IfName("st-eth9"))
    )


# Links on a parent


def a_link(path: Path, *, parent: str = "sw-web", ifname: str = "eth0") -> AttachLink:
    """A macvlan link inside, 10.7.0.2."""
    return AttachLink(
        parent=IfName(parent),
        netns=path,
        ifname=IfName(ifname),
        link=Macvlan(),
        mac=Mac("02:00:00:00:01:02"),
        mtu=None,
        addresses=(FOUR,),
    )


def a_shim(*addresses: str) -> Shim:
    """The host's own link on the bridge sw-web."""
    return Shim(
        name=IfName("sw-shim"),
        parent=IfName("sw-web"),
        link=Macvlan(),
        mac=Mac("02:00:00:00:01:01"),
        mtu=None,
        addresses=tuple(ip_interface(f"{a}/32") for a in addresses),
    )


async def test_a_link_on_a_parent_is_inside_and_gone_when_it_is_detached(subject: Subject) -> None:
    kernel, path = subject.kernel, subject.path
    await kernel.apply([bridge(), CreateNetns(path=path), a_link(path)])
    parent = (await kernel.observe()).links[IfName("sw-web")]

    link = (await kernel.links_inside(path))[ETH0]
    assert (link.kind, link.lower, link.group) == ("macvlan", parent.index, PARENT_GROUP)
    assert (link.mac, FOUR.ip in link.addresses) == ("02:00:00:00:01:02", True)
    gone = inverse(a_link(path))
    assert isinstance(gone, DetachLink)
    for _ in range(2):
        await kernel.remove([gone])

    left = (await kernel.links_inside(path)).get(ETH0)
    assert left is None or left.addresses == ()  # the kernel's own deletion takes its time
    await kernel.apply([a_link(path)])
    assert FOUR.ip in (await kernel.links_inside(path))[ETH0].addresses
    await kernel.remove([gone, DeleteNetns(path=path)])
    await kernel.remove([gone])


async def test_a_missing_parent_is_said_by_name(subject: Subject) -> None:
    path = subject.path
    await subject.kernel.apply([CreateNetns(path=path)])

    assert "the host has no interface usb0" in await subject.refusal(a_link(path, parent="usb0"))
    assert "the host has no interface usb0" in await subject.refusal(
        ChangeShim(old=None, new=replace(a_shim(), parent=IfName("usb0")))
    )


async def test_what_a_refused_list_made_on_a_parent_is_taken_back(subject: Subject) -> None:
    kernel, path = subject.kernel, subject.path
    await kernel.apply([bridge(), CreateNetns(path=path)])
    before = await subject.links()

    await subject.refusal(
        ChangeShim(old=None, new=a_shim("10.7.0.9")),
        a_link(path),
        ChangeHostRoutes(link=IfName("sw-shim"), new=(FOUR.ip,)),
        a_link(path),
    )

    assert await subject.links() == before
    assert ETH0 not in await kernel.links_inside(path)
    assert (await kernel.observe()).host_routes == {}


async def test_a_shim_changes_and_goes_with_the_routes_by_it(subject: Subject) -> None:
    kernel, name = subject.kernel, IfName("sw-shim")
    one, two = a_shim("10.7.0.9"), a_shim("10.7.0.9", "10.8.0.9")
    there = (FOUR.ip, ip_address("10.7.0.3"))
    await kernel.apply([bridge(), ChangeShim(old=None, new=one)])

    await kernel.apply([ChangeShim(old=one, new=two), ChangeHostRoutes(link=name, new=there)])
    await kernel.apply([ChangeHostRoutes(link=name, old=there, new=there)])
    observed = await kernel.observe()
    assert [str(a) for a in observed.links[name].addresses if a.version == 4] == [
        "10.7.0.9",
        "10.8.0.9",
    ]
    assert {k: sorted(v) for k, v in observed.host_routes.items()} == {name: sorted(there)}
    await kernel.apply([ChangeHostRoutes(link=name, old=there, new=there[:1])])
    assert (await kernel.observe()).host_routes == {name: there[:1]}

    for _ in range(2):
        await kernel.remove([ChangeShim(old=two, new=None)])
    assert name not in await subject.links()
    assert (await kernel.observe()).host_routes == {}
    await kernel.remove([ChangeHostRoutes(link=name, old=there)])


async def test_an_interface_on_a_parent_changes_while_it_is_there(subject: Subject) -> None:
    kernel, path = subject.kernel, subject.path
    await kernel.apply([bridge(), CreateNetns(path=path), a_link(path)])
    parent, mac = IfName("sw-web"), Mac("02:00:00:00:01:02")
    change = ChangeAddresses(
        link=ETH0, netns=path, ifname=ETH0, parent=parent, mac=mac, old=(FOUR,), new=(FOUR, SIX)
    )
    smaller = ChangeMtu(link=ETH0, netns=path, parent=parent, old=None, new=1300)

    await kernel.apply([change, smaller])

    link = (await kernel.links_inside(path))[ETH0]
    assert {FOUR.ip, SIX.ip} <= set(link.addresses)
    await kernel.apply([inverse(change), inverse(smaller)])  # type: ignore[list-item]
    assert SIX.ip not in (await kernel.links_inside(path))[ETH0].addresses


# Others on the LAN


async def test_whoever_has_an_address_on_the_lan_says_so(subject: Subject) -> None:
    kernel, path, lan = subject.kernel, subject.path, IfName("sw-web")
    mac = Mac("02:00:00:00:01:02")
    joined = replace(veth(path, 2), addresses=(FOUR, SIX), mac=mac, guarded=False)
    await kernel.apply([bridge(), CreateNetns(path=path), joined])
    free = (ip_address("10.7.0.3"), ip_address("fd00:7::3"))

    assert await kernel.who_has(lan, (FOUR.ip, SIX.ip, *free), 0.5) == {FOUR.ip: mac, SIX.ip: mac}
    assert await kernel.who_has(lan, free, 0.02) == {}


async def test_nobody_answers_by_an_interface_that_is_not_there(subject: Subject) -> None:
    assert await subject.kernel.who_has(IfName("usb0"), (FOUR.ip, SIX.ip), 60) == {}
