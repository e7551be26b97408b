"""The host's own name servers and search domains, followed when its resolv.conf changes.

Source: resolv.conf(5).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path

from seaway.plan.zone import Upstream

log = logging.getLogger(__name__)

MAX_SERVERS = 3
"""The C library reads no more (MAXNS in resolv.h)."""
CHECK_EVERY = 1.0
"""Seconds between two looks at the file, when there are questions."""


def servers_of(resolv_conf: str) -> tuple[Upstream, ...]:
    """The name servers of a resolv.conf's text, in order; what is no address is passed over."""
    lines = (line.split() for line in resolv_conf.splitlines())
    named = (_server(words[1]) for words in lines if len(words) > 1 and words[0] == "nameserver")
    return tuple(dict.fromkeys(s for s in named if s is not None))[:MAX_SERVERS]


def search_of(resolv_conf: str) -> tuple[str, ...]:
    """The search domains of a resolv.conf's text: those of its last such line."""
    lines = (line.split() for line in resolv_conf.splitlines())
    said = [words[1:] for words in lines if words and words[0] in ("search", "domain")]
    return tuple(dict.fromkeys(said[-1])) if said else ()


def _server(text: str) -> Upstream | None:
    bare, _, scope = text.partition("%")
    try:
        return Upstream(address=ip_address(bare), scope=scope)
    except ValueError:
        return None


class HostFile:
    """Reads the file again when somebody asks, once in CHECK_EVERY at most: nothing runs when idle.

    While the file is missing (somebody replaces it) or cannot be read, what it said before holds.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._next_look = -1.0
        self._seen: tuple[int, ...] = ()
        self._text = ""
        self._servers: tuple[Upstream, ...] = ()

    def servers(self) -> tuple[Upstream, ...]:
        """The name servers, at most CHECK_EVERY old."""
        self._follow()
        return self._servers

    def search(self) -> tuple[str, ...]:
        """The search domains, at most CHECK_EVERY old."""
        self._follow()
        return search_of(self._text)

    def _follow(self) -> None:
        now = self._clock()
        if now >= self._next_look:
            self._next_look = now + CHECK_EVERY
            self._look()

    def _look(self) -> None:
        try:
            stat = self._path.stat()
            seen = (stat.st_dev, stat.st_ino, stat.st_mtime_ns, stat.st_size)
            if seen != self._seen:
                self._text = self._path.read_text("utf-8", "replace")
                self._seen, self._servers = seen, servers_of(self._text)
        except OSError as error:
            log.warning(
                "cannot read the host's name servers",
                extra={"path": str(self._path), "reason": error.strerror},
            )
