"""A test's way to fail or end the daemon at any named step; off unless a setting names a file.

The file holds ``kill N`` or ``fail N``: the N-th step (from 0) that is reached after it appeared ends
the process at once, or fails. Steps reached meanwhile are written to the file's neighbour ``.log``,
so that a test learns how many there are.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

from seaway.model.errors import Unavailable


class NoFaults:
    """What runs at users': every step is passed without a look."""

    def reach(self, step: str) -> None:
        """Nothing happens."""


class Faults:
    """Counts the steps while the file is there."""

    def __init__(self, path: Path) -> None:
        self._path, self._log = path, path.with_suffix(".log")
        self._armed: tuple[int, str] | None = None
        self._count = 0
        self._lock = threading.Lock()

    def reach(self, step: str) -> None:
        """Fail or end here, if the file says so; raises Unavailable."""
        with self._lock:
            order = self._order()
            if order is None:
                return
            verb, number = order
            here, self._count = self._count, self._count + 1
            with self._log.open("a") as log:
                log.write(f"{step}\n")
            if here != number:
                return
        if verb == "kill":
            os._exit(99)
        raise Unavailable(f"a test made step {step} fail")

    def _order(self) -> tuple[str, int] | None:
        try:
            written, text = self._path.stat().st_mtime_ns, self._path.read_text()
        except FileNotFoundError:
            self._armed = None
            return None
        if self._armed != (written, text):
            self._armed, self._count = (written, text), 0
        verb, _, number = text.strip().partition(" ")
        return verb, int(number)
