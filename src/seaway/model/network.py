"""A network: what was asked for. What Linux has is read from Linux, never kept here."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from seaway.model.ids import Address, IfName, NetworkId, NetworkName, Prefix

MIN_MTU = 68
"""Bytes; the least that IPv4 asks of a link (RFC 791, section 3.2)."""
MIN_MTU6 = 1280
"""Bytes; the least that IPv6 asks of a link (RFC 8200, section 5)."""
MAX_MTU = 65535


@dataclass(frozen=True, slots=True, kw_only=True)
class Subnet:
    """A network's part of a pool, in one family."""

    prefix: Prefix
    gateway: Address
    range: Prefix | None = None
    """The part that endpoints get when they ask for no address; None: all of it."""
    auxiliary: tuple[tuple[str, Address], ...] = ()
    """Addresses that somebody else uses, by name."""
    asked: bool = True
    """Whether the user gave the prefix; else it came from a default pool."""

    @property
    def version(self) -> int:
        """4 or 6."""
        return self.prefix.version


class Icc(StrEnum):
    """Inter-container communication within one bridge."""

    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeOptions:
    """Options of the ``bridge`` driver."""

    bridge: IfName
    mtu: int
    """Bytes; MIN_MTU to MAX_MTU, MIN_MTU6 at least where the network has IPv6."""
    icc: Icc = Icc.OPEN
    masquerade: bool = True
    """Whether traffic that leaves the host takes the host's address."""
    source_guard: bool = True
    host_binding: Address | None = None
    """The host address of ports that are published without one; None: all."""


@dataclass(frozen=True, slots=True)
class HostOptions:
    """The ``host`` driver has none: sandboxes use the host's own namespace."""


@dataclass(frozen=True, slots=True)
class NullOptions:
    """The ``null`` driver has none: sandboxes have loopback only."""


Options = BridgeOptions | HostOptions | NullOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """What was asked for. What Linux has is read from Linux, never kept here."""

    id: NetworkId
    name: NetworkName
    created: int
    """Nanoseconds since the epoch."""
    options: Options
    subnets: tuple[Subnet, ...] = ()
    """IPv4 first, then IPv6; at most one of each on a bridge."""
    internal: bool = False
    """No route and no rule to anything outside the network."""
    attachable: bool = False
    predefined: bool = False
    """Made by Seaway itself; it cannot be removed."""
    labels: tuple[tuple[str, str], ...] = ()
    asked_options: tuple[tuple[str, str], ...] = ()
    """The options as they were given, to show again."""

    def subnet(self, version: int) -> Subnet | None:
        """The subnet of family *version* (4 or 6), if there is one."""
        return next((s for s in self.subnets if s.version == version), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubnetWish:
    """A subnet as somebody asked for it; what is None is ours to choose."""

    prefix: Prefix | None = None
    gateway: Address | None = None
    range: Prefix | None = None
    auxiliary: tuple[tuple[str, Address], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkWish:
    """A network as somebody asked for it."""

    name: NetworkName
    driver: str = "bridge"
    ipv4: bool = True
    ipv6: bool = False
    subnets: tuple[SubnetWish, ...] = ()
    internal: bool = False
    attachable: bool = False
    labels: tuple[tuple[str, str], ...] = ()
    options: tuple[tuple[str, str], ...] = ()
