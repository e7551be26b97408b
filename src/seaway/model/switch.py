"""What a bridge network has beside its own link: a switch that it shares, and an uplink."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from seaway.model.ids import IfName, Mac

LAST_VLAN: Final = 4094
"""The highest number of a VLAN (IEEE 802.1Q, 9.6); the lowest is 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """A bridge that keeps VLANs apart, and the one of them that is a network's own.

    Networks in different VLANs are on one. To the host each is a VLAN subinterface of it.
    """

    name: IfName
    vlan: int
    """1 to LAST_VLAN."""
    mac: Mac
    """Its MAC address, and that of the gateways in all its VLANs."""
    adopted: bool = False
    """Whether somebody else made it."""
    passed: bool = False
    """Of an adopted one: whether the VLAN passed between it and the host before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Uplink:
    """An interface of the host that is a port of a network's bridge or switch: somebody else's."""

    name: IfName
    up: bool
    """Whether it was up before it became one: so it is left again."""
