"""A page of the documentation as steps: what a reader types, and what the page says comes back.

Comments in a page's source, which no reader sees, stand right before a block and say what it needs:
``<!-- not run: REASON -->``, ``<!-- except LINE: REASON -->``,
``<!-- any order -->`` of the lines, ``<!-- any number -->`` in them, ``<!-- folded -->`` where a
long line is shown as several, and ``<!-- before: COMMANDS -->`` for what a reader is assumed to
have done already. A line ``…`` of a shown answer stands for any lines.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(
    r"(?P<notes>(?:^<!--(?:(?!-->).)*-->\n+)*)^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
NOTE = re.compile(r"<!-- *(.*?) *-->", re.DOTALL)
GAP = "…"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One command, as it stands in the page."""

    line: int
    """Where it stands."""
    command: str
    shown: tuple[str, ...] | None
    """The answer; None: the page shows none, and the command must succeed."""
    any_order: bool = False
    any_number: bool = False
    folded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A block that is not run, and why."""

    line: int
    reason: str


def steps(page: Path) -> list[Step | Skipped]:
    """All that *page* lets its reader type: its blocks without a language."""
    text = page.read_text()
    return [
        step
        for block in BLOCK.finditer(text)
        if block["language"] == ""
        for step in _steps(block, text.count("\n", 0, block.start("text")) + 1)
    ]


def _steps(block: re.Match[str], line: int) -> Iterator[Step | Skipped]:
    notes: list[str] = NOTE.findall(block["notes"])
    for note in notes:
        if note.startswith("before:"):
            for command in note.removeprefix("before:").strip().splitlines():
                yield Step(line=line, command=command, shown=None)
    reason = next((n.removeprefix("not run:").strip() for n in notes if n[:8] == "not run:"), "")
    excepted = [note.removeprefix("except ") for note in notes if note.startswith("except ")]
    for note in excepted:
        yield Skipped(line=line, reason=note.rpartition(": ")[2])
    left_out = {note.rpartition(": ")[0] for note in excepted}
    lines = [each for each in block["text"].splitlines() if each not in left_out]
    if reason:
        yield Skipped(line=line, reason=reason)
    elif any(each.startswith("$ ") for each in lines):
        yield from _answered(lines, line, notes)
    elif _is_typed(lines):
        yield from (
            Step(line=line + place, command=command, shown=None)
            for place, command in _joined(lines)
            if command.strip()
        )


def _is_open(command: str) -> bool:
    """Whether the next line still belongs to *command*."""
    try:
        shlex.split(command)
    except ValueError:
        return True
    return command.endswith("\\")


def _is_typed(lines: Sequence[str]) -> bool:
    """Whether a block without prompts is of commands; pictures begin with blanks or lines."""
    return not any(each.startswith((" ", "┌", "[", "│")) for each in lines)


def _joined(lines: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Commands, with the lines that a backslash at the end adds."""
    begin, command = 0, ""
    for place, each in enumerate(lines):
        begin, command = (begin, f"{command}\n{each}") if command else (place, each)
        if not _is_open(command):
            yield begin, command
            command = ""


def _answered(lines: Sequence[str], line: int, notes: Sequence[str]) -> Iterator[Step]:
    command, answer, at = "", [""], line
    for place, each in enumerate([*lines, "$ "]):
        if not each.startswith("$ ") and each != "$" and not _is_open(command):
            answer.append(each)
            continue
        if _is_open(command):
            command += f"\n{each}"
            continue
        if command:
            yield Step(
                line=at,
                command=command,
                shown=tuple(answer),
                any_order="any order" in notes,
                any_number="any number" in notes,
                folded="folded" in notes,
            )
        command, answer, at = each[2:], [], line + place


RULES = (
    (r"\b[0-9a-f]{64}\b", "ID"),
    (r"\b(sw-)?[0-9a-f]{12}\b", r"\1SHORT-ID"),
    (r"\b[0-9a-f]{4,12}…", "ID"),
    (r"\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b", "MAC"),
    (r"\bfe80::[0-9a-f:]+", "LINK-LOCAL"),
    (r"\bfd[0-9a-f]{2}:[0-9a-f]{1,4}:[0-9a-f]{1,4}(?=::)", "ULA"),
    (r"@if\d+", "@if"),
    (r"^(eth\d@if) +(?:UP|UNKNOWN) ", r"\1 UP "),
    (r"\b\d{4}-\d\d-\d\d[T ][\d:.]+(?:Z| UTC)?", "TIME"),
    (r"(?:Less than a second|About a minute|\d+ seconds?)( ago)?", r"SECONDS\1"),
    (r"time=[\d.]+ ms|time \d+ms", "time"),
    (r"^rtt .*", "rtt"),
    (r"^ +[\d.]+ s  ", "SECONDS "),
    (r"\bttl=\d+", "ttl"),
    (r":(?:3[3-9]|[45]\d|60)\d{3}\b", ":PORT"),
    (r" {2,}", "  "),
)
"""What differs each time: ids, addresses that are drawn by lot, times, ports that are free; and
whether Linux has seen the carrier of a new link yet."""


def normal(line: str) -> str:
    """*line* without what differs each time."""
    for pattern, text in RULES:
        line = re.sub(pattern, text, line)
    return line.rstrip()


def agree(step: Step, shown: Sequence[str], said: Sequence[str]) -> bool:
    """Whether *said* is what *step* shows."""
    wanted, found = [[*map(normal, lines)] for lines in (shown, said)]
    if step.any_number:
        wanted, found = [[re.sub(r"\d+", "N", line) for line in each] for each in (wanted, found)]
    while wanted and not wanted[-1]:
        wanted.pop()
    while found and not found[-1]:
        found.pop()
    if step.folded:
        return _unfolded(wanted) == _unfolded(found)
    if step.any_order:
        wanted, found = sorted(wanted, key=lambda x: (x == GAP, x)), sorted(found)
        return wanted == found or (GAP in wanted and {*wanted} - {GAP} <= {*found})
    pattern = "".join(r"(?:.*\n)*?" if each == GAP else f"{_line(each)}\n" for each in wanted)
    return re.fullmatch(pattern, "".join(f"{each}\n" for each in found)) is not None


def _unfolded(lines: Sequence[str]) -> str:
    return "".join("".join(lines).split())


def _line(wanted: str) -> str:
    """A line that ends in ``…`` goes on somehow."""
    open_end = wanted.endswith(GAP)
    return re.escape(wanted.removesuffix(GAP)) + ".*" if open_end else re.escape(wanted)
