"""``seaway daemon`` and ``seaway purge``: the two that can do without a running engine."""

from __future__ import annotations

import os
import sys

from seaway.cli.client import DEFAULT_SOCKET, path
from seaway.cli.failure import Failure, Unreachable
from seaway.cli.options import Command, Option, switch
from seaway.cli.values import texts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from seaway.cli.client import Api
    from seaway.cli.options import Args


def become_daemon(words: list[str]) -> NoReturn:
    """Replace this program by the engine with the options *words*.

    ``-P``: modules in the working directory, which may be anybody's, are not looked at.
    """
    sys.stdout.flush()
    try:
        os.execv(sys.executable, [sys.executable, "-P", "-m", "seaway.daemon", *words])  # noqa: S606
    except OSError as error:
        raise Failure(f"cannot run {sys.executable}: {error.strerror}") from None


def _daemon(args: Args, _api: Api) -> int:
    become_daemon(args.rest)


def _purge(args: Args, api: Api) -> int:
    from seaway.cli.batch import confirmed  # noqa: PLC0415

    question = (
        "This stops every sandbox, removes every network, and ends the engine.\n"
        "Of Seaway only its program stays on this host. Go on?"
    )
    if not confirmed(args, question):
        return 0
    try:
        reply = api.post(path("seaway", "purge"))
    except Unreachable as error:
        if not error.nobody_there:
            raise
        whose = _whose(args)
        if not whose and api.socket_path != DEFAULT_SOCKET:
            raise Failure(
                f"{error.message}\nTo purge without it, say which engine's traces: "
                "--run-dir DIR --data-dir DIR"
            ) from None
        become_daemon(["--purge", *whose])
    sys.stdout.write("".join(f"{item}\n" for item in texts(reply, "Removed")))
    api.wait_for_end(_END)
    return 0


def _whose(args: Args) -> list[str]:
    """The options that tell the engine which directories are meant."""
    return [
        word
        for name in ("config", "run-dir", "data-dir")
        if args.given(name)
        for word in (f"--{name}", args.text(name))
    ]


_END = 5.0
"""Seconds for the engine to take its directories away and end."""

COMMANDS = {
    "daemon": Command(
        _daemon,
        "[OPTIONS]",
        "Run the engine; 'seaway daemon --help' lists its settings.",
        notes="""
            In the foreground. Each [setting](settings.md) is an option; besides, `--config FILE`
            names another file of settings than `/etc/seaway/seaway.toml`, and `--purge` takes
            every trace of Seaway off the host, and ends: what `seaway purge` does when no daemon
            runs.

            `SIGTERM` and `SIGINT` end it; sandboxes run on. One daemon for each network
            namespace, and for each data directory: a second one is refused. Exit codes:
            0 ended, 1 refused, 2 a flag is wrong.
        """,
        examples=("seaway daemon",),
    ),
    "purge": Command(
        _purge,
        "[-f] [--config FILE] [--run-dir DIR] [--data-dir DIR]",
        "Take every trace of Seaway off this host; works without a running engine, too.",
        most=0,
        options=(
            switch("force f", "do not ask"),
            Option(
                "config",
                "FILE",
                "the engine's configuration file, when it does not run",
                known=("@files",),
            ),
            Option(
                "run-dir",
                "DIR",
                "the engine's run directory, when it does not run",
                known=("@folders",),
            ),
            Option(
                "data-dir",
                "DIR",
                "the engine's data directory, when it does not run",
                known=("@folders",),
            ),
        ),
        notes="""
            Without a running daemon it does the work itself and must then run in the
            host's own namespaces, as root; for other than the default directories it
            must be told which. What it removes: [What Seaway makes on a
            host](host-footprint.md).
        """,
        examples=("seaway purge",),
    ),
}
