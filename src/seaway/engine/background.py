"""Work that goes on beside the use cases: waiting for processes to end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

log = logging.getLogger(__name__)


class Background:
    """Tasks that cannot end each other or the daemon: a failed one is logged and ends."""

    def __init__(self, tasks: asyncio.TaskGroup) -> None:
        self._tasks = tasks

    def begin(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Do *work* while others go on; it ends with the daemon at the latest."""
        self._tasks.create_task(_guarded(work, name), name=name)


async def _guarded(work: Callable[[], Awaitable[None]], name: str) -> None:
    try:
        await work()
    except Exception:
        log.exception("work in the background failed", extra={"task": name})
