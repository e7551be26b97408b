"""A DHCPv6 client, told what it hears and what time it is."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv6Address, IPv6Interface

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaway.model.dhcp6 import AddressSet, Kind6, Message6, OfferedAddress, Outcome, Status
from seaway.model.ids import IfName, Mac, NetworkName
from seaway.model.lease import Lease6, LeaseClient, LeasedAddress
from seaway.plan.dhcp6 import (
    Bound,
    Idle,
    Informing,
    Machine6,
    Rebinding,
    Renewing,
    Requesting,
    Soliciting,
    State6,
    Turn6,
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
MACHINE = Machine6(client=CLIENT)
STATELESS = Machine6(client=replace(CLIENT, stateless=True))
SERVER, OTHER = b"\0\1srv", b"\0\1oth"
ADDRESS = IPv6Address("2001:db8::10")
DRAW = Draw(xid=0x99000007, jitter=0.0)
XID = 7
OFFERED = OfferedAddress(address=ADDRESS, preferred=800, valid=1000)
SET = AddressSet(iaid=CLIENT.iaid, t1=400, t2=640, addresses=(OFFERED,))
ADVERTISE = Message6(kind=Kind6.ADVERTISE, xid=XID, client=CLIENT.duid, server=SERVER, sets=(SET,))
REPLY = replace(ADVERTISE, kind=Kind6.REPLY)
LEASE = Lease6(
    server=SERVER.hex(),
    obtained=0,
    renew_at=400 * SECOND,
    rebind_at=640 * SECOND,
    addresses=(
        LeasedAddress(
            address=IPv6Interface("2001:db8::10/128"),
            preferred_until=800 * SECOND,
            valid_until=1000 * SECOND,
        ),
    ),
)
NO_BINDING = Outcome(code=Status.NO_BINDING)


def step(
    state: State6, heard: Message6 | None, seconds: float, machine: Machine6 = MACHINE
) -> Turn6:
    """One turn of the machine, at so many seconds."""
    return machine.step(state, heard, round(seconds * SECOND), DRAW)


def said(turn: Turn6) -> list[str]:
    """The kinds of the messages that go out."""
    return [send.message.kind.name for send in turn.sends]


def unchanged(state: State6) -> Turn6:
    """The turn that comes of nothing."""
    return Turn(state=state)


def due(turn: Turn6) -> float | None:
    """The second at which time is the next event."""
    at = turn.state.due
    return None if at is None else at / SECOND


def asked_for(turn: Turn6) -> list[IPv6Address]:
    """The addresses in the message that goes out."""
    return [a.address for each in turn.sends[0].message.sets for a in each.addresses]


def of_set(message: Message6, changed: AddressSet) -> Message6:
    return replace(message, sets=(changed,))


def soliciting() -> State6:
    return MACHINE.begin(None, 0, DRAW).state


def requesting() -> State6:
    return step(soliciting(), replace(ADVERTISE, preference=255), 0.5).state


def renewing() -> State6:
    return step(Bound(lease=LEASE), None, 400).state


def rebinding() -> State6:
    return step(Bound(lease=LEASE), None, 640).state


def test_a_client_without_a_lease_asks_for_one_set_of_addresses() -> None:
    turn = MACHINE.begin(None, 0, DRAW)

    assert turn.sends == (
        Send(
            message=Message6(
                kind=Kind6.SOLICIT,
                xid=XID,
                client=CLIENT.duid,
                sets=(AddressSet(iaid=CLIENT.iaid),),
                wanted=(23, 24),
                elapsed=0,
                rapid_commit=True,
                name="web",
            )
        ),
    )


def test_the_question_is_repeated_after_1_2_4_and_so_on_to_120_seconds() -> None:
    turn = MACHINE.begin(None, 0, DRAW)
    moments = [due(turn)]
    for _ in range(8):
        turn = step(turn.state, None, moments[-1] or 0)
        moments.append(due(turn))

    assert moments == [1, 3, 7, 15, 31, 63, 127, 247, 367]
    assert turn.sends[0].message.elapsed == 24700


def test_the_first_wait_is_never_shorter_and_others_are_spread_by_a_tenth() -> None:
    early = replace(DRAW, jitter=-1.0)

    first = MACHINE.begin(None, 0, early)
    second = MACHINE.step(first.state, None, 2 * SECOND, early)

    assert (due(first), due(second)) == (1.1, 3.8)


def test_a_client_may_ask_for_ever() -> None:
    state = soliciting()
    assert isinstance(state, Soliciting)

    turn = step(replace(state, sent=10**6), None, 10**8)

    assert due(turn) == 10**8 + 120
    assert turn.sends[0].message.elapsed == 0xFFFF


def test_the_best_answer_of_the_first_second_is_asked_for() -> None:
    state = step(soliciting(), ADVERTISE, 0.1).state
    state = step(state, replace(ADVERTISE, server=OTHER, preference=9), 0.2).state
    state = step(state, replace(ADVERTISE, preference=8), 0.3).state

    turn = step(state, None, 1)

    assert said(turn) == ["REQUEST"]
    assert turn.sends[0].message.server == OTHER
    assert asked_for(turn) == [ADDRESS]


def test_an_answer_that_needs_no_comparison_is_asked_for_at_once() -> None:
    turn = step(soliciting(), replace(ADVERTISE, preference=255), 0.1)

    assert said(turn) == ["REQUEST"]


def test_after_the_first_second_the_first_answer_will_do() -> None:
    later = step(soliciting(), None, 1).state

    assert said(step(later, ADVERTISE, 1.1)) == ["REQUEST"]


def test_a_server_may_lend_at_once() -> None:
    turn = step(soliciting(), replace(REPLY, rapid_commit=True), 0.1)

    assert turn.granted is not None
    assert isinstance(turn.state, Bound)
    assert step(soliciting(), REPLY, 0.1) == unchanged(soliciting())


def test_a_reply_is_a_lease_from_now_on() -> None:
    answer = replace(REPLY, dns=(IPv6Address("2001:db8::53"),), search=("lan.example",))

    turn = step(requesting(), answer, 2)

    assert turn.granted == Lease6(
        server=SERVER.hex(),
        obtained=2 * SECOND,
        renew_at=402 * SECOND,
        rebind_at=642 * SECOND,
        addresses=(
            LeasedAddress(
                address=IPv6Interface("2001:db8::10/128"),
                preferred_until=802 * SECOND,
                valid_until=1002 * SECOND,
            ),
        ),
        dns=(IPv6Address("2001:db8::53"),),
        search=("lan.example",),
    )
    assert due(turn) == 402


def test_a_request_is_made_four_times_and_then_everybody_is_asked_anew() -> None:
    turns = [step(requesting(), None, 2)]
    for seconds in (4, 8, 16):
        turns.append(step(turns[-1].state, None, seconds))

    assert [said(turn)[0] for turn in turns] == ["REQUEST", "REQUEST", "REQUEST", "SOLICIT"]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (
            of_set(REPLY, replace(SET, outcome=Outcome(code=Status.NO_ADDRESSES, text="full"))),
            "a DHCPv6 server lends no address: no addresses (full)",
        ),
        (
            replace(REPLY, outcome=Outcome(code=77)),
            "a DHCPv6 server lends no address: status 77",
        ),
        (replace(REPLY, sets=()), "a DHCPv6 server answered without addresses"),
        (of_set(REPLY, replace(SET, iaid=1)), "a DHCPv6 server answered without addresses"),
        (
            of_set(REPLY, replace(SET, addresses=())),
            "a DHCPv6 server answered without an address that a host can have",
        ),
    ],
)
def test_a_server_that_lends_nothing_is_not_asked_again_at_once(answer: Message6, why: str) -> None:
    turn = step(requesting(), answer, 2)

    assert (said(turn), turn.granted, due(turn)) == ([], None, 3)
    assert MACHINE.excuse(turn.state) == why
    assert turn.notes == (why,)


def test_a_known_lease_is_asked_for_by_its_addresses() -> None:
    turn = MACHINE.begin(LEASE, 5 * SECOND, DRAW)

    assert said(turn) == ["SOLICIT"]
    assert asked_for(turn) == [ADDRESS]


def test_at_t1_the_server_is_asked_and_again_after_10_20_and_more_seconds() -> None:
    turn = step(Bound(lease=LEASE), None, 400)
    moments = [due(turn)]
    for _ in range(4):
        turn = step(turn.state, None, moments[-1] or 0)
        moments.append(due(turn))

    message = turn.sends[0].message
    assert (message.kind, message.server) == (Kind6.RENEW, SERVER)
    assert asked_for(turn) == [ADDRESS]
    assert moments == [410, 430, 470, 550, 640]


def test_at_t2_everybody_is_asked_until_the_end() -> None:
    turn = step(renewing(), None, 640)

    message = turn.sends[0].message
    assert (message.kind, message.server) == (Kind6.REBIND, b"")
    assert isinstance(turn.state, Rebinding)
    assert (turn.state.sent, due(turn)) == (1, 650)


def test_any_server_may_prolong_after_t2_and_only_the_own_one_before() -> None:
    of_other = replace(REPLY, server=OTHER)

    early, late = step(renewing(), of_other, 401), step(rebinding(), of_other, 641)

    assert early == unchanged(renewing())
    assert late.granted is not None
    assert late.granted.server == OTHER.hex()


def test_a_lease_that_nobody_prolongs_ends_and_another_is_asked_for() -> None:
    turn = step(rebinding(), None, 1000)

    assert turn.lost == "the lease of 2001:db8::10 was not prolonged"
    assert said(turn) == ["SOLICIT"]
    assert asked_for(turn) == [ADDRESS]


def test_a_server_that_forgot_what_it_lent_is_asked_for_the_same_while_it_is_used() -> None:
    forgotten = of_set(REPLY, AddressSet(iaid=CLIENT.iaid, outcome=NO_BINDING))

    turn = step(renewing(), forgotten, 401)

    assert (said(turn), turn.lost, asked_for(turn)) == (["REQUEST"], "", [ADDRESS])
    assert step(turn.state, REPLY, 402).granted is not None
    refused = step(turn.state, replace(REPLY, sets=()), 402)
    assert refused.lost == "the lease of 2001:db8::10 was not prolonged"


@pytest.mark.parametrize(
    "answer",
    [
        of_set(REPLY, replace(SET, outcome=Outcome(code=Status.NOT_ON_LINK))),
        of_set(REPLY, replace(SET, addresses=(replace(OFFERED, preferred=0, valid=0),))),
    ],
)
def test_addresses_that_are_taken_back_are_lost_at_once(answer: Message6) -> None:
    turn = step(renewing(), answer, 401)

    assert turn.lost
    assert (said(turn), asked_for(turn)) == (["SOLICIT"], [])


def test_another_failure_changes_nothing_while_the_lease_runs() -> None:
    turn = step(renewing(), replace(REPLY, outcome=Outcome(code=1, text="busy")), 401)

    assert (turn.state, turn.lost) == (renewing(), "")
    assert turn.notes == ("a DHCPv6 server lends no address: unspecified failure (busy)",)


def test_a_client_that_wants_no_address_asks_for_the_rest() -> None:
    turn = STATELESS.begin(None, 0, DRAW)

    assert turn.sends == (
        Send(
            message=Message6(
                kind=Kind6.INFORMATION_REQUEST,
                xid=XID,
                client=CLIENT.duid,
                wanted=(23, 24, 32),
                elapsed=0,
            )
        ),
    )
    assert due(step(turn.state, None, 1, STATELESS)) == 3


@pytest.mark.parametrize(
    ("told", "again"), [(None, 86401), (3600, 3601), (1, 601), (0xFFFFFFFF, None)]
)
def test_the_rest_is_asked_for_again_as_the_server_says(
    told: int | None, again: float | None
) -> None:
    state = STATELESS.begin(None, 0, DRAW).state
    answer = replace(REPLY, sets=(), refresh_time=told, dns=(IPv6Address("fd00::53"),))

    turn = step(state, answer, 1, STATELESS)

    assert turn.granted is not None
    assert (turn.granted.addresses, turn.granted.dns) == ((), (IPv6Address("fd00::53"),))
    assert due(turn) == again


def test_asking_for_the_rest_again_loses_nothing() -> None:
    state = STATELESS.begin(None, 0, DRAW).state
    bound = step(state, replace(REPLY, sets=()), 1, STATELESS).state

    turn = step(bound, None, 86401, STATELESS)

    assert (said(turn), turn.lost) == (["INFORMATION_REQUEST"], "")
    assert isinstance(turn.state, Informing)


def test_addresses_are_given_back_to_their_server() -> None:
    lent = AddressSet(iaid=CLIENT.iaid, addresses=(OfferedAddress(address=ADDRESS),))
    release = Message6(
        kind=Kind6.RELEASE, xid=XID, client=CLIENT.duid, server=SERVER, sets=(lent,), elapsed=0
    )

    assert MACHINE.releasing(LEASE, DRAW) == Send(message=release)
    assert MACHINE.declining(LEASE, DRAW) == Send(message=replace(release, kind=Kind6.DECLINE))
    assert MACHINE.releasing(replace(LEASE, addresses=()), DRAW) is None


def test_messages_for_others_change_nothing() -> None:
    states = (soliciting(), requesting(), renewing(), rebinding(), Bound(lease=LEASE), Idle(due=0))
    for state in states:
        for heard in (
            replace(REPLY, xid=8, rapid_commit=True),
            replace(REPLY, client=b"\0\1you", rapid_commit=True),
            replace(REPLY, server=b"", rapid_commit=True),
            replace(REPLY, kind=Kind6.RECONFIGURE),
        ):
            assert step(state, heard, 1) == unchanged(state)


def test_a_client_that_has_nothing_asks_when_its_time_has_come() -> None:
    state = MACHINE.resume(None, 5 * SECOND)

    assert state == Idle(due=5 * SECOND)
    assert said(step(state, None, 5)) == ["SOLICIT"]
    assert MACHINE.resume(LEASE, 0) == Bound(lease=LEASE)


@pytest.mark.parametrize(("t1", "t2"), [(0, 0), (0, 640), (640, 400), (1, 640), (400, 1001)])
def test_t1_and_t2_that_are_left_to_us_or_cannot_be_follow_from_the_lifetime(
    t1: int, t2: int
) -> None:
    turn = step(requesting(), of_set(REPLY, replace(SET, t1=t1, t2=t2)), 2)

    assert turn.granted is not None
    assert (turn.granted.renew_at, turn.granted.rebind_at) == (402 * SECOND, 642 * SECOND)
    assert len(turn.notes) == bool(t1 and t2)


def test_addresses_without_end_are_never_prolonged() -> None:
    endless = replace(OFFERED, preferred=0xFFFFFFFF, valid=0xFFFFFFFF)

    turn = step(requesting(), of_set(REPLY, replace(SET, t1=0, t2=0, addresses=(endless,))), 2)

    assert turn.granted is not None
    assert (turn.granted.renew_at, turn.granted.expires_at, due(turn)) == (None, None, None)


@pytest.mark.parametrize(
    ("bad", "note"),
    [
        (replace(OFFERED, address=IPv6Address("::")), "no server can lend that"),
        (replace(OFFERED, address=IPv6Address("ff02::1")), "no server can lend that"),
        (replace(OFFERED, address=IPv6Address("fe80::1")), "no server can lend that"),
        (replace(OFFERED, preferred=1001), "it would be 1001 s preferred and 1000 s valid"),
        (replace(OFFERED, preferred=1, valid=9), "it would be 1 s preferred and 9 s valid"),
    ],
)
def test_an_absurd_address_is_left_out_and_told(bad: OfferedAddress, note: str) -> None:
    turn = step(requesting(), of_set(REPLY, replace(SET, addresses=(bad, OFFERED))), 2)

    assert turn.granted is not None
    assert [a.address.ip for a in turn.granted.addresses] == [ADDRESS]
    assert turn.notes == (f"address {bad.address} is left out: {note}",)


def test_a_server_cannot_make_us_take_more_than_a_few_addresses() -> None:
    many = tuple(replace(OFFERED, address=ADDRESS + n) for n in range(100))

    turn = step(requesting(), of_set(REPLY, replace(SET, addresses=many)), 2)

    assert turn.granted is not None
    assert len(turn.granted.addresses) == 8


def test_what_could_be_no_name_server_or_domain_is_left_out_and_told() -> None:
    answer = replace(REPLY, dns=(IPv6Address("::1"),), search=("a b",))

    turn = step(requesting(), answer, 2)

    assert turn.granted is not None
    assert (turn.granted.dns, turn.granted.search) == ((), ())
    assert turn.notes == (
        "name server ::1 is left out: no host has that address",
        "search domain 'a b' is left out: it is no name of a domain",
    )


def test_why_there_is_no_lease_is_told() -> None:
    assert MACHINE.excuse(soliciting()) == "no DHCPv6 server answered"
    assert MACHINE.excuse(requesting()) == ("a DHCPv6 server offered addresses and said no more")
    assert isinstance(requesting(), Requesting)
    assert isinstance(renewing(), Renewing)


ADDRESSES = st.ip_addresses(v=6) | st.just(ADDRESS)
SECONDS = st.integers(0, 0xFFFFFFFF) | st.integers(0, 20) | st.just(0xFFFFFFFF)
OUTCOMES = st.builds(Outcome, code=st.integers(0, 7), text=st.text(max_size=9))
OFFERS = st.builds(
    OfferedAddress, address=ADDRESSES, preferred=SECONDS, valid=SECONDS, outcome=OUTCOMES
)
SETS = st.builds(
    AddressSet,
    iaid=st.just(CLIENT.iaid),
    t1=SECONDS,
    t2=SECONDS,
    addresses=st.lists(OFFERS, max_size=3).map(tuple),
    outcome=st.just(Outcome()) | OUTCOMES,
)
HEARD = st.none() | st.builds(
    Message6,
    kind=st.sampled_from([Kind6.ADVERTISE, Kind6.REPLY]),
    xid=st.just(XID),
    client=st.just(CLIENT.duid),
    server=st.sampled_from([SERVER, OTHER]),
    sets=st.lists(SETS, max_size=2).map(tuple),
    preference=st.sampled_from([0, 1, 255]),
    rapid_commit=st.booleans(),
    outcome=st.just(Outcome()) | OUTCOMES,
    dns=st.lists(ADDRESSES, max_size=2).map(tuple),
    search=st.lists(st.text(max_size=9), max_size=2).map(tuple),
    refresh_time=st.none() | SECONDS,
)


@given(
    machine=st.sampled_from([MACHINE, STATELESS]),
    events=st.lists(st.tuples(HEARD, st.integers(0, 10**6)), max_size=30),
    jitter=st.floats(-1, 1),
)
def test_no_server_can_break_the_client_or_make_it_busy(
    machine: Machine6, events: list[tuple[Message6 | None, int]], jitter: float
) -> None:
    """It sends one message for an event at most, and time is the next event later on."""
    draw, now = Draw(xid=XID, jitter=jitter), 0
    state: State6 = machine.begin(None, 0, draw).state
    for heard, seconds in events:
        now += seconds * SECOND
        if heard is None:
            now = max(now, state.due or now)
        turn = machine.step(state, heard, now, draw)
        state = turn.state
        assert len(turn.sends) <= 1
        if heard is None and state.due is not None:
            assert state.due >= now + SECOND // 2
        if turn.granted is not None:
            assert turn.granted.is_valid(turn.granted.obtained)
