"""What happened, for those who watch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened, in the words of Docker's event stream."""

    type: str
    """``container`` or ``network``."""
    action: str
    """``create``, ``start``, ``connect``, ``die``, …"""
    actor: str
    """The id of the sandbox or network."""
    attributes: tuple[tuple[str, str], ...] = ()
    time: int = 0
    """Nanoseconds since the epoch."""
