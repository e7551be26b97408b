"""Networks, and changes of them, as clients ask for them in Docker's words."""

from __future__ import annotations

from seaway.api import wire
from seaway.model.errors import Forbidden, InvalidRequest, NotFound
from seaway.model.ids import Prefix, address, network_name, shown
from seaway.model.network import NetworkChange, NetworkWish, SubnetWish
from seaway.plan.subnets import subnet_prefix

NO_SWARM = (
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect '
    "this node to swarm and try again."
)
"""Docker's words. There is no swarm to connect to: networks across hosts are made without one."""
DHCP = "dhcp"
"""The IPAM driver that leaves the choice of addresses to the LAN's own server."""
_BITS = {False: 32, True: 128}


def network_wish(asked: wire.NetworkCreate) -> NetworkWish:
    """A network as *asked* for; raises InvalidRequest, NotFound, Forbidden."""
    _refuse_swarm(asked)
    ipam = asked.ipam or wire.Ipam()
    if ipam.driver not in {None, "", "default", DHCP}:
        raise NotFound(
            f'plugin "{ipam.driver}" not found; addresses are chosen by default or {DHCP}'
        )
    return NetworkWish(
        name=network_name(asked.name or ""),
        driver=asked.driver or "bridge",
        ipv4=asked.enable_ipv4 is not False,
        ipv6=bool(asked.enable_ipv6),
        subnets=tuple(_subnet_wish(c) for c in ipam.config or () if _says_something(c)),
        internal=bool(asked.internal),
        attachable=bool(asked.attachable),
        labels=wire.pairs(asked.labels),
        options=wire.pairs(asked.options),
        dhcp=ipam.driver == DHCP,
        ipam_options=None if ipam.options is None else wire.pairs(ipam.options),
        config_only=bool(asked.config_only),
        config_from=(asked.config_from.network or "") if asked.config_from else "",
    )


def network_change(asked: wire.NetworkUpdate) -> NetworkChange:
    """A change of a network as *asked* for; raises InvalidRequest."""
    for config in asked.add_subnets or ():
        if not config.subnet:
            raise InvalidRequest("AddSubnets: each has a Subnet, such as 10.77.0.0/24 or fd77::/64")
    return NetworkChange(
        name=network_name(asked.name) if asked.name is not None else None,
        add_subnets=tuple(_subnet_wish(c) for c in asked.add_subnets or ()),
        internal=asked.internal,
        labels=wire.pairs(asked.labels),
        options=wire.pairs(asked.options),
    )


def _refuse_swarm(asked: wire.NetworkCreate) -> None:
    if asked.ingress or asked.driver == "overlay":
        raise Forbidden(f"{NO_SWARM} Seaway has no swarm")
    if asked.scope not in {None, "", "local"}:
        raise Forbidden(f"cannot create a {asked.scope} scoped network when swarm is not active")
    if asked.config_only and asked.scope:
        raise Forbidden("a configuration network has no scope: say it of the networks made from it")


def _says_something(config: wire.IpamConfig) -> bool:
    return bool(config.subnet or config.ip_range or config.gateway or config.auxiliary_addresses)


def _subnet_wish(config: wire.IpamConfig) -> SubnetWish:
    return SubnetWish(
        prefix=_prefix(config.subnet) if config.subnet else None,
        gateway=address(config.gateway) if config.gateway else None,
        range=_prefix(config.ip_range) if config.ip_range else None,
        auxiliary=tuple((n, address(a)) for n, a in wire.pairs(config.auxiliary_addresses)),
    )


def _prefix(text: str) -> Prefix:
    """*text* as a subnet; what cannot be one at all is told in the words of Docker's own reader."""
    _, slash, length = text.rpartition("/")
    wrong = f'invalid JSON: netip.ParsePrefix("{shown(text)}")'
    if not slash:
        raise InvalidRequest(f"{wrong}: no '/'; it should be like 10.77.0.0/24 or fd77::/64")
    if length.isdecimal() and length.isascii() and int(length[:4]) > _BITS[":" in text]:
        most = _BITS[":" in text]
        raise InvalidRequest(f"{wrong}: prefix length out of range; it is {most} at most")
    return subnet_prefix(text)
