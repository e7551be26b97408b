"""What the clients of DHCPv4 and DHCPv6 share: turns of a conversation, and which values are believed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Generic, TypeVar

from seaway.model.errors import InvalidRequest
from seaway.model.ids import Address, host_name, shown
from seaway.model.lease import L

M = TypeVar("M")
"""The messages of a family."""
S = TypeVar("S")
"""The states of its client."""
A = TypeVar("A", bound=Address)

SECOND = 1_000_000_000
"""In nanoseconds, as all times of leases are."""
FOR_EVER = 0xFFFFFFFF
"""Seconds in a message that mean: without end."""
_LABEL, _NAME = 63, 253
"""Characters at most (RFC 1035 section 2.3.4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """The chance in one turn, drawn before it, so that the turn is a function."""

    xid: int
    """32 random bits: the number of a conversation that nobody can guess."""
    jitter: float
    """From -1 to 1: what keeps clients that began together from asking together for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Send(Generic[M]):
    """A message that goes out now."""

    message: M
    to: IPv4Address | None = None
    """The one server it goes to, from the address that is leased; None: everybody on the link."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn(Generic[S, M, L]):
    """What comes of one event."""

    state: S
    sends: tuple[Send[M], ...] = ()
    granted: L | None = None
    """The lease from now on."""
    lost: str = ""
    """Why the lease that there was must not be used any more; empty: it may."""
    notes: tuple[str, ...] = ()
    """What a server said that was not believed, for the log."""


def moment(since: int, seconds: float) -> int | None:
    """*seconds* after *since*; None for those without end."""
    return None if seconds == FOR_EVER else since + round(seconds * SECOND)


def usable(addresses: Iterable[A], what: str, notes: list[str]) -> tuple[A, ...]:
    """Those of *addresses* that a host can have, each once; what is left out is added to *notes*."""
    good: dict[A, None] = {}
    for address in addresses:
        if is_host(address):
            good[address] = None
        else:
            notes.append(f"{what} {address} is left out: no host has that address")
    return tuple(good)


def is_host(address: Address) -> bool:
    """Whether a host on a LAN may have *address*."""
    return not (
        address.is_unspecified
        or address.is_multicast
        or address.is_loopback
        or (address.version == 4 and (address.is_reserved or not address.packed[0]))
    )


def usable_names(names: Iterable[str], notes: list[str]) -> tuple[str, ...]:
    """Those of *names* that may stand in a resolv.conf, each once; the rest is added to *notes*."""
    good: dict[str, None] = {}
    for name in names:
        try:
            good[host_name(name.removesuffix("."))] = None
        except InvalidRequest:
            notes.append(f"search domain {shown(name)!r} is left out: it is no name of a domain")
    return tuple(good)


def told_name(hostname: str) -> str:
    """The name by which a server shall note *hostname*; empty where that has no form in DNS."""
    name = hostname.removesuffix(".")
    fits = all(1 <= len(label) <= _LABEL for label in name.split("."))
    return name if fits and len(name) <= _NAME else ""
