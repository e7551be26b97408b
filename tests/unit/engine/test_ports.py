"""Publish and unpublish, live."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from fakes.world import World, a_world, network_wish, sandbox_wish, tcp, udp
from seaway.contracts import Hold
from seaway.model.endpoint import EndpointWish
from seaway.model.errors import EngineError, InvalidRequest, NotFound, PortTaken
from seaway.model.port import ExposedPort, Proto, PublishedPort
from seaway.model.sandbox import Process, SandboxWish
from seaway.plan.elements import Element
from seaway.plan.operations import ForgetPort

INET = "inet seaway"


def leading(world: World) -> set[tuple[str, str, str]]:
    """Where published ports lead, by the firewall: map, key and value."""
    return {
        (e.set, e.key, e.value)
        for e in world.kernel.elements
        if e.table == INET and (e.value or e.set.startswith(("from", "limited")))
    }


async def test_a_port_is_published_on_a_running_sandbox() -> None:
    async with a_world() as world:
        await world.network("web")
        box = await world.box("box")

        sandbox, ports = await world.ports.publish("box", [tcp(8080, 80)])

        assert ports == (tcp(8080, 80),)
        assert sandbox.status.published == (tcp(8080, 80),)
        assert leading(world) == {("any4", "tcp . 8080", "10.77.0.2 . 80")}
        assert world.host_ports.held(box.id).keys() == {Hold(Proto.TCP, None, 8080, 1, 80)}


async def test_a_random_port_is_told_and_kept() -> None:
    async with a_world() as world:
        await world.network("web")
        await world.box("box")

        _, ports = await world.ports.publish("box", [tcp(0, 80)])

        assert ports == (tcp(32768, 80),)
        assert world.store.sandbox("box").ports == (tcp(0, 80),)


async def test_a_busy_port_leaves_nothing_behind() -> None:
    async with a_world() as world:
        await world.network("web")
        await world.box("box", ports=(tcp(80, 80),))
        world.host_ports.foreign.add(8080)
        before = world.snapshot()

        with pytest.raises(PortTaken):
            await world.ports.publish("box", [tcp(8081, 81), tcp(8080, 80)])

        assert world.snapshot() == before


async def test_one_host_port_for_two_ports_of_a_sandbox_is_refused() -> None:
    async with a_world() as world:
        await world.network("web")
        await world.box("box", ports=(tcp(8080, 80),))
        before = world.snapshot()

        with pytest.raises(PortTaken):
            await world.ports.publish("box", [tcp(8080, 81)])

        assert world.snapshot() == before


async def test_every_failure_of_a_publish_leaves_nothing_behind() -> None:
    async with a_world() as world:
        await world.network("web")
        await world.box("box", ports=(tcp(80, 80),))
        world.steps.arm(None)
        await world.ports.publish("box", [udp(53, 53)])
        count = len(world.steps.reached)
        await world.ports.unpublish("box", [udp(53, 53)])
        before = world.snapshot()

        for number in range(count):
            world.steps.arm(number)
            with pytest.raises(EngineError):
                await world.ports.publish("box", [udp(53, 53)])

            assert world.snapshot() == before, world.steps.reached[number]


async def test_an_unpublish_that_failed_at_any_step_can_be_repeated() -> None:
    async with a_world() as world:
        await world.network("web")
        await world.box("box")
        before = world.snapshot()
        await world.ports.publish("box", [udp(53, 53)])
        world.steps.arm(None)
        await world.ports.unpublish("box", [udp(53, 53)])
        assert world.snapshot() == before

        for number in range(len(world.steps.reached)):
            await world.ports.publish("box", [udp(53, 53)])
            world.steps.arm(number)
            with pytest.raises((EngineError, ExceptionGroup)):
                await world.ports.unpublish("box", [udp(53, 53)])
            world.steps.arm(None)
            await world.ports.unpublish("box", [udp(53, 53)])

            assert world.snapshot() == before


async def test_publishing_again_changes_who_may_come_in() -> None:
    async with a_world() as world:
        await world.network("web")
        await world.box("box", ports=(tcp(8080, 80),))
        limited = PublishedPort(
            proto=Proto.TCP, port=80, host_port=8080, sources=(ip_network("10.0.0.0/8"),)
        )

        await world.ports.publish("box", [limited])

        assert world.store.sandbox("box").status.published == (limited,)
        assert leading(world) == {
            ("any4", "tcp . 8080", "10.77.0.2 . 80"),
            ("limited_any4", "tcp . 8080", ""),
            ("limited_any6", "tcp . 8080", ""),
            ("from_any4", "tcp . 8080 . 10.0.0.0/8", ""),
        } - {("limited_any6", "tcp . 8080", "")}


async def test_publishing_a_random_port_again_keeps_it() -> None:
    async with a_world() as world:
        await world.network("web")
        await world.box("box", ports=(tcp(0, 80),))

        _, ports = await world.ports.publish("box", [tcp(0, 80)])

        assert ports == (tcp(32768, 80),)
        assert world.store.sandbox("box").status.published == (tcp(32768, 80),)


async def test_a_stopped_sandbox_publishes_when_it_starts() -> None:
    async with a_world() as world:
        await world.network("web")
        await world.program("app")

        assert (await world.ports.publish("app", [tcp(8080, 80)]))[1] == ()
        assert world.host_ports.all_held == {}
        await world.sandboxes.start("app")

        assert world.store.sandbox("app").status.published == (tcp(8080, 80),)


async def test_an_unpublished_port_is_free_and_its_udp_flows_are_forgotten() -> None:
    async with a_world() as world:
        await world.network("web")
        await world.box("box", ports=(tcp(8080, 80), udp(53, 53)))

        await world.ports.unpublish("box", [tcp(0, 80), udp(53, 53)])

        assert leading(world) == set()
        assert world.host_ports.all_held == {}
        assert world.store.sandbox("box").ports == ()
        flows = [o for o in world.kernel.operations if isinstance(o, ForgetPort)]
        assert {(f.proto, f.host_port) for f in flows} == {(Proto.UDP, 53)}


async def test_open_streams_end_with_now() -> None:
    async with a_world() as world:
        await world.network("web")
        await world.box("box", ports=(tcp(8080, 80),))

        await world.ports.unpublish("box", [tcp(8080, 80)], now=True)

        flow = ForgetPort(proto=Proto.TCP, version=4, host_port=8080)
        assert flow in world.kernel.operations


async def test_a_port_that_is_not_published_is_told_with_those_that_are() -> None:
    async with a_world() as world:
        await world.network("web")
        await world.box("box", ports=(tcp(8080, 80),))

        with pytest.raises(NotFound) as caught:
            await world.ports.unpublish("box", [tcp(0, 81)])

        assert str(caught.value) == ("port 81/tcp is not published; published are: 8080:80/tcp")


async def test_ports_move_with_the_default_route() -> None:
    async with a_world() as world:
        await world.network("first")
        await world.network("second")
        await world.box("box", ["first"], ports=(tcp(8080, 80),))

        await world.endpoints.connect("second", "box", EndpointWish(gw_priority=1))
        assert leading(world) == {("any4", "tcp . 8080", "10.77.1.2 . 80")}

        await world.endpoints.disconnect("second", "box")
        assert leading(world) == {("any4", "tcp . 8080", "10.77.0.2 . 80")}


async def test_a_network_with_a_host_binding_publishes_there() -> None:
    async with a_world() as world:
        option = ("com.docker.network.bridge.host_binding_ipv4", "127.0.0.1")
        await world.networks.create(network_wish("web", options=(option,)))

        await world.box("box", ports=(tcp(8080, 80),))

        local = PublishedPort(
            proto=Proto.TCP, port=80, host_port=8080, host=ip_address("127.0.0.1")
        )
        assert world.store.sandbox("box").status.published == (local,)
        assert leading(world) == {("one4", "tcp . 127.0.0.1 . 8080", "10.77.0.2 . 80")}


async def test_a_port_stays_where_it_is_when_another_is_published() -> None:
    async with a_world() as world:
        option = ("com.docker.network.bridge.host_binding_ipv4", "127.0.0.1")
        await world.network("web")
        await world.networks.create(network_wish("local", options=(option,)))
        await world.box("box", ["web", "local"], ports=(tcp(8080, 80),))
        await world.endpoints.disconnect("web", "box")

        await world.ports.publish("box", [tcp(8081, 81)])

        local = replace(tcp(8081, 81), host=ip_address("127.0.0.1"))
        assert world.store.sandbox("box").status.published == (tcp(8080, 80), local)


async def test_ports_of_a_sandbox_in_host_mode_cannot_be_published() -> None:
    async with a_world() as world:
        wish = SandboxWish(network_mode="host", process=Process(args=("sleep",)))
        app = await world.sandboxes.create(wish)

        with pytest.raises(InvalidRequest):
            await world.ports.publish(app.id, [tcp(8080, 80)])


async def test_an_internal_network_publishes_nothing() -> None:
    async with a_world() as world:
        await world.networks.create(network_wish("web", internal=True))

        await world.box("box", ports=(tcp(8080, 80),))

        assert leading(world) == set()
        assert world.host_ports.all_held == {}
        assert Element(INET, "internal", "x") not in world.kernel.elements


# What was unpublished does not come back


async def test_a_random_port_that_was_unpublished_by_its_number_does_not_come_back() -> None:
    async with a_world() as world:
        await world.network("web")
        await world.network("other")
        box = await world.box("box", ports=(tcp(0, 80),))

        await world.ports.unpublish("box", [tcp(32768, 80)])
        await world.endpoints.connect("other", "box", EndpointWish())

        assert world.store.sandbox("box").ports == ()
        assert world.store.sandbox("box").status.published == ()
        assert world.host_ports.held(box.id) == {}


async def test_of_two_places_of_a_port_the_one_that_stays_is_the_one_that_was_not_named() -> None:
    async with a_world() as world:
        await world.network("web")
        await world.box("box", ports=(tcp(0, 80), tcp(8080, 80)))

        await world.ports.unpublish("box", [tcp(8080, 80)])

        assert world.store.sandbox("box").ports == (tcp(0, 80),)
        assert world.store.sandbox("box").status.published == (tcp(32768, 80),)


async def test_a_port_at_the_networks_address_does_not_come_back_either() -> None:
    async with a_world() as world:
        option = ("com.docker.network.bridge.host_binding_ipv4", "127.0.0.1")
        await world.networks.create(network_wish("web", options=(option,)))
        await world.box("box", ports=(tcp(8080, 80), tcp(8081, 81)))
        local = replace(tcp(8080, 80), host=ip_address("127.0.0.1"))

        await world.ports.unpublish("box", [local])

        assert world.store.sandbox("box").ports == (tcp(8081, 81),)


async def test_a_port_of_all_that_are_exposed_does_not_come_back() -> None:
    async with a_world() as world:
        await world.network("web")
        await world.network("other")
        exposed = (ExposedPort(proto=Proto.TCP, port=80, count=2),)
        wish = replace(sandbox_wish("box"), publish_all=True, exposed=exposed)
        await world.sandboxes.create_namespace(wish)

        await world.ports.unpublish("box", [tcp(32768, 80)])
        await world.endpoints.connect("other", "box", EndpointWish())

        box = world.store.sandbox("box")
        assert (box.ports, box.publish_all) == ((tcp(0, 81),), False)
        assert box.status.published == (tcp(32769, 81),)

        await world.ports.unpublish("box", [tcp(0, 81)])
        await world.endpoints.disconnect("other", "box")
        await world.endpoints.connect("other", "box", EndpointWish())
        assert world.store.sandbox("box").status.published == ()


async def test_all_ports_of_a_stopped_sandbox_can_be_unpublished() -> None:
    async with a_world() as world:
        await world.network("web")
        exposed = (ExposedPort(proto=Proto.TCP, port=80),)
        wish = replace(
            sandbox_wish("app", process=Process(args=("sleep",))),
            publish_all=True,
            exposed=exposed,
        )
        await world.sandboxes.create(wish)

        await world.ports.unpublish("app", [tcp(0, 80)])
        await world.sandboxes.start("app")

        assert world.store.sandbox("app").status.published == ()


async def test_ports_wait_for_a_way_out_whatever_was_unpublished_meanwhile() -> None:
    async with a_world() as world:
        await world.networks.create(network_wish("inner", internal=True))
        await world.network("web")
        await world.box("box", ["inner"], ports=(tcp(0, 80), tcp(8081, 81)))

        await world.ports.unpublish("box", [tcp(0, 80)])
        await world.endpoints.connect("web", "box", EndpointWish())

        assert world.store.sandbox("box").status.published == (tcp(8081, 81),)


async def test_ports_are_let_go_in_a_family_that_leads_nowhere_any_more() -> None:
    async with a_world() as world:
        await world.network("web")
        await world.network("six", ["10.78.0.0/24", "fd78::/64"])
        box = await world.box("box", ["web", "six"], ports=(tcp(8080, 80),))
        hold = Hold(Proto.TCP, None, 8080, 1, 80)
        assert world.host_ports.held(box.id) == {hold: {4, 6}}

        await world.endpoints.disconnect("six", "box")
        assert world.host_ports.held(box.id) == {hold: {4}}

        await world.endpoints.connect("six", "box", EndpointWish())
        assert world.host_ports.held(box.id) == {hold: {4, 6}}


async def test_every_failure_of_a_disconnect_holds_both_families_as_before() -> None:
    async with a_world() as world:
        await world.network("web")
        await world.network("six", ["10.78.0.0/24", "fd78::/64"])
        box = await world.box("box", ["web", "six"], ports=(tcp(8080, 80),))
        before = world.host_ports.held(box.id)
        world.steps.arm(None)
        await world.endpoints.disconnect("six", "box")
        count = len(world.steps.reached)
        await world.endpoints.connect("six", "box", EndpointWish())

        for number in range(count - 1):
            world.steps.arm(number)
            with pytest.raises((EngineError, ExceptionGroup)):
                await world.endpoints.disconnect("six", "box")
            world.steps.arm(None)

            assert world.host_ports.held(box.id) == before, number


# Ports that another program took while the daemon was away


async def without_a_daemon(world: World, *foreign: int) -> None:
    """Start the daemon again when other programs have the ports *foreign*."""
    await world.die()
    world.join()
    world.host_ports.foreign.update(foreign)
    await world.recovery.restore()


async def test_a_port_that_was_taken_does_not_keep_the_others_from_being_held() -> None:
    async with a_world() as world:
        await world.network("web")
        box = await world.box("box", ports=(tcp(8080, 80), tcp(8081, 81), udp(53, 53)))

        await without_a_daemon(world, 8081)

        assert world.host_ports.held(box.id).keys() == {
            Hold(Proto.TCP, None, 8080, 1, 80),
            Hold(Proto.UDP, None, 53, 1, 53),
        }
        assert list(await world.engine.checkup.warnings()) == [
            (
                "port 8081/tcp of box: Bind for port 8081 failed: held by another program; "
                "it still leads to box"
            )
        ]


async def test_a_port_that_was_taken_does_not_keep_others_from_being_published() -> None:
    async with a_world() as world:
        await world.network("web")
        await world.box("box", ports=(tcp(8080, 80),))
        await without_a_daemon(world, 8080)

        _, ports = await world.ports.publish("box", [tcp(8081, 81)])

        assert ports == (tcp(8081, 81),)
        assert world.store.sandbox("box").status.published == (tcp(8080, 80), tcp(8081, 81))


async def test_a_port_is_held_again_when_the_other_program_has_ended() -> None:
    async with a_world() as world:
        await world.network("web")
        box = await world.box("box", ports=(tcp(8080, 80),))
        await without_a_daemon(world, 8080)
        assert len(await world.engine.checkup.warnings()) == 1

        world.host_ports.foreign.clear()

        assert list(await world.engine.checkup.warnings()) == []
        assert world.host_ports.held(box.id).keys() == {Hold(Proto.TCP, None, 8080, 1, 80)}


async def test_a_taken_port_that_is_unpublished_is_told_no_longer() -> None:
    async with a_world() as world:
        await world.network("web")
        await world.box("box", ports=(tcp(8080, 80), tcp(8081, 81)))
        await without_a_daemon(world, 8080)

        await world.ports.unpublish("box", [tcp(8080, 80)])

        assert list(await world.engine.checkup.warnings()) == []


async def test_a_port_of_a_family_that_leads_nowhere_is_not_missed() -> None:
    async with a_world() as world:
        await world.network("web")
        six = replace(tcp(8080, 80), host=ip_address("::1"))
        await world.box("box", ports=(six,))

        await without_a_daemon(world, 8080)

        assert list(await world.engine.checkup.warnings()) == []


async def test_a_sandbox_whose_turn_is_taken_does_not_keep_the_checkup_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("seaway.engine.checkup.PATIENCE", 0.01)
    async with a_world() as world:
        await world.network("web")
        box = await world.box("box", ports=(tcp(8080, 80),))
        await without_a_daemon(world, 8080)

        async with vars(world.engine.checkup)["_turns"].take(box.id):
            assert list(await world.engine.checkup.warnings()) == [
                "port 8080/tcp of box is not held; it still leads to box"
            ]


async def test_a_connect_that_failed_leaves_no_family_more_held() -> None:
    async with a_world() as world:
        await world.network("web")
        await world.network("six", ["10.78.0.0/24", "fd78::/64"])
        box = await world.box("box", ports=(tcp(8080, 80),))
        world.kernel.fail_at = "ChangeElements"

        with pytest.raises(EngineError):
            await world.endpoints.connect("six", "box", EndpointWish())

        assert world.host_ports.held(box.id) == {Hold(Proto.TCP, None, 8080, 1, 80): {4}}


# Published already: it gets the sources now given, and nothing else changes

SOURCES = (ip_network("10.0.0.0/8"),)


@pytest.mark.parametrize(
    ("asked", "again", "asked_then"),
    [
        (tcp(0, 80), tcp(0, 80), tcp(0, 80)),
        (tcp(0, 80), tcp(32768, 80), tcp(32768, 80)),
        (tcp(32768, 80), tcp(0, 80), tcp(32768, 80)),
    ],
)
async def test_a_port_that_is_published_already_stays_one_port(
    asked: PublishedPort, again: PublishedPort, asked_then: PublishedPort
) -> None:
    async with a_world() as world:
        await world.network("web")
        await world.box("box", ports=(asked,))

        await world.ports.publish("box", [replace(again, sources=SOURCES)])

        box = world.store.sandbox("box")
        assert box.status.published == (replace(tcp(32768, 80), sources=SOURCES),)
        assert box.ports == (replace(asked_then, sources=SOURCES),)


@pytest.mark.parametrize("again", [tcp(8080, 80), tcp(0, 80)])
async def test_a_port_at_the_networks_address_stays_one_port(again: PublishedPort) -> None:
    async with a_world() as world:
        option = ("com.docker.network.bridge.host_binding_ipv4", "127.0.0.1")
        await world.networks.create(network_wish("web", options=(option,)))
        await world.box("box", ports=(tcp(8080, 80),))

        await world.ports.publish("box", [replace(again, sources=SOURCES)])

        local = replace(tcp(8080, 80), host=ip_address("127.0.0.1"), sources=SOURCES)
        assert world.store.sandbox("box").status.published == (local,)
        assert world.store.sandbox("box").ports == (replace(tcp(8080, 80), sources=SOURCES),)


# Numbers that nobody asked for come back


async def a_program(world: World, *ports: PublishedPort) -> None:
    """The sandbox "app", which runs a process and publishes *ports*; others had lower numbers before."""
    await world.network("web")
    await world.box("first", ports=(tcp(0, 1), tcp(0, 2)))
    await world.program("app", ports=ports)
    await world.sandboxes.start("app")
    await world.sandboxes.remove("first", force=True)


def numbers(world: World, name: str = "app") -> list[tuple[int, int]]:
    """The ports of a sandbox inside and on the host."""
    return [(p.port, p.host_port) for p in world.store.sandbox(name).status.published]


async def test_a_random_port_comes_back_at_the_next_start() -> None:
    async with a_world() as world:
        await a_program(world, tcp(0, 80), tcp(8080, 80), tcp(0, 81))
        before = numbers(world)

        await world.sandboxes.restart("app", timeout=0)
        again = numbers(world)
        await world.sandboxes.stop("app", timeout=0)
        world.join()  # the daemon, too
        await world.recovery.restore()
        await world.sandboxes.start("app")

        assert before == [(80, 32770), (80, 8080), (81, 32771)]
        assert again == before
        assert numbers(world) == before


async def test_a_random_port_that_is_taken_meanwhile_is_another() -> None:
    async with a_world() as world:
        await a_program(world, tcp(0, 80), tcp(0, 81))
        await world.sandboxes.stop("app", timeout=0)
        world.host_ports.foreign.add(32770)

        await world.sandboxes.start("app")
        assert numbers(world) == [(80, 32768), (81, 32771)]
        await world.sandboxes.restart("app", timeout=0)

        assert numbers(world) == [(80, 32768), (81, 32771)]


async def test_random_ports_of_all_that_are_exposed_come_back() -> None:
    async with a_world() as world:
        await world.network("web")
        await world.box("first", ports=(tcp(0, 1),))
        exposed = (ExposedPort(proto=Proto.TCP, port=80, count=2),)
        wish = replace(
            sandbox_wish("app", process=Process(args=("sleep",))), exposed=exposed, publish_all=True
        )
        await world.sandboxes.create(wish)
        await world.sandboxes.start("app")
        await world.sandboxes.remove("first", force=True)

        await world.sandboxes.restart("app", timeout=0)

        assert numbers(world) == [(80, 32769), (81, 32770)]


async def test_a_random_port_comes_back_when_there_is_a_way_out_again() -> None:
    async with a_world() as world:
        await a_program(world, tcp(0, 80))

        await world.endpoints.disconnect("web", "app")
        assert numbers(world) == []
        await world.endpoints.connect("web", "app", EndpointWish())
        assert numbers(world) == [(80, 32770)]
        await world.endpoints.disconnect("web", "app")
        await world.sandboxes.restart("app", timeout=0)
        await world.endpoints.connect("web", "app", EndpointWish())

        assert numbers(world) == [(80, 32770)]


async def test_a_failed_start_forgets_no_number() -> None:
    async with a_world() as world:
        await a_program(world, tcp(0, 80))
        await world.sandboxes.stop("app", timeout=0)
        for number in range(5):
            world.steps.arm(number)
            with pytest.raises(EngineError):
                await world.sandboxes.start("app")
            world.steps.arm(None)

        await world.sandboxes.start("app")

        assert numbers(world) == [(80, 32770)]
