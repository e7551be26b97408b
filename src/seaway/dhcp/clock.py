"""The time by which leases run."""

from __future__ import annotations

import time


class SteadyClock:
    """The host's time when this was made, counted on from there.

    It goes on while the host is suspended, and nobody who sets the host's clock ends a lease by that.
    """

    def __init__(self) -> None:
        self._epoch = time.time_ns() - _since_boot()

    def now(self) -> int:
        """Nanoseconds since the epoch."""
        return self._epoch + _since_boot()


def _since_boot() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
