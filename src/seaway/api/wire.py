"""The Engine API's JSON: the one place that knows Docker's spelling.

What clients send may be null anywhere (Go writes empty maps and lists so), and has members we do not
know: both are taken. Replies have their members in Docker's order.
"""

from __future__ import annotations

from typing import TypeVar

from msgspec import UNSET, DecodeError, Struct, UnsetType, ValidationError, field, json

from seaway.model.errors import InvalidRequest

Labels = dict[str, str]
T = TypeVar("T")

_WORDS = {"id": "ID", "ip": "IP", "ipam": "IPAM", "ipv4": "IPv4", "ipv6": "IPv6", "dns": "DNS"}


def _spelling(name: str) -> str:
    """``ipv4_address`` is ``IPv4Address``; an ``id`` alone is ``Id``."""
    if name == "id":
        return "Id"
    return "".join(_WORDS.get(word, word.capitalize()) for word in name.split("_"))


def decoded(body: bytes, kind: type[T]) -> T:
    """*body* as a *kind*; an empty one is ``{}``. Raises InvalidRequest."""
    try:
        return json.decode(body or b"{}", type=kind)
    except ValidationError as error:
        raise InvalidRequest(f"invalid JSON: {error}") from None
    except DecodeError as error:
        raise InvalidRequest(_malformed(str(error))) from None
    except (UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(f"invalid JSON: {error}") from None


def _malformed(reason: str) -> str:
    if "truncated" in reason:
        return "invalid JSON: unexpected EOF"
    if "trailing characters" in reason:
        return "unexpected content after JSON"
    return f"invalid JSON: {reason}"


def encoded(value: object) -> bytes:
    """*value* as JSON, with a newline as Docker ends it."""
    return json.encode(value) + b"\n"


class Request(Struct, rename=_spelling):
    """What a client sends; a member that is missing, or null, was not asked for."""


class Reply(Struct, rename=_spelling):
    """What we answer."""


# Networks


class IpamConfig(Request):
    """One subnet, as asked for."""

    subnet: str | None = None
    ip_range: str | None = None
    gateway: str | None = None
    auxiliary_addresses: dict[str, str] | None = None


class Ipam(Request):
    """Where addresses come from."""

    driver: str | None = None
    options: Labels | None = None
    config: list[IpamConfig] | None = None


class ConfigFrom(Request):
    """The network whose settings are used."""

    network: str | None = None


class NetworkCreate(Request):
    """POST /networks/create."""

    name: str | None = None
    driver: str | None = None
    scope: str | None = None
    enable_ipv4: bool | None = None
    enable_ipv6: bool | None = None
    ipam: Ipam | None = None
    internal: bool | None = None
    attachable: bool | None = None
    ingress: bool | None = None
    config_only: bool | None = None
    config_from: ConfigFrom | None = None
    options: Labels | None = None
    labels: Labels | None = None


class EndpointIpam(Request):
    """The addresses an endpoint asks for."""

    ipv4_address: str | None = None
    ipv6_address: str | None = None
    link_local_ips: list[str] | None = field(default=None, name="LinkLocalIPs")


class EndpointConfig(Request):
    """An endpoint, as asked for."""

    ipam_config: EndpointIpam | None = None
    links: list[str] | None = None
    aliases: list[str] | None = None
    mac_address: str | None = None
    driver_opts: Labels | None = None
    gw_priority: int | None = None


class Connect(Request):
    """POST /networks/{id}/connect."""

    container: str | None = None
    endpoint_config: EndpointConfig | None = None


class Disconnect(Request):
    """POST /networks/{id}/disconnect."""

    container: str | None = None
    force: bool | None = None


class NetworkCreated(Reply, kw_only=True):
    """The network is there."""

    id: str
    warning: str


class ShownIpamConfig(Reply, omit_defaults=True, kw_only=True):
    """One subnet."""

    subnet: str
    ip_range: str = ""
    gateway: str = ""
    auxiliary_addresses: dict[str, str] | UnsetType = UNSET


class ShownIpam(Reply, kw_only=True):
    """The subnets of a network, IPv4 first."""

    driver: str = "default"
    options: Labels | None = None
    config: list[ShownIpamConfig]


class ShownConfigFrom(Reply, kw_only=True):
    """We have no networks that are made from others."""

    network: str = ""


class NetworkMember(Reply, kw_only=True):
    """A live endpoint of a network, by its sandbox's id."""

    name: str
    endpoint_id: str
    mac_address: str
    ipv4_address: str
    ipv6_address: str
    drops: int | UnsetType = UNSET
    """Packets that the source guard dropped; a member of ours."""


class Network(Reply, kw_only=True):
    """GET /networks/{id}."""

    name: str
    id: str
    created: str
    scope: str = "local"
    driver: str
    enable_ipv4: bool
    enable_ipv6: bool
    ipam: ShownIpam
    internal: bool
    attachable: bool
    ingress: bool = False
    config_from: ShownConfigFrom = field(default_factory=ShownConfigFrom)
    config_only: bool = False
    options: Labels
    labels: Labels
    containers: dict[str, NetworkMember] | UnsetType = UNSET


class NetworksPruned(Reply, kw_only=True):
    """POST /networks/prune."""

    networks_deleted: list[str] | None


# Sandboxes, as containers


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
    """Where output goes: conmon's file."""

    type: str = "k8s-file"
    config: dict[str, str] = field(default_factory=dict[str, str])


class ShownHostConfig(Reply, kw_only=True):
    """What was asked for about the host."""

    binds: list[str] | None
    log_config: ShownLogConfig = field(default_factory=ShownLogConfig)
    network_mode: str
    port_bindings: dict[str, list[ShownBinding]]
    restart_policy: ShownRestartPolicy = field(default_factory=ShownRestartPolicy)
    auto_remove: bool
    cap_add: list[str] | None
    cap_drop: list[str] | None
    dns: list[str] = field(name="Dns")
    dns_options: list[str] = field(name="DnsOptions")
    dns_search: list[str] = field(name="DnsSearch")
    extra_hosts: list[str] | None
    links: None = None
    privileged: bool = False
    publish_all_ports: bool


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


class Container(Reply, kw_only=True):
    """GET /containers/{id}/json."""

    id: str
    created: str
    path: str
    args: list[str]
    state: ContainerState
    image: str
    resolv_conf_path: str = ""
    hostname_path: str = ""
    hosts_path: str = ""
    log_path: str = ""
    name: str
    restart_count: int = 0
    driver: str = "host"
    platform: str = "linux"
    mount_label: str = ""
    process_label: str = ""
    app_armor_profile: str = ""
    exec_ids: list[str] | None = field(name="ExecIDs")
    host_config: ShownHostConfig
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
    labels: Labels
    state: str
    status: str
    host_config: ModeSummary
    network_settings: NetworkSummary
    mounts: list[ShownMount]


# Further processes


class ExecCreate(Request):
    """POST /containers/{id}/exec."""

    attach_stdin: bool | None = None
    tty: bool | None = None
    detach_keys: str | None = None
    env: list[str] | None = None
    working_dir: str | None = None
    user: str | None = None
    privileged: bool | None = None
    cmd: list[str] | str | None = None
    console_size: list[int] | None = None


class ExecStart(Request):
    """POST /exec/{id}/start."""

    detach: bool | None = None
    tty: bool | None = None
    console_size: list[int] | None = None


class ExecCreated(Reply, kw_only=True):
    """The process may be started."""

    id: str


class ExecProcess(Struct, kw_only=True):
    """The command of a further process; lower case here."""

    tty: bool
    entrypoint: str
    arguments: list[str]
    privileged: bool = False
    user: str


class Exec(Reply, kw_only=True):
    """GET /exec/{id}/json."""

    id: str = field(name="ID")
    running: bool
    exit_code: int | None
    process_config: ExecProcess
    open_stdin: bool
    open_stderr: bool = True
    open_stdout: bool = True
    can_remove: bool = False
    container_id: str
    detach_keys: str
    pid: int


# Events and the system


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
    system_time: str
    logging_driver: str = "k8s-file"
    cgroup_driver: str = "cgroupfs"
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
    warnings: list[str] | None


class Volumes(Reply, kw_only=True):
    """There are none."""

    volumes: list[str] = field(default_factory=list[str])
    warnings: None = None


# Ours


class SandboxCreate(Request):
    """POST /seaway/sandboxes."""

    name: str | None = None
    netns: str | None = None
    labels: Labels | None = None
    networking_config: NetworkingConfig | None = None


class Publish(Request):
    """POST /seaway/sandboxes/{id}/publish."""

    ports: list[str] | None = None
    sources: list[str] | None = field(default=None, name="From")


class Unpublish(Request):
    """POST /seaway/sandboxes/{id}/unpublish."""

    ports: list[str] | None = None
    now: bool | None = None


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
