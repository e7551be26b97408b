"""Connecting a sandbox that exists to a network, and disconnecting it."""

from __future__ import annotations

import time

from bench.figures import Claim, Figure, Report
from bench.floor import Floor
from bench.stage import Stage, a_stage, timed

CALM = 1.0
"""Seconds in which the daemon and the kernel delete what was cut off before."""
BATCH = 10
ENDS = 50
"""How many endpoints are the first, and the last, of a thousand."""


def beside_the_kernel(rounds: int) -> Report:
    """Connect through the API, and the same endpoint by raw netlink, in turn."""
    ours: list[float] = []
    back: list[float] = []
    kernels: list[float] = []
    with a_stage() as stage:
        for n in range(BATCH):
            stage.sandbox(f"s{n}")
        _turn(stage, [], [], [])
        for _ in range(rounds):
            _turn(stage, ours, kernels, back)
        behind = [_behind_many(stage) for _ in range(min(rounds, 5))]
    connect = Figure(name="connect, API", samples=tuple(ours))
    disconnect = Figure(name="disconnect, API", samples=tuple(back))
    kernel = Figure(name="the kernel alone", samples=tuple(kernels))
    late = Figure(name="connect right behind 100 disconnects", samples=tuple(behind))
    return Report(
        figures=(connect, disconnect, kernel, late),
        claims=(
            Claim(figure=connect, beside=kernel, limit=4),
            Claim(figure=disconnect, beside=kernel, limit=4),
            Claim(figure=late, beside=connect, limit=2),
        ),
    )


def _turn(stage: Stage, ours: list[float], kernels: list[float], back: list[float]) -> None:
    """One round: each of a batch of endpoints by us and by the kernel, then all away."""
    with Floor(BATCH) as floor:
        for n in range(BATCH):
            ours.append(timed(lambda n=n: stage.connect(f"s{n}")))  # type: ignore[misc]
            kernels.append(floor.attach(n))
        for n in range(BATCH):
            back.append(timed(lambda n=n: stage.disconnect(f"s{n}")))  # type: ignore[misc]
    time.sleep(CALM)


def _behind_many(stage: Stage) -> float:
    """Milliseconds of a connect while 100 links that were cut off wait for their deletion."""
    for _ in range(100 // BATCH):
        for n in range(BATCH):
            stage.connect(f"s{n}")
        for n in range(BATCH):
            stage.disconnect(f"s{n}")
    took = timed(lambda: stage.connect("s0"))
    stage.disconnect("s0")
    time.sleep(CALM)
    return took


def a_thousand(rounds: int) -> Report:  # noqa: ARG001 - one round is a thousand samples
    """The 1st to the 1000th endpoint of one network, by us and by the kernel, and all away."""
    count = 1000
    with a_stage() as stage, Floor(count) as floor:
        for n in range(count):
            stage.sandbox(f"s{n}")
        ours: list[float] = []
        kernels: list[float] = []
        for n in range(count):
            ours.append(timed(lambda n=n: stage.connect(f"s{n}")))  # type: ignore[misc]
            kernels.append(floor.attach(n))
        back = [timed(lambda n=n: stage.disconnect(f"s{n}")) for n in range(count)]  # type: ignore[misc]
    first, last = _ends("connect", ours)
    kernel_first, kernel_last = _ends("the kernel alone", kernels)
    back_first, back_last = _ends("disconnect", back)
    return Report(
        figures=(first, last, kernel_first, kernel_last, back_first, back_last),
        claims=(
            Claim(figure=last, beside=kernel_last, limit=4),
            Claim(figure=last, beside=first, limit=1.25),
            Claim(figure=back_last, beside=back_first, limit=1.25),
        ),
    )


def _ends(name: str, samples: list[float]) -> tuple[Figure, Figure]:
    return (
        Figure(name=f"{name}, first {ENDS} of {len(samples)}", samples=tuple(samples[:ENDS])),
        Figure(name=f"{name}, last {ENDS} of {len(samples)}", samples=tuple(samples[-ENDS:])),
    )
