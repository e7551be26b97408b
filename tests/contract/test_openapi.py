"""The OpenAPI document is one, tells all that is served, and every answer is as it says, whatever is asked."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from launch.api_paths import api_routes
from openapi_spec_validator import validate

from fakes.hostile import ask_everything, operations
from fakes.told import TOLD
from unit.api.stage import held_stage

NAMES = ("web", "box", "app", "bridge", "host", "none", "gone", "cfg")


def test_the_document_is_valid() -> None:
    validate(TOLD.document)


def test_it_tells_every_path_that_does_something() -> None:
    told = {(m.upper(), p) for p, each in TOLD.document["paths"].items() for m in each}

    assert told == {(r.method, r.path) for r in api_routes() if r.answers}
    assert ("POST", "/networks/create") in told
    assert ("GET", "/seaway/openapi.json") in told


def test_each_shape_and_each_path_says_what_it_is() -> None:
    shapes = TOLD.document["components"]["schemas"]
    paths = TOLD.document["paths"]

    assert [name for name, shape in shapes.items() if not shape.get("description")] == []
    assert [
        (p, m) for p, each in paths.items() for m, told in each.items() if not told["summary"]
    ] == []


def test_a_client_can_fetch_it(address: Path) -> None:
    ask_everything(address, "GET", "/seaway/openapi.json", NAMES, examples=1)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The socket of an API over a world in memory, with something in it, on a loop of its own."""
    directory = tmp_path_factory.mktemp("api")
    ready, over = threading.Event(), threading.Event()

    async def serve() -> None:
        async with held_stage(directory) as stage:
            await stage.world.network("web", ("10.77.1.0/24",))
            await stage.world.box("box")
            await stage.run("app", "cat", HostConfig={"NetworkMode": "web"})
            await stage.create("gone")
            await stage.good("POST", "/networks/create", {"Name": "cfg", "ConfigOnly": True})
            ready.set()
            await asyncio.to_thread(over.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(30)
    yield directory / "api.sock"
    over.set()
    thread.join(60)
    assert not thread.is_alive()


@pytest.mark.parametrize(("method", "path"), [*operations()])
def test_every_answer_is_as_the_document_says_whatever_is_asked(
    address: Path, method: str, path: str
) -> None:
    ask_everything(address, method, path, NAMES, examples=6)
