"""The API on a socket, over a world in memory whose processes are scripted."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from typing import Any

from fakes.parts import CountedSteps, FakeRuntime
from fakes.told import TOLD
from fakes.world import World, a_world
from seaway.api.parts import DaemonFacts, Parts
from seaway.api.server import Server
from seaway.config import Setting
from seaway.contracts import Exit, Launch, LogLine, Stream
from seaway.model.errors import CannotRun
from seaway.model.ids import SandboxId
from seaway.model.sandbox import Process

END = 60
"""Seconds in which the server and the world end: six times what the server gives its last use cases."""
NOT_FOUND = 'OCI runtime create failed: exec: "{}": executable file not found in $PATH: unknown'


class Program:
    """``echo WORDS`` ends at once, ``cat`` with its input; everything else lives until a signal."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.input = b""
        self.log: list[LogLine] = []
        self.listeners: list[Pipe] = []
        self.ended: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()
        self.said = asyncio.Event()

    def begin(self) -> None:
        """Run."""
        if self.process.args[0] == "echo":
            self.say(" ".join(self.process.args[1:]).encode() + b"\n")
            self.end(0)

    def say(self, data: bytes, stream: int = 1) -> None:
        """Write to standard output (1) or error (2)."""
        self.log.append(LogLine(time=len(self.log) + 1, stream=stream, data=data))
        for listener in self.listeners:
            listener.output.put_nowait((stream, data))
        self._wake()

    def hear(self, data: bytes) -> None:
        """Get input."""
        self.input += data
        if self.process.args[0] == "cat":
            self.say(data)

    def end(self, code: int) -> None:
        """End; ended already is fine."""
        if self.ended.done():
            return
        self.ended.set_result(Exit(code=code, finished=1000))
        for listener in self.listeners:
            listener.output.put_nowait(None)
        self._wake()

    def _wake(self) -> None:
        self.said.set()
        self.said = asyncio.Event()


class Pipe:
    """The streams of a program."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self.output: asyncio.Queue[tuple[int, bytes] | None] = asyncio.Queue()
        program.listeners.append(self)
        if program.ended.done():
            self.output.put_nowait(None)

    async def read(self) -> tuple[int, bytes] | None:
        """The next output."""
        return await self.output.get()

    async def write(self, data: bytes) -> None:
        """Input."""
        self._program.hear(data)

    async def write_eof(self) -> None:
        """The end of it."""
        if self._program.process.args[0] == "cat":
            self._program.end(0)

    async def close(self) -> None:
        """Let go."""
        if self in self._program.listeners:
            self._program.listeners.remove(self)


class ScriptedRuntime(FakeRuntime):
    """Runs programs in memory."""

    def __init__(self, steps: CountedSteps) -> None:
        super().__init__(steps)
        self.programs: dict[str, Program] = {}
        self.sizes: dict[str, tuple[int, int]] = {}

    async def create(self, launch: Launch) -> int:
        """Raises CannotRun for ``nosuch``."""
        if launch.process.args[0] == "nosuch":
            raise CannotRun(NOT_FOUND.format("nosuch"), 127)
        pid = await super().create(launch)
        program = self.programs[launch.sandbox] = Program(launch.process)
        self.exits[launch.sandbox] = program.ended
        return pid

    async def attach(self, sandbox: SandboxId) -> Stream:
        """Its streams, from the first byte when it did not begin."""
        await super().attach(sandbox)
        return Pipe(self.programs[sandbox])

    async def start(self, sandbox: SandboxId) -> None:
        """Let it run."""
        await super().start(sandbox)
        self.programs[sandbox].begin()

    def end(self, sandbox: SandboxId, code: int) -> None:
        """It ends."""
        self.programs[sandbox].end(code)

    async def resize(self, sandbox: SandboxId, height: int, width: int) -> None:
        """Note the size down."""
        await super().resize(sandbox, height, width)
        self.sizes[sandbox] = (height, width)

    async def resize_exec(self, exec_id: str, height: int, width: int) -> None:
        """Note the size down."""
        await super().resize_exec(exec_id, height, width)
        self.sizes[exec_id] = (height, width)

    async def execute(self, sandbox: SandboxId, exec_id: str, process: Process) -> Stream:
        """A further program."""
        if process.args[0] == "nosuch":
            raise CannotRun(NOT_FOUND.format("nosuch"), 127)
        await super().execute(sandbox, exec_id, process)
        program = self.programs[exec_id] = Program(process)
        pipe = Pipe(program)
        program.begin()
        return pipe

    async def wait_exec(self, exec_id: str) -> Exit:
        """Its end."""
        await super().wait_exec(exec_id)
        return await asyncio.shield(self.programs[exec_id].ended)

    async def logs(self, sandbox: SandboxId, *, follow: bool) -> AsyncIterator[LogLine]:
        """What it said; with *follow* until it ends."""
        program = self.programs.get(sandbox)
        at = 0
        while program is not None:
            for line in program.log[at:]:
                yield line
            at = len(program.log)
            if not follow or program.ended.done():
                return
            await program.said.wait()


@dataclass(frozen=True)
class Answer:
    """A whole reply."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read; a test looks into it as it is."""
        return json.loads(self.body)

    @property
    def message(self) -> str:
        """The sentence of an error."""
        match self.json:
            case {"message": str(text)}:
                return text
            case other:
                raise AssertionError(f"no error: {other}")


