"""Publishing ports of running sandboxes, one at a time."""

from __future__ import annotations

from bench.figures import Claim, Figure, Report
from bench.stage import Stage, a_stage, timed

COUNT = 1000
ENDS = 50
FIRST = 20000


def a_thousand(rounds: int) -> Report:  # noqa: ARG001 - one round is a thousand samples
    """The 1st to the 1000th port, and all away: spread over ten sandboxes, and all of one."""
    ten, one = _there_and_back(10), _there_and_back(1)
    return Report(figures=(*ten, *one), claims=(Claim(figure=ten[1], beside=ten[0], limit=1.25),))


def _there_and_back(boxes: int) -> tuple[Figure, Figure, Figure, Figure]:
    """Of so many sandboxes: the first to be published, the last, and the same of unpublish."""
    with a_stage() as stage:
        for n in range(boxes):
            stage.sandbox(f"s{n}", network="bench")
        there, back = (
            [timed(lambda n=n, v=verb: _change(stage, n, boxes, v)) for n in range(COUNT)]  # type: ignore[misc]
            for verb in ("publish", "unpublish")
        )
    of = f"{ENDS} of {COUNT}, {COUNT // boxes} a sandbox"
    return (
        Figure(name=f"publish, first {of}", samples=tuple(there[:ENDS])),
        Figure(name=f"publish, last {of}", samples=tuple(there[-ENDS:])),
        Figure(name=f"unpublish, first {of}", samples=tuple(back[:ENDS])),
        Figure(name=f"unpublish, last {of}", samples=tuple(back[-ENDS:])),
    )


def _change(stage: Stage, number: int, boxes: int, verb: str) -> None:
    path = f"/seaway/sandboxes/s{number % boxes}/{verb}"
    stage.api.post(path, {"Ports": [f"{FIRST + number}:{1000 + number // boxes}"]})
