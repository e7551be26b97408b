"""Holding all processes of a container still, by its cgroup, of either version.

Source: the kernel's Documentation/admin-guide/cgroup-v1/freezer-subsystem.rst, and cgroup-v2.rst
(cgroup.freeze, cgroup.events).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from seaway.model.errors import Unavailable

CGROUPS = Path("/sys/fs/cgroup")
FREEZE_TIMEOUT = 10.0
"""Seconds in which all processes stand still; one that waits in the kernel for a device does not."""
_PAUSE = 0.01
_LOOKS = 20
"""How often to look, before they are told again."""


@dataclass(frozen=True, slots=True)
class _Switch:
    """Where to write, what, and what is read from where when it has happened."""

    path: Path
    still: str
    going: str
    told: Path
    sign: str


def is_still(name: str, cgroups: Path = CGROUPS) -> bool:
    """Whether the processes of the cgroup *name* are held still; not where nobody can tell."""
    switch = _switch(name, cgroups)
    return switch is not None and _says(switch)


async def hold(name: str, cgroups: Path = CGROUPS) -> None:
    """Hold the processes of the cgroup *name* still; raises Unavailable, and they go on then."""
    switch = _switch(name, cgroups)
    if switch is None:
        raise Unavailable(
            "this host has no freezer among its control groups, so nothing can be paused; "
            "stop the container instead"
        )
    try:
        async with asyncio.timeout(FREEZE_TIMEOUT):
            while not await _held(switch):
                _write(switch.path, switch.going)
                await asyncio.sleep(_PAUSE)
    except BaseException as error:
        _write(switch.path, switch.going)
        if isinstance(error, TimeoutError):
            raise Unavailable(
                f"not all processes stood still within {FREEZE_TIMEOUT:.0f} seconds: one waits in "
                "the kernel for a device or a file server"
            ) from None
        raise


async def _held(switch: _Switch) -> bool:
    """Whether all stand still soon after they were told to.

    Version 1 may stay half way for ever with a process that forks or starts a program meanwhile:
    then it has to be told anew.
    """
    _write(switch.path, switch.still)
    for _ in range(_LOOKS):
        if _says(switch):
            return True
        await asyncio.sleep(_PAUSE)
    return False


def let_go(name: str, cgroups: Path = CGROUPS) -> None:
    """Let the processes of the cgroup *name* go on; going already, and gone, is fine."""
    switch = _switch(name, cgroups)
    if switch is not None and _read(switch.path) != switch.going:
        _write(switch.path, switch.going)


def _switch(name: str, cgroups: Path) -> _Switch | None:
    unified, old = cgroups / name, cgroups / "freezer" / name
    if (unified / "cgroup.freeze").exists():
        return _Switch(unified / "cgroup.freeze", "1", "0", unified / "cgroup.events", "frozen 1")
    state = old / "freezer.state"
    return _Switch(state, "FROZEN", "THAWED", state, "FROZEN") if state.exists() else None


def _says(switch: _Switch) -> bool:
    return switch.sign in _read(switch.told).splitlines()


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:  # gone
        return ""


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text)
    except FileNotFoundError:
        pass  # gone, with all that was in it
    except OSError as error:
        raise Unavailable(f"{path} cannot be written: {error.strerror}") from error
