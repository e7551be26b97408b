"""The steps of a use case that fails are taken back, the last first, and its error comes through."""

from __future__ import annotations

import asyncio

import pytest

from seaway.engine.undo import Undo
from seaway.model.errors import Conflict, Unavailable


async def refuse(reason: str) -> None:
    raise ExceptionGroup("not everything could be removed", [Unavailable(reason)])


async def test_steps_are_taken_back_the_last_first() -> None:
    taken: list[int] = []

    with pytest.raises(Conflict, match="why"):
        async with Undo() as undo:
            for number in (1, 2, 3):
                undo.by(taken.append, number)
            raise Conflict("why")

    assert taken == [3, 2, 1]


async def test_what_went_well_stays() -> None:
    taken: list[int] = []

    async with Undo() as undo:
        undo.by(taken.append, 1)

    assert taken == []


async def test_a_refused_step_hides_neither_the_error_nor_the_other_steps(
    caplog: pytest.LogCaptureFixture,
) -> None:
    taken: list[int] = []

    with pytest.raises(Conflict, match="why"):
        async with Undo() as undo:
            undo.by(taken.append, 1)
            undo.by(refuse, "the disk is full")
            raise Conflict("why")

    assert taken == [1]
    (record,) = caplog.records
    assert (record.message, vars(record)["reason"]) == (
        "not everything was taken back; the next start does it",
        "the disk is full",
    )


async def test_a_cancelled_use_case_is_taken_back_too() -> None:
    taken: list[int] = []

    async def work() -> None:
        async with Undo() as undo:
            undo.by(taken.append, 1)
            await asyncio.Event().wait()

    task = asyncio.ensure_future(work())
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert taken == [1]
