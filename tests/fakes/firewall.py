"""Hosts for the firewall: networks, endpoints and ports of all kinds."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network

from fakes.records import a_network, an_endpoint
from seaway.model.endpoint import EndpointWish
from seaway.model.ids import IfName
from seaway.model.network import Network
from seaway.model.options import BridgeOptions, GatewayMode, Icc, MacvlanOptions
from seaway.model.parent import Macvlan, Parent
from seaway.model.port import Proto, PublishedPort
from seaway.plan.elements import Elements
from seaway.plan.firewall import network_elements
from seaway.plan.wiring import Attachment, Wiring, elements

FRONT = a_network("aa", ("10.77.1.0/24", "fd77:1::/64"), name="front")
BACK = a_network("bb", ("10.77.2.0/24", "fd77:2::/64"), name="back", icc=Icc.CLOSED)
VAULT = a_network("cc", ("10.77.3.0/24",), name="vault", internal=True)
LAB = replace(
    a_network("dd", ("10.77.4.0/24", "fd77:4::/64"), name="lab"),
    options=BridgeOptions(
        bridge=IfName("sw-dd0000000000"),
        mtu=1500,
        gateway_mode4=GatewayMode.ROUTED,
        gateway_mode6=GatewayMode.UNPROTECTED,
        sources=(ip_address("2001:db8::7"),),
        trusted=(IfName("eth1"),),
    ),
)
"""Routed in IPv4, open in IPv6, where it leaves with an address of its own choice."""
TYPICAL_NETWORKS = (FRONT, BACK, VAULT, LAB)

PORTS = (
    PublishedPort(proto=Proto.TCP, port=80, host_port=8080),
    PublishedPort(proto=Proto.TCP, port=443, host_port=8443, host=ip_address("192.0.2.1")),
    PublishedPort(proto=Proto.TCP, port=81, host_port=8081, host=ip_address("127.0.0.1")),
    PublishedPort(proto=Proto.TCP, port=82, host_port=8082, host=ip_address("2001:db8::1")),
    PublishedPort(proto=Proto.UDP, port=20000, host_port=20000, count=10000),
    PublishedPort(proto=Proto.TCP, port=90, host_port=9090, count=2),
    PublishedPort(
        proto=Proto.UDP, port=5000, host_port=5000, count=5, host=ip_address("192.0.2.1")
    ),
    PublishedPort(
        proto=Proto.TCP,
        port=22,
        host_port=2222,
        sources=(ip_network("192.0.2.0/24"), ip_network("192.0.2.7/32"), ip_network("fd00::/8")),
    ),
    PublishedPort(
        proto=Proto.TCP,
        port=6000,
        host_port=6000,
        count=10,
        host=ip_address("192.0.2.1"),
        sources=(ip_network("0.0.0.0/0"),),
    ),
    PublishedPort(proto=Proto.SCTP, port=9, host_port=9),
)
"""Ports of all kinds, without a clash."""

WEB = Wiring(
    attachments=(
        Attachment(
            network=FRONT,
            endpoint=an_endpoint("e1", network=FRONT, addresses=("10.77.1.2/24", "fd77:1::2/64")),
        ),
        Attachment(
            network=BACK,
            endpoint=an_endpoint(
                "e2",
                network=BACK,
                addresses=("10.77.2.2/24", "fd77:2::2/64"),
                mac="02:00:00:00:02:02",
                ifname="eth1",
                order=2,
            ),
        ),
    ),
    ports=PORTS,
)
"""A sandbox on two networks that publishes all PORTS."""
ROUTER = Wiring(
    attachments=(
        Attachment(
            network=BACK,
            endpoint=an_endpoint(
                "e3",
                network=BACK,
                sandbox="b2",
                addresses=("10.77.2.3/24", "fd77:2::3/64"),
                mac="02:00:00:00:02:03",
                wish=EndpointWish(
                    allowed_addresses=(
                        ip_network("10.77.2.100/32"),
                        ip_network("10.0.0.0/8"),
                        ip_network("fd77:2::100/128"),
                    )
                ),
            ),
        ),
    )
)
"""A sandbox that may use further addresses, one of which holds another."""
FREE = Wiring(
    attachments=(
        Attachment(
            network=VAULT,
            endpoint=an_endpoint(
                "e4",
                network=VAULT,
                sandbox="b3",
                addresses=("10.77.3.2/24",),
                mac="02:00:00:00:03:02",
                wish=EndpointWish(source_guard=False),
            ),
        ),
    ),
    ports=(PublishedPort(proto=Proto.TCP, port=80, host_port=80),),
)
"""A sandbox on the internal network, not guarded; its port leads nowhere."""
DIRECT = Wiring(
    attachments=(
        Attachment(
            network=LAB,
            endpoint=an_endpoint(
                "e5",
                network=LAB,
                sandbox="b4",
                addresses=("10.77.4.2/24", "fd77:4::2/64"),
                mac="02:00:00:00:04:02",
            ),
        ),
    ),
    ports=(
        PublishedPort(proto=Proto.TCP, port=80, host_port=8090),
        PublishedPort(
            proto=Proto.TCP, port=22, host_port=2200, sources=(ip_network("192.0.2.0/24"),)
        ),
    ),
)
"""A sandbox on the lab network: in IPv4 its ports are reached at its own address alone."""
WIRINGS = (WEB, ROUTER, FREE, DIRECT)

HOME = replace(
    a_network("ee", ("192.0.2.0/24", "2001:db8:0:1::/64"), name="home"),
    options=MacvlanOptions(parent=Parent(name=IfName("eth0")), link=Macvlan()),
)
"""On the LAN of the host, whose endpoints are guarded there; no part of the typical host."""


def on_lan(number: int, network: Network = HOME, **wish: object) -> Wiring:
    """A sandbox on *network*, with addresses that end with *number*, and a *wish*."""
    endpoint = an_endpoint(
        f"f{number}",
        network=network,
        sandbox=f"c{number}",
        addresses=(f"192.0.2.{number}/24", f"2001:db8:0:1::{number}/64"),
        mac=f"02:00:00:00:05:{number:02}",
        wish=EndpointWish(**wish),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    )
    return Wiring(attachments=(Attachment(network=network, endpoint=endpoint),))


def typical() -> Elements:
    """The elements of the typical host."""
    return host_elements(TYPICAL_NETWORKS, WIRINGS)


def host_elements(networks: tuple[Network, ...], wirings: tuple[Wiring, ...]) -> Elements:
    """What a host with these needs to know."""
    found: Elements = frozenset()
    for network in networks:
        found |= network_elements(network)
    for wiring in wirings:
        found |= elements(wiring)
    return found


def moved(wiring: Wiring) -> Wiring:
    """*wiring* without its first attachment: ports lead elsewhere."""
    return replace(wiring, attachments=wiring.attachments[1:])
