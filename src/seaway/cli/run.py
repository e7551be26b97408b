"""``seaway run``."""

from __future__ import annotations

import os
import sys

from seaway.cli.client import path
from seaway.cli.failure import DaemonError, Failure, Unreachable, because
from seaway.cli.options import Command, Option, grouped, switch
from seaway.cli.values import pairs, text, texts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from seaway.cli.client import Api
    from seaway.cli.options import Args

OUR_ERROR, CANNOT_RUN, NO_COMMAND = 125, 126, 127
"""docker's exit codes: we failed; the command cannot be run; there is no such command."""


def start_code(message: str) -> int:
    """The exit code for an engine's *message* that a start failed."""
    if "executable file not found" in message or "no such file or directory" in message.lower():
        return NO_COMMAND
    if "permission denied" in message.lower() or "is a directory" in message.lower():
        return CANNOT_RUN
    return OUR_ERROR


def _run(args: Args, api: Api) -> int:
    try:
        return _in_background(args, api) if args.flag("detach") else _attached(args, api)
    except DaemonError as error:
        reason = error.reason + _about_images(args, error.reason)
        raise DaemonError(error.status, reason, start_code(error.reason)) from None
    except Unreachable as error:
        raise Failure(error.message, OUR_ERROR) from None


def _about_images(args: Args, reason: str) -> str:
    """A line more when *reason* is that a word like ``ubuntu`` is no program of the host."""
    word = args.rest[0]
    if args.given("rootfs") or word[:1] in ("/", ".") or f'exec: "{word}"' not in reason:
        return ""
    if start_code(reason) != NO_COMMAND:
        return ""
    return (
        f"\nSeaway has no images: {word!r} was looked for among the host's own programs; "
        "--rootfs DIR runs those of a directory"
    )


def _in_background(args: Args, api: Api) -> int:
    identity = _created(args, api)
    api.post(path("containers", identity, "start"))
    sys.stdout.write(f"{identity}\n")
    return 0


def _attached(args: Args, api: Api) -> int:
    from seaway.cli.attachment import DETACHED, Attachment, attached_stream  # noqa: PLC0415

    tty, takes_input, keys = args.flag("tty"), args.flag("interactive"), args.text("detach-keys")
    proxies = args.text("sig-proxy") != "false"
    attachment = Attachment(api, tty=tty, takes_input=takes_input, keys=keys, proxies=proxies)
    place = ("containers", _created(args, api))
    stream = attached_stream(api, place, takes_input=takes_input, keys=keys)
    condition = "removed" if args.flag("rm") else "next-exit"
    ending = api.open("POST", path(*place, "wait"), condition=condition)
    code = attachment.join(place, stream, ending, lambda: api.post(path(*place, "start")))
    return 0 if code == DETACHED else code


def _created(args: Args, api: Api) -> str:
    """Create the sandbox; gives its id."""
    reply = api.post("/containers/create", body(args), name=args.text("name"))
    for warning in texts(reply, "Warnings"):
        sys.stderr.write(f"WARNING: {warning}\n")
    return text(reply, "Id")


def body(args: Args) -> dict[str, object]:
    """The API's body of create for what the command line said."""
    from seaway.cli.endpoint import endpoints, wishes  # noqa: PLC0415

    takes_input, attached = args.flag("interactive"), not args.flag("detach")
    wanted = wishes(args)
    config: dict[str, object] = {
        "Image": _whole(args.text("rootfs")),
        "Cmd": args.rest,
        "Env": [
            *_lines(args.every("env-file"), environment=True),
            *_environment(args.every("env")),
        ],
        "Labels": {**pairs(_lines(args.every("label-file"))), **pairs(args.every("label"))},
        "WorkingDir": args.text("workdir"),
        "User": args.text("user"),
        "Hostname": args.text("hostname"),
        "Tty": args.flag("tty"),
        "OpenStdin": takes_input,
        "StdinOnce": takes_input and attached,
        "AttachStdin": takes_input and attached,
        "AttachStdout": attached,
        "AttachStderr": attached,
        "ExposeSpecs": args.every("expose"),
        "HostConfig": _host_config(args, wanted[0].network if wanted else "default"),
        "NetworkingConfig": {"EndpointsConfig": endpoints(wanted)},
    }
    if args.given("stop-signal"):
        config["StopSignal"] = args.text("stop-signal")
    if args.given("stop-timeout"):
        config["StopTimeout"] = args.whole("stop-timeout")
    return config


