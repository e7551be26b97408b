"""A spot: a network namespace from which tests run commands, listen and ask."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from bed.echo import Echo
from bed.namespaces import Place, inside, start
from bed.pace import PACE, SILENCE

ROOT = Path(__file__).resolve().parents[2]
"""The project's folder."""

KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}


class CommandFailed(AssertionError):
    """A command that had to succeed did not; the message carries all that it said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How a command ended and what it said."""

    code: int
    """The exit status; negative: the signal that ended it."""
    out: str
    err: str


class Spot:
    """Somewhere to run, listen and ask: a host, its neighbour, or a sandbox."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._started: list[subprocess.Popen[str]] = []
        self._servers: list[Echo] = []

    def popen(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        stdin: int | None = subprocess.DEVNULL,
        stdout: int | None = None,
        stderr: int | None = None,
    ) -> subprocess.Popen[str]:
        """Start *argv* here, in the project's folder, with *env* on top of our own environment.

        What still runs when the spot is closed is killed.
        """
        process = start(
            self.place,
            argv,
            env=os.environ | {"PYTHONPATH": f"{ROOT}/src:{ROOT}/tests"} | dict(env or {}),
            cwd=ROOT,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
        )
        self._started.append(process)
        return process

    def run(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        stdin: str = "",
        check: bool = True,
        timeout: float = 60,
    ) -> Result:
        """Run *argv* here to its end, within *timeout* seconds; raises CommandFailed if *check*."""
        pipe = subprocess.PIPE
        process = self.popen(argv, env=env, stdin=pipe, stdout=pipe, stderr=pipe)
        try:
            out, err = process.communicate(stdin, timeout=timeout * PACE)
        finally:
            _end(process)
            self._started.remove(process)
        if check and process.returncode:
            raise CommandFailed(f"{' '.join(argv)}: status {process.returncode}\n{out}{err}")
        return Result(code=process.returncode, out=out, err=err)

    def sh(self, script: str, *, check: bool = True) -> Result:
        """Run a shell script here, ending at its first error."""
        return self.run(["sh", "-euc", script], check=check)

    def python(self, code: str, *arguments: str, check: bool = True) -> Result:
        """Run Python code here, with the project's own modules."""
        return self.run([sys.executable, "-c", code, *arguments], check=check)

    def open_socket(self, family: socket.AddressFamily, kind: socket.SocketKind) -> socket.socket:
        """A socket that lives here, wherever it is used."""
        return inside(self.place, lambda: socket.socket(family, kind))

    def serve(self, name: str, proto: str, port: int, address: str | None = None) -> Echo:
        """Answer here on *port* with *name* and the asker's address, until the spot is closed.

        Without *address*: on all addresses of both families.
        """
        family = socket.AF_INET6 if address is None else _family(address)
        server = Echo(name, self.open_socket(family, KINDS[proto]), address, port)
        self._servers.append(server)
        return server

    def connect(self, proto: str, address: str, port: int, timeout: float = 2) -> socket.socket:
        """A connected socket from here; raises OSError (TimeoutError: nobody answered)."""
        connection = self.open_socket(_family(address), KINDS[proto])
        connection.settimeout(timeout * SILENCE)
        try:
            connection.connect((address, port))
        except BaseException:
            connection.close()
            raise
        return connection

    def ask(self, proto: str, address: str, port: int, timeout: float = 2) -> str:
        """What the server at *address* says: its name and our address as it sees it.

        Raises OSError, of which TimeoutError: no answer within *timeout* seconds.
        """
        with self.connect(proto, address, port, timeout) as connection:
            connection.sendall(b"who?\n")
            return str(connection.recv(2048), "ascii").strip()

    def reaches(self, proto: str, address: str, port: int, timeout: float = 0.5) -> bool:
        """Whether anybody answers at *address* within *timeout* seconds."""
        try:
            return bool(self.ask(proto, address, port, timeout))
        except OSError:
            return False

    def close_servers(self) -> None:
        """Nobody answers here any more."""
        for server in self._servers:
            server.close()
        self._servers.clear()

    def close(self) -> None:
        """End all that was started here."""
        self.close_servers()
        for process in self._started:
            _end(process)
        self._started.clear()


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.kill()
    process.wait(10)
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            stream.close()


def _family(address: str) -> socket.AddressFamily:
    version = ip_address(address.partition("%")[0]).version
    return socket.AF_INET if version == 4 else socket.AF_INET6
