"""The reference pages that are made from the source: ``python -m launch.reference [--check]``.

Commands come from the parser, settings from ``config.py``, paths of the API from its routes. A page
is made whole, or between two marks of its own (``MARK`` and ``END``); the rest is written by hand.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path

from launch import api_paths, api_shapes, walk
from launch.docker_words import WITHOUT

from seaway.cli import conventions
from seaway.cli.commands import GROUPS, OPTIONS, SECTIONS, every_command
from seaway.cli.help import OTHERS, groups
from seaway.cli.options import Command, Option, filter_names
from seaway.config import DEFAULT_POOLS, Config, as_text
from seaway.plan.subnets import AddressPool

ROOT = Path(__file__).resolve().parents[1]
MARK = "<!-- made by 'python -m launch.reference' from {source}: change that, not this -->"
FEW = 3
"""So many values of a filter are told."""
SEE = """
`seaway COMMAND --help` and the [man pages](../how-to/complete-and-look-up.md) say the same as this
page. Whoever knows docker may begin with [From docker to seaway](docker.md).
"""
FAMILIAR = """
Flags, columns, filters and exit codes are docker's. What follows `docker` may also follow
`docker container`. The `docker` command itself works, too, with
`DOCKER_HOST=unix:///run/seaway/seaway.sock`;
[where we differ](../decisions/0005-small-differences-from-docker.md).
"""
END = "<!-- end of what is made -->"


def commands_page(_written: str) -> str:
    """docs/reference/commands.md."""
    commands = every_command()
    parts = [
        "# Commands",
        MARK.format(source="src/seaway/cli"),
        _block("seaway [-H URL] COMMAND", "text"),
        _flat(conventions.HOST),
        _flat(SEE),
        _options_table(OPTIONS),
        "## Exit codes",
        _table(("code", ""), conventions.EXIT_CODES),
        conventions.SEVERAL,
        "## Formats",
        _flat(conventions.FORMATS),
        f"Times: {conventions.TIMES}",
        _flat(conventions.COLOURS),
    ]
    for title, names in SECTIONS.items():
        parts.append(f"## {title}")
        parts += [part for name in names for part in _section(name, commands[name])]
    for group, meaning in GROUPS.items():
        parts += [f"## seaway {group}", meaning]
        parts += [
            part
            for name, command in commands.items()
            if name.startswith(f"{group} ")
            for part in _section(name, command)
        ]
    return "\n\n".join(parts) + "\n"


def _section(name: str, command: Command) -> Sequence[str]:
    usage = _block(f"seaway {name} {command.usage}".rstrip(), "text")
    tables = [
        f"{'' if title == OTHERS else f'{title}:' + chr(10) * 2}{_options_table(options)}"
        for title, options in groups(command)
    ]
    filters = [
        f"Filters: {' '.join(f'`{word}`' for word in _filters(option))}."
        for option in command.options
        if option.long == "filter"
    ]
    docker = [f"With docker: {_codes(command.docker)}."] if command.docker else []
    examples = "\n".join([*_needs(name), _block("\n".join(command.examples))])
    return (
        f"### seaway {name}",
        usage,
        command.summary,
        *docker,
        examples,
        *tables,
        *filters,
        *command.notes,
    )


def _needs(name: str) -> list[str]:
    """Comments for the test that runs the examples; no reader sees them."""
    before = [f"<!-- before:\n{walk.BEFORE[name]}\n-->"] if name in walk.BEFORE else []
    return [*before, *(f"<!-- except {line}: {why} -->" for line, why in walk.EXCEPT.get(name, ()))]


def _filters(option: Option) -> list[str]:
    """The names of filters, with their values where these are few and fixed."""
    found: list[str] = []
    for name in filter_names(option):
        values = [word.partition("=")[2] for word in option.known if word.startswith(f"{name}=")]
        fixed = all(value and not value.startswith("@") for value in values)
        few = fixed and len(values) <= FEW
        found.append(f"{name}={'|'.join(values)}" if few else name)
    return found


def _options_table(options: Sequence[Option]) -> str:
    return _table(("option", ""), [(_spelled(option), option.meaning) for option in options])


def _spelled(option: Option) -> str:
    names = [f"`-{option.short}`"] if option.short else []
    names += [f"`--{name}`" for name in (option.long, *option.others)]
    return ", ".join(names) + (f" `{_cell(option.metavar)}`" if option.metavar else "")


def docker_page(_written: str) -> str:
    """docs/reference/docker.md."""
    same = sorted(
        (docker, f"seaway {name}")
        for name, command in every_command().items()
        if command.docker
        for docker in command.docker.split(", ")
    )
    ours = [
        (f"[`seaway {name}`](commands.md#{f'seaway {name}'.replace(' ', '-')})", command.summary)
        for name, command in every_command().items()
        if not command.docker
    ]
    parts = [
        "# From docker to seaway",
        MARK.format(source="src/seaway/cli and launch/docker_words.py"),
        _flat(FAMILIAR),
        _table(
            ("docker", "seaway"),
            [(f"`{d}`", f"[`{s}`](commands.md#{s.replace(' ', '-')})") for d, s in same],
        ),
        "## What has no counterpart, and why",
        _table(("docker", "in its place"), [(f"`{name}`", why) for name, why in WITHOUT]),
        "## What docker has no word for",
        _table(("seaway", ""), ours),
    ]
    return "\n\n".join(parts) + "\n"


def settings_page(written: str) -> str:
    """docs/reference/settings.md, whose table is made."""
    rows = [
        (f"`{each.name.replace('_', '-')}`", _default(each.default), str(each.metadata["doc"]))
        for each in fields(Config)
    ]
    return _between(written, "src/seaway/config.py", _table(("setting", "default", ""), rows))


def api_page(written: str) -> str:
    """docs/reference/api.md, whose list of paths is made."""
    rows = [(f"`{path.method} {path.path}`", path.meaning) for path in api_paths.listed()]
    return _between(written, "src/seaway/api", _table(("path", ""), rows))


def api_shapes_page(_written: str) -> str:
    """docs/reference/api-paths.md."""
    return api_shapes.page(MARK.format(source="src/seaway/api"))


PAGES: dict[str, Callable[[str], str]] = {
    "docs/reference/commands.md": commands_page,
    "docs/reference/docker.md": docker_page,
    "docs/reference/settings.md": settings_page,
    "docs/reference/api.md": api_page,
    "docs/reference/api-paths.md": api_shapes_page,
}
"""Each page, and what makes it out of what is written there."""


def made(page: str) -> str:
    """The text that *page* should have."""
    path = ROOT / page
    return PAGES[page](path.read_text() if path.exists() else "")


def stale() -> list[str]:
    """The pages that are not as the source says."""
    return [
        page
        for page in PAGES
        if not (ROOT / page).exists() or (ROOT / page).read_text() != made(page)
    ]


def _between(written: str, source: str, made: str) -> str:
    """*written* with *made* between the marks. Raises ValueError when these are not there."""
    mark = MARK.format(source=source)
    before, found, rest = written.partition(f"{mark}\n")
    _, ended, after = rest.partition(f"{END}\n")
    if not found or not ended:
        raise ValueError(f"the page has no line {mark!r} with a line {END!r} behind it")
    return f"{before}{mark}\n\n{made}\n\n{END}\n{after}"


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [titles, ["---"] * len(titles), *([_cell(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |".replace("|  |", "| |") for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _codes(names: str) -> str:
    return ", ".join(f"`{name}`" for name in names.split(", "))


def _default(value: object) -> str:
    """A setting's default; pools that follow each other as one range."""
    if value == DEFAULT_POOLS:
        return _ranges(DEFAULT_POOLS)
    return f"`{as_text(value)}`" if as_text(value) else ""


