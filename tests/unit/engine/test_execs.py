"""Further processes in running sandboxes."""

from __future__ import annotations

import asyncio

import pytest

from fakes.world import World, a_world, happened
from seaway.engine.execs import KEPT
from seaway.model.errors import (
    CannotRun,
    Conflict,
    EngineError,
    InvalidRequest,
    NotFound,
    Unavailable,
)
from seaway.model.sandbox import Process, Sandbox

A_PROCESS = Process(args=("echo", "hello"))


async def running(world: World) -> Sandbox:
    """A running sandbox with a process."""
    app = await world.program("app", [])
    await world.sandboxes.start("app")
    return app


async def settled() -> None:
    """Let everything that can go on go on."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_further_process_is_created_started_and_ends() -> None:
    async with a_world() as world:
        app = await running(world)
        execs = world.engine.execs
        made = execs.create("app", A_PROCESS)
        assert (made.sandbox, made.started, made.running) == (app.id, False, False)

        await execs.start(made.id)
        assert execs.of(app.id) == (made.id,)
        await settled()

        assert (execs.get(made.id).running, execs.get(made.id).exit_code) == (False, 0)
        assert execs.of(app.id) == ()
        actions = [e.action for e in happened(world.events)][-3:]
        assert actions == ["exec_create: echo hello", "exec_start: echo hello", "exec_die"]


async def refusal(world: World, sandbox: str, process: Process = A_PROCESS) -> str:
    """The sentence with which a further process is refused."""
    with pytest.raises(EngineError) as caught:
        world.engine.execs.create(sandbox, process)
    return str(caught.value)


async def test_refusals_are_told() -> None:
    async with a_world() as world:
        app = await world.program("app", [])
        await world.box("box", [])

        assert await refusal(world, "app") == f"container {app.id} is not running"
        assert await refusal(world, "nosuch") == "No such container: nosuch"
        assert (await refusal(world, "box")).startswith("sandbox box is only a network namespace")
        with pytest.raises(InvalidRequest):
            world.engine.execs.create("app", Process(args=()))


async def test_a_process_is_started_once() -> None:
    async with a_world() as world:
        await running(world)
        made = world.engine.execs.create("app", A_PROCESS)
        await world.engine.execs.start(made.id)

        with pytest.raises(Conflict):
            await world.engine.execs.start(made.id)


async def test_a_process_that_cannot_run_keeps_its_exit_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with a_world() as world:
        await running(world)
        made = world.engine.execs.create("app", A_PROCESS)

        async def refuse(*_: object) -> None:
            raise CannotRun("no such file: echo", 127)

        monkeypatch.setattr(world.runtime, "execute", refuse)
        with pytest.raises(CannotRun):
            await world.engine.execs.start(made.id)

        assert world.engine.execs.get(made.id).exit_code == 127


async def test_what_fails_to_start_without_a_code_has_that_of_a_shell(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with a_world() as world:
        await running(world)
        made = world.engine.execs.create("app", A_PROCESS)

        async def fail(*_: object) -> None:
            raise Unavailable("conmon did not start")

        monkeypatch.setattr(world.runtime, "execute", fail)
        with pytest.raises(Unavailable):
            await world.engine.execs.start(made.id)

        assert world.engine.execs.get(made.id).exit_code == 126


async def test_an_end_that_nobody_saw_has_the_code_that_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with a_world() as world:
        await running(world)
        made = world.engine.execs.create("app", A_PROCESS)

        async def fail(exec_id: str) -> None:
            raise NotFound(f"No such exec instance: {exec_id}")

        monkeypatch.setattr(world.runtime, "wait_exec", fail)
        await world.engine.execs.start(made.id)
        await settled()

        assert world.engine.execs.get(made.id).exit_code == 255


async def test_the_first_that_ended_are_forgotten_first() -> None:
    async with a_world() as world:
        await running(world)
        made = [world.engine.execs.create("app", A_PROCESS) for _ in range(KEPT + 1)]

        with pytest.raises(NotFound):
            world.engine.execs.get(made[0].id)
        assert world.engine.execs.get(made[1].id) == made[1]


async def test_a_terminal_of_what_does_not_run_has_no_size() -> None:
    async with a_world() as world:
        await running(world)
        made = world.engine.execs.create("app", A_PROCESS)

        with pytest.raises(Conflict):
            await world.engine.execs.resize(made.id, 24, 80)


async def test_whoever_waits_for_the_end_then_finds_the_exit_code() -> None:
    async with a_world() as world:
        await running(world)
        execs = world.engine.execs
        made = execs.create("app", A_PROCESS)
        await execs.ended(made.id)  # not started: nothing to wait for
        await execs.start(made.id)

        async with asyncio.timeout(5):
            await execs.ended(made.id)

        assert execs.get(made.id).exit_code == 0
