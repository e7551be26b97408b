"""What is known of an address that nobody has at the moment."""

from __future__ import annotations

from dataclasses import dataclass

from seaway.model.ids import Address, SandboxName


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """An address of a network that goes only to the sandbox of one name, there or not."""

    address: Address
    name: SandboxName
    since: int
    """Nanoseconds since the epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LastHolder:
    """Who had a free address last; an empty *name*: nobody remembers."""

    name: str = ""
    """What its sandbox was called last."""
    mac: str = ""
    """The MAC address that it had there."""
    until: int = 0
    """Nanoseconds since the epoch; 0: not known."""
