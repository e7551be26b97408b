"""A word that completion offers."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Live = Callable[[str], list["Candidate"]]
    """The words that a source such as ``networks`` has now."""


class Candidate:
    """One word, and what it means."""

    __slots__ = ("meaning", "word")

    def __init__(self, word: str, meaning: str = "") -> None:
        self.word, self.meaning = word, meaning

    @property
    def is_place(self) -> bool:
        """Whether the shell itself knows the words: ``:files`` and the like."""
        return self.word.startswith(":")
