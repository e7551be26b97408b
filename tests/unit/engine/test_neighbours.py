"""An address that a machine on the LAN has is given to no endpoint."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from ipaddress import ip_address, ip_interface, ip_network

import pytest

from fakes.world import World, a_world, sandbox_wish
from seaway.engine.neighbours import KNOWN_FOR
from seaway.model.endpoint import EndpointWish
from seaway.model.errors import AddressTaken, Exhausted, Forbidden, KernelRefused
from seaway.model.ids import Address, IfName, Mac, SandboxName
from seaway.model.network import Network, NetworkChange, SubnetWish
from seaway.model.observed import LinkState
from seaway.model.sandbox import Process, Sandbox

EXT0, EXT1 = IfName("ext0"), IfName("ext1")
SUBNETS = ("192.0.2.0/24", "2001:db8:0:1::/64")
THEIRS = Mac("02:42:ac:11:00:02")
SLEEP = Process(args=("sleep",))


def plug_in(world: World, name: IfName = EXT0, *addresses: str) -> None:
    """The host gets an interface."""
    world.kernel.links[name] = LinkState(
        index=100 + len(world.kernel.links),
        mtu=1500,
        up=True,
        mac=Mac("02:00:00:00:01:00"),
        interfaces=tuple(map(ip_interface, addresses)),
    )


async def a_lan(
    world: World,
    name: str = "lan",
    *,
    subnets: tuple[str, ...] = SUBNETS,
    driver: str = "macvlan",
    parent: IfName = EXT0,
    **options: str,
) -> Network:
    """A network on *parent*, which the host has."""
    if parent not in world.kernel.links:
        plug_in(world, parent)
    asked = {"parent": parent} | {key.replace("__", "."): v for key, v in options.items()}
    return await world.network(name, subnets, driver=driver, options=tuple(asked.items()))


def somebody_has(world: World, *addresses: str, mac: Mac = THEIRS, parent: IfName = EXT0) -> None:
    """A machine on the LAN has *addresses*."""
    world.kernel.neighbours |= {(parent, ip_address(a)): mac for a in addresses}


def addresses(world: World, sandbox: Sandbox) -> list[str]:
    """What *sandbox* has, of all its networks."""
    places = (e.place for e in world.store.endpoints_of(sandbox.id) if e.live)
    return [str(a.ip) for place in places if place is not None for a in place.addresses]


def asking_for(*addresses: str) -> EndpointWish:
    return EndpointWish(addresses=tuple(map(ip_address, addresses)))


def asked_about(world: World) -> list[list[str]]:
    """The first two addresses of each question, in each family."""
    found: list[list[str]] = []
    for _, addresses_, _ in world.kernel.questions:
        families = [[str(a) for a in addresses_ if a.version == v][:2] for v in (4, 6)]
        found.append(families[0] + families[1])
    return found


# In use


async def test_addresses_that_others_have_are_passed_over() -> None:
    async with a_world() as world:
        await a_lan(world)
        somebody_has(world, "192.0.2.2", "192.0.2.3", "2001:db8:0:1::3")

        one, two = await world.box("one", ["lan"]), await world.box("two", ["lan"])

        assert addresses(world, one) == ["192.0.2.4", "2001:db8:0:1::2"]
        assert addresses(world, two) == ["192.0.2.5", "2001:db8:0:1::4"]
        assert len(world.kernel.questions) == 1


@pytest.mark.parametrize("address", ["192.0.2.50", "2001:db8:0:1::50"])
async def test_one_that_is_asked_for_is_refused_with_the_mac_that_has_it(address: str) -> None:
    async with a_world() as world:
        await a_lan(world)
        await world.network("web")
        box = await world.box("box", ["web"])
        somebody_has(world, address)
        before = world.snapshot()

        with pytest.raises(AddressTaken) as refused:
            await world.endpoints.connect("lan", "box", asking_for(address))

        assert str(refused.value) == (
            f"Address already in use: {address} on network lan is used by 02:42:ac:11:00:02 on the LAN"
        )
        assert world.snapshot() == before
        world.kernel.neighbours.clear()
        await world.endpoints.connect("lan", "box", asking_for(address))
        assert address in addresses(world, box)


async def test_a_start_says_why_it_fails() -> None:
    async with a_world() as world:
        await a_lan(world)
        somebody_has(world, "192.0.2.50")
        wish = sandbox_wish("app", ["lan"], wish=asking_for("192.0.2.50"), process=SLEEP)
        await world.sandboxes.create(wish)

        with pytest.raises(
            Forbidden, match=r"set up container networking: Address already in use: 192"
        ):
            await world.sandboxes.start("app")


async def test_a_reserved_address_is_not_silently_another() -> None:
    async with a_world() as world:
        await a_lan(world)
        await world.addresses.reserve("lan", ip_address("192.0.2.9"), SandboxName("box"))
        somebody_has(world, "192.0.2.9")

        with pytest.raises(Forbidden, match=r"192\.0\.2\.9 on network lan is used by 02:42"):
            await world.box("box", ["lan"])


async def test_a_sandbox_whose_former_address_was_taken_meanwhile_gets_another() -> None:
    async with a_world() as world:
        await a_lan(world)
        box = await world.sandboxes.create(sandbox_wish("box", ["lan"], process=SLEEP))
        await world.sandboxes.start("box")
        assert addresses(world, box) == ["192.0.2.2", "2001:db8:0:1::2"]
        await world.sandboxes.stop("box")

        world.clock.time += KNOWN_FOR
        somebody_has(world, "192.0.2.2")
        await world.sandboxes.start("box")

        assert addresses(world, box) == ["192.0.2.3", "2001:db8:0:1::2"]


async def test_an_address_that_the_host_got_since_is_its_own() -> None:
    async with a_world() as world:
        await a_lan(world)
        plug_in(world, EXT0, "192.0.2.2/24")

        box = await world.box("box", ["lan"])

        assert addresses(world, box)[0] == "192.0.2.3"
        with pytest.raises(
            Forbidden, match=r"192\.0\.2\.2 on network lan is an address of the host, on ext0"
        ):
            await world.box("other", ["lan"], wish=asking_for("192.0.2.2"))


async def test_when_others_have_all_it_is_said_what_helps() -> None:
    async with a_world() as world:
        await a_lan(world, subnets=("192.0.0.0/16",))
        everything = [str(a) for a in ip_network("192.0.0.0/24")]
        somebody_has(world, *everything)

        with pytest.raises(Exhausted) as refused:
            await world.box("box", ["lan"])

        assert str(refused.value) == (
            "no free address was found for network lan: the 16 that were tried are used by others on the "
            "LAN (192.0.0.2 is used by 02:42:ac:11:00:02 on the LAN): give the network a range of its own "
            "(--ip-range), or, if one machine answers for all addresses, ask nobody: seaway network update "
            "lan --opt seaway.probe=0"
        )
        change = NetworkChange(options=(("seaway.probe", "0"),))
        await world.updates.update("lan", change)
        assert addresses(world, await world.box("box", ["lan"])) == ["192.0.0.2"]


async def test_a_small_subnet_that_others_fill_is_exhausted() -> None:
    async with a_world() as world:
        await a_lan(world, subnets=("192.0.2.0/29",))
        somebody_has(world, *(str(a) for a in ip_network("192.0.2.0/29")))

        with pytest.raises(Exhausted, match=r"5 of 5 in use \(5 of them by others on the LAN\)"):
            await world.box("box", ["lan"])


# Our own


async def test_a_sandbox_of_ours_on_the_same_lan_by_another_interface_is_named() -> None:
    async with a_world() as world:
        await a_lan(world)
        await a_lan(world, "twin", parent=EXT1)
        one = await world.box("one", ["lan"])
        (endpoint,) = world.store.endpoints_of(one.id)
        assert endpoint.place is not None
        somebody_has(world, "192.0.2.2", mac=endpoint.place.own_mac, parent=EXT1)

        two = await world.box("two", ["twin"])

        assert addresses(world, two)[0] == "192.0.2.3"
        with pytest.raises(Forbidden, match="on the LAN, which is container one"):
            await world.box("three", ["twin"], wish=asking_for("192.0.2.2"))


async def test_a_frame_of_our_own_that_comes_back_is_nobodys() -> None:
    async with a_world() as world:
        await a_lan(world)
        one = await world.box("one", ["lan"])
        (endpoint,) = world.store.endpoints_of(one.id)
        assert endpoint.place is not None
        somebody_has(world, "192.0.2.50", mac=endpoint.place.own_mac)

        two = await world.box("two", ["lan"], wish=asking_for("192.0.2.50"))

        assert addresses(world, two)[0] == "192.0.2.50"


# Who is asked, and when


async def test_connects_one_after_the_other_ask_once_for_all() -> None:
    async with a_world() as world:
        await a_lan(world)

        for number in range(16):
            await world.box(f"box{number}", ["lan"])

        assert asked_about(world) == [
            ["192.0.2.2", "192.0.2.3", "2001:db8:0:1::2", "2001:db8:0:1::3"]
        ]
        await world.box("more", ["lan"])
        assert asked_about(world)[1:] == [
            ["192.0.2.18", "192.0.2.19", "2001:db8:0:1::12", "2001:db8:0:1::13"]
        ]


async def test_connects_at_once_do_not_wait_for_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    async with a_world() as world:
        await a_lan(world, seaway__probe="10")
        ask = world.kernel.who_has

        async def slowly(
            parent: IfName, addresses: Collection[Address], seconds: float
        ) -> Mapping[Address, Mac]:
            await asyncio.sleep(0.1)
            return await ask(parent, addresses, seconds)

        monkeypatch.setattr(world.kernel, "who_has", slowly)
        async with asyncio.timeout(1):
            boxes = await asyncio.gather(*(world.box(f"box{n}", ["lan"]) for n in range(30)))

        assert len({a for box in boxes for a in addresses(world, box)}) == 60


async def test_what_was_heard_holds_for_a_minute() -> None:
    async with a_world() as world:
        await a_lan(world, subnets=("192.0.2.0/24",))
        somebody_has(world, "192.0.2.2")
        await world.box("one", ["lan"])
        world.kernel.neighbours.clear()

        world.clock.time += KNOWN_FOR
        await world.box("two", ["lan"])

        assert asked_about(world) == [["192.0.2.2", "192.0.2.3"], ["192.0.2.2", "192.0.2.4"]]


async def test_an_address_that_was_ours_a_moment_ago_is_not_asked_about() -> None:
    async with a_world() as world:
        await a_lan(world)
        await world.network("web")
        box = await world.box("box", ["web"])
        await world.endpoints.connect("lan", "box", EndpointWish())
        world.kernel.questions.clear()

        world.clock.time += KNOWN_FOR
        await world.endpoints.disconnect("lan", "box")
        await world.endpoints.connect("lan", "box", EndpointWish())

        assert addresses(world, box)[1:] == ["192.0.2.2", "2001:db8:0:1::2"]
        assert world.kernel.questions == []


async def test_one_address_that_is_asked_for_is_asked_about_alone() -> None:
    async with a_world() as world:
        await a_lan(world, seaway__probe="150")

        await world.box("box", ["lan"], wish=asking_for("192.0.2.50", "2001:db8:0:1::50"))

        both = (ip_address("192.0.2.50"), ip_address("2001:db8:0:1::50"))
        assert world.kernel.questions == [(EXT0, both, 0.15)]


@pytest.mark.parametrize(
    ("driver", "options"),
    [
        ("macvlan", {"seaway.probe": "0"}),
        ("ipvlan", {"ipvlan_mode": "l3"}),
        ("bridge", {"parent": ""}),
        ("macvlan", {"parent": ""}),
    ],
    ids=["switched off", "behind the host", "bridge", "alone"],
)
async def test_nobody_is_asked_where_nobody_can_answer(
    driver: str, options: dict[str, str]
) -> None:
    async with a_world() as world:
        plug_in(world)
        asked = {"parent": "ext0", **options}
        given = tuple((k, v) for k, v in asked.items() if v)
        await world.network("lan", SUBNETS, driver=driver, options=given)

        await world.box("box", ["lan"])

        assert world.kernel.questions == []


async def test_a_question_that_cannot_be_asked_leaves_nothing_behind() -> None:
    async with a_world() as world:
        await a_lan(world)
        await world.network("web")
        await world.box("box", ["web"])
        before = world.snapshot()
        world.kernel.fail_at = "WhoHas"

        with pytest.raises(KernelRefused, match="the kernel refused WhoHas"):
            await world.endpoints.connect("lan", "box", EndpointWish())

        assert world.snapshot() == before


async def test_neither_a_restart_nor_a_parent_that_returns_asks_anybody() -> None:
    async with a_world() as world:
        await a_lan(world)
        box = await world.box("box", ["lan"])
        somebody_has(world, "192.0.2.2", "2001:db8:0:1::2")
        world.kernel.questions.clear()

        await world.die()
        world.join()
        await world.recovery.restore()

        assert addresses(world, box) == ["192.0.2.2", "2001:db8:0:1::2"]
        assert world.kernel.questions == []


async def test_a_family_that_a_network_gets_is_asked_about_for_all_on_it() -> None:
    async with a_world() as world:
        await a_lan(world, subnets=("192.0.2.0/24",))
        one, two = await world.box("one", ["lan"]), await world.box("two", ["lan"])
        somebody_has(world, "192.0.2.2", "2001:db8:0:1::2")
        world.kernel.questions.clear()

        more = (SubnetWish(prefix=ip_network("2001:db8:0:1::/64")),)
        await world.updates.update("lan", NetworkChange(add_subnets=more))

        assert addresses(world, one) == ["192.0.2.2", "2001:db8:0:1::3"]
        assert addresses(world, two) == ["192.0.2.3", "2001:db8:0:1::4"]
        assert asked_about(world) == [["2001:db8:0:1::2", "2001:db8:0:1::3"]]
