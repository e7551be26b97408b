"""Connecting a sandbox that exists to a network, and disconnecting it."""

from __future__ import annotations

import time

from bench.figures import Claim, Figure, Report
from bench.floor import Floor
from bench.stage import Stage, a_stage, timed

CALM = 1.0
"""Seconds in which the daemon and the kernel delete what was cut off before."""
BATCH = 10
MANY = 100
ENDS = 50
"""How many endpoints are the first, and the last, of a thousand."""


def beside_the_kernel(rounds: int) -> Report:
    """Connect through the API, and the same endpoint by raw netlink, in turn."""
    ours: list[float] = []
    back: list[float] = []
    kernels: list[float] = []
    with a_stage() as stage:
        for name in ("other", *(f"s{n}" for n in range(MANY))):
            stage.sandbox(name)
        _turn(stage, [], [], [])
        for _ in range(rounds):
            _turn(stage, ours, kernels, back)
        behind = [_behind_many(stage) for _ in range(min(rounds, 5))]
    connect = Figure(name="connect, API", samples=tuple(ours))
    disconnect = Figure(name="disconnect, API", samples=tuple(back))
    kernel = Figure(name="the kernel alone", samples=tuple(kernels))
    other = Figure(name=f"connect right behind {MANY} disconnects", samples=_nth(behind, 0))
    same = Figure(name="the same, of a sandbox just disconnected", samples=_nth(behind, 1))
    return Report(
        figures=(connect, disconnect, kernel, other, same),
        claims=(
            Claim(figure=connect, beside=kernel, limit=4),
            Claim(figure=disconnect, beside=kernel, limit=4),
            Claim(figure=other, beside=connect, limit=2),
        ),
    )


def _turn(stage: Stage, ours: list[float], kernels: list[float], back: list[float]) -> None:
    """One round: each of a batch of endpoints by us and by the kernel, then all away."""
    with Floor(BATCH) as floor:
        for n in range(BATCH):
            ours.append(timed(lambda n=n: stage.connect(f"s{n}")))  # type: ignore[misc]
            kernels.append(floor.attach(n))
        back += [timed(lambda n=n: stage.disconnect(f"s{n}")) for n in range(BATCH)]  # type: ignore[misc]
    time.sleep(CALM)


def _behind_many(stage: Stage) -> tuple[float, float]:
    """Milliseconds of two connects while 100 links that were cut off wait for their deletion.

    First of a sandbox that was not among them, then of one that was: there the name of the
    interface has to be taken from the old one, which waits for the kernel.
    """
    for n in range(MANY):
        stage.connect(f"s{n}")
    for n in range(MANY):
        stage.disconnect(f"s{n}")
    other = timed(lambda: stage.connect("other"))
    same = timed(lambda: stage.connect(f"s{MANY - 1}"))
    stage.disconnect("other")
    stage.disconnect(f"s{MANY - 1}")
    time.sleep(3 * CALM)
    return other, same


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


def _nth(pairs: list[tuple[float, float]], place: int) -> tuple[float, ...]:
    return tuple(pair[place] for pair in pairs)


def _ends(name: str, samples: list[float]) -> tuple[Figure, Figure]:
    return (
        Figure(name=f"{name}, first {ENDS} of {len(samples)}", samples=tuple(samples[:ENDS])),
        Figure(name=f"{name}, last {ENDS} of {len(samples)}", samples=tuple(samples[-ENDS:])),
    )
