"""What the processes of a container use, read from its cgroup, of either version.

Source: the kernel's Documentation/admin-guide/cgroup-v1 (memory.rst, cpuacct.rst, pids.rst) and
cgroup-v2.rst; proc_stat(5), proc_meminfo(5).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from seaway.model.errors import InvalidRequest
from seaway.model.usage import Processes, Usage
from seaway.runtime import traces

CGROUPS = Path("/sys/fs/cgroup")
_TICK = 10**9 // os.sysconf("SC_CLK_TCK")
"""Nanoseconds."""
_MICROSECOND = 1000


def usage(name: str, cgroups: Path = CGROUPS, proc: Path = Path("/proc")) -> Usage:
    """What the cgroup *name* uses; nothing where it, or a controller, is not there."""
    unified = cgroups / name
    if (unified / "cgroup.procs").exists():
        cpu, user, kernel = _cpu_times(_fields(unified / "cpu.stat"))
        memory, tasks = unified, unified
        used, limit = "memory.current", "memory.max"
    else:
        cpu = traces.number_in(cgroups / "cpuacct" / name / "cpuacct.usage") or 0
        times = _fields(cgroups / "cpuacct" / name / "cpuacct.stat")
        user, kernel = (times.get(key, 0) * _TICK for key in ("user", "system"))
        memory, tasks = cgroups / "memory" / name, cgroups / "pids" / name
        used, limit = "memory.usage_in_bytes", "memory.limit_in_bytes"
    everything = _memory_of_host(proc)
    return Usage(
        cpu=cpu,
        cpu_user=user,
        cpu_kernel=kernel,
        host_cpu=_time_of_host(proc),
        processors=os.cpu_count() or 1,
        memory=traces.number_in(memory / used) or 0,
        memory_limit=min(traces.number_in(memory / limit) or everything, everything),
        memory_parts=_fields(memory / "memory.stat"),
        tasks=traces.number_in(tasks / "pids.current") or 0,
    )


def members(name: str, cgroups: Path = CGROUPS) -> frozenset[int]:
    """The processes in the cgroup *name*, and below it."""
    homes = (cgroups / name, cgroups / "pids" / name)
    lists = (path for home in homes for path in home.rglob("cgroup.procs"))
    return frozenset(int(line) for path in lists for line in _lines(path))


def table(output: str, pids: Iterable[int]) -> Processes:
    """The rows of *output*, of ps, that are about *pids*; raises InvalidRequest without a PID column."""
    head, *lines = [line.split() for line in output.splitlines() if line.strip()] or [[]]
    if "PID" not in head:
        raise InvalidRequest(
            "ps shows no column PID with these ps_args, so nobody can tell whose processes it shows; "
            "add pid, as in: -o pid,cmd"
        )
    at, wanted, width = head.index("PID"), {str(pid) for pid in pids}, len(head)
    rows = ((*line[: width - 1], " ".join(line[width - 1 :])) for line in lines)
    mine = tuple(row for row in rows if len(row) > at and row[at] in wanted)
    return Processes(titles=tuple(head), rows=mine)


def _cpu_times(stat: Mapping[str, int]) -> tuple[int, int, int]:
    keys = ("usage_usec", "user_usec", "system_usec")
    all_, user, kernel = (stat.get(key, 0) * _MICROSECOND for key in keys)
    return all_, user, kernel


def _time_of_host(proc: Path) -> int:
    """The first line without what is counted twice there: guests are in user and nice."""
    words = next(iter(_lines(proc / "stat")), "").split()
    return sum(int(word) for word in words[1:9]) * _TICK


def _memory_of_host(proc: Path) -> int:
    words = next(
        (x.split() for x in _lines(proc / "meminfo") if x.startswith("MemTotal:")), list[str]()
    )
    return int(words[1]) << 10 if len(words) > 1 else 0


def _fields(path: Path) -> dict[str, int]:
    """A file of ``name number`` lines."""
    pairs = (line.split() for line in _lines(path))
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdecimal()}


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:  # not there, or gone while it was read
        return []
