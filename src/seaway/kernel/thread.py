"""The kernel thread: blocking work in the order of asking, awaited from the loop."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 0.1
"""Seconds without a job before the thread counts as idle."""
BREATH = 0.001
"""Seconds without a job between two steps of what is done when idle."""


class KernelThread:
    """One thread that does jobs in order; it begins in the namespaces of its maker's thread."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._idle: Callable[[], None] = _nothing
        self._wants_idle: Callable[[], bool] = bool
        self._ended = False
        threading.Thread(target=self._run, name="kernel", daemon=True).start()

    def when_idle(self, idle: Callable[[], None], wanted: Callable[[], bool]) -> None:
        """Call *idle* on the thread after PATIENCE without a job, while *wanted* is true.

        No timer runs while it is false.
        """
        self._idle, self._wants_idle = idle, wanted
        self._jobs.put(_nothing)

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """Do *work* after all that was asked for before; raises RuntimeError after ``end``."""
        if self._ended:
            raise RuntimeError("the kernel thread has ended")
        future: Future[T] = Future()
        self._jobs.put(lambda: _fulfil(future, work))
        return future

    async def call(self, work: Callable[[], T]) -> T:
        """Do *work* on the thread and give its result.

        A cancelled caller's work is not begun, or, once begun, is finished all the same.
        """
        return await asyncio.wrap_future(self.submit(work))

    @property
    def ended(self) -> bool:
        """Whether it takes no more work."""
        return self._ended

    def end(self) -> None:
        """Do what was asked for, then end the thread; returns at once."""
        self._ended = True
        self._jobs.put(None)

    def _run(self) -> None:
        patience = PATIENCE
        while True:
            try:
                job = self._jobs.get(timeout=patience if self._wants_idle() else None)
            except queue.Empty:
                self._idle()
                patience = BREATH
                continue
            patience = PATIENCE
            if job is None:
                return
            job()


def _fulfil(future: Future[T], work: Callable[[], T]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = work()
    except BaseException as error:  # noqa: BLE001
        future.set_exception(error)
    else:
        future.set_result(result)


def _nothing() -> None:
    """Do nothing."""
