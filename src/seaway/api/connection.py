"""One client's connection: what it sends that is no HTTP is refused in our words, too."""

from __future__ import annotations

import logging

from aiohttp import HttpVersion11, web
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong

from seaway.api import wire
from seaway.api.declaration import JSON

log = logging.getLogger(__name__)

MAX_LINE = 64 << 10
"""Bytes of a request's first line, and of a header: filters may be long."""
MAX_HEADERS = 128
_LONGEST_REASON = 120
"""Characters of the parser's reason that are told."""


def message(status: int, text: str) -> web.Response:
    """The answer to a request that fails: *text*, one sentence."""
    body = wire.encoded(wire.Message(text))
    return web.Response(status=status, body=body, headers={"Content-Type": JSON})


class Connection(web.RequestHandler):
    """aiohttp's, which would answer in plain text and log each stranger's nonsense with a trace."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - of several lines, and with bytes in it
    ) -> web.StreamResponse:
        """The refusal of a malformed request, or the answer after a bug; the connection ends with it."""
        if request.writer.output_size > 0:
            raise ConnectionError("the reply was begun already")
        if isinstance(exc, HttpProcessingError):
            log.debug("refused what is no request", extra={"reason": _reason(exc)})
            answer = malformed(exc)
        else:
            log.error("a request failed unexpectedly", exc_info=exc)
            answer = _failed(status, exc)
        answer.force_close()
        return answer

    def log_exception(self, *args: object, **facts: object) -> None:
        """A body that turns out to be broken after it was refused is the client's matter."""
        error = facts.get("exc_info")
        if isinstance(error, web.RequestPayloadError):
            log.debug("the rest of a body is broken", extra={"reason": str(error)})
        else:
            super().log_exception(*args, **facts)


def malformed(error: HttpProcessingError) -> web.Response:
    """What the client is told whose request cannot be read."""
    if isinstance(error, LineTooLong):
        return message(431, f"the first line, or a header, is longer than {MAX_LINE >> 10} KB")
    if error.message.startswith("Too many headers"):
        return message(431, f"there are more than {MAX_HEADERS} headers")
    return message(400, f"the request is malformed: {_reason(error)}")


def _reason(error: HttpProcessingError) -> str:
    """The first of the parser's lines that says more than the status line is bad."""
    lines = error.message.removeprefix("Bad status line:").strip().splitlines() or ["unreadable"]
    return lines[0].strip().rstrip(":")[:_LONGEST_REASON]


def _failed(status: int, error: BaseException | None) -> web.Response:
    return message(status, f"internal error: {type(error).__name__}; the daemon's log has more")


async def expected(request: web.Request) -> web.Response | None:
    """Ask for the body of a client that waits until it may send it (RFC 9110 section 10.1.1)."""
    if request.headers.get("Expect", "").lower() != "100-continue":
        return message(417, "Expect: only 100-continue is known")
    if request.version >= HttpVersion11:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # the reply is still to come
    return None
