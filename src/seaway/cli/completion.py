"""What may come next on a command line: the answer to ``seaway __complete``, which the shells ask.

Which words fit is a pure function of the line; only the names of networks and sandboxes are asked
of the engine, briefly. Without one, there are no names, and nothing is said.
"""

from __future__ import annotations

import os
import sys

from seaway.cli.candidate import Candidate
from seaway.cli.commands import COMMANDS, GROUPS, OPTIONS, every_command
from seaway.cli.failure import Failure
from seaway.cli.options import Option
from seaway.cli.target import Target, target

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from seaway.cli.candidate import Live
    from seaway.cli.options import Command

PATHS = ("files", "folders", "programs")
"""Sources that only the shell knows: it is told so by ``:files`` and the like."""


_USUAL = {
    "NETWORK": ("@networks",),
    "SANDBOX": ("@sandboxes",),
    "SIGNAL": ("@signals",),
    "FILE": ("@files",),
    "DIR": ("@folders",),
    "FORMAT": ("json",),
}
"""What stands for a word of a usage, or of an option, that declares nothing itself."""


def candidates(words: Sequence[str], live: Live) -> list[Candidate]:
    """What may stand for the last of *words*, which follow the program's name."""
    *before, current = words or [""]
    try:
        _, rest = target(before, {})
    except Failure:  # the value of the last word comes next
        return _global_values(before[-1], current, live)
    if not rest:
        return _first_words(current)
    first, *rest = rest
    if first in GROUPS:
        if not rest:
            return _in_group(first, current)
        first, rest = f"{first} {rest[0]}", rest[1:]
    if first == "help":
        return _first_words(current) if not rest else []
    command = every_command().get(first)
    return [] if command is None else _Line(command, live).next(rest, current)


def _global_values(name: str, current: str, live: Live) -> list[Candidate]:
    """What may follow the option *name* in front of the command."""
    if name not in ("-H", "--host"):
        return [Candidate(":files")]
    return _values(Option("host H", "URL", "", known=("unix://", "tcp://")), current, live)


def _first_words(current: str) -> list[Candidate]:
    if current.startswith("-"):
        return [each for each in _names(OPTIONS, current) if each.word.startswith(current)]
    groups = [Candidate(name, meaning) for name, meaning in GROUPS.items()]
    commands = every_command()
    singles = [Candidate(name, commands[name].summary) for name in COMMANDS]
    return _beginning([*groups, *singles, Candidate("help", "Say more about a command.")], current)


def _in_group(group: str, current: str) -> list[Candidate]:
    named = [
        Candidate(name.removeprefix(f"{group} "), command.summary)
        for name, command in every_command().items()
        if name.startswith(f"{group} ")
    ]
    return _beginning(named, current)


class _Line:
    """The words of one command, read as ``options.read`` reads them."""

    def __init__(self, command: Command, live: Live) -> None:
        self._command, self._live = command, live
        self._arguments = 0
        self._ended = False
        """Whether no further word is an option."""
        self._waiting: Option | None = None
        """The option whose value comes next."""

    def next(self, before: Sequence[str], current: str) -> list[Candidate]:
        """What may stand for *current* after the words *before*."""
        for word in before:
            self._pass(word)
        if self._waiting is not None:
            return _values(self._waiting, current, self._live)
        if self._ended or not current.startswith("-"):
            return self._argument(current)
        name, equals, value = current.partition("=")
        if not equals:
            return _names(self._command.options, current)
        option = self._option(name)
        found = [] if option is None else _values(option, value, self._live)
        return [
            each if each.is_place else Candidate(f"{name}={each.word}", each.meaning)
            for each in found
        ]

    def _pass(self, word: str) -> None:
        if self._waiting is not None:
            self._waiting = None
        elif self._ended or len(word) < 2 or word[0] != "-":
            self._arguments += 1
            self._ended = self._ended or self._command.options_first
        elif word == "--":
            self._ended = True
        else:
            self._waiting = self._opened(word)

    def _opened(self, word: str) -> Option | None:
        """The option that *word* leaves waiting for its value."""
        if word.startswith("--"):
            option = self._option(word)
            return option if option is not None and option.metavar else None
        for place, letter in enumerate(word[1:], 2):
            option = self._option(f"-{letter}")
            if option is None or option.metavar:
                return option if place == len(word) else None
        return None

    def _option(self, name: str) -> Option | None:
        for option in self._command.options:
            if name in (f"-{option.short}", *(f"--{n}" for n in (option.long, *option.others))):
                return option
        return None

    def _argument(self, current: str) -> list[Candidate]:
        takes, most = self._command.takes or _told(self._command.usage), self._command.most
        if not takes or (most is not None and self._arguments >= most):
            return []
        known = takes[min(self._arguments, len(takes) - 1)].split("|")
        return _offered(known, current, self._live)


