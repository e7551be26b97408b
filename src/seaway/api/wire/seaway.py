"""``/seaway``: what only Seaway says."""

from __future__ import annotations

from msgspec import field

from seaway.api.wire.coding import Labels, Reply, Request
from seaway.api.wire.containers import NetworkingConfig
from seaway.api.wire.networks import IpamConfig

Changes = dict[str, str | None]
"""New values; null takes one away."""


class SandboxCreate(Request):
    """POST /seaway/sandboxes."""

    name: str | None = None
    netns: str | None = None
    labels: Labels | None = None
    networking_config: NetworkingConfig | None = None


class NetworkUpdate(Request):
    """POST /seaway/networks/{id}/update; what is missing stays as it is."""

    name: str | None = None
    add_subnets: list[IpamConfig] | None = None
    internal: bool | None = None
    labels: Changes | None = None
    options: Changes | None = None


class SandboxEffect(Reply, kw_only=True):
    """What the change means for a sandbox: ``keeps``, ``changes live`` or ``needs a restart``."""

    id: str
    name: str
    effect: str
    changes: list[str]


class NetworkUpdated(Reply, kw_only=True):
    """The network under the name it has then, and what that means for the sandboxes on it."""

    id: str
    name: str
    effects: list[SandboxEffect]
    warnings: list[str]
    """What of the change is not as its maker may think."""


class Publish(Request):
    """POST /seaway/sandboxes/{id}/publish."""

    ports: list[str] | None = None
    sources: list[str] | None = field(default=None, name="From")


class Unpublish(Request):
    """POST /seaway/sandboxes/{id}/unpublish."""

    ports: list[str] | None = None
    now: bool | None = None


class Reserve(Request):
    """POST /seaway/networks/{id}/reservations."""

    address: str | None = None
    sandbox: str | None = field(default=None, name="For")


class Reserved(Reply, kw_only=True):
    """The address is reserved."""

    address: str
    sandbox: str = field(name="For")
    warnings: list[str]


class AddressUse(Reply, kw_only=True):
    """One item of GET /seaway/networks/{id}/addresses."""

    address: str
    holder: str
    """A sandbox's name; a gateway's bridge; an auxiliary address's name."""
    kind: str
    """``gateway``, ``auxiliary``, ``endpoint``, ``fixed``, ``kept``, ``reserved`` or ``remembered``."""
    since: str
    reserved_for: str
    """The name of the sandbox for which it is reserved, whoever has it; empty: nobody's."""


class Room(Reply, kw_only=True):
    """One item of GET /seaway/pools.

    A pool is counted in pieces, of which each is room for one subnet, a subnet in addresses that
    endpoints may get without asking. Counts above 2^53 - 1 are told as that.
    """

    kind: str
    """``pool`` or ``subnet``."""
    prefix: str
    piece: int = 0
    """Of a pool: the prefix length of its pieces."""
    network: str = ""
    """Of a subnet: whose it is."""
    range: str = ""
    """Of a subnet: the part that endpoints get; empty: all of it."""
    size: int
    used: int
    routed: int = 0
    """Of a pool: pieces that no network uses, and that the host routes, so that none will."""
    free: int


class PublishedPort(Reply, kw_only=True):
    """A published port, or a range."""

    proto: str
    host_ip: str = field(name="HostIp")
    host_port: int
    host_port_end: int
    port: int
    port_end: int
    sources: list[str] = field(name="From")


class Published(Reply, kw_only=True):
    """The ports that were asked for, as they are now."""

    published: list[PublishedPort]
    warnings: list[str]


class SandboxNetwork(Reply, kw_only=True):
    """A network a sandbox is on."""

    name: str
    addresses: list[str]


class Sandbox(Reply, kw_only=True):
    """One item of GET /seaway/sandboxes."""

    id: str
    name: str
    kind: str
    state: str
    netns: str
    networks: list[SandboxNetwork]


class MapHost(Reply, kw_only=True):
    """The host on the map."""

    name: str
    addresses: list[str]
    uplink: str


class MapSubnet(Reply, kw_only=True):
    """A subnet on the map."""

    subnet: str
    gateway: str


class MapEndpoint(Reply, kw_only=True):
    """An endpoint on the map."""

    sandbox: str
    sandbox_id: str = field(name="SandboxId")
    state: str
    ifname: str
    addresses: list[str]
    mac: str
    default_route: bool
    drops: int


class MapNetwork(Reply, kw_only=True):
    """A network on the map."""

    id: str
    name: str
    driver: str
    bridge: str
    subnets: list[MapSubnet]
    internal: bool
    masquerade: bool
    icc: bool
    endpoints: list[MapEndpoint]


class MapSandbox(Reply, kw_only=True):
    """A sandbox on the map."""

    id: str
    name: str
    kind: str
    state: str
    networks: list[str]
    published: list[PublishedPort]


class Map(Reply, kw_only=True):
    """GET /seaway/map."""

    host: MapHost
    networks: list[MapNetwork]
    sandboxes: list[MapSandbox]


class DaemonStatus(Reply, kw_only=True):
    """GET /seaway/status."""

    version: str
    pid: int
    started: str
    networks: int
    sandboxes: int
    running: int
    memory_bytes: int
    open_files: int
    socket: str
    run_dir: str
    data_dir: str
    warnings: list[str]


class SettingShown(Reply, kw_only=True):
    """One item of GET /seaway/config."""

    name: str
    value: str
    origin: str


class Purged(Reply, kw_only=True):
    """POST /seaway/purge."""

    removed: list[str]
