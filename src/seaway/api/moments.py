"""Moments and durations, as the Engine API writes them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from seaway.model.errors import InvalidRequest

SECOND = 10**9
"""Nanoseconds."""
NEVER = "0001-01-01T00:00:00Z"
"""Go's zero time."""
_UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": SECOND, "m": 60 * SECOND}
_UNITS["h"] = 60 * _UNITS["m"]
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)", re.ASCII)
_SECONDS = re.compile(r"(\d{1,12})(?:\.(\d{1,9}))?", re.ASCII)
_FRACTION = re.compile(r"\.(\d+)")


def shown(moment: int) -> str:
    """*moment* (nanoseconds since the epoch; 0: never) in RFC 3339, UTC, without needless zeros."""
    if moment == 0:
        return NEVER
    seconds, nanoseconds = divmod(moment, SECOND)
    whole = datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat()
    fraction = f".{nanoseconds:09d}".rstrip("0").rstrip(".")
    return f"{whole}{fraction}Z"


def fixed(moment: int) -> str:
    """*moment* with all nine digits, as before a line of logs."""
    seconds, nanoseconds = divmod(moment, SECOND)
    whole = datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat()
    return f"{whole}.{nanoseconds:09d}Z"


def moment(text: str, now: int) -> int:
    """*text* as nanoseconds since the epoch; raises InvalidRequest.

    It is seconds since the epoch (``1795500311.25``), RFC 3339, or a duration before *now*
    (``1h30m``).
    """
    if whole := _SECONDS.fullmatch(text):
        return int(whole[1]) * SECOND + int((whole[2] or "").ljust(9, "0"))
    try:
        ago = duration(text)
        return _rfc3339(text) if ago is None else now - ago
    except (ValueError, OverflowError):
        raise InvalidRequest(
            f"invalid time {text!r}: it is RFC 3339, seconds since the epoch, or a duration like 10m"
        ) from None


def duration(text: str) -> int | None:
    """*text* (Go's ``1h30m``) in nanoseconds; None when it is no duration."""
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return int(sum(float(number) * _UNITS[unit] for number, unit in parts))


def _rfc3339(text: str) -> int:
    fraction = _FRACTION.search(text)
    digits = fraction[1] if fraction else ""
    point = datetime.fromisoformat(_FRACTION.sub("", text, count=1))
    aware = point if point.tzinfo else point.replace(tzinfo=UTC)
    since = aware - datetime(1970, 1, 1, tzinfo=UTC)
    return since // timedelta(seconds=1) * SECOND + int(digits[:9].ljust(9, "0"))


def in_words(span: int) -> str:
    """*span* nanoseconds roughly, in the words of ``docker ps``: ``2 seconds``, ``About an hour``."""
    seconds = max(span, 0) // SECOND
    minutes, hours = seconds // 60, round(seconds / 3600)
    steps = (
        (seconds < 1, "Less than a second"),
        (seconds == 1, "1 second"),
        (seconds < 60, f"{seconds} seconds"),
        (minutes == 1, "About a minute"),
        (minutes < 60, f"{minutes} minutes"),
        (hours == 1, "About an hour"),
        (hours < 48, f"{hours} hours"),
        (hours < 24 * 14, f"{hours // 24} days"),
        (hours < 24 * 60, f"{hours // 24 // 7} weeks"),
        (hours < 24 * 365 * 2, f"{hours // 24 // 30} months"),
    )
    return next((words for fits, words in steps if fits), f"{hours // 24 // 365} years")
