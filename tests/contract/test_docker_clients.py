"""Docker's own command against the API, over a world in memory: what its users see."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from bed.docker import docker_client
from unit.api.stage import Stage, held_stage

Docker = Callable[..., Awaitable[tuple[int, str]]]
INSTALLED = [found] if (found := shutil.which("docker")) else []


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """The API over a world in memory."""
    async with held_stage(tmp_path) as stage:
        yield stage


@pytest.fixture(params=["unpacked", *INSTALLED])
def docker(request: pytest.FixtureRequest, stage: Stage, tmp_path: Path) -> Docker:
    """Runs docker with these words and this input: exit code, and output with errors.

    The client that ``./check`` unpacks, and the one that this machine has, if any.
    """
    client = docker_client() if request.param == "unpacked" else request.param
    environment = {
        "PATH": os.environ["PATH"],
        "DOCKER_HOST": f"unix://{stage.socket}",
        "DOCKER_CONFIG": str(tmp_path / "config"),
    }

    async def run(*words: str, given: bytes = b"") -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            client,
            *words,
            env=environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            output, _ = await asyncio.wait_for(process.communicate(given), 20)
        except (
            TimeoutError
        ):  # a process without its loop is found by the garbage collector, anywhere
            with suppress(ProcessLookupError):
                process.kill()
            output, _ = await process.communicate()
            raise AssertionError(f"docker {' '.join(words)} did not end: {output!r}") from None
        assert process.returncode is not None
        return process.returncode, output.decode()

    return run


async def test_networks_from_creation_to_prune(docker: Docker) -> None:
    code, identity = await docker("network", "create", "--subnet", "10.5.0.0/24", "lan")
    assert (code, len(identity.strip())) == (0, 64)
    assert (await docker("run", "-d", "--name", "box", "host", "sleep", "9"))[0] == 0
    connect = ("network", "connect", "--ip", "10.5.0.9", "--alias", "db", "lan", "box")
    assert await docker(*connect) == (0, "")

    form = "{{range .Containers}}{{.Name}} {{.IPv4Address}}{{end}}"
    assert await docker("network", "inspect", "-f", form, "lan") == (0, "box 10.5.0.9/24\n")
    listed = await docker("network", "ls", "--format", "{{.Name}} {{.Driver}} {{.Scope}}")
    assert listed == (
        0,
        "bridge bridge local\nhost host local\nlan bridge local\nnone null local\n",
    )
    code, refusal = await docker("network", "rm", "lan")
    assert code == 1
    assert "network lan has active endpoints" in refusal
    assert await docker("network", "disconnect", "lan", "box") == (0, "")
    assert await docker("network", "prune", "-f") == (0, "Deleted Networks:\nlan\n\n")


async def test_an_attached_run_carries_output_input_and_codes(docker: Docker) -> None:
    assert await docker("run", "--rm", "host", "echo", "hi") == (0, "hi\n")
    assert await docker("run", "--rm", "-i", "host", "cat", given=b"abc") == (0, "abc")
    code, text = await docker("run", "--rm", "host", "nosuch")
    assert code == 127
    assert "executable file not found in $PATH" in text
    code, text = await docker("run", "--rm", "busybox", "true")
    assert code == 125
    assert "Seaway has no images" in text
    assert await docker("ps", "-aq") == (0, "")


async def test_a_running_container_in_all_commands(docker: Docker, stage: Stage) -> None:
    await docker(
        "run", "-d", "--name", "web", "-p", "8080:80", "--expose", "70", "host", "sleep", "9"
    )
    form = "{{.Names}} {{.Image}} {{.Command}} {{.Ports}} {{.State}}"

    assert await docker("ps", "--no-trunc", "--format", form) == (
        0,
        'web host "sleep 9" 70/tcp, 0.0.0.0:8080->80/tcp running\n',
    )
    assert await docker("port", "web", "80") == (0, "0.0.0.0:8080\n")
    assert await docker("exec", "web", "echo", "hello") == (0, "hello\n")
    assert await docker("exec", "-i", "web", "cat", given=b"there") == (0, "there")
    assert (await docker("exec", "web", "nosuch"))[0] == 127
    program = stage.runtime.programs[stage.world.store.sandbox("web").id]
    program.say(b"one\n")
    program.say(b"two\n", 2)
    assert await docker("logs", "--tail", "1", "web") == (0, "two\n")
    assert await docker("inspect", "-f", "{{.NetworkSettings.IPAddress}}", "web") == (
        0,
        "10.77.0.2\n",
    )
    assert await docker("rename", "web", "site") == (0, "")
    assert await docker("stop", "-t", "1", "site") == (0, "site\n")
    assert await docker("wait", "site") == (0, "143\n")
    assert await docker("start", "site") == (0, "site\n")
    assert await docker("restart", "-t", "1", "site") == (0, "site\n")
    assert await docker("kill", "site") == (0, "site\n")
    assert await docker("rm", "-f", "site") == (0, "site\n")
    code, text = await docker("inspect", "site")
    assert code == 1
    assert "No such object: site" in text


async def test_events_and_system_commands(docker: Docker) -> None:
    await docker("run", "--rm", "host", "echo", "hi")

    code, text = await docker(
        "events", "--since", "1970-01-01T00:00:00.000000001Z", "--until", "1970-01-01T00:00:00.2Z"
    )
    assert code == 0
    assert "container start" in text
    assert (await docker("version"))[0] == 0
    assert (await docker("info"))[0] == 0
