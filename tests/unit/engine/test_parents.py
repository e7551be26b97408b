"""Networks on an interface of the host: what is held together, what is mended, and what is told."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network

import pytest

from fakes.world import World, a_world, network_wish, restarted, settled, tcp
from seaway.engine import announcing
from seaway.model.endpoint import EndpointWish
from seaway.model.errors import Conflict, Forbidden, InvalidRequest, KernelRefused
from seaway.model.ids import IfName, Mac
from seaway.model.network import Network, NetworkChange, SubnetWish
from seaway.model.observed import LinkNews, LinkState, Surroundings
from seaway.model.sandbox import Sandbox
from seaway.plan.operations import PARENT_GROUP, AddVlan, Announce, AttachLink

EXT0, VLAN = IfName("ext0"), IfName("ext0.50")
SUBNET = "192.0.2.0/24"


def plug_in(world: World, name: IfName = EXT0, *addresses: str) -> None:
    """The host gets an interface; the daemon hears of it if it listens."""
    index = 100 + len(world.kernel.links)
    world.kernel.links[name] = LinkState(
        index=index,
        mtu=1500,
        up=True,
        mac=Mac("02:00:00:00:01:00"),
        interfaces=tuple(map(ip_interface, addresses)),
    )
    world.kernel.tell_links(LinkNews(came=frozenset({name})))


def pull_out(world: World, name: IfName = EXT0) -> None:
    """It goes, and all that is on it."""
    world.kernel.lose_link(name)
    world.kernel.tell_links(LinkNews(went=frozenset({name})))


async def a_lan(world: World, name: str = "lan", **options: str) -> Network:
    """A macvlan network on ext0."""
    asked = {"parent": "ext0", **{key.replace("__", "."): v for key, v in options.items()}}
    prefixes = [f"192.0.{len(world.store.networks())}.0/24"]
    return await world.network(name, prefixes, driver="macvlan", options=tuple(asked.items()))


def inside(world: World, sandbox: Sandbox) -> list[tuple[str, str, str]]:
    """The links on parents inside: name, parent, addresses."""
    links = world.kernel.namespaces[world.paths.bound(sandbox)].links.items()
    return [
        (name, op.parent, " ".join(str(a.ip) for a in op.addresses))
        for name, op in links
        if isinstance(op, AttachLink)
    ]


async def warnings(world: World) -> str:
    return "\n".join(await world.engine.checkup.warnings())


async def test_what_a_parent_that_returns_carried_is_there_again() -> None:
    async with a_world() as world:
        plug_in(world)
        lan = await a_lan(world, seaway__host_access="true")
        box = await world.box("box", ["lan"])
        before = inside(world, box)

        pull_out(world)
        await settled(world)
        assert inside(world, box) == []
        assert "network lan waits for its parent ext0" in await warnings(world)
        plug_in(world)
        await settled(world)

        assert inside(world, box) == before
        assert lan.shim in world.kernel.links
        assert world.kernel.host_routes == {ip_address("192.0.0.3"): lan.shim}
        assert await warnings(world) == ""


async def test_a_link_of_ours_that_somebody_deletes_is_made_again() -> None:
    async with a_world() as world:
        plug_in(world)
        lan = await a_lan(world, parent="ext0.50", seaway__host_access="true")
        box = await world.box("box", ["lan"])
        before = inside(world, box)

        pull_out(world, VLAN)
        await settled(world)

        assert world.kernel.links[VLAN].vlan == 50
        assert lan.shim in world.kernel.links
        assert inside(world, box) == before


async def test_a_link_that_a_sandbox_has_renamed_stays_where_it_is() -> None:
    async with a_world() as world:
        plug_in(world)
        await a_lan(world)
        box = await world.box("box", ["lan"])
        links = world.kernel.namespaces[world.paths.bound(box)].links
        renamed = replace(links.pop(IfName("eth0")), ifname=IfName("lan7"))
        links[IfName("lan7")] = renamed

        await restarted(world)
        world.kernel.tell_links(LinkNews(came=frozenset({EXT0})))
        await settled(world)

        assert inside(world, box) == [("lan7", "ext0", "192.0.0.2")]


async def test_a_subinterface_that_is_the_hosts_own_by_now_is_left_when_the_network_goes() -> None:
    async with a_world() as world:
        plug_in(world)
        await a_lan(world, parent="ext0.50")
        world.kernel.links[VLAN] = replace(world.kernel.links[VLAN], group=0)

        await world.networks.remove("lan")

        assert VLAN in world.kernel.links


async def test_sandboxes_are_announced_when_their_parent_gets_carrier(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(announcing, "INTERVAL", 0)
    async with a_world() as world:
        plug_in(world)
        await a_lan(world)
        await world.network("web")
        box = await world.box("box", ["lan", "web"])
        await world.box("other", ["web"])
        before = len(world.kernel.operations)

        for name in (EXT0, IfName("eth7")):
            world.kernel.tell_links(LinkNews(carrying=frozenset({name})))
            await settled(world)

        told = [op.what for op in world.kernel.operations[before:] if isinstance(op, Announce)]
        assert [(op.netns, op.ifname) for op in told] == [(world.paths.bound(box), "eth0")] * 2


async def test_a_start_without_the_parent_waits_for_it() -> None:
    async with a_world() as world:
        plug_in(world)
        await world.network("web")
        await a_lan(world)
        box = await world.box("box", ["web", "lan"])
        pull_out(world)

        await restarted(world)

        assert await warnings(world) == (
            "network lan waits for its parent ext0, which the host has not got: it comes up by itself "
            "when that is there"
        )
        assert world.names.views[box.id].networks != ()
        with pytest.raises(KernelRefused, match="the host has no interface ext0"):
            await world.box("other", ["lan"])
        plug_in(world)
        await settled(world)
        assert inside(world, box) == [("eth1", "ext0", "192.0.1.2")]


async def test_a_network_goes_while_its_parent_is_away() -> None:
    async with a_world() as world:
        plug_in(world)
        await a_lan(world, seaway__host_access="true")
        pull_out(world)

        await world.networks.remove("lan")

        assert [n.name for n in world.store.networks()] == []


async def test_a_subinterface_is_there_from_the_first_network_on_it_to_the_last() -> None:
    async with a_world() as world:
        plug_in(world)
        for name in ("one", "two"):
            await a_lan(world, name, parent="ext0.50")
        assert world.kernel.links[VLAN].group == PARENT_GROUP

        await restarted(world)
        await world.networks.remove("one")
        assert VLAN in world.kernel.links
        await world.networks.remove("two")

        assert VLAN not in world.kernel.links


async def test_a_subinterface_that_is_made_twice_at_once_is_made_once() -> None:
    async with a_world() as world:
        plug_in(world)
        await asyncio.gather(
            *(
                world.network(
                    name,
                    [f"192.0.{n}.0/24"],
                    driver="macvlan",
                    options=(("parent", "ext0.50"),),
                )
                for n, name in enumerate(["one", "two", "six"])
            )
        )

        made = [op for op in world.kernel.operations if isinstance(op, AddVlan)]
        assert len(made) == 1


async def test_what_a_killed_daemon_left_half_made_is_taken_away() -> None:
    async with a_world() as world:
        plug_in(world)
        lan = await a_lan(world, seaway__host_access="true")
        box = await world.box("box", ["lan"])
        path = world.paths.bound(box)
        stray = replace(
            next(iter(world.kernel.namespaces[path].links.values())), ifname=IfName("eth9")
        )
        assert lan.shim is not None
        await world.kernel.apply([stray])
        world.kernel.host_routes[ip_address("192.0.0.99")] = lan.shim

        await restarted(world)

        assert inside(world, box) == [("eth0", "ext0", "192.0.0.3")]
        assert list(world.kernel.host_routes) == [ip_address("192.0.0.3")]


async def test_the_lan_of_the_host_is_the_subnet_where_none_is_given() -> None:
    async with a_world() as world:
        plug_in(world, EXT0, "192.0.2.7/24")
        world.kernel.gateways = (ip_address("192.0.2.254"),)

        options = (("parent", "ext0"), ("seaway.host_access", "true"))
        lan = await world.network("lan", driver="macvlan", options=options)

        (subnet,) = lan.subnets
        assert (str(subnet.prefix), str(subnet.gateway)) == (SUBNET, "192.0.2.254")
        assert [(n, str(a)) for n, a in subnet.auxiliary] == [
            ("ext0", "192.0.2.7"),
            ("host", "192.0.2.1"),
        ]


async def test_the_hosts_address_is_the_one_that_was_set_aside_for_it() -> None:
    async with a_world() as world:
        plug_in(world)
        host = (("host", ip_address("192.0.2.77")),)
        wish = network_wish(
            "lan", driver="macvlan", options=(("parent", "ext0"), ("seaway.host_access", "1"))
        )
        wish = replace(wish, subnets=(SubnetWish(prefix=ip_network(SUBNET), auxiliary=host),))

        lan, _ = await world.networks.create(wish)

        assert lan.host_addresses == (ip_address("192.0.2.77"),)
        assert world.kernel.links[IfName(str(lan.shim))].addresses == (ip_address("192.0.2.77"),)


async def test_networks_on_one_parent_share_no_subnet_and_on_two_they_may() -> None:
    async with a_world() as world:
        plug_in(world)
        plug_in(world, IfName("ext1"))
        options = (("parent", "ext0"),)
        await world.network("one", [SUBNET], driver="macvlan", options=options)

        await world.network("two", [SUBNET], driver="macvlan", options=(("parent", "ext1"),))

        for driver, where in (("macvlan", options), ("bridge", ())):
            with pytest.raises(Forbidden, match=r"overlaps 192.0.2.0/24 of network one"):
                await world.network("six", [SUBNET], driver=driver, options=where)


async def test_passthru_has_room_for_one_running_sandbox() -> None:
    async with a_world() as world:
        plug_in(world)
        await a_lan(world, macvlan_mode="passthru")
        await world.box("one", ["lan"])

        with pytest.raises(
            Conflict, match=r"for one sandbox at a time .* and container one is on it"
        ):
            await world.box("two", ["lan"])

        await world.sandboxes.remove("one", force=True)
        await world.box("two", ["lan"])


async def test_ports_mean_nothing_on_the_lan_and_come_back_with_a_bridge() -> None:
    async with a_world() as world:
        plug_in(world)
        await world.network("web")
        await a_lan(world)
        await world.box("box", ["web"], ports=(tcp(8080, 80),))
        before = world.host_ports.all_held

        await world.endpoints.connect("lan", "box", EndpointWish(gw_priority=1))
        assert world.store.sandbox("box").status.published == ()
        assert world.host_ports.all_held != before
        await world.endpoints.disconnect("lan", "box")

        assert [p.host_port for p in world.store.sandbox("box").status.published] == [8080]
        assert world.host_ports.all_held == before


async def test_host_access_comes_and_goes_while_sandboxes_are_there() -> None:
    async with a_world() as world:
        plug_in(world)
        lan = await a_lan(world)
        await world.box("box", ["lan"])
        for text in ("true", "false"):
            change = NetworkChange(options=(("seaway.host_access", text),))

            update = await world.updates.update("lan", change)

            shim = f"sw-{lan.id[:12]}"
            assert (shim in world.kernel.links) is (text == "true")
            assert bool(world.kernel.host_routes) is (text == "true")
            assert bool(update.network.host_addresses) is (text == "true")


@pytest.mark.parametrize("address", ["192.0.2.9", "2001:db8::9"])
async def test_the_guard_knows_what_an_endpoint_has_and_forgets_it(address: str) -> None:
    async with a_world() as world:
        plug_in(world)
        subnets = [SUBNET, "2001:db8::/64"]
        on_ext0 = (("parent", "ext0"),)
        await world.network("lan", subnets, driver="macvlan", options=on_ext0)
        before = world.kernel.elements

        await world.box("box", ["lan"], wish=EndpointWish(addresses=(ip_address(address),)))

        new = world.kernel.elements - before
        assert {e.table for e in new} == {"netdev seaway"}
        assert any(e.key.endswith(address) for e in new)
        await world.sandboxes.remove("box", force=True)
        assert world.kernel.elements == before


async def test_a_guard_that_cannot_hold_is_not_promised() -> None:
    async with a_world() as world:
        plug_in(world)
        await world.network("lan", [SUBNET], driver="ipvlan", options=(("parent", "ext0"),))

        with pytest.raises(InvalidRequest, match="no source guard can hold them; leave it out"):
            await world.box("box", ["lan"], wish=EndpointWish(source_guard=True))

        await world.box("box", ["lan"], wish=EndpointWish(source_guard=False))


async def test_what_lies_around_the_parent_is_told_at_create() -> None:
    async with a_world() as world:
        plug_in(world)
        world.kernel.around = Surroundings(name=EXT0, wireless=True)
        wish = network_wish("lan", [SUBNET], driver="macvlan", options=(("parent", "ext0"),))

        _, told = await world.networks.create(wish)

        assert [t for t in told if t.startswith("ext0 is Wi-Fi")] != []
