"""Addresses that the LAN's DHCP server gives: got, kept, changed, and given back."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from fakes.leases import a_lease, moved
from fakes.world import World, a_world, network_wish, tcp
from seaway.model.endpoint import EndpointWish
from seaway.model.errors import InvalidRequest, Unavailable
from seaway.model.ids import IfName, Mac
from seaway.model.network import Network, NetworkChange
from seaway.model.observed import LinkState
from seaway.model.sandbox import State
from seaway.plan.operations import AttachLink

MACVLAN = (("parent", "eth0"),)
STRANGER = Mac("02:00:00:00:99:99")


async def a_lan(world: World, **options: str) -> Network:
    """A network with the addresses of the LAN's server."""
    world.kernel.links[IfName("eth0")] = LinkState(
        index=90, mtu=1500, up=True, mac=Mac("02:00:00:00:01:00")
    )
    asked = (*MACVLAN, *((k.replace("__", "."), v) for k, v in options.items()))
    return await world.network("lan", driver="macvlan", dhcp=True, options=asked)


def seen(world: World, name: str) -> tuple[list[str], str]:
    """What a sandbox has inside: its addresses, and the gateway of its default route."""
    netns = world.kernel.namespaces[world.paths.bound(world.store.sandbox(name))]
    addresses = [str(a) for op in netns.links.values() for a in op.addresses]
    route = netns.default_routes.get(4)
    return addresses, str(route.gateway) if route else ""


async def test_a_sandbox_has_what_the_server_lent() -> None:
    async with a_world() as world:
        lan = await a_lan(world)
        box = await world.box("box", ["lan"])

        assert seen(world, "box") == (["192.0.2.50/24"], "192.0.2.254")
        (endpoint,) = world.store.endpoints_of(lan.id)
        assert endpoint.place is not None
        assert endpoint.place.lease == a_lease(50)
        assert list(world.leases.kept) == [endpoint.id]
        assert (world.leases.clients[endpoint.id].hostname, lan.subnets) == ("box", ())
        holders = world.names.holders.values()
        assert [str(a) for h in holders for a in h.addresses] == ["192.0.2.50"]
        assert [str(u.address) for u in world.names.views[box.id].upstreams or ()] == [
            "192.0.2.254"
        ]


async def test_where_no_server_answers_nothing_is_left_behind() -> None:
    async with a_world() as world:
        await world.network("web")
        await a_lan(world)
        await world.box("box", ["web"])
        before = world.snapshot()
        world.leases.silent = True

        with pytest.raises(Unavailable, match=r"eth1 of box on network lan got no address"):
            await world.endpoints.connect("lan", "box", EndpointWish())
        with pytest.raises(Unavailable):
            await world.box("other", ["lan"])

        assert world.snapshot() == before
        assert (world.leases.lent, world.leases.kept) == ({}, {})


def others_have(world: World, *numbers: int) -> None:
    """Another machine has these addresses."""
    for number in numbers:
        world.kernel.neighbours[IfName("eth0"), ip_address(f"192.0.2.{number}")] = STRANGER


async def test_a_lent_address_that_somebody_else_has_is_declined() -> None:
    async with a_world() as world:
        await a_lan(world)
        others_have(world, 50, 51)

        await world.box("box", ["lan"])

        assert seen(world, "box") == (["192.0.2.52/24"], "192.0.2.254")
        assert world.leases.declined == [a_lease(50), a_lease(51)]


async def test_a_server_that_lends_what_others_have_is_told_of_and_nothing_is_left() -> None:
    async with a_world() as world:
        await a_lan(world)
        others_have(world, *range(50, 60))
        before = world.snapshot()

        with pytest.raises(Unavailable, match=rf"\(192.0.2.53 is used by {STRANGER} on the LAN\)"):
            await world.box("box", ["lan"])

        assert world.snapshot() == before
        assert (world.leases.lent, world.leases.kept) == ({}, {})


async def test_nobody_is_asked_about_a_lent_address_where_that_is_switched_off() -> None:
    async with a_world() as world:
        await a_lan(world, seaway__probe="0")
        others_have(world, 50)

        await world.box("box", ["lan"])

        assert seen(world, "box")[0] == ["192.0.2.50/24"]


async def test_a_lease_that_changes_to_what_somebody_else_has_is_declined() -> None:
    async with a_world() as world:
        lan = await a_lan(world)
        await world.box("box", ["lan"])
        (endpoint,) = world.store.endpoints_of(lan.id)
        others_have(world, 50, 77)

        await world.leases.change(endpoint.id, replace(a_lease(50), renew_at=7))
        await world.leases.change(endpoint.id, moved(a_lease(50), 77))

        assert seen(world, "box")[0] == ["192.0.2.50/24"]
        assert [str(lease.address.ip) for lease in world.leases.declined] == ["192.0.2.77"]


