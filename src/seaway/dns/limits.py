"""How much the name servers take on, so that no sandbox can use up the daemon."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of the name servers; the defaults suit a host with a thousand sandboxes."""

    drain: int = 64
    """Datagrams answered at one wake-up; the loop has other work."""
    cached: int = 1024
    """Answers kept for each sandbox."""
    in_flight: int = 256
    """Questions that wait for upstreams, over all sandboxes; further ones fail at once."""
    in_flight_each: int = 64
    """The same for one sandbox."""
    streams: int = 32
    """TCP connections of one sandbox; further ones are closed at once."""
    stream_idle: float = 10.0
    """Seconds that a TCP connection may be silent (RFC 7766 section 6.2.3)."""
    patience: float = 1.0
    """Seconds until the next upstream is asked as well."""
    attempts: int = 4
    """How often upstreams are asked one question, all together."""
    demotion: float = 30.0
    """Seconds that an upstream which was silent comes after the others."""


class Budget:
    """A number of places, each counted in the budget *of* too; whoever takes one gives it back."""

    def __init__(self, places: int, of: Budget | None = None) -> None:
        self._free = places
        self._of = of

    def take(self) -> bool:
        """Whether there was a place; it is taken now."""
        if not self._free or (self._of is not None and not self._of.take()):
            return False
        self._free -= 1
        return True

    def give(self) -> None:
        """Give back a place that was taken."""
        self._free += 1
        if self._of is not None:
            self._of.give()
