"""``python -m vm [-t SECONDS] COMMAND…``: run a command in a virtual machine with Debian's kernel."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from vm.kernel import unpacked
from vm.machine import Job, run

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Boot once; gives the status of the command (124: it took too long, 125: the machine died)."""
    parser = argparse.ArgumentParser(prog="python -m vm", description=__doc__)
    parser.add_argument("-t", "--timeout", type=int, default=900, help="seconds for the command")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    given = parser.parse_args()
    if os.uname().machine != "x86_64":
        sys.stderr.write("vm: the bed is made of Debian's kernel for amd64, and this is another\n")
        return 2
    passed = {k: v for k, v in os.environ.items() if k in {"PATH", "PYTHONPATH", "CI"}}
    job = Job(command=given.command, folder=ROOT, seconds=given.timeout, env=passed)
    return run(job, unpacked(ROOT / ".check/vm"))


if __name__ == "__main__":
    sys.exit(main())
