"""A DHCPv4 client, told what it hears and what time it is."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaway.model.dhcp4 import Kind4, Message4
from seaway.model.ids import IfName, Mac, NetworkName
from seaway.model.lease import Lease4, LeaseClient, LeasedRoute
from seaway.plan.dhcp4 import (
    Bound,
    Idle,
    Machine4,
    Rebinding,
    Rebooting,
    Renewing,
    Selecting,
    State4,
    Turn4,
)
from seaway.plan.leasing import SECOND, Draw, Send, Turn

CLIENT = LeaseClient(
    id="lan web",
    network=NetworkName("lan"),
    holder="web",
    netns=None,
    ifname=IfName("eth0"),
    mac=Mac("02:42:0a:4d:01:02"),
    hostname="web",
)
MACHINE = Machine4(client=CLIENT)
SERVER, OTHER = IPv4Address("192.0.2.1"), IPv4Address("192.0.2.2")
ADDRESS = IPv4Address("192.0.2.10")
DRAW = Draw(xid=7, jitter=0.0)
LEASE = Lease4(
    address=IPv4Interface("192.0.2.10/24"),
    server=SERVER,
    obtained=0,
    renew_at=500 * SECOND,
    rebind_at=875 * SECOND,
    expires_at=1000 * SECOND,
)
OFFER = Message4(
    kind=Kind4.OFFER,
    xid=7,
    mac=CLIENT.mac,
    yiaddr=ADDRESS,
    server=SERVER,
    lease_time=1000,
    prefix_length=24,
)
ACK = replace(OFFER, kind=Kind4.ACK)
NAK = Message4(kind=Kind4.NAK, xid=7, mac=CLIENT.mac, server=SERVER, text="wrong network")


def step(state: State4, heard: Message4 | None, seconds: float, draw: Draw = DRAW) -> Turn4:
    """One turn of the machine, at so many seconds."""
    return MACHINE.step(state, heard, round(seconds * SECOND), draw)


def said(turn: Turn4) -> list[tuple[str, str | None]]:
    """The kinds of the messages that go out, and to whom."""
    return [(s.message.kind.name, None if s.to is None else str(s.to)) for s in turn.sends]


def unchanged(state: State4) -> Turn4:
    """The turn that comes of nothing."""
    return Turn(state=state)


def due(turn: Turn4) -> float | None:
    """The second at which time is the next event."""
    at = turn.state.due
    return None if at is None else at / SECOND


def granted(**options: Any) -> Lease4 | None:
    """The lease that comes of an ACK with *options* to the first request."""
    turn = step(requesting(), replace(ACK, **options), 2)
    return turn.granted


def requesting() -> State4:
    return step(MACHINE.begin(None, 0, DRAW).state, OFFER, 1).state


def renewing() -> State4:
    return step(Bound(lease=LEASE), None, 500).state


def rebinding() -> State4:
    return step(Bound(lease=LEASE), None, 875).state


def test_a_client_without_a_lease_asks_everybody() -> None:
    turn = MACHINE.begin(None, 0, DRAW)

    assert turn.sends == (
        Send(
            message=Message4(
                kind=Kind4.DISCOVER,
                xid=7,
                mac=CLIENT.mac,
                client_id=CLIENT.client_id,
                hostname="web",
                wanted=(1, 121, 3, 6, 15, 119, 26, 58, 59),
                max_size=1472,
            )
        ),
    )
    assert isinstance(turn.state, Selecting)


def test_one_that_shares_its_mac_asks_for_broadcasts_until_it_has_an_address() -> None:
    machine = Machine4(client=replace(CLIENT, shares_mac=True))

    discover = machine.begin(None, 0, DRAW).sends[0].message
    renewal = machine.step(Bound(lease=LEASE), None, 500 * SECOND, DRAW).sends[0].message

    assert (discover.broadcast, renewal.broadcast) == (True, False)


def test_the_question_is_repeated_after_4_8_16_32_and_then_64_seconds() -> None:
    turn = MACHINE.begin(None, 0, DRAW)
    moments = [due(turn)]
    for _ in range(6):
        turn = step(turn.state, None, moments[-1] or 0)
        moments.append(due(turn))

    assert moments == [4, 12, 28, 60, 124, 188, 252]
    assert said(turn) == [("DISCOVER", None)]
    assert turn.sends[0].message.secs == 188


def test_repetitions_are_spread_by_a_second() -> None:
    early, late = (MACHINE.begin(None, 0, replace(DRAW, jitter=j)) for j in (-1.0, 1.0))

    assert (due(early), due(late)) == (3, 5)


def test_a_client_may_ask_for_ever() -> None:
    state = MACHINE.begin(None, 0, DRAW).state
    assert isinstance(state, Selecting)

    turn = step(replace(state, sent=10**6), None, 10**8)

    assert due(turn) == 10**8 + 64
    assert turn.sends[0].message.secs == 0xFFFF


def test_the_first_offer_is_asked_for() -> None:
    selecting = MACHINE.begin(None, 0, DRAW).state

    turn = step(selecting, OFFER, 1)

    request = turn.sends[0].message
    assert said(turn) == [("REQUEST", None)]
    assert (request.requested, request.server, request.ciaddr) == (ADDRESS, SERVER, IPv4Address(0))
    assert (request.xid, request.secs) == (7, 1)


def test_an_ack_is_a_lease_from_the_moment_of_asking() -> None:
    turn = step(requesting(), ACK, 3)

    assert turn.granted == Lease4(
        address=IPv4Interface("192.0.2.10/24"),
        server=SERVER,
        obtained=1 * SECOND,
        renew_at=501 * SECOND,
        rebind_at=876 * SECOND,
        expires_at=1001 * SECOND,
    )
    assert isinstance(turn.state, Bound)
    assert due(turn) == 501


def test_a_request_is_made_three_times_and_then_everybody_is_asked_anew() -> None:
    state = requesting()

    turns = [step(state, None, 5)]
    turns.append(step(turns[-1].state, None, 13))
    turns.append(step(turns[-1].state, None, 29))

    assert [said(turn)[0][0] for turn in turns] == ["REQUEST", "REQUEST", "DISCOVER"]
    assert [due(turn) for turn in turns] == [13, 29, 33]


def test_a_server_that_refuses_what_it_offered_is_not_asked_again_at_once() -> None:
    turn = step(requesting(), NAK, 2)

    assert said(turn) == []
    assert due(turn) == 6
    assert MACHINE.excuse(turn.state) == (
        "DHCP server 192.0.2.1 offered 192.0.2.10/24 and then refused it: wrong network"
    )


@pytest.mark.parametrize("kind", [Kind4.ACK, Kind4.NAK])
def test_what_another_server_says_of_the_offer_means_nothing(kind: Kind4) -> None:
    state = requesting()

    assert step(state, replace(ACK, kind=kind, server=OTHER), 2) == unchanged(state)


def test_a_lease_that_still_runs_is_asked_for_again() -> None:
    turn = MACHINE.begin(LEASE, 10 * SECOND, DRAW)

    request = turn.sends[0].message
    assert isinstance(turn.state, Rebooting)
    assert (request.kind, request.requested, request.server) == (Kind4.REQUEST, ADDRESS, None)
    renewed = step(turn.state, ACK, 11).granted
    assert renewed is not None
    assert (renewed.obtained, renewed.expires_at) == (10 * SECOND, 1010 * SECOND)


def test_a_lease_that_no_server_knows_leads_to_a_question_for_the_same_address() -> None:
    rebooting = MACHINE.begin(LEASE, 0, DRAW).state

    turn = step(rebooting, None, 4)

    assert said(turn) == [("DISCOVER", None)]
    assert turn.sends[0].message.requested == ADDRESS


def test_a_lease_that_is_refused_leads_to_a_question_for_any_address() -> None:
    rebooting = MACHINE.begin(LEASE, 0, DRAW).state

    turn = step(rebooting, NAK, 1)

    assert said(turn) == [("DISCOVER", None)]
    assert turn.sends[0].message.requested is None
    assert turn.notes == ("a DHCP server does not lend 192.0.2.10 any more: wrong network",)


def test_an_expired_lease_is_a_wish() -> None:
    turn = MACHINE.begin(LEASE, 1000 * SECOND, DRAW)

    assert said(turn) == [("DISCOVER", None)]
    assert turn.sends[0].message.requested == ADDRESS


def test_at_t1_the_server_is_asked_from_the_address_itself() -> None:
    turn = step(Bound(lease=LEASE), None, 500)

    request = turn.sends[0].message
    assert said(turn) == [("REQUEST", "192.0.2.1")]
    assert (request.ciaddr, request.requested, request.server) == (ADDRESS, None, None)
    assert isinstance(turn.state, Renewing)


def test_it_asks_again_half_way_to_t2_and_at_last_after_a_minute() -> None:
    turn = step(Bound(lease=LEASE), None, 500)
    moments = [due(turn)]
    for _ in range(3):
        turn = step(turn.state, None, moments[-1] or 0)
        moments.append(due(turn))

    assert moments == [687.5, 781.25, 841.25, 875]
    assert said(turn) == [("REQUEST", "192.0.2.1")]


def test_at_t2_everybody_is_asked_until_the_end() -> None:
    turn = step(renewing(), None, 875)

    assert said(turn) == [("REQUEST", None)]
    assert turn.sends[0].message.ciaddr == ADDRESS
    assert isinstance(turn.state, Rebinding)
    assert due(turn) == 937.5


def test_any_server_may_prolong_after_t2_and_only_the_own_one_before() -> None:
    of_other = replace(ACK, server=OTHER)

    early, late = step(renewing(), of_other, 501), step(rebinding(), of_other, 876)

    assert early.granted is None
    assert late.granted is not None
    assert (late.granted.server, late.granted.obtained) == (OTHER, 875 * SECOND)


def test_a_lease_that_nobody_prolongs_ends_and_another_is_asked_for() -> None:
    turn = step(rebinding(), None, 1000)

    assert turn.lost == "the lease of 192.0.2.10/24 from 192.0.2.1 was not prolonged"
    assert said(turn) == [("DISCOVER", None)]
    assert turn.sends[0].message.requested == ADDRESS


def test_a_daemon_that_was_away_for_too_long_has_lost_the_lease() -> None:
    state = MACHINE.resume(LEASE, 2000 * SECOND)

    turn = step(state, None, 2000)

    assert turn.lost
    assert isinstance(turn.state, Selecting)


@pytest.mark.parametrize("state", [renewing(), rebinding()])
def test_a_refusal_ends_the_lease_at_once(state: State4) -> None:
    turn = step(state, NAK, 900)

    assert turn.lost == ("DHCP server 192.0.2.1 does not lend 192.0.2.10 any more: wrong network")
    assert said(turn) == [("DISCOVER", None)]


def test_a_stranger_cannot_refuse_for_the_server() -> None:
    state = renewing()

    assert step(state, replace(NAK, server=OTHER), 501) == unchanged(state)
    assert step(state, replace(NAK, server=None), 501) == unchanged(state)
    assert step(state, replace(NAK, xid=8), 501) == unchanged(state)
    assert step(rebinding(), replace(NAK, server=None), 901) == unchanged(rebinding())


@pytest.mark.parametrize("state", [renewing(), rebinding()])
def test_a_renewal_of_another_address_is_none(state: State4) -> None:
    assert step(state, replace(ACK, yiaddr=IPv4Address("192.0.2.11")), 900) == unchanged(state)


def test_a_lease_without_end_is_never_prolonged() -> None:
    lease = granted(lease_time=0xFFFFFFFF, renewal_time=1, rebinding_time=2)

    assert lease is not None
    assert (lease.renew_at, lease.rebind_at, lease.expires_at) == (None, None, None)
    assert Bound(lease=lease).due is None


def test_a_client_that_has_nothing_asks_when_its_time_has_come() -> None:
    state = MACHINE.resume(None, 5 * SECOND)

    assert state == Idle(due=5 * SECOND)
    assert said(step(state, None, 5)) == [("DISCOVER", None)]


def test_an_address_is_given_back_to_its_server() -> None:
    sent = MACHINE.releasing(LEASE, DRAW)

    assert sent == Send(
        message=Message4(
            kind=Kind4.RELEASE,
            xid=7,
            mac=CLIENT.mac,
            ciaddr=ADDRESS,
            server=SERVER,
            client_id=CLIENT.client_id,
        ),
        to=SERVER,
    )


def test_an_address_that_somebody_has_is_declined_to_everybody() -> None:
    sent = MACHINE.declining(LEASE, DRAW)

    assert sent == Send(
        message=Message4(
            kind=Kind4.DECLINE,
            xid=7,
            mac=CLIENT.mac,
            requested=ADDRESS,
            server=SERVER,
            client_id=CLIENT.client_id,
        ),
    )


def test_messages_for_others_change_nothing() -> None:
    for state in (MACHINE.begin(None, 0, DRAW).state, requesting(), renewing(), rebinding()):
        assert step(state, replace(ACK, mac=Mac("02:00:00:00:00:01")), 1) == unchanged(state)
        assert step(state, replace(ACK, xid=8), 1) == unchanged(state)
    for state in (Bound(lease=LEASE), Idle(due=0)):
        assert step(state, ACK, 1) == unchanged(state)


def test_t1_and_t2_are_the_server_s_if_they_fit() -> None:
    lease = granted(renewal_time=100, rebinding_time=200)

    assert lease is not None
    assert (lease.renew_at, lease.rebind_at) == (101 * SECOND, 201 * SECOND)


@pytest.mark.parametrize(("t1", "t2"), [(0, 500), (500, 400), (500, 1001), (2, 900)])
def test_t1_and_t2_that_cannot_be_are_not_believed(t1: int, t2: int) -> None:
    turn = step(requesting(), replace(ACK, renewal_time=t1, rebinding_time=t2), 2)

    assert turn.granted is not None
    assert (turn.granted.renew_at, turn.granted.rebind_at) == (501 * SECOND, 876 * SECOND)
    assert turn.notes == (f"T1 of {t1} s and T2 of {t2} s do not fit a lease of 1000 s",)


def test_the_times_of_clients_are_spread_where_the_server_says_none() -> None:
    turn = step(requesting(), ACK, 2, replace(DRAW, jitter=1.0))

    assert turn.granted is not None
    assert turn.granted.renew_at == 526 * SECOND


def test_classless_routes_make_routers_void() -> None:
    lan = LeasedRoute(to=IPv4Network("10.0.0.0/8"), via=SERVER)

    both, empty = (granted(routers=(OTHER,), routes=routes) for routes in ((lan,), ()))

    assert both is not None
    assert empty is not None
    assert (both.routes, empty.routes) == ((lan,), ())


def test_routers_are_default_routes_in_their_order() -> None:
    lease = granted(routers=(OTHER, SERVER, OTHER))

    assert lease is not None
    assert [(str(r.to), str(r.via)) for r in lease.routes] == [
        ("0.0.0.0/0", "192.0.2.2"),
        ("0.0.0.0/0", "192.0.2.1"),
    ]


def test_search_domains_are_those_of_both_options_once() -> None:
    lease = granted(search=("a.example", "B.example."), domain="a.example c.example")

    assert lease is not None
    assert lease.search == ("a.example", "B.example", "c.example")


def test_a_mask_that_is_missing_follows_from_the_class_of_the_address() -> None:
    addresses = ["10.1.2.3", "172.16.0.1", "192.0.2.10"]

    leases = [granted(yiaddr=IPv4Address(a), prefix_length=None) for a in addresses]

    assert [str(lease and lease.address) for lease in leases] == [
        "10.1.2.3/8",
        "172.16.0.1/16",
        "192.0.2.10/24",
    ]


@pytest.mark.parametrize(
    ("options", "note"),
    [
        ({"mtu": 0}, "an MTU of 0 bytes is left out: too little"),
        ({"mtu": 575}, "an MTU of 575 bytes is left out: too little"),
        ({"dns": (IPv4Address("127.0.0.11"),)}, "name server 127.0.0.11 is left out: no host has"),
        ({"routers": (IPv4Address(0),)}, "router 0.0.0.0 is left out: no host has that address"),
        ({"search": ("a\nnameserver 1.2.3.4",)}, r"search domain 'a\\nnameserver 1.2.3.4' is left"),
        ({"search": ("",)}, "search domain '' is left out"),
        (
            {"routes": (LeasedRoute(to=IPv4Network("10.0.0.0/8"), via=ADDRESS),)},
            "the route to 10.0.0.0/8 by 192.0.2.10 is left out: no router has that",
        ),
    ],
)
def test_what_is_absurd_is_left_out_and_told(options: dict[str, Any], note: str) -> None:
    turn = step(requesting(), replace(ACK, **options), 2)

    assert turn.granted == granted()
    assert [text.startswith(note) for text in turn.notes] == [True]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"server": None}, "the DHCP server calls itself None"),
        ({"server": IPv4Address("224.0.0.1")}, "the DHCP server calls itself 224.0.0.1"),
        ({"lease_time": None}, "DHCP server 192.0.2.1 lends 192.0.2.10/24 for 0 seconds"),
        ({"lease_time": 9}, "DHCP server 192.0.2.1 lends 192.0.2.10/24 for 9 seconds"),
        *(
            ({"yiaddr": IPv4Address(a), "prefix_length": n}, f"192.0.2.1 lends {a}/{n}, which no")
            for a, n in [
                ("0.0.0.0", 24),
                ("0.1.2.3", 24),
                ("127.0.0.1", 8),
                ("224.0.0.1", 24),
                ("255.255.255.255", 24),
                ("192.0.2.0", 24),
                ("192.0.2.255", 24),
                ("192.0.2.1", 24),
                ("192.0.2.10", 0),
            ]
        ),
    ],
)
def test_an_offer_that_no_host_could_use_is_refused(options: dict[str, Any], why: str) -> None:
    selecting = MACHINE.begin(None, 0, DRAW).state

    turn = step(selecting, replace(OFFER, **options), 1)

    assert said(turn) == []
    assert due(turn) == 4
    assert why in turn.notes[0]
    assert MACHINE.excuse(turn.state) == f"an offer was refused: {turn.notes[0]}"


def test_an_address_alone_on_its_link_is_a_good_one() -> None:
    assert granted(prefix_length=32)
    assert granted(prefix_length=31)


@pytest.mark.parametrize("state", [renewing(), rebinding(), requesting()])
def test_an_absurd_ack_leaves_things_as_they_were(state: State4) -> None:
    turn = step(state, replace(ACK, lease_time=0), 501)

    assert (turn.granted, turn.lost, said(turn)) == (None, "", [])
    assert turn.notes == ("DHCP server 192.0.2.1 lends 192.0.2.10/24 for 0 seconds",)


def test_why_there_is_no_lease_is_told() -> None:
    silent = MACHINE.begin(None, 0, DRAW).state

    assert MACHINE.excuse(silent) == "no DHCP server answered"
    assert MACHINE.excuse(requesting()) == (
        "DHCP server 192.0.2.1 offered 192.0.2.10/24 and said no more"
    )


ADDRESSES = st.ip_addresses(v=4) | st.sampled_from([SERVER, OTHER, ADDRESS])
SECONDS = st.none() | st.integers(0, 0xFFFFFFFF) | st.integers(0, 20)
HEARD = st.none() | st.builds(
    Message4,
    kind=st.sampled_from([Kind4.OFFER, Kind4.ACK, Kind4.NAK]),
    xid=st.just(7),
    mac=st.just(CLIENT.mac),
    yiaddr=ADDRESSES,
    server=st.none() | ADDRESSES,
    lease_time=SECONDS,
    renewal_time=SECONDS,
    rebinding_time=SECONDS,
    prefix_length=st.none() | st.integers(0, 32),
    routers=st.lists(ADDRESSES, max_size=3).map(tuple),
    dns=st.lists(ADDRESSES, max_size=3).map(tuple),
    domain=st.text(max_size=20),
    search=st.lists(st.text(max_size=20), max_size=3).map(tuple),
    mtu=st.none() | st.integers(0, 65535),
    text=st.text(max_size=20),
)


@given(st.lists(st.tuples(HEARD, st.integers(0, 10**6)), max_size=30), st.floats(-1, 1))
def test_no_server_can_break_the_client_or_make_it_busy(
    events: list[tuple[Message4 | None, int]], jitter: float
) -> None:
    """It sends one message for an event at most, and time is the next event later on."""
    draw, now = Draw(xid=7, jitter=jitter), 0
    state: State4 = MACHINE.begin(None, 0, draw).state
    for heard, seconds in events:
        now += seconds * SECOND
        if heard is None:
            now = max(now, state.due or now)
        turn = MACHINE.step(state, heard, now, draw)
        state = turn.state
        assert len(turn.sends) <= 1
        if heard is None and state.due is not None:
            assert state.due >= now + SECOND or turn.granted
        if turn.granted is not None:
            assert turn.granted.is_valid(turn.granted.obtained)
