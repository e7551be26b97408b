"""The Engine API's JSON: the one place that knows Docker's spelling.

What clients send may be null anywhere (Go writes empty maps and lists so), and has members we do not
know: both are taken. Replies have their members in Docker's order.
"""

from seaway.api.wire.coding import (
    Labels as Labels,
)
from seaway.api.wire.coding import (
    Reply as Reply,
)
from seaway.api.wire.coding import (
    Request as Request,
)
from seaway.api.wire.coding import (
    decoded as decoded,
)
from seaway.api.wire.coding import (
    encoded as encoded,
)
from seaway.api.wire.containers import (
    Container as Container,
)
from seaway.api.wire.containers import (
    ContainerCreate as ContainerCreate,
)
from seaway.api.wire.containers import (
    ContainersPruned as ContainersPruned,
)
from seaway.api.wire.containers import (
    ContainerState as ContainerState,
)
from seaway.api.wire.containers import (
    ContainerSummary as ContainerSummary,
)
from seaway.api.wire.containers import (
    Created as Created,
)
from seaway.api.wire.containers import (
    Endpoint as Endpoint,
)
from seaway.api.wire.containers import (
    ErrorMessage as ErrorMessage,
)
from seaway.api.wire.containers import (
    HostConfig as HostConfig,
)
from seaway.api.wire.containers import (
    ModeSummary as ModeSummary,
)
from seaway.api.wire.containers import (
    Mount as Mount,
)
from seaway.api.wire.containers import (
    NetworkingConfig as NetworkingConfig,
)
from seaway.api.wire.containers import (
    NetworkSettings as NetworkSettings,
)
from seaway.api.wire.containers import (
    NetworkSummary as NetworkSummary,
)
from seaway.api.wire.containers import (
    Nothing as Nothing,
)
from seaway.api.wire.containers import (
    PortBinding as PortBinding,
)
from seaway.api.wire.containers import (
    PortSummary as PortSummary,
)
from seaway.api.wire.containers import (
    RestartPolicy as RestartPolicy,
)
from seaway.api.wire.containers import (
    ShownBinding as ShownBinding,
)
from seaway.api.wire.containers import (
    ShownConfig as ShownConfig,
)
from seaway.api.wire.containers import (
    ShownEndpointIpam as ShownEndpointIpam,
)
from seaway.api.wire.containers import (
    ShownHostConfig as ShownHostConfig,
)
from seaway.api.wire.containers import (
    ShownLogConfig as ShownLogConfig,
)
from seaway.api.wire.containers import (
    ShownMount as ShownMount,
)
from seaway.api.wire.containers import (
    ShownRestartPolicy as ShownRestartPolicy,
)
from seaway.api.wire.containers import (
    Updated as Updated,
)
from seaway.api.wire.containers import (
    Waited as Waited,
)
from seaway.api.wire.execs import (
    Exec as Exec,
)
from seaway.api.wire.execs import (
    ExecCreate as ExecCreate,
)
from seaway.api.wire.execs import (
    ExecCreated as ExecCreated,
)
from seaway.api.wire.execs import (
    ExecProcess as ExecProcess,
)
from seaway.api.wire.execs import (
    ExecStart as ExecStart,
)
from seaway.api.wire.networks import (
    ConfigFrom as ConfigFrom,
)
from seaway.api.wire.networks import (
    Connect as Connect,
)
from seaway.api.wire.networks import (
    Disconnect as Disconnect,
)
from seaway.api.wire.networks import (
    EndpointConfig as EndpointConfig,
)
from seaway.api.wire.networks import (
    EndpointIpam as EndpointIpam,
)
from seaway.api.wire.networks import (
    Ipam as Ipam,
)
from seaway.api.wire.networks import (
    IpamConfig as IpamConfig,
)
from seaway.api.wire.networks import (
    ListedNetwork as ListedNetwork,
)
from seaway.api.wire.networks import (
    Network as Network,
)
from seaway.api.wire.networks import (
    NetworkCreate as NetworkCreate,
)
from seaway.api.wire.networks import (
    NetworkCreated as NetworkCreated,
)
from seaway.api.wire.networks import (
    NetworkMember as NetworkMember,
)
from seaway.api.wire.networks import (
    NetworksPruned as NetworksPruned,
)
from seaway.api.wire.networks import (
    ReservedAddress as ReservedAddress,
)
from seaway.api.wire.networks import (
    ShownConfigFrom as ShownConfigFrom,
)
from seaway.api.wire.networks import (
    ShownIpam as ShownIpam,
)
from seaway.api.wire.networks import (
    ShownIpamConfig as ShownIpamConfig,
)
from seaway.api.wire.seaway import (
    AddressUse as AddressUse,
)
from seaway.api.wire.seaway import (
    DaemonStatus as DaemonStatus,
)
from seaway.api.wire.seaway import (
    Map as Map,
)
from seaway.api.wire.seaway import (
    MapEndpoint as MapEndpoint,
)
from seaway.api.wire.seaway import (
    MapHost as MapHost,
)
from seaway.api.wire.seaway import (
    MapNetwork as MapNetwork,
)
from seaway.api.wire.seaway import (
    MapSandbox as MapSandbox,
)
from seaway.api.wire.seaway import (
    MapSubnet as MapSubnet,
)
from seaway.api.wire.seaway import (
    NetworkUpdate as NetworkUpdate,
)
from seaway.api.wire.seaway import (
    NetworkUpdated as NetworkUpdated,
)
from seaway.api.wire.seaway import (
    Publish as Publish,
)
from seaway.api.wire.seaway import (
    Published as Published,
)
from seaway.api.wire.seaway import (
    PublishedPort as PublishedPort,
)
from seaway.api.wire.seaway import (
    Purged as Purged,
)
from seaway.api.wire.seaway import (
    Reserve as Reserve,
)
from seaway.api.wire.seaway import (
    Reserved as Reserved,
)
from seaway.api.wire.seaway import (
    Room as Room,
)
from seaway.api.wire.seaway import (
    Sandbox as Sandbox,
)
from seaway.api.wire.seaway import (
    SandboxCreate as SandboxCreate,
)
from seaway.api.wire.seaway import (
    SandboxEffect as SandboxEffect,
)
from seaway.api.wire.seaway import (
    SandboxNetwork as SandboxNetwork,
)
from seaway.api.wire.seaway import (
    SettingShown as SettingShown,
)
from seaway.api.wire.seaway import (
    Unpublish as Unpublish,
)
from seaway.api.wire.stats import (
    Cpu as Cpu,
)
from seaway.api.wire.stats import (
    CpuUsage as CpuUsage,
)
from seaway.api.wire.stats import (
    Memory as Memory,
)
from seaway.api.wire.stats import (
    Pids as Pids,
)
from seaway.api.wire.stats import (
    Stats as Stats,
)
from seaway.api.wire.stats import (
    Top as Top,
)
from seaway.api.wire.stats import (
    Traffic as Traffic,
)
from seaway.api.wire.system import (
    Actor as Actor,
)
from seaway.api.wire.system import (
    BuildsPruned as BuildsPruned,
)
from seaway.api.wire.system import (
    Component as Component,
)
from seaway.api.wire.system import (
    DiskUsage as DiskUsage,
)
from seaway.api.wire.system import (
    Event as Event,
)
from seaway.api.wire.system import (
    ImagesPruned as ImagesPruned,
)
from seaway.api.wire.system import (
    Info as Info,
)
from seaway.api.wire.system import (
    Message as Message,
)
from seaway.api.wire.system import (
    Platform as Platform,
)
from seaway.api.wire.system import (
    Plugins as Plugins,
)
from seaway.api.wire.system import (
    Swarm as Swarm,
)
from seaway.api.wire.system import (
    Version as Version,
)
from seaway.api.wire.system import (
    Volumes as Volumes,
)
from seaway.api.wire.system import (
    VolumesPruned as VolumesPruned,
)
from seaway.api.wire.versions import (
    LATEST as LATEST,
)
from seaway.api.wire.versions import (
    LISTED_MEMBERS_UNTIL as LISTED_MEMBERS_UNTIL,
)
from seaway.api.wire.versions import (
    MULTIPLEXED_SINCE as MULTIPLEXED_SINCE,
)
from seaway.api.wire.versions import (
    OLDEST as OLDEST,
)
from seaway.api.wire.versions import (
    as_of as as_of,
)
from seaway.api.wire.versions import (
    read_parameters as read_parameters,
)
