"""Programs that do not end as they should."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from pathlib import Path

import pytest

from seaway.runtime import programs

SOON = 10
"""Seconds."""
HELD = """
import ctypes, os, sys, time
libc, me, flag = ctypes.CDLL(None), os.getpid(), sys.argv[1]
libc.prctl(0x59616D61, ctypes.c_ulong(-1 & (1 << 64) - 1), 0, 0, 0)  # PR_SET_PTRACER: anybody
if os.fork() == 0:
    if libc.ptrace(0x4206, me, None, None):  # PTRACE_SEIZE: only we are told of its end
        os._exit(1)
    os.rename(flag + ".new", flag)
    while os.path.exists(flag):
        time.sleep(0.01)
    os._exit(0)
time.sleep(60)
"""


async def test_the_loop_goes_on_while_a_program_is_given_up(tmp_path: Path) -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0.001)

    task = asyncio.create_task(other())
    with pytest.raises(TimeoutError):
        await programs.run(["/bin/sleep", "60"], timeout=0.01, output=tmp_path / "output")
    task.cancel()

    assert turns > 50


async def test_a_killed_program_that_does_not_end_is_left_alone_and_reaped_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    flag = tmp_path / "held"
    (tmp_path / "held.new").touch()
    command = [sys.executable, "-c", HELD, str(flag)]

    try:
        async with asyncio.timeout(SOON):
            with pytest.raises(TimeoutError):
                await programs.run(command, timeout=1)
        if not flag.exists():
            pytest.skip("nobody may trace a process here")
        (reaper,) = [t for t in threading.enumerate() if t.name == "reaper"]
    finally:
        flag.unlink(missing_ok=True)

    assert caplog.messages == ["a killed program does not end"]
    reaper.join(SOON)
    assert not reaper.is_alive()


async def test_a_program_given_up_by_its_caller_is_killed(tmp_path: Path) -> None:
    mark = tmp_path / "ended"
    command = ["/bin/sh", "-c", f"sleep 1; touch {mark}"]

    task = asyncio.create_task(programs.run(command, timeout=SOON))
    await asyncio.sleep(0.1)
    task.cancel()
    await asyncio.wait([task])
    await asyncio.sleep(1.2)

    assert task.cancelled()
    assert not mark.exists()


async def test_a_program_that_writes_too_much_is_ended() -> None:
    command = ["/bin/sh", "-c", "sleep 0.2; exec head -c 64M /dev/zero"]

    done = await programs.run(command, timeout=SOON, most=1 << 20)

    assert done.code == -signal.SIGXFSZ
    assert len(done.output) == 1 << 20
