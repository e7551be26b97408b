"""Output of sandboxes: the frames in which the API carries it, and where it goes."""

from __future__ import annotations

import os
from select import POLLOUT, poll

from seaway.cli.failure import Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from seaway.cli.client import Reply

STDOUT, STDERR = 1, 2
HEADER = 8
"""Bytes: the stream (0 to 3), three zeros, the length as a big-endian number."""
_LAST_STREAM = 3


class Frames:
    """Takes bytes as they come and gives what is for standard output and standard error."""

    def __init__(self, *, raw: bool) -> None:
        """*raw*: a terminal's stream, which has no frames."""
        self._raw, self._rest = raw, b""
        self._left, self._target = 0, STDOUT

    def split(self, received: bytes) -> Iterator[tuple[int, bytes]]:
        """The descriptor and the bytes for it; parts of frames are passed on at once.

        Raises Failure for what is no frame.
        """
        if self._raw:
            yield STDOUT, received
            return
        data = self._rest + received
        while data:
            if self._left == 0:
                if len(data) < HEADER:
                    break
                self._begin(data[:HEADER])
                data = data[HEADER:]
            part, data = data[: self._left], data[self._left :]
            self._left -= len(part)
            if part:
                yield self._target, part
        self._rest = data

    def _begin(self, header: bytes) -> None:
        if header[0] > _LAST_STREAM or header[1:4] != b"\0\0\0":
            raise Failure("the engine sent output in a form that this command does not know")
        self._target = STDERR if header[0] >= STDERR else STDOUT
        self._left = int.from_bytes(header[4:], "big")


def write(target: int, data: bytes) -> None:
    """Write all of *data*, also to a descriptor that does not block."""
    while data:
        try:
            data = data[os.write(target, data) :]
        except BlockingIOError:
            waiting = poll()
            waiting.register(target, POLLOUT)
            waiting.poll()


def copy(reply: Reply, *, raw: bool) -> None:
    """Everything *reply* carries, to standard output and standard error."""
    frames = Frames(raw=raw)
    for received in iter(reply.read, b""):
        for target, data in frames.split(received):
            write(target, data)
    reply.close()
