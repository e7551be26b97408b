"""What the API stands on, joined by the daemon."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from seaway.config import Setting
from seaway.contracts import Clock, Kernel, Runtime, Store
from seaway.engine.engine import Engine
from seaway.plan.netns import NetnsPaths


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonFacts:
    """What the daemon says of itself."""

    version: str
    started: int
    """Nanoseconds since the epoch."""
    socket: str
    """As clients give it: ``unix:///run/seaway/seaway.sock``."""
    run_dir: Path
    data_dir: Path
    settings: Sequence[Setting] = ()


async def _nothing() -> Sequence[str]:
    return ()


def _no_notices() -> Sequence[str]:
    return ()


def _go_on() -> None:
    """Nobody asked to end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """All that handlers use."""

    engine: Engine
    store: Store
    kernel: Kernel
    runtime: Runtime
    clock: Clock
    paths: NetnsPaths
    facts: DaemonFacts
    purge: Callable[[], Awaitable[Sequence[str]]] = field(default=_nothing)
    """Takes every trace off the host; says what."""
    end: Callable[[], None] = field(default=_go_on)
    """Ends the daemon."""
    notices: Callable[[], Sequence[str]] = field(default=_no_notices)
    """What the daemon warns of, beside what the engine does: how it is reached."""
