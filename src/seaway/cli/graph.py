"""What ``seaway map`` shows, as values: a host, networks, sandboxes, and how they hang together.

Here everything is still the engine's own words; each renderer escapes them for its language.
"""

from __future__ import annotations

from dataclasses import dataclass

from seaway.cli.ports import published
from seaway.cli.tree import is_drawn
from seaway.cli.values import field, flag, rows, text, texts


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A network that somebody uses, or could."""

    name: str
    facts: tuple[str, ...]
    """A line each: driver, subnets, where its traffic may go."""
    way_out: str
    """What stands at the line to the host; empty: there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """A sandbox, whatever it is."""

    name: str
    state: str

    @property
    def is_running(self) -> bool:
        """Whether it is drawn in full."""
        return self.state == "running"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A sandbox's place on a network, both by their position in the graph."""

    network: int
    sandbox: int
    facts: tuple[str, ...]
    """The interface, and the addresses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """A published port of the sandbox at that position."""

    sandbox: int
    outer: str
    inner: str
    sources: tuple[str, ...]

    @property
    def way(self) -> str:
        """``0.0.0.0:8080 → 80/tcp``, and for whom."""
        return f"{self.outer} → {self.inner}" + (
            f" from {', '.join(self.sources)}" if self.sources else ""
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """The whole picture."""

    host: str
    host_facts: tuple[str, ...]
    networks: tuple[Network, ...]
    sandboxes: tuple[Sandbox, ...]
    links: tuple[Link, ...]
    ports: tuple[Port, ...]


def graph(found: object) -> Graph:
    """The graph of *found*, the engine's answer; what is missing there is missing here."""
    uplink = text(found, "Host", "Uplink")
    networks = [item for item in rows(found, "Networks") if is_drawn(item)]
    sandboxes = rows(found, "Sandboxes")
    places = {text(item, "Id"): place for place, item in enumerate(sandboxes)}
    return Graph(
        host=text(found, "Host", "Name"),
        host_facts=(
            *texts(field(found, "Host"), "Addresses"),
            f"way out: {uplink}" if uplink else "no way out",
        ),
        networks=tuple(_network(item) for item in networks),
        sandboxes=tuple(
            Sandbox(name=text(item, "Name"), state=text(item, "State")) for item in sandboxes
        ),
        links=tuple(
            _link(place, places[text(item, "SandboxId")], item)
            for place, network in enumerate(networks)
            for item in rows(network, "Endpoints")
            if text(item, "SandboxId") in places
        ),
        ports=tuple(
            _port(place, item)
            for place, sandbox in enumerate(sandboxes)
            for item in rows(sandbox, "Published")
        ),
    )


def _network(item: object) -> Network:
    subnets = [text(subnet, "Subnet") for subnet in rows(item, "Subnets")]
    closed = ("sandboxes do not reach each other",) if field(item, "Icc") is False else ()
    internal = flag(item, "Internal")
    return Network(
        name=text(item, "Name"),
        facts=(
            " ".join(part for part in (text(item, "Driver"), text(item, "Bridge")) if part),
            *subnets,
            *(("internal",) if internal else ()),
            *closed,
        ),
        way_out="" if internal or text(item, "Driver") == "null" else _way_out(item),
    )


def _way_out(item: object) -> str:
    return "masquerade" if flag(item, "Masquerade") else "own addresses"


def _link(network: int, sandbox: int, item: object) -> Link:
    facts = [text(item, "Ifname"), *texts(item, "Addresses")]
    return Link(network=network, sandbox=sandbox, facts=tuple(fact for fact in facts if fact))


def _port(sandbox: int, item: object) -> Port:
    outer, inner = published(item)
    return Port(sandbox=sandbox, outer=outer, inner=inner, sources=tuple(texts(item, "From")))
