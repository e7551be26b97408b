"""What a LAN's own server lends to an interface, and who asks for it."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
)
from pathlib import Path
from typing import TypeVar

from seaway.model.ids import IfName, Mac, NetworkName

_ETHERNET = b"\x00\x01"
"""The hardware type (RFC 1700) in identifiers that are made of a MAC address."""
_DUID_LL, _DUID_UUID = b"\x00\x03", b"\x00\x04"
_IAID_AND_DUID = b"\xff"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseClient:
    """An interface that asks a server of its LAN for an address."""

    id: str
    """What no other client has, and this one keeps for ever: it is told apart, and known again, by that."""
    network: NetworkName
    holder: str
    """Whose interface it is, for people: a sandbox's name, or ``the host``."""
    netns: Path | None
    """Where the interface is; None: in the host's namespace."""
    ifname: IfName
    mac: Mac
    shares_mac: bool = False
    """Whether other interfaces have the same MAC (ipvlan).

    Then the server is told who asks by *id*, and to answer by broadcast, since Linux cannot know yet
    whose an answer to that MAC is.
    """
    hostname: str = ""
    """The name that the server shall note, if any; ASCII."""
    given_duid: bytes | None = None
    """A DHCPv6 identifier to use in place of one that is made; 3 to 130 bytes (RFC 8415 section 11.1)."""
    stateless: bool = False
    """By DHCPv6 ask for name servers only: the addresses come of router advertisements."""

    @property
    def iaid(self) -> int:
        """The number of the one set of addresses it asks for; 32 bits, made of *id* (RFC 8415 section 12)."""
        return int.from_bytes(self._digest[:4], "big")

    @property
    def duid(self) -> bytes:
        """How DHCPv6 servers know it: by its MAC, or by a UUID made of *id* where others share that.

        Source: RFC 8415 section 11.4 (DUID-LL), RFC 6355 (DUID-UUID), RFC 9562 section 5.8.
        """
        if self.given_duid is not None:
            return self.given_duid
        if not self.shares_mac:
            return _DUID_LL + _ETHERNET + self.mac_bytes
        uuid = bytearray(self._digest[4:20])
        uuid[6], uuid[8] = uuid[6] & 0x0F | 0x80, uuid[8] & 0x3F | 0x80
        return _DUID_UUID + bytes(uuid)

    @property
    def client_id(self) -> bytes:
        """How DHCPv4 servers know it: by its MAC, for which people make reservations.

        Where others share that: by IAID and DUID (RFC 4361 section 6.1).
        """
        if self.shares_mac:
            return _IAID_AND_DUID + self._digest[:4] + self.duid
        return _ETHERNET[1:] + self.mac_bytes

    @property
    def mac_bytes(self) -> bytes:
        """Its MAC address as six bytes."""
        return bytes.fromhex(self.mac.replace(":", ""))

    @property
    def said(self) -> str:
        """The interface as people say it."""
        return f"{self.ifname} of {self.holder} on network {self.network}"

    @property
    def _digest(self) -> bytes:
        return sha256(self.id.encode()).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class LeasedRoute:
    """A route that comes with a lease."""

    to: IPv4Network
    via: IPv4Address | None
    """None: hosts there are on the link itself (RFC 3442, "Local Subnet Routes")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease4:
    """An IPv4 address, lent by a DHCP server; every value was checked. Times are nanoseconds since the epoch."""

    address: IPv4Interface
    server: IPv4Address
    """The identifier, and address, of the server that lent it."""
    obtained: int
    """When the request was sent that the server granted: the lease counts from there."""
    renew_at: int | None
    """T1: when that server is asked to prolong it; None: never, it has no end."""
    rebind_at: int | None
    """T2, not before T1: from when on any server is asked."""
    expires_at: int | None
    """From when on the address must not be used any more."""
    routes: tuple[LeasedRoute, ...] = ()
    """Those of option 121, else a default route by each router of option 3, the preferred one first."""
    dns: tuple[IPv4Address, ...] = ()
    search: tuple[str, ...] = ()
    """Search domains, the host's own domain among them."""
    mtu: int | None = None
    """Bytes."""

    @property
    def gateway(self) -> IPv4Address | None:
        """Where the default route goes, if there is one with a router."""
        return next((r.via for r in self.routes if r.to.prefixlen == 0 and r.via), None)

    @property
    def further_routes(self) -> tuple[LeasedRoute, ...]:
        """The routes beside the default one."""
        return tuple(route for route in self.routes if route.to.prefixlen)

    def is_valid(self, now: int) -> bool:
        """Whether the address may be used at *now*."""
        return self.expires_at is None or now < self.expires_at


@dataclass(frozen=True, slots=True, kw_only=True)
class LeasedAddress:
    """An IPv6 address, lent by a DHCPv6 server. Times are nanoseconds since the epoch; None: no end."""

    address: IPv6Interface
    """With a prefix length of 128: which addresses are on the link, routers say."""
    preferred_until: int | None
    valid_until: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease6:
    """What a DHCPv6 server lent and told; every value was checked. Times are nanoseconds since the epoch."""

    server: str
    """The server's identifier (DUID), in hexadecimal digits."""
    obtained: int
    """When the server granted it: the lifetimes count from there."""
    renew_at: int | None
    """T1: when that server is asked again; None: never."""
    rebind_at: int | None
    """T2, not before T1: from when on any server is asked; None: never."""
    addresses: tuple[LeasedAddress, ...] = ()
    """None where only the rest was asked for (``LeaseClient.stateless``)."""
    dns: tuple[IPv6Address, ...] = ()
    search: tuple[str, ...] = ()

    @property
    def expires_at(self) -> int | None:
        """From when on nothing of it may be used any more; None: it has no end."""
        ends = [a.valid_until for a in self.addresses]
        known = [end for end in ends if end is not None]
        return max(known) if known and len(known) == len(ends) else None

    def is_valid(self, now: int) -> bool:
        """Whether any address may be used at *now*."""
        return self.expires_at is None or now < self.expires_at


Lease = Lease4 | Lease6
L = TypeVar("L", bound=Lease)
