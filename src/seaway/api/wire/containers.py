"""``/containers``: sandboxes, as containers."""

from __future__ import annotations

from msgspec import UNSET, UnsetType, field

from seaway.api.wire.coding import Labels, Reply, Request
from seaway.api.wire.networks import EndpointConfig


class PortBinding(Request):
    """Where on the host a port is, in both directions."""

    host_ip: str | None = field(default=None, name="HostIp")
    host_port: str | None = None


class Mount(Request):
    """A mount in its long form."""

    type: str | None = None
    source: str | None = None
    target: str | None = None
    read_only: bool | None = None


class RestartPolicy(Request):
    """When a container shall be started again."""

    name: str | None = None


class HostConfig(Request):
    """The part of a container that is about its host."""

    console_size: list[int] | None = None
    network_mode: str | None = None
    port_bindings: dict[str, list[PortBinding] | None] | None = None
    port_specs: list[str] | None = None
    """Ours: texts as of ``-p``."""
    publish_all_ports: bool | None = None
    binds: list[str] | None = None
    mounts: list[Mount] | None = None
    dns: list[str] | None = field(default=None, name="Dns")
    dns_options: list[str] | None = field(default=None, name="DnsOptions")
    dns_search: list[str] | None = field(default=None, name="DnsSearch")
    extra_hosts: list[str] | None = None
    links: list[str] | None = None
    restart_policy: RestartPolicy | None = None
    auto_remove: bool | None = None
    cap_add: list[str] | None = None
    cap_drop: list[str] | None = None
    privileged: bool | None = None
    # Read in order to say that they have no effect.
    devices: object = None
    init: object = None
    memory: object = None
    nano_cpus: object = None
    pid_mode: object = None
    pids_limit: object = None
    readonly_rootfs: object = None
    security_opt: object = None
    shm_size: object = None
    sysctls: object = None
    tmpfs: object = None
    ulimits: object = None
    volumes_from: object = None


class NetworkingConfig(Request):
    """The networks to connect to, by name or id."""

    endpoints_config: dict[str, EndpointConfig | None] | None = None


class ContainerCreate(Request):
    """POST /containers/create."""

    image: str | None = None
    cmd: list[str] | str | None = None
    entrypoint: list[str] | str | None = None
    env: list[str] | None = None
    working_dir: str | None = None
    user: str | None = None
    hostname: str | None = None
    domainname: str | None = None
    tty: bool | None = None
    open_stdin: bool | None = None
    stdin_once: bool | None = None
    labels: Labels | None = None
    exposed_ports: dict[str, object] | None = None
    expose_specs: list[str] | None = None
    """Ours: texts as of ``--expose``."""
    stop_signal: str | None = None
    stop_timeout: int | None = None
    mac_address: str | None = None
    network_disabled: bool | None = None
    volumes: dict[str, object] | None = None
    """Volumes without a name; read in order to say that they have no effect."""
    host_config: HostConfig | None = None
    networking_config: NetworkingConfig | None = None


class Updated(Reply, kw_only=True):
    """An update that changed nothing."""

    warnings: list[str] | None = None


class Created(Reply, kw_only=True):
    """A container or sandbox is there."""

    id: str
    warnings: list[str]


class ErrorMessage(Reply, kw_only=True):
    """Why something could not be said."""

    message: str


class Waited(Reply, omit_defaults=True, kw_only=True):
    """POST /containers/{id}/wait."""

    error: ErrorMessage | UnsetType = UNSET
    status_code: int


class ContainersPruned(Reply, kw_only=True):
    """POST /containers/prune."""

    containers_deleted: list[str] | None
    space_reclaimed: int = 0


class ShownBinding(Reply, kw_only=True):
    """Where on the host a port is."""

    host_ip: str = field(name="HostIp")
    host_port: str


class ShownEndpointIpam(Reply, omit_defaults=True, kw_only=True):
    """The addresses an endpoint asked for."""

    ipv4_address: str = ""
    ipv6_address: str = ""


class Endpoint(Reply, kw_only=True):
    """An endpoint, as its container sees it."""

    ipam_config: ShownEndpointIpam | None
    links: None = None
    aliases: list[str] | None
    short_id: str | UnsetType = UNSET
    """The sandbox's, on networks where it is a name."""
    mac_address: str
    driver_opts: Labels | None
    gw_priority: int
    network_id: str
    endpoint_id: str
    gateway: str
    ip_address: str
    ip_prefix_len: int
    ipv6_gateway: str
    global_ipv6_address: str = field(name="GlobalIPv6Address")
    global_ipv6_prefix_len: int = field(name="GlobalIPv6PrefixLen")
    dns_names: list[str] | None
    drops: int | UnsetType = UNSET


class NetworkSettings(Reply, kw_only=True):
    """The network side of a container. From EndpointID on: its place on the default bridge."""

    bridge: str = ""
    sandbox_id: str
    sandbox_key: str
    ports: dict[str, list[ShownBinding] | None]
    hairpin_mode: bool = False
    link_local_ipv6_address: str = field(default="", name="LinkLocalIPv6Address")
    link_local_ipv6_prefix_len: int = field(default=0, name="LinkLocalIPv6PrefixLen")
    secondary_ip_addresses: None = None
    secondary_ipv6_addresses: None = None
    endpoint_id: str = ""
    gateway: str = ""
    global_ipv6_address: str = ""
    global_ipv6_prefix_len: int = 0
    ip_address: str = ""
    ip_prefix_len: int = 0
    ipv6_gateway: str = ""
    mac_address: str = ""
    networks: dict[str, Endpoint]


