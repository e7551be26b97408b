"""The kernel state of a host, to be compared before and after: whatever differs has leaked."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from bed.daemon import Daemon
from bed.host import Host


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """What of a host must be as it was, after things came and went."""

    links: tuple[str, ...]
    routes: tuple[str, ...]
    rules: tuple[str, ...]
    """The whole nftables ruleset, without counters."""
    namespaces: int
    """Files that stand for a namespace."""
    processes: int
    open_files: int
    """Of the daemon; 0 without one."""


def fingerprint(host: Host, daemon: Daemon | None = None) -> Fingerprint:
    """The state of *host* now."""
    links, routes, rules = (_lines(host, command) for command in (_LINKS, _ROUTES, _RULES))
    return Fingerprint(
        links=tuple(sorted(links)),
        routes=routes,
        rules=rules,
        namespaces=Path(f"/proc/{host.pid}/mountinfo").read_text().count(" - nsfs "),
        processes=sum(entry.name.isdigit() for entry in host.path("/proc").iterdir()),
        open_files=0 if daemon is None else len(list(Path(f"/proc/{daemon.pid}/fd").iterdir())),
    )


def settled(before: Fingerprint, host: Host, daemon: Daemon | None = None) -> Fingerprint:
    """The state of *host* as soon as it equals *before*, else after 3 seconds.

    For what Linux and the daemon finish after they have answered: a link of a namespace that went,
    a connection that closes.
    """
    deadline = time.monotonic() + 3
    while (now := fingerprint(host, daemon)) != before and time.monotonic() < deadline:
        time.sleep(0.05)
    return now


_LINKS = "ip -o link"
_ROUTES = "ip route; ip -6 route; ip rule; ip -6 rule"
_RULES = "nft --stateless list ruleset"


def _lines(host: Host, command: str) -> tuple[str, ...]:
    return tuple(line.rstrip() for line in host.sh(command).out.splitlines())
