"""Lists: as columns, as ids only, as JSON lines, or through a template."""

from __future__ import annotations

import sys

from seaway.cli.failure import Misused
from seaway.cli.options import FLAG_ERROR, Option, switch
from seaway.cli.text import printable
from seaway.cli.values import fields, text
from seaway.cli.width import padded, width

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from seaway.cli.options import Args

MIN_CELL, GAP = 10, 3
"""docker's columns are at least so wide, and so far apart."""
SHORT_ID = 12
"""Characters of an id that people see."""

FORMAT = Option(
    "format",
    "FORMAT",
    "json, 'table {{.Name}}', or a template such as '{{.Name}}'",
    known=("json", "table"),
)
QUIET = switch("quiet q", "ids only")
NO_TRUNC = switch("no-trunc", "whole ids and commands")


class Column:
    """One fact about an item: its title in a table, and how to read it as text."""

    __slots__ = ("read", "title")

    def __init__(self, title: str, read: Callable[[object], object]) -> None:
        self.title, self.read = title, read


def aligned(lines: Iterable[Sequence[str]]) -> list[str]:
    """Rows of cells as lines of text, in columns as wide as their widest cell."""
    table = [list(line) for line in lines]
    widths: list[int] = []
    for line in table:
        for place, cell in enumerate(line[:-1]):
            if place == len(widths):
                widths.append(MIN_CELL)
            widths[place] = max(widths[place], width(cell) + GAP)
    return [
        "".join(padded(cell, widths[place]) for place, cell in enumerate(line[:-1])) + line[-1]
        for line in table
    ]


def show(
    args: Args,
    items: Sequence[object],
    columns: Mapping[str, Column],
    default: Sequence[str],
    *,
    key: str = "ID",
) -> int:
    """Print *items* as ``--quiet`` and ``--format`` of *args* say; else the *default* columns.

    *key* is the column that ``--quiet`` prints.
    """
    wish = args.text("format")
    if args.flag("quiet"):
        lines = [str(columns[key].read(item)) for item in items]
    elif wish in ("", "table"):
        titles = [columns[name].title for name in default]
        cells = [[printable(str(columns[name].read(item))) for name in default] for item in items]
        lines = aligned([titles, *cells])
    else:
        lines = _formatted(wish, items, columns)
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 0


def _formatted(wish: str, items: Sequence[object], columns: Mapping[str, Column]) -> list[str]:
    from seaway.cli.template import Template  # noqa: PLC0415 - few lists are formatted

    data = [{name: column.read(item) for name, column in columns.items()} for item in items]
    if wish == "json":
        from seaway.cli.text import compact  # noqa: PLC0415

        return [
            compact({k: v for k, v in sorted(facts.items()) if not callable(v)}) for facts in data
        ]
    if not wish.startswith("table "):
        template = Template(wish)
        return [template.filled(facts) for facts in data]
    template = Template(wish.removeprefix("table ").strip())
    titles = template.filled({name: _title(column) for name, column in columns.items()})
    return aligned(line.split("\t") for line in [titles, *map(template.filled, data)])


def _title(column: Column) -> object:
    """What stands in the header; for ``.Label "x"`` it is x."""
    return column.title or str


def short(identity: str, args: Args) -> str:
    """*identity* as people see it, or whole with ``--no-trunc``."""
    return identity if args.flag("no-trunc") else identity[:SHORT_ID]


def label_of(item: object) -> Callable[[object], str]:
    """``.Label "x"``: the content of the label x."""
    return lambda name: text(item, "Labels", str(name))


def labels(item: object) -> str:
    """``a=1,b=2``."""
    return ",".join(f"{name}={value}" for name, value in sorted(fields(item, "Labels").items()))


def filters(given: list[str]) -> str:
    """``["driver=bridge"]`` as the API's ``filters``; empty without any. Raises Misused."""
    if not given:
        return ""
    from seaway.cli.text import compact  # noqa: PLC0415

    found: dict[str, dict[str, bool]] = {}
    for item in given:
        name, equals, value = item.partition("=")
        if not equals:
            raise Misused(f"a filter is NAME=VALUE, not {item!r}", FLAG_ERROR)
        found.setdefault(name.strip().lower(), {})[value.strip()] = True
    return compact(found)
