"""Colour, where somebody sees it: on a terminal, and without NO_COLOR (no-color.org)."""

from __future__ import annotations

import os
import sys

BOLD, DIM, GREEN, YELLOW, CYAN = "1", "2", "32", "33", "36"


def wanted() -> bool:
    """Whether standard output shows colours."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return not plain and sys.stdout.isatty()


def painted(text: str, colour: str, *, on: bool) -> str:
    """*text* in *colour* when *on*."""
    return f"\x1b[{colour}m{text}\x1b[0m" if on and colour else text
