"""Requests that the API's OpenAPI document allows, and such that it does not, by schemathesis."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from fakes.told import TOLD

SCHEMA = schemathesis.openapi.from_dict(TOLD.document)
SPARED = frozenset({("POST", "/seaway/purge")})
"""What takes everything away, the daemon included."""
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
UNHURRIED = (HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large)
PATIENCE = 0.2
"""Seconds to listen to a reply without an end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back."""

    status: int
    media: str
    body: bytes


def operations() -> Iterator[tuple[str, str]]:
    """Methods and paths, without those that are spared."""
    for path, methods in TOLD.document["paths"].items():
        for method in methods:
            if (method.upper(), path) not in SPARED:
                yield method.upper(), path


def ask_everything(
    address: Path, method: str, path: str, names: Sequence[str], *, examples: int
) -> None:
    """Ask *method* of *path* at the socket *address*, *examples* times in each mode.

    Half of the names in the path are of *names*. Raises AssertionError for an answer that is not as the
    document says, or that is none.
    """
    for mode in MODES:
        _each(SCHEMA[path][method], mode, names, examples, lambda r: _check(address, path, r))


def _each(
    operation: Any,
    mode: GenerationMode,
    names: Sequence[str],
    examples: int,
    check: Callable[[requests.PreparedRequest], None],
) -> None:
    @seed(1)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=UNHURRIED,
    )
    @given(
        case=operation.as_strategy(generation_mode=mode), name=st.none() | st.sampled_from(names)
    )
    def each(case: Any, name: str | None) -> None:
        if name is not None and "ref" in (case.path_parameters or {}):
            case.path_parameters["ref"] = name
        check(_prepared(case))

    with suppress(Unsatisfiable):  # there is nothing in it that could be wrong
        each()


def _prepared(case: Any) -> requests.PreparedRequest:
    wanted = case.as_transport_kwargs(base_url="http://seaway")
    known = ("method", "url", "params", "headers", "data", "json")
    return requests.Request(**{k: v for k, v in wanted.items() if k in known}).prepare()


def _check(address: Path, path: str, request: requests.PreparedRequest) -> None:
    method = str(request.method)
    reply = asked(address, request, endless=(method, path) in TOLD.streams)
    if reply is None:
        return
    shown = f"{method} {request.path_url} {request.body!r:.500}: {reply.status} {reply.body!r:.500}"
    assert b"internal error" not in reply.body, shown
    if reply.status >= 400 and method != "HEAD":
        message = json.loads(reply.body)["message"]
        assert message, shown
        assert "Traceback" not in message, shown
    TOLD.check(method, request.path_url, reply.status, reply.media, reply.body)


def asked(address: Path, request: requests.PreparedRequest, *, endless: bool) -> Reply | None:
    """The reply; of one without an end what came within PATIENCE, and None where nothing did."""
    body = request.body if isinstance(request.body, bytes) else (request.body or "").encode()
    headers = {**request.headers, "Host": "seaway", "Connection": "close"}
    headers["Content-Length"] = str(len(body))
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(PATIENCE if endless else 30)
        connection.connect(str(address))
        line = f"{request.method} {request.path_url} HTTP/1.1\r\n"
        connection.sendall(f"{line}{head}\r\n".encode() + body)
        return _read(connection, endless=endless)


def _read(connection: socket.socket, *, endless: bool) -> Reply | None:
    found = b""
    try:
        while data := connection.recv(1 << 16):
            found += data
    except TimeoutError:
        assert endless, f"no whole reply: {found!r:.500}"
    head, _, body = found.partition(b"\r\n\r\n")
    if not head:
        return None
    lines = head.decode().split("\r\n")
    headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines[1:] if ": " in line)}
    chunked = headers.get("transfer-encoding") == "chunked"
    whole = b"".join(_chunks(body)) if chunked else body
    return Reply(status=int(lines[0].split()[1]), media=headers.get("content-type", ""), body=whole)


def _chunks(data: bytes) -> Iterator[bytes]:
    """The chunks that came whole (RFC 9112, section 7.1)."""
    while data:
        size, _, rest = data.partition(b"\r\n")
        length = int(size, 16)
        if not length or len(rest) < length:
            return
        yield rest[:length]
        data = rest[length + 2 :]
