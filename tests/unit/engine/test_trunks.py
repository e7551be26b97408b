"""Bridge networks with an uplink and in VLANs: what they share, what is mended, and what is told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from fakes.world import World, a_world, network_wish, restarted, settled
from seaway.engine import parents
from seaway.engine.adoptions import KEPT
from seaway.engine.changing import Changing
from seaway.model.errors import EngineError, InvalidRequest
from seaway.model.ids import IfName, Mac
from seaway.model.network import Network, NetworkChange, NetworkWish
from seaway.model.observed import LinkNews, LinkState, Surroundings
from seaway.plan.operations import AddSwitch, AttachVeth

EXT0, BR0, SWITCH = IfName("ext0"), IfName("br0"), IfName("st-ext0")
NAME = "com.docker.network.bridge.name"


def plug_in(world: World, name: IfName = EXT0, **facts: object) -> None:
    """The host gets a link, down without an address; the daemon hears of it if it listens."""
    link = LinkState(
        index=100 + len(world.kernel.links), mtu=1500, up=False, mac=Mac("02:00:00:00:01:00")
    )
    world.kernel.links[name] = replace(link, **facts)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    world.kernel.tell_links(LinkNews(came=frozenset({name})))


def a_foreign_switch(world: World, **facts: object) -> None:
    """Somebody's bridge br0, which keeps VLANs apart, with ext0 as a trunk for VLAN 50."""
    what = {"up": True, "kind": "bridge", "filters_vlans": True, "vlans": frozenset({1})}
    plug_in(world, BR0, **{**what, **facts})
    plug_in(world, EXT0, up=True, master=BR0, vlans=frozenset({1, 50}))


def pull_out(world: World, name: IfName = EXT0) -> None:
    """A link goes, and all that is on it."""
    gone = {name, *(n for n, link in world.kernel.links.items() if _is_on(world, link, name))}
    world.kernel.lose_link(name)
    world.kernel.tell_links(LinkNews(went=frozenset(gone)))


def _is_on(world: World, link: LinkState, name: IfName) -> bool:
    return link.kind == "vlan" and link.lower == world.kernel.links[name].index


async def a_trunk(world: World, name: str, vlan: int) -> Network:
    """A network in a VLAN of ext0, with the subnet 10.(vlan).0.0/24."""
    asked = (("seaway.uplink", "ext0"), ("seaway.vlan", str(vlan)))
    return await world.network(name, [f"10.{vlan}.0.0/24"], options=asked)


def foreign_wish(name: str, vlan: int) -> NetworkWish:
    """A network in a VLAN of br0."""
    asked = ((NAME, "br0"), ("seaway.vlan", str(vlan)))
    return network_wish(name, [f"10.{vlan}.0.0/24"], options=asked)


async def on_foreign(world: World, name: str, vlan: int) -> Network:
    """It, made."""
    return (await world.networks.create(foreign_wish(name, vlan)))[0]


async def warnings(world: World) -> str:
    return "\n".join(await world.engine.checkup.warnings())


State = dict[str, tuple[object, ...]]


def state(world: World) -> State:
    """The host's links but for what is other each time, the firewall, and what is kept of other links."""
    found: State = {
        name: (link.master, link.up, sorted(link.vlans), link.vlan, link.interfaces)
        for name, link in world.kernel.links.items()
    }
    found["elements"] = tuple(sorted(map(str, world.kernel.elements)))
    found["kept"] = tuple(world.store.facts(KEPT))
    found["networks"] = tuple(sorted(n.name for n in world.store.networks()))
    return found


async def test_an_uplink_is_a_port_of_the_bridge_as_long_as_the_network_is_there() -> None:
    async with a_world() as world:
        plug_in(world)
        before = state(world)

        lan = await world.network("lan", options=(("seaway.uplink", "ext0"),))

        link = world.kernel.links[EXT0]
        assert (link.master, link.up) == (lan.options.bridge, True)
        await world.networks.remove("lan")
        assert state(world) == before


