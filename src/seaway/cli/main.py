"""The ``seaway`` command: finds the command, loads what it needs, runs it."""

from __future__ import annotations

import os
import sys

from seaway.cli.client import Api
from seaway.cli.failure import Failure, because, near
from seaway.cli.options import Command, HelpAsked, help_text, read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import NoReturn, TextIO

INTERRUPTED, PIPE_CLOSED, FLAG_ERROR = 130, 141, 125
"""Exit codes: as a shell shows SIGINT and SIGPIPE, and docker's for a wrong flag."""

GROUPS = {
    "network": "Networks: create, ls, inspect, update, rm, prune, connect, addresses, reserve, …",
    "pool": "The room for networks and in them: ls",
    "sandbox": "Namespaces without a process of ours: create, ls, rm, adopt",
}
COMMANDS = {
    "run": ("run", "Run a command in a new sandbox"),
    "ps": ("listing", "List sandboxes"),
    "inspect": ("show", "Show everything about sandboxes and networks"),
    "exec": ("execution", "Run one command more in a running sandbox"),
    "attach": ("execution", "Join the input and output of a running sandbox"),
    "start": ("lifecycle", "Start sandboxes that ended"),
    "stop": ("lifecycle", "Stop sandboxes"),
    "restart": ("lifecycle", "Stop and start sandboxes"),
    "kill": ("lifecycle", "Send a signal to sandboxes"),
    "rm": ("lifecycle", "Remove sandboxes"),
    "rename": ("lifecycle", "Rename a sandbox"),
    "wait": ("lifecycle", "Wait until sandboxes end; print their exit codes"),
    "prune": ("lifecycle", "Remove all sandboxes that ended"),
    "logs": ("logs", "Show what a sandbox wrote"),
    "port": ("ports", "List the published ports of a sandbox"),
    "publish": ("ports", "Publish ports of a sandbox while it runs"),
    "unpublish": ("ports", "Take published ports away"),
    "map": ("map", "Draw the networks, sandboxes, addresses and ports"),
    "events": ("events", "Show what happens, as it happens"),
    "status": ("status", "Show how the engine is doing"),
    "version": ("status", "Show the versions"),
    "config": ("status", "Show every setting and where it came from"),
    "purge": ("daemon", "Take every trace of Seaway off this host"),
    "daemon": ("daemon", "Run the engine"),
}
USAGE = """\
Usage: seaway [-H unix://PATH] COMMAND

The network under every container on a Linux host.

Examples:
  seaway network create web
  seaway run -d --name hello --network web -p 8080:80 -- python3 -m http.server 80
  seaway map

Commands:
{commands}

Options:
  -H, --host unix://PATH  the engine's socket (also SEAWAY_HOST; default
                          unix:///run/seaway/seaway.sock)
      --version           the version of this command

'seaway COMMAND --help' says more about one command.
"""


def usage() -> str:
    """The help of the whole program."""
    said = {**GROUPS, **{name: summary for name, (_, summary) in COMMANDS.items()}}
    return USAGE.format(commands="\n".join(f"  {name:<11}{said[name]}" for name in said))


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
    host, words = _globals(words)
    if not words or words[0] in ("--help", "-h"):
        sys.stdout.write(usage())
        return 0
    if words[0] in ("--version", "-v"):
        from seaway import __version__  # noqa: PLC0415

        sys.stdout.write(f"seaway {__version__}\n")
        return 0
    if words[0] == "help":
        words = [*words[1:], "--help"]
        if len(words) == 1:
            sys.stdout.write(usage())
            return 0
    return _dispatch(words, host)


def _told_by_environment() -> str:
    return os.environ.get("SEAWAY_HOST", "")


def _globals(words: list[str]) -> tuple[str, list[str]]:
    """The host that ``-H`` or the environment names, and the words after the options."""
    host = _told_by_environment()
    while words and words[0].startswith(("-H", "--host")):
        word, words = words[0], words[1:]
        if word in ("-H", "--host"):
            if not words:
                raise Failure(f"flag needs an argument: {word} unix://PATH", FLAG_ERROR)
            host, words = words[0], words[1:]
        elif word.startswith("--host="):
            host = word.removeprefix("--host=")
        else:
            host = word.removeprefix("-H").removeprefix("=")
    return host, words


def _module(name: str) -> Mapping[str, Command]:
    """The commands of the module *name* of this package; only now is it loaded."""
    full = f"seaway.cli.{name}"
    __import__(full)
    commands: Mapping[str, Command] = sys.modules[full].COMMANDS
    return commands


def _dispatch(words: list[str], host: str) -> int:
    first, rest = words[0], words[1:]
    if first in GROUPS:
        return _group(first, rest, host)
    if first == "daemon":
        from seaway.cli.daemon import become_daemon  # noqa: PLC0415

        become_daemon([*(("-H", host) if host != _told_by_environment() else ()), *rest])
    if first.startswith("-"):
        raise Failure(f"unknown flag: {first}\nSee 'seaway --help'.", FLAG_ERROR)
    if first not in COMMANDS:
        like = near(first, [*GROUPS, *COMMANDS])
        raise Failure(f"'{first}' is no command of seaway{like}\nSee 'seaway --help'.")
    return _run(f"seaway {first}", _module(COMMANDS[first][0])[first], rest, host)


def _group(group: str, words: list[str], host: str) -> int:
    commands = _module(group)
    if not words or words[0] in ("--help", "-h"):
        lines = [f"  {name:<12}{command.summary}" for name, command in commands.items()]
        head = f"Usage: seaway {group} COMMAND\n\n{GROUPS[group]}\n\nCommands:\n"
        tail = f"\n\n'seaway {group} COMMAND --help' says more about one command.\n"
        sys.stdout.write(head + "\n".join(lines) + tail)
        return 0
    name = {"list": "ls", "remove": "rm"}.get(words[0], words[0])
    if name not in commands:
        like, whole = near(name, commands), f"seaway {group}"
        raise Failure(f"'{name}' is no command of {whole}{like}\nSee '{whole} --help'.")
    return _run(f"seaway {group} {name}", commands[name], words[1:], host)


def _run(name: str, command: Command, words: list[str], host: str) -> int:
    try:
        args = read(name, command, words)
    except HelpAsked:
        sys.stdout.write(help_text(name, command))
        return 0
    return command.run(args, Api(host))
