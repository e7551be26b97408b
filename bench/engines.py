"""An engine that speaks the Docker API, ours or Docker's, and a kept connection to it."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Self, cast

from bench import peers
from bench.stage import Refused, a_stage

from bed.spot import CommandFailed


class Line(HTTPConnection):
    """A kept connection to a Unix socket that reads whatever form a reply's body has."""

    def __init__(self, path: Path) -> None:
        super().__init__("bench", timeout=120)
        self._path = path

    def connect(self) -> None:
        """Reach the socket."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(120)
        self.sock.connect(str(self._path))

    def ask(self, method: str, path: str, body: object = None) -> bytes:
        """The body of the reply; raises Refused."""
        content = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} if content else {}
        self.request(method, path, content, headers)
        reply = self.getresponse()
        text = reply.read()
        if reply.status >= 400:
            raise Refused(f"{method} {path}: {reply.status} {text.decode(errors='replace')}")
        return text

    def made(self, path: str, body: object) -> str:
        """The id of what ``POST path`` makes."""
        return str(cast("dict[str, str]", json.loads(self.ask("POST", path, body)))["Id"])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """One that runs, with a way to talk to it."""

    name: str
    socket: Path
    pid: int
    image: str
    line: Line

    def networks(self, first: int, count: int) -> list[str]:
        """Make networks of 64 addresses each; gives their ids."""
        return [self._network(n) for n in range(first, first + count)]

    def _network(self, number: int) -> str:
        subnet = f"10.{64 + number // 1024}.{number // 4 % 256}.{number % 4 * 64}/26"
        body = {"Name": f"net{number}", "IPAM": {"Config": [{"Subnet": subnet}]}}
        return self.line.made("/networks/create", body)

    def program(self, name: str, network: str) -> None:
        """A container that sleeps, running on *network*."""
        host = {"NetworkMode": network}
        body = {"Image": self.image, "Cmd": ["sleep", "1000"], "HostConfig": host}
        self.line.made(f"/containers/create?name={name}", body)
        self.line.ask("POST", f"/containers/{name}/start")

    @property
    def memory(self) -> float:
        """What the daemon has in memory of its own and shared with files, in MB."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise Refused(f"{self.name} is gone")


@contextmanager
def seaway() -> Generator[Engine]:
    """Ours."""
    with a_stage() as stage:
        path = stage.host.path(stage.daemon.socket)
        with Line(path) as line:
            yield Engine(name="Seaway", socket=path, pid=stage.daemon.pid, image="host", line=line)


@contextmanager
def docker() -> Generator[Engine]:
    """Debian's dockerd, unpacked; raises CommandFailed, CalledProcessError, OSError."""
    peers.unpack()
    with peers.docker() as peer:
        path = peer.host.path("/run/docker.sock")
        with Line(path) as line:
            yield Engine(
                name="docker",
                socket=path,
                pid=_holder(path),
                image=peers.IMAGE,
                line=line,
            )


def _holder(path: Path) -> int:
    """Who answers on the socket *path* (SO_PEERCRED, socket(7))."""
    with socket.socket(socket.AF_UNIX) as asking:
        asking.connect(str(path))
        return int.from_bytes(
            asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 4), sys.byteorder
        )


@contextmanager
def both() -> Generator[tuple[Sequence[Engine], tuple[str, ...]]]:
    """Ours, Docker's if it can be had, and why it cannot."""
    with ExitStack() as engines:
        found = [engines.enter_context(seaway())]
        try:
            found.append(engines.enter_context(docker()))
        except (CommandFailed, subprocess.CalledProcessError, OSError) as error:
            yield found, (f"docker left out: {error}",)
        else:
            yield found, ()