def _ranges(pools: Sequence[AddressPool]) -> str:
    runs: list[list[AddressPool]] = []
    for pool in pools:
        last = runs[-1][-1] if runs else None
        follows = last and last.base.broadcast_address + 1 == pool.base.network_address
        if follows and last and last.size == pool.size:
            runs[-1].append(pool)
        else:
            runs.append([pool])
    return ", ".join(_range(run[0], run[-1]) for run in runs)


def _range(first: AddressPool, last: AddressPool) -> str:
    to = "" if first == last else f" to `{last.base}`"
    cut = "" if first.size == first.base.prefixlen else f" in /{first.size}s"
    return f"`{first.base}`{to}{cut}"


def _block(text: str, language: str = "") -> str:
    return f"```{language}\n{text}\n```"


def _flat(text: str) -> str:
    return " ".join(text.split())


def main() -> int:
    """Write the pages, or with ``--check`` say which are stale; gives the exit status."""
    parser = argparse.ArgumentParser(description="Makes the reference pages from the source.")
    parser.add_argument("--check", action="store_true", help="only say which pages are stale")
    old = stale()
    if parser.parse_args().check:
        sys.stdout.write("".join(f"{page} is stale: python -m launch.reference\n" for page in old))
        return 1 if old else 0
    for page in old:
        (ROOT / page).write_text(made(page))
        sys.stdout.write(f"wrote {page}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
