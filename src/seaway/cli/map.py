"""``seaway map``: networks, sandboxes, addresses, ports and ways out, drawn as text or in a language of graphs."""

from __future__ import annotations

import sys

from seaway.cli import colour
from seaway.cli.failure import Misused
from seaway.cli.options import FLAG_ERROR, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from seaway.cli.client import Api
    from seaway.cli.options import Args

LANGUAGES = ("dot", "mermaid", "svg")
"""What ``--format`` knows beside json and templates."""
_ASCII = str.maketrans("│├└─┬●○▶…", "|+`-+*o>.")


def _rendered(form: str, found: object) -> str:
    """*found* in the language *form*: dot, mermaid or svg."""
    from seaway.cli.graph import graph  # noqa: PLC0415

    if form == "dot":
        from seaway.cli.dot import dot  # noqa: PLC0415

        return dot(graph(found))
    if form == "mermaid":
        from seaway.cli.mermaid import mermaid  # noqa: PLC0415

        return mermaid(graph(found))
    from seaway.cli.svg import svg  # noqa: PLC0415

    return svg(graph(found))


def _window(otherwise: int) -> int:
    """Columns of the terminal, or as COLUMNS says there; *otherwise* where there is none."""
    from os import environ  # noqa: PLC0415

    from seaway.cli.terminal import size  # noqa: PLC0415

    if not sys.stdout.isatty():
        return otherwise
    said = environ.get("COLUMNS", "")
    return int(said) if said.isdecimal() and int(said) else size()[1] or otherwise


def _map(args: Args, api: Api) -> int:
    from seaway.cli.inspection import formatted  # noqa: PLC0415

    wish = args.text("format")
    if wish not in ("", "json", *LANGUAGES) and "{{" not in wish:
        known = ", ".join(["json", *LANGUAGES])
        raise Misused(f"--format: {known}, or a template with {{{{…}}}}, not {wish!r}", FLAG_ERROR)
    found = api.get("/seaway/map")
    if wish in LANGUAGES:
        sys.stdout.write(_rendered(wish, found))
        return 0
    if formatted(args, found):
        return 0
    from seaway.cli.tree import WIDTH, drawn  # noqa: PLC0415

    lines = drawn(found, _window(WIDTH), coloured=colour.wanted())
    picture = "".join(f"{line}\n" for line in lines)
    if not (sys.stdout.encoding or "").lower().startswith("utf"):
        picture = picture.translate(_ASCII)
    sys.stdout.write(picture)
    return 0


COMMANDS = {
    "map": Command(
        _map,
        "[--format FORMAT]",
        "Draw the networks with their sandboxes, addresses, ports and ways out.",
        most=0,
        options=(
            Option(
                "format f",
                "FORMAT",
                "json, dot (Graphviz), mermaid, svg, or a template",
                known=("json", *LANGUAGES),
            ),
        ),
        notes="""
            On a terminal the tree is as wide as the window and has colours; elsewhere it has 80
            columns and none. The SVG needs nothing but itself, and is light or dark as its reader.
        """,
        examples=(
            "seaway map",
            "seaway map --format svg >map.svg",
            "seaway map --format mermaid",
            "NO_COLOR=1 seaway map | less",
        ),
    ),
}
