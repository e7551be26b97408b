"""Waiting for the kernel's word."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from seaway.runtime import watch

SOON = 5
"""Seconds."""


async def test_a_write_is_told_to_those_who_watch_that_file(tmp_path: Path) -> None:
    files = [tmp_path / "a", tmp_path / "b"]
    for file in files:
        file.touch()
    writes = watch.Writes()

    with writes.to(files[0]) as first, writes.to(files[0]) as second, writes.to(files[1]) as other:
        files[0].write_text("x")
        async with asyncio.timeout(SOON):
            await first.wait()
            await second.wait()
        seen = (first.is_set(), second.is_set(), other.is_set())

    assert seen == (True, True, False)


async def test_one_reader_less_leaves_the_others_watching(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.touch()
    writes = watch.Writes()

    with writes.to(file) as stays:
        with writes.to(file):
            pass
        file.write_text("x")
        async with asyncio.timeout(SOON):
            await stays.wait()


async def test_many_logs_can_be_followed_at_once(tmp_path: Path) -> None:
    writes = watch.Writes()
    files = [tmp_path / str(n) for n in range(300)]
    for file in files:
        write_to(file)

    async with asyncio.TaskGroup() as tasks:
        for file in files:
            tasks.create_task(told(writes, file))


async def told(writes: watch.Writes, file: Path) -> None:
    with writes.to(file) as written:
        await asyncio.sleep(0)
        write_to(file)
        async with asyncio.timeout(SOON):
            await written.wait()


def write_to(file: Path) -> None:
    file.write_text("x")


async def test_a_wait_ends_after_its_time() -> None:
    end, other = os.pipe()
    try:
        with pytest.raises(TimeoutError):
            await watch.readable(end, timeout=0.01)
    finally:
        os.close(end)
        os.close(other)


def test_there_is_no_handle_of_a_process_that_is_gone() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)

    with watch.process_handle(pid) as handle:
        assert handle is None
