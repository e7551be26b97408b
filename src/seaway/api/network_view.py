"""How a network looks in the API."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from msgspec import UNSET, Raw, UnsetType

from seaway.api import moments, wire
from seaway.api.network_wishes import DHCP
from seaway.contracts import Store
from seaway.model.address import Reservation
from seaway.model.lease import Lease4, Lease6
from seaway.model.network import Network, Subnet, SubnetWish
from seaway.model.options import Icc

Shape = TypeVar("Shape", bound=wire.Network)
_SPARE = 64
"""How many texts may be kept of networks that are gone, before they are forgotten."""


def shown(
    shape: type[Shape],
    network: Network,
    source: str,
    members: dict[str, wire.NetworkMember] | UnsetType = UNSET,
) -> Shape:
    """*network*, made from the configuration network *source*, as the API shows it."""
    return shape(
        name=network.name,
        id=network.id,
        created=moments.shown(network.created),
        driver=network.driver,
        enable_ipv4=network.config.ipv4 if network.config else network.versions != (6,),
        enable_ipv6=network.config.ipv6 if network.config else 6 in network.versions,
        ipam=_ipam(network),
        internal=network.internal,
        attachable=network.attachable,
        config_from=wire.ShownConfigFrom(network=source),
        config_only=network.config is not None,
        options=_options(network),
        labels=dict(network.labels),
        containers=members,
        reservations=[_reserved(r) for r in network.reservations] or UNSET,
    )


def _reserved(reservation: Reservation) -> wire.ReservedAddress:
    return wire.ReservedAddress(address=str(reservation.address), sandbox=reservation.name)


def _ipam(network: Network) -> wire.ShownIpam:
    config = network.config
    subnets: tuple[Subnet | SubnetWish, ...] = config.subnets if config else network.subnets
    asked = network.ipam_options
    return wire.ShownIpam(
        driver=DHCP if network.dhcp else "default",
        options=None if asked is None else dict(asked),
        config=[_subnet(network, s) for s in subnets] if subnets or config else None,
    )


def _subnet(network: Network, subnet: Subnet | SubnetWish) -> wire.ShownIpamConfig:
    hidden = isinstance(subnet, Subnet) and not network.has_gateway(subnet.version)
    return wire.ShownIpamConfig(
        subnet=str(subnet.prefix),
        ip_range=str(subnet.range or ""),
        gateway="" if hidden else str(subnet.gateway or ""),
        auxiliary_addresses={name: str(a) for name, a in subnet.auxiliary} or UNSET,
    )


def _options(network: Network) -> dict[str, str]:
    """As asked for; those of the predefined bridge as Docker shows its own."""
    options = network.options
    if not network.predefined or options.bridge is None:
        return dict(network.asked_options)
    bridge = "com.docker.network.bridge."
    return {
        f"{bridge}default_bridge": "true",
        f"{bridge}enable_icc": _word(options.icc is Icc.OPEN),
        f"{bridge}enable_ip_masquerade": _word(options.masquerade),
        f"{bridge}host_binding_ipv4": str(options.host_binding or "0.0.0.0"),
        f"{bridge}name": options.bridge,
        "com.docker.network.driver.mtu": str(options.mtu),
        **dict(network.asked_options),
    }


def shown_lease(lease: Lease4) -> wire.Lease:
    """What a DHCP server lent, as the API shows it."""
    return wire.Lease(
        address=str(lease.address),
        server=str(lease.server),
        obtained=moments.shown(lease.obtained),
        renews=_moment(lease.renew_at),
        expires=_moment(lease.expires_at),
        gateway=str(lease.gateway or ""),
        dns=[str(server) for server in lease.dns],
        search=[*lease.search],
        mtu=lease.mtu or 0,
    )


def shown_lease6(lease: Lease6) -> wire.Lease6:
    """What a DHCPv6 server lent, as the API shows it."""
    return wire.Lease6(
        addresses=[str(leased.address) for leased in lease.addresses],
        server=lease.server,
        obtained=moments.shown(lease.obtained),
        renews=_moment(lease.renew_at),
        expires=_moment(lease.expires_at),
        dns=[str(server) for server in lease.dns],
        search=[*lease.search],
    )


def _moment(moment: int | None) -> str:
    return "" if moment is None else moments.shown(moment)


def _word(flag: bool) -> str:
    return "true" if flag else "false"


class _Written(NamedTuple):
    """A network, and what it was written from beside it and as."""

    network: Network
    source: str
    text: Raw


class ListedNetworks:
    """Networks as they stand in lists: values never change, so one that is the same is written once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._written: dict[tuple[str, tuple[int, int]], _Written] = {}

    def texts(self, networks: Sequence[Network], version: tuple[int, int]) -> list[Raw]:
        """The JSON of each of *networks*, as *version* of the API has it."""
        if len(self._written) > 2 * len(self._store.networks()) + _SPARE:
            self._written.clear()
        return [self._text(network, version) for network in networks]

    def _text(self, network: Network, version: tuple[int, int]) -> Raw:
        source = self._store.network(network.config_from).name if network.config_from else ""
        there = self._written.get((network.id, version))
        if there is not None and there.network is network and there.source == source:
            return there.text
        nobody = dict[str, wire.NetworkMember]()
        listed = wire.as_of(shown(wire.ListedNetwork, network, source, nobody), version)
        text = Raw(wire.encoded(listed).rstrip())
        self._written[network.id, version] = _Written(network, source, text)
        return text
