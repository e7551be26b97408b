"""One sandbox's answers, without sockets."""

from __future__ import annotations

from ipaddress import ip_address

import dns.message
import dns.rcode
import pytest

from seaway.codec.dns import Query
from seaway.dns.limits import Budget, Limits
from seaway.dns.responder import Board, Responder
from seaway.model.ids import EndpointId, NetworkId
from seaway.plan.zone import Holder, View

N1 = NetworkId("1" * 64)


def a_board(*holders: Holder) -> Board:
    board = Board()
    for each in holders:
        board.zones = board.zones.with_zone(N1, board.zones.zone(N1).with_holder(each))
    return board


def holder(name: str, *addresses: str) -> Holder:
    return Holder(
        endpoint=EndpointId(name),
        name=name,
        names=(name,),
        addresses=tuple(ip_address(a) for a in addresses),
    )


def responder(board: Board, view: View | None = None, limits: Limits | None = None) -> Responder:
    return Responder(board, view or View(networks=(N1,)), limits or Limits())


def wire(name: str, kind: str = "A", ident: int = 1, rdclass: str = "IN", edns: int = -1) -> bytes:
    return dns.message.make_query(name, kind, rdclass, id=ident, use_edns=edns).to_wire()


def outcome(answer: bytes | Query | None) -> str:
    """The outcome's name and how many answers there are."""
    assert isinstance(answer, bytes)
    message = dns.message.from_wire(answer)
    return f"{dns.rcode.to_text(message.rcode(), tsig=False)} {len(message.answer)}"


def test_an_answer_is_kept_and_given_under_the_next_asker_s_id() -> None:
    server = responder(a_board(holder("srv", "10.1.0.2")))
    assert server.cached(wire("srv")) is None

    answer = server.answer(wire("srv"), stream=False)

    assert isinstance(answer, bytes)
    assert server.cached(wire("srv", ident=7)) == b"\0\7" + answer[2:]
    assert server.cached(wire("SRV")) is None


def test_nothing_is_kept_over_a_change_of_zones_or_view() -> None:
    board = a_board(holder("srv", "10.1.0.2"))
    server = responder(board)
    server.answer(wire("srv"), stream=False)

    board.zones = board.zones.without_zone(N1)
    assert server.cached(wire("srv")) is None

    board.zones = a_board(holder("srv", "10.1.0.2")).zones
    server.answer(wire("srv"), stream=False)
    server.show(View())
    assert server.cached(wire("srv")) is None


def test_the_cache_is_bounded() -> None:
    server = responder(a_board(holder("abcdefgh", "10.1.0.2")), limits=Limits(cached=4))
    spellings = ["Abcdefgh", "aBcdefgh", "abCdefgh", "abcDefgh", "abcdEfgh"]

    for name in spellings:
        server.answer(wire(name), stream=False)

    assert [server.cached(wire(name)) is not None for name in spellings] == [
        False, False, False, False, True,
    ]  # fmt: skip


def test_answers_that_take_turns_or_went_by_tcp_are_not_kept() -> None:
    server = responder(a_board(holder("pool", "10.1.0.2", "10.1.0.3"), holder("srv", "10.1.0.4")))

    server.answer(wire("pool"), stream=False)
    server.answer(wire("srv"), stream=True)

    assert server.cached(wire("pool")) is None
    assert server.cached(wire("srv")) is None


def test_what_is_not_ours_goes_to_upstreams_where_there_may_be_any() -> None:
    board = a_board()

    asked = responder(board).answer(wire("a.example"), stream=False)
    kept = responder(board, View(networks=(N1,), forwards=False))

    assert isinstance(asked, Query)
    assert asked.name == "a.example"
    assert outcome(kept.answer(wire("a.example"), stream=False)) == "NXDOMAIN 0"


@pytest.mark.parametrize(
    ("message", "seen"),
    [
        (wire("srv", rdclass="CH", kind="TXT"), "REFUSED 0"),
        (wire("srv", edns=1), "BADVERS 0"),
        (wire("srv", "MX"), "NOERROR 0"),
        (wire("srv", edns=0), "NOERROR 1"),
    ],
)
def test_strange_questions_get_an_honest_answer(message: bytes, seen: str) -> None:
    server = responder(a_board(holder("srv", "10.1.0.2")))

    assert outcome(server.answer(message, stream=False)) == seen


def test_a_holder_whose_name_dns_cannot_say_has_none_on_the_way_back() -> None:
    server = responder(a_board(holder("a..b", "10.1.0.2"), holder("c" * 64, "10.1.0.3")))

    for name in ("2.0.1.10.in-addr.arpa", "3.0.1.10.in-addr.arpa"):
        assert outcome(server.answer(wire(name, "PTR"), stream=False)) == "NOERROR 0"


def test_a_place_in_a_part_is_a_place_in_the_whole() -> None:
    whole = Budget(3)
    one, other = Budget(2, whole), Budget(2, whole)

    assert [one.take(), one.take(), one.take(), other.take(), other.take()] == [
        True, True, False, True, False,
    ]  # fmt: skip
    one.give()
    assert [other.take(), one.take()] == [True, False]
