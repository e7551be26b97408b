"""A host "H" with its neighbour "P": namespaces on this machine that play two machines.

One veth joins them: H eth0 192.0.2.1/24 and 2001:db8:0:1::1/64, P eth0 192.0.2.2/24 and
2001:db8:0:1::2/64, each the other's default route. H also has a mount and a process namespace of
its own, so whatever is started on it ends with it, and its /run is empty.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from bed.namespaces import Place
from bed.spot import ROOT, CommandFailed, Spot

_OUTSIDE = "/run/outside"


class Host(Spot):
    """The host "H": where the engine runs. Close it, and nothing of it is left."""

    def __init__(self, *, bridge_nf: bool = False) -> None:
        """Make the host; *bridge_nf*: its bridges show their frames to iptables, as with Docker."""
        self._holder = _start_holder(bridge_nf=bridge_nf)
        self.pid = _pid_of(self._holder)
        """Process 1 of the host, as this machine numbers it."""
        super().__init__(Place(pid=self.pid))
        self._spots: list[Spot] = []
        self.neighbour = self.at(_OUTSIDE)
        """The machine next to it, "P"."""

    def at(self, netns: str | PurePosixPath) -> Spot:
        """The network namespace behind a file of this host: a sandbox's, for example."""
        spot = Spot(Place(pid=self.pid, netns=Path(netns)))
        self._spots.append(spot)
        return spot

    def path(self, inside: str | PurePosixPath) -> Path:
        """How the test's own process reaches a file of this host."""
        return Path(f"/proc/{self.pid}/root") / str(inside).lstrip("/")

    def use_own_etc(self) -> None:
        """Let files in the host's /etc be changed, and replaced, without the machine's changing."""
        self.sh(
            "mkdir /run/etc; mount -t tmpfs tmpfs /run/etc;"
            "cp -a /etc/. /run/etc; mount --move /run/etc /etc"
        )

    def use_own(self, folder: str) -> None:
        """Let *folder* be empty, and the host's own; the project and the interpreter stay where they are."""
        kept = [p for p in (ROOT, Path(sys.base_prefix)) if p.is_relative_to(folder)]
        away = [f"mkdir -p /run/kept{n}; mount --bind {p} /run/kept{n}" for n, p in enumerate(kept)]
        back = [f"mkdir -p {p}; mount --bind /run/kept{n} {p}" for n, p in enumerate(kept)]
        self.sh("; ".join([*away, f"mount -t tmpfs tmpfs {folder}", *back]))

    def hush(self) -> None:
        """Close all servers, here and elsewhere, and end what was started elsewhere; what runs here goes on."""
        for spot in self._spots:
            spot.close()
        self._spots = [self.neighbour]
        self.close_servers()

    def close(self) -> None:
        """Take the host away with all that runs on it."""
        for spot in self._spots:
            spot.close()
        super().close()
        _end_holder(self._holder)


@contextmanager
def a_host(*, bridge_nf: bool = False) -> Generator[Host]:
    """A host for the length of a block."""
    host = Host(bridge_nf=bridge_nf)
    try:
        yield host
    finally:
        host.close()


def _start_holder(*, bridge_nf: bool) -> subprocess.Popen[str]:
    """The host's process 1 is ``cat``: it ends with its standard input, at the latest with us."""
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [str(ROOT / "launch/trial-host"), str(int(bridge_nf)), "cat"],
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        text=True,
        start_new_session=True,  # an interrupt from the keyboard is the tests' to handle
    )


def _pid_of(holder: subprocess.Popen[str]) -> int:
    """The number of the holder once it is ``cat``; before that it says its number."""
    assert holder.stdout is not None
    line = holder.stdout.readline()
    if line:
        while Path(f"/proc/{line.strip()}/cmdline").read_bytes() != b"cat\0":
            time.sleep(0.001)
        return int(line)
    _, errors = holder.communicate(timeout=10)
    raise CommandFailed(f"the host could not be made: {errors.strip()}")


def _end_holder(holder: subprocess.Popen[str]) -> None:
    """End its standard input and wait until all is gone."""
    _, errors = holder.communicate(timeout=20)
    assert not errors, errors
