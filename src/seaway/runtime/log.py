"""conmon's log: the ``k8s-file`` format, which is Kubernetes' CRI log format."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from seaway.contracts import LogLine

_NANOSECONDS = 9
"""Digits of a fraction of a second."""
_SECOND = 1_000_000_000


class LogReader:
    """Makes pieces of output of the bytes of a log, whatever parts they come in."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[LogLine]:
        """The pieces that *data* completes."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            piece = parse(line)
            if piece is not None:
                yield piece


def parse(line: bytes) -> LogLine | None:
    """``<time> stdout|stderr F|P <data>``, F for a whole line; None for anything else.

    A line that was ended is given with its newline.
    """
    fields = line.split(b" ", 3)
    match fields:
        case [stamp, (b"stdout" | b"stderr") as stream, (b"F" | b"P") as tag, data]:
            time = nanoseconds(stamp.decode("ascii", errors="replace"))
            end = b"\n" if tag == b"F" else b""
            number = 1 if stream == b"stdout" else 2
            return None if time is None else LogLine(time=time, stream=number, data=data + end)
        case _:
            return None


def nanoseconds(stamp: str) -> int | None:
    """*stamp* (RFC 3339, up to nine digits of fraction) since the epoch; None when it is none."""
    whole, dot, rest = stamp.partition(".")
    digits = len(rest) - len(rest.lstrip("0123456789"))
    fraction, zone = (rest[:digits], rest[digits:]) if dot else ("", "")
    try:
        moment = datetime.fromisoformat(whole + zone)
    except ValueError:
        return None
    known = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    seconds = int(known.timestamp())
    return seconds * _SECOND + int(fraction[:_NANOSECONDS].ljust(_NANOSECONDS, "0"))
