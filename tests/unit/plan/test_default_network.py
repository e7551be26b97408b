"""The default network as the daemon's settings want it."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network

import pytest

from fakes.records import a_network, a_subnet
from seaway.model.errors import InvalidRequest
from seaway.model.network import SubnetWish
from seaway.plan.default_network import DefaultNetwork, Family, is_as_asked

BIP = Family(bridge=ip_interface("10.9.0.1/24"))
BIP6 = Family(bridge=ip_interface("fd09::1/64"))


def refusal(asked: DefaultNetwork) -> str:
    """Why *asked* cannot be."""
    with pytest.raises(InvalidRequest) as caught:
        asked.wish()
    return str(caught.value)


def test_without_settings_nothing_is_asked() -> None:
    wish = DefaultNetwork().wish()

    assert (wish.name, wish.ipv4, wish.ipv6) == ("bridge", True, False)
    assert (wish.subnets, wish.options) == ((), ())


def test_the_bridges_address_gives_subnet_and_gateway() -> None:
    wish = DefaultNetwork(ipv4=BIP, ipv6=BIP6, has_ipv6=True, mtu=1400).wish()

    assert wish.subnets == (
        SubnetWish(prefix=ip_network("10.9.0.0/24"), gateway=ip_address("10.9.0.1")),
        SubnetWish(prefix=ip_network("fd09::/64"), gateway=ip_address("fd09::1")),
    )
    assert wish.options == (("com.docker.network.driver.mtu", "1400"),)


def test_a_range_alone_is_the_subnet() -> None:
    asked = DefaultNetwork(ipv4=Family(range=ip_network("10.9.0.0/25")))

    assert asked.wish().subnets == (
        SubnetWish(prefix=ip_network("10.9.0.0/25"), range=ip_network("10.9.0.0/25")),
    )


def test_somebody_else_as_gateway_is_set_aside_under_dockers_name() -> None:
    gateway = ip_address("10.9.0.254")
    (subnet,) = DefaultNetwork(ipv4=replace(BIP, gateway=gateway)).wish().subnets

    assert (subnet.gateway, subnet.auxiliary) == (
        ip_address("10.9.0.1"),
        (("DefaultGatewayIPv4", gateway),),
    )
    (plain,) = DefaultNetwork(ipv4=replace(BIP, gateway=ip_address("10.9.0.1"))).wish().subnets
    assert plain.auxiliary == ()


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (
            DefaultNetwork(ipv6=BIP6),
            (
                "settings bip6, fixed-cidr-v6, default-gateway-v6 are for a network with IPv6: "
                "set ipv6 = true too"
            ),
        ),
        (
            DefaultNetwork(ipv4=Family(gateway=ip_address("10.9.0.1"))),
            "setting default-gateway needs bip: the subnet that contains it",
        ),
        (
            DefaultNetwork(ipv4=replace(BIP, range=ip_network("10.8.0.0/25"))),
            "setting fixed-cidr = 10.8.0.0/25: it should be a part of 10.9.0.0/24, as bip says",
        ),
        (
            DefaultNetwork(ipv4=replace(BIP, gateway=ip_address("10.8.0.1"))),
            "setting default-gateway = 10.8.0.1: it should be an address of 10.9.0.0/24",
        ),
        (
            DefaultNetwork(ipv4=Family(bridge=ip_interface("10.9.0.0/24"))),
            (
                "settings of the default network: invalid gateway 10.9.0.0: it is the network address of "
                "10.9.0.0/24; try 10.9.0.1"
            ),
        ),
        (
            DefaultNetwork(ipv4=Family(bridge=ip_interface("127.0.0.1/24"))),
            (
                "settings of the default network: invalid subnet 127.0.0.0/24: it holds loopback; "
                "try a private one like 10.77.0.0/24 or fd77::/64"
            ),
        ),
    ],
)
def test_settings_that_contradict_each_other_are_refused(asked: DefaultNetwork, why: str) -> None:
    assert refusal(asked) == why


def test_a_network_is_compared_with_what_is_asked_of_it_alone() -> None:
    chosen = replace(a_network(), subnets=(a_subnet("172.17.0.0/16", asked=False),))
    asked = replace(a_network(), subnets=(a_subnet("10.9.0.0/24"),))
    plain, bip = DefaultNetwork().wish(), DefaultNetwork(ipv4=BIP).wish()

    assert is_as_asked(chosen, plain)
    assert is_as_asked(asked, bip)
    assert not is_as_asked(chosen, bip)
    assert not is_as_asked(asked, plain)
    assert not is_as_asked(asked, DefaultNetwork(ipv4=BIP, mtu=1400).wish())
    assert not is_as_asked(asked, DefaultNetwork(ipv4=BIP, has_ipv6=True).wish())
