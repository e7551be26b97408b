"""``/networks``: networks and endpoints."""

from __future__ import annotations

from msgspec import UNSET, UnsetType, field

from seaway.api.wire.coding import Labels, Reply, Request


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
    """One subnet; that of a configuration as it was asked for."""

    subnet: str
    ip_range: str = ""
    gateway: str = ""
    auxiliary_addresses: dict[str, str] | UnsetType = UNSET


class ShownIpam(Reply, kw_only=True):
    """The subnets of a network, IPv4 first; None where it has no addresses to give."""

    driver: str = "default"
    options: Labels | None
    config: list[ShownIpamConfig] | None


class ShownConfigFrom(Reply, kw_only=True):
    """The configuration network that it was made from; empty: none."""

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
    lease: Lease | UnsetType = UNSET
    """What the LAN's own DHCP server lent it; a member of ours."""
    lease6: Lease6 | UnsetType = UNSET
    """What a DHCPv6 server of the LAN lent it; a member of ours."""


class Lease(Reply, kw_only=True):
    """An address that a DHCP server lent; times are RFC 3339, empty: never."""

    address: str
    server: str
    obtained: str
    renews: str
    expires: str
    gateway: str
    dns: list[str] = field(name="DNS")
    search: list[str]
    mtu: int = field(name="MTU")
    """Bytes; 0: it says nothing of it."""


class Lease6(Reply, kw_only=True):
    """What a DHCPv6 server lent; times are RFC 3339, empty: never."""

    addresses: list[str]
    server: str
    """Its identifier (DUID), in hexadecimal digits."""
    obtained: str
    renews: str
    expires: str
    dns: list[str] = field(name="DNS")
    search: list[str]


class ReservedAddress(Reply, kw_only=True):
    """An address that goes only to the sandbox of one name; a member of ours."""

    address: str
    sandbox: str = field(name="For")


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
    config_from: ShownConfigFrom
    config_only: bool
    options: Labels
    labels: Labels
    containers: dict[str, NetworkMember] | UnsetType = UNSET
    reservations: list[ReservedAddress] | UnsetType = UNSET


class ListedNetwork(Network, kw_only=True):
    """One item of GET /networks."""


class NetworksPruned(Reply, kw_only=True):
    """POST /networks/prune."""

    networks_deleted: list[str] | None
