"""A sandbox: one network namespace and what belongs to it, and the process that may run in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from seaway.model.endpoint import EndpointWish
from seaway.model.ids import SHORT_ID, SIGTERM, Address, DnsName, SandboxId, SandboxName, Signal
from seaway.model.port import ExposedPort, PublishedPort


class State(StrEnum):
    """Where a sandbox stands in its life; Docker's words."""

    CREATED = "created"
    RUNNING = "running"
    EXITED = "exited"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A directory or file of the host, seen at *target* inside."""

    source: str
    target: str
    read_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """What runs in a sandbox, as an OCI container."""

    args: tuple[str, ...]
    env: tuple[str, ...] = ()
    """``NAME=VALUE`` each."""
    cwd: str = "/"
    user: str = ""
    """``user[:group]``, names or numbers of the root file system; empty: root."""
    tty: bool = False
    console_size: tuple[int, int] | None = None
    """Rows and columns that the terminal has from the first moment on."""
    stdin_open: bool = False
    stdin_once: bool = False
    """Whether the input ends with that of the first client, however that goes."""
    mounts: tuple[Mount, ...] = ()
    cap_add: tuple[str, ...] = ()
    cap_drop: tuple[str, ...] = ()
    rootfs: str = ""
    """The directory that is the root inside; empty: the host's file system, read-only."""
    stop_signal: Signal = SIGTERM
    stop_timeout: int = 10
    """Seconds between the stop signal and SIGKILL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsSettings:
    """What the sandbox's /etc/resolv.conf and name server shall do; empty: as the host does."""

    servers: tuple[Address, ...] = ()
    search: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtraHost:
    """A line for /etc/hosts; *address* None means the host itself (``host-gateway``)."""

    name: str
    address: Address | None


class Netns(StrEnum):
    """Whose network namespace a sandbox uses."""

    OWN = "own"
    HOST = "host"
    NONE = "none"
    """Its own, with loopback only, and it stays so."""
    ADOPTED = "adopted"
    """Its own here, made by somebody else."""
    SHARED = "shared"
    """That of another sandbox."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How far a sandbox got; kept so that an exit code outlives the daemon."""

    state: State = State.CREATED
    exit_code: int = 0
    error: str = ""
    started: int = 0
    """Nanoseconds since the epoch; 0: never."""
    finished: int = 0
    published: tuple[PublishedPort, ...] = ()
    """The ports as they are published now, host ports chosen."""
    former: tuple[PublishedPort, ...] = ()
    """As ports were published last that are not now, where any free host port was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """One network namespace, its names and ports, and what was asked to run in it."""

    id: SandboxId
    name: SandboxName
    created: int
    """Nanoseconds since the epoch."""
    hostname: DnsName
    netns: Netns = Netns.OWN
    shares: SandboxId | None = None
    """The sandbox whose namespace is used, when *netns* is SHARED."""
    adopted_from: Path | None = None
    labels: tuple[tuple[str, str], ...] = ()
    dns: DnsSettings = field(default_factory=DnsSettings)
    extra_hosts: tuple[ExtraHost, ...] = ()
    ports: tuple[PublishedPort, ...] = ()
    """The ports as asked for: each is published, or waits for a network with a way out."""
    exposed: tuple[ExposedPort, ...] = ()
    publish_all: bool = False
    """Whether what is exposed is asked for too (``-P``); an unpublish spells it out in *ports*."""
    process: Process | None = None
    """None: it is only a namespace, and running from its creation to its removal."""
    auto_remove: bool = False
    network_mode: str = ""
    """As it was asked for, to show again: ``bridge``, ``host``, ``container:…``, a network's name."""
    status: Status = field(default_factory=Status)

    @property
    def short_id(self) -> str:
        """The id as people see it."""
        return self.id[:SHORT_ID]

    @property
    def image(self) -> str:
        """What stands where Docker has an image: ``host``, a directory, or nothing."""
        return (self.process.rootfs or "host") if self.process else ""

    @property
    def wanted_ports(self) -> tuple[PublishedPort, ...]:
        """The ports that it asked to publish, ``-P`` included."""
        if not self.publish_all:
            return self.ports
        asked = {(p.proto, p.port + n) for p in self.ports for n in range(p.count)}
        exposed = (
            PublishedPort(proto=e.proto, port=e.port + n)
            for e in self.exposed
            for n in range(e.count)
            if (e.proto, e.port + n) not in asked
        )
        return (*self.ports, *exposed)

    @property
    def running(self) -> bool:
        """Whether its namespace is in use."""
        return self.status.state is State.RUNNING

    @property
    def has_namespace(self) -> bool:
        """Whether it has, when it runs, a namespace that is bound for it."""
        return self.netns not in {Netns.HOST, Netns.SHARED}

    @property
    def has_networks(self) -> bool:
        """Whether it may be connected to networks."""
        return self.netns in {Netns.OWN, Netns.ADOPTED}


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxWish:
    """A sandbox as somebody asked for it."""

    name: SandboxName | None = None
    """None: Seaway makes one up."""
    network_mode: str = "default"
    """``default``, ``none``, ``host``, ``container:REF`` or the ref of its first network."""
    endpoints: tuple[tuple[str, EndpointWish], ...] = ()
    """Networks by ref, in the order of connecting."""
    hostname: DnsName | None = None
    """None: the short id."""
    adopt: Path | None = None
    """A network namespace somebody else made."""
    labels: tuple[tuple[str, str], ...] = ()
    dns: DnsSettings = field(default_factory=DnsSettings)
    extra_hosts: tuple[ExtraHost, ...] = ()
    ports: tuple[PublishedPort, ...] = ()
    exposed: tuple[ExposedPort, ...] = ()
    publish_all: bool = False
    process: Process | None = None
    auto_remove: bool = False
