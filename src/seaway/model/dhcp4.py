"""DHCPv4 messages as values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Address

from seaway.model.ids import Mac
from seaway.model.lease import LeasedRoute

NO_ADDRESS = IPv4Address(0)


class Kind4(IntEnum):
    """What a message is for (RFC 2132 section 9.6)."""

    DISCOVER = 1
    OFFER = 2
    REQUEST = 3
    DECLINE = 4
    ACK = 5
    NAK = 6
    RELEASE = 7
    INFORM = 8

    @property
    def is_reply(self) -> bool:
        """Whether servers send it."""
        return self in {Kind4.OFFER, Kind4.ACK, Kind4.NAK}


class Option4(IntEnum):
    """The options that mean something to us, by number (RFC 2132 and those named)."""

    SUBNET_MASK = 1
    ROUTERS = 3
    DNS = 6
    HOST_NAME = 12
    DOMAIN_NAME = 15
    MTU = 26
    REQUESTED_ADDRESS = 50
    LEASE_TIME = 51
    OVERLOAD = 52
    KIND = 53
    SERVER = 54
    WANTED = 55
    TEXT = 56
    MAX_SIZE = 57
    RENEWAL_TIME = 58
    REBINDING_TIME = 59
    CLIENT_ID = 61
    SEARCH = 119
    """RFC 3397."""
    ROUTES = 121
    """RFC 3442."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message4:
    """A message, either way. An option that it does not have is None, or empty where that says the same."""

    kind: Kind4
    xid: int
    """Which conversation it belongs to; 32 bits, chosen by the client."""
    mac: Mac
    """The client's."""
    secs: int = 0
    """Seconds since the client began; 16 bits."""
    broadcast: bool = False
    """Whether the client asks for answers by broadcast."""
    ciaddr: IPv4Address = NO_ADDRESS
    """The address that the client has and uses."""
    yiaddr: IPv4Address = NO_ADDRESS
    """The address that the server lends."""
    requested: IPv4Address | None = None
    server: IPv4Address | None = None
    lease_time: int | None = None
    """Seconds; 0xffffffff: without end."""
    renewal_time: int | None = None
    """T1, seconds."""
    rebinding_time: int | None = None
    """T2, seconds."""
    prefix_length: int | None = None
    """What the subnet mask says."""
    routers: tuple[IPv4Address, ...] = ()
    routes: tuple[LeasedRoute, ...] | None = None
    dns: tuple[IPv4Address, ...] = ()
    domain: str = ""
    search: tuple[str, ...] = ()
    mtu: int | None = None
    hostname: str = ""
    client_id: bytes = b""
    wanted: tuple[int, ...] = ()
    """Numbers of the options that the client would like to have."""
    max_size: int | None = None
    """Bytes of a message that the client can take."""
    text: str = ""
    """Why somebody refuses, for people."""
    faults: tuple[str, ...] = ()
    """What was left out of a message that was read, and why."""
