"""How a network is made: the options of each kind, as types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Final, get_args

from seaway.model.ids import Address, IfName, Interface, Mac
from seaway.model.parent import (
    Ipvlan,
    LinkKind,
    Macvlan,
    MacvlanMode,
    Parent,
    has_neighbours,
    hears_brothers,
)
from seaway.model.switch import Switch, Uplink

MIN_MTU = 68
"""Bytes; the least that IPv4 asks of a link (RFC 791, section 3.2)."""
MIN_MTU6 = 1280
"""Bytes; the least that IPv6 asks of a link (RFC 8200, section 5)."""
MAX_MTU = 65535
DEFAULT_PROBE = 20
"""Milliseconds; a wired LAN answers within one (docs/decisions/0013)."""


class Icc(StrEnum):
    """Inter-container communication within one bridge."""

    OPEN = "open"
    CLOSED = "closed"


class GatewayMode(StrEnum):
    """How a network hangs on the host in one family, in Docker's words."""

    NAT = "nat"
    """Outward with the host's address; reached by ports of the host alone."""
    UNPROTECTED = "nat-unprotected"
    """The same, and every port of a sandbox is reached from outside at its own address."""
    ROUTED = "routed"
    """Nothing is translated; published ports are reached at the sandbox's own address."""
    ISOLATED = "isolated"
    """The host has no address on the bridge: for internal networks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopted:
    """What a bridge that somebody else made was like before it was a network's: so it is left again."""

    mac: Mac
    """Which it keeps, whatever ports it gets."""
    group: int
    up: bool
    held: tuple[Interface, ...] = ()
    """The addresses that the host had on it."""
    settings: tuple[tuple[str, str], ...] = ()
    """Kernel settings, by their file under /proc/sys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeOptions:
    """Options of the ``bridge`` driver."""

    driver: ClassVar[str] = "bridge"
    places: ClassVar[bool] = True
    own_macs: ClassVar[bool] = True
    has_gateway: ClassVar[bool] = True
    parent: ClassVar[Parent | None] = None
    link: ClassVar[LinkKind | None] = None
    for_one: ClassVar[bool] = False
    host_access: ClassVar[bool] = False
    probe: ClassVar[int] = 0
    tells_senders: ClassVar[bool] = True
    bridge: IfName
    """The host's link on which the endpoints are, and by which the rules know the network."""
    mtu: int
    """Bytes; MIN_MTU to MAX_MTU, MIN_MTU6 at least where the network has IPv6."""
    icc: Icc = Icc.OPEN
    masquerade: bool = True
    """Whether traffic that leaves the host takes the host's address."""
    source_guard: bool = True
    host_binding: Address | None = None
    """The host address of ports that are published without one; None: all."""
    dns: tuple[Address, ...] = ()
    """Who is asked, from inside, for names that are not ours; empty: as the host does."""
    gateway_mode4: GatewayMode = GatewayMode.NAT
    gateway_mode6: GatewayMode = GatewayMode.NAT
    inhibit_ipv4: bool = False
    """The bridge gets no IPv4 address: somebody else on it is the gateway."""
    sources: tuple[Address, ...] = ()
    """The host's addresses that what leaves takes in place of the one the kernel chooses; one for each
    family at most."""
    trusted: tuple[IfName, ...] = ()
    """Links of the host from which published ports are reached at the sandbox's own address, too."""
    ifname_prefix: str = "eth"
    """How the interfaces inside begin that nobody names."""
    adopted: Adopted | None = None
    """None: the bridge is the network's own, made and deleted with it."""
    switch: Switch | None = None
    """Of which the bridge is a VLAN subinterface, and whose ports the endpoints are in its place."""
    uplink: Uplink | None = None
    """A port of the bridge, or of the switch, by which the network reaches beyond the host."""

    @property
    def ports_of(self) -> IfName:
        """The link whose ports the endpoints are."""
        return self.bridge if self.switch is None else self.switch.name

    @property
    def needs(self) -> IfName | None:
        """The link of somebody else's without which the network cannot be there, and which may return."""
        return self.switch.name if self.switch is not None and self.switch.adopted else None

    @property
    def foreign(self) -> IfName | None:
        """The link of somebody else's that all on the network have their MTU from."""
        if self.uplink is not None:
            return self.uplink.name
        return self.bridge if self.adopted is not None else self.needs


