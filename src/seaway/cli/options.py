"""Command lines as docker reads them: ``-it``, ``-p8080:80``, ``--rm=false``, ``--name=x``.

``argparse`` can neither stop at the first argument nor take ``--ipv4=false``, and its import
takes 9 ms.
"""

from __future__ import annotations

from seaway.cli.failure import Failure, Misused, near

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from seaway.cli.client import Api

FLAG_ERROR = 125
"""docker's exit code when a flag is wrong."""
_TRUE = ("1", "t", "T", "true", "TRUE", "True")
_FALSE = ("0", "f", "F", "false", "FALSE", "False")


class Option:
    """One ``--long`` / ``-s`` option; *metavar* is empty for a switch."""

    __slots__ = ("group", "known", "long", "meaning", "metavar", "others", "short")

    def __init__(
        self, names: str, metavar: str, meaning: str, *, known: Sequence[str] = (), group: str = ""
    ) -> None:
        """*names* is ``"long"``, ``"long s"``, or with older spellings ``"long s --other"``.

        *known*: the values that completion offers, each a word, or a source of words with its
        prefix, such as ``@networks`` or ``network=@networks`` (``completion.SOURCES``).
        *group*: the title under which help shows it.
        """
        self.long, *more = names.split(" ")
        self.short = "".join(name for name in more if len(name) == 1)
        self.others = [name.removeprefix("--") for name in more if len(name) > 1]
        self.metavar, self.meaning, self.known, self.group = metavar, meaning, known, group

    @property
    def shown(self) -> str:
        """The left column of the help."""
        short = f"-{self.short}, " if self.short else "    "
        return f"{short}--{self.long} {self.metavar}".rstrip()


def switch(names: str, meaning: str) -> Option:
    """An option that is there or not."""
    return Option(names, "", meaning)


def grouped(title: str, *options: Option) -> tuple[Option, ...]:
    """*options*, which help shows under *title*."""
    for option in options:
        option.group = title
    return options


def filter_option(names: str, *known: str) -> Option:
    """``--filter``, whose names and values are *known*, as ``type=builtin`` or ``label=``."""
    return Option(names, "NAME=VALUE", "only those that match (repeatable)", known=known)


def filter_names(option: Option) -> list[str]:
    """What may stand before ``=`` in a filter, each once, in the order of declaration."""
    return list(dict.fromkeys(word.partition("=")[0] for word in option.known))


class Args:
    """What a command line said."""

    __slots__ = ("rest", "said")

    def __init__(self) -> None:
        self.said: dict[str, list[str]] = {}
        self.rest: list[str] = []

    def flag(self, name: str) -> bool:
        """Whether the switch is on; off when not given."""
        return self.said.get(name, ["false"])[-1] == "true"

    def given(self, name: str) -> bool:
        """Whether the option was on the command line at all."""
        return name in self.said

    def text(self, name: str, otherwise: str = "") -> str:
        """The last value given."""
        return self.said.get(name, [otherwise])[-1]

    def every(self, name: str) -> list[str]:
        """All values given, in order."""
        return self.said.get(name, [])

    def whole(self, name: str, otherwise: int = 0) -> int:
        """The value as a whole number. Raises Misused."""
        value = self.text(name, str(otherwise))
        try:
            return int(value)
        except ValueError:
            raise Misused(f"--{name} takes a whole number, not {value!r}", FLAG_ERROR) from None


