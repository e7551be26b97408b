"""Attach, exec and wait: streams that take the connection over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from seaway.api.carriage import frame
from seaway.api.detaching import DetachKeys, key_bytes
from seaway.model.errors import InvalidRequest
from unit.api.stage import Stage, open_files, read_head, served, until

ATTACH = "stream=1&stdin=1&stdout=1&stderr=1"


@asynccontextmanager
async def raw(
    stage: Stage, path: str, body: bytes = b"", *, upgrade: bool = True
) -> AsyncGenerator[tuple[int, dict[str, str], asyncio.StreamReader, asyncio.StreamWriter]]:
    """A POST whose connection becomes a stream."""
    reader, writer = await stage.connect()
    head = "Connection: Upgrade\r\nUpgrade: tcp\r\n" if upgrade else ""
    kind = "Content-Type: application/json\r\n" if body else ""
    writer.write(
        f"POST {path} HTTP/1.1\r\nHost: x\r\n{head}{kind}Content-Length: {len(body)}\r\n\r\n".encode()
        + body
    )
    try:
        status, headers = await read_head(reader)
        yield status, headers, reader, writer
    finally:
        writer.close()


async def test_attached_before_the_start_a_client_gets_all_output(stage: Stage) -> None:
    await stage.create("job", "echo", "hi")
    async with raw(stage, f"/containers/job/attach?{ATTACH}") as (status, headers, reader, _):
        await stage.good("POST", "/containers/job/start")

        output = await reader.read()

    assert status == 101
    assert headers == {
        "Content-Type": "application/vnd.docker.multiplexed-stream",
        "Connection": "Upgrade",
        "Upgrade": "tcp",
    }
    assert output == b"\x01\x00\x00\x00\x00\x00\x00\x03hi\n"


async def test_old_clients_and_terminals_get_a_raw_stream(stage: Stage) -> None:
    await stage.create("job", "echo", "hi", Tty=True)
    async with raw(stage, f"/v1.41/containers/job/attach?{ATTACH}", upgrade=False) as (
        status,
        headers,
        reader,
        _,
    ):
        await stage.good("POST", "/containers/job/start")
        output = await reader.read()

    assert (status, headers) == (200, {"Content-Type": "application/vnd.docker.raw-stream"})
    assert output == b"hi\n"


async def test_output_goes_on_after_the_end_of_input(stage: Stage) -> None:
    await stage.run("cat", "cat", OpenStdin=True, StdinOnce=True)
    async with raw(stage, f"/containers/cat/attach?{ATTACH}") as (_, _, reader, writer):
        writer.write(b"one")
        assert await reader.readexactly(11) == frame(1, b"one")
        writer.write(b"two")
        writer.write_eof()

        assert await reader.read() == frame(1, b"two")

    assert stage.runtime.programs[stage.world.store.sandbox("cat").id].input == b"onetwo"


async def test_only_the_streams_that_were_asked_for_come(stage: Stage) -> None:
    identity = await stage.run("box")
    async with raw(stage, "/containers/box/attach?stream=1&stderr=1") as (_, _, reader, _):
        program = stage.runtime.programs[identity]
        await until(lambda: len(program.listeners) == 1)
        program.say(b"out", 1)
        program.say(b"err", 2)
        program.end(0)

        assert await reader.read() == frame(2, b"err")


async def test_what_was_written_before_comes_with_logs(stage: Stage) -> None:
    identity = await stage.run("box")
    stage.runtime.programs[identity].say(b"early\n")

    async with raw(stage, "/containers/box/attach?logs=1&stdout=1") as (_, _, reader, _):
        assert await reader.read() == frame(1, b"early\n")


async def test_a_client_that_goes_leaves_the_process_running(stage: Stage) -> None:
    identity = await stage.run("cat", "cat", OpenStdin=True)
    async with raw(stage, f"/containers/cat/attach?{ATTACH}"):
        await until(lambda: len(stage.runtime.programs[identity].listeners) == 1)

    await until(lambda: not stage.runtime.programs[identity].listeners)
    assert stage.world.store.sandbox("cat").running


async def test_a_client_that_goes_after_its_end_of_input_is_noticed(stage: Stage) -> None:
    identity = await stage.run("box", "sleep")
    async with raw(stage, f"/containers/box/attach?{ATTACH}") as (_, _, _, writer):
        program = stage.runtime.programs[identity]
        await until(lambda: len(program.listeners) == 1)
        writer.write_eof()
        await asyncio.sleep(0.05)  # the end of input alone ends nothing
        assert len(program.listeners) == 1

    await until(lambda: not program.listeners)


async def test_detach_keys_end_the_stream_and_are_not_passed_on(stage: Stage) -> None:
    identity = await stage.run("tty", "cat", Tty=True, OpenStdin=True)
    async with raw(stage, f"/containers/tty/attach?{ATTACH}") as (_, _, reader, writer):
        writer.write(b"ab\x10")
        assert await reader.readexactly(2) == b"ab"
        writer.write(b"\x11")

        assert await reader.read() == b""

    assert stage.runtime.programs[identity].input == b"ab"
    assert stage.world.store.sandbox("tty").running


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", b"\x10\x11"), ("ctrl-a,b", b"\x01b"), ("ctrl-@,ctrl-_", b"\x00\x1f"), ("x", b"x")],
)
def test_detach_keys_are_read(text: str, expected: bytes) -> None:
    assert key_bytes(text) == expected


@pytest.mark.parametrize("text", ["ctrl-", "ctrl-1", "ab", "a,,b", "é"])
def test_wrong_detach_keys_are_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="invalid detach keys"):
        key_bytes(text)


def test_a_beginning_of_the_keys_is_held_back_until_it_is_none() -> None:
    keys = DetachKeys(b"aab")

    assert keys.feed(b"xa") == (b"x", False)
    assert keys.feed(b"a") == (b"", False)
    assert keys.feed(b"a") == (b"a", False)
    assert keys.feed(b"bz") == (b"", True)


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("/containers/nosuch/attach?stream=1", 404, "No such container: nosuch"),
        ("/containers/ns/attach?stream=1", 409, "sandbox ns is only a network namespace"),
        ("/containers/box/attach?stream=1&detachKeys=ctrl-1", 400, "invalid detach keys"),
    ],
)
async def test_a_refused_attach_is_an_error_like_others(
    stage: Stage, path: str, status: int, message: str
) -> None:
    await stage.good("POST", "/seaway/sandboxes", {"Name": "ns"})
    await stage.run("box")

    answer = await stage.call("POST", path)

    assert answer.status == status
    assert answer.message.startswith(message)


async def test_a_failed_start_ends_the_streams_that_wait_for_it(stage: Stage) -> None:
    await stage.create("job", "nosuch")
    async with raw(stage, f"/containers/job/attach?{ATTACH}") as (_, _, reader, _):
        answer = await stage.call("POST", "/containers/job/start")

        assert await reader.read() == b""

    assert answer.status == 400
    assert "executable file not found in $PATH" in answer.message


async def test_nothing_is_left_of_100_attaches(stage: Stage) -> None:
    identity = await stage.run("cat", "cat", OpenStdin=True)
    await stage.create("never", "cat")
    await stage.call("GET", "/_ping")
    await until(lambda: served() == 0)
    files, tasks = open_files(), len(asyncio.all_tasks())

    for n in range(100):
        name = "cat" if n % 2 else "never"
        async with raw(stage, f"/containers/{name}/attach?{ATTACH}") as (status, _, _, writer):
            assert status == 101
            if n % 4 == 1:
                writer.write_eof()

    await until(lambda: len(asyncio.all_tasks()) == tasks)
    assert open_files() == files
    assert not stage.runtime.programs[identity].listeners


async def test_the_server_ends_though_clients_are_attached(stage: Stage) -> None:
    await stage.run("box")
    async with (
        raw(stage, f"/containers/box/attach?{ATTACH}") as (_, _, reader, _),
        raw(stage, "/containers/box/wait") as (_, _, waiting, _),
    ):
        stage.stop.set()

        async with asyncio.timeout(5):
            assert await reader.read() == b""
            assert await waiting.read() == b""


async def test_wait_answers_its_head_at_once_and_the_code_later(stage: Stage) -> None:
    identity = await stage.create("job")
    async with raw(stage, "/containers/job/wait?condition=next-exit") as (status, _, reader, _):
        await stage.good("POST", "/containers/job/start")
        stage.runtime.end(identity, 3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

        assert status == 200
        assert await reader.readuntil(b"}\n") == b'11\r\n{"StatusCode":3}\n'


async def test_a_wait_ends_with_its_client(stage: Stage) -> None:
    await stage.run("box")
    tasks = len(asyncio.all_tasks())
    async with raw(stage, "/containers/box/wait"):
        assert len(asyncio.all_tasks()) > tasks

    await until(lambda: len(asyncio.all_tasks()) == tasks)


@pytest.mark.parametrize(
    ("condition", "message"),
    [("bogus", 'invalid condition: "bogus"; it is not-running, next-exit or removed')],
)
async def test_an_unknown_condition_is_refused(stage: Stage, condition: str, message: str) -> None:
    await stage.run("box")

    answer = await stage.call("POST", f"/containers/box/wait?condition={condition}")

    assert (answer.status, answer.message) == (400, message)


async def start_exec(stage: Stage, *command: str, **more: object) -> str:
    match await stage.good("POST", "/containers/box/exec", {"Cmd": command, **more}):
        case {"Id": str(identity)}:
            return identity
        case other:
            raise AssertionError(other)


async def test_a_further_process_streams_and_tells_its_code(stage: Stage) -> None:
    await stage.run("box")
    identity = await start_exec(stage, "echo", "hello", "you")

    async with raw(stage, f"/exec/{identity}/start", b'{"Detach":false}') as (status, _, reader, _):
        output = await reader.read()

    assert status == 101
    assert output == frame(1, b"hello you\n")
    match await stage.good("GET", f"/exec/{identity}/json"):
        case {
            "ID": found,
            "Running": False,
            "ExitCode": 0,
            "ProcessConfig": {"entrypoint": "echo", "arguments": ["hello", "you"]},
        }:
            assert found == identity
        case other:
            raise AssertionError(other)


async def test_a_detached_process_runs_on(stage: Stage) -> None:
    await stage.run("box")
    identity = await start_exec(stage, "sleep")

    started = await stage.call("POST", f"/exec/{identity}/start", {"Detach": True})
    again = await stage.call("POST", f"/exec/{identity}/start", {"Detach": True})

    assert (started.status, started.body) == (200, b"")
    assert again.status == 409
    match await stage.good("GET", f"/exec/{identity}/json"):
        case {"Running": True, "ExitCode": None}:
            pass
        case other:
            raise AssertionError(other)
    assert (await stage.inspect("box"))["ExecIDs"] == [identity]


async def test_a_command_that_cannot_run_says_so_on_its_stream(stage: Stage) -> None:
    await stage.run("box")
    identity = await start_exec(stage, "nosuch")

    async with raw(stage, f"/exec/{identity}/start", b"{}") as (_, _, reader, _):
        output = await reader.read()

    assert output[8:].endswith(b"executable file not found in $PATH: unknown\r\n")
    match await stage.good("GET", f"/exec/{identity}/json"):
        case {"Running": False, "ExitCode": 127}:
            pass
        case other:
            raise AssertionError(other)


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("/containers/nosuch/exec", {"Cmd": ["x"]}, 404, "No such container: nosuch"),
        ("/containers/idle/exec", {"Cmd": ["x"]}, 409, "container "),
        ("/containers/box/exec", {"Cmd": []}, 400, "No exec command specified"),
        (
            "/containers/box/exec",
            {"Cmd": ["x"], "WorkingDir": "y"},
            400,
            "the working directory 'y'",
        ),
        ("/exec/nosuch/start", {}, 404, "No such exec instance: nosuch"),
    ],
)
async def test_a_refused_exec_is_told_as_docker_tells_it(
    stage: Stage, path: str, body: object, status: int, message: str
) -> None:
    await stage.run("box")
    await stage.create("idle")

    answer = await stage.call("POST", path, body)

    assert answer.status == status
    assert answer.message.startswith(message)


async def test_terminals_learn_their_size(stage: Stage) -> None:
    identity = await stage.run("box", Tty=True)

    resized = await stage.call("POST", "/containers/box/resize?h=24&w=80")
    wrong = await stage.call("POST", "/containers/box/resize?h=24")

    assert resized.status == 200
    assert stage.runtime.sizes == {identity: (24, 80)}
    assert wrong.status == 400
