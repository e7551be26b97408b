"""HTTP/1.1 to the engine over its Unix socket, or TCP: one connection for each request.

By hand, since ``http.client`` would cost 20 ms to import. Each body tells its end, by its length or
its last chunk (RFC 9112, sections 6 and 7.1), so an engine that goes away in the middle is no end.
"""

from __future__ import annotations

from _socket import AF_UNIX, SHUT_WR, SOCK_CLOEXEC, SOCK_STREAM, socket

from seaway.cli.failure import WENT_AWAY, DaemonError, Failure, Unreachable
from seaway.cli.text import compact, parsed, printable
from seaway.cli.values import text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from seaway.cli.remote import TlsConnection
    from seaway.cli.target import Tls

    Query = Mapping[str, object]
    Connection = socket | TlsConnection

DEFAULT_SOCKET = "/run/seaway/seaway.sock"
MAX_HEAD = 65536
"""Bytes; a longer head is not from our engine."""
MAX_SOCKET_PATH = 107
"""Bytes that fit into sockaddr_un (unix(7))."""
_READ = 65536
_BODILESS = (204, 304)
_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~")


def escaped(value: str) -> str:
    """*value* for one part of a path or a query (RFC 3986, section 2.3)."""
    raw = value.encode("utf-8", "surrogateescape")
    return "".join(chr(byte) if byte in _PLAIN else f"%{byte:02X}" for byte in raw)


def path(*parts: str) -> str:
    """``path("networks", "a b")`` is ``/networks/a%20b``. Raises Failure for an empty name."""
    for part in parts:
        if not part.strip("./ "):
            raise Failure(f"{part!r} is no name and no id")
    return "".join(f"/{escaped(part.lstrip('/'))}" for part in parts)


def query_text(query: Query) -> str:
    """``?a=1&b=x``; values of None, False and "" are left out."""
    said = [
        f"{name}={escaped('1' if value is True else str(value))}"
        for name, value in query.items()
        if value is not None and value is not False and value != ""
    ]
    return "?" + "&".join(said) if said else ""


class Reply:
    """A reply whose head has been read; its body is read as it comes."""

    def __init__(self, connection: Connection) -> None:
        self.socket = connection
        head, self._early = _head(connection)
        lines = head.decode("latin-1").split("\r\n")
        self.status = _status(lines[0])
        split = (line.partition(":") for line in lines[1:])
        self.headers = {name.strip().lower(): value.strip() for name, _, value in split}
        self._chunked = self.headers.get("transfer-encoding") == "chunked"
        self._left = self._length()
        """Bytes of the body, or of the chunk, still to come; None: all until the connection ends."""

    def _length(self) -> int | None:
        if self._chunked or self.status in _BODILESS:
            return 0
        said = self.headers.get("content-length", "")
        return int(said) if said.isdecimal() else None

    def fileno(self) -> int:
        """The descriptor to wait on."""
        return self.socket.fileno()

    def read(self) -> bytes:
        """The next bytes of the body, as they come; empty at its end.

        Raises Failure when the engine went away in the middle of it.
        """
        if self._chunked and self._left == 0:
            self._left = self._next_chunk()
        if self._left == 0:
            self._chunked = False
            return b""
        self._early = self._early or self._received()
        if self._left is None:
            part, self._early = self._early, b""
            return part
        if not self._early:
            raise self._broken(WENT_AWAY)
        part, self._early = self._early[: self._left], self._early[self._left :]
        self._left -= len(part)
        return part

    def _next_chunk(self) -> int:
        """The length of the chunk that begins here, behind the end of the one before; 0: the last."""
        line = self._line() or self._line()
        try:
            return int(line.partition(b";")[0], 16)
        except ValueError:
            why = "the engine sent a body in a form that this command does not know"
            raise self._broken(why) from None

    def _line(self) -> bytes:
        while b"\r\n" not in self._early:
            part = self._received()
            if not part or len(self._early) > MAX_HEAD:
                raise self._broken(WENT_AWAY)
            self._early += part
        line, _, self._early = self._early.partition(b"\r\n")
        return line

    def _broken(self, why: str) -> Failure:
        self.close()
        return Failure(why)

    def _received(self) -> bytes:
        try:
            return self.socket.recv(_READ)
        except ConnectionResetError:
            return b""

    @property
    def waiting(self) -> bool:
        """Whether bytes were read with the head, which no poll would report."""
        return bool(self._early)

    def all(self) -> bytes:
        """The whole body. Raises Failure when the engine went away in the middle of it."""
        body = b"".join(iter(self.read, b""))
        self.close()
        return body

    def lines(self) -> Iterator[str]:
        """The body line by line, each as soon as it is there."""
        rest = b""
        for part in iter(self.read, b""):
            *whole, rest = (rest + part).split(b"\n")
            for line in whole:
                yield line.decode("utf-8", "replace")
        if rest:
            yield rest.decode("utf-8", "replace")
        self.close()

    def close(self) -> None:
        """Hang up."""
        self.socket.close()

    def end_input(self) -> None:
        """Tell the other side that nothing more will be sent; it may still answer."""
        try:
            self.socket.shutdown(SHUT_WR)
        except OSError:
            return  # it is gone already, which is what this would tell it


def _head(connection: Connection) -> tuple[bytes, bytes]:
    """The reply's head and the body's bytes that came with it."""
    received = b""
    while b"\r\n\r\n" not in received:
        try:
            part = connection.recv(_READ)
        except ConnectionResetError:
            part = b""
        if not part or len(received) > MAX_HEAD:
            raise Unreachable("the engine closed the connection without an answer")
        received += part
    head, _, early = received.partition(b"\r\n\r\n")
    return head, early