class Command:
    """One command: how it is called, what it does, and the function that does it.

    Help, completion, man pages and the reference are made from this one declaration.
    """

    def __init__(
        self,
        run: Callable[[Args, Api], int],
        usage: str,
        summary: str,
        *,
        options: Sequence[Option] = (),
        examples: Sequence[str] = (),
        least: int = 0,
        most: int | None = None,
        options_first: bool = False,
        takes: Sequence[str] = (),
        docker: str = "",
        notes: str = "",
    ) -> None:
        """*least* to *most* arguments; *options_first*: the first argument ends the options.

        *summary* is one sentence. *examples* are lines for a shell. *takes*: what completion
        offers for each argument, as ``Option.known``, alternatives with ``|`` between them; the
        last one holds for all further arguments. *docker*: the docker command that does the same.
        *notes*: paragraphs for man page and reference, with `code` and [text](page.md).
        """
        self.run, self.usage, self.summary = run, usage, summary
        self.options, self.examples = options, examples
        self.least, self.most, self.options_first = least, most, options_first
        self.takes, self.docker, self._notes = takes, docker, notes

    @property
    def notes(self) -> list[str]:
        """The paragraphs that stand in the reference below the options."""
        return [" ".join(part.split()) for part in self._notes.split("\n\n") if part.strip()]


class HelpAsked(Exception):
    """``--help`` stood among the options."""


class _Words:
    """The words of a command line, read from left to right."""

    def __init__(self, command: Command, words: Sequence[str]) -> None:
        self.words, self.at, self.args = words, 0, Args()
        self.options_first = command.options_first
        self.long = {
            name: option for option in command.options for name in (option.long, *option.others)
        }
        self.short = {option.short: option for option in command.options if option.short}

    def read(self) -> Args:
        while self.at < len(self.words):
            word = self.words[self.at]
            self.at += 1
            if word == "--":
                return self._rest()
            if word.startswith("--"):
                self._long(word[2:])
            elif len(word) > 1 and word[0] == "-":
                self._short(word[1:])
            else:
                self.args.rest.append(word)
                if self.options_first:
                    return self._rest()
        return self.args

    def _rest(self) -> Args:
        self.args.rest += self.words[self.at :]
        return self.args

    def _long(self, word: str) -> None:
        name, equals, value = word.partition("=")
        option = self.long.get(name)
        if option is None and name == "help":
            raise HelpAsked
        if option is None:
            like = near(f"--{name}", [f"--{known}" for known in self.long])
            raise Misused(f"unknown flag: --{name}{like}", FLAG_ERROR)
        self._take(option, f"--{name}", value if equals else None)

    def _short(self, letters: str) -> None:
        while letters:
            letter, letters = letters[0], letters[1:]
            option = self.short.get(letter)
            if option is None and letter == "h":
                raise HelpAsked
            if option is None:
                raise Misused(f"unknown shorthand flag: -{letter}", FLAG_ERROR)
            if letters.startswith("="):
                self._take(option, f"-{letter}", letters[1:])
                return
            if option.metavar:
                self._take(option, f"-{letter}", letters or None)
                return
            self._take(option, f"-{letter}", None)

    def _take(self, option: Option, shown: str, value: str | None) -> None:
        if not option.metavar:
            value = _switched(shown, value)
        elif value is None:
            if self.at == len(self.words):
                raise Misused(f"flag needs an argument: {shown} {option.metavar}", FLAG_ERROR)
            value = self.words[self.at]
            self.at += 1
        self.args.said.setdefault(option.long, []).append(value)


def _switched(shown: str, value: str | None) -> str:
    if value is None or value in _TRUE:
        return "true"
    if value in _FALSE:
        return "false"
    raise Misused(f"{shown} is a switch and takes true or false, not {value!r}", FLAG_ERROR)


def read(name: str, command: Command, words: Sequence[str]) -> Args:
    """What *words* say to *command*. Raises Misused and HelpAsked."""
    try:
        args = _Words(command, words).read()
    except Misused as error:
        raise Misused(f"{error.message}\nSee '{name} --help'.", error.code) from None
    count = len(args.rest)
    if count < command.least or (command.most is not None and count > command.most):
        wanted = _bounds(command.least, command.most)
        raise Failure(f"'{name}' takes {wanted}\nUsage: {name} {command.usage}".rstrip())
    return args


def _bounds(least: int, most: int | None) -> str:
    if most == 0:
        return "no arguments"
    if least == most:
        return f"exactly {least} argument{'s' if least != 1 else ''}"
    if most is None:
        return f"at least {least} argument{'s' if least != 1 else ''}"
    return f"{least} to {most} arguments"
