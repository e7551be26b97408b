"""An endpoint: a sandbox's place on a network."""

from __future__ import annotations

from dataclasses import dataclass, field

from seaway.model.ids import (
    Address,
    DnsName,
    EndpointId,
    IfName,
    Interface,
    Mac,
    NetworkId,
    Prefix,
    SandboxId,
)
from seaway.model.lease import Lease4, Lease6

Sender = IfName | tuple[IfName, Mac]
"""Who sends, as the source guard tells it: by the host's end of the link, or by parent and MAC address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSysctl:
    """A kernel setting of the interface inside, and what it shall be."""

    family: str
    """``ipv4``, ``ipv6`` or ``mpls``."""
    tree: str
    """``conf`` or ``neigh``."""
    name: str
    value: str

    def path(self, link: str) -> str:
        """Its file under /proc/sys for the interface *link*."""
        return f"net/{self.family}/{self.tree}/{link}/{self.name}"

    def said(self, link: str) -> str:
        """As people say it, of the interface *link*."""
        return f"net.{self.family}.{self.tree}.{link}.{self.name}={self.value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointWish:
    """What somebody asked for when connecting a sandbox to a network."""

    addresses: tuple[Address, ...] = ()
    """Fixed addresses, at most one in each family."""
    mac: Mac | None = None
    ifname: IfName | None = None
    aliases: tuple[DnsName, ...] = ()
    """Further names on this network."""
    gw_priority: int = 0
    """The default route goes by the network with the highest; among equals by the first connected."""
    source_guard: bool | None = None
    """None: as the network says."""
    allowed_addresses: tuple[Prefix, ...] = ()
    """Further source addresses the guard lets through (VRRP and the like)."""
    sysctls: tuple[LinkSysctl, ...] = ()
    """Written before the interface comes up."""
    options: tuple[tuple[str, str], ...] = ()
    """The driver options as they were given, to show again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an endpoint is: its interface and addresses inside the sandbox."""

    ifname: IfName
    mac: Mac | None
    """None: that of the parent, which all endpoints of an ipvlan network share."""
    addresses: tuple[Interface, ...]
    """Those that it was given: IPv4 first, then IPv6, with the prefix length of their subnet."""
    lease: Lease4 | None = None
    """What the LAN's DHCPv4 server lent; without its address among *addresses* it is one from before."""
    lease6: Lease6 | None = None
    """What a DHCPv6 server lent, whose addresses are among *addresses*."""
    autoconfigured: tuple[Interface, ...] = ()
    """IPv6 addresses that Linux made by what routers advertise (RFC 4862), as they were read last."""

    @property
    def own_mac(self) -> Mac:
        """Its MAC address: on a bridge each has one of its own."""
        assert self.mac is not None
        return self.mac

    @property
    def interfaces(self) -> tuple[Interface, ...]:
        """All at which it is reached: the *addresses*, then those that are *autoconfigured*."""
        return (*self.addresses, *self.autoconfigured)

    @property
    def dns(self) -> tuple[Address, ...]:
        """The name servers that came with leases."""
        leases = (self.lease, self.lease6)
        return tuple(server for lease in leases if lease is not None for server in lease.dns)

    def address(self, version: int) -> Address | None:
        """The address of family *version* (4 or 6), the first if there are any."""
        return next((a.ip for a in self.interfaces if a.version == version), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A sandbox's place on a network, asked for or taken."""

    id: EndpointId
    network: NetworkId
    sandbox: SandboxId
    order: int
    """Grows with each connect of the sandbox: first connected, first served."""
    wish: EndpointWish = field(default_factory=EndpointWish)
    place: Place | None = None
    """Where it is, or, while not live, where it was last and would like to be again."""
    live: bool = False
    """Whether it holds its addresses and has an interface (the host and null drivers make none)."""
    asked: int = 0
    """When somebody asked for it; nanoseconds since the epoch, 0: not known."""
    taken: int = 0
    """Since when it is live; nanoseconds since the epoch, 0: it is not, or nobody knows."""
    keeps: bool = True
    """Whether the addresses that it asked for wait for it; not when it was never live and could not be."""

    @property
    def link(self) -> IfName:
        """The name of the host's end of its link."""
        return IfName(f"sv-{self.id[:12]}")
