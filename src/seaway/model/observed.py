"""What Linux has, as far as anybody here asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from seaway.model.ids import Address, IfName, Interface, Mac, Prefix


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkState:
    """One link, of the host or inside a sandbox."""

    index: int
    mtu: int
    up: bool
    group: int = 0
    master: IfName | None = None
    interfaces: tuple[Interface, ...] = ()
    """Its addresses, with the length of their prefix."""
    autoconfigured: tuple[Interface, ...] = ()
    """Those of them that Linux made by router advertisements, and others may be told of."""
    kind: str = ""
    """``bridge``, ``veth`` and the like; empty for hardware."""
    mac: Mac | None = None
    filters_vlans: bool = False
    """Of a bridge: whether its VLANs are kept apart."""
    vlans: frozenset[int] = frozenset()
    """The VLANs that pass, where a bridge keeps them apart: of its port, to and from what is behind it;
    of the bridge itself, to and from the host."""
    lower: int = 0
    """The index of the link that it is on (of a veth end: of the other end); 0: of none."""
    vlan: int = 0
    """Of a VLAN subinterface: its VLAN."""

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Its addresses alone."""
        return tuple(interface.ip for interface in self.interfaces)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What Linux has, as far as Seaway is concerned."""

    links: Mapping[IfName, LinkState]
    """All links of the host's namespace."""
    routes: tuple[Prefix, ...]
    """Destinations that the host routes (all tables but local), without those through our own links."""
    default_mtu: int
    """MTU of the link of the host's default route; 1500 without one."""
    addresses: tuple[Address, ...]
    """The host's own addresses that others can use: no loopback, no link-local."""
    uplinks: frozenset[IfName] = frozenset()
    """The links by which default routes go."""
    gateways: tuple[Address, ...] = ()
    """The routers to which they go."""
    host_routes: Mapping[IfName, tuple[Address, ...]] = field(
        default_factory=dict[IfName, tuple[Address, ...]]
    )
    """By link of ours on a parent: what the host reaches by it, as we have said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkNews:
    """Links of the host that came or went; one that went and is there again, or left its bridge, did both."""

    came: frozenset[IfName] = frozenset()
    went: frozenset[IfName] = frozenset()
    carrying: frozenset[IfName] = frozenset()
    """Those that have carrier now and had none before (RFC 2863, ``ifOperStatus``)."""

    def __bool__(self) -> bool:
        """Whether anything is new."""
        return bool(self.came or self.went or self.carrying)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What is known of where an interface of the host is plugged in."""

    name: IfName
    wireless: bool = False
    driver: str = ""
    """The kernel's driver for it, as ``vmxnet3``; empty: not known."""
    maker: str = ""
    """Who made the machine, as its firmware says (SMBIOS ``sys_vendor``)."""
    asset_tag: str = ""
    """Of its chassis, likewise."""
