"""Somebody who reads a page and types what it shows, into one shell on a host."""

from __future__ import annotations

import os
import select
import subprocess
import time
from collections.abc import Mapping

from bed.host import Host

PATIENCE = 30.0
"""Seconds for one command."""
_END = "\x01"


class Reader:
    """One shell, which keeps variables, functions and background processes as a reader's does."""

    def __init__(self, host: Host, env: Mapping[str, str]) -> None:
        self._host = host
        pipe = subprocess.PIPE
        argv = ["bash", "--norc", "--noprofile"]
        self._status = 0
        self._shell = host.popen(argv, env=env, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT)

    def type(self, command: str) -> tuple[int, list[str]]:
        """Run *command*; gives its exit status and the lines it wrote."""
        assert self._shell.stdin is not None
        self._host.path("/run/step").write_text(f"(exit {self._status})\n{command}\n")
        self._shell.stdin.write(f". /run/step </dev/null; printf '{_END}%s{_END}' $?\n")
        self._shell.stdin.flush()
        said, self._status = self._answer(command)
        return self._status, said.splitlines()

    def _answer(self, command: str) -> tuple[str, int]:
        assert self._shell.stdout is not None
        outlet, seen = self._shell.stdout.fileno(), b""
        deadline = time.monotonic() + PATIENCE
        while seen.count(_END.encode()) < 2:
            ready, _, _ = select.select([outlet], [], [], deadline - time.monotonic())
            part = os.read(outlet, 65536) if ready else b""
            assert part, f"{command}: no end within {PATIENCE} s; it wrote {seen.decode()!r}"
            seen += part
        said, status, _ = seen.decode(errors="replace").split(_END, 2)
        return said, int(status)
