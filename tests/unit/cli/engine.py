"""A small engine on a Unix socket: replays answers, remembers what was asked."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from urllib.parse import parse_qsl, unquote, urlsplit

Answer = tuple[int, object] | Callable[["Handler"], None]


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the command sent."""

    method: str
    path: str
    query: dict[str, str]
    body: object
    headers: dict[str, str] = field(default_factory=dict[str, str], compare=False)


class Handler(BaseHTTPRequestHandler):
    """Looks an answer up; a callable answer writes what it likes."""

    protocol_version = "HTTP/1.1"
    server: Engine  # pyright: ignore[reportIncompatibleVariableOverride]
    request_seen: Request

    def setup(self) -> None:
        """Unix sockets have no peer address, which the base class wants."""
        self.client_address = ("local", 0)
        super().setup()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""

    def handle_one(self) -> None:
        """Answer one request."""
        parts = urlsplit(self.path)
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.request_seen = Request(
            method=self.command,
            path=unquote(parts.path),
            query=dict(parse_qsl(parts.query)),
            body=json.loads(raw) if raw else None,
            headers={name.lower(): value for name, value in self.headers.items()},
        )
        self.server.seen.append(self.request_seen)
        answer = self.server.answers.get(f"{self.command} {unquote(parts.path)}")
        if answer is None:
            answer = (404, {"message": f"nothing at {self.command} {parts.path}"})
        if callable(answer):
            self.close_connection = True
            answer(self)
        else:
            self.reply(*answer)

    do_GET = do_POST = do_DELETE = do_HEAD = handle_one  # noqa: N815

    def reply(self, status: int, body: object) -> None:
        """A whole JSON reply; None is an empty one."""
        content = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Api-Version", "1.50")
        if status not in (204, 304):
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if content and self.command != "HEAD":
            self.wfile.write(content)

    def begin(self, status: int = 200, kind: str = "application/json") -> None:
        """A head without a length: the body is what follows until the connection ends."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Connection", "close")
        self.end_headers()

    def begin_chunks(self) -> None:
        """A head with a body in chunks: it ends with an empty one, or the engine went away."""
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def chunk(self, content: bytes) -> None:
        """One chunk."""
        self.wfile.write(b"%x\r\n%b\r\n" % (len(content), content))

    def upgrade(self) -> None:
        """The head of a raw stream."""
        self.wfile.write(
            b"HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\n"
            b"Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
        )

    def frame(self, stream: int, content: bytes) -> None:
        """One frame of a multiplexed stream."""
        self.wfile.write(bytes([stream, 0, 0, 0]) + len(content).to_bytes(4, "big") + content)


class Engine(ThreadingMixIn, UnixStreamServer):
    """The server; *answers* maps ``"GET /networks"`` to what to say."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, where: Path) -> None:
        super().__init__(str(where), Handler)
        self.where = where
        self.answers: dict[str, Answer] = {}
        self.seen: list[Request] = []
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def handle_error(self, request: object, client_address: object) -> None:
        """A command that hung up is no error of ours; anything else is shown."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    @property
    def host(self) -> str:
        """What ``-H`` takes."""
        return f"unix://{self.where}"

    def sent(self) -> list[tuple[str, str]]:
        """The method and path of each request, in order."""
        return [(request.method, request.path) for request in self.seen]

    def close(self) -> None:
        """Stop serving."""
        self.shutdown()
        self._thread.join()
        self.server_close()