class Unbridged:
    """What the core knows of a network whose endpoints are on no bridge of the host: nothing to do."""

    __slots__ = ()

    bridge: ClassVar[IfName | None] = None
    switch: ClassVar[Switch | None] = None
    uplink: ClassVar[Uplink | None] = None
    foreign: ClassVar[IfName | None] = None
    ports_of: ClassVar[IfName | None] = None
    masquerade: ClassVar[bool] = False
    host_binding: ClassVar[Address | None] = None
    gateway_mode4: ClassVar[GatewayMode] = GatewayMode.NAT
    gateway_mode6: ClassVar[GatewayMode] = GatewayMode.NAT
    inhibit_ipv4: ClassVar[bool] = False
    sources: ClassVar[tuple[Address, ...]] = ()
    trusted: ClassVar[tuple[IfName, ...]] = ()
    adopted: ClassVar[Adopted | None] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OnParent(Unbridged):
    """Options of networks whose endpoints are on an interface of the host, the parent."""

    places: ClassVar[bool] = True
    parent: Parent
    link: LinkKind
    """What each endpoint has on it."""
    mtu: int | None = None
    """Bytes, no more than the parent has; None: as many."""
    host_access: bool = False
    """Whether the host and the endpoints reach each other, which the kernel keeps apart."""
    probe: int = DEFAULT_PROBE
    """Milliseconds for which others on the LAN are listened to who may have the address of an endpoint;
    0: nobody is asked, or nobody else is there."""
    dns: tuple[Address, ...] = ()
    """Who is asked, from inside, for names that are not ours; empty: as the host does."""
    ifname_prefix: str = "eth"
    """How the interfaces inside begin that nobody names."""

    @property
    def icc(self) -> Icc:
        """Whether endpoints reach each other within the host."""
        return Icc.OPEN if hears_brothers(self.link) else Icc.CLOSED

    @property
    def needs(self) -> IfName | None:
        """The link of somebody else's without which the network cannot be there, and which may return."""
        return self.parent.needs


@dataclass(frozen=True, slots=True, kw_only=True)
class MacvlanOptions(OnParent):
    """Options of the ``macvlan`` driver."""

    driver: ClassVar[str] = "macvlan"
    has_gateway: ClassVar[bool] = True
    link: Macvlan
    source_guard: bool = True

    @property
    def tells_senders(self) -> bool:
        """Whether what leaves shows which endpoint it comes from: the source guard needs that."""
        return self.own_macs and not self.parent.alone

    @property
    def own_macs(self) -> bool:
        """Whether each endpoint has a MAC address of its own, not the parent's."""
        return not self.for_one

    @property
    def for_one(self) -> bool:
        """Whether the network has room for one running sandbox only."""
        return self.link.mode is MacvlanMode.PASSTHRU


@dataclass(frozen=True, slots=True, kw_only=True)
class IpvlanOptions(OnParent):
    """Options of the ``ipvlan`` driver."""

    driver: ClassVar[str] = "ipvlan"
    source_guard: ClassVar[bool] = False
    tells_senders: ClassVar[bool] = False
    for_one: ClassVar[bool] = False
    own_macs: ClassVar[bool] = False
    link: Ipvlan

    @property
    def has_gateway(self) -> bool:
        """Whether endpoints send to a gateway what leaves their subnet; else the host routes it."""
        return has_neighbours(self.link)


class Placeless(Unbridged):
    """What the core knows of a network whose sandboxes have no interface on it."""

    __slots__ = ()

    places: ClassVar[bool] = False
    own_macs: ClassVar[bool] = False
    has_gateway: ClassVar[bool] = True
    parent: ClassVar[Parent | None] = None
    needs: ClassVar[IfName | None] = None
    link: ClassVar[LinkKind | None] = None
    for_one: ClassVar[bool] = False
    icc: ClassVar[Icc] = Icc.CLOSED
    host_access: ClassVar[bool] = False
    probe: ClassVar[int] = 0
    source_guard: ClassVar[bool] = False
    tells_senders: ClassVar[bool] = False
    mtu: ClassVar[int | None] = None
    dns: ClassVar[tuple[Address, ...]] = ()
    ifname_prefix: ClassVar[str] = "eth"


@dataclass(frozen=True, slots=True)
class HostOptions(Placeless):
    """The ``host`` driver has none: sandboxes use the host's own namespace."""

    driver: ClassVar[str] = "host"


@dataclass(frozen=True, slots=True)
class NullOptions(Placeless):
    """The ``null`` driver has none: sandboxes have loopback only."""

    driver: ClassVar[str] = "null"


Options = BridgeOptions | MacvlanOptions | IpvlanOptions | HostOptions | NullOptions
"""How a network is made. What the core asks of it, each kind answers; nobody asks which kind it is."""

KINDS: Final[Mapping[str, type[Options]]] = {kind.driver: kind for kind in get_args(Options)}
"""The kinds of options by the word of their driver. Stores keep that word, so it never changes."""
