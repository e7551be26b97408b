"""What the client needs of a family: who decides, and what carries messages."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Protocol, TypeVar

from seaway.model.lease import L, LeaseClient
from seaway.plan.leasing import Draw, M, Send, Turn


class State(Protocol):
    """Where a client is."""

    @property
    def due(self) -> int | None:
        """When time is the next event; nanoseconds since the epoch, None: never."""
        ...


S = TypeVar("S", bound=State)

Dispose = Callable[[socket.socket], None]
"""Closes a socket when there is time for it."""


class Machine(Protocol[S, M, L]):
    """What one client does next: ``plan.dhcp4``, ``plan.dhcp6``."""

    def begin(self, known: L | None, now: int, draw: Draw) -> Turn[S, M, L]:
        """Ask for a lease, if possible for the one that is *known*."""
        ...

    def resume(self, lease: L | None, now: int) -> S:
        """Where a client is that has *lease*, and nothing under way."""
        ...

    def step(self, state: S, heard: M | None, now: int, draw: Draw) -> Turn[S, M, L]:
        """What comes of a message that was heard, or, with None, of the time that has come."""
        ...

    def excuse(self, state: S) -> str:
        """Why there is no lease yet."""
        ...

    def releasing(self, lease: L, draw: Draw) -> Send[M] | None:
        """What gives *lease* back; None: there is nothing to give back."""
        ...

    def declining(self, lease: L, draw: Draw) -> Send[M] | None:
        """What tells that somebody else has the address."""
        ...


class Wire(Protocol[M]):
    """The link of one client, as long as it listens there."""

    async def send(self, send: Send[M]) -> None:
        """Send a message; one that cannot go out is only logged, like one that was lost."""
        ...

    async def flush(self) -> None:
        """Wait until what was sent has left, but not for ever."""
        ...

    async def hear(self) -> M:
        """The next message of a server; what is none is passed over."""
        ...

    def close(self) -> None:
        """Listen no more."""
        ...


class Family(Protocol[S, M, L]):
    """DHCP for one family of addresses."""

    def machine(self, client: LeaseClient) -> Machine[S, M, L]:
        """Who decides for *client*."""
        ...

    async def open(self, client: LeaseClient, dispose: Dispose) -> Wire[M]:
        """Listen on the link of *client*; raises Unavailable."""
        ...


async def readable(sock: socket.socket) -> None:
    """Wait until *sock* has something to read."""
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    loop.add_reader(sock, _set, ready)
    try:
        await ready
    finally:
        loop.remove_reader(sock)


def _set(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