def _host_config(args: Args, network: str) -> dict[str, object]:
    config: dict[str, object] = {
        "NetworkMode": network,
        "PortSpecs": args.every("publish"),
        "PublishAllPorts": args.flag("publish-all"),
        "Binds": [_bind(volume) for volume in args.every("volume")],
        "Dns": args.every("dns"),
        "DnsOptions": args.every("dns-option"),
        "DnsSearch": args.every("dns-search"),
        "ExtraHosts": [_extra_host(entry) for entry in args.every("add-host")],
        "CapAdd": args.every("cap-add"),
        "CapDrop": args.every("cap-drop"),
        "AutoRemove": args.flag("rm"),
    }
    if args.flag("tty"):
        from seaway.cli.terminal import size  # noqa: PLC0415

        config["ConsoleSize"] = list(size())
    return config


def _bind(volume: str) -> str:
    """``./here:/there`` with the whole path; everything else as it is."""
    source, colon, rest = volume.partition(":")
    return f"{_whole(source)}:{rest}" if colon and source[:1] == "." else volume


def _whole(where: str) -> str:
    """*where* from the root on; empty stays empty."""
    return os.path.abspath(where) if where else ""  # noqa: PTH100 - pathlib costs 6 ms


def _extra_host(entry: str) -> str:
    """``NAME=ADDRESS`` is ``NAME:ADDRESS``; an IPv6 address may stand in brackets."""
    sign = min((place for place in (entry.find(":"), entry.find("=")) if place > 0), default=0)
    name, address = entry[:sign], entry[sign + 1 :]
    if not name or not address:
        raise Failure(f"--add-host is NAME:ADDRESS, not {entry!r}", OUR_ERROR)
    return f"{name}:{address.removeprefix('[').removesuffix(']')}"


def _environment(entries: list[str]) -> list[str]:
    """A name alone takes the value it has here; without one here it is left out."""
    return [
        entry if "=" in entry else f"{entry}={os.environ[entry]}"
        for entry in entries
        if "=" in entry or entry in os.environ
    ]


def _lines(files: list[str], *, environment: bool = False) -> list[str]:
    """What files of ``NAME=VALUE`` lines say; ``#`` begins a comment. Raises Failure."""
    found: list[str] = []
    for name in files:
        try:
            with open(name, encoding="utf-8-sig") as file:  # noqa: PTH123 - pathlib costs 6 ms
                lines = [line.rstrip("\r\n").lstrip() for line in file]
        except OSError as error:
            raise Failure(f"cannot read {because(error)}", OUR_ERROR) from None
        except ValueError as error:
            raise Failure(f"cannot read {name}: {error}", OUR_ERROR) from None
        lines = [line for line in lines if line and not line.startswith("#")]
        if bad := next((line for line in lines if " " in line.partition("=")[0].strip()), ""):
            raise Failure(f"{name}: {bad!r}: a name has no blanks in it", OUR_ERROR)
        found += _environment(lines) if environment else lines
    return found


