"""How a command ends when it cannot do what was asked."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def because(error: OSError) -> str:
    """*error* for people: ``/etc/shadow: Permission denied``, without a number."""
    what = f"{error.filename}: " if error.filename else ""
    return f"{what}{error.strerror or error}"


def near(word: str, names: Iterable[str]) -> str:
    """``; did you mean ls?`` when one of *names* is like *word*; else nothing."""
    from difflib import get_close_matches  # noqa: PLC0415 - only after a typing error

    found = get_close_matches(word, [*names], n=1, cutoff=0.7)
    return f"; did you mean {found[0]}?" if found else ""


WENT_AWAY = "the engine went away in the middle of its answer"
GONE = "the engine went away; the sandbox goes on without it"


class Failure(Exception):
    """One sentence for standard error, and the exit code."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.message, self.code = message, code


class DaemonError(Failure):
    """The engine refused: *status* is the HTTP status, *reason* its own sentence."""

    def __init__(self, status: int, reason: str, code: int = 1) -> None:
        super().__init__(f"Error response from daemon: {reason}", code)
        self.status, self.reason = status, reason


class Unreachable(Failure):
    """No answer from the engine; *nobody_there*: no program listens on its socket."""

    def __init__(self, message: str, *, nobody_there: bool = False) -> None:
        super().__init__(message)
        self.nobody_there = nobody_there


class Misused(Failure):
    """The command line cannot be understood; 125 as in docker when a flag is the cause."""
