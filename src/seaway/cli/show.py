"""``seaway inspect``: sandboxes and networks by one command."""

from __future__ import annotations

from seaway.cli.client import path
from seaway.cli.failure import Misused
from seaway.cli.inspection import inspect
from seaway.cli.options import Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from seaway.cli.client import Api
    from seaway.cli.options import Args

_KINDS = {"container": "sandbox", "sandbox": "sandbox", "network": "network"}


def _inspect(args: Args, api: Api) -> int:
    getters: dict[str, Callable[[str], object]] = {
        "sandbox": lambda ref: api.get(path("containers", ref, "json")),
        "network": lambda ref: api.get(path("networks", ref)),
    }
    wish = args.text("type")
    if wish and wish not in _KINDS:
        raise Misused(f"--type is sandbox (or container) or network, not {wish!r}", 125)
    if wish:
        return inspect(args, [getters[_KINDS[wish]]])
    return inspect(args, [*getters.values()], nobody="no sandbox and no network is called {!r}")


COMMANDS = {
    "inspect": Command(
        _inspect,
        "[OPTIONS] NAME [NAME...]",
        "Show everything about sandboxes and networks, as JSON.",
        least=1,
        options=(
            Option(
                "format f",
                "FORMAT",
                "json, or a template such as '{{.State.Status}}'",
                known=("json",),
            ),
            Option(
                "type",
                "TYPE",
                "sandbox (or container) or network",
                known=("sandbox", "container", "network"),
            ),
        ),
        takes=("@sandboxes|@networks",),
        docker="docker inspect",
        notes="""
            A name of a sandbox goes before that of a network; `--type` says which is
            meant.
        """,
        examples=(
            "seaway inspect web",
            "seaway inspect -f '{{json .NetworkSettings.Networks}}' web",
        ),
    ),
}