class ContainerState(Reply, kw_only=True):
    """How a container is."""

    status: str
    running: bool
    paused: bool = False
    restarting: bool = False
    oom_killed: bool = field(default=False, name="OOMKilled")
    dead: bool = False
    pid: int
    exit_code: int
    error: str
    started_at: str
    finished_at: str


class ShownRestartPolicy(Reply, kw_only=True):
    """Seaway starts nothing again by itself."""

    name: str = "no"
    maximum_retry_count: int = 0


class ShownLogConfig(Reply, kw_only=True):
    """Where output goes: a file that ``logs`` reads; docker-py gives no output of drivers it does not know."""

    type: str = "json-file"
    config: dict[str, str] = field(default_factory=dict[str, str])


class ShownHostConfig(Reply, kw_only=True):
    """What was asked for about the host."""

    binds: list[str] | None
    container_id_file: str = field(default="", name="ContainerIDFile")
    log_config: ShownLogConfig = field(default_factory=ShownLogConfig)
    network_mode: str
    port_bindings: dict[str, list[ShownBinding]]
    restart_policy: ShownRestartPolicy = field(default_factory=ShownRestartPolicy)
    auto_remove: bool
    volume_driver: str = ""
    volumes_from: None = None
    console_size: tuple[int, int]
    cap_add: list[str] | None
    cap_drop: list[str] | None
    cgroupns_mode: str = "private"
    dns: list[str] = field(name="Dns")
    dns_options: list[str] = field(name="DnsOptions")
    dns_search: list[str] = field(name="DnsSearch")
    extra_hosts: list[str] | None
    group_add: None = None
    ipc_mode: str = "private"
    cgroup: str = ""
    links: None = None
    oom_score_adj: int = 0
    pid_mode: str = ""
    privileged: bool = False
    publish_all_ports: bool
    readonly_rootfs: bool
    security_opt: None = None
    uts_mode: str = field(default="", name="UTSMode")
    userns_mode: str = ""
    isolation: str = ""
    cpu_shares: int = 0
    memory: int = 0
    nano_cpus: int = 0
    cgroup_parent: str = ""


class Nothing(Reply, kw_only=True):
    """``{}``."""


class ShownConfig(Reply, kw_only=True):
    """What was asked to run."""

    hostname: str
    domainname: str = ""
    user: str
    attach_stdin: bool
    attach_stdout: bool = True
    attach_stderr: bool = True
    exposed_ports: dict[str, Nothing] | UnsetType = UNSET
    tty: bool
    open_stdin: bool
    stdin_once: bool = False
    env: list[str]
    cmd: list[str] | None
    image: str
    volumes: None = None
    working_dir: str
    entrypoint: None = None
    mac_address: str | UnsetType = UNSET
    """What was asked for on the network of the network mode."""
    on_build: None = None
    labels: Labels
    stop_signal: str | UnsetType = UNSET
    stop_timeout: int | UnsetType = UNSET


class ShownMount(Reply, kw_only=True):
    """A directory or file of the host, seen inside."""

    type: str = "bind"
    source: str
    destination: str
    mode: str
    rw: bool = field(name="RW")
    propagation: str = "rprivate"


class GraphDriver(Reply, kw_only=True):
    """Where the root file system is: the host's, or a directory of it."""

    data: None = None
    name: str = "host"


class Container(Reply, kw_only=True):
    """GET /containers/{id}/json."""

    id: str
    created: str
    path: str
    args: list[str]
    state: ContainerState
    image: str
    resolv_conf_path: str
    hostname_path: str
    hosts_path: str
    log_path: str
    name: str
    restart_count: int = 0
    driver: str = "host"
    platform: str = "linux"
    mount_label: str = ""
    process_label: str = ""
    app_armor_profile: str = ""
    exec_ids: list[str] | None = field(name="ExecIDs")
    host_config: ShownHostConfig
    graph_driver: GraphDriver = field(default_factory=GraphDriver)
    size_rw: int | UnsetType = UNSET
    """Bytes of the container's own layer, when asked for: it has none."""
    size_root_fs: int | UnsetType = UNSET
    mounts: list[ShownMount]
    config: ShownConfig
    network_settings: NetworkSettings


class PortSummary(Reply, kw_only=True):
    """One port of a listed container."""

    ip: str | UnsetType = UNSET
    private_port: int
    public_port: int | UnsetType = UNSET
    type: str


class ModeSummary(Reply, kw_only=True):
    """Whose network a listed container uses."""

    network_mode: str


class NetworkSummary(Reply, kw_only=True):
    """The networks of a listed container."""

    networks: dict[str, Endpoint]


class ContainerSummary(Reply, kw_only=True):
    """One item of GET /containers/json."""

    id: str
    names: list[str]
    image: str
    image_id: str = ""
    command: str
    created: int
    """Seconds since the epoch."""
    ports: list[PortSummary]
    size_rw: int | UnsetType = UNSET
    size_root_fs: int | UnsetType = UNSET
    labels: Labels
    state: str
    status: str
    host_config: ModeSummary
    network_settings: NetworkSummary
    mounts: list[ShownMount]
