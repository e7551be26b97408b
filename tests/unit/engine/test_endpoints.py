"""Connect and disconnect: addresses, MACs, interface names, and all or nothing."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from ipaddress import ip_address

import pytest

from fakes.records import a_route
from fakes.world import World, a_world, network_wish, sandbox_wish, tcp
from seaway.model.endpoint import Endpoint, EndpointWish
from seaway.model.errors import (
    Conflict,
    EngineError,
    Forbidden,
    InvalidRequest,
    NotConnected,
    NotFound,
)
from seaway.model.ids import DnsName, IfName, Mac, mac, new_mac
from seaway.model.sandbox import Sandbox, SandboxWish
from seaway.plan.operations import AddBridge, ForgetAddress
from seaway.plan.zone import View

A_WISH = EndpointWish()
FIXED = EndpointWish(addresses=(ip_address("10.77.0.100"),))


def places(world: World, sandbox: Sandbox) -> list[tuple[str, str, str]]:
    """Interface name, IPv4 address and MAC of each endpoint, in the order of connecting."""
    return [
        (e.place.ifname, str(e.place.address(4)), e.place.own_mac)
        for e in world.store.endpoints_of(sandbox.id)
        if e.place is not None
    ]


async def test_a_connected_sandbox_has_interface_address_route_and_name() -> None:
    async with a_world() as world:
        web = await world.network("web")
        box = await world.box("box", [])

        endpoint = await world.endpoints.connect(
            "web", "box", EndpointWish(aliases=(DnsName("db"),))
        )

        inside = world.kernel.namespaces[world.paths.bound(box)]
        assert places(world, box)[0][:2] == ("eth0", "10.77.0.2")
        assert list(inside.links) == ["eth0"]
        assert inside.default_routes == {4: a_route("eth0", "10.77.0.1")}
        names = world.names.holders[web.id, endpoint.id].names
        assert names == ("box", "db", box.id[:12])
        assert world.names.views[box.id] == View(networks=(web.id,))


async def test_a_disconnected_sandbox_keeps_nothing_of_the_network() -> None:
    async with a_world() as world:
        await world.network("web")
        await world.box("box", [])
        before = world.snapshot()
        await world.endpoints.connect("web", "box", A_WISH)

        await world.endpoints.disconnect("web", "box")

        assert world.snapshot() == before


async def test_a_stopped_sandbox_is_connected_when_it_starts() -> None:
    async with a_world() as world:
        await world.network("web")
        app = await world.program("app", [])

        endpoint = await world.endpoints.connect("web", "app", FIXED)
        assert (endpoint.live, endpoint.place) == (False, None)
        await world.sandboxes.start("app")

        assert places(world, app)[0][:2] == ("eth0", "10.77.0.100")


async def test_connecting_a_stopped_sandbox_again_replaces_its_wish() -> None:
    async with a_world() as world:
        await world.network("web")
        app = await world.program("app", ["web"])

        await world.endpoints.connect("web", "app", FIXED)

        assert [e.wish for e in world.store.endpoints_of(app.id)] == [FIXED]


async def test_a_stopped_sandbox_can_be_disconnected() -> None:
    async with a_world() as world:
        await world.network("web")
        app = await world.program("app", ["web"])

        await world.endpoints.disconnect("web", "app")

        assert list(world.store.endpoints_of(app.id)) == []


async def test_a_stopped_sandbox_can_leave_a_network_that_was_removed() -> None:
    async with a_world() as world:
        web = await world.network("web")
        app = await world.program("app", ["web"])
        await world.networks.remove("web")
        with pytest.raises(NotFound):
            await world.sandboxes.start("app")

        await world.endpoints.disconnect(web.id, "app")
        await world.sandboxes.start("app")

        assert world.store.sandbox(app.id).running


async def test_an_address_of_the_default_network_may_be_asked_for() -> None:
    async with a_world() as world:
        await world.networks.create_predefined()
        subnet = world.store.network("bridge").subnets[0]
        box, wanted = await world.box("box", []), subnet.prefix[77]

        await world.endpoints.connect("bridge", "box", EndpointWish(addresses=(wanted,)))

        (endpoint,) = world.store.endpoints_of(box.id)
        assert endpoint.place is not None
        assert endpoint.place.address(4) == wanted


async def refusal(world: World, network: str, sandbox: str, wish: EndpointWish = A_WISH) -> str:
    """The sentence with which a connect is refused."""
    with pytest.raises(EngineError) as caught:
        await world.endpoints.connect(network, sandbox, wish)
    return str(caught.value)


async def test_refusals_of_a_connect_are_dockers() -> None:
    async with a_world() as world:
        await world.networks.create_predefined()
        await world.network("web")
        await world.box("box")
        for mode in ("none", "host"):
            await world.sandboxes.create_namespace(
                SandboxWish(name=sandbox_wish(f"in-{mode}").name, network_mode=mode)
            )

        assert await refusal(world, "nosuch", "box") == "network nosuch not found"
        assert await refusal(world, "web", "nosuch") == "No such container: nosuch"
        assert await refusal(world, "web", "box") == (
            "endpoint with name box already exists in network web"
        )
        assert await refusal(world, "host", "box") == (
            "cannot connect container to host network - "
            "container must be created in host network mode"
        )
        for network, sandbox in (("web", "in-none"), ("none", "box"), ("host", "in-none")):
            assert await refusal(world, network, sandbox) == (
                "container cannot be connected to multiple networks with one of the networks in "
                "private (none) mode"
            )
        assert await refusal(world, "web", "in-host") == (
            "container sharing network namespace with another container or host "
            "cannot be connected to any other network"
        )


async def test_a_disconnect_is_refused_with_the_mode_that_the_sandbox_really_has() -> None:
    async with a_world() as world:
        await world.networks.create_predefined()
        box = await world.box("box", [])
        for mode in ("none", "host"):
            await world.sandboxes.create_namespace(
                SandboxWish(name=sandbox_wish(f"in-{mode}").name, network_mode=mode)
            )

        said: list[str] = []
        for network, sandbox in (("host", "in-host"), ("none", "in-none"), ("host", "box")):
            with pytest.raises(EngineError) as caught:
                await world.endpoints.disconnect(network, sandbox)
            said.append(str(caught.value))

        cannot = "cannot disconnect container from {0} network - container was created in {0} network mode"
        assert said == [
            cannot.format("host"),
            cannot.format("none"),
            f"container {box.id} is not connected to network host",
        ]


async def test_a_sandbox_that_is_not_connected_cannot_be_disconnected() -> None:
    async with a_world() as world:
        await world.network("web")
        box = await world.box("box", [])
        app = await world.program("app", [])

        with pytest.raises(NotConnected) as running:
            await world.endpoints.disconnect("web", "box")
        with pytest.raises(NotConnected) as stopped:
            await world.endpoints.disconnect("web", "app")

        assert str(running.value) == f"container {box.id} is not connected to network web"
        assert str(stopped.value) == f"container {app.id} is not connected to the network web"


@pytest.mark.parametrize(
    ("address", "kind", "sentence"),
    [
        (
            "10.99.0.5",
            InvalidRequest,
            (
                "invalid endpoint settings:\nno configured subnet contains IP address 10.99.0.5; "
                "network web has 10.77.0.0/24"
            ),
        ),
        (
            "10.77.0.0",
            InvalidRequest,
            (
                "invalid endpoint settings:\n10.77.0.0 is the network address of 10.77.0.0/24; "
                "ask for another address of it"
            ),
        ),
        (
            "10.77.0.255",
            InvalidRequest,
            (
                "invalid endpoint settings:\n10.77.0.255 is the broadcast address of 10.77.0.0/24; "
                "ask for another address of it"
            ),
        ),
        (
            "10.77.0.1",
            Forbidden,
            "Address already in use: 10.77.0.1 on network web is the gateway",
        ),
        (
            "10.77.0.2",
            Forbidden,
            "Address already in use: 10.77.0.2 on network web is held by container first",
        ),
    ],
)
async def test_an_address_nobody_can_have_is_refused(
    address: str, kind: type[EngineError], sentence: str
) -> None:
    async with a_world() as world:
        await world.network("web")
        await world.box("first")
        await world.box("box", [])
        before = world.snapshot()

        with pytest.raises(kind) as caught:
            await world.endpoints.connect(
                "web", "box", EndpointWish(addresses=(ip_address(address),))
            )

        assert str(caught.value) == sentence
        assert world.snapshot() == before


async def test_of_20_connects_with_one_address_one_wins_and_then_the_next() -> None:
    async with a_world() as world:
        await world.network("web")
        for n in range(20):
            await world.box(f"box{n}", [])
        before = world.snapshot()

        for _ in range(10):
            results = await asyncio.gather(
                *(world.endpoints.connect("web", f"box{n}", FIXED) for n in range(20)),
                return_exceptions=True,
            )
            winners = [r for r in results if isinstance(r, Endpoint)]
            losers = [r for r in results if isinstance(r, Forbidden)]
            assert (len(winners), len(losers)) == (1, 19)

            await world.endpoints.disconnect("web", winners[0].sandbox)

        assert world.snapshot() == before


# MAC addresses (FR-49)


async def test_a_mac_in_use_on_the_network_is_refused_with_its_holders_name() -> None:
    async with a_world() as world:
        await world.network("web")
        await world.network("other")
        first = await world.box("first")
        ((_, _, taken),) = places(world, first)
        await world.box("box", [])
        wish = EndpointWish(mac=Mac(taken))

        with pytest.raises(Conflict) as caught:
            await world.endpoints.connect("web", "box", wish)
        endpoint = await world.endpoints.connect("other", "box", wish)

        assert str(caught.value) == (
            f"mac address {taken} is in use on network web by container first"
        )
        assert endpoint.place is not None
        assert endpoint.place.mac == taken


@pytest.mark.parametrize("running", [True, False])
async def test_the_mac_of_the_bridge_is_refused_and_nothing_is_left_behind(running: bool) -> None:
    async with a_world() as world:
        await world.network("web")
        await world.network("other")
        (*_, mac_) = [o.mac for o in world.kernel.operations if isinstance(o, AddBridge)][:1]
        await (world.box("box", []) if running else world.program("box", []))
        before = world.snapshot()
        wish = EndpointWish(mac=mac_)

        with pytest.raises(Conflict) as caught:
            await world.endpoints.connect("web", "box", wish)
        with pytest.raises(Conflict):
            await world.box("more", wish=wish)

        assert re.fullmatch(
            f"mac address {mac_} is in use on network web by its bridge sw-[0-9a-f]{{12}}; "
            "ask for another",
            str(caught.value),
        )
        assert world.snapshot() == before
        await world.endpoints.connect("other", "box", wish)


def test_1000_generated_macs_are_different_local_and_unicast() -> None:
    macs = [new_mac() for _ in range(1000)]

    assert len(set(macs)) == 1000
    assert {int(m[:2], 16) & 3 for m in macs} == {2}


@pytest.mark.parametrize("text", ["01:00:5e:00:00:01", "00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff"])
def test_a_mac_of_many_or_of_nobody_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        mac(text)


# Where it is, again and again (FR-58)


async def test_stop_and_start_keep_interfaces_addresses_macs_and_the_default_route() -> None:
    async with a_world() as world:
        for name in ("z1", "a2", "m3"):
            await world.network(name)
        app = await world.program("app", ["z1", "a2", "m3"])
        await world.sandboxes.start("app")
        before = places(world, app)

        for _ in range(30):
            await world.sandboxes.stop("app")
            await world.sandboxes.start("app")

            assert places(world, app) == before
        assert [ifname for ifname, _, _ in before] == ["eth0", "eth1", "eth2"]
        assert default_route(world, app) == ("eth0", "10.77.0.1")


async def test_the_default_route_moves_at_a_disconnect_and_the_others_keep_their_names() -> None:
    async with a_world() as world:
        for name in ("z1", "a2", "m3"):
            await world.network(name)
        box = await world.box("box", ["z1", "a2", "m3"])

        await world.endpoints.disconnect("z1", "box")

        assert default_route(world, box) == ("eth1", "10.77.1.1")
        assert [ifname for ifname, _, _ in places(world, box)] == ["eth1", "eth2"]

        await world.endpoints.connect("z1", "box", A_WISH)
        assert default_route(world, box) == ("eth1", "10.77.1.1")

        await world.endpoints.disconnect("z1", "box")
        await world.endpoints.connect("z1", "box", EndpointWish(gw_priority=1))
        assert default_route(world, box) == ("eth0", "10.77.0.1")


def default_route(world: World, sandbox: Sandbox) -> tuple[str, str]:
    """Interface and gateway."""
    route = world.kernel.namespaces[world.paths.bound(sandbox)].default_routes[4]
    return route.ifname, str(route.gateway)


async def test_an_asked_interface_name_is_given_and_left_free_by_those_before() -> None:
    async with a_world() as world:
        await world.network("web")
        await world.network("other")
        wishes = (("web", A_WISH), ("other", EndpointWish(ifname=IfName("eth0"))))

        box = await world.sandboxes.create_namespace(
            SandboxWish(name=sandbox_wish("box").name, network_mode="web", endpoints=wishes)
        )

        assert [ifname for ifname, _, _ in places(world, box)] == ["eth1", "eth0"]


async def test_an_interface_name_in_use_is_refused() -> None:
    async with a_world() as world:
        await world.network("web")
        await world.network("other")
        await world.box("box")

        assert await refusal(world, "other", "box", EndpointWish(ifname=IfName("eth0"))) == (
            "interface name eth0 is in use in this container; choose another"
        )


# All or nothing


async def test_every_failure_of_a_connect_leaves_nothing_behind() -> None:
    async with a_world() as world:
        await a_box_with_a_port(world)
        world.steps.arm(None)
        await world.endpoints.connect("web", "box", EndpointWish(gw_priority=1))
        count = len(world.steps.reached)
        await world.endpoints.disconnect("web", "box")
        before = world.snapshot()

        for number in range(count):
            world.steps.arm(number)
            with pytest.raises(EngineError):
                await world.endpoints.connect("web", "box", EndpointWish(gw_priority=1))

            assert world.snapshot() == before, world.steps.reached[number]


async def test_a_disconnect_that_failed_at_any_step_can_be_repeated() -> None:
    async with a_world() as world:
        await a_box_with_a_port(world)
        before = world.snapshot()
        await world.endpoints.connect("web", "box", EndpointWish(gw_priority=1))
        world.steps.arm(None)
        await world.endpoints.disconnect("web", "box")
        count = len(world.steps.reached)

        for number in range(count):
            await world.endpoints.connect("web", "box", EndpointWish(gw_priority=1))
            world.steps.arm(number)
            with pytest.raises((EngineError, ExceptionGroup)):
                await world.endpoints.disconnect("web", "box")
            world.steps.arm(None)
            await world.endpoints.disconnect("web", "box")

            assert world.snapshot() == before


async def a_box_with_a_port(world: World) -> None:
    """A sandbox on network "first" which publishes 8080, and a network "web"."""
    await world.network("first")
    await world.networks.create(network_wish("web", ipv6=True))
    await world.box("box", ["first"], ports=(tcp(8080, 80),))


async def test_flows_of_an_address_that_goes_are_forgotten() -> None:
    async with a_world() as world:
        await world.network("web")
        await world.box("box")

        await world.endpoints.disconnect("web", "box")

        assert ForgetAddress(address=ip_address("10.77.0.2")) in world.kernel.operations


async def test_ports_of_a_sandbox_without_a_way_out_are_held_no_longer() -> None:
    async with a_world() as world:
        await world.network("web")
        await world.box("box", ports=(tcp(8080, 80),))
        await world.endpoints.disconnect("web", "box")

        await world.box("other", ports=(tcp(8080, 80),))
        assert world.store.sandbox("box").status.published == ()

        with pytest.raises(EngineError):
            await world.endpoints.connect("web", "box", A_WISH)
        await world.sandboxes.remove("other")
        await world.endpoints.connect("web", "box", A_WISH)
        assert world.store.sandbox("box").status.published == (tcp(8080, 80),)


async def test_parallel_connects_of_one_sandbox_take_turns() -> None:
    async with a_world() as world:
        names = [f"n{n}" for n in range(10)]
        for name in names:
            await world.network(name)
        box = await world.box("box", [])

        await asyncio.gather(*(world.endpoints.connect(n, "box", A_WISH) for n in names))

        assert sorted(i for i, _, _ in places(world, box)) == [f"eth{n}" for n in range(10)]
        assert orders(world, box) == list(range(1, 11))


def orders(world: World, sandbox: Sandbox) -> Sequence[int]:
    """Of its endpoints."""
    return [e.order for e in world.store.endpoints_of(sandbox.id)]
