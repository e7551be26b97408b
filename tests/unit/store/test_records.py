"""Records as the store's file keeps them: files that are there already must be read for ever."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
)

import pytest

from fakes.records import a_network
from seaway.model.ids import IfName, Mac
from seaway.model.lease import Lease4, Lease6, LeasedAddress, LeasedRoute
from seaway.model.network import Network
from seaway.model.options import BridgeOptions, HostOptions, NullOptions, Options
from seaway.model.switch import Switch, Uplink
from seaway.store.records import decoded, encoded

BRIDGE = a_network("a1")
ID = "a1" + 62 * "0"
OLD_BRIDGED = (
    '{"bridge":"sw-a10000000000","mtu":1500,"icc":"open","masquerade":true,"source_guard":true,'
    '"host_binding":null,"dns":[]}'
)
"""As it was before there were gateway modes."""
TRUNKED = (
    '{"bridge":"sw-a10000000000","mtu":1500,"icc":"open","masquerade":true,"source_guard":true,'
    '"host_binding":null,"dns":[],"gateway_mode4":"nat","gateway_mode6":"nat","inhibit_ipv4":false,'
    '"sources":[],"trusted":[],"ifname_prefix":"eth","adopted":null,"switch":{"name":"st-eth1",'
    '"vlan":50,"mac":"02:00:00:00:00:07","adopted":false,"passed":false},'
    '"uplink":{"name":"eth1","up":false}}'
)
BRIDGED = OLD_BRIDGED.removesuffix("}") + (
    ',"gateway_mode4":"nat","gateway_mode6":"nat","inhibit_ipv4":false,"sources":[],"trusted":[],'
    '"ifname_prefix":"eth","adopted":null,"switch":null,"uplink":null}'
)

IN_VLAN = BridgeOptions(
    bridge=IfName("sw-a10000000000"),
    mtu=1500,
    switch=Switch(name=IfName("st-eth1"), vlan=50, mac=Mac("02:00:00:00:00:07")),
    uplink=Uplink(name=IfName("eth1"), up=False),
)

MORE = ',"ipam_options":null,"config":null,"config_from":null,"dhcp":[],"host_lease":null,"reservations":[]'


def text(driver: str, options: str, *, more: str = MORE) -> bytes:
    """A network without subnets, as files have it; *more* is what the first files did not have."""
    return (
        f'{{"driver":"{driver}","network":{{"id":"{ID}","name":"na1","created":1,"options":{options},'
        '"subnets":[],"internal":false,"attachable":false,"predefined":false,"labels":[],'
        f'"asked_options":[]{more}}}}}'
    ).encode()


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        (BRIDGE.options, text("bridge", BRIDGED)),
        (IN_VLAN, text("bridge", TRUNKED)),
        (HostOptions(), text("host", "{}")),
        (NullOptions(), text("null", "{}")),
    ],
)
def test_a_network_is_kept_under_the_word_of_its_driver(options: Options, kept: bytes) -> None:
    network = replace(BRIDGE, options=options, subnets=())

    assert encoded(network) == kept
    assert decoded(Network, kept) == network


def test_options_that_an_older_file_does_not_have_are_as_they_were_then() -> None:
    network = replace(BRIDGE, subnets=())

    assert decoded(Network, text("bridge", OLD_BRIDGED)) == network


def test_a_network_of_the_first_files_has_no_reservations() -> None:
    network = replace(BRIDGE, subnets=())

    assert decoded(Network, text("bridge", BRIDGED, more="")) == network


def test_a_lease_is_kept_whole() -> None:
    lease = Lease4(
        address=IPv4Interface("192.0.2.10/24"),
        server=IPv4Address("192.0.2.1"),
        obtained=1,
        renew_at=2,
        rebind_at=3,
        expires_at=None,
        routes=(LeasedRoute(to=IPv4Network("0.0.0.0/0"), via=IPv4Address("192.0.2.1")),),
        dns=(IPv4Address("192.0.2.53"),),
        search=("lan.example",),
        mtu=1400,
    )
    kept = (
        b'{"address":"192.0.2.10/24","server":"192.0.2.1","obtained":1,"renew_at":2,"rebind_at":3,'
        b'"expires_at":null,"routes":[{"to":"0.0.0.0/0","via":"192.0.2.1"}],"dns":["192.0.2.53"],'
        b'"search":["lan.example"],"mtu":1400}'
    )

    assert encoded(lease) == kept
    assert decoded(Lease4, kept) == lease


def test_an_ipv6_lease_is_kept_whole() -> None:
    address = LeasedAddress(
        address=IPv6Interface("2001:db8::10/128"), preferred_until=5, valid_until=None
    )
    lease = Lease6(
        server="0001",
        obtained=1,
        renew_at=2,
        rebind_at=None,
        addresses=(address,),
        dns=(IPv6Address("2001:db8::53"),),
    )
    kept = (
        b'{"server":"0001","obtained":1,"renew_at":2,"rebind_at":null,"addresses":'
        b'[{"address":"2001:db8::10/128","preferred_until":5,"valid_until":null}],'
        b'"dns":["2001:db8::53"],"search":[]}'
    )

    assert encoded(lease) == kept
    assert decoded(Lease6, kept) == lease
