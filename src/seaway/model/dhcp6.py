"""DHCPv6 messages as values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv6Address


class Kind6(IntEnum):
    """What a message is for (RFC 8415 section 7.3); those between relays and servers are left out."""

    SOLICIT = 1
    ADVERTISE = 2
    REQUEST = 3
    CONFIRM = 4
    RENEW = 5
    REBIND = 6
    REPLY = 7
    RELEASE = 8
    DECLINE = 9
    RECONFIGURE = 10
    INFORMATION_REQUEST = 11

    @property
    def is_reply(self) -> bool:
        """Whether servers send it to a client that asked."""
        return self in {Kind6.ADVERTISE, Kind6.REPLY}


class Option6(IntEnum):
    """The options that mean something to us, by number (RFC 8415 section 21 and those named)."""

    CLIENT_ID = 1
    SERVER_ID = 2
    ADDRESSES = 3
    """IA_NA."""
    ADDRESS = 5
    """IAADDR, within ADDRESSES."""
    WANTED = 6
    PREFERENCE = 7
    ELAPSED = 8
    STATUS = 13
    RAPID_COMMIT = 14
    DNS = 23
    """RFC 3646."""
    SEARCH = 24
    """RFC 3646."""
    REFRESH_TIME = 32
    CLIENT_NAME = 39
    """RFC 4704."""


class Status(IntEnum):
    """How a request ended (RFC 8415 section 21.13); other numbers are failures that we do not know."""

    SUCCESS = 0
    UNSPECIFIED_FAILURE = 1
    NO_ADDRESSES = 2
    NO_BINDING = 3
    NOT_ON_LINK = 4
    USE_MULTICAST = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a server says of a request, or of a part of it."""

    code: int = Status.SUCCESS
    text: str = ""
    """For people."""


SUCCESS = Outcome()


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedAddress:
    """An address in a message (IAADDR). Lifetimes are seconds; 0xffffffff: without end, 0: no more."""

    address: IPv6Address
    preferred: int = 0
    valid: int = 0
    outcome: Outcome = SUCCESS


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressSet:
    """The addresses of one client (IA_NA)."""

    iaid: int
    t1: int = 0
    """Seconds; 0: as the client likes."""
    t2: int = 0
    """Seconds; 0: as the client likes."""
    addresses: tuple[OfferedAddress, ...] = ()
    outcome: Outcome = SUCCESS


@dataclass(frozen=True, slots=True, kw_only=True)
class Message6:
    """A message, either way. An option that it does not have is None, or empty where that says the same."""

    kind: Kind6
    xid: int
    """Which exchange it belongs to; 24 bits, chosen by the client."""
    client: bytes = b""
    """The client's identifier (DUID)."""
    server: bytes = b""
    """The server's identifier (DUID)."""
    sets: tuple[AddressSet, ...] = ()
    wanted: tuple[int, ...] = ()
    """Numbers of the options that the client would like to have."""
    elapsed: int | None = None
    """Hundredths of a second since the client began; 16 bits."""
    preference: int = 0
    """Of a server: the highest is the best, and 255 needs no comparison."""
    rapid_commit: bool = False
    """Whether the first answer may lend at once."""
    outcome: Outcome = SUCCESS
    dns: tuple[IPv6Address, ...] = ()
    search: tuple[str, ...] = ()
    refresh_time: int | None = None
    """Seconds after which a client that has no addresses asks again."""
    name: str = ""
    """The client's, for the server to note."""
    faults: tuple[str, ...] = ()
    """What was left out of a message that was read, and why."""
