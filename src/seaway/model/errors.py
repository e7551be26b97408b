"""What can go wrong, by what the caller can do about it.

Facts are fields where a caller needs them; the message is one sentence made from them.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from typing import cast


class EngineError(Exception):
    """Anything that Seaway refuses or fails to do, with one sentence for the user."""


class InvalidRequest(EngineError):
    """The request can never succeed as it stands: change it."""


class NotFound(EngineError):
    """What the request names is not there."""


class Conflict(EngineError):
    """The request clashes with something that is there already."""


class Forbidden(EngineError):
    """The request is well formed, and not allowed on this object in its present state."""


class AddressTaken(Forbidden):
    """Somebody else has the address."""

    def __init__(self, address: IPv4Address | IPv6Address, network: str, holder: str) -> None:
        super().__init__(f"Address already in use: {address} on network {network} is {holder}")
        self.address, self.network, self.holder = address, network, holder


class AddressClash(EngineError):
    """One request asks for an address twice."""


class InUse(Forbidden):
    """Something still stands on the object that was to be removed."""


class Exhausted(EngineError):
    """A pool, a range or a limit has nothing left to give."""


class PoolsExhausted(Exhausted):
    """No subnet is left for a network."""


class NotConnected(EngineError):
    """The sandbox is not on the network."""


class NotPaused(EngineError):
    """The sandbox's processes go on already."""


class Unavailable(EngineError):
    """The outside (kernel, program, server) cannot do this now."""


class PortTaken(Unavailable):
    """Another program, or another sandbox, holds the host port."""


class KernelRefused(Unavailable):
    """Linux refused an operation; everything before it was undone."""

    def __init__(self, operation: str, reason: str) -> None:
        super().__init__(f"the kernel refused {operation}: {reason}")
        self.operation, self.reason = operation, reason


class NotModified(EngineError):
    """The object is in the wanted state already (HTTP 304)."""


class CannotRun(EngineError):
    """The command of a sandbox could not be started; *exit_code* is 126 or 127 as in a shell."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def leaves(error: BaseException) -> Iterator[BaseException]:
    """*error*, or all that a group holds."""
    if isinstance(error, BaseExceptionGroup):
        for each in cast("BaseExceptionGroup[BaseException]", error).exceptions:
            yield from leaves(each)
    else:
        yield error