async def test_networks_share_switch_and_uplink_from_the_first_to_the_last() -> None:
    async with a_world() as world:
        plug_in(world)
        before = state(world)
        first, second = await a_trunk(world, "a", 50), await a_trunk(world, "b", 60)

        link, switch = world.kernel.links[EXT0], world.kernel.links[SWITCH]
        assert (link.master, *sorted(link.vlans), *sorted(switch.vlans)) == (SWITCH, 50, 60, 50, 60)
        for network, vlan in ((first, 50), (second, 60)):
            bridge = world.kernel.links[IfName(str(network.options.bridge))]
            assert (bridge.vlan, bridge.lower, bridge.mac) == (vlan, switch.index, switch.mac)
        await world.networks.remove("a")
        assert world.kernel.links[EXT0].vlans == {60}
        assert world.kernel.links[SWITCH].vlans == {60}
        await world.networks.remove("b")
        assert state(world) == before


async def test_networks_made_at_once_share_one_switch() -> None:
    async with a_world() as world:
        plug_in(world)

        made = await asyncio.gather(*(a_trunk(world, f"n{v}", v) for v in (50, 60, 70)))

        assert len([op for op in world.kernel.operations if isinstance(op, AddSwitch)]) == 1
        assert len({n.bridge_mac for n in made}) == 1
        assert world.kernel.links[EXT0].vlans == {50, 60, 70}


async def test_a_sandbox_is_in_the_vlan_of_its_network() -> None:
    async with a_world() as world:
        plug_in(world)
        await a_trunk(world, "a", 50)
        box = await world.box("box", ["a"])

        (attach,) = world.kernel.namespaces[world.paths.bound(box)].links.values()

        assert isinstance(attach, AttachVeth)
        assert (attach.bridge, attach.vlan, attach.guarded) == (SWITCH, 50, True)
        assert world.kernel.links[attach.link].vlans == {50}


async def test_of_somebody_elses_switch_nothing_changes_but_the_vlan() -> None:
    async with a_world() as world:
        a_foreign_switch(world)
        before = state(world)

        network = await on_foreign(world, "a", 50)

        assert world.kernel.links[BR0].vlans == {1, 50}
        assert world.kernel.links[EXT0].vlans == {1, 50}
        assert network.options.bridge in world.kernel.links
        await world.networks.remove("a")
        assert state(world) == before


async def test_a_vlan_that_passed_before_passes_afterwards() -> None:
    async with a_world() as world:
        a_foreign_switch(world, vlans=frozenset({1, 50}))
        before = state(world)
        await on_foreign(world, "a", 50)

        await world.networks.remove("a")

        assert state(world) == before


async def test_a_switch_on_which_nobody_else_is_in_the_vlan_is_told_of() -> None:
    async with a_world() as world:
        a_foreign_switch(world)

        _, silence = await world.networks.create(foreign_wish("a", 50))
        _, told = await world.networks.create(foreign_wish("b", 60))

        assert silence == ()
        assert list(told) == [
            "no port of br0 is in VLAN 60 yet, so that nobody but sandboxes is: bridge vlan add dev PORT vid 60"
        ]


# What fails, and who is killed

CASES: dict[str, tuple[tuple[str, ...], Callable[[World], Awaitable[object]]]] = {
    "first": ((), lambda w: a_trunk(w, "a", 50)),
    "second": (("a",), lambda w: a_trunk(w, "b", 60)),
    "rm second": (("a", "b"), lambda w: w.networks.remove("b")),
    "rm last": (("a",), lambda w: w.networks.remove("a")),
    "foreign": ((), lambda w: on_foreign(w, "f", 70)),
    "rm foreign": (("f",), lambda w: w.networks.remove("f")),
    "plain": ((), lambda w: w.network("p", ["10.9.0.0/24"], options=(("seaway.uplink", "ext0"),))),
}


async def prepared(world: World, case: str) -> None:
    """The host, and the networks that must be there for *case*."""
    plug_in(world)
    plug_in(world, BR0, up=True, kind="bridge", filters_vlans=True, vlans=frozenset({1}))
    await world.recovery.restore()
    for name in CASES[case][0]:
        if name == "f":
            await on_foreign(world, name, 70)
        else:
            await a_trunk(world, name, {"a": 50, "b": 60}[name])


async def steps_of(case: str) -> int:
    """How many steps *case* has."""
    async with a_world() as world:
        await prepared(world, case)
        world.steps.arm(None)
        await CASES[case][1](world)
        return len(world.steps.reached)


