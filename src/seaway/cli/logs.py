"""``seaway logs``."""

from __future__ import annotations

from time import time

from seaway.cli.client import path
from seaway.cli.failure import Misused
from seaway.cli.moment import seconds
from seaway.cli.options import FLAG_ERROR, Command, Option, switch
from seaway.cli.streams import copy
from seaway.cli.values import flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from seaway.cli.client import Api
    from seaway.cli.options import Args


def _tail(args: Args) -> str:
    """How many lines from the end; raises Misused."""
    tail = args.text("tail", "all")
    if tail == "all" or tail.removeprefix("-").isdecimal():
        return tail
    raise Misused(f"--tail is a number of lines, or all, not {tail!r}", FLAG_ERROR)


def _logs(args: Args, api: Api) -> int:
    tail = _tail(args)
    place = ("containers", args.rest[0])
    found = api.get(path(*place, "json"))
    now = time()
    reply = api.open(
        "GET",
        path(*place, "logs"),
        stdout=True,
        stderr=True,
        follow=args.flag("follow"),
        timestamps=args.flag("timestamps"),
        details=args.flag("details"),
        tail=tail,
        since=seconds(args.text("since"), now),
        until=seconds(args.text("until"), now),
    )
    copy(reply, raw=flag(found, "Config", "Tty"))
    return 0


COMMANDS = {
    "logs": Command(
        _logs,
        "[OPTIONS] SANDBOX",
        "Show what a sandbox wrote to its output.",
        least=1,
        most=1,
        options=(
            switch("details", "extra facts of each line"),
            switch("follow f", "go on as it writes more"),
            Option("since", "TIME", "from then on: 2026-11-25T17:28:00Z, or 10m ago"),
            Option("tail n", "LINES", "only the last LINES (all)", known=("all",)),
            switch("timestamps t", "the time before each line"),
            Option("until", "TIME", "up to then"),
        ),
        takes=("@sandboxes",),
        docker="docker logs",
        notes="""
            Output is kept in the data directory until the sandbox is removed.
        """,
        examples=("seaway logs -f --tail 20 web", "seaway logs --since 10m web"),
    ),
}
