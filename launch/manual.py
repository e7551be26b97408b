"""The man pages, made from the parser: ``python -m launch.manual FOLDER``.

seaway(1), one page for each command, and one for each group of commands. Source: man(7), groff_char(7).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path

from seaway import __version__
from seaway.cli import conventions
from seaway.cli.commands import COMMANDS, GROUPS, OPTIONS, SECTIONS, every_command
from seaway.cli.help import OTHERS, groups
from seaway.cli.options import Command, Option, filter_names

_DAY = "@DAY@"
WHAT = "the network under every container on a Linux host"
_SPECIAL = {
    "\\": "\\e",
    "-": "\\-",
    "'": "\\(aq",
    "^": "\\(ha",
    "~": "\\(ti",
    "`": "\\(ga",
    "…": "...",
}
_LINK = re.compile(r"\[([^]]*)\]\(([^)]*)\)")


def pages(day: date) -> dict[str, str]:
    """The text of each page by its file's name, as ``seaway-network.1``; *day* is shown on it."""
    commands = every_command()
    return {name: text.replace(_DAY, day.isoformat(), 1) for name, text in _undated(commands)}


def _undated(commands: dict[str, Command]) -> Iterable[tuple[str, str]]:
    yield "seaway.1", _whole(commands)
    for name in COMMANDS:
        yield f"seaway-{name}.1", _single(name, commands[name])
    for group, meaning in GROUPS.items():
        yield f"seaway-{group}.1", _group(group, meaning, commands)


def _whole(commands: dict[str, Command]) -> str:
    lines = [*_head("seaway", WHAT), ".SH SYNOPSIS", _bold("seaway", " [-H URL] COMMAND")]
    lines += [".SH DESCRIPTION", *_paragraph(conventions.HOST)]
    for title, names in SECTIONS.items():
        lines += [".SS " + _plain(title)]
        lines += _items((_reference(name), commands[name].summary) for name in names)
    lines += [".SS Networks and namespaces"]
    lines += _items((_reference(group), meaning) for group, meaning in GROUPS.items())
    lines += [".SH OPTIONS", *_options(OPTIONS)]
    lines += [".SH FORMATS", *_paragraph(conventions.FORMATS)]
    lines += [".SH TIMES", *_paragraph(conventions.TIMES)]
    lines += [
        ".SH EXIT STATUS",
        *_items((f"\\fB{_plain(c)}\\fR", m) for c, m in conventions.EXIT_CODES),
    ]
    lines += _paragraph(conventions.SEVERAL)
    lines += [".SH ENVIRONMENT", *_items((f"\\fB{n}\\fR", m) for n, m in conventions.ENVIRONMENT)]
    lines += _paragraph(conventions.COLOURS)
    lines += [".SH FILES", *_items((f"\\fI{_plain(n)}\\fR", m) for n, m in conventions.FILES)]
    return _text(lines)


def _single(name: str, command: Command) -> str:
    lines = [
        *_head(f"seaway-{name}", command.summary.rstrip(".")),
        ".SH SYNOPSIS",
        _bold(f"seaway {name}", f" {command.usage}"),
        ".SH DESCRIPTION",
        *_meaning(command),
    ]
    for title, options in groups(command):
        lines += [
            f".SH {'OPTIONS' if title == OTHERS else _plain(title.upper())}",
            *_options(options),
        ]
    lines += [".SH EXAMPLES", *_examples(command)]
    return _text([*lines, ".SH SEE ALSO", *_see(["seaway"])])


