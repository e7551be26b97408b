"""The interface of the host that networks of the physical network are on, and how they are on it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from seaway.model.ids import IfName


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """The interface of the host that carries all endpoints of a network.

    It is somebody else's, or one that Seaway makes: a VLAN subinterface, which networks share, or a
    link of one network alone.
    """

    name: IfName
    base: IfName | None = None
    """The interface of which it is the VLAN subinterface that Seaway makes; None: it is none."""
    vlan: int = 0
    """The VLAN of that subinterface, 1 to 4094 (IEEE 802.1Q)."""
    alone: bool = False
    """Whether it is a link of the network's own, with nobody else behind it (a dummy link)."""

    @property
    def needs(self) -> IfName | None:
        """The interface that the host must have before the network can be there; None: none."""
        return None if self.alone else self.base or self.name


class MacvlanMode(StrEnum):
    """Who hears whom among the macvlan links of one parent (``enum macvlan_mode``, if_link.h)."""

    BRIDGE = "bridge"
    """Each other, within the host, and the LAN."""
    PRIVATE = "private"
    """The LAN alone, and never each other."""
    VEPA = "vepa"
    """The LAN, and each other if the switch sends frames back to where they came from."""
    PASSTHRU = "passthru"
    """One link alone, which has the parent for itself."""


class IpvlanMode(StrEnum):
    """At which layer the ipvlan links of one parent are told apart (Documentation/networking/ipvlan.rst)."""

    L2 = "l2"
    """As machines on the LAN, with the MAC address of the parent."""
    L3 = "l3"
    """As addresses behind the host, which routes for them: no broadcast, and no gateway."""
    L3S = "l3s"
    """As L3, and what comes in passes the firewall of the host."""


class IpvlanFlag(StrEnum):
    """Who hears whom among the ipvlan links of one parent."""

    BRIDGE = "bridge"
    PRIVATE = "private"
    VEPA = "vepa"


@dataclass(frozen=True, slots=True, kw_only=True)
class Macvlan:
    """A link with a MAC address of its own on a parent."""

    mode: MacvlanMode = MacvlanMode.BRIDGE
    bclim: int | None = None
    """Broadcasts to one group that are delivered at once go to this many links at most, the others wait
    in a queue; -1: none waits. None: the kernel's own, 1 (``IFLA_MACVLAN_BC_CUTOFF``, Linux 6.4)."""

    @property
    def said(self) -> str:
        """It, in words."""
        return f"macvlan mode {self.mode}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ipvlan:
    """A link with addresses of its own, and the parent's MAC address."""

    mode: IpvlanMode = IpvlanMode.L2
    flag: IpvlanFlag = IpvlanFlag.BRIDGE

    @property
    def said(self) -> str:
        """It, in words."""
        return f"ipvlan mode {self.mode}, {self.flag}"


LinkKind = Macvlan | Ipvlan
"""What kind of link an endpoint has on its parent."""


def has_neighbours(link: LinkKind) -> bool:
    """Whether links like *link* find others on the LAN by ARP and neighbour discovery."""
    return not isinstance(link, Ipvlan) or link.mode is IpvlanMode.L2


def hears_brothers(link: LinkKind) -> bool:
    """Whether links like *link* on one parent reach each other within the host."""
    match link:
        case Macvlan(mode=mode):
            return mode is MacvlanMode.BRIDGE
        case Ipvlan(flag=its):
            return its is IpvlanFlag.BRIDGE
