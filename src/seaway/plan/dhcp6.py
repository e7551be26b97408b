"""What a DHCPv6 client does next: a function of what it did, what it heard, and the time.

Source: RFC 8415 section 18.2, with the waits of section 15 and the numbers of section 7.6.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import IPv6Address, IPv6Interface
from typing import assert_never

from seaway.model.dhcp6 import (
    AddressSet,
    Kind6,
    Message6,
    OfferedAddress,
    Option6,
    Outcome,
    Status,
)
from seaway.model.ids import shown
from seaway.model.lease import Lease6, LeaseClient, LeasedAddress
from seaway.plan.leasing import (
    FOR_EVER,
    SECOND,
    Draw,
    Send,
    Turn,
    is_host,
    moment,
    told_name,
    usable,
    usable_names,
)

_WANTED = (Option6.DNS, Option6.SEARCH)
_BEST_PREFERENCE = 255
_MAX_ELAPSED = 0xFFFF
_XID = 0xFFFFFF
_REQUESTS = 4
"""How often an offer is asked for before it is given up."""
_T1, _T2 = 0.5, 0.8
"""Parts of the shortest preferred lifetime, where the server leaves it to us (section 21.4)."""
_REFRESH, _LEAST_REFRESH = 86400, 600
"""Seconds until one without addresses asks again (section 21.23)."""
_MOST_ADDRESSES = 8
"""A client takes no more of one server."""
_SPREAD = 0.1
_DOUBLINGS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing6:
    """How patient the client is, in seconds: each first wait doubles up to the longest.

    The defaults are those of RFC 8415, but for the longest wait without a lease, which is that of its
    predecessor: a server that comes late is not noticed an hour later.
    """

    first: float = 1.0
    longest: float = 120.0
    longest_request: float = 30.0
    first_renewal: float = 10.0
    longest_renewal: float = 600.0
    shortest_lease: int = 10
    """A shorter lifetime is refused: it would keep server, client and store busy with nothing else."""
    shortest_renewal: float = 5.0
    """The soonest T1 that is believed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Idle:
    """Before the first message. *due*, in each state: when time itself is the next event."""

    due: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Advertised:
    """What a server would lend."""

    offer: Lease6
    preference: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Soliciting:
    """Servers were asked who lends addresses; in the first wait the best answer is looked for."""

    xid: int
    begun: int
    due: int
    sent: int
    """How often they were asked."""
    wanted: tuple[IPv6Address, ...]
    best: Advertised | None = None
    fault: str = ""
    """Why the last answer did not do, if there was any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requesting:
    """One server's addresses were asked for."""

    offer: Lease6
    xid: int
    begun: int
    due: int
    sent: int
    solicits: int
    """How often servers were asked before, since which the waits have grown."""
    held: bool = False
    """Whether the addresses are in use: the server has only forgotten them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Informing:
    """Servers were asked for all but addresses."""

    xid: int
    begun: int
    due: int
    sent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """It has what it asked for, and nothing to do until T1."""

    lease: Lease6

    @property
    def due(self) -> int | None:
        """T1; None: never."""
        return self.lease.renew_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewing:
    """After T1: the server that lent the addresses was asked to prolong."""

    lease: Lease6
    xid: int
    begun: int
    due: int
    sent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebinding:
    """After T2: all servers were asked to prolong."""

    lease: Lease6
    xid: int
    begun: int
    due: int
    sent: int


State6 = Idle | Soliciting | Requesting | Informing | Bound | Renewing | Rebinding
Turn6 = Turn[State6, Message6, Lease6]


class Refused(ValueError):
    """What a server offered or granted, and no lease can be made of."""

    def __init__(self, reason: str, code: int = Status.SUCCESS) -> None:
        super().__init__(reason)
        self.code = code
        """What the server itself said of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine6:
    """One client's part in the protocol."""

    client: LeaseClient
    timing: Timing6 = Timing6()

    def begin(self, known: Lease6 | None, now: int, draw: Draw) -> Turn6:
        """Ask for a lease, if possible with the addresses that are *known*.

        Whoever asks for them gets them of a server that remembers, so they need no message of their own
        (CONFIRM). Without the delay of section 18.2.1: somebody waits.
        """
        if self.client.stateless:
            return self._inform(
                Informing(xid=draw.xid & _XID, begun=now, due=now, sent=0), now, draw
            )
        return self._solicit(() if known is None else _addresses(known), now, draw)

    def resume(self, lease: Lease6 | None, now: int) -> State6:
        """Where a client is that has *lease*, and nothing under way; None: it has none."""
        return Idle(due=now) if lease is None else Bound(lease=lease)

    def step(self, state: State6, heard: Message6 | None, now: int, draw: Draw) -> Turn6:
        """What comes of a message that was *heard*, or, with None, of the time that has come."""
        if heard is not None and not self._is_ours(state, heard):
            return Turn(state=state)
        match state:
            case Idle():
                return Turn(state=state) if heard else self.begin(None, now, draw)
            case Soliciting():
                return self._soliciting(state, heard, now, draw)
            case Requesting():
                return self._requesting(state, heard, now, draw)
            case Informing():
                return self._informed(heard, now) if heard else self._inform(state, now, draw)
            case Bound():
                return Turn(state=state) if heard else self._prolong(state.lease, None, now, draw)
            case Renewing() | Rebinding():
                return self._prolonging(state, heard, now, draw)
            case _:
                assert_never(state)

    def excuse(self, state: State6) -> str:
        """Why there is no lease yet, as part of a sentence."""
        match state:
            case Soliciting(fault=fault) if fault:
                return fault
            case Requesting():
                return "a DHCPv6 server offered addresses and said no more"
            case _:
                return "no DHCPv6 server answered"

    def releasing(self, lease: Lease6, draw: Draw) -> Send[Message6] | None:
        """What gives *lease* back (section 18.2.7); None where nothing was lent."""
        return self._returning(Kind6.RELEASE, lease, draw)

    def declining(self, lease: Lease6, draw: Draw) -> Send[Message6] | None:
        """What tells the server that somebody else has the addresses (section 18.2.8)."""
        return self._returning(Kind6.DECLINE, lease, draw)

    def _returning(self, kind: Kind6, lease: Lease6, draw: Draw) -> Send[Message6] | None:
        if not lease.addresses:
            return None
        message = Message6(
            kind=kind,
            xid=draw.xid & _XID,
            client=self.client.duid,
            server=bytes.fromhex(lease.server),
            elapsed=0,
            sets=(self._set(_addresses(lease)),),
        )
        return Send(message=message)

    def _is_ours(self, state: State6, heard: Message6) -> bool:
        match state:
            case Idle() | Bound():
                return False
            case _:
                return (
                    heard.kind.is_reply
                    and heard.xid == state.xid
                    and heard.client == self.client.duid
                    and bool(heard.server)
                )

    def _solicit(self, wanted: tuple[IPv6Address, ...], now: int, draw: Draw) -> Turn6:
        """The first wait is never shorter than it is, since answers are compared in it (18.2.1)."""
        due = self._after(1, now, replace(draw, jitter=abs(draw.jitter)))
        state = Soliciting(xid=draw.xid & _XID, begun=now, due=due, sent=1, wanted=wanted)
        return Turn(state=state, sends=(self._solicitation(state, now),))

    def _soliciting(self, state: Soliciting, heard: Message6 | None, now: int, draw: Draw) -> Turn6:
        if heard is None and state.best is not None:
            return self._request(state.best.offer, state, now, draw)
        if heard is None:
            due = self._after(state.sent + 1, now, draw)
            state = replace(state, due=due, sent=state.sent + 1)
            return Turn(state=state, sends=(self._solicitation(state, now),))
        committed = heard.kind is Kind6.REPLY and heard.rapid_commit
        if heard.kind is not Kind6.ADVERTISE and not committed:
            return Turn(state=state)
        notes = list(heard.faults)
        try:
            offer = self._lease(heard, now, draw, notes)
        except Refused as refusal:
            return Turn(state=replace(state, fault=str(refusal)), notes=(*notes, str(refusal)))
        if committed:
            return Turn(state=Bound(lease=offer), granted=offer, notes=tuple(notes))
        if heard.preference == _BEST_PREFERENCE or state.sent > 1:
            return replace(self._request(offer, state, now, draw), notes=tuple(notes))
        if state.best is None or heard.preference > state.best.preference:
            best = Advertised(offer=offer, preference=heard.preference)
            state = replace(state, best=best)
        return Turn(state=state, notes=tuple(notes))

    def _request(self, offer: Lease6, state: Soliciting, now: int, draw: Draw) -> Turn6:
        asking = Requesting(
            offer=offer,
            xid=draw.xid & _XID,
            begun=now,
            due=self._after(1, now, draw),
            sent=1,
            solicits=state.sent,
        )
        return Turn(state=asking, sends=(self._asking(asking, now),))

    def _requesting(self, state: Requesting, heard: Message6 | None, now: int, draw: Draw) -> Turn6:
        lost = _lost(state.offer) if state.held else ""
        if heard is None and state.sent < _REQUESTS:
            due = self._after(state.sent + 1, now, draw, longest=self.timing.longest_request)
            state = replace(state, sent=state.sent + 1, due=due)
            return Turn(state=state, sends=(self._asking(state, now),))
        if heard is None:
            return replace(self._solicit((), now, draw), lost=lost)
        if heard.kind is not Kind6.REPLY or heard.server.hex() != state.offer.server:
            return Turn(state=state)
        notes = list(heard.faults)
        try:
            lease = self._lease(heard, now, draw, notes)
        except Refused as refusal:
            back = Soliciting(
                xid=draw.xid & _XID,
                begun=now,
                due=self._after(state.solicits, now, draw),
                sent=state.solicits,
                wanted=(),
                fault=str(refusal),
            )
            return Turn(state=back, lost=lost, notes=(*notes, str(refusal)))
        return Turn(state=Bound(lease=lease), granted=lease, notes=tuple(notes))

    def _inform(self, state: Informing, now: int, draw: Draw) -> Turn6:
        sent = state.sent + 1
        state = replace(state, sent=sent, due=self._after(sent, now, draw))
        message = self._message(Kind6.INFORMATION_REQUEST, state.xid, state.begun, now)
        message = replace(message, wanted=(*_WANTED, Option6.REFRESH_TIME))
        return Turn(state=state, sends=(Send(message=message),))

    def _informed(self, heard: Message6, now: int) -> Turn6:
        notes = list(heard.faults)
        refresh = _REFRESH if heard.refresh_time is None else heard.refresh_time
        lease = Lease6(
            server=heard.server.hex(),
            obtained=now,
            renew_at=moment(now, max(refresh, _LEAST_REFRESH)),
            rebind_at=None,
            dns=usable(heard.dns, "name server", notes),
            search=usable_names(heard.search, notes),
        )
        return Turn(state=Bound(lease=lease), granted=lease, notes=tuple(notes))

    def _prolong(
        self, lease: Lease6, before: Renewing | Rebinding | None, now: int, draw: Draw
    ) -> Turn6:
        """Ask for more of *lease*, once more after *before*: its own server, then all, then for another."""
        if not lease.addresses:
            return self.begin(lease, now, draw)
        if not lease.is_valid(now):
            return replace(self._solicit(_addresses(lease), now, draw), lost=_lost(lease))
        rebinds = lease.rebind_at is not None and now >= lease.rebind_at
        kind = Rebinding if rebinds else Renewing
        state = before if isinstance(before, kind) else None
        if state is None:
            state = kind(lease=lease, xid=draw.xid & _XID, begun=now, due=now, sent=0)
        due = self._after(
            state.sent + 1,
            now,
            draw,
            first=self.timing.first_renewal,
            longest=self.timing.longest_renewal,
        )
        end = lease.expires_at if rebinds else lease.rebind_at
        state = replace(state, sent=state.sent + 1, due=due if end is None else min(due, end))
        return Turn(state=state, sends=(self._renewal(state, now),))

    def _renewal(self, state: Renewing | Rebinding, now: int) -> Send[Message6]:
        kind = Kind6.RENEW if isinstance(state, Renewing) else Kind6.REBIND
        message = self._message(kind, state.xid, state.begun, now)
        server = bytes.fromhex(state.lease.server) if kind is Kind6.RENEW else b""
        sets = (self._set(_addresses(state.lease)),)
        return Send(message=replace(message, server=server, sets=sets))

    def _prolonging(
        self, state: Renewing | Rebinding, heard: Message6 | None, now: int, draw: Draw
    ) -> Turn6:
        lease = state.lease
        if heard is None:
            return self._prolong(lease, state, now, draw)
        own = heard.server.hex() == lease.server
        if heard.kind is not Kind6.REPLY or not (own or isinstance(state, Rebinding)):
            return Turn(state=state)
        notes = list(heard.faults)
        try:
            renewed = self._lease(heard, now, draw, notes)
        except Refused as refusal:
            notes.append(str(refusal))
            return replace(self._refused(state, heard, refusal, now, draw), notes=tuple(notes))
        return Turn(state=Bound(lease=renewed), granted=renewed, notes=tuple(notes))

    def _refused(
        self,
        state: Renewing | Rebinding,
        heard: Message6,
        refusal: Refused,
        now: int,
        draw: Draw,
    ) -> Turn6:
        """A server that forgot what it lent is asked for the same again (section 18.2.10.1)."""
        match refusal.code:
            case Status.NO_BINDING:
                asking = Requesting(
                    offer=replace(state.lease, server=heard.server.hex()),
                    xid=draw.xid & _XID,
                    begun=now,
                    due=self._after(1, now, draw),
                    sent=1,
                    solicits=1,
                    held=True,
                )
                return Turn(state=asking, sends=(self._asking(asking, now),))
            case Status.NOT_ON_LINK:
                return replace(self._solicit((), now, draw), lost=_lost(state.lease))
            case _:
                return Turn(state=state)

    def _lease(self, heard: Message6, now: int, draw: Draw, notes: list[str]) -> Lease6:
        """The lease in an answer; raises Refused, and adds to *notes* what is left out."""
        _refuse_failure(heard.outcome)
        found = next((each for each in heard.sets if each.iaid == self.client.iaid), None)
        if found is None:
            raise Refused("a DHCPv6 server answered without addresses")
        _refuse_failure(found.outcome)
        offered = [a for a in found.addresses if self._is_good(a, notes)][:_MOST_ADDRESSES]
        if not offered and any(not a.valid for a in found.addresses):
            raise Refused("a DHCPv6 server takes its addresses back", Status.NOT_ON_LINK)
        if not offered:
            raise Refused("a DHCPv6 server answered without an address that a host can have")
        t1, t2 = self._times(found, offered, draw, notes)
        return Lease6(
            server=heard.server.hex(),
            obtained=now,
            renew_at=moment(now, t1),
            rebind_at=moment(now, t2),
            addresses=tuple(
                LeasedAddress(
                    address=IPv6Interface(a.address),
                    preferred_until=moment(now, a.preferred),
                    valid_until=moment(now, a.valid),
                )
                for a in offered
            ),
            dns=usable(heard.dns, "name server", notes),
            search=usable_names(heard.search, notes),
        )

    def _is_good(self, offered: OfferedAddress, notes: list[str]) -> bool:
        """Whether an address can be used; one without a lifetime is what the server takes back."""
        address = offered.address
        if not offered.valid or offered.outcome.code != Status.SUCCESS:
            return False
        if not is_host(address) or address.is_link_local:
            notes.append(f"address {address} is left out: no server can lend that")
            return False
        if offered.preferred > offered.valid or offered.valid < self.timing.shortest_lease:
            lifetimes = f"{offered.preferred} s preferred and {offered.valid} s valid"
            notes.append(f"address {address} is left out: it would be {lifetimes}")
            return False
        return True

    def _times(
        self, found: AddressSet, offered: list[OfferedAddress], draw: Draw, notes: list[str]
    ) -> tuple[float, float]:
        """T1 and T2, in seconds; those that the server says, if they can be."""
        shortest = min(a.preferred or a.valid for a in offered)
        if found.t1 and found.t2:
            least = min(self.timing.shortest_renewal, shortest * _T1)
            if least <= found.t1 <= found.t2 <= max(a.valid for a in offered):
                return found.t1, found.t2
            text = f"T1 of {found.t1} s and T2 of {found.t2} s do not fit a lease of {shortest} s"
            notes.append(text)
        if shortest == FOR_EVER:
            return FOR_EVER, FOR_EVER
        spread = 1 + _SPREAD * draw.jitter
        return shortest * _T1 * spread, shortest * _T2 * spread

    def _after(
        self,
        sent: int,
        now: int,
        draw: Draw,
        *,
        first: float | None = None,
        longest: float | None = None,
    ) -> int:
        """When a message that was sent so often is repeated (section 15)."""
        wait = (first or self.timing.first) * (1 << min(sent - 1, _DOUBLINGS))
        wait = min(wait, longest or self.timing.longest)
        return now + round(wait * (1 + _SPREAD * draw.jitter) * SECOND)

    def _solicitation(self, state: Soliciting, now: int) -> Send[Message6]:
        message = self._message(Kind6.SOLICIT, state.xid, state.begun, now)
        return Send(message=replace(message, rapid_commit=True, sets=(self._set(state.wanted),)))

    def _asking(self, state: Requesting, now: int) -> Send[Message6]:
        message = self._message(Kind6.REQUEST, state.xid, state.begun, now)
        server = bytes.fromhex(state.offer.server)
        return Send(
            message=replace(message, server=server, sets=(self._set(_addresses(state.offer)),))
        )

    def _message(self, kind: Kind6, xid: int, begun: int, now: int) -> Message6:
        return Message6(
            kind=kind,
            xid=xid,
            client=self.client.duid,
            elapsed=min(max(now - begun, 0) * 100 // SECOND, _MAX_ELAPSED),
            wanted=_WANTED,
            name="" if kind is Kind6.INFORMATION_REQUEST else told_name(self.client.hostname),
        )

    def _set(self, addresses: tuple[IPv6Address, ...]) -> AddressSet:
        offered = tuple(OfferedAddress(address=address) for address in addresses)
        return AddressSet(iaid=self.client.iaid, addresses=offered)


def _refuse_failure(outcome: Outcome) -> None:
    """Raise Refused for an *outcome* that is no success."""
    if outcome.code != Status.SUCCESS:
        known = outcome.code in set(Status)
        word = Status(outcome.code).name.lower() if known else f"status {outcome.code}"
        reason = f"a DHCPv6 server lends no address: {word.replace('_', ' ')}"
        text = f" ({shown(outcome.text)})" if outcome.text else ""
        raise Refused(reason + text, outcome.code)


def _addresses(lease: Lease6) -> tuple[IPv6Address, ...]:
    return tuple(leased.address.ip for leased in lease.addresses)


def _lost(lease: Lease6) -> str:
    return f"the lease of {', '.join(map(str, _addresses(lease)))} was not prolonged"
