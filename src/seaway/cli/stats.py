"""``seaway stats`` and ``seaway top``: what sandboxes use, and what runs in them."""

from __future__ import annotations

import sys

from seaway.cli.client import path
from seaway.cli.failure import DaemonError
from seaway.cli.options import Command, switch
from seaway.cli.table import FORMAT, NO_TRUNC, Column, aligned, short, show
from seaway.cli.values import field, fields, is_object, listed, number, rows, text, texts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from seaway.cli.client import Api
    from seaway.cli.options import Args

_CLEARED = "\x1b[H\x1b[J"
"""An empty screen, to be written on from its upper left corner (ECMA-48)."""
_DEFAULT = ("Container", "Name", "CPUPerc", "MemUsage", "MemPerc", "NetIO", "BlockIO", "PIDs")
_UNKNOWN = "--"
"""Docker's sign for what is not measured, or not now."""


def columns(args: Args) -> dict[str, Column]:
    """Docker's columns, of one reading each."""
    return {
        "Container": Column("CONTAINER ID", lambda item: short(text(item, "id"), args)),
        "ID": Column("CONTAINER ID", lambda item: short(text(item, "id"), args)),
        "Name": Column("NAME", lambda item: text(item, "name").removeprefix("/")),
        "CPUPerc": Column("CPU %", cpu),
        "MemUsage": Column("MEM USAGE / LIMIT", memory),
        "MemPerc": Column("MEM %", memory_share),
        "NetIO": Column("NET I/O", traffic),
        "BlockIO": Column("BLOCK I/O", lambda _: _UNKNOWN),
        "PIDs": Column("PIDS", lambda item: _shown(field(item, "pids_stats", "current"))),
    }


def cpu(item: object) -> str:
    """The time its processes had of one processor between two looks; 100 % is one processor whole."""
    own = _spent(item, "cpu_usage", "total_usage")
    host = _spent(item, "system_cpu_usage")
    if own < 0 or host <= 0 or not fields(item, "precpu_stats", "cpu_usage"):
        return _UNKNOWN
    return f"{own / host * max(1, number(item, 'cpu_stats', 'online_cpus')) * 100:.2f}%"


def _spent(item: object, *place: str) -> int:
    """Nanoseconds between two looks; 0 unless both saw something."""
    before = number(item, "precpu_stats", *place)
    return number(item, "cpu_stats", *place) - before if before else 0


def _used(item: object) -> int:
    """Bytes, without files that the kernel could forget, as docker's client counts them."""
    usage = number(item, "memory_stats", "usage")
    spare = number(item, "memory_stats", "stats", "inactive_file")
    return usage - spare if spare < usage else usage


def memory(item: object) -> str:
    """``1.2MiB / 3.8GiB``."""
    limit = number(item, "memory_stats", "limit")
    return f"{binary(_used(item))} / {binary(limit)}" if limit else f"{_UNKNOWN} / {_UNKNOWN}"


def memory_share(item: object) -> str:
    """What it has of its limit, or of the host's memory."""
    limit = number(item, "memory_stats", "limit")
    return f"{_used(item) / limit * 100:.2f}%" if limit else _UNKNOWN


def traffic(item: object) -> str:
    """Bytes received and sent on all its interfaces; none are its own in the host's namespace."""
    if not is_object(field(item, "networks")):
        return f"{_UNKNOWN} / {_UNKNOWN}"
    links = fields(item, "networks").values()
    received = sum(number(link, "rx_bytes") for link in links)
    return f"{decimal(received)} / {decimal(sum(number(link, 'tx_bytes') for link in links))}"


def _shown(value: object) -> str:
    return str(value) if isinstance(value, int) else _UNKNOWN


def binary(size: int) -> str:
    """*size* bytes with a unit of 1024: ``1.25MiB``, four digits at most."""
    return _scaled(size, 1024, ("B", "KiB", "MiB", "GiB", "TiB", "PiB"))


def decimal(size: int) -> str:
    """*size* bytes with a unit of 1000: ``1.25MB``, three digits at most."""
    return _scaled(size, 1000, ("B", "kB", "MB", "GB", "TB", "PB"))


