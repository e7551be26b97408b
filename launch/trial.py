"""The trial host of ``./start``: up, what it shows, and away again.

A trial host is made of namespaces (see ``launch/trial-host``): its process 1 holds them, and with
its end everything on it ends. The engine's directories are in STATE, so that its socket is reached
from the machine, whose own network stays as it is.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SEAWAY = ROOT / ".venv/bin/seaway"
STATE = Path(os.environ.get("SEAWAY_TRIAL", "/var/lib/seaway-trial"))
SOCKET = STATE / "run/seaway.sock"
HOLDER = STATE / "process-1"
"""The id of the host's process 1, and when it started: so nobody else is taken for it."""
LOG = STATE / "seaway.log"

ASK = """\
import sys, time, urllib.request
deadline = time.monotonic() + 10
while True:
    try:
        print(urllib.request.urlopen(sys.argv[1], timeout=2).status)
        break
    except OSError as error:
        if time.monotonic() > deadline:
            sys.exit(f"{sys.argv[1]}: {error}")
        time.sleep(0.05)
"""
"""Prints the status of an HTTP answer; tries for ten seconds: servers need a moment to start."""

TRY = """\
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=1).close()
    print("answered")
except OSError:
    print("no answer")
"""

NEXT = """\

The trial host stays up. In your own shell{sudo}:

  export SEAWAY_HOST=unix://{socket}
  export PATH={bin}:$PATH

  seaway ps
  seaway network inspect front
  seaway run --rm --network front python3 -c 'import socket; print(socket.gethostbyname("web"))'
  seaway network connect front vault      # now the two can talk
  seaway map
  seaway --help

  ./start --outside python3 -c 'import urllib.request as u; print(u.urlopen("http://192.0.2.1:8080").status)'
  ./start --clean      # takes the trial host away
  ./start --install    # Seaway for real
"""


class TrialError(Exception):
    """What went wrong, as one sentence."""


class Story:
    """What happens, a line for each step, with the seconds since the beginning."""

    def __init__(self, begin: float) -> None:
        """*begin* is in seconds since the epoch."""
        self._begin = begin

    def tell(self, word: str, text: str) -> None:
        """Print one step that has just been done."""
        sys.stdout.write(f"{time.time() - self._begin:6.1f} s  {word:<9} {text}\n")
        sys.stdout.flush()


def up(story: Story, *, once: bool) -> None:
    """Make a trial host and show on it what Seaway does; leave it up unless *once*."""
    if clean():
        story.tell("host", "took the former trial host away")
    try:
        make_host()
        story.tell("host", "namespaces that play a host, 192.0.2.1, and its neighbour, 192.0.2.2")
        start_engine()
        story.tell("engine", f"seaway daemon -H unix://{SOCKET}")
        show(story)
    except BaseException:
        log = LOG.read_text(errors="replace")[-3000:] if LOG.exists() else ""
        clean()
        sys.stderr.write(log)
        raise
    if once:
        clean()
        story.tell("host", "took the trial host away")
        return
    sudo = "" if "SUDO_UID" not in os.environ else " (as root: sudo -s)"
    sys.stdout.write(NEXT.format(sudo=sudo, socket=SOCKET, bin=SEAWAY.parent))


def show(story: Story) -> None:
    """Two networks, sandboxes on them, and who reaches whom."""

    def do(word: str, line: str, *more: str) -> str:
        out = seaway(*line.split(), *more)
        story.tell(word, f"seaway {line}")
        return out

    do("network", "network create front")
    do("network", "network create back")
    do("sandbox", "run -d --name web --network front -p 8080:80 python3 -m http.server 80")
    do("sandbox", "run -d --name vault --network back sleep infinity")

    inside = ["run", "--rm", "--network"]
    status = seaway(*inside, "front", "python3", "-c", ASK, "http://web/").strip()
    story.tell("by name", f"a sandbox on front asks http://web/: {status}")
    status = outside(["python3", "-c", ASK, "http://192.0.2.1:8080/"]).strip()
    story.tell("port", f"the neighbour asks http://192.0.2.1:8080/: {status}")
    web = address_of("web", "front")
    answer = seaway(*inside, "back", "python3", "-c", TRY, web, "80").strip()
    if answer != "no answer":
        raise TrialError(f"a sandbox on back reached web at {web}, which is on front")
    story.tell("apart", f"a sandbox on back asks web at {web}: {answer}")

    sys.stdout.write(f"\n{seaway('map')}\n")