def _status(line: str) -> int:
    words = line.split(" ", 2)
    if len(words) < 2 or not words[0].startswith("HTTP/1.") or not words[1].isdecimal():
        raise Unreachable("what answers on this socket is not the engine")
    return int(words[1])


def reason(body: bytes, status: int) -> str:
    """The engine's own sentence in an error's *body*; other programs' words may be in it."""
    content = body.decode("utf-8", "replace")
    try:
        said = text(parsed(content), "message")
    except ValueError:
        said = content.strip()
    return "\n".join(map(printable, said.splitlines())) or f"status {status}"


class Api:
    """The engine behind one socket."""

    def __init__(
        self, host: str = "", tls: Tls | None = None, *, patience: float | None = None
    ) -> None:
        """*host* is ``unix://PATH`` or ``tcp://HOST:PORT``; empty: the default socket.

        *patience*: seconds that each wait for the engine may take; None: for ever.
        Raises Failure for other kinds.
        """
        scheme, _, where = (host or f"unix://{DEFAULT_SOCKET}").partition("://")
        if scheme not in ("unix", "tcp") or not where:
            raise Failure(
                f"the engine listens on unix:// and tcp:// only, not on {host!r}: "
                f"name it as unix://{DEFAULT_SOCKET} or tcp://HOST:2376"
            )
        self.socket_path = where if scheme == "unix" else ""
        """Where its Unix socket is; empty for one behind TCP."""
        self._remote, self._tls = (where if scheme == "tcp" else ""), tls
        self._patience = patience

    def connect(self) -> Connection:
        """A new connection. Raises Unreachable, which says what to do."""
        if self._remote:
            from seaway.cli.remote import connection as remote_connection  # noqa: PLC0415
            from seaway.cli.target import Tls  # noqa: PLC0415

            return remote_connection(self._remote, self._tls or Tls({}, {}), self._patience)
        if len(self.socket_path.encode()) > MAX_SOCKET_PATH:
            raise Failure(
                f"{self.socket_path} is too long for a socket: {MAX_SOCKET_PATH} bytes fit"
            )
        connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC)
        connection.settimeout(self._patience)
        try:
            connection.connect(self.socket_path)
        except OSError as error:
            connection.close()
            raise _unreachable(self.socket_path, error) from None
        return connection

    def open(self, method: str, where: str, body: object = None, **query: object) -> Reply:
        """Send a request and read the reply's head. Raises DaemonError, Unreachable."""
        return self._sent(method, where, body, query, upgrade=False)

    def upgrade(self, where: str, body: object = None, **query: object) -> Reply:
        """POST, and ask for the raw stream behind the reply's head. Raises as ``open``."""
        return self._sent("POST", where, body, query, upgrade=True)

    def _sent(self, method: str, where: str, body: object, query: Query, *, upgrade: bool) -> Reply:
        content = b"" if body is None else compact(body).encode()
        head = [
            f"{method} {where}{query_text(query)} HTTP/1.1",
            f"Host: {self._remote or 'seaway'}",
            "User-Agent: seaway",
        ]
        head += ["Connection: Upgrade", "Upgrade: tcp"] if upgrade else ["Connection: close"]
        if body is not None:
            head.append("Content-Type: application/json")
        if content or method == "POST":
            head.append(f"Content-Length: {len(content)}")
        connection = self.connect()
        _send(connection, "\r\n".join([*head, "", ""]).encode() + content)
        try:
            reply = Reply(connection)
        except BaseException:
            connection.close()
            raise
        if reply.status >= 400:
            raise DaemonError(reply.status, reason(reply.all(), reply.status))
        return reply

    def call(self, method: str, where: str, body: object = None, **query: object) -> object:
        """Send a request and read its whole JSON reply; None when there is no body."""
        content = self.open(method, where, body, **query).all()
        try:
            return parsed(content.decode()) if content.strip() else None
        except ValueError as error:
            raise Failure(f"the engine's answer is not JSON: {error}") from None

    def get(self, where: str, **query: object) -> object:
        """``call("GET", …)``."""
        return self.call("GET", where, **query)

    def post(self, where: str, body: object = None, **query: object) -> object:
        """``call("POST", …)``."""
        return self.call("POST", where, body, **query)

    def wait_for_end(self, seconds: float) -> None:
        """Wait until the engine's socket is gone, *seconds* at most."""
        import os  # noqa: PLC0415 - the interpreter has both already; other commands need neither
        import time  # noqa: PLC0415

        deadline = time.monotonic() + seconds
        while os.path.exists(self.socket_path) and time.monotonic() < deadline:  # noqa: PTH110
            time.sleep(0.01)

    def delete(self, where: str, **query: object) -> object:
        """``call("DELETE", …)``."""
        return self.call("DELETE", where, **query)


def _send(connection: Connection, request: bytes) -> None:
    try:
        connection.sendall(request)
    except (BrokenPipeError, ConnectionResetError):
        return  # refused before all of it was read; the answer that says why can still be read


def _unreachable(socket_path: str, error: OSError) -> Unreachable:
    """What to do when nobody answers on the socket."""
    if isinstance(error, PermissionError):
        return Unreachable(
            f"you may not use {socket_path}: you are not in the group seaway: "
            "sudo usermod -aG seaway $USER, then log in again"
        )
    if isinstance(error, (FileNotFoundError, ConnectionRefusedError, NotADirectoryError)):
        return Unreachable(
            f"nobody answers on {socket_path}: is the engine running? start it with: seaway daemon",
            nobody_there=True,
        )
    return Unreachable(f"cannot use {socket_path}: {error.strerror}")
