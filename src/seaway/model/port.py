"""Published ports."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from seaway.model.ids import Address, Prefix

MAX_PORT = 65535


class Proto(StrEnum):
    """Transport protocols that can be published."""

    TCP = "tcp"
    UDP = "udp"
    SCTP = "sctp"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedPort:
    """A host address and port, or a range of *count* ports, that leads into a sandbox.

    As asked, *host_port* 0 means "any free one"; as published, it is the one that was taken.
    """

    proto: Proto
    port: int
    """The first port in the sandbox, 1 to 65535."""
    host_port: int = 0
    """The first port of the host; the n-th leads to the n-th of the sandbox."""
    count: int = 1
    host: Address | None = None
    """The host's address; ``0.0.0.0`` and ``::``: all of one family; None: all of both."""
    sources: tuple[Prefix, ...] = ()
    """Who may come in; empty: everybody."""

    def is_on(self, version: int) -> bool:
        """Whether the port is published in family *version* (4 or 6)."""
        return self.host is None or self.host.version == version

    @property
    def one_host(self) -> Address | None:
        """The host's address when it is a single one; None: all of one or both families."""
        return None if self.host is None or self.host.is_unspecified else self.host

    def came_of(self, asked: PublishedPort) -> bool:
        """Whether *asked*, once published, may be this; who may come in does not matter."""
        return (
            _inner(self) == _inner(asked)
            and asked.host_port in {0, self.host_port}
            and asked.host in {None, self.host}
        )


def hosts_meet(one: Address | None, other: Address | None) -> bool:
    """Whether some address of the host is meant by both (``PublishedPort.host``)."""
    if one is None or other is None:
        return True
    if one.version != other.version:
        return False
    return one.is_unspecified or other.is_unspecified or one == other


def counterparts(
    asked: Iterable[PublishedPort], published: Iterable[PublishedPort]
) -> dict[PublishedPort, PublishedPort]:
    """What became of each of *asked*: one of *published* for each; those that wait have none.

    Those published just as they were asked for come first, then the most definite, so that "any free
    port" never stands for one that was named.
    """
    asked, published = tuple(asked), tuple(published)
    there = frozenset(published)
    found = {port: port for port in asked if port in there}
    left: dict[tuple[Proto, int, int], list[PublishedPort]] = {}
    for port in published:
        if port not in found:
            left.setdefault(_inner(port), []).append(port)
    waiting = [port for port in asked if port not in found]
    for one in sorted(waiting, key=lambda p: (p.host_port == 0, p.host is None)):
        able = left.get(_inner(one), [])
        if (match := next((p for p in able if p.came_of(one)), None)) is not None:
            able.remove(match)
            found[one] = match
    return found


def _inner(port: PublishedPort) -> tuple[Proto, int, int]:
    """The ports in the sandbox."""
    return (port.proto, port.port, port.count)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposedPort:
    """A port that a sandbox says it serves; ``-P`` publishes these."""

    proto: Proto
    port: int
    count: int = 1
