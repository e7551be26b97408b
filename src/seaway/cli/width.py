"""How many columns of a terminal a text takes: wide characters two, combining ones none.

Source: Unicode Standard Annex 11 (East Asian Width).
"""

from __future__ import annotations


def width(text: str) -> int:
    """The columns of *text*. ASCII, as names are, costs nothing."""
    if text.isascii():
        return len(text)
    from unicodedata import category, east_asian_width  # noqa: PLC0415 - a big table

    return sum(
        0 if category(char) in ("Mn", "Me", "Cf") else 2 if east_asian_width(char) in "WF" else 1
        for char in text
    )


def padded(text: str, columns: int) -> str:
    """*text* with blanks behind it up to *columns*."""
    return text + " " * max(0, columns - width(text))
