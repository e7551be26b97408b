"""Keys by which a user leaves a terminal without ending what runs there."""

from __future__ import annotations

from seaway.model.errors import InvalidRequest

DEFAULT = "ctrl-p,ctrl-q"
_CONTROLS = "@abcdefghijklmnopqrstuvwxyz[\\]^_"


def key_bytes(text: str) -> bytes:
    """*text* (``ctrl-p,ctrl-q``, ``a,b``) as the bytes a terminal sends; raises InvalidRequest."""
    return bytes(_key(part) for part in (text or DEFAULT).split(","))


def _key(text: str) -> int:
    name = text.lower().removeprefix("ctrl-")
    if len(text) == 1 and text.isascii():
        return ord(text)
    if text.lower().startswith("ctrl-") and len(name) == 1 and name in _CONTROLS:
        return _CONTROLS.index(name)
    raise InvalidRequest(
        f"invalid detach keys: {text!r} is neither one character nor ctrl- with one of a-z @ [ \\ ] ^ _"
    )


class DetachKeys:
    """Looks for the keys in what the user types; holds a beginning of them back until it is sure."""

    def __init__(self, keys: bytes) -> None:
        self._keys, self._held = keys, b""

    def feed(self, data: bytes) -> tuple[bytes, bool]:
        """What of *data* the process gets, and whether the keys were there."""
        data = self._held + data
        at = data.find(self._keys)
        if at >= 0:
            self._held = b""
            return data[:at], True
        held = next(n for n in range(len(self._keys) - 1, -1, -1) if data.endswith(self._keys[:n]))
        self._held = data[len(data) - held :]
        return data[: len(data) - held], False
