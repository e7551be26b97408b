"""Events: kept, told to all, and nobody waits for a slow watcher."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from fakes.parts import CountingClock
from fakes.world import World, a_world, happened, sandbox_wish, tcp
from seaway.contracts import Exit
from seaway.engine import events as events_module
from seaway.engine.events import BATCH_SIZE, EventBus, FellBehind, Watch
from seaway.engine.turns import Turns
from seaway.model.endpoint import EndpointWish
from seaway.model.errors import CannotRun
from seaway.model.event import Event
from seaway.model.ids import SandboxId
from seaway.model.sandbox import Process


def event(number: int) -> Event:
    """The event of that number."""
    return Event(type="network", action="create", actor=str(number))


async def taken(watch: Watch, count: int) -> list[str]:
    """Who the next *count* events are about, as they come."""
    seen: list[str] = []
    async with asyncio.timeout(5):
        while len(seen) < count:
            seen += [e.actor for e in await watch.more()]
    return seen


async def test_a_watcher_gets_the_kept_ones_and_then_the_new_ones_each_once() -> None:
    bus = EventBus(CountingClock())
    for number in range(3):
        bus.emit(event(number))

    with bus.watch(since=2) as watch:
        bus.emit(event(3))
        before = await taken(watch, 3)
        bus.emit(event(4))
        after = await taken(watch, 1)

    assert (before, after) == (["1", "2", "3"], ["4"])


async def test_who_asks_for_no_past_gets_what_comes() -> None:
    bus = EventBus(CountingClock())
    bus.emit(event(0))

    with bus.watch() as watch:
        bus.emit(event(1))

        assert await taken(watch, 1) == ["1"]


async def test_no_two_events_have_the_same_time_even_if_the_clock_stands_or_goes_back() -> None:
    clock = CountingClock()
    bus = EventBus(clock)
    for reading in (100, 100, 7, 200):
        clock.time = reading - 1
        bus.emit(event(0))

    assert [e.time for e in happened(bus)] == [100, 101, 102, 200]


async def test_the_last_4096_are_kept() -> None:
    bus = EventBus(CountingClock())
    for number in range(4097):
        bus.emit(event(number))

    assert [e.actor for e in happened(bus)] == [str(n) for n in range(1, 4097)]


async def test_long_events_push_out_more_but_the_last_is_always_kept() -> None:
    bus = EventBus(CountingClock())

    for number in range(5):
        bus.emit(replace(event(number), attributes=(("command", "x" * (1 << 20)),)))
    assert [e.actor for e in happened(bus)] == ["2", "3", "4"]

    bus.emit(replace(event(5), attributes=(("command", "x" * (5 << 20)),)))
    assert [e.actor for e in happened(bus)] == ["5"]


async def test_a_watcher_takes_long_events_one_by_one() -> None:
    bus = EventBus(CountingClock())

    with bus.watch() as watch:
        for number in range(3):
            bus.emit(replace(event(number), attributes=(("command", "x" * BATCH_SIZE),)))

        assert [len(watch.ready()) for _ in range(4)] == [1, 1, 1, 0]


async def test_a_watcher_too_far_behind_is_let_go_and_told_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(events_module, "KEPT", 2)
    bus, told = EventBus(CountingClock()), list[str]()

    with bus.watch(let_go=lambda: told.append("slow")) as slow, bus.watch() as quick:
        for number in range(3):
            assert told == []
            bus.emit(event(number))
            assert [e.actor for e in quick.ready()] == [str(number)]

        assert told == ["slow"]
        with pytest.raises(FellBehind, match="too slow"):
            slow.ready()


async def test_the_one_who_emits_goes_on_before_watchers_do_and_they_take_a_storm_at_once() -> None:
    bus, order = EventBus(CountingClock()), list[str]()

    async def read(watch: Watch) -> None:
        while True:
            order.append(f"{len(await watch.more())} read")

    with bus.watch() as watch:
        reading = asyncio.ensure_future(read(watch))
        await asyncio.sleep(0)
        for number in range(50):
            bus.emit(event(number))
            await asyncio.sleep(0)
        order.append("answered")
        await asyncio.sleep(0.1)
        reading.cancel()

    assert order == ["answered", "50 read"]


async def test_a_life_is_told_in_dockers_words() -> None:
    async with a_world() as world:
        await world.network("web")
        app = await world.program("app", ports=(tcp(8080, 80),))
        await world.sandboxes.start("app")
        await world.sandboxes.stop("app")
        await world.sandboxes.remove("app")
        await world.networks.remove("web")

        assert [(e.type, e.action) for e in happened(world.events)] == [
            ("network", "create"),
            ("container", "create"),
            ("network", "connect"),
            ("container", "start"),
            ("container", "kill"),
            ("container", "die"),
            ("network", "disconnect"),
            ("container", "stop"),
            ("container", "destroy"),
            ("network", "destroy"),
        ]
        connect = happened(world.events)[2]
        assert dict(connect.attributes) == {"container": app.id, "name": "web", "type": "bridge"}


def told(world: World) -> list[str]:
    """What is told, but for the kind."""
    return [e.action for e in happened(world.events)]


async def test_an_end_is_told_with_its_exit_code_and_the_seconds_it_ran() -> None:
    async with a_world() as world:
        app = await world.program("app", ())
        await world.sandboxes.start("app")
        world.clock.time += 2 * 10**9
        await world.sandboxes.end(
            world.store.sandbox(app.id), Exit(code=3, finished=world.clock.now())
        )

        (die,) = (e for e in happened(world.events) if e.action == "die")
        assert dict(die.attributes) == {
            "image": "host",
            "name": "app",
            "exitCode": "3",
            "execDuration": "2",
        }


async def test_a_process_that_cannot_run_had_its_networks_and_lost_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with a_world() as world:
        await world.network("web")
        await world.program("app")

        async def refuse(_: SandboxId) -> None:
            raise CannotRun("no such program", 127)

        monkeypatch.setattr(world.runtime, "start", refuse)
        with pytest.raises(CannotRun):
            await world.sandboxes.start("app")

        assert told(world) == ["create", "create", "connect", "disconnect"]


async def test_the_networks_of_the_host_and_none_are_told_of_like_others() -> None:
    async with a_world() as world:
        await world.networks.create_predefined()
        wish = sandbox_wish("app", ["host"], process=Process(args=("sleep",)))
        await world.sandboxes.create(wish)
        await world.sandboxes.start("app")
        await world.sandboxes.stop("app")

        connect, disconnect = (e for e in happened(world.events) if e.type == "network")
        app = world.store.sandbox("app")
        assert (connect.action, disconnect.action) == ("connect", "disconnect")
        facts = {"container": app.id, "name": "host", "type": "host"}
        assert dict(connect.attributes) == dict(disconnect.attributes) == facts


async def test_a_stopped_sandbox_tells_when_it_leaves_a_network_and_not_when_it_is_put_on_one() -> (
    None
):
    async with a_world() as world:
        await world.network("web")
        await world.program("app", ())
        await world.endpoints.connect("web", "app", EndpointWish())
        await world.endpoints.disconnect("web", "app")

        assert told(world) == ["create", "create", "disconnect"]


async def test_a_prune_is_told_after_what_it_took_and_when_it_took_nothing() -> None:
    async with a_world() as world:
        await world.network("web")
        await world.networks.prune()
        await world.sandboxes.prune()

        events = happened(world.events)
        assert [(e.type, e.action, e.actor) for e in events[1:]] == [
            ("network", "destroy", events[0].actor),
            ("network", "prune", ""),
            ("container", "prune", ""),
        ]
        assert events[2].attributes == events[3].attributes == (("reclaimed", "0"),)


async def test_labels_hide_neither_name_nor_image() -> None:
    async with a_world() as world:
        wish = sandbox_wish("app", [], process=Process(args=("sleep",)))
        await world.sandboxes.create(replace(wish, labels=(("name", "x"), ("image", "y"))))

        (create,) = happened(world.events)
        assert dict(create.attributes) == {"name": "app", "image": "host"}


async def test_ports_that_come_and_go_are_told_with_image_and_labels_like_all_else() -> None:
    async with a_world() as world:
        wish = sandbox_wish("app", [], process=Process(args=("sleep",)))
        await world.sandboxes.create(replace(wish, labels=(("k", "v"),)))
        await world.sandboxes.start("app")
        await world.ports.publish("app", [tcp(8080, 80)])
        await world.ports.unpublish("app", [tcp(8080, 80)])

        by_action = {e.action: dict(e.attributes) for e in happened(world.events)}

        facts = {"image": "host", "name": "app", "k": "v"}
        assert by_action["publish"] == by_action["create"] == facts
        assert by_action["unpublish"] == facts


async def test_turns_of_one_key_come_one_after_another_and_are_forgotten() -> None:
    turns, seen = Turns(), list[str]()

    async def turn(key: str, name: str) -> None:
        async with turns.take(key):
            seen.append(f"{name} in")
            await asyncio.sleep(0)
            seen.append(f"{name} out")

    await asyncio.gather(turn("a", "one"), turn("a", "two"), turn("b", "other"))

    assert seen.index("one out") < seen.index("two in")
    assert seen.index("other in") < seen.index("one out")
    assert vars(turns)["_locks"] == {}
