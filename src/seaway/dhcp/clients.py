"""All clients of one family: ``contracts.Leases``."""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
from collections.abc import Awaitable, Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, Self

from seaway.contracts import Clock, Steps
from seaway.dhcp.clock import SteadyClock
from seaway.dhcp.family import Family, Machine, S, Wire
from seaway.model.errors import AddressTaken, EngineError, Unavailable
from seaway.model.lease import L, LeaseClient
from seaway.plan.leasing import SECOND, Draw, M, Send, Turn

log = logging.getLogger(__name__)

_LONGEST_SLEEP = 300.0
"""Seconds: the loop's timers stand still while the host is suspended, and leases run on."""
DECLINED = 10.0
"""Seconds from an address that somebody else has to the question for another (RFC 2131, section 3.1).

Of several in a row each waits twice as long: where one machine answers for all addresses, a client
that went on asking would use up what the server has.
"""
_MOST_DECLINED = 10
"""Doublings, more or less three hours."""
_REPAIR = 60.0
"""Seconds until a client goes on that broke by an error of ours."""
_CHANCE = secrets.SystemRandom()


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long servers are listened to, in seconds."""

    acquire: float = 15.0
    """Until somebody who waits for an address is told that there is none: three questions."""
    answer: float = 10.0
    """After a message about a lease that runs: no socket is open for the hours until the next."""


class _Kept(Generic[S, M, L]):
    """A client whose lease is kept."""

    def __init__(
        self,
        client: LeaseClient,
        machine: Machine[S, M, L],
        state: S,
        changed: Callable[[L | None], Awaitable[None]],
    ) -> None:
        self.client, self.machine, self.state, self.changed = client, machine, state, changed
        self.task: asyncio.Task[None] | None = None
        """Its conversation with servers, while there is one."""
        self.not_before = 0
        """When it may go on after something broke, or was declined; nanoseconds since the epoch."""
        self.declined = 0
        """How many leases in a row were somebody else's."""

    @property
    def due(self) -> int | None:
        """When it has something to do; None: never, or it is at it."""
        due = self.state.due
        return None if due is None or self.task is not None else max(due, self.not_before)


