"""What the parts share: a host with a daemon, a kept connection to its API, a stop watch."""

from __future__ import annotations

import json
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from bench.figures import Report

from bed.daemon import Daemon
from bed.host import Host, a_host
from bed.spot import ROOT

Part = Callable[[int], Report]
"""Takes the number of rounds."""

SUBNET = "10.77.0.0/16"
"""Of the network "bench": room for more endpoints than a bridge has ports (1023)."""


class Refused(Exception):
    """The API did not do what it was asked for."""


class Api:
    """One kept HTTP/1.1 connection to a Unix socket, as cheap as Python can make it."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(60)
        self._socket.connect(str(path))

    def post(self, path: str, body: object = None) -> object:
        """``POST path``; raises Refused."""
        return self._ask("POST", path, b"" if body is None else json.dumps(body).encode())

    def get(self, path: str) -> object:
        """``GET path``; raises Refused."""
        return self._ask("GET", path, b"")

    def _ask(self, method: str, path: str, body: bytes) -> object:
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        self._socket.sendall(head.encode() + body)
        status, content = self._answer()
        if status >= 400:
            raise Refused(f"{method} {path}: {status} {content.decode(errors='replace')}")
        return json.loads(content) if content.strip() else None

    def _answer(self) -> tuple[int, bytes]:
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._more()
        head, _, content = data.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (x.partition(": ") for x in lines)}
        length = int(headers.get("content-length", "0"))
        while len(content) < length:
            content += self._more()
        return int(first.split()[1]), content

    def _more(self) -> bytes:
        data = self._socket.recv(1 << 16)
        if not data:
            raise Refused("the daemon closed the connection")
        return data

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A host, a daemon on it with one network "bench", and a way to talk to it."""

    host: Host
    daemon: Daemon
    api: Api

    def sandbox(self, name: str, *, network: str | None = None) -> None:
        """Make a sandbox without a process."""
        wanted: dict[str, dict[str, str]] = {} if network is None else {network: {}}
        body = {"Name": name, "NetworkingConfig": {"EndpointsConfig": wanted}}
        self.api.post("/seaway/sandboxes", body)

    def connect(self, name: str) -> None:
        """Put a sandbox on "bench"."""
        self.api.post("/networks/bench/connect", {"Container": name})

    def disconnect(self, name: str) -> None:
        """Take a sandbox off "bench"."""
        self.api.post("/networks/bench/disconnect", {"Container": name})


@contextmanager
def a_stage() -> Generator[Stage]:
    """A host with a running daemon; nothing of it is left afterwards."""
    with tempfile.TemporaryDirectory() as folder, a_host() as host:
        daemon = Daemon(host, Path(folder, "daemon.log"))
        daemon.start(
            timeout=60
        )  # a stage before may still be taken down, which Linux does under one lock
        try:
            with Api(host.path(daemon.socket)) as api:
                config = {"Config": [{"Subnet": SUBNET}]}
                api.post("/networks/create", {"Name": "bench", "IPAM": config})
                yield Stage(host=host, daemon=daemon, api=api)
        except BaseException:
            sys.stderr.write(daemon.log[-3000:])
            raise
        finally:
            daemon.close()


def launcher(folder: Path) -> Path:
    """The ``seaway`` command in *folder*, as ``./start`` installs it."""
    text = (ROOT / "launch/seaway.in").read_text()
    command = folder / "seaway"
    command.write_text(text.replace("@PYTHON@", sys.executable).replace("@SRC@", str(ROOT / "src")))
    command.chmod(0o755)
    return command


def timed(work: Callable[[], object]) -> float:
    """How many milliseconds *work* takes."""
    begin = time.perf_counter()
    work()
    return (time.perf_counter() - begin) * 1e3
