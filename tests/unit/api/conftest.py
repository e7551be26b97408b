"""A stage for each test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from io import StringIO
from pathlib import Path

import pytest

from unit.api.stage import Stage, a_stage

END = 60
"""Seconds in which the server and the world end: six times what the server gives its last use cases."""


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """The API over a world in memory, held by one task from beginning to end as task groups must be."""
    ready: asyncio.Future[Stage] = asyncio.get_running_loop().create_future()
    over = asyncio.Event()

    async def hold() -> None:
        async with a_stage(tmp_path) as found:
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
