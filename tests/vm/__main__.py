"""``python -m vm [-t SECONDS] [-k PARAMETER]… COMMAND…``: run a command in a machine with Debian's kernel."""

from __future__ import annotations

import argparse
import os
import sys

from vm.kernel import unpacked
from vm.machine import Job, run

_PASSED = ("PATH", "PYTHONPATH", "CI")
"""What of our environment the command gets."""


def main() -> int:
    """Boot once; gives the status of the command (124: it took too long, 125: the machine died)."""
    parser = argparse.ArgumentParser(prog="python -m vm", description=__doc__)
    parser.add_argument("-t", "--timeout", type=int, default=900, help="seconds for the command")
    parser.add_argument(
        "-k",
        "--kernel",
        metavar="PARAMETER",
        action="append",
        default=[],
        help="one for the kernel",
    )
    parser.add_argument("command", nargs=argparse.REMAINDER)
    given = parser.parse_args()
    env = {name: os.environ[name] for name in _PASSED if name in os.environ}
    job = Job(command=given.command, seconds=given.timeout, env=env, parameters=tuple(given.kernel))
    return run(job, unpacked())


if __name__ == "__main__":
    sys.exit(main())