def _scaled(size: int, step: int, units: Sequence[str]) -> str:
    value, place = float(size), 0
    while round(value) >= step and place < len(units) - 1:
        value, place = value / step, place + 1
    return f"{value:.{4 if step == 1024 else 3}g}{units[place]}"


def _stats(args: Args, api: Api) -> int:
    if args.flag("no-stream"):
        items, code = _looked(args, api, {})
        return show(args, items, columns(args), _DEFAULT) or code
    return _watched(args, api)


def _watched(args: Args, api: Api) -> int:
    """The list again each second, a table on a terminal in one place, until the user interrupts it."""
    from time import sleep  # noqa: PLC0415

    from seaway.cli.terminal import is_terminal  # noqa: PLC0415

    start = _CLEARED if is_terminal(1) and args.text("format") != "json" else ""
    before: dict[str, object] = {}
    while True:
        items, code = _looked(args, api, before)
        if code and not items:
            return code
        sys.stdout.write(start)
        show(args, items, columns(args), _DEFAULT)
        sys.stdout.flush()
        before = {text(item, "id"): field(item, "cpu_stats") for item in items}
        sleep(1)


def _looked(args: Args, api: Api, before: dict[str, object]) -> tuple[list[object], int]:
    """One look at each sandbox, and 1 when one could not be looked at.

    *before*: processor times of the last look, by id. Without any, two looks are taken.
    """
    refs = args.rest or _listed(args, api)
    first, code = _each(api, refs)
    if not before and first:
        from time import sleep  # noqa: PLC0415

        sleep(1)
        before = {text(item, "id"): field(item, "cpu_stats") for item in first}
        first, _ = _each(api, [text(item, "id") for item in first])
    return [_compared(item, before) for item in first], code


def _compared(item: object, before: dict[str, object]) -> object:
    return {**fields(item), "precpu_stats": before.get(text(item, "id"))}


def _listed(args: Args, api: Api) -> list[str]:
    found = listed(api.get("/containers/json", all=args.flag("all")))
    return [text(item, "Id") for item in found]


def _each(api: Api, refs: list[str]) -> tuple[list[object], int]:
    items: list[object] = []
    code = 0
    for ref in refs:
        query = {"stream": "false", "one-shot": "true"}
        try:
            items.append(api.get(path("containers", ref, "stats"), **query))
        except DaemonError as error:
            sys.stderr.write(f"{error.message}\n")
            code = 1
    return items, code


def _top(args: Args, api: Api) -> int:
    ref, *options = args.rest
    found = api.get(path("containers", ref, "top"), ps_args=" ".join(options))
    table = [texts(found, "Titles")]
    table += [[str(cell) for cell in listed(row)] for row in rows(found, "Processes")]
    sys.stdout.write("".join(f"{line}\n" for line in aligned(table)))
    return 0


COMMANDS = {
    "stats": Command(
        _stats,
        "[OPTIONS] [SANDBOX...]",
        "Show what sandboxes use of processors, memory and networks.",
        options=(
            switch("all a", "those that do not run as well"),
            FORMAT,
            switch("no-stream", "one look, and end"),
            NO_TRUNC,
        ),
        takes=("@running",),
        docker="docker stats",
        notes="""
            Without a name it shows all that run. The list is shown again each second until you
            interrupt it; with `--no-stream` once. 100 % is one processor. Block I/O is not measured,
            and a namespace without a process has traffic only: `--` stands for what is not known.
        """,
        examples=("seaway stats --no-stream", "seaway stats --no-stream --format json web"),
    ),
    "top": Command(
        _top,
        "SANDBOX [ps OPTIONS]",
        "Show the processes of a sandbox, as ps shows them.",
        least=1,
        options_first=True,
        takes=("@running", "@nothing"),
        docker="docker top",
        notes="""
            The numbers are the host's. `-ef` stands where no options of ps(1) are given.
        """,
        examples=("seaway top web", "seaway top web -o pid,user,args"),
    ),
}