@pytest.mark.parametrize("case", [c for c in CASES if not c.startswith("rm")])
async def test_a_network_that_cannot_be_made_leaves_nothing_behind(case: str) -> None:
    for number in range(await steps_of(case)):
        async with a_world() as world:
            await prepared(world, case)
            before = state(world)

            world.steps.arm(number)
            try:
                await CASES[case][1](world)
            except EngineError:
                world.steps.arm(None)
                assert state(world) == before, number
            else:  # what is only told of is no reason to fail
                assert world.steps.reached[number] == "kernel.ReadSurroundings"


class _Killed(BaseException):
    """The daemon is no more."""


class _Death:
    """From step *number* on nothing is done any more, and nothing is undone."""

    def __init__(self, number: int) -> None:
        self._left = number

    def reach(self, step: str) -> None:
        """Count down to the end."""
        self._left -= 1
        if self._left < 0:
            raise _Killed(step)


@pytest.mark.parametrize("case", CASES)
async def test_a_daemon_that_is_killed_at_any_step_has_done_it_all_or_nothing(
    case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(await steps_of(case)):
        async with a_world() as world:
            await prepared(world, case)
            before = state(world)
            world.steps.arm(None)

            with monkeypatch.context() as dying, pytest.raises(_Killed):
                dying.setattr(world.steps, "reach", _Death(number).reach)
                await CASES[case][1](world)
            await restarted(world)

            now = state(world)
            if now != before:
                await restarted(world)
                assert state(world) == now, number
                assert now["networks"] != before["networks"], number
                assert await warnings(world) == "", number


# What is mended, and what is told


async def test_an_uplink_that_returns_is_a_port_again_for_all_its_vlans() -> None:
    async with a_world() as world:
        plug_in(world)
        await a_trunk(world, "a", 50)
        await a_trunk(world, "b", 60)
        box = await world.box("box", ["a"])
        before = list(world.kernel.namespaces[world.paths.bound(box)].links)

        pull_out(world)
        await settled(world)
        assert await warnings(world) == (
            "network a waits for its uplink ext0, which the host has not got: its sandboxes reach nobody "
            "behind that until it is there\n"
            "network b waits for its uplink ext0, which the host has not got: its sandboxes reach nobody "
            "behind that until it is there"
        )
        assert list(world.kernel.namespaces[world.paths.bound(box)].links) == before
        plug_in(world)
        await settled(world)

        link = world.kernel.links[EXT0]
        assert (link.master, link.up, *sorted(link.vlans)) == (SWITCH, True, 50, 60)
        assert await warnings(world) == ""


async def test_a_start_without_the_uplink_makes_all_the_rest() -> None:
    async with a_world() as world:
        plug_in(world)
        network = await a_trunk(world, "a", 50)
        await world.box("box", ["a"])
        pull_out(world)
        for name in (SWITCH, IfName(str(network.options.bridge))):
            world.kernel.links.pop(name)

        await restarted(world)

        assert world.kernel.links[SWITCH].vlans == {50}
        assert "waits for its uplink ext0" in await warnings(world)
        plug_in(world)
        await settled(world)
        assert world.kernel.links[EXT0].vlans == {50}


async def test_a_switch_that_somebody_deletes_is_made_again_with_all_on_it() -> None:
    async with a_world() as world:
        plug_in(world)
        await a_trunk(world, "a", 50)
        await a_trunk(world, "b", 60)
        box = await world.box("box", ["b"])
        before = state(world)

        pull_out(world, SWITCH)
        await settled(world)

        assert state(world) == before
        (attach,) = world.kernel.namespaces[world.paths.bound(box)].links.values()
        assert isinstance(attach, AttachVeth)
        assert world.kernel.links[attach.link].master == SWITCH


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        (EXT0, {"master": None, "vlans": frozenset[int]()}),
        (EXT0, {"vlans": frozenset({50})}),
        (SWITCH, {"vlans": frozenset[int]()}),
        (SWITCH, {"filters_vlans": False}),
    ],
    ids=["off the switch", "out of a VLAN", "no VLAN passes", "VLANs are not kept apart"],
)
async def test_what_somebody_changed_is_as_it_was_after_a_start(
    name: IfName, facts: dict[str, object]
) -> None:
    async with a_world() as world:
        plug_in(world)
        await a_trunk(world, "a", 50)
        await a_trunk(world, "b", 60)
        await world.box("box", ["b"])
        await world.recovery.restore()
        before = state(world)
        link = world.kernel.links[name]
        world.kernel.links[name] = replace(link, **facts)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

        await restarted(world)

        assert state(world) == before


