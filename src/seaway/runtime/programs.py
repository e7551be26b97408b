"""Other programs: the one place where Seaway starts any."""

from __future__ import annotations

import logging
import os
import resource
import subprocess  # noqa: TID251
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from seaway.runtime import watch

log = logging.getLogger(__name__)

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_LEAVE = 1.0
"""Seconds that a program which leaves a child behind has to write down which, when given up."""
_KILLED = 2.0
"""Seconds for a killed program to be gone; one that waits in the kernel for a device is not."""


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
    most: int | None = None,
) -> Finished:
    """Run *command* to its end, in a session of its own, with the descriptors *keep* open.

    With *output* what it writes goes there, and not into the answer: for programs that leave a
    child behind. One that writes more than *most* bytes is ended by SIGXFSZ. Raises TimeoutError
    after *timeout* seconds; the program is killed then, as it is when the wait is cancelled, and
    nobody waits for one that even so does not end.
    """
    with _memory() if output is None else output.open("ab+") as stream:
        process = _spawn(command, stream.fileno(), env or {}, keep)
        if most is not None:
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (most, most))
        try:
            with watch.process_handle(process.pid) as handle:
                if handle is not None:
                    await watch.readable(handle, timeout=timeout)
        except BaseException:
            await _give_up(process, _LEAVE if output else 0)
            raise
        code = process.wait()
        if output is not None:
            return Finished(code=code, output="")
        stream.seek(0)
        return Finished(code=code, output=stream.read().decode(errors="replace"))


async def _give_up(process: subprocess.Popen[bytes], leave: float) -> None:
    """Let *process* end by itself within *leave* seconds, then kill it; the loop goes on."""
    try:
        await _ends(process, leave)
        process.kill()
        await _ends(process, _KILLED)
    finally:
        process.kill()
        if process.poll() is None:
            log.warning("a killed program does not end", extra={"pid": process.pid})
            threading.Thread(target=process.wait, name="reaper", daemon=True).start()


async def _ends(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Wait until *process* ends, at most so long."""
    if process.poll() is None:
        with suppress(TimeoutError), watch.process_handle(process.pid) as handle:
            if handle is not None:
                await watch.readable(handle, timeout=seconds)


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
