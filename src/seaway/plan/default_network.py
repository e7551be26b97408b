"""The network ``bridge`` as the daemon's settings want it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from seaway.model.errors import InvalidRequest
from seaway.model.ids import Address, Interface, NetworkName, Prefix
from seaway.model.network import DEFAULT_GATEWAY, Network, NetworkWish, SubnetWish
from seaway.plan.subnets import more_subnets, within

NAME = NetworkName("bridge")
MTU = "com.docker.network.driver.mtu"
WORDS: Mapping[int, tuple[str, str, str]] = {
    4: ("bip", "fixed-cidr", "default-gateway"),
    6: ("bip6", "fixed-cidr-v6", "default-gateway-v6"),
}
"""The settings of each family: the bridge's address, the endpoints' range, their default gateway."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """What is asked of one family; what is None is ours to choose."""

    bridge: Interface | None = None
    """The bridge's address, with the length of its subnet."""
    range: Prefix | None = None
    """Where endpoints get their addresses; without *bridge* it is the subnet."""
    gateway: Address | None = None
    """Where endpoints send what leaves the subnet, if not to the bridge."""


NOTHING = Family()


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultNetwork:
    """What is asked of the network ``bridge``."""

    ipv4: Family = NOTHING
    ipv6: Family = NOTHING
    has_ipv6: bool = False
    mtu: int | None = None
    """Bytes; None: that of the host's way out."""

    def wish(self) -> NetworkWish:
        """The network that is asked for; raises InvalidRequest where settings contradict each other."""
        if self.ipv6 != NOTHING and not self.has_ipv6:
            raise InvalidRequest(
                f"settings {', '.join(WORDS[6])} are for a network with IPv6: set ipv6 = true too"
            )
        families = ((4, self.ipv4), (6, self.ipv6))
        wish = NetworkWish(
            name=NAME,
            ipv6=self.has_ipv6,
            subnets=tuple(_subnet(v, f) for v, f in families if f != NOTHING),
            options=() if self.mtu is None else ((MTU, str(self.mtu)),),
        )
        try:
            more_subnets(wish.subnets, ())
        except InvalidRequest as error:
            _, _, why = str(error).rpartition("\n")
            raise InvalidRequest(f"settings of the default network: {why}") from None
        return wish


def _subnet(version: int, asked: Family) -> SubnetWish:
    bridge, span, way = WORDS[version]
    prefix = asked.bridge.network if asked.bridge is not None else asked.range
    if prefix is None:
        raise InvalidRequest(f"setting {way} needs {bridge}: the subnet that contains it")
    if asked.range is not None and not within(asked.range, prefix):
        raise InvalidRequest(
            f"setting {span} = {asked.range}: it should be a part of {prefix}, as {bridge} says"
        )
    if asked.gateway is not None and asked.gateway not in prefix:
        raise InvalidRequest(
            f"setting {way} = {asked.gateway}: it should be an address of {prefix}"
        )
    host = asked.bridge.ip if asked.bridge is not None else None
    elsewhere = asked.gateway is not None and asked.gateway != host
    return SubnetWish(
        prefix=prefix,
        gateway=host,
        range=asked.range,
        auxiliary=((DEFAULT_GATEWAY[version], asked.gateway),)
        if asked.gateway is not None and elsewhere
        else (),
    )


def is_as_asked(network: Network, wish: NetworkWish) -> bool:
    """Whether *network* is what ``bridge`` would be made as when asked for as *wish*, but for what is ours."""
    asked = tuple(subnet for subnet in network.subnets if subnet.asked)
    return (
        (6 in network.versions) == wish.ipv6
        and network.asked_options == wish.options
        and asked == more_subnets(wish.subnets, ())
    )
