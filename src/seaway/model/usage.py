"""What sandboxes use of the host, as it is at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What an interface has carried since it was made, as its own namespace counts it."""

    rx_bytes: int = 0
    rx_packets: int = 0
    rx_errors: int = 0
    rx_dropped: int = 0
    tx_bytes: int = 0
    tx_packets: int = 0
    tx_errors: int = 0
    tx_dropped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What the processes of a sandbox use, and the host's time to compare it with."""

    cpu: int = 0
    """Nanoseconds of all processors."""
    cpu_user: int = 0
    cpu_kernel: int = 0
    host_cpu: int = 0
    """Nanoseconds of all the host's processors, idle ones too, since it was started."""
    processors: int = 1
    memory: int = 0
    """Bytes, with what could be given back at any time."""
    memory_limit: int = 0
    """Bytes; the host's memory where there is no limit."""
    memory_parts: Mapping[str, int] = field(default_factory=dict[str, int])
    """Bytes and counts, as the kernel's memory.stat calls them."""
    tasks: int = 0
    """Processes and threads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Processes:
    """A table of processes."""

    titles: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
