"""``seaway start stop restart kill pause unpause rm rename wait prune``."""

from __future__ import annotations

import sys

from seaway.cli.batch import confirmed, each
from seaway.cli.client import path
from seaway.cli.failure import DaemonError, Failure
from seaway.cli.options import Command, Option, filter_option, switch
from seaway.cli.table import filters
from seaway.cli.values import number, texts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from seaway.cli.client import Api
    from seaway.cli.options import Args


def _start(args: Args, api: Api) -> int:
    if not (args.flag("attach") or args.flag("interactive")):
        return each(args.rest, lambda ref: api.post(path("containers", ref, "start")))
    if len(args.rest) > 1:
        raise Failure("only one sandbox can be started and attached at once")
    from seaway.cli.execution import start_attached  # noqa: PLC0415

    return start_attached(
        api,
        args.rest[0],
        takes_input=args.flag("interactive"),
        keys=args.text("detach-keys"),
        proxies=args.text("sig-proxy") != "false",
    )


def _ending(args: Args, api: Api, verb: str) -> int:
    seconds = args.whole("time") if args.given("time") else None
    signal = args.text("signal")
    return each(
        args.rest, lambda ref: api.post(path("containers", ref, verb), t=seconds, signal=signal)
    )


def _kill(args: Args, api: Api) -> int:
    signal = args.text("signal", "KILL")
    return each(args.rest, lambda ref: api.post(path("containers", ref, "kill"), signal=signal))


def _rm(args: Args, api: Api) -> int:
    force = args.flag("force")
    return each(
        args.rest, lambda ref: api.delete(path("containers", ref), force=force, v=True), force=force
    )


def _rename(args: Args, api: Api) -> int:
    old, new = args.rest
    if not new:
        raise Failure("the new name is empty")
    api.post(path("containers", old, "rename"), name=new)
    return 0


def _wait(args: Args, api: Api) -> int:
    code = 0
    for ref in args.rest:
        try:
            reply = api.post(path("containers", ref, "wait"))
        except DaemonError as error:
            sys.stderr.write(f"{error.message}\n")
            code = 1
        else:
            sys.stdout.write(f"{number(reply, 'StatusCode')}\n")
            sys.stdout.flush()
    return code


def _prune(args: Args, api: Api) -> int:
    if not confirmed(args, "This removes every sandbox that does not run. Go on?"):
        return 0
    reply = api.post("/containers/prune", filters=filters(args.every("filter")))
    if gone := texts(reply, "ContainersDeleted"):
        sys.stdout.write("\n".join(["Deleted Sandboxes:", *gone, ""]))
    return 0


_TIME = Option("time t --timeout", "SECONDS", "how long to wait before it is killed; -1: for ever")
_SIGNAL = Option("signal s", "SIGNAL", "the signal to send, by name or number", known=("@signals",))

COMMANDS = {
    "start": Command(
        _start,
        "[OPTIONS] SANDBOX [SANDBOX...]",
        "Start sandboxes that ended or were never started.",
        least=1,
        options=(
            switch("attach a", "show its output, pass signals on"),
            Option("detach-keys", "KEYS", "leave it running by these keys (ctrl-p,ctrl-q)"),
            switch("interactive i", "pass input on"),
            switch("sig-proxy", "pass signals on; on unless --sig-proxy=false"),
        ),
        takes=("@ended",),
        docker="docker start",
        examples=("seaway start web db", "seaway start -ai shell"),
    ),
    "stop": Command(
        lambda args, api: _ending(args, api, "stop"),
        "[OPTIONS] SANDBOX [SANDBOX...]",
        "Stop sandboxes: their stop signal first, SIGKILL after a time.",
        least=1,
        options=(_SIGNAL, _TIME),
        takes=("@running",),
        docker="docker stop",
        notes="""
            The signal is `SIGTERM` or that of `run --stop-signal`, the time 10 seconds
            or that of `run --stop-timeout`.
        """,
        examples=("seaway stop -t 2 web",),
    ),
    "restart": Command(
        lambda args, api: _ending(args, api, "restart"),
        "[OPTIONS] SANDBOX [SANDBOX...]",
        "Stop sandboxes and start them again.",
        least=1,
        options=(_SIGNAL, _TIME),
        takes=("@sandboxes",),
        docker="docker restart",
        examples=("seaway restart web",),
    ),
    "kill": Command(
        _kill,
        "[OPTIONS] SANDBOX [SANDBOX...]",
        "Send a signal to the process of sandboxes: SIGKILL, or another.",
        least=1,
        options=(_SIGNAL,),
        takes=("@running",),
        docker="docker kill",
        examples=("seaway kill -s HUP web",),
    ),
    "pause": Command(
        lambda args, api: each(args.rest, lambda ref: api.post(path("containers", ref, "pause"))),
        "SANDBOX [SANDBOX...]",
        "Hold the processes of sandboxes still; addresses, names and ports stay.",
        least=1,
        takes=("@unpaused",),
        docker="docker pause",
        examples=("seaway pause web",),
    ),
    "unpause": Command(
        lambda args, api: each(args.rest, lambda ref: api.post(path("containers", ref, "unpause"))),
        "SANDBOX [SANDBOX...]",
        "Let the processes of paused sandboxes go on.",
        least=1,
        takes=("@paused",),
        docker="docker unpause",
        examples=("seaway unpause web",),
    ),
    "rm": Command(
        _rm,
        "[-f] SANDBOX [SANDBOX...]",
        "Remove sandboxes; with -f those that run as well.",
        least=1,
        options=(
            switch("force f", "kill it first when it runs; one that is not there is no error"),
            switch("volumes v", "taken as docker takes it: there are no volumes here"),
        ),
        takes=("@sandboxes",),
        docker="docker rm",
        notes="""
            Names and ids, also beginnings of ids, as everywhere.
        """,
        examples=("seaway rm web", "seaway rm -f $(seaway ps -aq)"),
    ),
    "rename": Command(
        _rename,
        "SANDBOX NAME",
        "Give a sandbox another name; other sandboxes find it by that at once.",
        least=2,
        most=2,
        takes=("@sandboxes", "@nothing"),
        docker="docker rename",
        examples=("seaway rename web old-web",),
    ),
    "wait": Command(
        _wait,
        "SANDBOX [SANDBOX...]",
        "Wait until sandboxes end; print their exit codes.",
        least=1,
        takes=("@running",),
        docker="docker wait",
        examples=("seaway wait job",),
    ),
    "prune": Command(
        _prune,
        "[-f] [--filter NAME=VALUE]",
        "Remove all sandboxes that do not run.",
        most=0,
        options=(
            filter_option("filter", "until=", "label=", "label!="),
            switch("force f", "do not ask"),
        ),
        docker="docker container prune",
        examples=("seaway prune -f",),
    ),
}
