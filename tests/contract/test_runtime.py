"""What everything that runs processes does, the fake and runc under conmon alike."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from fakes.parts import FakeRuntime
from netns.kernel_stage import Steps
from netns.test_runtime import SOON, Bench
from seaway.contracts import Exit, Launch, Runtime, SandboxFiles
from seaway.model.errors import Conflict, InvalidRequest, NotFound
from seaway.model.ids import SandboxId, new_id
from seaway.model.sandbox import Process
from seaway.runtime import programs
from seaway.runtime.conmon import ConmonRuntime

NOBODY = SandboxId("0" * 64)
LIVES = ("sleep", "1000")
"""A process that lives until a signal."""


@dataclass(frozen=True)
class Subject:
    """What is tested, and a process that ends by itself."""

    runtime: Runtime
    steps: Steps
    launch: Callable[..., Launch]
    """For a command, under an id of its own; what is left of it is removed after the test."""
    exits: Callable[[SandboxId, int], None]
    """Lets a process that was begun by ``begin_ending`` end with that code."""

    async def begin(self, *args: str) -> SandboxId:
        """A running process, by default one that lives."""
        launch = self.launch(*(args or LIVES))
        await self.runtime.create(launch)
        await self.runtime.start(launch.sandbox)
        return launch.sandbox

    async def ended(self, code: int = 3) -> SandboxId:
        """A process that ended by itself."""
        sandbox = await self.begin("sh", "-c", f"exit {code}")
        self.exits(sandbox, code)
        await self.end_of(sandbox)
        return sandbox

    async def end_of(self, sandbox: SandboxId) -> Exit:
        """Its end, which comes soon."""
        return await asyncio.wait_for(self.runtime.wait(sandbox), SOON)


@pytest.fixture(params=["fake", "conmon"])
async def subject(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Subject]:
    """Nothing runs yet."""
    if request.param == "conmon" and (os.geteuid() != 0 or not _installed()):
        pytest.skip("processes need root, conmon and runc")
    async with (_conmon if request.param == "conmon" else _fake)(tmp_path) as found:
        yield found


def _installed() -> bool:
    return all(programs.find(program) for program in ("conmon", "runc"))


@asynccontextmanager
async def _fake(_: Path) -> AsyncGenerator[Subject]:
    steps = Steps()
    runtime = FakeRuntime(steps)

    def launch(*args: str) -> Launch:
        return Launch(
            sandbox=SandboxId(new_id()),
            name="web",
            process=Process(args=args),
            hostname="box",
            netns=None,
            hosts="",
            resolv_conf="",
        )

    yield Subject(runtime, steps, launch, runtime.end)


@asynccontextmanager
async def _conmon(directory: Path) -> AsyncGenerator[Subject]:
    bench = Bench(directory / "run", directory / "data")
    steps = Steps()
    runtime = ConmonRuntime(bench.run_dir, bench.data_dir, steps)
    try:
        yield Subject(runtime, steps, bench.launch, lambda sandbox, code: None)
    finally:
        await bench.close()


async def refused(error: type[Exception], asked: Awaitable[object]) -> str:
    """The words in which *asked* is refused, as *error*."""
    with pytest.raises(error) as caught:
        await asked
    return str(caught.value)


# A life


async def test_a_process_lives_from_its_creation_to_its_end(subject: Subject) -> None:
    launch = subject.launch(*LIVES)
    sandbox = launch.sandbox
    never = (subject.runtime.pid(sandbox), subject.runtime.exit(sandbox))

    pid = await subject.runtime.create(launch)
    created = (subject.runtime.pid(sandbox), subject.runtime.exit(sandbox))
    await subject.runtime.start(sandbox)
    running = (subject.runtime.pid(sandbox), subject.runtime.exit(sandbox))
    await subject.runtime.kill(sandbox, signal.SIGKILL)
    end = await subject.end_of(sandbox)

    assert never == (None, None)
    assert created == running == (pid, None)
    assert end.code == 137
    assert (subject.runtime.pid(sandbox), subject.runtime.exit(sandbox)) == (None, end)


async def test_the_end_by_itself_is_told_to_all_who_wait_and_to_who_asks_later(
    subject: Subject,
) -> None:
    sandbox = await subject.begin("sh", "-c", "exit 3")

    async with asyncio.timeout(SOON), asyncio.TaskGroup() as tasks:
        waiting = [tasks.create_task(subject.runtime.wait(sandbox)) for _ in range(2)]
        await asyncio.sleep(0)
        subject.exits(sandbox, 3)

    ends = {task.result() for task in waiting}
    assert ends == {await subject.end_of(sandbox)}
    assert [end.code for end in ends] == [3]


async def test_who_gives_up_waiting_leaves_the_process_and_the_others_alone(
    subject: Subject,
) -> None:
    sandbox = await subject.begin()

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(subject.runtime.wait(sandbox), 0.01)
    await subject.runtime.kill(sandbox, signal.SIGKILL)

    assert (await subject.end_of(sandbox)).code == 137


async def test_a_process_that_was_not_started_can_be_ended(subject: Subject) -> None:
    launch = subject.launch(*LIVES)
    await subject.runtime.create(launch)

    await subject.runtime.kill(launch.sandbox, signal.SIGKILL)

    assert (await subject.end_of(launch.sandbox)).code == 137
    await refused(Conflict, subject.runtime.start(launch.sandbox))


async def test_a_process_is_started_once(subject: Subject) -> None:
    sandbox = await subject.begin()

    await refused(Conflict, subject.runtime.start(sandbox))

    assert subject.runtime.pid(sandbox) is not None
    await refused(Conflict, subject.runtime.start(await subject.ended()))


async def test_a_container_that_runs_is_not_made_again(subject: Subject) -> None:
    launch = subject.launch(*LIVES)
    pid = await subject.runtime.create(launch)
    created = await refused(Conflict, subject.runtime.create(launch))
    await subject.runtime.start(launch.sandbox)
    started = await refused(Conflict, subject.runtime.create(launch))

    assert created == started == f"container {launch.sandbox} is already running"
    assert subject.runtime.pid(launch.sandbox) == pid


async def test_a_container_that_ended_is_made_again(subject: Subject) -> None:
    launch = subject.launch(*LIVES)
    await subject.runtime.create(launch)
    await subject.runtime.kill(launch.sandbox, signal.SIGKILL)
    await subject.end_of(launch.sandbox)

    await subject.runtime.create(launch)

    assert subject.runtime.exit(launch.sandbox) is None
    await subject.runtime.start(launch.sandbox)
    assert subject.runtime.pid(launch.sandbox) is not None


# What is not there


async def test_nobody_is_not_found(subject: Subject) -> None:
    runtime, process = subject.runtime, Process(args=("true",))

    for asked in (
        runtime.start(NOBODY),
        runtime.attach(NOBODY),
        runtime.wait(NOBODY),
        runtime.resize(NOBODY, 24, 80),
        runtime.execute(NOBODY, "e1", process),
        runtime.write_files(NOBODY, hosts="", resolv_conf=""),
    ):
        assert await refused(NotFound, asked) == f"No such container: {NOBODY}"
    assert await refused(NotFound, runtime.wait_exec("e1")) == "No such exec instance: e1"
    assert await refused(NotFound, runtime.resize_exec("e1", 2, 8)) == "No such exec instance: e1"
    killed = await refused(Conflict, runtime.kill(NOBODY, signal.SIGKILL))
    assert killed == f"container {NOBODY} is not running"
    assert (runtime.pid(NOBODY), runtime.exit(NOBODY)) == (None, None)
    assert [line async for line in runtime.logs(NOBODY, follow=True)] == []
    await runtime.remove(NOBODY)
    assert await runtime.known() == frozenset()


async def test_what_ended_takes_no_signal_no_client_and_no_further_process(
    subject: Subject,
) -> None:
    sandbox = await subject.ended()
    runtime, process = subject.runtime, Process(args=("true",))

    not_running = f"container {sandbox} is not running"
    assert await refused(Conflict, runtime.kill(sandbox, signal.SIGKILL)) == not_running
    assert await refused(Conflict, runtime.execute(sandbox, "e1", process)) == not_running
    await refused(Conflict, runtime.attach(sandbox))
    await refused(NotFound, runtime.wait_exec("e1"))


async def test_the_log_of_what_said_nothing_is_empty_and_ends_with_it(subject: Subject) -> None:
    sandbox = await subject.ended()

    async with asyncio.timeout(SOON):
        assert [line async for line in subject.runtime.logs(sandbox, follow=True)] == []


# Further processes


async def test_a_further_process_ends_by_itself(subject: Subject) -> None:
    sandbox = await subject.begin()

    stream = await subject.runtime.execute(sandbox, "e1", Process(args=("true",)))

    assert await asyncio.wait_for(stream.read(), SOON) is None
    await stream.close()
    assert (await asyncio.wait_for(subject.runtime.wait_exec("e1"), SOON)).code == 0
    assert subject.runtime.pid(sandbox) is not None


# Removal


@pytest.mark.parametrize("keep_log", [False, True])
async def test_removal_ends_a_process_and_leaves_no_trace(subject: Subject, keep_log: bool) -> None:
    sandbox, other = await subject.begin(), await subject.begin()

    known = await subject.runtime.known()
    async with asyncio.timeout(SOON), asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(subject.runtime.wait(sandbox))
        await asyncio.sleep(0)
        await subject.runtime.remove(sandbox, keep_log=keep_log)

    assert known == {sandbox, other}
    assert waiting.result().code == 137
    assert (subject.runtime.pid(sandbox), subject.runtime.exit(sandbox)) == (None, None)
    await refused(NotFound, subject.runtime.wait(sandbox))
    assert await subject.runtime.known() == {other}
    assert subject.runtime.pid(other) is not None


async def test_each_effect_is_a_step_that_changes_nothing_when_it_fails(subject: Subject) -> None:
    launch = subject.launch(*LIVES)
    await failing(subject, "create", subject.runtime.create(launch))
    assert subject.runtime.pid(launch.sandbox) is None
    await subject.runtime.create(launch)
    await failing(subject, "start", subject.runtime.start(launch.sandbox))
    await subject.runtime.start(launch.sandbox)

    sandbox, runtime = launch.sandbox, subject.runtime
    await failing(subject, "kill", runtime.kill(sandbox, signal.SIGKILL))
    await failing(subject, "execute", runtime.execute(sandbox, "e1", Process(args=("true",))))
    await failing(subject, "write_files", runtime.write_files(sandbox, hosts="x", resolv_conf="x"))
    await failing(subject, "remove", runtime.remove(sandbox))

    assert subject.runtime.pid(sandbox) is not None
    await refused(NotFound, subject.runtime.wait_exec("e1"))


async def failing(subject: Subject, step: str, effect: Awaitable[object]) -> None:
    """Let *effect*, which passes *step*, fail there."""
    subject.steps.fail_at = f"runtime.{step}"
    await refused(RuntimeError, effect)
    subject.steps.fail_at = None


# What it uses


async def test_a_living_process_uses_something_and_is_listed(subject: Subject) -> None:
    sandbox = await subject.begin()

    async with asyncio.timeout(SOON):  # the runtime's own program has threads, until it gives way
        while subject.runtime.usage(sandbox).tasks != 1:  # noqa: ASYNC110 - nobody tells when
            await asyncio.sleep(0.01)
    listed = await subject.runtime.processes(sandbox, ["-o", "pid,cmd", "-e"])

    assert listed.titles == ("PID", "CMD")
    assert listed.rows == ((str(subject.runtime.pid(sandbox)), " ".join(LIVES)),)


async def test_what_has_ended_uses_nothing_and_is_not_listed(subject: Subject) -> None:
    sandbox = await subject.ended()
    sentence = f"container {sandbox} is not running"

    with pytest.raises(Conflict) as used:
        subject.runtime.usage(sandbox)

    assert str(used.value) == sentence
    assert await refused(Conflict, subject.runtime.processes(sandbox, ["-ef"])) == sentence


async def test_options_that_ps_does_not_take_are_refused(subject: Subject) -> None:
    sandbox = await subject.begin()

    sentence = await refused(InvalidRequest, subject.runtime.processes(sandbox, ["--nosuch"]))

    assert sentence == "ps refused its ps_args: error: unknown gnu long option"


# Holding it still


async def test_a_paused_process_goes_on_when_told_so(subject: Subject) -> None:
    sandbox = await subject.begin()

    await subject.runtime.pause(sandbox)
    held = subject.runtime.paused(sandbox)
    await subject.runtime.unpause(sandbox)
    await subject.runtime.unpause(sandbox)

    assert held
    assert not subject.runtime.paused(sandbox)
    assert subject.runtime.pid(sandbox) is not None


async def test_a_signal_reaches_a_paused_process(subject: Subject) -> None:
    sandbox = await subject.begin()
    await subject.runtime.pause(sandbox)

    await subject.runtime.kill(sandbox, signal.SIGKILL)

    assert (await subject.end_of(sandbox)).code == 137
    assert not subject.runtime.paused(sandbox)


async def test_a_paused_process_is_removed_like_any_other(subject: Subject) -> None:
    sandbox = await subject.begin()
    await subject.runtime.pause(sandbox)

    await asyncio.wait_for(subject.runtime.remove(sandbox), SOON)

    assert subject.runtime.pid(sandbox) is None


async def test_what_has_ended_is_neither_paused_nor_let_go(subject: Subject) -> None:
    sandbox = await subject.ended()
    sentence = f"container {sandbox} is not running"

    assert await refused(Conflict, subject.runtime.pause(sandbox)) == sentence
    assert await refused(Conflict, subject.runtime.unpause(sandbox)) == sentence
    assert not subject.runtime.paused(sandbox)


# What there is to know of it


async def test_a_further_process_has_an_id_while_it_lives(subject: Subject) -> None:
    sandbox = await subject.begin()
    before = subject.runtime.exec_pid("e1")

    stream = await subject.runtime.execute(sandbox, "e1", Process(args=LIVES))
    pid = subject.runtime.exec_pid("e1")
    await stream.close()

    assert before is None
    assert pid not in {None, subject.runtime.pid(sandbox)}


async def test_the_log_is_where_it_says_and_of_nobody_there_is_none(subject: Subject) -> None:
    sandbox = await subject.begin()

    assert subject.runtime.files(sandbox).log is not None
    assert subject.runtime.files(NOBODY) == SandboxFiles()
