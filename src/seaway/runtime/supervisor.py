"""How conmon is called, and what it says: one conmon supervises one process.

Source: conmon(8) and, for what that leaves out, src/conmon.c of containers/conmon 2.1: it answers with
one line of JSON on the descriptor _OCI_SYNCPIPE; before a further process it says on
_OCI_ATTACHPIPE that its socket is there, and waits for a byte on _OCI_STARTPIPE.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import msgspec

from seaway.model.errors import Unavailable
from seaway.model.sandbox import Process
from seaway.plan.oci_error import refusal
from seaway.runtime import programs, traces, watch

START_TIMEOUT = 60.0
"""Seconds for a runtime to make a container or start its command; the kernel may be slow."""
SPECIFICATION = "process.json"
"""Where a further process is described, in its directory."""
_CHUNK = 1 << 16
"""Bytes of an answer that are read at once."""
_GO = b"\0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """The directory of a conmon, and the container that it serves."""

    container: str
    directory: Path
    """Its bundle: here are its sockets, its pid file and what it has to complain about."""
    program: str
    """The OCI runtime."""
    states: Path
    """Where the runtime keeps what it must remember."""


class _Answer(msgspec.Struct):
    """What conmon writes to its sync pipe; the number's name depends on its version."""

    pid: int | None = None
    exit_code: int | None = None
    data: int | None = None
    message: str = ""

    @property
    def number(self) -> int:
        given = (self.pid, self.exit_code, self.data)
        return next((n for n in given if n is not None), -1)


async def begin(seat: Seat, process: Process, exit_dir: Path, log: Path) -> int:
    """Let a conmon make the container of *seat*; gives the process id.

    Raises CannotRun, Unavailable.
    """
    options = ("--exit-dir", str(exit_dir), "--log-path", f"k8s-file:{log}")
    with _Pipe() as sync:
        env = {"_OCI_SYNCPIPE": str(sync.write)}
        await _spawn(seat, (*options, *_terminal(process)), env, (sync.write,))
        sync.close(sync.write)
        return _pid_of(await _answer(sync.read), process.args, seat.directory, further=False)


@asynccontextmanager
async def begin_further(
    seat: Seat, process: Process
) -> AsyncGenerator[Callable[[], Awaitable[int]]]:
    """A conmon that waits to be attached to; what is given then lets the process run.

    So no output is lost. Raises CannotRun, Unavailable.
    """
    options = (
        "--exec", "--exec-attach", "--exec-process-spec", str(seat.directory / SPECIFICATION),
        "--exit-dir", str(seat.directory / "exit"), "--log-path", "none", *_terminal(process),
    )  # fmt: skip
    with _Pipe() as sync, _Pipe() as ready, _Pipe() as go:
        env = {
            "_OCI_SYNCPIPE": str(sync.write),
            "_OCI_ATTACHPIPE": str(ready.write),
            "_OCI_STARTPIPE": str(go.read),
        }
        os.write(go.write, _GO)  # this one is for conmon itself
        await _spawn(seat, options, env, (sync.write, ready.write, go.read))
        sync.close(sync.write)
        ready.close(ready.write)
        await _answer(ready.read)

        async def let_go() -> int:
            os.write(go.write, _GO)
            return _pid_of(await _answer(sync.read), process.args, seat.directory, further=True)

        yield let_go


async def _spawn(
    seat: Seat, options: Sequence[str], env: dict[str, str], keep: Sequence[int]
) -> None:
    """Start a conmon, which goes on in the background; raises Unavailable."""
    output = seat.directory / "conmon.log"
    try:
        done = await programs.run(
            _command(seat, options), timeout=START_TIMEOUT, env=env, keep=keep, output=output
        )
    except TimeoutError as error:
        raise Unavailable(f"conmon did not start within {START_TIMEOUT:.0f} seconds") from error
    if done.code != 0:
        raise Unavailable(f"conmon failed: {traces.last_line(output) or done.code}")


def _command(seat: Seat, options: Sequence[str]) -> list[str]:
    conmon = programs.find("conmon")
    if conmon is None:
        raise Unavailable("conmon is not installed: it holds the processes of sandboxes")
    return [
        conmon, "--api-version", "1", "--cid", seat.container, "--cuuid", seat.container,
        "--runtime", seat.program, "--runtime-arg", "--root", "--runtime-arg", str(seat.states),
        "--bundle", str(seat.directory), "--container-pidfile", str(seat.directory / "pid"),
        "--conmon-pidfile", str(seat.directory / traces.CONMON_PID),
        "--full-attach", "--no-sync-log", "--log-level", "error", *options,
    ]  # fmt: skip


def _terminal(process: Process) -> tuple[str, ...]:
    """The options that tell conmon about the streams of *process*.

    A terminal's input never ends; with other streams conmon closes it when that of a client ends.
    """
    return (
        *(("--terminal", "--leave-stdin-open") if process.tty else ()),
        *(("--stdin",) if process.stdin_open else ()),
    )


class _Pipe:
    """A pipe whose ends may be closed one by one."""

    def __init__(self) -> None:
        self.read, self.write = os.pipe2(os.O_CLOEXEC)
        self._open = {self.read, self.write}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for end in tuple(self._open):
            self.close(end)

    def close(self, end: int) -> None:
        """Close *end*; closed already is fine."""
        if end in self._open:
            self._open.remove(end)
            os.close(end)


async def _answer(descriptor: int) -> _Answer | None:
    """What conmon says first on one of its pipes, a line of JSON; None when it says nothing.

    A process that ends at once has a second line there, its exit status.
    """
    os.set_blocking(descriptor, False)
    text = b""
    while b"\n" not in text:
        try:
            await watch.readable(descriptor, timeout=START_TIMEOUT)
        except TimeoutError as error:
            raise Unavailable(f"no word from conmon within {START_TIMEOUT:.0f} seconds") from error
        part = os.read(descriptor, _CHUNK)
        if not part:
            break
        text += part
    line = text.split(b"\n")[0].decode(errors="replace")  # it cuts long messages off anywhere
    try:
        return msgspec.json.decode(line, type=_Answer) if text else None
    except msgspec.DecodeError as error:
        raise Unavailable(f"conmon said {text!r}") from error


def _pid_of(answer: _Answer | None, args: Sequence[str], directory: Path, *, further: bool) -> int:
    """The process id in *answer*; raises CannotRun, Unavailable."""
    if answer is None:
        raise Unavailable(
            f"conmon failed: {traces.last_line(directory / 'conmon.log') or 'without a word'}"
        )
    if answer.number <= 0:
        raise refusal(answer.message, command=args[0], further=further)
    return answer.number
