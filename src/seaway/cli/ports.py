"""``seaway port publish unpublish``: the texts of ports are read by the engine alone."""

from __future__ import annotations

import sys

from seaway.cli.client import path
from seaway.cli.failure import Failure
from seaway.cli.options import Command, Option, switch
from seaway.cli.values import fields, listed, number, rows, text, texts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from seaway.cli.client import Api
    from seaway.cli.options import Args


def on_host(address: str) -> str:
    """*address* as it stands before a colon."""
    return f"[{address}]" if ":" in address else address or "0.0.0.0"


def span(first: int, last: int) -> str:
    """``80`` or ``80-82``; *last* 0 means that there is one."""
    return f"{first}-{last}" if last > first else str(first)


def published(port: object) -> tuple[str, str]:
    """A published port of ours as its two ends: ``0.0.0.0:8080`` and ``80/tcp``."""
    outer = span(number(port, "HostPort"), number(port, "HostPortEnd"))
    inner = span(number(port, "Port"), number(port, "PortEnd"))
    return f"{on_host(text(port, 'HostIp'))}:{outer}", f"{inner}/{text(port, 'Proto') or 'tcp'}"


def _port(args: Args, api: Api) -> int:
    sandbox, *wanted = args.rest
    bindings = fields(api.get(path("containers", sandbox, "json")), "NetworkSettings", "Ports")
    if wanted:
        private = wanted[0] if "/" in wanted[0] else f"{wanted[0]}/tcp"
        if not private.partition("/")[0].isdecimal():
            raise Failure(f"invalid port {wanted[0]!r}: it is PORT or PORT/PROTO")
        lines = _binding_lines(bindings.get(private))
        if not lines:
            raise Failure(f"{sandbox} publishes no port {private}")
    else:
        lines = [
            f"{private} -> {line}"
            for private in sorted(bindings, key=_port_order)
            for line in _binding_lines(bindings[private])
        ]
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 0


def _binding_lines(bindings: object) -> list[str]:
    return [_binding_line(text(b, "HostIp"), text(b, "HostPort")) for b in listed(bindings)]


def _binding_line(host: str, outer: str) -> str:
    if outer:
        return f"{on_host(host)}:{outer}"
    return f"the sandbox's own {'IPv6' if ':' in host else 'IPv4'} address"


def _port_order(private: str) -> tuple[int, str]:
    port, _, proto = private.partition("/")
    return (int(port) if port.isdecimal() else 0, proto)


def _publish(args: Args, api: Api) -> int:
    sandbox, *specs = args.rest
    body = {"Ports": specs, "From": args.every("from")}
    return _changed(api.post(path("seaway", "sandboxes", sandbox, "publish"), body))


def _unpublish(args: Args, api: Api) -> int:
    sandbox, *specs = args.rest
    body = {"Ports": specs, "Now": args.flag("now")}
    return _changed(api.post(path("seaway", "sandboxes", sandbox, "unpublish"), body))


def _changed(reply: object) -> int:
    """Print the ports that the engine's *reply* shows."""
    for warning in texts(reply, "Warnings"):
        sys.stderr.write(f"WARNING: {warning}\n")
    for port in rows(reply, "Published"):
        outer, inner = published(port)
        sources = texts(port, "From")
        who = f" from {', '.join(sources)}" if sources else ""
        sys.stdout.write(f"{inner} -> {outer}{who}\n")
    return 0


COMMANDS = {
    "port": Command(
        _port,
        "SANDBOX [PORT[/PROTO]]",
        "List the published ports of a sandbox, or where one port is published.",
        least=1,
        most=2,
        takes=("@running", "@nothing"),
        docker="docker port",
        examples=("seaway port web", "seaway port web 80/tcp"),
    ),
    "publish": Command(
        _publish,
        "[--from CIDR]... SANDBOX [[IP:]PORT:]PORT[/PROTO]...",
        "Publish ports of a sandbox, also while it runs; prints them.",
        least=2,
        options=(Option("from", "CIDR", "only clients with these addresses (repeatable)"),),
        takes=("@sandboxes", "@nothing"),
        notes="""
            Saying a port again changes its sources. Works on stopped sandboxes, too:
            the port is then published at the start.
        """,
        examples=(
            "seaway publish web 8080:80",
            "seaway publish --from 10.0.0.0/8 db 5432:5432 127.0.0.1:5433:5432",
        ),
    ),
    "unpublish": Command(
        _unpublish,
        "[--now] SANDBOX [[IP:]PORT:]PORT[/PROTO]...",
        "Take published ports away; connections that stand may end in peace.",
        least=2,
        options=(switch("now", "cut the connections that stand as well"),),
        takes=("@sandboxes", "@nothing"),
        notes="""
            A container port alone, as `80`, means wherever it is published; `8080:80`
            that place only.
        """,
        examples=(
            "seaway unpublish web 8080:80",
            "seaway unpublish --now web 80    # wherever it is published",
        ),
    ),
}
