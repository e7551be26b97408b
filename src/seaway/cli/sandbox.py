"""``seaway sandbox``: namespaces that are no process of ours."""

from __future__ import annotations

import os
import sys

from seaway.cli.client import path
from seaway.cli.failure import Failure, Misused
from seaway.cli.options import FLAG_ERROR, Command, Option, switch
from seaway.cli.table import FORMAT, NO_TRUNC, QUIET, Column, short, show
from seaway.cli.values import listed, pairs, rows, text, texts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from seaway.cli.client import Api
    from seaway.cli.options import Args

_DEFAULT = ("ID", "Name", "Kind", "State", "Networks", "Netns")


def _columns(args: Args) -> Mapping[str, Column]:
    return {
        "ID": Column("SANDBOX ID", lambda item: short(text(item, "Id"), args)),
        "Name": Column("NAME", lambda item: text(item, "Name")),
        "Kind": Column("KIND", lambda item: text(item, "Kind")),
        "State": Column("STATE", lambda item: text(item, "State")),
        "Networks": Column("NETWORKS", _networks),
        "Netns": Column("NETNS", lambda item: text(item, "Netns")),
    }


def _networks(item: object) -> str:
    """``web (10.0.0.2), lan (…)``."""
    return ", ".join(
        f"{text(each, 'Name')} ({', '.join(texts(each, 'Addresses'))})".replace(" ()", "")
        for each in rows(item, "Networks")
    )


def _ls(args: Args, api: Api) -> int:
    return show(args, listed(api.get("/seaway/sandboxes")), _columns(args), _DEFAULT)


def _create(args: Args, api: Api) -> int:
    return _made(args, api, "")


def _adopt(args: Args, api: Api) -> int:
    netns = args.text("netns")
    if not netns:
        raise Misused("sandbox adopt needs --netns PATH, the namespace's file", FLAG_ERROR)
    if netns.startswith("/proc/self/"):
        netns = f"/proc/{os.getpid()}/{netns.removeprefix('/proc/self/')}"
    return _made(args, api, os.path.abspath(netns))  # noqa: PTH100 - pathlib costs 6 ms


def _made(args: Args, api: Api, netns: str) -> int:
    from seaway.cli.endpoint import endpoints, wishes  # noqa: PLC0415

    if not args.rest[0]:
        raise Failure("the name is empty")
    body = {
        "Name": args.rest[0],
        "Netns": netns,
        "Labels": pairs(args.every("label")),
        "NetworkingConfig": {"EndpointsConfig": endpoints(wishes(args))},
    }
    reply = api.post("/seaway/sandboxes", body)
    for warning in texts(reply, "Warnings"):
        sys.stderr.write(f"WARNING: {warning}\n")
    sys.stdout.write(f"{text(reply, 'Id')}\n")
    return 0


def _rm(args: Args, api: Api) -> int:
    from seaway.cli.batch import each  # noqa: PLC0415

    force = args.flag("force")
    return each(
        args.rest,
        lambda ref: api.delete(path("seaway", "sandboxes", ref), force=force),
        force=force,
    )


_NETWORK = Option(
    "network",
    "NET[:KEY=VALUE,...]",
    "a network it is connected to (repeatable)",
    known=("@networks",),
)
_LABEL = Option("label l", "NAME=VALUE", "a label (repeatable)")

COMMANDS = {
    "create": Command(
        _create,
        "[OPTIONS] NAME",
        "Make a namespace that stays until it is removed; prints its id.",
        least=1,
        most=1,
        options=(_NETWORK, _LABEL),
        examples=(
            "seaway sandbox create --network web:ip=10.5.0.9 probe",
            "nsenter --net=$(seaway inspect -f '{{.NetworkSettings.SandboxKey}}' probe) ip addr",
        ),
    ),
    "ls": Command(
        _ls,
        "[OPTIONS]",
        "List sandboxes of every kind, with their namespaces.",
        most=0,
        options=(FORMAT, NO_TRUNC, QUIET),
        examples=("seaway sandbox ls",),
    ),
    "rm": Command(
        _rm,
        "[-f] NAME [NAME...]",
        "Remove sandboxes; an adopted namespace itself stays.",
        least=1,
        options=(switch("force f", "also when it runs; one that is not there is no error"),),
        takes=("@sandboxes",),
        notes="""
            Takes away the namespace of `sandbox create`; of an adopted one only what
            Seaway put into it.
        """,
        examples=("seaway sandbox rm probe",),
    ),
    "adopt": Command(
        _adopt,
        "--netns PATH [OPTIONS] NAME",
        "Give networks to a namespace that somebody else made; prints the sandbox's id.",
        least=1,
        most=1,
        options=(
            Option("netns", "PATH", "the namespace's file", known=("@files",)),
            _NETWORK,
            _LABEL,
        ),
        notes="""
            Loopback comes up inside, for names to be answered. The host's own namespace
            is refused. See [Join any process](../how-to/join-any-process.md).
        """,
        examples=(
            "seaway sandbox adopt --netns /run/netns/mine --network web mine",
            "seaway sandbox adopt --netns /proc/4711/ns/net --network web server",
        ),
    ),
}