class LeaseClients(Generic[S, M, L]):
    """The clients of one family, on the loop that enters the context; leaving it sends nothing.

    One timer is set for the next of them that has something to do; until then there is nothing else.
    """

    def __init__(
        self,
        family: Family[S, M, L],
        steps: Steps,
        *,
        clock: Clock | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._family, self._steps = family, steps
        self._clock: Clock = clock or SteadyClock()
        self._patience = patience or Patience()
        self._kept: dict[str, _Kept[S, M, L]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._tasks = asyncio.TaskGroup()

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for kept in tuple(self._kept.values()):
            await self.stop(kept.client)
        await self._tasks.__aexit__(None, None, None)

    async def acquire(self, client: LeaseClient, known: L | None = None) -> L:
        """A lease for *client*, as the contract says; raises Unavailable."""
        self._steps.reach("leases.acquire")
        machine = self._family.machine(client)
        wire = await self._family.open(client, self._dispose)
        turn = machine.begin(known, self._clock.now(), _draw())
        with closing(wire), suppress(TimeoutError):
            async with asyncio.timeout(self._patience.acquire):
                while turn.granted is None:
                    turn = await self._next(client, machine, turn, wire)
                return turn.granted
        if known is not None and known.is_valid(self._clock.now()):
            text = "the lease from before is used, unconfirmed"
            log.warning(text, extra=_facts(client, machine.excuse(turn.state)))
            return known
        raise Unavailable(
            f"{client.said} got no address in {self._patience.acquire:g} seconds: "
            f"{machine.excuse(turn.state)}"
        )

    async def _next(
        self,
        client: LeaseClient,
        machine: Machine[S, M, L],
        turn: Turn[S, M, L],
        wire: Wire[M],
    ) -> Turn[S, M, L]:
        """Carry out *turn*, and give the one that comes of what happens then."""
        for send in turn.sends:
            await wire.send(send)
        heard = await self._hear(wire, turn.state.due)
        return self._step(client, machine, turn.state, heard)

    async def _hear(self, wire: Wire[M], until: int | None) -> M | None:
        """The next message that is heard, if one is before the moment *until*."""
        seconds = None if until is None else max(0, until - self._clock.now()) / SECOND
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                return await wire.hear()
        return None

    def _step(
        self, client: LeaseClient, machine: Machine[S, M, L], state: S, heard: M | None
    ) -> Turn[S, M, L]:
        now = self._clock.now()
        if heard is None:  # timers may be early by a little
            now = max(now, state.due or now)
        turn = machine.step(state, heard, now, _draw())
        for note in turn.notes:
            log.warning("a DHCP server said what is not believed", extra=_facts(client, note))
        return turn

    def keep(
        self, client: LeaseClient, lease: L | None, changed: Callable[[L | None], Awaitable[None]]
    ) -> None:
        """Prolong *lease* from now on, as the contract says."""
        assert client.id not in self._kept, "its lease is kept already"
        machine = self._family.machine(client)
        state = machine.resume(lease, self._clock.now())
        self._kept[client.id] = _Kept(client, machine, state, changed)
        self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        moments = (kept.due for kept in self._kept.values())
        due = min((moment for moment in moments if moment is not None), default=None)
        if due is not None:
            seconds = max(0, due - self._clock.now()) / SECOND
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(min(seconds, _LONGEST_SLEEP), self._wake)

    def _wake(self) -> None:
        """Let each client go on whose time has come."""
        now = self._clock.now()
        for kept in self._kept.values():
            if kept.due is not None and kept.due <= now:
                kept.task = self._tasks.create_task(self._talk(kept))
        self._set_timer()

    async def _talk(self, kept: _Kept[S, M, L]) -> None:
        """Do what is due for *kept*, until it is granted a lease or servers are silent."""
        try:
            turn = self._step(kept.client, kept.machine, kept.state, None)
            await self._tell(kept, turn)
            if not self._is_kept(kept):
                return
            with closing(await self._family.open(kept.client, self._dispose)) as wire:
                while self._is_kept(kept) and turn.granted is None:
                    for send in turn.sends:
                        await wire.send(send)
                    heard = await self._hear(wire, self._soon(turn.state.due))
                    if heard is None and not self._is_due(turn.state):
                        break
                    turn = self._step(kept.client, kept.machine, turn.state, heard)
                    if not await self._tell(kept, turn) and turn.granted is not None:
                        await self._turn_down(kept, turn.granted, wire)
        except EngineError as error:
            log.warning("a lease could not be prolonged", extra=_facts(kept.client, str(error)))
        except Exception:  # one client never ends the others
            log.exception("a DHCP client broke", extra=_facts(kept.client))
            kept.not_before = self._clock.now() + round(_REPAIR * SECOND)
        finally:
            kept.task = None
            self._set_timer()

    def _soon(self, due: int | None) -> int:
        """The moment *due*, if that is soon enough to listen on until then."""
        soon = self._clock.now() + round(self._patience.answer * SECOND)
        return soon if due is None else min(due, soon)

    def _is_due(self, state: S) -> bool:
        return state.due is not None and state.due <= self._clock.now()

    def _is_kept(self, kept: _Kept[S, M, L]) -> bool:
        return self._kept.get(kept.client.id) is kept

    async def _tell(self, kept: _Kept[S, M, L], turn: Turn[S, M, L]) -> bool:
        """Take *turn* over, and say what changed by it; whether that may be used."""
        kept.state = turn.state
        if turn.lost:
            log.warning("a lease is lost", extra=_facts(kept.client, turn.lost))
        if not turn.lost and turn.granted is None:
            return True
        return await self._take_over(kept, turn.granted)

    async def _take_over(self, kept: _Kept[S, M, L], lease: L | None) -> bool:
        """Say that *lease* is what there is now; whether it may be used."""
        try:
            await kept.changed(lease)
        except AddressTaken as taken:
            log.warning("a lent address is declined", extra=_facts(kept.client, str(taken)))
            return False
        except Exception:
            log.exception("a changed lease was not taken over", extra=_facts(kept.client))
        if lease is not None:
            kept.declined = 0
        return True

    async def _turn_down(self, kept: _Kept[S, M, L], lease: L, wire: Wire[M]) -> None:
        """Tell the server that somebody else has an address of *lease*, and begin anew after a while.

        Others that it had of the same server go with it.
        """
        now = self._clock.now()
        if (send := kept.machine.declining(lease, _draw())) is not None:
            await wire.send(send)
            await wire.flush()
        kept.state = kept.machine.resume(None, now)
        kept.not_before = now + round(DECLINED * 2**kept.declined * SECOND)
        kept.declined = min(kept.declined + 1, _MOST_DECLINED)
        await self._take_over(kept, None)

    async def release(self, client: LeaseClient, lease: L) -> None:
        """Stop, and give *lease* back."""
        self._steps.reach("leases.release")
        await self.stop(client)
        await self._say(client, self._family.machine(client).releasing(lease, _draw()))

    async def decline(self, client: LeaseClient, lease: L) -> None:
        """Stop, and tell the server that somebody else has the address."""
        self._steps.reach("leases.decline")
        await self.stop(client)
        await self._say(client, self._family.machine(client).declining(lease, _draw()))

    async def _say(self, client: LeaseClient, send: Send[M] | None) -> None:
        """Send one message to which nobody answers; a link that is gone tells nobody."""
        if send is None:
            return
        try:
            wire = await self._family.open(client, self._dispose)
        except EngineError as error:
            log.warning("a DHCP server was not told", extra=_facts(client, str(error)))
            return
        with closing(wire):
            await wire.send(send)
            await wire.flush()

    async def stop(self, client: LeaseClient) -> None:
        """Do no more for *client*; a socket of it may still be in the middle of its closing."""
        kept = self._kept.pop(client.id, None)
        if kept is not None and kept.task is not None and kept.task is not asyncio.current_task():
            kept.task.cancel()
            await asyncio.wait([kept.task])
        self._set_timer()

    def _dispose(self, sock: socket.socket) -> None:
        """Close *sock* aside: for a packet socket Linux waits 8 to 16 ms (``packet_release()``)."""
        self._tasks.create_task(asyncio.to_thread(sock.close))


def _facts(client: LeaseClient, reason: str = "") -> dict[str, str]:
    facts = {"network": client.network, "interface": client.said}
    return {**facts, "reason": reason} if reason else facts


def _draw() -> Draw:
    return Draw(xid=secrets.randbits(32), jitter=_CHANCE.uniform(-1, 1))
