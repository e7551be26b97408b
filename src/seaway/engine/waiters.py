"""Those who wait for a sandbox to stop or to go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from seaway.model.ids import SandboxId


class Waiters:
    """Futures by sandbox, each set once with an exit code."""

    def __init__(self) -> None:
        self._waiting: dict[SandboxId, set[asyncio.Future[int]]] = {}

    def future(self, sandbox: SandboxId) -> asyncio.Future[int]:
        """A future for the next time; cancelling it is fine."""
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(sandbox, set()).add(future)
        future.add_done_callback(self._forget(sandbox))
        return future

    def tell(self, sandbox: SandboxId, code: int) -> None:
        """It happened: wake everybody who waits for *sandbox*."""
        for future in self._waiting.pop(sandbox, set()):
            if not future.done():
                future.set_result(code)

    def _forget(self, sandbox: SandboxId) -> Callable[[asyncio.Future[int]], None]:
        def forget(future: asyncio.Future[int]) -> None:
            waiting = self._waiting.get(sandbox)
            if waiting is not None:
                waiting.discard(future)
                if not waiting:
                    del self._waiting[sandbox]

        return forget