@dataclass
class Stage:
    """The API, and what stands behind it."""

    world: World
    runtime: ScriptedRuntime
    parts: Parts
    socket: Path
    stop: asyncio.Event

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request on a connection of its own."""
        reader, writer = await self.connect()
        try:
            return await self._exchange(reader, writer, method, path, body, content, headers)
        finally:
            writer.close()
            await writer.wait_closed()

    async def _exchange(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        method: str,
        path: str,
        body: object,
        content: bytes | None,
        headers: Mapping[str, str] | None,
    ) -> Answer:
        data = (
            content if content is not None else b"" if body is None else json.dumps(body).encode()
        )
        lines = {"Content-Type": "application/json", "Connection": "close", **(headers or {})}
        head = "".join(f"{k}: {v}\r\n" for k, v in lines.items() if v)
        writer.write(
            f"{method} {path} HTTP/1.1\r\nHost: x\r\n{head}Content-Length: {len(data)}\r\n\r\n".encode()
            + data
        )
        status, found = await read_head(reader)
        rest = await reader.read()
        answer = Answer(status, found, unchunked(rest) if "chunked" in str(found) else rest)
        TOLD.check(method, path, status, found.get("Content-Type", ""), answer.body)
        return answer

    async def good(self, method: str, path: str, body: object = None) -> Any:
        """The JSON of a reply that is no error; None when it is empty."""
        answer = await self.call(method, path, body)
        assert answer.status < 400, answer.body
        return answer.json if answer.body else None

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection."""
        return await asyncio.open_unix_connection(str(self.socket))

    async def run(self, name: str, *args: str, **more: object) -> str:
        """Create and start a container; gives its id."""
        identity = await self.create(name, *args, **more)
        await self.good("POST", f"/containers/{name}/start")
        return identity

    async def create(self, name: str, *args: str, **more: object) -> str:
        """Create a container; gives its id."""
        body = {"Image": "host", "Cmd": [*(args or ("sleep",))], **more}
        match await self.good("POST", f"/containers/create?name={name}", body):
            case {"Id": str(identity)}:
                return identity
            case other:
                raise AssertionError(f"no id: {other}")

    async def inspect(self, name: str) -> Any:
        """GET /containers/{name}/json."""
        return await self.good("GET", f"/containers/{name}/json")


def open_files() -> int:
    """How many descriptors this process has."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def served() -> int:
    """How many connections are being served on this loop."""
    names = [getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks()]
    return names.count("RequestHandler.start")


async def until(fact: Callable[[], bool]) -> None:
    """Wait until *fact* is so; raises TimeoutError."""
    async with asyncio.timeout(10):
        while not fact():  # noqa: ASYNC110 - nobody tells when
            await asyncio.sleep(0.005)


async def read_head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    """Status and headers of a reply."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in head[1:] if line)
    return int(head[0].split()[1]), headers


def unchunked(data: bytes) -> bytes:
    """A chunked body put together (RFC 9112, section 7.1)."""
    found = b""
    while data:
        size, _, rest = data.partition(b"\r\n")
        length = int(size, 16)
        found, data = found + rest[:length], rest[length + 2 :]
    return found


@asynccontextmanager
async def a_stage(directory: Path) -> AsyncGenerator[Stage]:
    """The API on a socket in *directory*, with the predefined networks."""
    async with a_world() as world:
        runtime = ScriptedRuntime(world.steps)
        world.runtime = runtime
        world.join()
        await world.networks.create_predefined()
        stop = asyncio.Event()
        parts = Parts(
            engine=world.engine,
            store=world.store,
            kernel=world.kernel,
            runtime=runtime,
            clock=world.clock,
            paths=world.paths,
            facts=DaemonFacts(
                version="0.1.0",
                started=1,
                socket="unix:///run/test.sock",
                run_dir=Path("/run/test"),
                data_dir=Path("/var/test"),
                settings=(Setting(name="log-level", value="info", origin="default"),),
            ),
            end=stop.set,
        )
        async with serving(parts, directory / "api.sock", stop) as path:
            yield Stage(world, runtime, parts, path, stop)


@asynccontextmanager
async def held_stage(directory: Path) -> AsyncGenerator[Stage]:
    """The same, held by one task from beginning to end as task groups must be; a fixture has two."""
    ready: asyncio.Future[Stage] = asyncio.get_running_loop().create_future()
    over = asyncio.Event()

    async def hold() -> None:
        async with a_stage(directory) as found:
            ready.set_result(found)
            await over.wait()

    holder = asyncio.create_task(hold())
    holder.add_done_callback(lambda _: ready.cancel())  # it failed: so does whoever waits for it
    yield await ready
    over.set()
    await asyncio.wait([holder], timeout=END)
    assert holder.done(), f"the stage did not end within {END} s:\n{stacks()}"
    await holder


def stacks() -> str:
    """Where each task waits."""
    told = StringIO()
    for task in asyncio.all_tasks():
        task.print_stack(file=told)
    return told.getvalue()


@asynccontextmanager
async def serving(parts: Parts, path: Path, stop: asyncio.Event) -> AsyncGenerator[Path]:
    """The API of *parts* on a socket at *path*, until the block ends."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        listening.setblocking(False)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(Server(parts).serve([listening], stop))
            try:
                yield path
            finally:
                stop.set()


def with_purge(stage: Stage, stop: asyncio.Event, *removed: str) -> Parts:
    """The parts of *stage* with a purge that says *removed*, and *stop* for an end."""

    async def purge() -> tuple[str, ...]:
        return removed

    return replace(stage.parts, purge=purge, end=stop.set)