def _names(options: Sequence[Option], current: str) -> list[Candidate]:
    """The names of *options*; a short one only when it is what stands there."""
    named = [Candidate(f"--{option.long}", option.meaning) for option in options]
    named += [
        Candidate(f"-{option.short}", option.meaning)
        for option in options
        if option.short and current == f"-{option.short}"
    ]
    return _beginning([*named, Candidate("--help", "Say more about this command.")], current)


def _values(option: Option, current: str, live: Live) -> list[Candidate]:
    known = option.known or _USUAL.get(option.metavar, ()) if option.metavar else ("true", "false")
    return _offered(known, current, live)


def _told(usage: str) -> list[str]:
    """What the arguments in a *usage* are by their usual names, for a command that says no more."""
    words = usage.replace("[OPTIONS]", "").split()
    values = [place + 1 for place, word in enumerate(words) if word.startswith("--")]
    return [
        _USUAL.get(word.strip("[]."), ("@nothing",))[0]
        for place, word in enumerate(words)
        if place not in values and word.lstrip("[")[:1] != "-"
    ]


def _offered(known: Sequence[str], current: str, live: Live) -> list[Candidate]:
    """The words of *known*, step by step: ``type=`` first, then ``type=custom``."""
    found: list[Candidate] = []
    for each in known:
        prefix, at, source = each.partition("@")
        key = each[: each.find("=") + 1]
        if key and not current.startswith(key):
            found.append(Candidate(key))
        elif not at:
            found.append(Candidate(each))
        elif prefix and not current.startswith(prefix):
            found.append(Candidate(prefix))
        elif source in PATHS:
            found.append(Candidate(f":{source}"))
        else:
            found += [Candidate(prefix + item.word, item.meaning) for item in live(source)]
    return _beginning(found, current)


def _beginning(found: Sequence[Candidate], current: str) -> list[Candidate]:
    """Those of *found* that go on from *current*, each once."""
    unique = {each.word: each for each in reversed(found)}
    return [
        each for each in reversed(unique.values()) if each.is_place or each.word.startswith(current)
    ]


def split(line: str) -> list[str]:
    """The words of a shell's *line* up to the cursor, quotes taken away; the last may be empty."""
    words: list[str] = []
    word, quote, escaped, fresh = "", "", False, True
    for char in line:
        if escaped:
            word, escaped = word + char, False
        elif char == "\\" and quote != "'":
            escaped, fresh = True, False
        elif quote:
            quote, word = ("", word) if char == quote else (quote, word + char)
        elif char in "'\"":
            quote, fresh = char, False
        elif char in " \t":
            words += [] if fresh else [word]
            word, fresh = "", True
        else:
            word, fresh = word + char, False
    return [*words, word]


def answer(words: Sequence[str], usual: Target) -> int:
    """``seaway __complete SHELL …``: a candidate a line, its meaning behind a tab.

    zsh and fish give the words behind the program's name; bash its COMP_WORDBREAKS and the line up
    to the cursor, since it cuts words at other places and puts back what is behind the last cut.
    """
    from seaway.cli.live import source_of  # noqa: PLC0415

    shell, *rest = words or [""]
    if shell == "bash":
        breaks, line = [*rest, "", ""][:2]
        rest = split(line)[1:]
    else:
        breaks = ""
    found = candidates(rest, source_of(_engine(rest, usual)))
    cut = _last_break(rest[-1] if rest else "", breaks)
    lines = [each.word if each.is_place else each.word[cut:] for each in found]
    if shell != "bash":
        lines = [
            f"{line}\t{each.meaning}" if each.meaning else line
            for line, each in zip(lines, found, strict=True)
        ]
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 0


def _engine(words: Sequence[str], usual: Target) -> Target:
    """The engine that the line itself names, else *usual*."""
    try:
        named, _ = target([*words[:-1]], os.environ)
    except Failure:
        return usual
    return named if named.flags else usual


def _last_break(word: str, breaks: str) -> int:
    """How much of *word* stands before the part that bash replaces."""
    return max((word.rfind(char) + 1 for char in breaks if char in "=:@"), default=0)
