"""The command line: which parts, how many rounds, where the figures go."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench import connect, crowd, idle, lan, listing, processes, publish, restart
from bench.figures import Report, keep, text
from bench.stage import Part

PARTS: Mapping[str, Part] = {
    "connect": connect.beside_the_kernel,
    "thousand": connect.a_thousand,
    "lan": lan.on_the_lan,
    "publish": publish.a_thousand,
    "idle": idle.with_a_hundred,
    "restart": restart.with_a_hundred,
    "ls": listing.beside_docker,
    "networks": crowd.networks,
    "clients": crowd.clients,
    "events": crowd.events,
    "run": processes.beside_peers,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, keep; gives the exit status: 1 when a target is not met."""
    parser = argparse.ArgumentParser(
        prog="bench/run.py", description=f"Parts: {' '.join(PARTS)}. Without any: all, in turn."
    )
    parser.add_argument("part", nargs="*", metavar="PART")
    parser.add_argument("--rounds", type=int, default=20, help="samples of each kind (default 20)")
    parser.add_argument("--out", type=Path, help="append the figures to this file, as JSON lines")
    args = parser.parse_args(arguments)
    wanted: list[str] = args.part or list(PARTS)
    if unknown := [part for part in wanted if part not in PARTS]:
        parser.error(f"no part {' '.join(unknown)}; there are {' '.join(PARTS)}")
    facts = _facts()
    sys.stdout.write(", ".join(f"{name} {value}" for name, value in facts.items()) + "\n")
    reports = [_measured(part, args.rounds, args.out) for part in wanted]
    return int(not all(claim.met for report in reports for claim in report.claims))


def _measured(part: str, rounds: int, out: Path | None) -> Report:
    facts = _facts()
    report = PARTS[part](rounds)
    facts["load after"] = _load()
    sys.stdout.write(text(part, report) + f"  load {facts['load']} -> {facts['load after']}\n")
    sys.stdout.flush()
    if out is not None:
        keep(out, facts, part, report)
    return report


def _facts() -> dict[str, str]:
    return {
        "kernel": platform.release(),
        "cores": str(os.cpu_count()),
        "python": platform.python_version(),
        "load": _load(),
    }


def _load() -> str:
    return f"{os.getloadavg()[0]:.2f}"