async def test_an_uplink_that_is_elsewhere_is_told() -> None:
    async with a_world() as world:
        plug_in(world)
        await a_trunk(world, "a", 50)
        link = world.kernel.links[EXT0]
        for master, what in ((None, "was taken off it"), (BR0, "is part of br0")):
            world.kernel.links[EXT0] = replace(link, master=master)

            assert await warnings(world) == (
                f"ext0 is the uplink of network a, and {what}: ip link set ext0 master st-ext0"
            )


async def test_a_network_on_somebody_elses_switch_waits_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(parents, "RETRIES", (0, 0, 0))
    async with a_world() as world:
        a_foreign_switch(world)
        network = await on_foreign(world, "a", 50)
        await world.box("box", ["a"])

        pull_out(world, BR0)
        await settled(world)
        assert await warnings(world) == (
            "network a waits for its bridge br0, which the host has not got: it comes up by itself when "
            "that is there"
        )
        plug_in(world, BR0, up=True, kind="bridge")
        world.kernel.links[BR0] = replace(world.kernel.links[BR0], filters_vlans=True)
        await settled(world)

        assert network.options.bridge in world.kernel.links
        assert world.kernel.links[BR0].vlans == {50}
        assert await warnings(world) == ""


async def test_a_switch_that_keeps_vlans_apart_no_longer_is_told() -> None:
    async with a_world() as world:
        a_foreign_switch(world)
        await on_foreign(world, "a", 50)
        world.kernel.links[BR0] = replace(world.kernel.links[BR0], filters_vlans=False)

        assert await warnings(world) == (
            "bridge br0 keeps VLANs apart no longer: sandboxes of network a are among all others on it; "
            "ip link set br0 type bridge vlan_filtering 1"
        )


@pytest.mark.parametrize("link", ["all", "st-ext0"])
async def test_ports_that_a_filter_keeps_from_a_vlan_are_told(link: str) -> None:
    async with a_world() as world:
        plug_in(world)
        await a_trunk(world, "a", 50)
        world.kernel.sysctls[f"net/ipv4/conf/{link}/rp_filter"] = "2"
        assert await warnings(world) == ""

        world.kernel.sysctls["net/bridge/bridge-nf-call-iptables"] = "1"

        assert await warnings(world) == (
            f"published ports do not answer by IPv4 in the VLANs of st-ext0 while net.ipv4.conf.{link}."
            "rp_filter is set, and net.bridge.bridge-nf-call-iptables is 1; machines elsewhere reach them"
        )


async def test_a_network_that_was_changing_takes_nothing_from_others() -> None:
    async with a_world() as world:
        plug_in(world)
        first = await a_trunk(world, "a", 50)
        await a_trunk(world, "b", 60)
        switch = world.kernel.links[SWITCH].index
        await Changing(world.store).begin(first)

        await restarted(world)

        assert world.kernel.links[SWITCH].index == switch
        assert world.kernel.links[EXT0].vlans == {50, 60}


async def test_the_gateways_of_the_subinterface_change() -> None:
    async with a_world() as world:
        plug_in(world)
        network = await a_trunk(world, "a", 50)

        change = NetworkChange(options=(("com.docker.network.bridge.inhibit_ipv4", "true"),))
        await world.updates.update("a", change)

        assert world.kernel.links[IfName(str(network.options.bridge))].interfaces == ()


async def test_vlan_and_uplink_stay_as_long_as_the_network_is_there() -> None:
    async with a_world() as world:
        plug_in(world)
        await a_trunk(world, "a", 50)

        for name in ("seaway.vlan", "seaway.uplink"):
            with pytest.raises(InvalidRequest, match="keeps its VLAN 50 of st-ext0"):
                await world.updates.update("a", NetworkChange(options=((name, None),)))


async def test_what_its_maker_may_not_think_of_is_told() -> None:
    async with a_world() as world:
        plug_in(world)
        world.kernel.around = Surroundings(name=EXT0, driver="vmxnet3")
        options = (("seaway.uplink", "ext0"),)

        wish = network_wish("lan", ["10.9.0.0/24"], options=options, internal=True)
        _, (way, switch) = await world.networks.create(wish)

        assert way == (
            "network lan has no way out of its subnet, but all machines behind ext0 are in it: leave the "
            "uplink out for one that nobody else is on"
        )
        assert switch.startswith("ext0 is on a virtual switch of VMware")
