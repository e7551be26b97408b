"""One sandbox's answers: from the bytes of a question to those of the answer, without sockets."""

from __future__ import annotations

from seaway.codec import dns
from seaway.dns.limits import Limits
from seaway.model.ids import Address
from seaway.plan.zone import Empty, Found, Unknown, View, Wanted, Zones, rotated

_WANTED = {
    dns.A: Wanted.IPV4,
    dns.AAAA: Wanted.IPV6,
    dns.ANY: Wanted.ADDRESSES,
    dns.PTR: Wanted.NAME,
}


class Board:
    """The present zones, for all responders; a change replaces them as a whole."""

    def __init__(self) -> None:
        self.zones = Zones()


class Responder:
    """Answers by the zones on *board*, as far as *view* lets the asker see."""

    def __init__(self, board: Board, view: View, limits: Limits) -> None:
        self._board = board
        self._view = view
        self._limits = limits
        self._cache: dict[bytes, bytes] = {}
        self._cached_of = board.zones
        self._turn = 0

    @property
    def view(self) -> View:
        """What the asker may see."""
        return self._view

    def show(self, view: View) -> None:
        """Answer by *view* from now on."""
        self._view = view
        self._cache.clear()

    def cached(self, message: bytes) -> bytes | None:
        """The answer to a question that was asked before, unless anything changed since."""
        if self._cached_of is not self._board.zones:
            self._cached_of = self._board.zones
            self._cache.clear()
        answer = self._cache.get(message[2:])
        return None if answer is None else message[:2] + answer

    def answer(self, message: bytes, *, stream: bool) -> bytes | dns.Query | None:
        """The answer to *message*, the query if upstreams shall be asked, or nothing at all."""
        try:
            query = dns.decode_query(message)
        except dns.QueryError as error:
            return error.answer
        refused = _refused(query)
        if refused is not None:
            return dns.encode_answer(query, rcode=refused)
        size = dns.STREAM_SIZE if stream else query.udp_size
        outcome = self._board.zones.resolve(
            self._view, query.name, _WANTED.get(query.type, Wanted.OTHER)
        )
        match outcome:
            case Found(answers):
                return self._found(message, query, answers, size)
            case Empty():
                return dns.encode_answer(query)
            case Unknown():
                return (
                    query
                    if self._view.forwards
                    else dns.encode_answer(query, rcode=dns.Rcode.NXDOMAIN)
                )

    def _found(
        self, message: bytes, query: dns.Query, found: tuple[Address | str, ...], size: int
    ) -> bytes | None:
        if len(found) > 1:
            self._turn += 1
            return dns.encode_answer(query, rotated(found, self._turn), size=size)
        try:
            answer = dns.encode_answer(query, found, size=size)
        except ValueError:  # a holder's name with a label that DNS cannot say
            return dns.encode_answer(query)
        if size < dns.STREAM_SIZE:
            self._keep(message, answer)
        return answer

    def _keep(self, message: bytes, answer: bytes) -> None:
        """Keep *answer*; spelling and EDNS options make questions unique, hence the bound."""
        if len(self._cache) >= self._limits.cached:
            self._cache.clear()
        if len(message) <= dns.PLAIN_SIZE:
            self._cache[message[2:]] = answer[2:]


def _refused(query: dns.Query) -> dns.Rcode | None:
    if query.edns is not None and query.edns.version:
        return dns.Rcode.BADVERS
    return None if query.rclass == dns.IN else dns.Rcode.REFUSED
