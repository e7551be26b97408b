"""Records with the least that matters, for tests of stores and plans."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network

from seaway.model.endpoint import Endpoint, EndpointWish, Place
from seaway.model.ids import (
    DnsName,
    EndpointId,
    IfName,
    Mac,
    NetworkId,
    NetworkName,
    SandboxId,
    SandboxName,
)
from seaway.model.network import Network, Subnet
from seaway.model.options import BridgeOptions, Icc
from seaway.model.sandbox import Sandbox
from seaway.plan.operations import Route


def an_id(text: str) -> str:
    """*text*, hexadecimal digits, as the beginning of an id of 64."""
    return text.ljust(64, "0")


def a_subnet(prefix: str, **more: object) -> Subnet:
    """A subnet whose gateway is its first address."""
    found = ip_network(prefix)
    gateway = more.pop("gateway", None) or found.network_address + 1
    return replace(Subnet(prefix=found, gateway=gateway), **more)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def a_network(
    number: str = "a1",
    prefixes: tuple[str, ...] = ("10.77.0.0/24",),
    *,
    name: str = "",
    internal: bool = False,
    icc: Icc = Icc.OPEN,
    masquerade: bool = True,
    source_guard: bool = True,
) -> Network:
    """A bridge network whose id begins with *number*; its bridge is ``sw-`` and the id."""
    network_id = NetworkId(an_id(number))
    return Network(
        id=network_id,
        name=NetworkName(name or f"n{number}"),
        created=1,
        options=BridgeOptions(
            bridge=IfName(f"sw-{network_id[:12]}"),
            mtu=1500,
            icc=icc,
            masquerade=masquerade,
            source_guard=source_guard,
        ),
        subnets=tuple(a_subnet(p) for p in prefixes),
        internal=internal,
    )


def a_sandbox(number: str = "b1", name: str = "") -> Sandbox:
    """A sandbox whose id begins with *number*."""
    sandbox_id = SandboxId(an_id(number))
    return Sandbox(
        id=sandbox_id, name=SandboxName(name or f"s{number}"), created=1, hostname=DnsName("h")
    )


def an_endpoint(
    number: str = "e1",
    *,
    network: Network | None = None,
    sandbox: str = "b1",
    addresses: tuple[str, ...] = ("10.77.0.2/24",),
    order: int = 1,
    ifname: str = "eth0",
    mac: str = "02:00:00:00:00:02",
    live: bool = True,
    wish: EndpointWish | None = None,
) -> Endpoint:
    """A live endpoint whose id begins with *number*."""
    return Endpoint(
        id=EndpointId(an_id(number)),
        network=(network or a_network()).id,
        sandbox=SandboxId(an_id(sandbox)),
        order=order,
        wish=wish or EndpointWish(),
        place=Place(
            ifname=IfName(ifname),
            mac=Mac(mac),
            addresses=tuple(ip_interface(a) for a in addresses),
        ),
        live=live,
    )


def a_route(ifname: str, gateway: str) -> Route:
    """The default route by *ifname* to *gateway*."""
    return Route(ifname=IfName(ifname), gateway=ip_address(gateway))


ADDRESS = ip_address("10.77.0.2")
"""The address of ``an_endpoint()``."""
