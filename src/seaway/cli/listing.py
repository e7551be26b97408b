"""``seaway ps``."""

from __future__ import annotations

from time import localtime, strftime, time

from seaway.cli.options import Command, Option, filter_option, switch
from seaway.cli.table import (
    FORMAT,
    NO_TRUNC,
    QUIET,
    Column,
    filters,
    label_of,
    labels,
    short,
    show,
)
from seaway.cli.values import fields, listed, number, rows, text, texts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from seaway.cli.client import Api
    from seaway.cli.options import Args

COMMAND_WIDTH = 20
"""Characters of a command that a table shows."""
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_DEFAULT = ("ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names")


def _columns(args: Args, now: float) -> Mapping[str, Column]:
    whole = args.flag("no-trunc")
    return {
        "ID": Column("CONTAINER ID", lambda item: short(text(item, "Id"), args)),
        "Image": Column("IMAGE", lambda item: text(item, "Image")),
        "Command": Column("COMMAND", lambda item: command(text(item, "Command"), whole=whole)),
        "CreatedAt": Column("CREATED AT", lambda item: _stamp(number(item, "Created"))),
        "RunningFor": Column("CREATED", lambda item: f"{ago(now - number(item, 'Created'))} ago"),
        "Status": Column("STATUS", lambda item: text(item, "Status")),
        "State": Column("STATE", lambda item: text(item, "State")),
        "Ports": Column("PORTS", lambda item: ports(rows(item, "Ports"))),
        "Names": Column("NAMES", lambda item: names(texts(item, "Names"), whole=whole)),
        "Labels": Column("LABELS", labels),
        "Networks": Column(
            "NETWORKS", lambda item: ",".join(sorted(fields(item, "NetworkSettings", "Networks")))
        ),
        "Mounts": Column("MOUNTS", _mounts),
        "Label": Column("", label_of),
    }


def command(line: str, *, whole: bool) -> str:
    """The command line *line* in quotes, cut when it is long."""
    from seaway.cli.text import quoted  # noqa: PLC0415

    cut = line if whole or len(line) <= COMMAND_WIDTH else line[: COMMAND_WIDTH - 1] + "…"
    return quoted(cut)


def _stamp(seconds: int) -> str:
    return strftime("%Y-%m-%d %H:%M:%S %z %Z", localtime(seconds))


def _mounts(item: object) -> str:
    mounts = rows(item, "Mounts")
    return ",".join(text(mount, "Name") or text(mount, "Source") for mount in mounts)


def names(found: list[str], *, whole: bool) -> str:
    """Without the slash that the API puts before each; aliases of links only when *whole*."""
    plain = [name.removeprefix("/") for name in found]
    return ",".join(name for name in plain if whole or "/" not in name)


def ago(seconds: float) -> str:
    """How long *seconds* are, in the one unit that people would use."""
    minutes, hours = int(seconds // _MINUTE), int(seconds / _HOUR + 0.5)
    if seconds < 1:
        return "Less than a second"
    if minutes < 1:
        return "1 second" if int(seconds) == 1 else f"{int(seconds)} seconds"
    if minutes == 1:
        return "About a minute"
    if minutes < 60:
        return f"{minutes} minutes"
    if hours == 1:
        return "About an hour"
    for unit, name in ((365 * 24, "years"), (30 * 24, "months"), (7 * 24, "weeks"), (24, "days")):
        if hours >= 2 * unit:
            return f"{hours // unit} {name}"
    return f"{hours} hours"


def ports(found: list[object]) -> str:
    """``0.0.0.0:8080->80/tcp``; ports that follow each other stand together."""
    listed = sorted(
        (
            text(port, "Type"),
            text(port, "IP"),
            number(port, "PublicPort"),
            number(port, "PrivatePort"),
        )
        for port in found
    )
    runs: list[tuple[str, str, int, int, int]] = []
    for proto, host, public, private in listed:
        step = runs[-1] if runs else ("", "", 0, 0, 0)
        follows = step[:2] == (proto, host) and step[3] + step[4] == private
        if follows and step[2] + (step[4] if step[2] else 0) == public:
            runs[-1] = (proto, host, step[2], step[3], step[4] + 1)
        else:
            runs.append((proto, host, public, private, 1))
    runs.sort(key=lambda run: (run[3], run[0], run[2], run[1]))
    return ", ".join(_run(*run) for run in runs)


def _run(proto: str, host: str, public: int, private: int, count: int) -> str:
    inner = f"{_span(private, count)}/{proto}"
    return f"{_on_host(host)}:{_span(public, count)}->{inner}" if public else inner


def _on_host(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _span(first: int, count: int) -> str:
    return str(first) if count == 1 else f"{first}-{first + count - 1}"


def _ps(args: Args, api: Api) -> int:
    limit = 1 if args.flag("latest") else args.whole("last", -1)
    found = api.get(
        "/containers/json",
        all=args.flag("all"),
        limit=limit if limit > 0 else None,
        filters=filters(args.every("filter")),
    )
    return show(args, listed(found), _columns(args, time()), _DEFAULT)


COMMANDS = {
    "ps": Command(
        _ps,
        "[OPTIONS]",
        "List sandboxes: those that run, or all with -a.",
        most=0,
        options=(
            switch("all a", "those that ended as well"),
            filter_option(
                "filter f",
                "id=",
                "name=@sandboxes",
                "label=",
                "status=created",
                "status=running",
                "status=exited",
                "network=@networks",
                "publish=",
                "expose=",
                "before=@sandboxes",
                "since=@sandboxes",
                "exited=",
                "ancestor=host",
                "volume=",
                "health=none",
                "is-task=true",
                "is-task=false",
            ),
            FORMAT,
            Option("last n", "NUMBER", "the last NUMBER created, in whatever state"),
            switch("latest l", "the last one created, in whatever state"),
            NO_TRUNC,
            QUIET,
        ),
        docker="docker ps, docker container ls",
        examples=(
            "seaway ps -a",
            "seaway ps -q -f network=web",
            "seaway ps --format 'table {{.Names}}\\t{{.Ports}}'",
        ),
    ),
}
