"""Of several jobs, the first that ends ends the others."""

from __future__ import annotations

import asyncio

import pytest

from seaway.api.carriage import first_of


@pytest.mark.parametrize("ticks", range(5))
async def test_who_is_cancelled_while_a_job_ends_does_not_go_on(ticks: int) -> None:
    over, went_on = asyncio.Event(), False

    async def caller() -> None:
        nonlocal went_on
        await first_of(over.wait(), asyncio.Event().wait())
        went_on = True
        await asyncio.Event().wait()

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(caller())
        await asyncio.sleep(0.01)
        over.set()
        for _ in range(ticks):
            await asyncio.sleep(0)
        assert not went_on
        task.cancel()
        await asyncio.wait([task], timeout=1)
        ended = task.done()
        task.cancel()

    assert ended
    assert task.cancelled()
    assert not went_on


async def test_who_was_cancelled_before_may_still_wait_for_the_first() -> None:
    async def caller() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await first_of(asyncio.sleep(0), asyncio.Event().wait())
            return "done"
        return "not cancelled"

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(caller())
        await asyncio.sleep(0.01)
        task.cancel()

    assert task.result() == "done"
