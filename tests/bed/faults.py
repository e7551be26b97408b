"""Faults in a daemon, by its setting ``test-fault``, and what of a host must be as it was after them."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Collection
from typing import Any, cast

from bed.daemon import DATA_DIR, RUN_DIR, Daemon
from bed.fingerprint import fingerprint
from bed.host import Host
from bed.pace import PACE, SILENCE

OPTIONS = ("--test-fault", "/run/fault")
"""What a daemon must be started with."""
NEVER = 1_000_000


class FaultFile:
    """The file that says at which step the daemon ends or fails."""

    def __init__(self, host: Host) -> None:
        self._file, self._log = host.path("/run/fault"), host.path("/run/fault.log")

    def arm(self, verb: str, number: int) -> None:
        """From now on count steps; at step *number* (from 0) ``kill`` or ``fail``."""
        self._log.unlink(missing_ok=True)
        fresh = self._file.with_name("fault.new")
        fresh.write_text(f"{verb} {number}")
        fresh.rename(self._file)

    def disarm(self) -> tuple[str, ...]:
        """Nothing happens any more; gives the steps that were reached since ``arm``."""
        self._file.unlink(missing_ok=True)
        return tuple(self._log.read_text().split()) if self._log.exists() else ()


State = tuple[str, ...]


def state(host: Host, daemon: Daemon) -> State:
    """All that a use case may change, of Linux and of the daemon's answers, without random parts."""
    seen = fingerprint(host)
    whole = "\n".join(
        (
            *seen.links,
            *seen.routes,
            _sorted_elements("\n".join(seen.rules)),
            *seen.processes,
            f"namespaces {seen.namespaces}",
            host.sh(f"{_INSIDE}; {_FILES}").out,
            *_answers(daemon),
            *_left_containers(host, daemon),
        )
    )
    for pattern, text in _RANDOM:
        whole = re.sub(pattern, text, whole)
    return tuple(sorted(" ".join(line.split()) for line in whole.splitlines() if line.strip()))


def at_rest(host: Host, daemon: Daemon) -> State:
    """The state of *host* when it has not changed for half a second: a good one to compare with."""
    now, since = state(host, daemon), time.monotonic()
    while time.monotonic() - since < 0.5 * SILENCE:
        time.sleep(0.05)
        former, now = now, state(host, daemon)
        if now != former:
            since = time.monotonic()
    return now


def settled(host: Host, daemon: Daemon, wanted: Collection[State]) -> State:
    """The state of *host* as soon as it is one of *wanted*, else after 10 seconds."""
    deadline = time.monotonic() + 10 * PACE
    while (now := state(host, daemon)) not in wanted and time.monotonic() < deadline:
        time.sleep(0.02)
    return now


def difference(before: State, after: State) -> str:
    """What of *after* is not as *before*, to be read by people."""
    gone, new = list(before), list[str]()
    for line in after:
        if line in gone:
            gone.remove(line)
        else:
            new.append(line)
    return "\n".join([*(f"- {line}" for line in gone), *(f"+ {line}" for line in new)])


_INSIDE = (
    f"for each in {RUN_DIR}/netns/*; do [ ! -e $each ] || "
    'nsenter --net=$each sh -c "ip -o address; ip route; ip -6 route; nft --stateless list ruleset;'
    ' ss -Hltun"; done; ss -Hltun'
)
_FILES = f"find {RUN_DIR}/ns {RUN_DIR}/netns -mindepth 1"
_RANDOM = (
    (r"(?m)^\d+: ", ""),
    (r"@\w+", "@"),
    (r"link-netnsid \d+", ""),
    (r"\b[0-9a-f]{64}\b", "ID"),
    (r"\b(sw|sv)-[0-9a-f]{12}\b", r"\1-*"),
    (r"\b[0-9a-f]{2}(:[0-9a-f]{2}){5}\b", "MAC"),
    (r"(?m)^fe80::/64 .*$", ""),  # comes with the first carrier, and stays
    (r"fe80::[0-9a-f:]+", "fe80::*"),
    (r"\b0xfe80[0-9a-f]{28}\b", "fe80::*"),
    (r"\b0x[0-9a-f]{14,16}\b", "IID"),  # the half of an IPv6 address that is made of a MAC address
    (r"\btentative\b", ""),
    (r"(?m)^((?:tcp|udp) +\w+) +\d+ +\d+", r"\1"),
    (r"valid_lft \w+|preferred_lft \w+|expires \w+", ""),
)


def _sorted_elements(rules: str) -> str:
    """Each element of a set on a line of its own with the set's name, whatever their order."""
    return _SET.sub(lambda found: "\n".join(_element_lines(found[1], found[2])), rules)


_SET = re.compile(r"(?:set|map) (\w+) \{[^{}]*elements = \{([^}]*)\}")


def _element_lines(name: str, elements: str) -> list[str]:
    return [f"in {name}: {' '.join(each.split())}" for each in elements.split(",")]


def _left_containers(host: Host, daemon: Daemon) -> list[str]:
    """Files of containers that are no more."""
    known = {each["Id"] for each in _list(daemon.get("/containers/json?all=1"))}
    kept = (RUN_DIR / "bundles", RUN_DIR / "oci", DATA_DIR / "sandboxes")
    places = [host.path(place) for place in kept]
    found = [path for place in places if place.exists() for path in place.iterdir()]
    return [f"left over: {path.name}" for path in found if path.name not in known]


def _answers(daemon: Daemon) -> list[str]:
    """What of networks and sandboxes the API shows."""
    networks = _list(daemon.get("/networks"))
    found = [f"network {each['Name']} {json.dumps(each['IPAM'])}" for each in networks]
    for each in _list(daemon.get("/containers/json?all=1")):
        hangs = {
            name: (e["IPAddress"], e["GlobalIPv6Address"], e["Aliases"])
            for name, e in sorted(each["NetworkSettings"]["Networks"].items())
        }
        ports = sorted(json.dumps(port, sort_keys=True) for port in each["Ports"])
        found.append(f"container {each['Names']} {each['State']} {hangs} {ports}")
    return found


def _list(value: object) -> list[dict[str, Any]]:
    assert isinstance(value, list)
    return cast(list[dict[str, Any]], value)
