"""Publishing ports of a running sandbox, one at a time."""

from __future__ import annotations

from bench.figures import Claim, Figure, Report
from bench.stage import Stage, a_stage, timed

COUNT = 1000
ENDS = 50
FIRST = 20000


def a_thousand(rounds: int) -> Report:  # noqa: ARG001 - one round is a thousand samples
    """The 1st to the 1000th port, spread over ten sandboxes, and all away."""
    with a_stage() as stage:
        for n in range(10):
            stage.sandbox(f"s{n}", network="bench")
        there = [timed(lambda n=n: _change(stage, n, "publish")) for n in range(COUNT)]  # type: ignore[misc]
        back = [timed(lambda n=n: _change(stage, n, "unpublish")) for n in range(COUNT)]  # type: ignore[misc]
    first = Figure(name=f"publish, first {ENDS} of {COUNT}", samples=tuple(there[:ENDS]))
    last = Figure(name=f"publish, last {ENDS} of {COUNT}", samples=tuple(there[-ENDS:]))
    back_first = Figure(name=f"unpublish, first {ENDS}", samples=tuple(back[:ENDS]))
    back_last = Figure(name=f"unpublish, last {ENDS}", samples=tuple(back[-ENDS:]))
    return Report(
        figures=(first, last, back_first, back_last),
        claims=(Claim(figure=last, beside=first, limit=1.25),),
    )


def _change(stage: Stage, number: int, verb: str) -> None:
    path = f"/seaway/sandboxes/s{number % 10}/{verb}"
    stage.api.post(path, {"Ports": [f"{FIRST + number}:{1000 + number // 10}"]})
