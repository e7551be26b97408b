"""Points in time as people type them: ``10m``, ``1795500311``, ``2026-11-25T17:28:00Z``."""

from __future__ import annotations

from seaway.cli.failure import Failure

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "d": 86400.0}


def seconds(text: str, now: float) -> str:
    """*text* as seconds since the epoch, which the API takes; empty stays empty.

    Raises Failure when it is no time.
    """
    if text == "" or _is_number(text):
        return text
    span = _span(text)
    if span is not None:
        return f"{now - span:.9f}"
    try:
        return _since_epoch(text)
    except ValueError:
        raise Failure(f"{text!r} is no time: use 10m, 1795500311 or 2026-11-25T17:28:00Z") from None


def _since_epoch(text: str) -> str:
    """RFC 3339 in seconds, to the nanosecond as events have it; raises ValueError."""
    from datetime import datetime  # noqa: PLC0415

    head, dot, tail = text.partition(".")
    zone = tail.lstrip("0123456789")
    digits = tail[: len(tail) - len(zone)]
    if dot and not digits:
        raise ValueError(text)
    whole = datetime.fromisoformat(head + zone).astimezone()
    return f"{int(whole.timestamp())}.{digits[:9]:0<9}"


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdecimal() and text.isascii()


def _span(text: str) -> float | None:
    """``1h30m`` in seconds; None when it is no span."""
    total, digits, unit = 0.0, "", ""
    for char in text + "0":
        if char.isdecimal() or char == ".":
            if unit:
                if unit not in _UNITS or not _is_number(digits):
                    return None
                total, digits, unit = total + float(digits) * _UNITS[unit], "", ""
            digits += char
        else:
            unit += char
    return total if digits == "0" else None
