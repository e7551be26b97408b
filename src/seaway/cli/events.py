"""``seaway events``."""

from __future__ import annotations

import sys
from time import localtime, strftime, time

from seaway.cli.moment import seconds
from seaway.cli.options import Command, Option, filter_option
from seaway.cli.table import filters
from seaway.cli.text import parsed, printable
from seaway.cli.values import fields, number, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from seaway.cli.client import Api
    from seaway.cli.options import Args

_SECOND = 1_000_000_000
"""Nanoseconds."""


def line_of(event: object) -> str:
    """An event as docker writes it: time, kind, what happened, to whom (and its attributes)."""
    attributes = fields(event, "Actor", "Attributes")
    said = ", ".join(f"{name}={attributes[name]}" for name in sorted(attributes))
    words = [
        stamp(number(event, "timeNano") or number(event, "time") * _SECOND),
        text(event, "Type"),
        text(event, "Action"),
        text(event, "Actor", "ID"),
        f"({said})" if said else "",
    ]
    return printable(" ".join(word for word in words if word))


def stamp(nanoseconds: int) -> str:
    """A time since the epoch in RFC 3339, in the local time zone."""
    whole, rest = divmod(nanoseconds, _SECOND)
    here = localtime(whole)
    zone = strftime("%z", here)
    zone = "Z" if zone == "+0000" else f"{zone[:3]}:{zone[3:]}"
    return f"{strftime('%Y-%m-%dT%H:%M:%S', here)}.{rest:09d}{zone}"


def _events(args: Args, api: Api) -> int:
    now, wish = time(), args.text("format")
    template = None
    if wish not in ("", "json"):
        from seaway.cli.template import Template  # noqa: PLC0415

        template = Template(wish)
    reply = api.open(
        "GET",
        "/events",
        since=seconds(args.text("since"), now),
        until=seconds(args.text("until"), now),
        filters=filters(args.every("filter")),
    )
    for line in reply.lines():
        if not line.strip():
            continue
        if template is not None:
            line = template.filled(parsed(line))  # noqa: PLW2901
        elif wish == "":
            line = line_of(parsed(line))  # noqa: PLW2901
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    return 0


COMMANDS = {
    "events": Command(
        _events,
        "[OPTIONS]",
        "Show what happens to networks and sandboxes, as it happens.",
        most=0,
        options=(
            filter_option(
                "filter f",
                "type=network",
                "type=container",
                "event=create",
                "event=connect",
                "event=disconnect",
                "event=destroy",
                "event=start",
                "event=die",
                "container=@sandboxes",
                "network=@networks",
                "image=host",
                "label=",
                "scope=local",
            ),
            Option(
                "format",
                "FORMAT",
                "json, or a template such as '{{.Type}} {{.Action}}'",
                known=("json",),
            ),
            Option("since", "TIME", "from then on: 2026-11-25T17:28:00Z, or 10m ago"),
            Option("until", "TIME", "up to then, and end"),
        ),
        docker="docker events",
        notes="""
            The last 4096 events since the start of the engine are kept, in memory.
        """,
        examples=("seaway events -f type=network", "seaway events --since 10m --until 0s"),
    ),
}
