"""IPv6 as the LAN gives it: read back, leased, shown, and given up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv6Address, ip_interface

from fakes.leases import a_lease, a_lease6
from fakes.world import World, a_world
from seaway.model.endpoint import EndpointWish, Place
from seaway.model.ids import IfName, Interface, Mac
from seaway.model.network import Network
from seaway.model.observed import LinkState
from seaway.plan.operations import AttachLink, ChangeAddresses, Route
from seaway.plan.zone import Upstream

ETH0 = IfName("eth0")
GIVEN = ip_interface("2001:db8:0:1::5/64")
OTHER = ip_interface("fd00::5/64")


async def a_lan(world: World, *, ipv4: bool = False, name: str = "lan") -> Network:
    """A network with IPv6 as the LAN gives it."""
    world.kernel.links[ETH0] = LinkState(index=90, mtu=1500, up=True, mac=Mac("02:00:00:00:01:00"))
    options = (("parent", "eth0"),)
    return await world.network(
        name, driver="macvlan", dhcp=True, ipv4=ipv4, ipv6=True, options=options
    )


def the_place(world: World, network: Network) -> Place:
    """Where the only endpoint of *network* is."""
    (endpoint,) = world.store.endpoints_of(network.id)
    assert endpoint.place is not None
    return endpoint.place


async def until(holds: Callable[[], bool]) -> None:
    """Let what goes on in the background go on until it has done its work."""
    for _ in range(100):
        if holds():
            return
        await asyncio.sleep(0)
    raise AssertionError("it does not come to pass")


def advertise(world: World, name: str, *addresses: Interface, link: str = "eth0") -> None:
    """A router gives a sandbox addresses, in place of those before."""
    netns = world.paths.bound(world.store.sandbox(name))
    world.kernel.advertise(netns, IfName(link), *addresses)


async def test_what_a_router_advertises_is_shown_and_named() -> None:
    async with a_world() as world:
        lan = await a_lan(world)
        await world.box("box", ["lan"])
        assert the_place(world, lan).interfaces == ()

        advertise(world, "box", OTHER, GIVEN)
        await until(lambda: the_place(world, lan).autoconfigured == (GIVEN, OTHER))
        assert the_place(world, lan).address(6) == GIVEN.ip
        assert [h.addresses for h in world.names.holders.values()] == [(GIVEN.ip, OTHER.ip)]
        advertise(world, "box", OTHER)

        await until(lambda: the_place(world, lan).autoconfigured == (OTHER,))
        assert [h.addresses for h in world.names.holders.values()] == [(OTHER.ip,)]
        assert [op for op in world.kernel.operations if isinstance(op, ChangeAddresses)] == []


async def test_ipv6_alone_waits_for_no_server() -> None:
    async with a_world() as world:
        lan = await a_lan(world)
        world.leases.silent = world.leases6.silent = True

        await world.box("box", ["lan"])

        (endpoint,) = world.store.endpoints_of(lan.id)
        assert (lan.dhcp, lan.versions) == ((6,), (6,))
        assert (list(world.leases.kept), list(world.leases6.kept)) == ([], [endpoint.id])
        (attach,) = (op for op in world.kernel.operations if isinstance(op, AttachLink))
        assert (attach.addresses, attach.autoconf) == ((), True)


async def test_what_a_dhcpv6_server_lends_is_an_address_beside_the_others() -> None:
    async with a_world() as world:
        lan = await a_lan(world, ipv4=True)
        await world.box("box", ["lan"])
        (endpoint,) = world.store.endpoints_of(lan.id)
        advertise(world, "box", GIVEN)
        await until(lambda: the_place(world, lan).autoconfigured == (GIVEN,))

        await world.leases6.change(endpoint.id, a_lease6(7))
        place = the_place(world, lan)
        assert [str(a) for a in place.interfaces] == [
            "192.0.2.50/24",
            "2001:db8::7/128",
            "2001:db8:0:1::5/64",
        ]
        assert (place.lease, place.lease6) == (a_lease(50), a_lease6(7))
        await world.leases6.change(endpoint.id, None)

        place = the_place(world, lan)
        assert [str(a) for a in place.interfaces] == ["192.0.2.50/24", "2001:db8:0:1::5/64"]
        assert (place.lease, place.lease6) == (a_lease(50), None)


async def test_names_outside_are_asked_of_the_servers_that_dhcpv6_tells() -> None:
    async with a_world() as world:
        lan = await a_lan(world)
        box = await world.box("box", ["lan"])
        (endpoint,) = world.store.endpoints_of(lan.id)
        server = IPv6Address("2001:db8::53")

        await world.leases6.change(endpoint.id, replace(a_lease6(7), dns=(server,)))

        upstreams = world.names.views[box.id].upstreams
        assert upstreams == (Upstream(address=server, from_host=False),)


async def test_what_was_given_is_given_up_at_a_disconnect_and_at_a_stop() -> None:
    async with a_world() as world:
        lan = await a_lan(world)
        await world.network("web")
        await world.box("box", ["web"])
        await world.program("app", ["lan"])
        before = world.snapshot()

        await world.endpoints.connect("lan", "box", EndpointWish())
        (endpoint,) = (e for e in world.store.endpoints_of(lan.id) if e.live)
        advertise(world, "box", GIVEN, link="eth1")
        await world.leases6.change(endpoint.id, a_lease6(7))
        await world.endpoints.disconnect("lan", "box")
        assert (world.leases6.lent, world.leases6.kept, world.kernel.watched) == ({}, {}, {})
        assert world.snapshot() == before
        await world.sandboxes.start("app")
        advertise(world, "app", GIVEN)
        await until(lambda: the_place(world, lan).autoconfigured == (GIVEN,))
        await world.sandboxes.stop("app")
        assert (world.leases6.kept, world.kernel.watched) == ({}, {})
        await world.sandboxes.start("app")

        assert the_place(world, lan).interfaces == ()


async def test_the_next_daemon_follows_what_routers_say() -> None:
    async with a_world() as world:
        lan = await a_lan(world)
        await world.box("box", ["lan"])
        (endpoint,) = world.store.endpoints_of(lan.id)
        await world.leases6.change(endpoint.id, a_lease6(7))
        advertise(world, "box", GIVEN)
        await until(lambda: the_place(world, lan).autoconfigured == (GIVEN,))
        made = len(world.kernel.operations)

        await world.die()
        advertise(world, "box", OTHER)
        world.join()
        await world.recovery.restore()

        await until(lambda: the_place(world, lan).autoconfigured == (OTHER,))
        assert list(world.leases6.kept) == [endpoint.id]
        assert the_place(world, lan).lease6 == a_lease6(7)
        again = world.kernel.operations[made:]
        assert not any(isinstance(op, AttachLink | ChangeAddresses) for op in again)


async def test_one_of_two_lans_that_is_left_is_followed_still() -> None:
    async with a_world() as world:
        first, second = await a_lan(world), await a_lan(world, name="other")
        await world.box("box", ["lan", "other"])

        await world.endpoints.disconnect(second.name, "box")
        advertise(world, "box", GIVEN)

        await until(lambda: the_place(world, first).autoconfigured == (GIVEN,))


async def test_a_default_route_of_ours_goes_before_the_routers_by_priority_alone() -> None:
    async with a_world() as world:
        await a_lan(world)
        await world.network("web", ["fd77::/64"], ipv4=False)
        box = await world.box("box", ["lan"])
        inside = world.kernel.namespaces[world.paths.bound(box)]

        await world.endpoints.connect("web", "box", EndpointWish())
        assert inside.default_routes == {}
        await world.endpoints.disconnect("web", "box")
        await world.endpoints.connect("web", "box", EndpointWish(gw_priority=1))
        gateway = ip_interface("fd77::1/64").ip
        assert inside.default_routes == {6: Route(ifname=IfName("eth1"), gateway=gateway)}
        await world.endpoints.disconnect("web", "box")

        assert inside.default_routes == {}
