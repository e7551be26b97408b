"""``seaway exec`` and ``seaway attach``."""

from __future__ import annotations

import sys
from time import monotonic, sleep

from seaway.cli.attachment import DETACHED, Attachment, attached_stream
from seaway.cli.client import path
from seaway.cli.failure import Failure
from seaway.cli.options import Command, Option, switch
from seaway.cli.terminal import size
from seaway.cli.values import field, flag, number, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from seaway.cli.client import Api
    from seaway.cli.options import Args

PATIENCE, INTERVAL = 5.0, 0.02
"""Seconds to wait for the end of a command whose output has ended, and between two looks."""
LEFT = "read escape sequence"
"""docker's words for: the user detached."""


def _exec(args: Args, api: Api) -> int:
    sandbox, *command = args.rest
    tty, takes_input, detached = args.flag("tty"), args.flag("interactive"), args.flag("detach")
    keys = args.text("detach-keys")
    attachment = Attachment(
        api, tty=tty, takes_input=takes_input and not detached, keys=keys, proxies=False
    )
    wanted: dict[str, object] = {
        "AttachStdin": takes_input and not detached,
        "AttachStdout": not detached,
        "AttachStderr": not detached,
        "Tty": tty,
        "Detach": detached,
        "DetachKeys": keys,
        "Env": args.every("env"),
        "WorkingDir": args.text("workdir"),
        "User": args.text("user"),
        "Cmd": command,
    }
    if tty and not detached:
        wanted["ConsoleSize"] = list(size())
    identity = text(api.post(path("containers", sandbox, "exec"), wanted), "Id")
    start = {"Detach": detached, "Tty": tty}
    if detached:
        api.post(path("exec", identity, "start"), start)
        return 0
    stream = api.upgrade(path("exec", identity, "start"), start)
    if attachment.join(("exec", identity), stream) == DETACHED:
        raise Failure(LEFT)
    return _exit_code(api, identity)


def _exit_code(api: Api, identity: str) -> int:
    """The exit code of a command whose output has ended; it may take a moment to end itself.

    0, as in docker, for one that runs on without its output.
    """
    found = api.get(path("exec", identity, "json"))
    patience = monotonic() + PATIENCE
    while flag(found, "Running") and monotonic() < patience:
        sleep(INTERVAL)
        found = api.get(path("exec", identity, "json"))
    return number(found, "ExitCode")


def _attach(args: Args, api: Api) -> int:
    return attach(
        api,
        args.rest[0],
        takes_input=not args.flag("no-stdin"),
        keys=args.text("detach-keys"),
        proxies=args.text("sig-proxy") != "false",
    )


def attach(api: Api, sandbox: str, *, takes_input: bool, keys: str, proxies: bool) -> int:
    """Join the running *sandbox* until it ends; gives its exit code. Raises Failure."""
    place = ("containers", sandbox)
    found = api.get(path(*place, "json"))
    if not flag(found, "State", "Running"):
        raise Failure(f"{sandbox} is not running: start it first, with: seaway start {sandbox}")
    takes_input = takes_input and flag(found, "Config", "OpenStdin")
    attachment = Attachment(
        api,
        tty=flag(found, "Config", "Tty"),
        takes_input=takes_input,
        keys=keys,
        proxies=proxies,
    )
    ending = api.open("POST", path(*place, "wait"), condition="not-running")
    stream = attached_stream(api, place, takes_input=takes_input, keys=keys)
    code = attachment.join(place, stream, ending)
    if code == DETACHED:
        raise Failure(LEFT)
    return code


def start_attached(api: Api, sandbox: str, *, takes_input: bool, keys: str, proxies: bool) -> int:
    """Start *sandbox* and join it until it ends; gives its exit code."""
    place = ("containers", sandbox)
    config = field(api.get(path(*place, "json")), "Config")
    takes_input = takes_input and flag(config, "OpenStdin")
    attachment = Attachment(
        api, tty=flag(config, "Tty"), takes_input=takes_input, keys=keys, proxies=proxies
    )
    stream = attached_stream(api, place, takes_input=takes_input, keys=keys)
    ending = api.open("POST", path(*place, "wait"), condition="next-exit")
    code = attachment.join(place, stream, ending, lambda: api.post(path(*place, "start")))
    sys.stdout.flush()
    return 0 if code == DETACHED else code


KEYS = Option("detach-keys", "KEYS", "leave it running by these keys (ctrl-p,ctrl-q)")
PROXY = switch("sig-proxy", "pass signals on; on unless --sig-proxy=false")

COMMANDS = {
    "exec": Command(
        _exec,
        "[OPTIONS] SANDBOX COMMAND [ARG...]",
        "Run one command more in a running sandbox.",
        least=2,
        options_first=True,
        options=(
            switch("detach d", "in the background"),
            KEYS,
            Option("env e", "NAME=VALUE", "an environment variable (repeatable)"),
            switch("interactive i", "pass input on"),
            switch("tty t", "give it a terminal"),
            Option("user u", "USER[:GROUP]", "who it runs as"),
            Option("workdir w", "DIR", "the working directory inside"),
        ),
        takes=("@unpaused", "@programs", "@files"),
        docker="docker exec",
        examples=("seaway exec -it web bash", "seaway exec web ip address"),
    ),
    "attach": Command(
        _attach,
        "[OPTIONS] SANDBOX",
        "Join the input and output of a running sandbox; ctrl-p ctrl-q leaves it running.",
        least=1,
        most=1,
        options=(KEYS, switch("no-stdin", "do not pass input on"), PROXY),
        takes=("@running",),
        docker="docker attach",
        examples=("seaway attach web",),
    ),
}
