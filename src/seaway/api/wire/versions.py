"""What each version of the Engine API has: one table, applied where bodies are read and written.

A client that speaks an older version gets what that version had, and what it could not have meant is
not read from its requests. Replies are built with all that any version has. Source: the version
history of the Engine API's documentation, and recorded replies of 20.10 (1.41) and later engines.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TypeVar, cast, get_args

from msgspec import UNSET, Struct
from msgspec.structs import fields

from seaway.api.wire.coding import Request
from seaway.api.wire.containers import (
    ContainerCreate,
    Endpoint,
    HostConfig,
    ShownConfig,
    ShownHostConfig,
    Waited,
)
from seaway.api.wire.execs import Exec, ExecCreate, ExecStart
from seaway.api.wire.networks import EndpointConfig, ListedNetwork, Network, NetworkCreate
from seaway.api.wire.stats import Cpu
from seaway.api.wire.system import Info
from seaway.api.wire.system import Version as ShownVersion

Version = tuple[int, int]
T = TypeVar("T")

OLDEST: Version = (1, 24)
LATEST: Version = (1, 50)


@dataclass(frozen=True, slots=True)
class Member:
    """A member that not every version has, by its name in Python."""

    shape: type[Struct]
    name: str
    since: Version = OLDEST
    until: Version = LATEST
    """The last version that has it."""
    into: str = ""
    """The list whose last item it is in versions that have it; alone it is never shown."""


MEMBERS = (
    Member(Network, "created", since=(1, 25)),
    Member(Network, "attachable", since=(1, 25)),
    Member(Network, "ingress", since=(1, 29)),
    Member(Network, "config_from", since=(1, 30)),
    Member(Network, "config_only", since=(1, 30)),
    Member(Network, "enable_ipv4", since=(1, 47)),
    Member(ListedNetwork, "containers", until=(1, 41)),
    Member(Endpoint, "driver_opts", since=(1, 32)),
    Member(Endpoint, "dns_names", since=(1, 44)),
    Member(Endpoint, "gw_priority", since=(1, 48)),
    Member(Endpoint, "short_id", until=(1, 44), into="aliases"),
    Member(ShownConfig, "stop_timeout", since=(1, 25)),
    Member(ShownConfig, "mac_address", until=(1, 43)),
    Member(ShownHostConfig, "auto_remove", since=(1, 25)),
    Member(ShownHostConfig, "cgroupns_mode", since=(1, 41)),
    Member(Waited, "error", since=(1, 34)),
    Member(Exec, "pid", since=(1, 25)),
    Member(ShownVersion, "min_api_version", since=(1, 25)),
    Member(ShownVersion, "platform", since=(1, 35)),
    Member(ShownVersion, "components", since=(1, 35)),
    Member(Info, "warnings", since=(1, 39)),
    Member(Info, "cgroup_version", since=(1, 41)),
    Member(Info, "firewall_backend", since=(1, 49)),
    Member(Info, "bridge_nf_iptables", until=(1, 49)),
    Member(Info, "bridge_nf_ip6tables", until=(1, 49)),
    Member(Cpu, "online_cpus", since=(1, 27)),
    # What clients send
    Member(NetworkCreate, "attachable", since=(1, 25)),
    Member(NetworkCreate, "ingress", since=(1, 29)),
    Member(NetworkCreate, "scope", since=(1, 30)),
    Member(NetworkCreate, "config_only", since=(1, 30)),
    Member(NetworkCreate, "config_from", since=(1, 30)),
    Member(NetworkCreate, "enable_ipv4", since=(1, 47)),
    Member(EndpointConfig, "driver_opts", since=(1, 32)),
    Member(EndpointConfig, "gw_priority", since=(1, 48)),
    Member(ContainerCreate, "stop_timeout", since=(1, 25)),
    Member(HostConfig, "auto_remove", since=(1, 25)),
    Member(HostConfig, "mounts", since=(1, 25)),
    Member(HostConfig, "console_size", since=(1, 42)),
    Member(ExecCreate, "env", since=(1, 25)),
    Member(ExecCreate, "working_dir", since=(1, 35)),
    Member(ExecCreate, "console_size", since=(1, 42)),
    Member(ExecStart, "console_size", since=(1, 42)),
)
"""Members that are not here are in all versions from OLDEST to LATEST."""

LISTED_MEMBERS_UNTIL: Version = (1, 27)
"""The last version whose list of networks says who is on them; later ones have an empty map."""
MULTIPLEXED_SINCE: Version = (1, 42)
"""From here on the Content-Type of a stream tells frames from raw bytes."""

PARAMETERS: Mapping[tuple[str, str], Version] = {
    ("/networks/{ref}", "verbose"): (1, 28),
    ("/networks/{ref}", "scope"): (1, 31),
    ("/containers/{ref}/wait", "condition"): (1, 30),
    ("/containers/{ref}/logs", "until"): (1, 35),
    ("/containers/{ref}/stats", "one-shot"): (1, 41),
    ("/containers/{ref}/stop", "signal"): (1, 42),
    ("/containers/{ref}/restart", "signal"): (1, 42),
}
"""Parameters of queries by path and name, with the first version that reads them."""


def as_of(value: T, version: Version) -> T:
    """*value*, with all in it, as *version* has it; what is in it is changed."""
    _fit(value, version)
    return value


def read_parameters(path: str, query: Mapping[str, str], version: Version) -> dict[str, str]:
    """What *version* reads of *query* at *path*, a route's."""
    return {
        name: query[name]  # the first, where it is said twice
        for name in query
        if PARAMETERS.get((path, name), OLDEST) <= version
    }


def _fit(value: object, version: Version) -> None:
    match value:
        case Struct():
            _fit_members(value, version)
        case list():
            for item in cast("list[object]", value):
                _fit(item, version)
        case dict():
            for item in cast("dict[str, object]", value).values():
                _fit(item, version)
        case _:
            pass


def _fit_members(value: Struct, version: Version) -> None:
    for member in _folded(type(value), version):
        if (item := getattr(value, member.name)) is not UNSET:
            setattr(value, member.into, [*(getattr(value, member.into) or ()), item])
    absent = None if isinstance(value, Request) else UNSET
    for member in _missing(type(value), version):
        setattr(value, member.name, absent)
    for name in _leading(type(value), version):
        _fit(getattr(value, name), version)


@cache
def _missing(shape: type[Struct], version: Version) -> tuple[Member, ...]:
    """The members of *shape* that are not shown by their name."""
    mine = (m for m in MEMBERS if issubclass(shape, m.shape))
    return tuple(m for m in mine if m.into or not m.since <= version <= m.until)


@cache
def _folded(shape: type[Struct], version: Version) -> tuple[Member, ...]:
    mine = (m for m in MEMBERS if issubclass(shape, m.shape))
    return tuple(m for m in mine if m.into and m.since <= version <= m.until)


@cache
def _leading(shape: type[Struct], version: Version) -> tuple[str, ...]:
    """The members of *shape* that may hold something to change."""
    return tuple(f.name for f in fields(shape) if _reaches(f.type, version))


@cache
def _reaches(kind: object, version: Version) -> bool:
    """Whether a value of *kind* may hold something that is not in *version*."""
    if isinstance(kind, type) and issubclass(kind, Struct):
        return bool(_missing(kind, version) or _leading(kind, version))
    return any(_reaches(part, version) for part in get_args(kind))
