"""What happened, for those who watch."""

from __future__ import annotations

from dataclasses import dataclass

from seaway.model.network import Network
from seaway.model.sandbox import Sandbox


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


def sandbox_event(action: str, sandbox: Sandbox, *more: tuple[str, str]) -> Event:
    """What happened to *sandbox*, with the attributes *more*; its labels are attributes too."""
    return Event(
        type="container",
        action=action,
        actor=sandbox.id,
        attributes=(("image", sandbox.image), ("name", sandbox.name), *more, *sandbox.labels),
    )


def network_event(action: str, network: Network, sandbox: Sandbox | None = None) -> Event:
    """What happened to *network*, or to *sandbox* on it."""
    container = (("container", sandbox.id),) if sandbox is not None else ()
    return Event(
        type="network",
        action=action,
        actor=network.id,
        attributes=(*container, ("name", network.name), ("type", network.driver)),
    )
