"""The user's terminal: raw mode, size, and the keys that leave a sandbox running."""

from __future__ import annotations

import os

from seaway.cli.failure import Misused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

DEFAULT_KEYS = "ctrl-p,ctrl-q"
_SPECIAL = {"@": 0, "[": 27, "\\": 28, "]": 29, "^": 30, "_": 31}


def is_terminal(descriptor: int) -> bool:
    """Whether *descriptor* is open and a terminal."""
    return os.isatty(descriptor)


def size() -> tuple[int, int]:
    """Rows and columns of the terminal on standard output or input; (0, 0) without one."""
    for descriptor in (1, 0, 2):
        if is_terminal(descriptor):
            found = os.get_terminal_size(descriptor)
            return found.lines, found.columns
    return 0, 0


def key_bytes(keys: str) -> bytes:
    """``ctrl-p,ctrl-q`` or ``a,b`` as the terminal sends them. Raises Misused."""
    sent = bytearray()
    for key in (keys or DEFAULT_KEYS).split(","):
        letter = key.removeprefix("ctrl-")
        if len(letter) != 1 or not letter.isascii():
            raise Misused(f"--detach-keys: {key!r} is neither a character nor ctrl- and one", 125)
        if letter == key:
            sent.append(ord(letter))
        elif letter.lower().isalpha():
            sent.append(ord(letter.lower()) - ord("a") + 1)
        elif letter in _SPECIAL:
            sent.append(_SPECIAL[letter])
        else:
            raise Misused(f"--detach-keys: there is no {key!r}", 125)
    return bytes(sent)


class KeyWatch:
    """Notices *keys* among what the user types; acting on them is the engine's part."""

    def __init__(self, keys: bytes) -> None:
        self._keys, self._tail, self.seen = keys, b"", False

    def typed(self, data: bytes) -> None:
        """Take the next bytes."""
        seen = self._tail + data
        self.seen = self.seen or self._keys in seen
        self._tail = seen[-(len(self._keys) - 1) :] if len(self._keys) > 1 else b""


class RawMode:
    """Within ``with``, every key goes to the sandbox as it is; afterwards all is as before."""

    def __init__(self, *, wanted: bool) -> None:
        self._wanted = wanted and is_terminal(0)

    def __enter__(self) -> None:
        if self._wanted:
            import termios  # noqa: PLC0415
            import tty  # noqa: PLC0415

            self._before = termios.tcgetattr(0)
            tty.setraw(0, termios.TCSANOW)  # what was typed ahead is kept

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._wanted:
            import termios  # noqa: PLC0415

            termios.tcsetattr(0, termios.TCSADRAIN, self._before)
