"""Addresses that stay: remembered by name, kept for the stopped, reserved; and seen as a whole."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address, ip_network

import pytest

from fakes.world import World, a_world, network_wish, sandbox_wish
from seaway.model.endpoint import EndpointWish
from seaway.model.errors import AddressTaken, Conflict, EngineError, InvalidRequest, NotFound
from seaway.model.ids import Mac, SandboxName, network_name, sandbox_name
from seaway.model.network import NetworkWish, SubnetWish
from seaway.model.sandbox import Process, SandboxWish

DUAL = ["10.77.1.0/24", "fd77:1::/64"]
FIXED = EndpointWish(addresses=(ip_address("10.77.1.50"),))
DB = SandboxName("db")


def place(world: World, name: str) -> tuple[str, ...]:
    """The addresses and the MAC of a sandbox on its only network."""
    (endpoint,) = world.store.endpoints_of(world.store.sandbox(name).id)
    assert endpoint.place is not None
    return (*(str(a.ip) for a in endpoint.place.addresses), endpoint.place.own_mac)


async def app(world: World, name: str, wish: EndpointWish | None = None) -> None:
    """A sandbox with a process on "web", not started."""
    process = Process(args=("sleep",))
    await world.sandboxes.create(sandbox_wish(name, ["web"], wish=wish, process=process))


async def refusal(world: World, name: str) -> str:
    """The sentence with which a start is refused."""
    with pytest.raises(EngineError) as caught:
        await world.sandboxes.start(name)
    return str(caught.value)


# Remembered by name


async def test_a_new_sandbox_of_the_same_name_gets_the_place_of_the_old_one() -> None:
    async with a_world() as world:
        await world.network("web", DUAL)
        await world.box("box")
        before = place(world, "box")
        await world.sandboxes.remove("box", force=True)
        await world.box("other")

        await world.box("box")

        assert before[:2] == ("10.77.1.2", "fd77:1::2")
        assert place(world, "box") == before
        assert place(world, "other")[:2] == ("10.77.1.3", "fd77:1::3")


async def test_a_disconnected_sandbox_gets_its_place_back_at_the_next_connect() -> None:
    async with a_world() as world:
        await world.network("web", DUAL)
        await world.box("box")
        before = place(world, "box")
        await world.endpoints.disconnect("web", "box")
        await world.box("other")

        await world.endpoints.connect("web", "box", EndpointWish())

        assert place(world, "box") == before


async def test_an_old_address_that_somebody_asked_for_is_gone_and_the_other_is_not() -> None:
    async with a_world() as world:
        await world.network("web", DUAL)
        await world.box("box")
        before = place(world, "box")
        await world.sandboxes.remove("box", force=True)
        await world.box("other", wish=EndpointWish(addresses=(ip_address("10.77.1.2"),)))

        await world.box("box")

        assert place(world, "box") == ("10.77.1.3", "fd77:1::2", before[2])
        assert place(world, "other")[:2] == ("10.77.1.2", "fd77:1::3")


async def test_an_old_mac_that_somebody_asked_for_is_not_given() -> None:
    async with a_world() as world:
        await world.network("web", DUAL)
        await world.box("box")
        *before, mac = place(world, "box")
        await world.sandboxes.remove("box", force=True)
        await world.box("other", wish=EndpointWish(mac=Mac(mac)))

        await world.box("box")

        assert place(world, "box")[:2] == tuple(before)
        assert place(world, "box")[2] != mac


async def test_the_name_that_a_sandbox_had_last_counts() -> None:
    async with a_world() as world:
        await world.network("web")
        await app(world, "stops")
        await world.sandboxes.start("stops")
        await world.box("runs")
        await world.sandboxes.stop("stops", timeout=0)
        await world.sandboxes.rename("stops", sandbox_name("stopped"))
        await world.sandboxes.rename("runs", sandbox_name("ran"))
        await world.sandboxes.remove("stopped")
        await world.sandboxes.remove("ran", force=True)

        for name in ("stops", "runs", "ran", "stopped"):
            await world.box(name)

        assert [place(world, name)[0] for name in ("stopped", "ran", "stops", "runs")] == [
            "10.77.0.2",
            "10.77.0.3",
            "10.77.0.4",
            "10.77.0.5",
        ]


async def test_others_get_a_remembered_address_when_there_is_no_fresh_one() -> None:
    async with a_world() as world:
        await world.network("web", ["10.77.1.0/29"])
        for n in range(5):
            await world.box(f"box{n}")
        for n in (3, 1):
            await world.sandboxes.remove(f"box{n}", force=True)

        await world.box("new")
        assert place(world, "new")[0] == "10.77.1.5"
        await world.box("box1")

        assert place(world, "box1")[0] == "10.77.1.3"


async def test_a_failed_start_gives_the_name_its_address_at_the_next() -> None:
    async with a_world() as world:
        await world.network("web")
        await app(world, "app")
        for number in range(4):
            world.steps.arm(number)
            await refusal(world, "app")
            world.steps.arm(None)
            await world.sandboxes.remove("app")
            await app(world, "app")

        await world.sandboxes.start("app")

        assert place(world, "app")[0] == "10.77.0.2"


# Kept for those that do not run


async def test_a_fixed_address_of_a_sandbox_that_does_not_run_is_not_given_by_chance() -> None:
    async with a_world() as world:
        await world.network("web", ["10.77.1.0/29"])
        wish = EndpointWish(addresses=(ip_address("10.77.1.2"),))
        await app(world, "job", wish)
        for n in range(4):
            await world.box(f"box{n}")

        with pytest.raises(EngineError) as caught:
            await world.box("last")

        assert [place(world, f"box{n}")[0] for n in range(4)] == [
            "10.77.1.3",
            "10.77.1.4",
            "10.77.1.5",
            "10.77.1.6",
        ]
        assert (
            "10.77.1.0/29 is exhausted, 5 of 5 in use (1 of them kept for sandboxes that do not "
            "run, or reserved); remove an endpoint" in str(caught.value)
        )
        await world.sandboxes.start("job")
        assert place(world, "job")[0] == "10.77.1.2"


@pytest.mark.parametrize(
    ("ran", "sentence"),
    [
        (
            False,
            (
                "Address already in use: 10.77.1.50 on network web is kept for container job, "
                "which was not started yet"
            ),
        ),
        (
            True,
            (
                "Address already in use: 10.77.1.50 on network web is kept for container job, "
                "which is stopped"
            ),
        ),
    ],
)
async def test_a_fixed_address_of_a_sandbox_that_does_not_run_is_refused_with_its_name(
    ran: bool, sentence: str
) -> None:
    async with a_world() as world:
        await world.network("web", DUAL)
        await app(world, "job", FIXED)
        if ran:
            await world.sandboxes.start("job")
            await world.sandboxes.stop("job", timeout=0)
        await world.box("box", [])
        before = world.snapshot()

        with pytest.raises(AddressTaken) as caught:
            await world.endpoints.connect("web", "box", FIXED)

        assert str(caught.value) == sentence
        assert world.snapshot() == before


async def test_two_may_ask_for_an_address_and_the_second_is_told_who_has_it_at_its_start() -> None:
    async with a_world() as world:
        await world.network("web", DUAL)
        await app(world, "first", FIXED)
        await app(world, "second", FIXED)
        on = (
            "failed to set up container networking: "
            "Address already in use: 10.77.1.50 on network web is "
        )

        assert await refusal(world, "second") == (
            on + "kept for container first, which was not started yet"
        )
        await world.sandboxes.start("first")
        assert await refusal(world, "second") == on + "held by container first"
        await world.sandboxes.stop("first", timeout=0)
        assert await refusal(world, "second") == on + "kept for container first, which is stopped"
        await world.sandboxes.remove("first")
        await world.sandboxes.start("second")

        assert place(world, "second")[0] == "10.77.1.50"


async def test_what_could_never_start_keeps_no_address_from_the_next_try() -> None:
    """As after a ``docker run --ip`` that failed: its container is left, and another is made."""
    async with a_world() as world:
        await world.network("web", DUAL)
        await app(world, "left", FIXED)
        world.steps.arm(3)
        await refusal(world, "left")
        world.steps.arm(None)

        await app(world, "next", FIXED)
        await world.sandboxes.start("next")
        assert place(world, "next")[0] == "10.77.1.50"
        assert "held by container next" in await refusal(world, "left")
        await world.sandboxes.stop("next", timeout=0)
        assert "kept for container next" in await refusal(world, "left")
        await world.sandboxes.remove("next")
        await world.sandboxes.start("left")

        assert place(world, "left")[0] == "10.77.1.50"


async def test_what_ran_before_keeps_its_address_though_a_start_fails() -> None:
    async with a_world() as world:
        await world.network("web", DUAL)
        await app(world, "job", FIXED)
        await world.sandboxes.start("job")
        await world.sandboxes.stop("job", timeout=0)
        world.steps.arm(3)
        await refusal(world, "job")
        world.steps.arm(None)

        await app(world, "next", FIXED)

        assert "kept for container job, which is stopped" in await refusal(world, "next")


async def test_a_disconnect_frees_a_kept_address() -> None:
    async with a_world() as world:
        await world.network("web", DUAL)
        await app(world, "first", FIXED)
        await app(world, "second", FIXED)

        await world.endpoints.disconnect("web", "first")
        await world.sandboxes.start("second")

        assert place(world, "second")[0] == "10.77.1.50"


async def test_of_20_that_want_a_kept_address_none_gets_it_and_then_one() -> None:
    """FR-09, where the address waits for somebody."""
    async with a_world() as world:
        await world.network("web", DUAL)
        await app(world, "job", FIXED)
        for n in range(20):
            await world.box(f"box{n}", [])

        async def winners() -> int:
            wanted = (world.endpoints.connect("web", f"box{n}", FIXED) for n in range(20))
            results = await asyncio.gather(*wanted, return_exceptions=True)
            return sum(not isinstance(r, AddressTaken) for r in results)

        assert await winners() == 0
        await world.sandboxes.remove("job")
        assert await winners() == 1


async def test_of_20_starts_with_one_fixed_address_the_first_that_asked_wins() -> None:
    async with a_world() as world:
        await world.network("web", DUAL)
        for n in range(20):
            await app(world, f"app{n}", FIXED)

        starts = (world.sandboxes.start(f"app{n}") for n in reversed(range(20)))
        results = await asyncio.gather(*starts, return_exceptions=True)

        assert [n for n, r in zip(reversed(range(20)), results, strict=True) if r is None] == [0]
        assert place(world, "app0")[0] == "10.77.1.50"


async def test_a_fixed_address_outside_of_a_range_of_one_is_kept_too() -> None:
    """FR-07, where those who were given addresses are stopped."""
    async with a_world() as world:
        one = SubnetWish(prefix=ip_network("10.77.7.0/24"), range=ip_network("10.77.7.100/32"))
        await world.networks.create(NetworkWish(name=network_name("web"), subnets=(one,)))
        await app(world, "first")
        await app(world, "fixed", EndpointWish(addresses=(ip_address("10.77.7.20"),)))
        for name in ("first", "fixed"):
            await world.sandboxes.start(name)
            await world.sandboxes.stop(name, timeout=0)

        await world.box("second")
        assert place(world, "second")[0] == "10.77.7.100"
        assert "10.77.7.100/32 is exhausted, 1 of 1 in use" in await refusal(world, "first")
        await app(world, "third", EndpointWish(addresses=(ip_address("10.77.7.20"),)))
        assert "10.77.7.20 on network web is kept for container fixed" in await refusal(
            world, "third"
        )
        await world.sandboxes.start("fixed")
        assert place(world, "fixed")[0] == "10.77.7.20"


# Reserved


async def test_a_reserved_address_goes_to_its_name_without_asking_and_to_nobody_else() -> None:
    async with a_world() as world:
        await world.network("web", DUAL)
        for address in ("10.77.1.2", "fd77:1::9"):
            assert await world.addresses.reserve("web", ip_address(address), DB) == []

        await world.box("other")
        assert place(world, "other")[:2] == ("10.77.1.3", "fd77:1::2")
        await world.box("asker", [])
        with pytest.raises(AddressTaken) as caught:
            wish = EndpointWish(addresses=(ip_address("10.77.1.2"),))
            await world.endpoints.connect("web", "asker", wish)
        await world.box("db")

        assert str(caught.value) == (
            "Address already in use: 10.77.1.2 on network web is reserved for db"
        )
        assert place(world, "db")[:2] == ("10.77.1.2", "fd77:1::9")


async def test_a_live_sandbox_keeps_what_it_has_until_its_next_start() -> None:
    async with a_world() as world:
        await world.network("web")
        await app(world, "db")
        await world.sandboxes.start("db")

        said = await world.addresses.reserve("web", ip_address("10.77.0.9"), DB)

        assert said == ["db has 10.77.0.2 now, and gets 10.77.0.9 at its next start or connect"]
        assert place(world, "db")[0] == "10.77.0.2"
        await world.sandboxes.restart("db", timeout=0)
        assert place(world, "db")[0] == "10.77.0.9"


async def test_an_address_that_another_has_by_chance_is_reserved_for_later() -> None:
    async with a_world() as world:
        await world.network("web")
        await world.box("box")

        said = await world.addresses.reserve("web", ip_address("10.77.0.2"), DB)

        assert said == ["box has 10.77.0.2 now, and keeps it until it is stopped or disconnected"]
        await world.box("db")
        assert place(world, "db")[0] == "10.77.0.3"
        await world.sandboxes.remove("db", force=True)
        await world.sandboxes.remove("box", force=True)
        await world.box("box")
        await world.box("db")
        assert [place(world, n)[0] for n in ("box", "db")] == ["10.77.0.4", "10.77.0.2"]


async def test_a_sandbox_that_asks_gets_what_it_asks_for_whatever_is_reserved() -> None:
    async with a_world() as world:
        await world.network("web", DUAL)
        await app(world, "db", FIXED)

        said = await world.addresses.reserve("web", ip_address("10.77.1.9"), DB)
        await world.sandboxes.start("db")

        assert said == ["db asks for 10.77.1.50 itself, and gets that as long as it does"]
        assert place(world, "db")[0] == "10.77.1.50"


async def test_who_asks_for_a_reserved_address_does_not_keep_it_from_its_name() -> None:
    async with a_world() as world:
        await world.network("web", DUAL)
        await world.addresses.reserve("web", ip_address("10.77.1.50"), DB)
        await app(world, "asker", FIXED)

        assert await refusal(world, "asker") == (
            "failed to set up container networking: "
            "Address already in use: 10.77.1.50 on network web is reserved for db"
        )
        await world.box("db")

        assert place(world, "db")[0] == "10.77.1.50"
        shown = [u for u in world.addresses.of_network("web") if str(u.address) == "10.77.1.50"]
        assert [(u.use.value, u.holder) for u in shown] == [("endpoint", "db")]


@pytest.mark.parametrize(
    ("address", "kind", "sentence"),
    [
        (
            "10.99.0.5",
            InvalidRequest,
            (
                "10.99.0.5 cannot be reserved: no subnet of network web contains it; "
                "it has 10.77.1.0/24, fd77:1::/64"
            ),
        ),
        (
            "10.77.1.1",
            AddressTaken,
            "Address already in use: 10.77.1.1 on network web is the gateway",
        ),
        (
            "10.77.1.255",
            InvalidRequest,
            (
                "invalid endpoint settings:\n10.77.1.255 is the broadcast address of 10.77.1.0/24; "
                "ask for another address of it"
            ),
        ),
        (
            "10.77.1.50",
            AddressTaken,
            (
                "Address already in use: 10.77.1.50 on network web is asked for by container job: "
                "disconnect or remove that first"
            ),
        ),
        (
            "10.77.1.60",
            Conflict,
            "10.77.1.60 on network web is reserved for cache: unreserve it first, or reserve another",
        ),
        (
            "10.77.1.61",
            Conflict,
            (
                "db has 10.77.1.70 reserved on network web: unreserve that first, "
                "since an endpoint has one IPv4 address"
            ),
        ),
    ],
)
async def test_what_cannot_be_reserved_is_refused_with_the_reason(
    address: str, kind: type[EngineError], sentence: str
) -> None:
    async with a_world() as world:
        await world.network("web", DUAL)
        await app(world, "job", FIXED)
        await world.addresses.reserve("web", ip_address("10.77.1.60"), SandboxName("cache"))
        await world.addresses.reserve("web", ip_address("10.77.1.70"), DB)
        before = world.snapshot()

        with pytest.raises(kind) as caught:
            await world.addresses.reserve("web", ip_address(address), DB)

        assert str(caught.value) == sentence
        assert world.snapshot() == before


async def test_a_reservation_said_twice_is_one_and_taken_back_it_is_none() -> None:
    async with a_world() as world:
        await world.network("web")
        for _ in range(2):
            await world.addresses.reserve("web", ip_address("10.77.0.9"), DB)
        assert len(world.store.network("web").reservations) == 1

        await world.addresses.unreserve("web", ip_address("10.77.0.9"))

        assert world.store.network("web").reservations == ()
        with pytest.raises(NotFound) as caught:
            await world.addresses.unreserve("web", ip_address("10.77.0.9"))
        assert str(caught.value) == "10.77.0.9 is not reserved on network web; reserved are: none"
        await world.box("box", wish=EndpointWish(addresses=(ip_address("10.77.0.9"),)))


# Seen


async def test_the_table_has_each_address_once_in_order_with_what_it_is_for() -> None:
    async with a_world() as world:
        subnets = (
            SubnetWish(
                prefix=ip_network("10.77.1.0/24"), auxiliary=(("router", ip_address("10.77.1.9")),)
            ),
            SubnetWish(prefix=ip_network("fd77:1::/64")),
        )
        wish = NetworkWish(name=network_name("web"), ipv6=True, subnets=subnets)
        await world.networks.create(wish)
        bridge = str(world.store.network("web").options.bridge)
        await world.addresses.reserve("web", ip_address("10.77.1.8"), DB)
        await world.addresses.reserve("web", ip_address("fd77:1::10"), DB)
        await world.box("box")
        await world.box("fixed", wish=FIXED)
        await world.box("gone")
        await world.sandboxes.remove("gone", force=True)
        await app(world, "job", EndpointWish(addresses=(ip_address("10.77.1.60"),)))
        await world.box("db")

        shown = [
            (str(u.address), u.use.value, u.holder, u.reserved_for)
            for u in world.addresses.of_network("web")
        ]

        assert shown == [
            ("10.77.1.1", "gateway", bridge, ""),
            ("10.77.1.2", "endpoint", "box", ""),
            ("10.77.1.4", "remembered", "gone", ""),
            ("10.77.1.8", "endpoint", "db", "db"),
            ("10.77.1.9", "auxiliary", "router", ""),
            ("10.77.1.50", "fixed", "fixed", ""),
            ("10.77.1.60", "kept", "job", ""),
            ("fd77:1::1", "gateway", bridge, ""),
            ("fd77:1::2", "endpoint", "box", ""),
            ("fd77:1::3", "endpoint", "fixed", ""),
            ("fd77:1::4", "remembered", "gone", ""),
            ("fd77:1::10", "endpoint", "db", "db"),
        ]
        assert all(u.since > 0 for u in world.addresses.of_network("web"))


async def test_room_is_counted_in_pieces_and_in_addresses() -> None:
    async with a_world() as world:
        await world.network("web")
        await world.network("small", ["10.77.9.0/29"])
        await world.box("box", ["small"])
        await world.addresses.reserve("small", ip_address("10.77.9.6"), DB)

        room = await world.addresses.room()

        assert [(str(r.pool.base), r.pool.count, r.used, r.free) for r in room.pools] == [
            ("10.77.0.0/16", 256, 2, 254),
            ("fd77::/48", 65536, 0, 65536),
        ]
        assert [
            (r.network, str(r.subnet.prefix), r.size, r.used, r.free) for r in room.subnets
        ] == [
            ("small", "10.77.9.0/29", 5, 2, 3),
            ("web", "10.77.0.0/24", 253, 0, 253),
        ]


async def test_what_runs_out_is_warned_of_with_what_to_do() -> None:
    async with a_world() as world:
        await world.network("web", ["10.77.1.0/29"])
        for n in range(2):
            await world.box(f"box{n}")
        assert await world.addresses.warnings() == ()

        await world.box("box2")
        (near,) = await world.addresses.warnings()
        for n in range(3, 5):
            await world.box(f"box{n}")
        (none,) = await world.engine.checkup.warnings()

        what_to_do = (
            "see who has them (seaway network addresses web), and remove what is not needed, "
            "or add a subnet: seaway network update web --add-subnet SUBNET"
        )
        assert near == f"only 2 of 5 addresses left in 10.77.1.0/29 of network web: {what_to_do}"
        assert none == f"none of 5 addresses left in 10.77.1.0/29 of network web: {what_to_do}"


async def test_a_thousand_sandboxes_are_chosen_for_and_listed_quickly() -> None:
    async with a_world() as world:
        await world.networks.create(network_wish("web", ["10.64.0.0/16"]))
        for n in range(200):
            await world.addresses.reserve(
                "web", ip_address("10.64.0.2") + n, SandboxName(f"later{n}")
            )
        process = Process(args=("sleep",))
        for n in range(1000):
            wish = SandboxWish(
                name=sandbox_name(f"s{n}"), endpoints=(("web", EndpointWish()),), process=process
            )
            await world.sandboxes.create(wish)
            await world.sandboxes.start(f"s{n}")

        uses = world.addresses.of_network("web")

        assert len(uses) == 1 + 200 + 1000
        assert len({u.address for u in uses}) == 1201
