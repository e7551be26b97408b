"""What the documentation shows can be typed, and what it lists is all there is."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import NamedTuple

import pytest
from launch import api_paths, reference

from seaway.cli import endpoint
from seaway.cli.commands import GROUPS, every_command
from seaway.cli.options import Args, Command, read
from seaway.config import Config
from seaway.drivers.bridge_options import KNOWN
from seaway.plan.portspec import published_ports, source_prefixes

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
REFERENCE = ROOT / "docs/reference"

FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"(?<!`)`(seaway [a-z][^`\n]*)`(?!`)")
LINK = re.compile(r"\]\(([^)\s]+)\)")


class Shown(NamedTuple):
    """A command line of the documentation."""

    page: str
    words: tuple[str, ...]


def commands() -> dict[str, Command]:
    """Every command by its whole name, as ``network create``; the daemon has its own parser."""
    return {name: command for name, command in every_command().items() if name != "daemon"}


def daemon_flags() -> set[str]:
    """The options of ``seaway daemon``."""
    settings = {f.metadata["option"] or f"--{f.name.replace('_', '-')}" for f in fields(Config)}
    return {*settings, "-H", "--config", "--purge"}


def simple_commands(line: str) -> Iterator[tuple[str, ...]]:
    """The words of each command in a line of a shell, as far as they come before a redirection."""
    lexer = shlex.shlex(line.removeprefix("$ "), posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    for word in [*lexer, ";"]:
        if not set(word) <= set("();<>|&"):
            words.append(word)
            continue
        yield tuple(words)
        words = []


def typed(page: Path) -> Iterator[Shown]:
    """The command lines of *page*: what stands in blocks without a language."""
    for language, block in FENCE.findall(page.read_text()):
        prompts = any(line.startswith("$ ") for line in block.splitlines())
        for line in block.splitlines() if language == "" else ():
            if prompts and not line.startswith("$ "):
                continue
            if re.match(r"(\$ )?(on_host (setsid )?)?seaway [a-z]", line):
                words = next(simple_commands(line))
                yield Shown(page.name, words[words.index("seaway") + 1 :])


def mentioned(page: Path) -> Iterator[Shown]:
    """The commands of which the sentences of *page* speak."""
    text = FENCE.sub("", page.read_text())
    for span in SPAN.findall(text):
        yield Shown(page.name, next(simple_commands(span))[1:])


def told(words: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """The name of a command and the words after it."""
    length = 2 if words[0] in GROUPS else 1
    return " ".join(words[:length]), words[length:]


EXAMPLES = [line for command in every_command().values() for line in command.examples]
TYPED = [shown for page in PAGES for shown in typed(page)]
MENTIONED = [shown for page in PAGES for shown in mentioned(page)]


def line_of(shown: Shown) -> str:
    return f"{shown.page}: seaway {' '.join(shown.words)}"


def test_the_documentation_shows_commands_at_all() -> None:
    assert len(TYPED) > 60
    assert len(MENTIONED) > 20


@pytest.mark.parametrize("shown", TYPED, ids=line_of)
def test_a_command_line_that_is_shown_can_be_typed(shown: Shown) -> None:
    name, words = told(shown.words)

    if name == "daemon":
        assert {w for w in words if w.startswith("-")} <= daemon_flags()
        return
    args = read(f"seaway {name}", commands()[name], [w for w in words if w != "--help"])

    check_ports(name, args)
    endpoint.wishes(args)


def check_ports(name: str, args: Args) -> None:
    """Raises InvalidRequest for a text that is no port, and for a source that is none."""
    ports = args.rest[1:] if name in {"publish", "unpublish"} else args.every("publish")
    published_ports(ports, source_prefixes(args.every("from")))


@pytest.mark.parametrize("shown", MENTIONED, ids=line_of)
def test_a_command_that_is_mentioned_exists_with_its_flags(shown: Shown) -> None:
    name, words = told(shown.words)
    flags = {w.partition("=")[0] for w in words if w.startswith("-") and w != "--"}

    if name == "daemon":
        assert flags <= daemon_flags()
    elif name not in GROUPS:
        options = commands()[name].options
        short = {f"-{o.short}" for o in options if o.short}
        assert flags <= {*short, *(f"--{n}" for o in options for n in (o.long, *o.others))}


@pytest.mark.parametrize("page", reference.PAGES)
def test_a_page_that_is_made_from_the_source_is_not_stale(page: str) -> None:
    written = (ROOT / page).read_text()

    assert written == reference.made(page), "python -m launch.reference writes it"


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_of_the_help_can_be_typed(example: str) -> None:
    for words in simple_commands(example):
        if words[:1] == ("seaway",) and words[1] != "daemon":
            name, rest = told(words[1:])
            read(f"seaway {name}", commands()[name], rest)


def test_each_driver_option_has_its_line() -> None:
    text = (REFERENCE / "network-options.md").read_text()

    assert {name for name in KNOWN if f"\n| `{name}` |" not in text} == set()


def test_each_path_of_the_api_is_told() -> None:
    text = (REFERENCE / "api.md").read_text()
    found = {f"{path.method} {path.path}" for path in api_paths.listed()}

    assert len(found) > 60
    assert {p for p in found if f"`{p}`" not in text and f"\n### {p}\n" not in text} == set()


def anchors(page: Path) -> set[str]:
    """The anchors of the headings of *page*, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_to_what_is_there(page: Path) -> None:
    for target in LINK.findall(FENCE.sub("", page.read_text())):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), target
        assert not anchor or anchor in anchors(found), target
