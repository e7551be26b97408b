"""A Seaway daemon on a host of the test bed, run as a user runs it."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from bed.docker import docker_client
from bed.host import Host
from bed.pace import PACE
from bed.spot import ROOT, CommandFailed, Result, Spot

RUN_DIR = PurePosixPath("/run/seaway")
DATA_DIR = PurePosixPath("/run/seaway-data")
_NO_AUTHORITIES = {"SSL_CERT_FILE": "/dev/null"}
"""aiohttp reads whom TLS clients trust as it is imported: a tenth of a start, and of no use to a server."""


class Daemon:
    """One daemon. Its directories are the host's, so that a restart finds what was left."""

    def __init__(
        self,
        host: Host,
        log: Path,
        *options: str,
        env: Mapping[str, str] | None = None,
    ) -> None:
        """A daemon on *host* that is not running yet; *log* gets what it says, of all its lives."""
        self.host = host
        self.options = options
        self.env = dict(env or {})
        self.socket = RUN_DIR / "seaway.sock"
        self.docker_client = docker_client
        """Gives the client that ``docker`` runs."""
        self._log = log
        self._process: subprocess.Popen[str] | None = None

    @property
    def address(self) -> str:
        """What ``-H`` and SEAWAY_HOST say."""
        return f"unix://{self.socket}"

    @property
    def log(self) -> str:
        """All that it has said so far."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    @property
    def pid(self) -> int:
        """Its process, as this machine numbers it."""
        assert self._process is not None, "the daemon is not running"
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it was started, and has not ended."""
        return self._process is not None and self._process.poll() is None

    def start(self, *, timeout: float = 15) -> None:
        """Start it and wait until its socket answers; raises CommandFailed with its log."""
        with self._log.open("a") as log:
            self._process = self.host.popen(
                [sys.executable, "-m", "seaway.daemon", *self._arguments()],
                env=_NO_AUTHORITIES | self.env,
                stdout=log.fileno(),
                stderr=log.fileno(),
            )
        self._wait_for_answer(timeout)

    def stop(self, *, timeout: float = 15) -> int:
        """End it as systemd does (SIGTERM) and give its exit status."""
        return self._end(signal.SIGTERM, timeout)

    def kill(self) -> None:
        """End it as a crash does (SIGKILL)."""
        self._end(signal.SIGKILL, 5)

    def restart(self) -> None:
        """SIGTERM, then start with the same directories."""
        self.stop()
        self.start()

    def wait(self, *, timeout: float = 15) -> int:
        """Wait until it ends by itself and give its exit status."""
        assert self._process is not None, "the daemon is not running"
        code = self._process.wait(timeout * PACE)
        self._process = None
        return code

    def close(self) -> None:
        """End it in whatever way works, if it runs."""
        if self._process is not None:
            self.kill()

    def command(self, *arguments: str) -> list[str]:
        """The ``seaway`` command with *arguments*, as a program to run anywhere."""
        return [sys.executable, "-IS", "-c", _launcher(), *arguments]

    def seaway(self, *arguments: str, stdin: str = "", check: bool = True) -> Result:
        """Run the ``seaway`` command on the host; raises CommandFailed if *check*."""
        argv = self.command(*arguments)
        return self.host.run(argv, env={"SEAWAY_HOST": self.address}, stdin=stdin, check=check)

    def start_seaway(
        self,
        *arguments: str,
        stdin: int | None = subprocess.DEVNULL,
        stdout: int | None = subprocess.PIPE,
        stderr: int | None = subprocess.PIPE,
    ) -> subprocess.Popen[str]:
        """Start the ``seaway`` command on the host, for a test that talks to it as it runs."""
        argv = self.command(*arguments)
        env = {"SEAWAY_HOST": self.address}
        return self.host.popen(argv, env=env, stdin=stdin, stdout=stdout, stderr=stderr)

    def docker(self, *arguments: str, stdin: str = "", check: bool = True) -> Result:
        """Run a docker client, Debian's 20.10 by default, against the daemon; raises CommandFailed if *check*."""
        env = {"DOCKER_HOST": self.address, "DOCKER_CONFIG": "/run/docker-client"}
        return self.host.run(
            [str(self.docker_client()), *arguments], env=env, stdin=stdin, check=check
        )

    def get(self, path: str) -> object:
        """What the API answers to ``GET path``, read as JSON; raises CommandFailed unless 200."""
        status, body = self.request("GET", path)
        if status != 200:
            raise CommandFailed(f"GET {path}: status {status}: {body.decode(errors='replace')}")
        return json.loads(body)

    def request(self, method: str, path: str, body: object = None) -> tuple[int, bytes]:
        """One request to the API, from the test's own process: status and body."""
        content = b"" if body is None else json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.0\r\nHost: seaway\r\nContent-Type: application/json\r\n"
        answer = self._exchange(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
        first, _, rest = answer.partition(b"\r\n")
        return int(first.split()[1]), rest.partition(b"\r\n\r\n")[2]

    def sandbox(self, name: str) -> Spot:
        """The network namespace of the sandbox called *name*."""
        match self.get(f"/containers/{name}/json"):
            case {"NetworkSettings": {"SandboxKey": str(key)}} if key:
                return self.host.at(key)
            case other:
                raise CommandFailed(f"sandbox {name} shows no namespace: {other}")

    def _arguments(self) -> tuple[str, ...]:
        places = ("--run-dir", str(RUN_DIR), "--data-dir", str(DATA_DIR), "-H", self.address)
        return (*places, *self.options)

    def _end(self, how: signal.Signals, timeout: float) -> int:
        assert self._process is not None, "the daemon is not running"
        self._process.send_signal(how)
        return self.wait(timeout=timeout)

    def _wait_for_answer(self, timeout: float) -> None:
        timeout *= PACE
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            assert self._process is not None
            if self._process.poll() is not None:
                code = self.wait()
                raise CommandFailed(f"the daemon ended with status {code}:\n{self.log}")
            if self._answers():
                return
            time.sleep(0.01)
        self.kill()
        raise CommandFailed(f"the daemon did not answer within {timeout} s:\n{self.log}")

    def _answers(self) -> bool:
        try:
            return self.request("GET", "/_ping")[0] == 200
        except (OSError, IndexError):
            return False

    def _exchange(self, request: bytes) -> bytes:
        """Send *request* and read to the end (HTTP/1.0: the server closes)."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(30 * PACE)
            connection.connect(str(self.host.path(self.socket)))
            connection.sendall(request)
            return b"".join(iter(lambda: connection.recv(65536), b""))


def _launcher() -> str:
    """The text of the ``seaway`` command, as ``./start`` installs it."""
    return (ROOT / "launch/seaway.in").read_text().replace("@SRC@", str(ROOT / "src"))
