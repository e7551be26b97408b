"""A network: what was asked for. What Linux has is read from Linux, never kept here."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from seaway.model.address import Reservation
from seaway.model.ids import (
    Address,
    IfName,
    Interface,
    Mac,
    NetworkId,
    NetworkName,
    Prefix,
    interface,
    mac_of,
)
from seaway.model.lease import Lease4
from seaway.model.options import GatewayMode, Options

DEFAULT_GATEWAY: Final = {4: "DefaultGatewayIPv4", 6: "DefaultGatewayIPv6"}
"""Names of the auxiliary addresses that are the endpoints' default gateway in the bridge's place, as
with Docker: somebody else's on the bridge."""

HOST: Final = "host"
"""Name of the auxiliary address that is the host's own, on a network whose endpoints it shall reach."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subnet:
    """A network's part of a pool, in one family."""

    prefix: Prefix
    gateway: Address | None
    """Where endpoints send what leaves the subnet; None: nowhere, since the host itself routes it."""
    range: Prefix | None = None
    """The part that endpoints get when they ask for no address; None: all of it."""
    auxiliary: tuple[tuple[str, Address], ...] = ()
    """Addresses that somebody else uses, by name."""
    asked: bool = True
    """Whether the user gave the prefix; else it came from a default pool."""

    @property
    def version(self) -> int:
        """4 or 6."""
        return self.prefix.version

    @property
    def way_out(self) -> Address | None:
        """Where endpoints send what leaves the subnet: the auxiliary address of Docker's name, if any."""
        return dict(self.auxiliary).get(DEFAULT_GATEWAY[self.version], self.gateway)


