"""The use cases, side by side: what the API and the doors call."""

from __future__ import annotations

from dataclasses import dataclass

from seaway.engine.endpoints import Endpoints
from seaway.engine.events import EventBus
from seaway.engine.networks import Networks
from seaway.engine.ports import Ports
from seaway.engine.sandboxes import Sandboxes


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """All verbs a user has."""

    networks: Networks
    endpoints: Endpoints
    sandboxes: Sandboxes
    ports: Ports
    events: EventBus
