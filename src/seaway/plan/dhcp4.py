"""What a DHCPv4 client does next: a function of what it did, what it heard, and the time.

Sources: RFC 2131 sections 3, 4.1 and 4.4; figure 5 there is the picture of these states.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import assert_never

from seaway.model.dhcp4 import Kind4, Message4, Option4
from seaway.model.ids import shown
from seaway.model.lease import Lease4, LeaseClient, LeasedRoute
from seaway.model.options import MAX_MTU
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

_WANTED = (
    Option4.SUBNET_MASK,
    Option4.ROUTES,  # before ROUTERS, or some servers leave it out (RFC 3442)
    Option4.ROUTERS,
    Option4.DNS,
    Option4.DOMAIN_NAME,
    Option4.SEARCH,
    Option4.MTU,
    Option4.RENEWAL_TIME,
    Option4.REBINDING_TIME,
)
_MAX_SIZE = 1472
"""Bytes of a message that we can take: what an Ethernet frame carries of UDP."""
_LEAST_MTU = 576
"""Bytes; every host takes such packets (RFC 791 section 3.1), and less only slows it down."""
_MAX_SECS = 0xFFFF
_REQUESTS = 3
"""How often an offer is asked for before it is given up."""
_DOUBLINGS = 16
"""More make no difference, and in the end no number."""
_T1, _T2 = 0.5, 0.875
"""Parts of the lease time, where the server does not say (RFC 2131 section 4.4.5)."""
_SPREAD = 0.05
_EVERYWHERE = IPv4Network("0.0.0.0/0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing4:
    """How patient the client is, in seconds; the defaults are those of RFC 2131."""

    first: float = 4.0
    """From the first message to its repetition, more or less a quarter; then twice that, and so on."""
    longest: float = 64.0
    """From one repetition to the next, at most."""
    between_renewals: float = 60.0
    """From one request to prolong a lease to the next, at least (section 4.4.5)."""
    shortest_lease: int = 10
    """A shorter lease is refused: it would keep server, client and store busy with nothing else."""
    shortest_renewal: float = 5.0
    """The soonest T1 that is believed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Idle:
    """INIT, before the first message. *due*, in each state: when time itself is the next event."""

    due: int
    wanted: IPv4Address | None = None
    """The address that it had before, and would like to have again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selecting:
    """Servers were asked who lends an address; the first good offer is taken."""

    xid: int
    begun: int
    due: int
    sent: int
    """How often they were asked."""
    wanted: IPv4Address | None
    fault: str = ""
    """Why the last answer did not do, if there was any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requesting:
    """One server's offer was asked for."""

    offer: Lease4
    xid: int
    begun: int
    asked: int
    due: int
    sent: int
    discovers: int
    """How often servers were asked before, since which the waits have grown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebooting:
    """Servers were asked whether a lease from before holds (INIT-REBOOT and REBOOTING)."""

    lease: Lease4
    xid: int
    begun: int
    due: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """It has a lease, and nothing to do until T1."""

    lease: Lease4

    @property
    def due(self) -> int | None:
        """T1; None: never."""
        return self.lease.renew_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewing:
    """After T1: the server that lent the address was asked to prolong."""

    lease: Lease4
    xid: int
    asked: int
    due: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebinding:
    """After T2: all servers were asked to prolong."""

    lease: Lease4
    xid: int
    asked: int
    due: int


State4 = Idle | Selecting | Requesting | Rebooting | Bound | Renewing | Rebinding
Turn4 = Turn[State4, Message4, Lease4]


class Refused(ValueError):
    """An offer, or what a server granted, that no lease can be made of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine4:
    """One client's part in the protocol."""

    client: LeaseClient
    timing: Timing4 = Timing4()

    def begin(self, known: Lease4 | None, now: int, draw: Draw) -> Turn4:
        """Ask for a lease; for the one that is *known* from before, if it still runs.

        Without the delay of section 4.4.1: somebody waits, and repetitions spread by themselves.
        """
        if known is None or not known.is_valid(now):
            return self._select(None if known is None else known.address.ip, now, draw)
        request = self._request(draw.xid, requested=known.address.ip)
        due = self._after(1, now, draw)
        state = Rebooting(lease=known, xid=draw.xid, begun=now, due=due)
        return Turn(state=state, sends=(Send(message=request),))

    def resume(self, lease: Lease4 | None, now: int) -> State4:
        """Where a client is that has *lease*, and nothing under way; None: it has none."""
        return Idle(due=now) if lease is None else Bound(lease=lease)

    def step(self, state: State4, heard: Message4 | None, now: int, draw: Draw) -> Turn4:
        """What comes of a message that was *heard*, or, with None, of the time that has come."""
        if heard is not None and not self._is_ours(state, heard):
            return Turn(state=state)
        match state:
            case Idle():
                return Turn(state=state) if heard else self._select(state.wanted, now, draw)
            case Selecting():
                return self._selecting(state, heard, now, draw)
            case Requesting():
                return self._requesting(state, heard, now, draw)
            case Rebooting():
                return self._rebooting(state, heard, now, draw)
            case Bound():
                return Turn(state=state) if heard else self._prolong(state.lease, now, draw)
            case Renewing() | Rebinding():
                return self._prolonging(state, heard, now, draw)
            case _:
                assert_never(state)

    def excuse(self, state: State4) -> str:
        """Why there is no lease yet, as part of a sentence."""
        match state:
            case Selecting(fault=fault) if fault:
                return fault
            case Requesting(offer=offer):
                return f"DHCP server {offer.server} offered {offer.address} and said no more"
            case _:
                return "no DHCP server answered"

    def releasing(self, lease: Lease4, draw: Draw) -> Send[Message4]:
        """What gives *lease* back (section 4.4.6); no server answers it."""
        message = self._message(Kind4.RELEASE, draw.xid)
        message = replace(message, ciaddr=lease.address.ip, server=lease.server)
        return Send(message=message, to=lease.server)

    def declining(self, lease: Lease4, draw: Draw) -> Send[Message4]:
        """What tells the server that somebody else has the address (section 3.1, point 5)."""
        message = self._message(Kind4.DECLINE, draw.xid)
        return Send(message=replace(message, requested=lease.address.ip, server=lease.server))

    def _is_ours(self, state: State4, heard: Message4) -> bool:
        match state:
            case Idle() | Bound():
                return False
            case _:
                nameless = heard.kind is Kind4.NAK and heard.server is None
                return heard.xid == state.xid and heard.mac == self.client.mac and not nameless

    def _select(self, wanted: IPv4Address | None, now: int, draw: Draw) -> Turn4:
        due = self._after(1, now, draw)
        state = Selecting(xid=draw.xid, begun=now, due=due, sent=1, wanted=wanted)
        return Turn(state=state, sends=(self._discover(state, now),))

    def _selecting(self, state: Selecting, heard: Message4 | None, now: int, draw: Draw) -> Turn4:
        if heard is None:
            due = self._after(state.sent + 1, now, draw)
            state = replace(state, due=due, sent=state.sent + 1)
            return Turn(state=state, sends=(self._discover(state, now),))
        if heard.kind is not Kind4.OFFER:
            return Turn(state=state)
        notes = list(heard.faults)
        try:
            offer = self._lease(heard, now, draw, notes)
        except Refused as refusal:
            state = replace(state, fault=f"an offer was refused: {refusal}")
            return Turn(state=state, notes=(*notes, str(refusal)))
        asking = Requesting(
            offer=offer,
            xid=state.xid,
            begun=state.begun,
            asked=now,
            due=self._after(1, now, draw),
            sent=1,
            discovers=state.sent,
        )
        return Turn(state=asking, sends=(self._request_offer(asking),), notes=tuple(notes))

    def _requesting(self, state: Requesting, heard: Message4 | None, now: int, draw: Draw) -> Turn4:
        if heard is None and state.sent < _REQUESTS:
            state = replace(state, sent=state.sent + 1, due=self._after(state.sent + 1, now, draw))
            return Turn(state=state, sends=(self._request_offer(state),))
        if heard is None:
            return self._select(None, now, draw)
        if heard.server != state.offer.server:
            return Turn(state=state)
        back = Selecting(
            xid=draw.xid,
            begun=state.begun,
            due=self._after(state.discovers, now, draw),
            sent=state.discovers,
            wanted=None,
        )
        match heard.kind:
            case Kind4.ACK:
                return self._granted(heard, state.asked, draw, back)
            case Kind4.NAK:
                fault = f"DHCP server {state.offer.server} offered {state.offer.address} and then refused it"
                return Turn(state=replace(back, fault=_with_reason(fault, heard)))
            case _:
                return Turn(state=state)

    def _rebooting(self, state: Rebooting, heard: Message4 | None, now: int, draw: Draw) -> Turn4:
        """A server that knows nothing of the lease is silent, so it is not asked twice."""
        address = state.lease.address.ip
        if heard is None:
            return self._select(address, now, draw)
        match heard.kind:
            case Kind4.ACK if heard.yiaddr == address:
                waiting = Idle(due=now, wanted=address)
                return self._granted(heard, state.begun, draw, waiting)
            case Kind4.NAK:
                note = _with_reason(f"a DHCP server does not lend {address} any more", heard)
                return replace(self._select(None, now, draw), notes=(note,))
            case _:
                return Turn(state=state)

    def _prolong(self, lease: Lease4, now: int, draw: Draw) -> Turn4:
        """Ask for more of *lease*: its own server, then all, and then for another."""
        least = self.timing.between_renewals
        if not lease.is_valid(now):
            lost = f"the lease of {lease.address} from {lease.server} was not prolonged"
            return replace(self._select(lease.address.ip, now, draw), lost=lost)
        request = self._request(draw.xid, ciaddr=lease.address.ip)
        if lease.rebind_at is not None and now >= lease.rebind_at:
            due = _halfway(now, lease.expires_at, least)
            everybody = Rebinding(lease=lease, xid=draw.xid, asked=now, due=due)
            return Turn(state=everybody, sends=(Send(message=request),))
        due = _halfway(now, lease.rebind_at, least)
        one = Renewing(lease=lease, xid=draw.xid, asked=now, due=due)
        return Turn(state=one, sends=(Send(message=request, to=lease.server),))

    def _prolonging(
        self, state: Renewing | Rebinding, heard: Message4 | None, now: int, draw: Draw
    ) -> Turn4:
        lease = state.lease
        if heard is None:
            return self._prolong(lease, now, draw)
        asked = isinstance(state, Rebinding) or heard.server == lease.server
        match heard.kind:
            case Kind4.ACK if asked and heard.yiaddr == lease.address.ip:
                return self._granted(heard, state.asked, draw, state)
            case Kind4.NAK if asked:
                lost = f"DHCP server {heard.server} does not lend {lease.address.ip} any more"
                return replace(self._select(None, now, draw), lost=_with_reason(lost, heard))
            case _:
                return Turn(state=state)

    def _granted(self, heard: Message4, asked: int, draw: Draw, otherwise: State4) -> Turn4:
        """What an ACK comes to: a lease, or *otherwise* when none can be made of it."""
        notes = list(heard.faults)
        try:
            lease = self._lease(heard, asked, draw, notes)
        except Refused as refusal:
            if isinstance(otherwise, Selecting):
                otherwise = replace(otherwise, fault=f"a lease was refused: {refusal}")
            return Turn(state=otherwise, notes=(*notes, str(refusal)))
        return Turn(state=Bound(lease=lease), granted=lease, notes=tuple(notes))

    def _lease(self, heard: Message4, asked: int, draw: Draw, notes: list[str]) -> Lease4:
        """The lease in an OFFER or ACK; raises Refused, and adds to *notes* what is left out."""
        server = heard.server
        if server is None or not is_host(server):
            raise Refused(f"the DHCP server calls itself {server}")
        address = _address(heard, server)
        seconds = heard.lease_time
        if seconds is None or seconds < self.timing.shortest_lease:
            raise Refused(f"DHCP server {server} lends {address} for {seconds or 0} seconds")
        t1, t2 = self._times(heard, seconds, draw, notes)
        return Lease4(
            address=address,
            server=server,
            obtained=asked,
            renew_at=moment(asked, t1),
            rebind_at=moment(asked, t2),
            expires_at=moment(asked, seconds),
            routes=_routes(heard, address.ip, notes),
            dns=usable(heard.dns, "name server", notes),
            search=usable_names(_search(heard), notes),
            mtu=_mtu(heard, notes),
        )

    def _times(
        self, heard: Message4, seconds: int, draw: Draw, notes: list[str]
    ) -> tuple[float, float]:
        """T1 and T2, in seconds; those that the server says, if they can be."""
        if seconds == FOR_EVER:
            return FOR_EVER, FOR_EVER
        t1, t2 = heard.renewal_time, heard.rebinding_time
        least = min(self.timing.shortest_renewal, seconds * _T1)
        if t1 is not None and t2 is not None:
            if least <= t1 <= t2 <= seconds:
                return t1, t2
            notes.append(f"T1 of {t1} s and T2 of {t2} s do not fit a lease of {seconds} s")
        spread = 1 + _SPREAD * draw.jitter
        return seconds * _T1 * spread, seconds * _T2 * spread

    def _after(self, sent: int, now: int, draw: Draw) -> int:
        """When a message that was sent so often is repeated."""
        wait = min(self.timing.first * (1 << min(sent - 1, _DOUBLINGS)), self.timing.longest)
        return now + round((wait + draw.jitter * self.timing.first / 4) * SECOND)

    def _discover(self, state: Selecting, now: int) -> Send[Message4]:
        message = self._message(Kind4.DISCOVER, state.xid, wants=True)
        secs = min((now - state.begun) // SECOND, _MAX_SECS)
        return Send(message=replace(message, secs=secs, requested=state.wanted))

    def _request_offer(self, state: Requesting) -> Send[Message4]:
        """As old as the question was, for relays that help only who waits long (section 4.3.2)."""
        offer = state.offer
        message = self._request(state.xid, requested=offer.address.ip)
        secs = min((state.asked - state.begun) // SECOND, _MAX_SECS)
        return Send(message=replace(message, server=offer.server, secs=secs))

    def _request(
        self,
        xid: int,
        *,
        requested: IPv4Address | None = None,
        ciaddr: IPv4Address | None = None,
    ) -> Message4:
        """A REQUEST: for an address not used yet, or, with *ciaddr*, for more of one that is."""
        message = self._message(Kind4.REQUEST, xid, wants=True)
        if ciaddr is None:
            return replace(message, requested=requested)
        return replace(message, ciaddr=ciaddr, broadcast=False)

    def _message(self, kind: Kind4, xid: int, *, wants: bool = False) -> Message4:
        return Message4(
            kind=kind,
            xid=xid,
            mac=self.client.mac,
            broadcast=wants and self.client.shares_mac,
            client_id=self.client.client_id,
            hostname=told_name(self.client.hostname) if wants else "",
            wanted=_WANTED if wants else (),
            max_size=_MAX_SIZE if wants else None,
        )


def _address(heard: Message4, server: IPv4Address) -> IPv4Interface:
    """The address that *heard* lends, with its prefix; raises Refused."""
    length = heard.prefix_length
    if length is None:
        length = _class_length(heard.yiaddr)
    address = IPv4Interface((heard.yiaddr, length))
    network = address.network
    ends = (
        {network.network_address, network.broadcast_address}
        if length < network.max_prefixlen - 1
        else set[IPv4Address]()
    )
    if not is_host(address.ip) or not length or address.ip in ends or address.ip == server:
        raise Refused(f"DHCP server {server} lends {address}, which no other host can have")
    return address


def _class_length(address: IPv4Address) -> int:
    """The prefix length of an address without a mask: by its class (RFC 950 section 2.1)."""
    first = address.packed[0]
    return 8 if first < 128 else 16 if first < 192 else 24


def _routes(heard: Message4, own: IPv4Address, notes: list[str]) -> tuple[LeasedRoute, ...]:
    """Option 121 makes option 3 void, even where it says nothing (RFC 3442)."""
    if heard.routes is None:
        routers = usable(heard.routers, "router", notes)
        return tuple(LeasedRoute(to=_EVERYWHERE, via=r) for r in routers if r != own)
    good: list[LeasedRoute] = []
    for route in heard.routes:
        if route.via is None or (is_host(route.via) and route.via != own):
            good.append(route)
        else:
            notes.append(f"the route to {route.to} by {route.via} is left out: no router has that")
    return tuple(good)


def _search(heard: Message4) -> tuple[str, ...]:
    """All search domains; some servers put several into the option for one."""
    return (*heard.search, *heard.domain.split())


def _mtu(heard: Message4, notes: list[str]) -> int | None:
    if heard.mtu is None or _LEAST_MTU <= heard.mtu <= MAX_MTU:
        return heard.mtu
    notes.append(f"an MTU of {heard.mtu} bytes is left out: too little")
    return None


def _halfway(now: int, end: int | None, least: float) -> int:
    """When to ask again: half way to *end*, but not sooner than *least* seconds (section 4.4.5)."""
    assert end is not None, "a lease without end is never prolonged"
    half = now + max((end - now) // 2, round(least * SECOND))
    return min(half, end)


def _with_reason(text: str, heard: Message4) -> str:
    return f"{text}: {shown(heard.text)}" if heard.text else text
