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
    """The id of the sandbox or network; empty when it happened to many."""
    attributes: tuple[tuple[str, str], ...] = ()
    """Of two with one name, the later holds."""
    time: int = 0
    """Nanoseconds since the epoch; no two events of one daemon have the same."""

    @property
    def size(self) -> int:
        """How many characters its facts have."""
        return len(self.action) + sum(len(name) + len(value) for name, value in self.attributes)


def sandbox_event(action: str, sandbox: Sandbox, *more: tuple[str, str]) -> Event:
    """What happened to *sandbox*, with the attributes *more*.

    Its labels are attributes too. As for Docker they go before *more*, and its image and name before
    them; what stands for no image is left out.
    """
    image = (("image", sandbox.image),) if sandbox.image else ()
    return Event(
        type="container",
        action=action,
        actor=sandbox.id,
        attributes=(*more, *sandbox.labels, *image, ("name", sandbox.name)),
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


def prune_event(kind: str) -> Event:
    """All of a *kind* that nobody uses were removed, or there was none; no disk space is won by it."""
    return Event(type=kind, action="prune", actor="", attributes=(("reclaimed", "0"),))
