"""``seaway pool``: how much room is left for networks, and in them."""

from __future__ import annotations

from seaway.cli.options import Command, switch
from seaway.cli.table import FORMAT, Column, show
from seaway.cli.values import listed, number, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from seaway.cli.client import Api
    from seaway.cli.options import Args

_MANY = (1 << 53) - 1
"""The highest count that the engine tells."""


def _count(name: str) -> Column:
    return Column(name.upper(), lambda item: number(item, name))


def _seen(name: str) -> Column:
    return Column(name.upper(), lambda item: _many(number(item, name)))


def _many(count: int) -> str:
    return "many" if count >= _MANY else str(count)


def _unit(item: object) -> str:
    """What the counts of a line are of."""
    piece = number(item, "Piece")
    return f"/{piece} subnets" if piece else "addresses"


_COLUMNS = {
    "Prefix": Column("PREFIX", lambda item: text(item, "Prefix")),
    "Kind": Column("KIND", lambda item: text(item, "Kind")),
    "Network": Column("NETWORK", lambda item: text(item, "Network")),
    "Range": Column("RANGE", lambda item: text(item, "Range")),
    "Piece": _count("Piece"),
    **{name: _count(name) for name in ("Size", "Used", "Routed", "Free")},
}
_SHOWN = {
    **_COLUMNS,
    "Prefix": Column("POOL OR SUBNET", lambda item: text(item, "Range") or text(item, "Prefix")),
    "Network": Column("NETWORK", lambda item: text(item, "Network") or "-"),
    "Piece": Column("COUNTED IN", _unit),
    **{name: _seen(name) for name in ("Size", "Used", "Free")},
}


def _ls(args: Args, api: Api) -> int:
    columns = _COLUMNS if args.text("format") else _SHOWN
    default = ("Prefix", "Network", "Piece", "Size", "Used", "Free")
    return show(args, listed(api.get("/seaway/pools")), columns, default, key="Prefix")


COMMANDS = {
    "ls": Command(
        _ls,
        "[OPTIONS]",
        "List the default address pools and the subnets of all networks: size, used, free.",
        most=0,
        options=(FORMAT, switch("quiet q", "prefixes only")),
        notes="""
            A pool is counted in subnets of its size; what the host routes is not free. A subnet
            is counted in the addresses that sandboxes get without asking; kept and reserved ones
            are not free.
        """,
        examples=(
            "seaway pool ls",
            "seaway pool ls --format '{{.Kind}} {{.Prefix}} {{.Network}} {{.Free}}'",
        ),
    ),
}
