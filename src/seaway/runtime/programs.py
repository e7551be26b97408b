"""Other programs: the one place where Seaway starts any."""

from __future__ import annotations

import os
import subprocess  # noqa: TID251
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from seaway.runtime import watch

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_LEAVE = 1.0
"""Seconds that a program which leaves a child behind has to write down which, when given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """How a program ended."""

    code: int
    """Its exit status; negative: the signal that ended it."""
    output: str
    """What it wrote to both its streams."""


def find(name: str) -> str | None:
    """The path of the program *name*, or None when it is not installed."""
    for directory in _PATH.split(":"):
        path = Path(directory, name)
        if path.is_file() and os.access(path, os.X_OK):
            return str(path)
    return None


async def run(
    command: Sequence[str],
    *,
    timeout: float,
    env: Mapping[str, str] | None = None,
    keep: Sequence[int] = (),
    output: Path | None = None,
) -> Finished:
    """Run *command* to its end, in a session of its own, with the descriptors *keep* open.

    With *output* what it writes goes there, and not into the answer: for programs that leave a
    child behind. Raises TimeoutError after *timeout* seconds; the program is killed then, as it is
    when the wait is cancelled.
    """
    with _memory() if output is None else output.open("ab+") as stream:
        process = _spawn(command, stream.fileno(), env or {}, keep)
        try:
            with watch.process_handle(process.pid) as handle:
                if handle is not None:
                    await watch.readable(handle, timeout=timeout)
        finally:
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=_LEAVE if output else 0)
            with suppress(ProcessLookupError):
                process.kill()
            code = process.wait()
        if output is not None:
            return Finished(code=code, output="")
        stream.seek(0)
        return Finished(code=code, output=stream.read().decode(errors="replace"))


def _memory() -> BinaryIO:
    """A file that is nowhere but in memory."""
    return os.fdopen(os.memfd_create("output"), "w+b")


def _spawn(
    command: Sequence[str], stream: int, env: Mapping[str, str], keep: Sequence[int]
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        list(command),
        stdin=subprocess.DEVNULL,
        stdout=stream,
        stderr=stream,
        env={"PATH": _PATH, **env},
        pass_fds=tuple(keep),
        start_new_session=True,
    )
