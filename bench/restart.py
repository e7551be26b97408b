"""A daemon that was killed, and starts again with all that it promised."""

from __future__ import annotations

import time

import dns.message
from bench.figures import Claim, Figure, Report
from bench.stage import Stage, a_stage, timed

from bed.spot import CommandFailed, Spot

SANDBOXES = 100
PATIENCE = 10.0
"""Seconds for a name to be answered."""


def with_a_hundred(rounds: int) -> Report:
    """From ``kill -9`` and the start of the next daemon until it answers, and until names do."""
    answers: list[float] = []
    names: list[float] = []
    with a_stage() as stage:
        for n in range(SANDBOXES):
            stage.sandbox(f"s{n}", network="bench")
        asker = stage.daemon.sandbox("s0")
        for _ in range(min(rounds, 10)):
            stage.daemon.kill()
            begin = time.perf_counter()
            answers.append(timed(stage.daemon.start))
            _await_name(asker)
            names.append((time.perf_counter() - begin) * 1e3)
        empty = _without_sandboxes()
    name = Figure(
        name=f"start with {SANDBOXES} sandboxes, until names answer", samples=tuple(names)
    )
    return Report(
        figures=(
            Figure(name="start without sandboxes, until the API answers", samples=(empty,)),
            Figure(
                name=f"start with {SANDBOXES} sandboxes, until the API answers",
                samples=tuple(answers),
            ),
            name,
        ),
        claims=(Claim(figure=name, limit=1000),),
    )


def _without_sandboxes() -> float:
    with a_stage() as stage:
        return _started_again(stage)


def _started_again(stage: Stage) -> float:
    stage.daemon.kill()
    return timed(stage.daemon.start)


def _await_name(asker: Spot) -> None:
    """Wait until a sandbox is told the address of another; raises CommandFailed."""
    query = dns.message.make_query("s1", "A").to_wire()
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            with asker.connect("udp", "127.0.0.11", 53, timeout=0.2) as sock:
                sock.send(query)
                if dns.message.from_wire(sock.recv(512)).answer:
                    return
        except OSError:
            time.sleep(0.005)
    raise CommandFailed(f"no name was answered within {PATIENCE:g} s")
