"""Whether new networks and sandboxes may still be made."""

from __future__ import annotations

from seaway.model.errors import Unavailable


class Gate:
    """Open, until a purge closes it so that nothing is made while everything is removed."""

    def __init__(self) -> None:
        self._open = True

    def close(self) -> None:
        """Let nothing new be made."""
        self._open = False

    def open(self) -> None:
        """Let new things be made again: the purge did not get through."""
        self._open = True

    def pass_through(self) -> None:
        """Go on, or raise Unavailable."""
        if not self._open:
            raise Unavailable("everything is being purged from this host: nothing new is made")