OPTIONS = (
    switch("detach d", "in the background; prints the id"),
    switch("interactive i", "pass input on"),
    switch("tty t", "give it a terminal"),
    Option("name", "NAME", "its name"),
    switch("rm", "remove it when it ends"),
    Option("detach-keys", "KEYS", "leave it running by these keys (ctrl-p,ctrl-q)"),
    switch("sig-proxy", "pass signals on; on unless --sig-proxy=false"),
    *grouped(
        "Networks",
        Option(
            "network --net",
            "NET[:KEY=VALUE,...]",
            "a network, or host, none, container:NAME; keys: ip ip6 alias mac ifname"
            " gw-priority driver-opt (repeatable)",
            known=("@networks", "container:@running"),
        ),
        Option(
            "network-alias --net-alias", "NAME", "a name more by which it is found (repeatable)"
        ),
        Option("ip", "ADDRESS", "the IPv4 address it gets"),
        Option("ip6", "ADDRESS", "the IPv6 address it gets"),
        Option("mac-address", "MAC", "the MAC address it gets"),
        Option("link-local-ip", "ADDRESS", "refused: see --network NET:driver-opt"),
    ),
    *grouped(
        "Published ports",
        Option("publish p", "[[IP:]PORT:]PORT[/PROTO]", "publish a port on the host (repeatable)"),
        switch("publish-all P", "publish all exposed ports on free ports"),
        Option("expose", "PORT", "a port that -P publishes (repeatable)"),
    ),
    *grouped(
        "Names",
        Option(
            "add-host",
            "NAME:ADDRESS",
            "a line for /etc/hosts; host-gateway is the host (repeatable)",
        ),
        Option("dns", "ADDRESS", "a name server to ask (repeatable)"),
        Option("dns-option --dns-opt", "OPTION", "an option of resolv.conf (repeatable)"),
        Option("dns-search", "DOMAIN", "a search domain (repeatable)"),
        Option("hostname h", "NAME", "the host name inside"),
    ),
    *grouped(
        "The process",
        Option("env e", "NAME=VALUE", "an environment variable (repeatable)"),
        Option(
            "env-file", "FILE", "environment variables, one a line (repeatable)", known=("@files",)
        ),
        Option("user u", "USER[:GROUP]", "who it runs as"),
        Option("workdir w", "DIR", "the working directory inside"),
        Option("cap-add", "CAPABILITY", "a capability more (repeatable)"),
        Option("cap-drop", "CAPABILITY", "a capability less (repeatable)"),
        Option("stop-signal", "SIGNAL", "what stop sends", known=("@signals",)),
        Option("stop-timeout", "SECONDS", "how long stop waits before it kills"),
    ),
    *grouped(
        "Files and labels",
        Option(
            "rootfs",
            "DIR",
            "the root directory inside; else the host's, read-only",
            known=("@folders",),
        ),
        Option(
            "volume v",
            "HOST:INSIDE[:ro]",
            "a directory or file of the host (repeatable)",
            known=("@files",),
        ),
        Option("label l", "NAME=VALUE", "a label (repeatable)"),
        Option("label-file", "FILE", "labels, one a line (repeatable)", known=("@files",)),
    ),
)
COMMANDS = {
    "run": Command(
        _run,
        "[OPTIONS] [--] COMMAND [ARG...]",
        "Run a command in a new sandbox, with its output here unless -d.",
        least=1,
        options_first=True,
        options=OPTIONS,
        takes=("@programs", "@files"),
        docker="docker run",
        notes="""
            The command runs on the host's file system, seen read-only, with `/run`,
            `/tmp` and `/dev` of its own; with `--rootfs` in that directory, which it
            may write to. The daemon's socket, store and namespace files cannot be seen
            inside. Capabilities and seccomp rules are Docker's defaults; no new
            privileges.

            `--network` may be given several times; the flags `--ip`, `--ip6`,
            `--mac-address` and `--network-alias` speak of the first. Without it the
            network is `bridge`. Ports:
            `[ADDRESS:][HOSTPORT[-END]:]PORT[-END][/tcp|udp|sctp]`, an IPv6 address in
            brackets. `docker`'s flags that are not here do not exist (`--restart`,
            `--privileged`, images).

            Signals are passed on to the process. One that heeds none, such as `sleep`
            as the first process of its sandbox, holds nobody up: at the third interrupt
            the command leaves it and ends with 1. The sandbox goes on.
        """,
        examples=(
            "seaway run --rm -it bash",
            "seaway run -d --name hello --network web -p 8080:80 -- python3 -m http.server 80",
            "seaway run --rm --network web:ip=10.5.0.9,alias=db --network lan ip address",
        ),
    ),
}
