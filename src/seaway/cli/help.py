"""What ``--help`` prints: it teaches by examples, and tells docker's users what they know already."""

from __future__ import annotations

from seaway.cli.options import filter_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from seaway.cli.options import Command, Option

WIDTH = 79
"""Columns of all help: on a terminal, in a pipe, in a file."""
LEFT = 30
"""Columns of the names at most; a longer name has a line of its own."""
GAP = 12
"""Columns of the names of commands, so that all lists of them stand alike."""
OTHERS = "Options"
"""The title of options that belong to no group."""


_HEAD = """\
Usage: seaway [-H URL] COMMAND

The network under every container on a Linux host.

Examples:
  seaway network create web
  seaway run -d --name hello --network web -p 8080:80 -- python3 -m http.server 80
  seaway map
"""
_TAIL = """
'seaway COMMAND --help' says more about one command, 'man seaway' about all.
"""


def overview() -> str:
    """The help of the whole program."""
    from seaway.cli.commands import GROUPS, OPTIONS, SECTIONS, every_command  # noqa: PLC0415

    commands = every_command()
    lines = ["", "Networks and namespaces:", *table(list(GROUPS.items()), GAP)]
    for title, names in SECTIONS.items():
        rows = [(name, commands[name].summary) for name in names]
        lines += ["", f"{title}:", *table(rows, GAP)]
    options = [(option.shown, option.meaning) for option in OPTIONS]
    return _HEAD + "\n".join([*lines, "", "Options:", *table(options), _TAIL])


def group_overview(group: str, meaning: str, commands: Mapping[str, Command]) -> str:
    """The help of a *group* of commands."""
    rows = [(name, command.summary) for name, command in commands.items()]
    lines = [f"Usage: seaway {group} COMMAND", "", meaning, "", "Commands:", *table(rows, GAP)]
    tail = f"'seaway {group} COMMAND --help' says more about one command."
    return "\n".join([*lines, "", tail]) + "\n"


def help_text(name: str, command: Command) -> str:
    """Usage, meaning, docker's word for it, examples, options in their groups."""
    lines = [f"Usage: {name} {command.usage}".rstrip(), "", *wrapped("", 0, command.summary)]
    if command.docker:
        lines += ["", f"With docker: {command.docker}"]
    if command.examples:
        lines += ["", "Examples:", *(f"  {example}" for example in command.examples)]
    for title, options in groups(command):
        rows = [(option.shown, _meaning(option)) for option in options]
        lines += ["", f"{title}:", *table(rows)]
    return "\n".join(lines) + "\n"


def groups(command: Command) -> list[tuple[str, list[Option]]]:
    """The options by their titles, in the order of declaration."""
    found: dict[str, list[Option]] = {}
    for option in command.options:
        found.setdefault(option.group or OTHERS, []).append(option)
    return list(found.items())


def _meaning(option: Option) -> str:
    names = " ".join(filter_names(option)) if option.long == "filter" else ""
    return f"{option.meaning}: {names}" if names else option.meaning


def table(rows: Sequence[tuple[str, str]], least: int = 0) -> list[str]:
    """Names and what they mean, in two columns, the first at *least* so wide."""
    width = max(least, min(LEFT, max(len(name) for name, _ in rows) + 2))
    return [line for name, meaning in rows for line in wrapped(f"  {name}", width + 2, meaning)]


def wrapped(first: str, indent: int, text: str) -> list[str]:
    """*text* behind *first*, in lines that begin at column *indent*."""
    lines, line = ([first], "") if len(first) > max(indent - 2, 0) else ([], first)
    line = line.ljust(indent)
    for word in text.split(" "):
        if len(line) + len(word) > WIDTH and line.strip():
            lines.append(line.rstrip())
            line = " " * indent
        line += word + " "
    return [*lines, line.rstrip()] if line.strip() else lines
