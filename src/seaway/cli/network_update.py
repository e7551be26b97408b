"""``seaway network update``: says first what it means for each sandbox, and then does it."""

from __future__ import annotations

import sys

from seaway.cli.client import path
from seaway.cli.failure import Failure
from seaway.cli.subnets import subnets
from seaway.cli.table import aligned
from seaway.cli.values import pairs, rows, text, texts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from seaway.cli.client import Api
    from seaway.cli.options import Args

_OPTIONS = {
    "mtu": "com.docker.network.driver.mtu",
    "icc": "com.docker.network.bridge.enable_icc",
}
"""Options of the driver that have a word of their own here."""
_DNS = "seaway.dns"


def update(args: Args, api: Api) -> int:
    """Show the effects, and unless ``--plan``, make the change."""
    body = _body(args)
    if not body:
        raise Failure("nothing to change: say what, such as --mtu 1400 (see --help)")
    where = path("seaway", "networks", args.rest[0], "update")
    if args.flag("plan"):
        _say(api.post(where, body, plan=True), "Nothing was changed (--plan).")
        return 0
    _say(api.post(where, body, plan=True), "")
    sys.stdout.flush()
    done = api.post(where, body)
    sys.stdout.write(f"Changed network {text(done, 'Name')}.\n")
    return 0


def _body(args: Args) -> dict[str, object]:
    found: dict[str, object] = {}
    if args.given("name"):
        found["Name"] = args.text("name")
    if added := subnets(args, "add-subnet"):
        found["AddSubnets"] = added
    if args.given("internal"):
        found["Internal"] = args.flag("internal")
    if labels := {**pairs(args.every("label")), **dict.fromkeys(args.every("label-rm"))}:
        found["Labels"] = labels
    if options := _options(args):
        found["Options"] = options
    return found


def _options(args: Args) -> dict[str, object]:
    found: dict[str, object] = {**pairs(args.every("opt")), **dict.fromkeys(args.every("opt-rm"))}
    for word, option in _OPTIONS.items():
        if args.given(word):
            found[option] = args.text(word)
    if args.given("dns"):
        servers = [server for server in args.every("dns") if server]
        found[_DNS] = ",".join(servers) if servers else None
    return found


def _say(reply: object, last: str) -> None:
    lines = [
        (text(item, "Name"), text(item, "Effect"), "; ".join(texts(item, "Changes")))
        for item in rows(reply, "Effects")
    ]
    shown = aligned([("SANDBOX", "EFFECT", "WHAT"), *lines]) if lines else ["No sandbox is on it."]
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in [*shown, *([last] if last else [])]))
    for warning in texts(reply, "Warnings"):
        sys.stderr.write(f"WARNING: {warning}\n")
