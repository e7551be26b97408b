"""Configuration networks: what they may keep, and how another network is made from one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from seaway.model.errors import Forbidden, InvalidRequest, NotFound
from seaway.model.network import Network, NetworkConfig, NetworkWish
from seaway.model.options import NullOptions


def keeper(wish: NetworkWish) -> NetworkWish:
    """*wish* for a network that only keeps a configuration; raises Forbidden for more than that.

    What belongs to the network that is made later (internal, attachable) is said there.
    """
    if wish.config_from:
        raise Forbidden("a configuration network cannot depend on another configuration network")
    if wish.internal or wish.attachable:
        raise Forbidden(
            f"configuration network {wish.name} cannot be internal or attachable: "
            "say that of the networks made from it"
        )
    return replace(wish, driver=NullOptions.driver)


def config(wish: NetworkWish) -> NetworkConfig | None:
    """What a network wished for so keeps for others; None: nothing."""
    if not wish.config_only:
        return None
    for subnet in wish.subnets:
        if subnet.prefix is None:
            raise InvalidRequest(
                "invalid network config:\na gateway, ip-range or auxiliary address "
                "comes with the subnet that contains it"
            )
    return NetworkConfig(ipv4=wish.ipv4, ipv6=wish.ipv6, subnets=wish.subnets)


def source(networks: Iterable[Network], ref: str) -> Network:
    """The configuration network of that name or full id; raises NotFound."""
    named = [n for n in networks if ref in {n.name, n.id}]
    for network in named:
        if network.config is not None:
            return network
    why = f"; network {ref} keeps no configuration (--config-only)" if named else ""
    raise NotFound(f'configuration network "{ref}" not found{why}')


def configured(wish: NetworkWish, source: Network) -> NetworkWish:
    """*wish* with all that *source* keeps; raises Forbidden when it brings any of that itself."""
    kept = source.config
    assert kept is not None
    _refuse_own_settings(wish, source)
    return replace(
        wish,
        ipv4=kept.ipv4,
        ipv6=kept.ipv6,
        subnets=kept.subnets,
        labels=source.labels,
        options=source.asked_options,
        ipam_options=source.ipam_options,
        config_from=source.id,
    )


def _refuse_own_settings(wish: NetworkWish, source: Network) -> None:
    given = {
        "subnets": wish.subnets,
        "IPv4 off": not wish.ipv4,
        "IPv6": wish.ipv6,
        "labels": wish.labels,
        "driver options": wish.options,
        "IPAM options": wish.ipam_options,
    }
    if named := [name for name, value in given.items() if value]:
        raise Forbidden(
            f"network {wish.name} is made from configuration network {source.name}, "
            f"which alone says these: leave out {', '.join(named)}"
        )