def _group(group: str, meaning: str, commands: dict[str, Command]) -> str:
    lines = [*_head(f"seaway-{group}", meaning.rstrip("."))]
    own = {n: c for n, c in commands.items() if n.startswith(f"{group} ")}
    lines += [".SH SYNOPSIS"]
    usages = [_bold(f"seaway {name}", f" {command.usage}") for name, command in own.items()]
    lines += [line for usage in usages for line in (".br", usage)][1:]
    lines += [".SH DESCRIPTION", *_paragraph(meaning)]
    for name, command in own.items():
        lines += [f".SH {_plain(name.upper())}", *_meaning(command)]
        for title, options in groups(command):
            lines += [f".SS {_plain(title)}", *_options(options)]
        lines += [".SS Examples", *_examples(command)]
    return _text([*lines, ".SH SEE ALSO", *_see(["seaway"])])


def _head(name: str, meaning: str) -> Sequence[str]:
    title = name.upper()
    return (
        f'.TH {_plain(title)} 1 "{_DAY}" "Seaway {__version__}" "Seaway"',
        # Left-aligned, and no word is cut: options are looked for by eye and by grep.
        ".nh",
        ".ad l",
        ".SH NAME",
        f"{_plain(name)} \\- {_plain(meaning)}",
    )


def _meaning(command: Command) -> list[str]:
    lines = [*_paragraph(command.summary)]
    if command.docker:
        lines += _paragraph(f"With docker: {command.docker}")
    return [*lines, *(line for note in command.notes for line in _paragraph(note))]


def _options(options: Iterable[Option]) -> list[str]:
    return _items((_spelled(option), _told(option)) for option in options)


def _told(option: Option) -> str:
    names = f": {' '.join(filter_names(option))}" if option.long == "filter" else ""
    return f"{option.meaning}{names}"


def _spelled(option: Option) -> str:
    names = [f"-{option.short}"] if option.short else []
    names += [f"--{name}" for name in (option.long, *option.others)]
    spelled = ", ".join(f"\\fB{_plain(name)}\\fR" for name in names)
    return spelled + (f" \\fI{_plain(option.metavar)}\\fR" if option.metavar else "")


def _examples(command: Command) -> list[str]:
    shown = [_started(_plain(line)) for line in command.examples]
    return [".nf", ".RS 4", *shown, ".RE", ".fi"]


def _items(pairs: Iterable[tuple[str, str]]) -> list[str]:
    """Names, formatted already, with what they mean below each."""
    return [line for name, meaning in pairs for line in (".TP", name, _started(_marked(meaning)))]


def _paragraph(text: str) -> list[str]:
    return [".PP", _started(_marked(" ".join(text.split())))]


def _see(names: Sequence[str]) -> list[str]:
    return [".BR " + _plain(name) + " (1)" for name in names]


def _reference(name: str) -> str:
    return f"\\fBseaway\\-{_plain(name)}\\fR(1)"


def _bold(name: str, rest: str) -> str:
    return f"\\fB{_plain(name)}\\fR{_plain(rest)}".rstrip()


def _marked(text: str) -> str:
    """Markdown of notes as roff: ``code`` in bold, links by their words."""
    parts = _LINK.sub(r"\1", text).split("`")
    return "".join(
        f"\\fB{_plain(part)}\\fR" if place % 2 else _plain(part) for place, part in enumerate(parts)
    )


def _plain(text: str) -> str:
    return "".join(_SPECIAL.get(char, char) for char in text)


def _started(line: str) -> str:
    """*line*, which begins with no request."""
    return f"\\&{line}" if line.startswith((".", "\\(aq")) else line


def _text(lines: Sequence[str]) -> str:
    """*lines* as a page; a paragraph that begins a section needs no request."""
    kept = [
        line
        for before, line in zip(["", *lines], lines, strict=False)
        if line != ".PP" or not before.startswith((".SH", ".SS"))
    ]
    return "\n".join(kept) + "\n"


def main() -> int:
    """Write all pages into the folder that the command line names; gives the exit status."""
    if len(sys.argv) != 2:
        sys.stderr.write("usage: python -m launch.manual FOLDER\n")
        return 2
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    today = date.today()  # noqa: DTZ011 - the day on which it is installed
    for name, text in pages(today).items():
        (folder / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
