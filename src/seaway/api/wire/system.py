"""``/events``, ``/version``, ``/info``, and errors."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType, field

from seaway.api.wire.coding import Labels, Reply
from seaway.api.wire.containers import ContainerSummary


class Actor(Reply, kw_only=True):
    """To whom it happened."""

    id: str = field(name="ID")
    attributes: Labels


class Event(Struct, kw_only=True):
    """One line of GET /events; the first three are for old clients."""

    status: str | UnsetType = UNSET
    id: str | UnsetType = UNSET
    from_: str | UnsetType = field(default=UNSET, name="from")
    type: str = field(name="Type")
    action: str = field(name="Action")
    actor: Actor = field(name="Actor")
    scope: str = "local"
    time: int
    time_nano: int = field(name="timeNano")


class Message(Struct):
    """An error."""

    message: str


class Platform(Reply, kw_only=True):
    """Who answers."""

    name: str


class Component(Reply, kw_only=True):
    """A part of the engine, with its facts."""

    name: str
    version: str
    details: Labels


class Version(Reply, kw_only=True):
    """GET /version."""

    platform: Platform
    components: list[Component]
    version: str
    api_version: str
    min_api_version: str = field(name="MinAPIVersion")
    git_commit: str = ""
    go_version: str = ""
    os: str = "linux"
    arch: str
    kernel_version: str
    build_time: str = ""


class Plugins(Reply, kw_only=True):
    """The drivers there are."""

    volume: list[str]
    network: list[str]
    authorization: None = None
    log: list[str]


class Swarm(Reply, kw_only=True):
    """There is none."""

    node_id: str = field(default="", name="NodeID")
    node_addr: str = ""
    local_node_state: str = "inactive"
    control_available: bool = False
    error: str = ""
    remote_managers: None = None


class FirewallBackend(Reply, kw_only=True):
    """By what packets are let through, and what of it there is to know."""

    driver: str = "nftables"
    info: list[list[str]] = field(default_factory=list[list[str]])


class Info(Reply, kw_only=True):
    """GET /info."""

    id: str = field(name="ID")
    containers: int
    containers_running: int
    containers_paused: int = 0
    containers_stopped: int
    images: int = 0
    driver: str = "host"
    driver_status: list[list[str]] = field(default_factory=list[list[str]])
    plugins: Plugins
    ipv4_forwarding: bool = field(name="IPv4Forwarding")
    bridge_nf_iptables: bool
    bridge_nf_ip6tables: bool
    system_time: str
    logging_driver: str = "json-file"
    cgroup_driver: str = "cgroupfs"
    cgroup_version: str
    kernel_version: str
    operating_system: str
    os_type: str = field(default="linux", name="OSType")
    architecture: str
    ncpu: int = field(name="NCPU")
    mem_total: int
    docker_root_dir: str
    name: str
    labels: list[str] = field(default_factory=list[str])
    experimental_build: bool = False
    server_version: str
    swarm: Swarm = field(default_factory=Swarm)
    security_options: list[str] = field(default_factory=list[str])
    firewall_backend: FirewallBackend = field(default_factory=FirewallBackend)
    warnings: list[str] | None


class Volumes(Reply, kw_only=True):
    """There are none."""

    volumes: list[str] = field(default_factory=list[str])
    warnings: None = None


class ImagesPruned(Reply, kw_only=True):
    """POST /images/prune."""

    images_deleted: None = None
    space_reclaimed: int = 0


class BuildsPruned(Reply, kw_only=True):
    """POST /build/prune."""

    caches_deleted: None = None
    space_reclaimed: int = 0


class VolumesPruned(Reply, kw_only=True):
    """POST /volumes/prune."""

    volumes_deleted: None = None
    space_reclaimed: int = 0


class DiskUsage(Reply, kw_only=True):
    """GET /system/df."""

    layers_size: int = 0
    images: list[str] = field(default_factory=list[str])
    containers: list[ContainerSummary]
    volumes: list[str] = field(default_factory=list[str])
    build_cache: list[str] = field(default_factory=list[str])
