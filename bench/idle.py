"""What the daemon takes when nothing happens."""

from __future__ import annotations

import os
import time
from pathlib import Path

from bench.figures import Claim, Figure, Report
from bench.stage import Stage, a_stage

SANDBOXES = 100
PROCESSES = 10
CALM = 3.0
WATCH = 10.0
"""Seconds."""


def with_a_hundred(rounds: int) -> Report:  # noqa: ARG001 - it is looked at once
    """Memory and processor time of the daemon with a hundred sandboxes, ten with a process."""
    with a_stage() as stage:
        empty = memory(stage.daemon.pid)
        for n in range(SANDBOXES - PROCESSES):
            stage.sandbox(f"s{n}", network="bench")
        for n in range(PROCESSES):
            stage.daemon.seaway(
                "run", "-d", "--name", f"p{n}", "--network", "bench", "sleep", "inf"
            )
        time.sleep(CALM)
        full = memory(stage.daemon.pid)
        ticks = _ticks_while_idle(stage)
    memory_full = Figure(name=f"memory with {SANDBOXES} sandboxes", samples=(full,), unit="MB")
    processor = Figure(
        name=f"processor time in {WATCH:g} s of idleness", samples=(ticks,), unit="ms"
    )
    return Report(
        figures=(
            Figure(name="memory without sandboxes", samples=(empty,), unit="MB"),
            memory_full,
            processor,
        ),
        claims=(Claim(figure=memory_full, limit=80), Claim(figure=processor, limit=0)),
    )


def memory(pid: int) -> float:
    """What the process *pid* has in memory (VmRSS), in MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


def _ticks_while_idle(stage: Stage) -> float:
    before = _processor_time(stage.daemon.pid)
    time.sleep(WATCH)
    return _processor_time(stage.daemon.pid) - before


def _processor_time(pid: int) -> float:
    """User and system time of the process *pid* in ms, by the kernel's ticks (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")
