"""Processes as clients ask for them in Docker's words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from seaway.api import wire
from seaway.api.errors import NoSuchImage
from seaway.api.query import LEAST, MOST
from seaway.model.errors import InvalidRequest
from seaway.model.ids import SIGTERM, shown, signal
from seaway.model.sandbox import Mount, Process

_WORD_LIMIT = 128 << 10
"""Bytes of one word, with the zero at its end (MAX_ARG_STRLEN in linux/binfmts.h)."""
_SIZES = 1 << 16
"""Rows and columns of a terminal are less (struct winsize)."""
_HOST_IMAGE = "host"
"""The image that is the host's own file system."""
_PROPAGATION = ("private", "rprivate", "shared", "rshared", "slave", "rslave")
_MODES = frozenset(
    {"ro", "rw", "z", "Z", "nocopy", "consistent", "cached", "delegated", *_PROPAGATION}
)


def words(command: list[str] | str | None) -> tuple[str, ...]:
    """A command in either of Docker's two forms; raises InvalidRequest for what none can have."""
    if isinstance(command, str):
        command = [command] if command else []
    for text in command or ():
        if "\0" in text or len(text.encode()) >= _WORD_LIMIT:
            raise InvalidRequest(
                f"invalid word {shown(text)!r} of the command: Linux takes less than "
                f"{_WORD_LIMIT >> 10} KB, and no zero byte"
            )
    return tuple(command or ())


def process_wish(asked: wire.ContainerCreate, host: wire.HostConfig) -> Process:
    args = (*words(asked.entrypoint), *words(asked.cmd))
    if not args:
        raise InvalidRequest("no command specified")
    return Process(
        args=args,
        env=environment(asked.env),
        cwd=directory(asked.working_dir) or "/",
        user=asked.user or "",
        tty=bool(asked.tty),
        console_size=console_size(host.console_size),
        stdin_open=bool(asked.open_stdin),
        stdin_once=bool(asked.stdin_once),
        mounts=(*map(_bind, _binds(asked, host)), *map(_mount, host.mounts or ())),
        cap_add=tuple(host.cap_add or ()),
        cap_drop=tuple(host.cap_drop or ()),
        rootfs=_rootfs(asked.image or ""),
        stop_signal=signal(asked.stop_signal) if asked.stop_signal else SIGTERM,
        stop_timeout=_stop_timeout(asked.stop_timeout),
    )


def _stop_timeout(seconds: int | None) -> int:
    if seconds is not None and not LEAST <= seconds <= MOST:
        raise InvalidRequest("invalid StopTimeout: it is seconds, a number of 64 bits")
    return 10 if seconds is None else seconds


def console_size(asked: Sequence[int] | None) -> tuple[int, int] | None:
    """Rows and columns; zeros are none. Raises InvalidRequest."""
    match asked:
        case None | []:
            return None
        case [rows, columns] if 0 <= rows < _SIZES and 0 <= columns < _SIZES:
            return (rows, columns) if rows and columns else None
        case _:
            raise InvalidRequest(f"invalid console size {asked}: it is rows and columns")


def environment(asked: Iterable[str] | None) -> tuple[str, ...]:
    """``NAME=VALUE`` each; raises InvalidRequest for what has no name."""
    found = tuple(asked or ())
    for text in found:
        if text.startswith("=") or not text or "\0" in text:
            raise InvalidRequest(f"invalid environment variable: {text!r}")
    return found


def directory(text: str | None) -> str:
    """A working directory; raises InvalidRequest for one that is not absolute."""
    if text and not text.startswith("/"):
        raise InvalidRequest(
            f"the working directory '{text}' is invalid, it needs to be an absolute path"
        )
    return text or ""


def _rootfs(image: str) -> str:
    """The root directory; empty for the host's own. Raises NoSuchImage."""
    if image in {"", _HOST_IMAGE, f"{_HOST_IMAGE}:latest"}:
        return ""
    if image.startswith("/"):
        if "\0" in image:
            raise InvalidRequest(f"invalid root file system {shown(image)!r}: it has a zero byte")
        return image
    raise NoSuchImage(image)


def _binds(asked: wire.ContainerCreate, host: wire.HostConfig) -> tuple[str, ...]:
    """What was given by ``-v``: docker takes a source of one letter for a Windows drive.

    So ``x:/x`` comes among the targets that have no source, which it is not.
    """
    drives = (text for text in asked.volumes or () if not text.startswith("/"))
    return (*(host.binds or ()), *drives)


def _bind(text: str) -> Mount:
    """``SOURCE:TARGET[:MODE,…]``; of the modes only ``ro`` changes anything here."""
    source, _, rest = text.partition(":")
    target, _, modes = rest.partition(":")
    if not source.startswith("/") or not target.startswith("/"):
        raise InvalidRequest(
            f"invalid volume {text!r}: it is SOURCE:TARGET[:ro], two absolute paths; "
            "Seaway has no named volumes"
        )
    given = frozenset(modes.split(",")) - {""}
    if unknown := given - _MODES:
        raise InvalidRequest(f"invalid volume {text!r}: unknown mode {', '.join(sorted(unknown))}")
    return Mount(source=source, target=target, read_only="ro" in given)


def _mount(asked: wire.Mount) -> Mount:
    source, target = asked.source or "", asked.target or ""
    if asked.type not in {None, "", "bind"}:
        raise InvalidRequest(f"invalid mount of type {asked.type}: Seaway has bind mounts only")
    if not source.startswith("/") or not target.startswith("/"):
        raise InvalidRequest(f"invalid mount {source!r} at {target!r}: both are absolute paths")
    return Mount(source=source, target=target, read_only=bool(asked.read_only))