class Reach(StrEnum):
    """Where the published ports of a network's sandboxes are reached, in one family."""

    HOST = "host"
    """At ports of the host, which are held."""
    OWN = "own"
    """At the sandbox's own address and port."""
    NOWHERE = "nowhere"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubnetWish:
    """A subnet as somebody asked for it; what is None is ours to choose."""

    prefix: Prefix | None = None
    gateway: Address | None = None
    range: Prefix | None = None
    auxiliary: tuple[tuple[str, Address], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkConfig:
    """What a configuration network keeps for others, beside its options and labels."""

    ipv4: bool = True
    ipv6: bool = False
    subnets: tuple[SubnetWish, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """What was asked for. What Linux has is read from Linux, never kept here."""

    id: NetworkId
    name: NetworkName
    created: int
    """Nanoseconds since the epoch."""
    options: Options
    subnets: tuple[Subnet, ...] = ()
    """IPv4 first, then IPv6. An endpoint has an address of one of each family."""
    internal: bool = False
    """No route and no rule to anything outside the network."""
    attachable: bool = False
    predefined: bool = False
    """Made by Seaway itself; it cannot be removed."""
    labels: tuple[tuple[str, str], ...] = ()
    asked_options: tuple[tuple[str, str], ...] = ()
    """The options as they were given, to show again."""
    ipam_options: tuple[tuple[str, str], ...] | None = None
    """Options for who chooses addresses, as they were given, to show again."""
    config: NetworkConfig | None = None
    """What other networks may be made from; Linux has nothing of such a network."""
    config_from: NetworkId | None = None
    """The configuration network that it was made from."""
    dhcp: tuple[int, ...] = ()
    """The families, 4 before 6, in which the LAN itself gives the addresses: IPv4 by DHCP, IPv6 by router
    advertisements and DHCPv6. Such a network has no subnet to give from."""
    host_lease: Lease4 | None = None
    """What a DHCPv4 server lent to the host itself, for its shim."""
    reservations: tuple[Reservation, ...] = ()
    """Addresses that go only to the sandbox of one name; each name has one in each family at most."""

    @property
    def driver(self) -> str:
        """The name of the driver that makes it."""
        return self.options.driver

    @property
    def places(self) -> bool:
        """Whether its endpoints get addresses and an interface of their own."""
        return self.options.places

    @property
    def bridge_mac(self) -> Mac:
        """The MAC address of its bridge, if it has one."""
        owner = self.options.adopted or self.options.switch
        return mac_of(self.id) if owner is None else owner.mac

    @property
    def masquerades(self) -> bool:
        """Whether what leaves it for the outside takes an address of the host, in any family."""
        return any(self.translates(subnet.version) for subnet in self.subnets)

    def translates(self, version: int) -> bool:
        """Whether what leaves it in family *version* takes an address of the host."""
        return (
            self.options.masquerade
            and not self.internal
            and self.gateway_mode(version) in {GatewayMode.NAT, GatewayMode.UNPROTECTED}
        )

    def gateway_mode(self, version: int) -> GatewayMode:
        """How it hangs on the host in family *version* (4 or 6)."""
        return self.options.gateway_mode4 if version == 4 else self.options.gateway_mode6

    def source(self, version: int) -> Address | None:
        """The host's address that what leaves takes in family *version*; None: the kernel chooses."""
        return next((a for a in self.options.sources if a.version == version), None)

    def reach(self, version: int) -> Reach:
        """Where published ports of its sandboxes are reached in family *version*."""
        options = self.options
        if self.internal or options.bridge is None or (version == 4 and options.inhibit_ipv4):
            return Reach.NOWHERE
        match self.gateway_mode(version):
            case GatewayMode.ROUTED:
                return Reach.OWN
            case GatewayMode.ISOLATED:
                return Reach.NOWHERE
            case GatewayMode.NAT | GatewayMode.UNPROTECTED:
                return Reach.HOST

    def has_gateway(self, version: int) -> bool:
        """Whether anybody, the host or another, is the gateway of its subnets of family *version*."""
        return self.gateway_mode(version) is not GatewayMode.ISOLATED

    @property
    def bridge_addresses(self) -> tuple[Interface, ...]:
        """What the host has on its bridge: the gateways, where nobody else is to be one."""
        return tuple(
            interface(subnet.gateway, subnet.prefix.prefixlen)
            for subnet in self.subnets
            if subnet.gateway is not None
            and self.has_gateway(subnet.version)
            and not (subnet.version == 4 and self.options.inhibit_ipv4)
        )

    @property
    def shim(self) -> IfName | None:
        """The host's own link beside the endpoints on the parent, if there is to be one."""
        return IfName(f"sw-{self.id[:12]}") if self.options.host_access else None

    @property
    def host_links(self) -> tuple[IfName, ...]:
        """The links of the host that are there for its sake alone, or with others of its kind."""
        parent, switch = self.options.parent, self.options.switch
        links = (
            self.options.bridge,
            switch.name if switch is not None and not switch.adopted else None,
            self.shim,
            parent.name if parent is not None and (parent.alone or parent.base) else None,
        )
        return tuple(link for link in links if link is not None)

    @property
    def foreign_links(self) -> frozenset[IfName]:
        """Links of somebody else's that it is on: when one returns, something is to be done for it."""
        uplink = self.options.uplink
        links = (self.options.needs, uplink.name if uplink is not None else None)
        return frozenset(link for link in links if link is not None)

    @property
    def ways_to_lan(self) -> frozenset[IfName]:
        """Links by which frames of its sandboxes get to machines that are not ours."""
        parent, uplink = self.options.parent, self.options.uplink
        links = (
            uplink.name if uplink is not None else None,
            *((parent.name, parent.base) if parent is not None else ()),
        )
        return frozenset(link for link in links if link)

    @property
    def host_addresses(self) -> tuple[Address, ...]:
        """The host's addresses on its shim: those that are set aside for it, or lent."""
        if not self.options.host_access:
            return ()
        aside = (dict(subnet.auxiliary).get(HOST) for subnet in self.subnets)
        lent = self.host_lease.address.ip if self.host_lease is not None else None
        return tuple(a for a in (*aside, lent) if a is not None)

    @property
    def versions(self) -> tuple[int, ...]:
        """The families, 4 and 6, in which its endpoints have addresses."""
        return tuple(sorted({subnet.version for subnet in self.subnets} | {*self.dhcp}))

    @property
    def autoconf(self) -> bool:
        """Whether its endpoints have IPv6 as the LAN gives it, addresses and default route."""
        return 6 in self.dhcp

    def subnets_of(self, version: int) -> tuple[Subnet, ...]:
        """The subnets of family *version* (4 or 6), the first made first."""
        return tuple(s for s in self.subnets if s.version == version)

    def subnet_with(self, address: Address) -> Subnet | None:
        """The subnet that contains *address*, if one does."""
        return next((s for s in self.subnets if address in s.prefix), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkWish:
    """A network as somebody asked for it."""

    name: NetworkName
    driver: str = "bridge"
    ipv4: bool = True
    ipv6: bool = False
    subnets: tuple[SubnetWish, ...] = ()
    internal: bool = False
    attachable: bool = False
    labels: tuple[tuple[str, str], ...] = ()
    options: tuple[tuple[str, str], ...] = ()
    ipam_options: tuple[tuple[str, str], ...] | None = None
    dhcp: bool = False
    """Whether the LAN itself shall give the addresses, by DHCP and router advertisements."""
    config_only: bool = False
    """Whether it shall only keep a configuration for others."""
    config_from: str = ""
    """The configuration network to make it from, by ref; empty: none."""

    @property
    def versions(self) -> tuple[int, ...]:
        """The families, 4 and 6, that it shall have."""
        return tuple(v for v, wanted in ((4, self.ipv4), (6, self.ipv6)) if wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkChange:
    """What shall be other on a network that is there; what is None or empty stays as it is."""

    name: NetworkName | None = None
    add_subnets: tuple[SubnetWish, ...] = ()
    """Each with a prefix."""
    internal: bool | None = None
    labels: tuple[tuple[str, str | None], ...] = ()
    """New values; None takes the label away."""
    options: tuple[tuple[str, str | None], ...] = ()
    """The same for options of its driver: None sets one back to its default."""

    @property
    def concerns_sandboxes(self) -> bool:
        """Whether it may mean anything to those on the network: labels do not."""
        rest = (self.name, self.internal) != (None, None)
        return rest or bool(self.add_subnets or self.options)
