"""The kernel state of a host, to be compared before and after: whatever differs has leaked."""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from bed.daemon import Daemon
from bed.host import Host
from bed.pace import PACE, SILENCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """What of a host must be as it was, after things came and went."""

    links: tuple[str, ...]
    """Without their carrier: a bridge that nobody is on any more has another than a new one."""
    routes: tuple[str, ...]
    """Routes and routing rules of both families."""
    rules: tuple[str, ...]
    """The whole nftables ruleset, without counters."""
    namespaces: int
    """Files that stand for a namespace."""
    processes: tuple[str, ...]
    """Their command lines; in brackets those of which only the exit status is left."""
    open_files: int
    """Of the daemon; 0 without one."""

    def lines(self) -> tuple[str, ...]:
        """All of it, a line for each fact."""
        counts = (f"namespaces {self.namespaces}", f"open files {self.open_files}")
        return (*self.links, *self.routes, *self.rules, *self.processes, *counts)


def fingerprint(host: Host, daemon: Daemon | None = None) -> Fingerprint:
    """The state of *host* now."""
    links, routes, rules = _said(host, _LINKS, _ROUTES, _RULES)
    return Fingerprint(
        links=tuple(sorted(links)),
        routes=routes,
        rules=rules,
        namespaces=Path(f"/proc/{host.pid}/mountinfo").read_text().count(" - nsfs "),
        processes=_processes(host),
        open_files=0 if daemon is None else _open_files(daemon),
    )


def _open_files(daemon: Daemon) -> int:
    """But for those that the daemon only occupies: they lead to ``/``."""
    listing = Path(f"/proc/{daemon.pid}/fd")
    return sum(os.path.realpath(file) != "/" for file in listing.iterdir())


def at_rest(host: Host, daemon: Daemon | None = None) -> Fingerprint:
    """The state of *host* when it has not changed for half a second: a good one to compare with."""
    now, since = fingerprint(host, daemon), time.monotonic()
    while time.monotonic() - since < 0.5 * SILENCE:
        time.sleep(0.05)
        former, now = now, fingerprint(host, daemon)
        if now != former:
            since = time.monotonic()
    return now


def leaked(before: Fingerprint, host: Host, daemon: Daemon | None = None) -> tuple[str, ...]:
    """What of *host* is not as *before*: ``+`` for what is new, ``-`` for what is gone.

    Waits up to 3 seconds for what Linux and the daemon finish after they have answered: a link of
    a namespace that went, a connection that closes.
    """
    deadline = time.monotonic() + 3 * PACE
    while found := _difference(before.lines(), fingerprint(host, daemon).lines()):
        if time.monotonic() > deadline:
            return found
        time.sleep(0.05)
    return ()


def _difference(before: tuple[str, ...], after: tuple[str, ...]) -> tuple[str, ...]:
    old, new = Counter(before), Counter(after)
    return (
        *(f"- {x}" for x in (old - new).elements()),
        *(f"+ {x}" for x in (new - old).elements()),
    )


_LINKS = "ip -o link"
# Link-local routes come with a link's first carrier, and stay.
_ROUTES = "ip route; ip -6 route | sed '/^fe80::.64/d'; ip rule; ip -6 rule"
_CARRIER = re.compile(r"NO-CARRIER,|,LOWER_UP| state (UP|DOWN|UNKNOWN)\b| linkdown\b")
_RULES = "nft --stateless list ruleset"


def _said(host: Host, *commands: str) -> list[tuple[str, ...]]:
    """The lines of each of *commands*, which one shell runs: to start one costs as much as most of them."""
    parts = host.sh("; echo =====; ".join(commands)).out.split("=====\n")
    return [tuple(_CARRIER.sub("", x).rstrip() for x in part.splitlines()) for part in parts]


def _processes(host: Host) -> tuple[str, ...]:
    found: list[str] = []
    for folder in host.path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_text(errors="replace").replace("\0", " ").strip()
            found.append(line or f"[{(folder / 'comm').read_text().strip()}]")
        except OSError:
            continue  # it ended while we looked
    return tuple(sorted(found))
