"""``seaway status version config``."""

from __future__ import annotations

import sys

from seaway import __version__
from seaway.cli.failure import Failure
from seaway.cli.inspection import formatted
from seaway.cli.options import Command, Option
from seaway.cli.table import FORMAT
from seaway.cli.values import field, fields, listed, number, text, texts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from seaway.cli.client import Api
    from seaway.cli.options import Args

_MEGABYTE = 1_000_000


def to_second(stamp: str) -> str:
    """A time of the API, in UTC, as people read it: ``2026-11-25 17:28:00 UTC``."""
    return f"{stamp[:19].replace('T', ' ')} UTC" if stamp.endswith("Z") else stamp


def _status(args: Args, api: Api) -> int:
    from seaway.cli.colour import YELLOW, painted, wanted  # noqa: PLC0415

    found = api.get("/seaway/status")
    if formatted(args, found):
        return 0
    started = text(found, "Started")
    facts = {
        "Engine": f"running, version {text(found, 'Version')}, process {number(found, 'Pid')}",
        "Started": to_second(started) or str(field(found, "Started") or "unknown"),
        "Networks": str(number(found, "Networks")),
        "Sandboxes": f"{number(found, 'Sandboxes')}, {number(found, 'Running')} running",
        "Memory": f"{number(found, 'MemoryBytes') / _MEGABYTE:.1f} MB",
        "Open files": str(number(found, "OpenFiles")),
        "Socket": text(found, "Socket"),
        "Run directory": text(found, "RunDir"),
        "Data directory": text(found, "DataDir"),
    }
    lines = [f"{name + ':':<16}{value}" for name, value in facts.items()]
    on = wanted()
    lines += [painted(f"WARNING: {item}", YELLOW, on=on) for item in texts(found, "Warnings")]
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 0


def _version(args: Args, api: Api) -> int:
    python = ".".join(str(part) for part in sys.version_info[:3])
    client: dict[str, object] = {"Version": __version__, "PythonVersion": python}
    server, problem = _server(api)
    if formatted(args, {"Client": client, "Server": server}):
        return _complained(problem)
    lines = ["Client: Seaway", f" Version:      {__version__}", f" Python:       {python}"]
    if server is not None:
        lines += [
            "",
            "Server: Seaway",
            f" Version:      {text(server, 'Version')}",
            f" API version:  {text(server, 'ApiVersion')}",
            f" At least:     {text(server, 'MinAPIVersion')}",
            f" Kernel:       {text(server, 'KernelVersion')}",
        ]
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return _complained(problem)


def _server(api: Api) -> tuple[object, str]:
    """What the engine says, or None and why there is no answer."""
    try:
        return api.get("/version"), ""
    except Failure as error:
        return None, error.message


def _complained(problem: str) -> int:
    """The exit code, after saying what went wrong, if anything."""
    if not problem:
        return 0
    sys.stdout.flush()
    sys.stderr.write(f"{problem}\n")
    return 1


def _config(args: Args, api: Api) -> int:
    from seaway.cli.table import Column, show  # noqa: PLC0415

    columns = {
        "Name": Column("NAME", lambda item: text(item, "Name")),
        "Origin": Column("ORIGIN", lambda item: text(item, "Origin")),
        "Value": Column("VALUE", lambda item: text(item, "Value")),
    }
    found = listed(api.get("/seaway/config"))
    if args.text("format") in ("", "table"):
        found = [line for item in found for line in _lines(item)]
    return show(args, found, columns, tuple(columns), key="Name")


def _lines(setting: object) -> list[object]:
    """*setting* as rows of the table: each of several values, as of address pools, has one of its own."""
    first, *others = text(setting, "Value").split(", ")
    return [{**fields(setting), "Value": first}, *({"Value": value} for value in others)]


_FORMAT = Option(
    "format f", "FORMAT", "json, or a template such as '{{.Version}}'", known=("json",)
)

COMMANDS = {
    "status": Command(
        _status,
        "[--format FORMAT]",
        "Show how the engine is doing, and what it warns of.",
        most=0,
        options=(_FORMAT,),
        notes="""
            Warnings: a published port that another program has taken meanwhile, a
            subnet that overlaps a route of the host, what could not be made whole at
            the start.
        """,
        examples=("seaway status",),
    ),
    "version": Command(
        _version,
        "[--format FORMAT]",
        "Show the versions of this command and of the engine.",
        most=0,
        options=(_FORMAT,),
        docker="docker version",
        examples=("seaway version --format '{{.Server.Version}}'",),
    ),
    "config": Command(
        _config,
        "[--format FORMAT]",
        "Show every setting of the engine, its value, and where that came from.",
        most=0,
        options=(FORMAT,),
        notes="""
            See [Settings](settings.md).
        """,
        examples=("seaway config",),
    ),
}
