"""The map as a tree drawn in text."""

from __future__ import annotations

from seaway.cli import colour
from seaway.cli.ports import published
from seaway.cli.values import field, flag, number, rows, text, texts
from seaway.cli.width import padded
from seaway.cli.width import width as width_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Fact = tuple[str, str]
    """A few words that stay on one line, and their colour."""

WIDTH, NARROWEST = 80, 40
"""Columns: without a terminal, and at least."""


class Picture:
    """Lines of facts behind the tree's trunk and branches."""

    def __init__(self, width: int, *, coloured: bool) -> None:
        self._width, self._coloured = width, coloured
        self.lines: list[str] = []

    def facts(self, first: str, further: str, facts: list[Fact]) -> None:
        """Write *facts* two blanks apart, after *first*, and after *further* where they wrap."""
        dot = colour.painted("●", colour.GREEN, on=self._coloured)
        line, used = first.replace("●", dot), width_of(first)
        fresh = True
        for words, tint in facts:
            gap = 0 if fresh else 2
            if not fresh and used + gap + width_of(words) > self._width:
                self.lines.append(line.rstrip())
                line, used, gap = further, width_of(further), 0
            line += " " * gap + colour.painted(words, tint, on=self._coloured)
            used, fresh = used + gap + width_of(words), False
        self.lines.append(line.rstrip())


def drawn(found: object, width: int = WIDTH, *, coloured: bool = False) -> list[str]:
    """The lines of the picture of *found*, the engine's answer."""
    picture = Picture(max(width, NARROWEST), coloured=coloured)
    host = field(found, "Host")
    uplink = text(host, "Uplink")
    picture.facts(
        "", "  ", [(f"host {text(host, 'Name')}", colour.BOLD), *_plain(host, "Addresses")]
    )
    picture.facts("│ ", "│ ", [(f"way out: {uplink}" if uplink else "no way out", "")])
    ports = _ports(found)
    networks = [item for item in rows(found, "Networks") if is_drawn(item)]
    loose = _loose(found)
    for place, network in enumerate(networks):
        picture.lines.append("│")
        _network(picture, network, uplink, ports, last=place == len(networks) - 1 and not loose)
    if loose:
        picture.lines.append("│")
        picture.facts("└─┬ ", "  │ ", [("on no network", colour.BOLD)])
        _branches(picture, "  ", loose, _loose_facts)
    return picture.lines


def _plain(value: object, name: str) -> list[Fact]:
    return [(item, "") for item in texts(value, name)]


def _ports(found: object) -> dict[tuple[str, str], list[object]]:
    """Published ports by the network and the sandbox at which they are drawn, each once.

    That is the network of the sandbox's default route, where the ports lead; else its first.
    """
    homes: dict[str, str] = {}
    for network in rows(found, "Networks"):
        for endpoint in rows(network, "Endpoints"):
            sandbox = text(endpoint, "SandboxId")
            if flag(endpoint, "DefaultRoute") or sandbox not in homes:
                homes[sandbox] = text(network, "Id")
    return {
        (homes.get(text(item, "Id"), ""), text(item, "Id")): rows(item, "Published")
        for item in rows(found, "Sandboxes")
    }


def is_drawn(network: object) -> bool:
    """``host`` and ``none`` are there always; they are drawn when somebody uses them."""
    return text(network, "Driver") not in ("host", "null") or bool(rows(network, "Endpoints"))


def _loose(found: object) -> list[object]:
    """The sandboxes that no network shows."""
    shown = {
        text(endpoint, "SandboxId")
        for network in rows(found, "Networks")
        for endpoint in rows(network, "Endpoints")
    }
    return [item for item in rows(found, "Sandboxes") if text(item, "Id") not in shown]


def _network(
    picture: Picture,
    network: object,
    uplink: str,
    ports: dict[tuple[str, str], list[object]],
    *,
    last: bool,
) -> None:
    endpoints = sorted(rows(network, "Endpoints"), key=_name)
    trunk = "  " if last else "│ "
    branch = ("└─" if last else "├─") + ("┬ " if endpoints else "─ ")
    inner = trunk + ("│ " if endpoints else "  ")
    name = (text(network, "Name"), colour.BOLD)
    parts = " ".join(part for part in (text(network, "Driver"), text(network, "Bridge")) if part)
    picture.facts(branch, inner + "  ", [name, (parts, ""), *_subnets(network)])
    picture.facts(inner + "  ", inner + "  ", _ways(network, uplink))

    def facts(endpoint: object) -> list[list[Fact]]:
        return _endpoint_facts(
            endpoint, ports.get((text(network, "Id"), text(endpoint, "SandboxId")), [])
        )

    _branches(picture, trunk, endpoints, facts)


def _subnets(network: object) -> list[Fact]:
    return [
        (f"{text(item, 'Subnet')} gateway {text(item, 'Gateway')}".removesuffix(" gateway "), "")
        for item in rows(network, "Subnets")
    ]


def _ways(network: object, uplink: str) -> list[Fact]:
    """Where traffic of *network* may go."""
    out = f"out by {uplink}" if uplink else "would leave"
    ways: list[Fact] = []
    if flag(network, "Internal"):
        ways.append(("no way out: internal", colour.DIM))
    elif flag(network, "Masquerade"):
        ways.append((f"{out} with the host's address", colour.DIM))
    else:
        ways.append((f"{out} with its own addresses", colour.DIM))
    if field(network, "Icc") is False:
        ways.append(("its sandboxes do not reach each other", colour.DIM))
    if not rows(network, "Endpoints"):
        ways.append(("nobody on it", colour.DIM))
    return ways


def _branches(
    picture: Picture,
    trunk: str,
    items: list[object],
    facts: Callable[[object], list[list[Fact]]],
) -> None:
    """One twig for each of *items*; the first group of facts beside it, the others below."""
    width = max((width_of(_name(item)) for item in items), default=0)
    for place, item in enumerate(items):
        last = place == len(items) - 1
        twig = trunk + ("└─" if last else "├─")
        below = trunk + ("  " if last else "│ ") + " " * 4
        dot = "●" if text(item, "State") == "running" else "○"
        first, *others = facts(item)
        picture.facts(f"{twig}{dot} ", below, [(padded(_name(item), width), ""), *first])
        for group in others:
            picture.facts(below, below + "  ", group)


def _name(item: object) -> str:
    return text(item, "Sandbox") or text(item, "Name")


def _endpoint_facts(endpoint: object, ports: list[object]) -> list[list[Fact]]:
    facts: list[Fact] = [(text(endpoint, "Ifname"), colour.DIM)] if text(endpoint, "Ifname") else []
    facts += _plain(endpoint, "Addresses")
    state = text(endpoint, "State")
    if state != "running":
        facts.append((state, colour.DIM))
    if flag(endpoint, "DefaultRoute"):
        facts.append(("default route", colour.DIM))
    if drops := number(endpoint, "Drops"):
        facts.append((f"{drops} packets dropped", colour.YELLOW))
    return [facts, *(_port_facts(port) for port in ports)]


def _loose_facts(item: object) -> list[list[Fact]]:
    kind = {"host": "uses the host's network", "shared": "shares another's network"}
    facts = [(kind.get(text(item, "Kind"), text(item, "State")), colour.DIM)]
    return [facts, *(_port_facts(port) for port in rows(item, "Published"))]


def _port_facts(port: object) -> list[Fact]:
    outer, inner = published(port)
    sources = texts(port, "From")
    facts: list[Fact] = [(f"{outer} ─▶ {inner}", colour.CYAN)]
    if sources:
        facts.append((f"from {', '.join(sources)} only", colour.DIM))
    return facts
