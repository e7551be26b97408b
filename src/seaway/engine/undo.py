"""Taking back the steps of a use case that fails on the way."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from types import TracebackType
from typing import ParamSpec, Self

from seaway.model.errors import EngineError

log = logging.getLogger(__name__)

P = ParamSpec("P")
Step = Callable[[], Awaitable[None] | None]


class Undo:
    """Steps that undo what a block did; when it ends by an error they are taken, the last first.

    A step that is refused hides neither that error nor the other steps: it is logged, and the next
    start of the daemon removes or finishes what is left.
    """

    def __init__(self) -> None:
        self._steps: list[Step] = []

    def by(
        self, step: Callable[P, Awaitable[None] | None], *args: P.args, **kwargs: P.kwargs
    ) -> None:
        """Register *step*, which undoes what was just done."""
        self._steps.append(partial(step, *args, **kwargs))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            await self.take_back()

    async def take_back(self) -> None:
        """Take the steps now, the last first: what was done was only a trial."""
        async with AsyncExitStack() as back:
            for step in self._steps:
                back.push_async_callback(_take, step)
        self._steps.clear()


async def _take(step: Step) -> None:
    try:
        done = step()
        if inspect.isawaitable(done):
            await done
    except* EngineError as errors:
        log.warning(
            "not everything was taken back; the next start does it",
            extra={"reason": "; ".join(map(str, errors.exceptions))},
        )
