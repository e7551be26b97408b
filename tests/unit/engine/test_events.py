"""Events: kept, told to all, and nobody waits for a slow watcher."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from fakes.parts import CountingClock
from fakes.world import a_world, sandbox_wish, tcp
from seaway.engine import events as events_module
from seaway.engine.events import EventBus
from seaway.engine.turns import Turns
from seaway.model.event import Event
from seaway.model.sandbox import Process


def event(number: int) -> Event:
    """The event of that number."""
    return Event(type="network", action="create", actor=str(number))


async def test_a_watcher_gets_the_kept_ones_and_then_the_new_ones() -> None:
    bus = EventBus(CountingClock())
    for number in range(3):
        bus.emit(event(number))

    watch = bus.watch(since=2)
    seen = [(await anext(watch)).actor, (await anext(watch)).actor]
    bus.emit(event(3))
    seen.append((await anext(watch)).actor)

    assert seen == ["1", "2", "3"]


async def test_the_last_1024_are_kept() -> None:
    bus = EventBus(CountingClock())
    for number in range(1025):
        bus.emit(event(number))

    assert [e.actor for e in bus.past(0)] == [str(n) for n in range(1, 1025)]


async def test_a_watcher_too_far_behind_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events_module, "BEHIND", 2)
    bus = EventBus(CountingClock())
    seen = list[str]()

    async def watch() -> None:
        async for each in bus.watch():
            seen.append(each.actor)

    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        tasks.create_task(watch())
        await asyncio.sleep(0)
        for number in range(4):
            bus.emit(event(number))

    assert seen == ["1"]


async def test_a_life_is_told_in_dockers_words() -> None:
    async with a_world() as world:
        await world.network("web")
        app = await world.program("app", ports=(tcp(8080, 80),))
        await world.sandboxes.start("app")
        await world.sandboxes.stop("app")
        await world.sandboxes.remove("app")
        await world.networks.remove("web")

        assert [(e.type, e.action) for e in world.events.past(0)] == [
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
        connect = world.events.past(0)[2]
        assert dict(connect.attributes) == {"container": app.id, "name": "web", "type": "bridge"}


async def test_ports_that_come_and_go_are_told_with_image_and_labels_like_all_else() -> None:
    async with a_world() as world:
        wish = sandbox_wish("app", [], process=Process(args=("sleep",)))
        await world.sandboxes.create(replace(wish, labels=(("k", "v"),)))
        await world.sandboxes.start("app")
        await world.ports.publish("app", [tcp(8080, 80)])
        await world.ports.unpublish("app", [tcp(8080, 80)])

        told = {e.action: dict(e.attributes) for e in world.events.past(0)}

        assert told["publish"] == told["create"] == {"image": "host", "name": "app", "k": "v"}
        assert told["unpublish"] == told["create"]


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