def make_host() -> None:
    """Start the host's process 1 and wait until all is ready; raises TrialError."""
    STATE.mkdir(mode=0o711, parents=True, exist_ok=True)
    script = str(ROOT / "launch/trial-host")
    pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
    with LOG.open("w") as log:
        holder = subprocess.Popen(
            [script, "0", "sleep", "inf"],
            stdin=nothing,
            stdout=pipe,
            stderr=log,
            text=True,
            cwd="/",
            start_new_session=True,
        )
    assert holder.stdout is not None
    line = holder.stdout.readline().strip()
    if not line:
        raise TrialError("the trial host could not be made; the reason stands above")
    HOLDER.write_text(f"{line} {_started(int(line))}")


def start_engine() -> None:
    """Start the engine on the trial host and wait until it answers; raises TrialError."""
    options = ["--run-dir", str(STATE / "run"), "--data-dir", str(STATE / "data")]
    command = [str(SEAWAY), "daemon", *options, "-H", f"unix://{SOCKET}"]
    with LOG.open("a") as log:
        engine = subprocess.Popen(
            [*_enter(), "--net", "--", *command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    deadline = time.monotonic() + 20
    while not _answers():
        if engine.poll() is not None:
            raise TrialError("the engine ended at once; its log stands above")
        if time.monotonic() > deadline:
            raise TrialError("the engine did not answer within 20 seconds; its log stands above")
        time.sleep(0.02)


def clean() -> bool:
    """Take the trial host away with all that runs on it; whether there was one."""
    pid = _process_1()
    if pid is not None:
        os.kill(pid, signal.SIGKILL)
        _wait(lambda: _process_1() is None)
    shutil.rmtree(STATE, ignore_errors=True)
    return pid is not None


def outside(argv: Sequence[str]) -> str:
    """What *argv* prints when the neighbour runs it; raises TrialError."""
    return _run(_outside(argv), "the neighbour")


def seaway(*words: str) -> str:
    """What the ``seaway`` command prints; raises TrialError with what it said."""
    return _run([str(SEAWAY), *words], f"seaway {' '.join(words[:3])}")


def address_of(sandbox: str, network: str) -> str:
    """The IPv4 address of *sandbox* on *network*; raises TrialError."""
    form = f"{{{{.NetworkSettings.Networks.{network}.IPAddress}}}}"
    return seaway("inspect", "--format", form, sandbox).strip()


def _run(argv: Sequence[str], who: str) -> str:
    environment = os.environ | {"SEAWAY_HOST": f"unix://{SOCKET}"}
    try:
        done = subprocess.run(
            argv,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            stdin=subprocess.DEVNULL,
            env=environment,
        )
    except subprocess.TimeoutExpired:
        raise TrialError(f"{who}: no end after 60 seconds") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip() or f"status {done.returncode}"
        raise TrialError(f"{who}: {said}")
    return done.stdout


def _outside(argv: Sequence[str]) -> list[str]:
    return [*_enter(), "--", "nsenter", "--net=/run/outside", "--", *argv]


def _enter() -> list[str]:
    pid = _process_1()
    if pid is None:
        raise TrialError("there is no trial host; './start' makes one")
    return ["nsenter", "--target", str(pid), "--mount", "--pid", "--uts", "--ipc"]


def _process_1() -> int | None:
    """The host's process 1, if it lives."""
    if not HOLDER.exists():
        return None
    pid, started = HOLDER.read_text().split()
    return int(pid) if _started(int(pid)) == started else None


def _started(pid: int) -> str:
    """When *pid* started, with the boot: nothing else can have both; empty when it is gone.

    Source: proc(5), /proc/pid/stat, field 22, counted behind the name, which may hold anything.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return "" if fields[0] == "Z" else f"{boot}/{fields[19]}"


def _answers() -> bool:
    try:
        seaway("version")
    except TrialError:
        return False
    return True


def _wait(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not done() and time.monotonic() < deadline:
        time.sleep(0.01)


def main() -> int:
    """Do what the command line says; gives the exit status."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--since", type=float, default=time.time(), help="when ./start began")
    parser.add_argument("verb", choices=["up", "clean", "outside"])
    parser.add_argument("--once", action="store_true")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    args = parser.parse_args()
    story = Story(args.since)
    try:
        match args.verb:
            case "up":
                up(story, once=args.once)
            case "clean":
                story.tell("host", "took it away" if clean() else "there was no trial host")
            case _:
                argv = _outside(args.command)
                os.execvp(argv[0], argv)
    except TrialError as error:
        sys.stderr.write(f"./start: {error}\n")
        return 1
    except BrokenPipeError:  # nobody reads on (./start | head): what was made stays
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


if __name__ == "__main__":
    sys.exit(main())
