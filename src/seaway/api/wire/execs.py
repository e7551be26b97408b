"""``/exec``: further processes."""

from __future__ import annotations

from msgspec import Struct, field

from seaway.api.wire.coding import Reply, Request


class ExecCreate(Request):
    """POST /containers/{id}/exec."""

    attach_stdin: bool | None = None
    tty: bool | None = None
    detach_keys: str | None = None
    env: list[str] | None = None
    working_dir: str | None = None
    user: str | None = None
    privileged: bool | None = None
    cmd: list[str] | str | None = None
    console_size: list[int] | None = None


class ExecStart(Request):
    """POST /exec/{id}/start."""

    detach: bool | None = None
    tty: bool | None = None
    console_size: list[int] | None = None


class ExecCreated(Reply, kw_only=True):
    """The process may be started."""

    id: str


class ExecProcess(Struct, kw_only=True):
    """The command of a further process; lower case here."""

    tty: bool
    entrypoint: str
    arguments: list[str]
    privileged: bool = False
    user: str


class Exec(Reply, kw_only=True):
    """GET /exec/{id}/json."""

    id: str = field(name="ID")
    running: bool
    exit_code: int | None
    process_config: ExecProcess
    open_stdin: bool
    open_stderr: bool = True
    open_stdout: bool = True
    can_remove: bool = False
    container_id: str
    detach_keys: str
    pid: int
