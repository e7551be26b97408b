"""Sandboxes: start, stop, remove, rename and wait; all or nothing, and nothing left at the end."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress

import pytest

from fakes.world import World, a_world, network_wish, sandbox_wish, tcp
from seaway.contracts import Launch
from seaway.engine.background import Background
from seaway.model.errors import (
    CannotRun,
    Conflict,
    EngineError,
    InvalidRequest,
    NotFound,
    NotModified,
    PortTaken,
    Unavailable,
)
from seaway.model.ids import Signal, sandbox_name
from seaway.model.sandbox import Netns, Process, Sandbox, SandboxWish, State
from seaway.plan.operations import CreateNetns, DeleteNetns

A_PROCESS = Process(args=("sleep",))


async def test_an_end_that_cannot_be_noted_is_told_by_who_wants_it_removed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with a_world() as world:
        app = await world.program("app", [])

        async def full(**_: object) -> None:
            raise Unavailable("the store cannot be written: the disk is full")

        with pytest.MonkeyPatch.context() as patch:
            await world.sandboxes.start("app")
            patch.setattr(world.store, "commit", full)
            world.runtime.end(app.id, 1)
            await settled()
            with pytest.raises(
                Unavailable, match=r"app has ended, .*: the store cannot be written"
            ):
                await world.sandboxes.remove("app", force=True)
        assert [r.exc_info for r in caplog.records if r.levelname == "WARNING"] == [None]
        await world.sandboxes.remove("app", force=True)

        assert list(world.store.sandboxes()) == []


async def settled() -> None:
    """Let everything that can go on go on."""
    for _ in range(20):
        await asyncio.sleep(0)


# Start


async def test_a_started_sandbox_has_a_namespace_links_names_and_ports() -> None:
    async with a_world() as world:
        await world.network("web")
        app = await world.program("app", ports=(tcp(8080, 80),))
        assert world.kernel.namespaces == {}

        await world.sandboxes.start("app")

        path = world.paths.bound(app)
        assert world.kernel.names == {world.paths.named("app"): path}
        assert world.kernel.namespaces[path].names_port == 35353
        assert world.store.sandbox("app").status.published == (tcp(8080, 80),)
        launch = world.runtime.launched[app.id]
        assert launch.netns == path
        assert launch.resolv_conf == "nameserver 127.0.0.11\noptions ndots:0\n"
        assert launch.hosts.endswith(f"10.77.0.2\t{app.id[:12]}\n")


async def test_a_second_start_is_not_modified() -> None:
    async with a_world() as world:
        await world.network("web")
        await world.box("box")

        with pytest.raises(NotModified):
            await world.sandboxes.start("box")


async def test_every_failure_of_a_start_leaves_nothing_behind() -> None:
    async with a_world() as world:
        await world.network("web")
        await world.networks.create(network_wish("six", ipv6=True))
        await world.program("app", ["web", "six"], ports=(tcp(8080, 80),))
        world.steps.arm(None)
        await world.sandboxes.start("app")
        count = len(world.steps.reached)
        await world.sandboxes.remove("app", force=True)
        await world.program("app", ["web", "six"], ports=(tcp(8080, 80),))
        before = world.snapshot()

        for number in range(count):
            world.steps.arm(number)
            with pytest.raises(EngineError):
                await world.sandboxes.start("app")
            step = world.steps.reached[number]

            assert without_status(world.snapshot()) == without_status(before), step
            assert world.store.sandbox("app").status.state is State.CREATED

        world.steps.arm(None)
        await world.sandboxes.start("app")


def without_status(snapshot: dict[str, object]) -> dict[str, object]:
    """A failed start may say in the status why it failed."""
    return {k: v for k, v in snapshot.items() if k != "sandboxes"}


async def test_a_start_that_fails_for_a_port_names_it_20_times_and_eats_no_address() -> None:
    async with a_world() as world:
        await world.network("web", ["10.77.5.0/28"])
        world.host_ports.foreign.add(8080)
        await world.program("app", ports=(tcp(8080, 80),))
        (endpoint,) = world.store.endpoints_of(world.store.sandbox("app").id)
        before = world.snapshot()

        for _ in range(20):
            with pytest.raises(PortTaken) as caught:
                await world.sandboxes.start("app")
            assert str(caught.value).startswith(
                "failed to set up container networking: driver failed programming external "
                "connectivity on endpoint app ("
            )
            assert "8080" in str(caught.value)
        assert without_status(world.snapshot()) == without_status(before)
        assert not endpoint.live

        for n in range(13):
            await world.box(f"box{n}")
        with pytest.raises(EngineError, match="13 of 13 in use"):
            await world.box("box13")


async def test_a_command_that_cannot_run_leaves_its_exit_code_and_nothing_else() -> None:
    async with a_world() as world:
        await world.network("web")
        app = await world.program("app")
        before = world.snapshot()
        world.runtime.refusal = CannotRun("no such file: sleep", 127)

        with pytest.raises(CannotRun):
            await world.sandboxes.start("app")

        assert without_status(world.snapshot()) == without_status(before)
        status = world.store.sandbox(app.id).status
        assert (status.exit_code, status.error) == (127, "no such file: sleep")


async def test_a_namespace_that_cannot_be_made_is_not_noted_down_either() -> None:
    async with a_world() as world:
        await world.network("web")
        before = world.snapshot()
        world.kernel.fail_at = "AttachVeth"

        with pytest.raises(EngineError):
            await world.box("box")

        assert world.snapshot() == before


async def test_a_name_in_use_is_refused_in_dockers_words() -> None:
    async with a_world() as world:
        box = await world.box("box", [])

        with pytest.raises(Conflict) as caught:
            await world.box("box", [])

        assert str(caught.value) == (
            f'Conflict. The container name "/box" is already in use by container "{box.id}". '
            "You have to remove (or rename) that container to be able to reuse that name."
        )


async def test_a_network_given_twice_is_refused() -> None:
    async with a_world() as world:
        web = await world.network("web")

        with pytest.raises(InvalidRequest):
            await world.box("box", ["web", web.id])

        assert list(world.store.sandboxes()) == []


async def test_a_sandbox_that_shares_anothers_namespace_uses_its_files() -> None:
    async with a_world() as world:
        await world.network("web")
        box = await world.box("box")
        wish = SandboxWish(
            name=sandbox_name("side"), network_mode="container:box", process=A_PROCESS
        )
        side = await world.sandboxes.create(wish)

        await world.sandboxes.start("side")

        assert (side.netns, side.shares) == (Netns.SHARED, box.id)
        launch = world.runtime.launched[side.id]
        assert launch.netns == world.paths.bound(box)
        assert launch.hosts.endswith(f"10.77.0.2\t{box.id[:12]}\n")
        assert len(world.kernel.namespaces) == 1


async def test_sharing_the_namespace_of_a_stopped_sandbox_is_refused() -> None:
    async with a_world() as world:
        app = await world.program("app", [])
        wish = SandboxWish(
            name=sandbox_name("side"), network_mode="container:app", process=A_PROCESS
        )
        await world.sandboxes.create(wish)

        with pytest.raises(Conflict) as caught:
            await world.sandboxes.start("side")

        assert str(caught.value) == (
            f"joining network namespace of container: Container {app.id} is not running"
        )


# End


async def started(world: World, *, auto_remove: bool = False) -> Sandbox:
    """A running sandbox with a process, an address and a port."""
    await world.network("web")
    app = await world.program("app", ports=(tcp(8080, 80),), auto_remove=auto_remove)
    await world.sandboxes.start("app")
    await settled()
    return app


async def test_a_process_that_ends_takes_everything_with_it_but_its_record() -> None:
    async with a_world() as world:
        app = await started(world)

        world.runtime.end(app.id, 3)
        await settled()

        status = world.store.sandbox("app").status
        assert (status.state, status.exit_code, status.published) == (State.EXITED, 3, ())
        assert world.kernel.namespaces == {}
        assert [n for n in world.kernel.links if n.startswith("sv-")] == []
        assert world.host_ports.all_held == {}
        assert (world.names.holders, world.names.views) == ({}, {})
        assert {e.set for e in world.kernel.elements} == {"bridges", "icc", "masq4"}


async def test_a_process_that_ends_leaves_nothing_though_a_step_fails() -> None:
    for number in range(20):
        async with a_world() as world:
            app = await started(world)
            await world.sandboxes.stop("app")
            stopped = without_status(world.snapshot())
            await world.sandboxes.start("app")
            await settled()

            world.steps.arm(number)
            world.runtime.end(app.id, 0)
            await settled()
            reached = list(world.steps.reached)
            world.steps.arm(None)

            if number >= len(reached):
                return
            if reached[number] != "store.commit":
                assert without_status(world.snapshot()) == stopped, reached[number]
    raise AssertionError("the end of a sandbox has more steps than this test looks at")


async def test_a_store_that_fails_at_the_end_of_a_process_does_not_end_the_daemon() -> None:
    async with a_world() as world:
        app = await started(world)
        world.steps.arm(None)
        world.runtime.end(app.id, 0)
        await settled()
        number = world.steps.reached.index("store.commit")
        await world.sandboxes.start("app")

        world.steps.arm(number)
        world.runtime.end(app.id, 5)
        await settled()
        assert world.steps.reached[number] == "store.commit"
        world.steps.arm(None)
        await world.box("box")

        await world.sandboxes.remove("app", force=True)
        assert [s.name for s in world.store.sandboxes()] == ["box"]


async def test_a_removal_on_exit_that_fails_does_not_end_the_daemon() -> None:
    async with a_world() as world:
        app = await started(world, auto_remove=True)
        world.steps.arm(None)
        world.runtime.end(app.id, 0)
        await settled()
        number = world.steps.reached.index("runtime.remove")
        app = await world.program("app", ports=(tcp(8080, 80),), auto_remove=True)
        await world.sandboxes.start("app")
        await settled()

        world.steps.arm(number)
        world.runtime.end(app.id, 5)
        await settled()
        assert world.steps.reached[number] == "runtime.remove"
        world.steps.arm(None)

        await world.sandboxes.remove("app")
        assert list(world.store.sandboxes()) == []


async def test_stop_ends_by_the_stop_signal_and_kills_who_does_not_hear() -> None:
    async with a_world() as world:
        await started(world)

        await world.sandboxes.stop("app")
        assert world.store.sandbox("app").status.exit_code == 128 + signal.SIGTERM
        with pytest.raises(NotModified):
            await world.sandboxes.stop("app")

        world.runtime.ignored = {signal.SIGTERM}
        await world.sandboxes.start("app")
        await world.sandboxes.stop("app", timeout=0)
        assert world.store.sandbox("app").status.exit_code == 128 + signal.SIGKILL


async def test_a_sandbox_that_removes_itself_is_gone_after_its_end() -> None:
    async with a_world() as world:
        app = await started(world, auto_remove=True)
        gone = world.sandboxes.wait("app", "removed")

        world.runtime.end(app.id, 7)

        assert await gone == 7
        assert list(world.store.sandboxes()) == []
        assert world.runtime.launched == {}


# Wait


async def test_wait_knows_dockers_three_conditions() -> None:
    async with a_world() as world:
        app = await started(world)
        now, next_, removed = (
            world.sandboxes.wait("app", c) for c in ("not-running", "next-exit", "removed")
        )

        world.runtime.end(app.id, 4)
        assert (await now, await next_) == (4, 4)
        assert await world.sandboxes.wait("app", "not-running") == 4
        again = world.sandboxes.wait("app", "next-exit")
        await settled()
        assert (again.done(), removed.done()) == (False, False)

        await world.sandboxes.remove("app")
        assert await removed == 4
        again.cancel()


async def test_an_unknown_condition_is_told_with_those_there_are() -> None:
    async with a_world() as world:
        await world.program("app", [])

        with pytest.raises(InvalidRequest) as caught:
            world.sandboxes.wait("app", "healthy")

        assert str(caught.value) == (
            'invalid condition: "healthy"; it is not-running, next-exit or removed'
        )


# Remove


async def test_a_running_sandbox_is_removed_with_force_only() -> None:
    async with a_world() as world:
        empty = world.snapshot()
        await started(world)

        with pytest.raises(Conflict) as caught:
            await world.sandboxes.remove("app")
        await world.sandboxes.remove("app", force=True)
        await world.networks.remove("web")

        assert str(caught.value) == (
            'cannot remove container "app": container is running: '
            "stop the container before removing or force remove"
        )
        assert world.snapshot() == empty


async def test_a_removal_that_failed_at_any_step_can_be_repeated() -> None:
    async with a_world() as world:
        await world.network("web")
        empty = world.snapshot()
        await world.box("box", ports=(tcp(8080, 80),))
        world.steps.arm(None)
        await world.sandboxes.remove("box")
        assert world.snapshot() == empty

        for number in range(len(world.steps.reached)):
            await world.box("box", ports=(tcp(8080, 80),))
            before = world.snapshot()
            world.steps.arm(number)
            try:
                await world.sandboxes.remove("box")
            except (EngineError, ExceptionGroup):
                world.steps.arm(None)
                assert world.snapshot() == before
                await world.sandboxes.remove("box")

            assert world.snapshot() == empty


async def test_two_removals_at_once_both_succeed() -> None:
    async with a_world() as world:
        await started(world)

        await asyncio.gather(*(world.sandboxes.remove("app", force=True) for _ in range(2)))

        assert list(world.store.sandboxes()) == []


async def test_prune_takes_those_that_do_not_run() -> None:
    async with a_world() as world:
        await world.box("box", [])
        app = await world.program("app", [])

        assert await world.sandboxes.prune() == (app.id,)
        assert [s.name for s in world.store.sandboxes()] == ["box"]


# Rename


async def test_names_follow_a_rename() -> None:
    async with a_world() as world:
        web = await world.network("web")
        box = await world.box("box")
        (endpoint,) = world.store.endpoints_of(box.id)

        await world.sandboxes.rename("box", sandbox_name("crate"))

        assert world.store.sandbox("crate").id == box.id
        with pytest.raises(NotFound):
            world.store.sandbox("box")
        assert world.names.holders[web.id, endpoint.id].name == "crate"
        assert world.kernel.names == {world.paths.named("crate"): world.paths.bound(box)}


async def test_every_failure_of_a_rename_leaves_the_old_name() -> None:
    async with a_world() as world:
        await world.network("web")
        await world.box("box")
        world.steps.arm(None)
        await world.sandboxes.rename("box", sandbox_name("crate"))
        count = len(world.steps.reached)
        await world.sandboxes.rename("crate", sandbox_name("box"))
        before = world.snapshot()

        for number in range(count):
            world.steps.arm(number)
            with pytest.raises(EngineError):
                await world.sandboxes.rename("box", sandbox_name("crate"))

            assert world.snapshot() == before, world.steps.reached[number]
            with pytest.raises(NotFound):
                world.store.sandbox("crate")


async def test_a_rename_to_the_same_name_is_refused() -> None:
    async with a_world() as world:
        await world.box("box", [])

        with pytest.raises(InvalidRequest) as caught:
            await world.sandboxes.rename("box", sandbox_name("box"))

        assert str(caught.value) == ("Renaming a container with the same name as its current name")


async def test_a_sandbox_is_started_and_stopped_by_one_caller_at_a_time() -> None:
    async with a_world() as world:
        await world.network("web")
        await world.program("app")

        results = await asyncio.gather(
            *(world.sandboxes.start("app") for _ in range(10)), return_exceptions=True
        )

        assert sorted(type(r).__name__ for r in results) == ["NoneType", *["NotModified"] * 9]
        made = [o for o in world.kernel.operations if isinstance(o, CreateNetns)]
        assert len(made) == 1


async def test_a_host_mode_sandbox_touches_nothing_in_linux() -> None:
    async with a_world() as world:
        await world.networks.create_predefined()
        before = world.snapshot()["kernel"]
        wish = SandboxWish(name=sandbox_name("app"), network_mode="host", process=A_PROCESS)
        app = await world.sandboxes.create(wish)

        await world.sandboxes.start("app")

        assert world.snapshot()["kernel"] == before
        assert world.runtime.launched[app.id].netns is None


async def test_a_namespace_goes_last() -> None:
    async with a_world() as world:
        await world.network("web")
        box = await world.box("box")

        await world.sandboxes.remove("box")

        assert world.kernel.operations[-1] == DeleteNetns(path=world.paths.bound(box))


async def test_a_wished_name_that_is_made_up_is_free() -> None:
    async with a_world() as world:
        made = [await world.sandboxes.create(SandboxWish()) for _ in range(50)]

        assert len({s.name for s in made}) == 50
        assert sandbox_wish("x1").name == "x1"


async def test_prune_leaves_a_sandbox_that_starts_meanwhile() -> None:
    async with a_world() as world:
        await world.network("web")
        await world.program("app")
        create, go_on = world.runtime.create, asyncio.Event()

        async def slow(launch: Launch) -> int:
            await go_on.wait()
            return await create(launch)

        world.runtime.create = slow  # type: ignore[method-assign]
        async with asyncio.TaskGroup() as both:
            both.create_task(world.sandboxes.start("app"))
            await settled()
            pruned = both.create_task(world.sandboxes.prune())
            await settled()
            go_on.set()

        assert pruned.result() == ()
        assert world.store.sandbox("app").running


async def test_a_restart_keeps_a_sandbox_that_removes_itself() -> None:
    async with a_world() as world:
        await world.network("web")
        await world.program("app", auto_remove=True)
        await world.sandboxes.start("app")

        await world.sandboxes.restart("app")

        assert world.store.sandbox("app").running


async def test_a_restart_stops_by_the_signal_that_is_asked_for() -> None:
    async with a_world() as world:
        await world.network("web")
        app = await world.program("app")
        await world.sandboxes.start("app")
        world.runtime.ignored = {signal.SIGTERM, signal.SIGKILL}

        await world.sandboxes.restart("app", timeout=1, sig=Signal("SIGINT"))

        assert world.store.sandbox(app.id).running


async def test_whoever_attached_is_told_of_a_failed_start_whatever_failed() -> None:
    async with a_world() as world:
        await world.network("web")
        app = await world.program("app")

        failed = 0
        for number in range(50):
            stream = world.sandboxes.streams.ask(app.id)
            world.steps.arm(number)
            with suppress(EngineError):
                await world.sandboxes.start("app")
            assert stream.done(), world.steps.reached[-1]
            if stream.exception() is None and world.store.sandbox("app").running:
                break
            failed += 1

        assert failed > 5


async def test_work_in_the_background_that_fails_ends_only_itself(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def broken() -> None:
        raise OSError("no descriptor")

    async with asyncio.TaskGroup() as tasks:
        Background(tasks).begin("broken", broken)

    assert "work in the background failed" in caplog.text