async def test_a_lease_is_given_back_and_asked_for_again() -> None:
    async with a_world() as world:
        lan = await a_lan(world)
        await world.program("app", ["lan"])
        await world.sandboxes.start("app")
        (endpoint,) = world.store.endpoints_of(lan.id)
        before = world.leases.clients[endpoint.id].mac

        await world.sandboxes.stop("app")
        assert (world.leases.lent, world.leases.kept) == ({}, {})
        assert world.store.sandbox("app").status.state is State.EXITED
        await world.sandboxes.start("app")

        assert seen(world, "app") == (["192.0.2.50/24"], "192.0.2.254")
        assert world.leases.clients[endpoint.id].mac == before
        await world.endpoints.disconnect("lan", "app")
        assert (world.leases.lent, world.leases.kept) == ({}, {})


async def test_a_changed_lease_moves_the_sandbox() -> None:
    async with a_world() as world:
        lan = await a_lan(world)
        await world.box("box", ["lan"])
        (endpoint,) = world.store.endpoints_of(lan.id)

        await world.leases.change(endpoint.id, moved(a_lease(50), 77))
        assert seen(world, "box")[0] == ["192.0.2.77/24"]
        addresses = [str(a) for h in world.names.holders.values() for a in h.addresses]
        assert addresses == ["192.0.2.77"]
        await world.leases.change(endpoint.id, None)
        assert seen(world, "box") == ([], "")
        await world.leases.change(endpoint.id, a_lease(50))

        assert seen(world, "box") == (["192.0.2.50/24"], "192.0.2.254")
        (endpoint,) = world.store.endpoints_of(lan.id)
        assert endpoint.place is not None
        assert endpoint.place.lease == a_lease(50)


async def test_the_next_daemon_keeps_what_was_lent() -> None:
    async with a_world() as world:
        lan = await a_lan(world)
        await world.box("box", ["lan"])
        (endpoint,) = world.store.endpoints_of(lan.id)
        made = [op for op in world.kernel.operations if isinstance(op, AttachLink)]

        await world.die()
        world.join()
        await world.recovery.restore()

        assert list(world.leases.kept) == [endpoint.id]
        assert seen(world, "box") == (["192.0.2.50/24"], "192.0.2.254")
        assert [op for op in world.kernel.operations if isinstance(op, AttachLink)] == made


async def test_a_port_is_no_reason_to_ask_anybody() -> None:
    async with a_world() as world:
        await a_lan(world)

        await world.box("box", ["lan"], ports=(tcp(8080, 80),))

        assert world.store.sandbox("box").status.published == ()


@pytest.mark.parametrize(
    ("wish", "why"),
    [
        ({"driver": "bridge"}, "needs a LAN whose server can be asked"),
        ({"driver": "macvlan"}, "needs a LAN whose server can be asked"),
        (
            {"driver": "ipvlan", "options": (*MACVLAN, ("ipvlan_mode", "l3"))},
            "needs a LAN whose server can be asked",
        ),
        ({"driver": "macvlan", "options": MACVLAN, "ipv4": False}, "IPv4 or IPv6 must be enabled"),
        (
            {
                "driver": "macvlan",
                "options": (*MACVLAN, ("seaway.host_access", "true")),
                "ipv4": False,
                "ipv6": True,
            },
            "the host reaches its sandboxes by IPv4",
        ),
        (
            {"driver": "macvlan", "options": MACVLAN, "prefixes": "192.0.2.0/24"},
            "gives the addresses, with their subnet and gateway",
        ),
    ],
)
async def test_what_no_dhcp_server_can_serve_is_refused(wish: dict[str, object], why: str) -> None:
    async with a_world() as world:
        world.kernel.links[IfName("eth0")] = LinkState(
            index=90, mtu=1500, up=True, mac=Mac("02:00:00:00:01:00")
        )
        prefixes = str(wish.pop("prefixes", "")).split()
        asked = replace(network_wish("lan", prefixes, **wish), dhcp=True)

        with pytest.raises(InvalidRequest) as refusal:
            await world.networks.create(asked)

        assert why in str(refusal.value)


async def test_a_fixed_address_is_the_servers_to_give() -> None:
    async with a_world() as world:
        await a_lan(world)
        wish = EndpointWish(addresses=(a_lease(50).address.ip,))

        with pytest.raises(InvalidRequest, match=r"reserve 192.0.2.50 there for the MAC address"):
            await world.box("box", ["lan"], wish=wish)


async def test_the_hosts_own_link_gets_a_lease_and_gives_it_back() -> None:
    async with a_world() as world:
        lan = await a_lan(world, seaway__host_access="true")
        assert list(world.leases.kept) == [lan.id]

        await world.leases.change(lan.id, a_lease(60))
        shim = IfName(f"sw-{lan.id[:12]}")
        assert [str(a) for a in world.kernel.links[shim].addresses] == ["192.0.2.60"]
        await world.die()
        world.join()
        await world.recovery.restore()
        assert list(world.leases.kept) == [lan.id]
        assert world.store.network("lan").host_lease == a_lease(60)

        closed = NetworkChange(options=(("seaway.host_access", "false"),))
        await world.updates.update("lan", closed)
        assert (world.leases.kept, world.store.network("lan").host_lease) == ({}, None)
        await world.updates.update("lan", NetworkChange(options=(("seaway.host_access", "true"),)))
        await world.leases.change(lan.id, a_lease(61))
        await world.networks.remove("lan")

        assert (world.leases.kept, world.leases.lent) == ({}, {})
