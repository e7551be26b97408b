"""What the runtime does without starting anything."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from seaway.contracts import KILLED
from seaway.faults import NoFaults
from seaway.model.ids import SandboxId
from seaway.runtime.conmon import ConmonRuntime

SANDBOX = SandboxId("5a" * 32)
LINE = b"2026-11-25T17:53:14+00:00 stdout F hello\n"


async def test_who_reads_a_long_log_lets_others_have_their_turn(tmp_path: Path) -> None:
    runtime = ConmonRuntime(tmp_path / "run", tmp_path / "data", NoFaults())
    log = tmp_path / "data/sandboxes" / SANDBOX / "log"
    log.parent.mkdir(parents=True)
    log.write_bytes(LINE * 20_000)
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    lines = [line async for line in runtime.logs(SANDBOX, follow=False)]
    task.cancel()

    assert len(lines) == 20_000
    assert turns > 10


async def test_an_end_that_cannot_be_kept_is_an_end_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    runtime = ConmonRuntime(tmp_path / "run", tmp_path / "data", NoFaults())
    (tmp_path / "run/bundles" / SANDBOX).mkdir(parents=True)
    status = tmp_path / "data/sandboxes" / SANDBOX / "exit" / SANDBOX
    status.parent.mkdir(parents=True)
    status.symlink_to(tmp_path / "nowhere/at/all")

    ended = await runtime.wait(SANDBOX)

    assert ended.code == KILLED
    assert "an exit status cannot be kept" in caplog.messages
