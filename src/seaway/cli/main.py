"""The ``seaway`` command: finds the command, loads what it needs, runs it."""

from __future__ import annotations

import os
import sys

from seaway.cli.client import Api
from seaway.cli.commands import COMMANDS, GROUPS, commands_of
from seaway.cli.failure import Failure, because, near
from seaway.cli.options import Command, HelpAsked, read
from seaway.cli.target import FLAG_ERROR, Target, daemon_words, target

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn, TextIO

INTERRUPTED, PIPE_CLOSED = 130, 141
"""Exit codes, as a shell shows SIGINT and SIGPIPE."""


def program() -> NoReturn:
    """Run the command line of this process, and end it.

    At once: everything is written by then, and taking Python down in order costs 2 ms.
    """
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def main(words: Sequence[str]) -> int:
    """Run the command line *words* (without the program's name). Gives the exit code."""
    sys.stdout, sys.stderr = _forgiving(sys.stdout), _forgiving(sys.stderr)
    try:
        code = _main(list(words))
        sys.stdout.flush()
    except Failure as error:
        sys.stdout.flush()
        sys.stderr.write(f"{error.message}\n" if error.message else "")
        return error.code
    except KeyboardInterrupt:
        return INTERRUPTED
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # so that the last flush says nothing
        if isinstance(error, BrokenPipeError):
            return PIPE_CLOSED
        sys.stderr.write(f"{because(error)}\n")
        return 1
    return code


def _forgiving(stream: TextIO | None) -> TextIO:
    """*stream*, which now writes ``?`` for what it cannot write; nowhere, when it is closed."""
    if stream is None:
        return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - for good
    if reconfigure := getattr(stream, "reconfigure", None):
        reconfigure(errors="replace")
    return stream


def _main(words: list[str]) -> int:
    engine, words = target(words, os.environ)
    if not words or words[0] in ("--help", "-h"):
        return _overview()
    if words[0] in ("--version", "-v"):
        from seaway import __version__  # noqa: PLC0415

        sys.stdout.write(f"seaway {__version__}\n")
        return 0
    if words[0] == "help":
        words = [*words[1:], "--help"]
        if len(words) == 1:
            return _overview()
    if words[0] == "__complete":
        from seaway.cli.completion import answer  # noqa: PLC0415

        return answer(words[1:], engine)
    return _dispatch(words, engine)


def _overview() -> int:
    from seaway.cli.help import overview  # noqa: PLC0415

    sys.stdout.write(overview())
    return 0


def _dispatch(words: list[str], engine: Target) -> int:
    first, rest = words[0], words[1:]
    if first in GROUPS:
        return _group(first, rest, engine)
    if first == "daemon":
        from seaway.cli.daemon import become_daemon  # noqa: PLC0415

        become_daemon([*daemon_words(engine), *rest])
    if first.startswith("-"):
        raise Failure(f"unknown flag: {first}\nSee 'seaway --help'.", FLAG_ERROR)
    if first not in COMMANDS:
        like = near(first, [*GROUPS, *COMMANDS])
        raise Failure(f"'{first}' is no command of seaway{like}\nSee 'seaway --help'.")
    return _run(f"seaway {first}", commands_of(COMMANDS[first])[first], rest, engine)


def _group(group: str, words: list[str], engine: Target) -> int:
    commands = commands_of(group)
    if not words or words[0] in ("--help", "-h"):
        from seaway.cli.help import group_overview  # noqa: PLC0415

        sys.stdout.write(group_overview(group, GROUPS[group], commands))
        return 0
    name = {"list": "ls", "remove": "rm"}.get(words[0], words[0])
    if name not in commands:
        like, whole = near(name, commands), f"seaway {group}"
        raise Failure(f"'{name}' is no command of {whole}{like}\nSee '{whole} --help'.")
    return _run(f"seaway {group} {name}", commands[name], words[1:], engine)


def _run(name: str, command: Command, words: list[str], engine: Target) -> int:
    try:
        args = read(name, command, words)
    except HelpAsked:
        from seaway.cli.help import help_text  # noqa: PLC0415

        sys.stdout.write(help_text(name, command))
        return 0
    return command.run(args, Api(engine.host, engine.tls))
