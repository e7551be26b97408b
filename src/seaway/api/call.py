"""One request, read; and what is answered to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from aiohttp import web

from seaway.api import wire
from seaway.api.declaration import JSON, Answer, Parameter
from seaway.api.query import Query
from seaway.model.errors import InvalidRequest

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request to a path that we have."""

    request: web.Request
    route: Route
    version: tuple[int, int]
    """The API version that the client speaks."""
    words: Mapping[str, str]
    """What stands in the path for the pattern's names."""
    query: Query
    headers: Mapping[str, str]
    """What stands in the head of every reply."""

    @property
    def ref(self) -> str:
        """The name or id in the path."""
        return self.words["ref"]

    async def body(self, kind: type[T]) -> T:
        """The JSON body, of the *kind* that the route declares; raises InvalidRequest."""
        assert kind == self.route.body, f"{self.route.path} declares no body of {kind}"
        content = await self.request.read()
        if content and self.request.content_type != JSON:
            given = self.request.headers.get("Content-Type", "")
            raise InvalidRequest(f"unsupported Content-Type header ({given}): must be '{JSON}'")
        return wire.as_of(wire.decoded(content, kind), self.version)

    def answer(self, value: object, status: int = 200) -> web.Response:
        """*value* as JSON, with what the client's version has of it."""
        return answer(wire.as_of(value, self.version), status)


Handler = Callable[[Call], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Route:
    """A method and a path lead to a handler; and what it reads and answers.

    The server holds handlers to it: what is not declared cannot be read.
    """

    method: str
    path: str
    """As ``/networks/{ref}/connect``."""
    handler: Handler
    query: tuple[Parameter, ...] = ()
    body: object = None
    """The type of the JSON document that is read; None: no body."""
    answers: tuple[Answer, ...] = ()
    """What it answers when it does what it was asked; nothing: it only ever refuses."""
    refusals: tuple[int, ...] = ()
    """Statuses of its refusals, beside those of all (``declaration.ALWAYS``)."""
    streams: bool = False
    """Whether the handler ends when the client hangs up; others finish what they began."""


def answer(value: object, status: int = 200) -> web.Response:
    """*value* as JSON."""
    return web.Response(status=status, body=wire.encoded(value), headers={"Content-Type": JSON})


def empty(status: int = 200) -> web.Response:
    """No body."""
    return web.Response(status=status)
