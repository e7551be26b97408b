"""``seaway network addresses reserve unreserve``: who has which address, and who alone may."""

from __future__ import annotations

import sys

from seaway.cli.client import path
from seaway.cli.failure import Misused
from seaway.cli.options import FLAG_ERROR
from seaway.cli.table import Column, show
from seaway.cli.values import listed, text, texts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from seaway.cli.client import Api
    from seaway.cli.options import Args

_NEVER = "0001-01-01T00:00:00Z"


def _kind(item: object) -> str:
    """The kind, and for whom the address is reserved where that is somebody else's matter."""
    kind, name = text(item, "Kind"), text(item, "ReservedFor")
    if not name or kind == "reserved":
        return kind
    return f"{kind}, reserved" + ("" if name == text(item, "Holder") else f" for {name}")


def _since(stamp: str) -> str:
    """``2026-11-25T17:28:00.1Z`` to the second; a dash where nobody knows."""
    return "-" if stamp in ("", _NEVER) else stamp[:19].replace("T", " ") + " UTC"


_COLUMNS = {
    "Address": Column("ADDRESS", lambda item: text(item, "Address")),
    "Holder": Column("HOLDER", lambda item: text(item, "Holder")),
    "Kind": Column("KIND", lambda item: text(item, "Kind")),
    "Since": Column("SINCE", lambda item: text(item, "Since")),
    "ReservedFor": Column("RESERVED FOR", lambda item: text(item, "ReservedFor")),
}
_SHOWN = {
    **_COLUMNS,
    "Holder": Column("HOLDER", lambda item: text(item, "Holder") or "-"),
    "Kind": Column("KIND", _kind),
    "Since": Column("SINCE", lambda item: _since(text(item, "Since"))),
}


def addresses(args: Args, api: Api) -> int:
    """List the addresses of a network."""
    found = listed(api.get(path("seaway", "networks", args.rest[0], "addresses")))
    if args.flag("reserved"):
        found = [item for item in found if text(item, "ReservedFor")]
    columns = _COLUMNS if args.text("format") else _SHOWN
    return show(args, found, columns, ("Address", "Holder", "Kind", "Since"), key="Address")


def reserve(args: Args, api: Api) -> int:
    """Reserve an address; what keeps it from its sandbox for now is told."""
    if not args.text("for"):
        raise Misused("for which sandbox? say --for NAME", FLAG_ERROR)
    network, address = args.rest
    body = {"Address": address, "For": args.text("for")}
    reply = api.post(path("seaway", "networks", network, "reservations"), body)
    for warning in texts(reply, "Warnings"):
        sys.stderr.write(f"WARNING: {warning}\n")
    sys.stdout.write(f"{text(reply, 'Address')}\n")
    return 0


def unreserve(args: Args, api: Api) -> int:
    """Reserve an address no longer."""
    network, address = args.rest
    api.delete(path("seaway", "networks", network, "reservations", address))
    return 0
