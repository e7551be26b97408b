"""Leases of real DHCPv6 servers, for interfaces in namespaces."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from ipaddress import IPv6Address, IPv6Network
from pathlib import Path

import pytest
import pytest_asyncio

from bed.pace import PACE
from netns.dhcp_stage import Lan, OpenedSockets, Told, a_client, a_lan, as_kernel, has_ipvlan, mac
from netns.names_stage import NoSteps, a_netns, run_in
from seaway.contracts import Leases
from seaway.dhcp.clients import LeaseClients, Patience
from seaway.dhcp.ipv6 import Ipv6
from seaway.model.errors import Unavailable
from seaway.model.lease import Lease6
from seaway.plan.dhcp6 import Timing6
from seaway.plan.leasing import SECOND

SOON = Timing6(first=0.2, first_renewal=0.4, shortest_renewal=1.0)
RANGE = "2001:db8::10,2001:db8::99,64,2m"
PREFIX = IPv6Network("2001:db8::/64")
TOLD = (
    "enable-ra",
    "dhcp-option=option6:dns-server,[2001:db8::53]",
    "dhcp-option=option6:domain-search,lan.example",
)
DHCPD = """
authoritative; dhcp-cache-threshold 0; default-lease-time 20; preferred-lifetime 16; max-lease-time 20;
option dhcp-renewal-time 1; option dhcp-rebinding-time 2;
option dhcp6.name-servers 2001:db8::53;
subnet6 2001:db8::/64 { range6 2001:db8::10 2001:db8::99; }
"""


@pytest.fixture
def lan(tmp_path: Path) -> Generator[Lan]:
    with a_lan(tmp_path) as lan:
        yield lan


@pytest.fixture
def box(lan: Lan) -> Generator[Path]:
    with a_box(lan, 1) as netns:
        yield netns


@contextmanager
def a_box(lan: Lan, number: int, *, settings: str = "accept_dad=0") -> Generator[Path]:
    """A namespace on the LAN, of which each interface has these settings."""
    with a_netns() as netns:
        for each in settings.split():
            for which in ("all", "default"):
                run_in(netns, "sysctl", "-qw", f"net.ipv6.conf.{which}.{each}")
        lan.plug(netns, mac(number))
        yield netns


@pytest.fixture
def sockets(lan: Lan) -> OpenedSockets:
    return OpenedSockets(lan.netns)


@asynccontextmanager
async def a_daemon(
    sockets: OpenedSockets, patience: float = 4.0 * PACE
) -> AsyncGenerator[Leases[Lease6]]:
    """The clients of one daemon."""
    family = Ipv6(as_kernel(sockets), SOON)
    async with LeaseClients(family, NoSteps(), patience=Patience(acquire=patience)) as leases:
        yield leases


@pytest_asyncio.fixture
async def leases(sockets: OpenedSockets) -> AsyncGenerator[Leases[Lease6]]:
    async with a_daemon(sockets) as leases:
        yield leases


def use(box: Path, lease: Lease6) -> None:
    """Set the addresses of *lease*, as the daemon does."""
    for leased in lease.addresses:
        run_in(box, "ip", "address", "replace", str(leased.address), "dev", "eth0", "nodad")


def addresses(lease: Lease6 | None) -> list[IPv6Address]:
    assert lease is not None
    return [leased.address.ip for leased in lease.addresses]


async def test_a_lease_says_what_the_server_was_told_to_say(
    lan: Lan, box: Path, leases: Leases[Lease6]
) -> None:
    server = lan.dnsmasq(*TOLD, lends=RANGE)
    client = a_client(1, box)

    lease = await leases.acquire(client)

    (address,) = addresses(lease)
    assert address in PREFIX
    assert (lease.dns, lease.search) == ((IPv6Address("2001:db8::53"),), ("lan.example",))
    assert lease.expires_at == lease.obtained + 120 * SECOND
    _, iaid, _, name, duid = server.lent()[str(address)]
    assert (int(iaid), name, duid) == (client.iaid, "web1", client.duid.hex(":"))


async def test_a_link_that_has_just_come_up_is_waited_for(lan: Lan, leases: Leases[Lease6]) -> None:
    lan.dnsmasq(*TOLD, lends=RANGE)
    with a_box(lan, 1, settings="accept_dad=1") as box:
        lease = await leases.acquire(a_client(1, box))

    assert addresses(lease)


async def test_two_that_share_a_mac_have_an_address_each(
    lan: Lan, box: Path, leases: Leases[Lease6]
) -> None:
    lan.dnsmasq(*TOLD, lends=RANGE)
    with a_box(lan, 2) as other:
        one = replace(a_client(1, box), shares_mac=True)
        two = replace(a_client(2, other), shares_mac=True)

        first, second = await leases.acquire(one), await leases.acquire(two)

    assert addresses(first) != addresses(second)


@pytest.mark.smoke
async def test_ipvlan_links_of_one_parent_have_an_address_each(
    lan: Lan, leases: Leases[Lease6]
) -> None:
    if not has_ipvlan():
        pytest.skip("this kernel has no ipvlan links")
    lan.dnsmasq(*TOLD, lends=RANGE)
    with a_netns() as host, a_netns() as one, a_netns() as two:
        lan.plug(host, mac(1))
        for netns in (one, two):
            lan.branch(host, netns, "ipvlan", "mode", "l2")

        first, second = await asyncio.gather(
            *(
                leases.acquire(replace(a_client(number, netns), mac=mac(1), shares_mac=True))
                for number, netns in ((1, one), (2, two))
            )
        )

    assert addresses(first) != addresses(second)


async def test_a_known_address_is_lent_again(lan: Lan, box: Path, leases: Leases[Lease6]) -> None:
    server = lan.dnsmasq(*TOLD, lends=RANGE)
    known = await leases.acquire(a_client(1, box))
    server.forget()
    lan.dnsmasq(*TOLD, lends=RANGE)
    elsewhere = replace(a_client(1, box), id="another")

    assert addresses(await leases.acquire(elsewhere, known)) == addresses(known)


async def test_addresses_of_routers_need_name_servers_only(
    lan: Lan, leases: Leases[Lease6]
) -> None:
    lan.dnsmasq(*TOLD, lends="2001:db8::,ra-stateless")
    with a_box(lan, 1, settings="accept_dad=0 accept_ra=1 autoconf=1") as box:
        lease = await leases.acquire(replace(a_client(1, box), stateless=True))
        wait = "until ip -6 route show default | grep .; do sleep 0.05; done"
        route = run_in(box, "timeout", "5", "sh", "-c", wait)
        shown = run_in(box, "ip", "-6", "address", "show", "dev", "eth0", "scope", "global")

    assert (lease.addresses, lease.dns) == ((), (IPv6Address("2001:db8::53"),))
    assert "inet6 2001:db8::ff:fe00:101/64 scope global dynamic" in shown
    assert route.startswith("default via fe80::ff:fe00:1 dev eth0 proto ra")


async def test_isc_dhcpd_lends_renews_and_takes_back(
    lan: Lan, box: Path, sockets: OpenedSockets, leases: Leases[Lease6]
) -> None:
    server = lan.dhcpd(DHCPD, version=6)
    client, told = a_client(1, box), Told()

    lease = await leases.acquire(client)
    use(box, lease)
    leases.keep(client, lease, told)
    (renewed,) = await told.until(1)
    assert isinstance(renewed, Lease6)
    await leases.release(client, renewed)

    assert addresses(renewed) == addresses(lease)
    assert renewed.obtained >= lease.obtained + SECOND
    assert renewed.expires_at == renewed.obtained + 20 * SECOND
    assert server.says(f"releases address {addresses(lease)[0]}")
    assert await sockets.are_closed()


async def test_a_server_that_forgot_everything_lends_the_same_while_it_is_used(
    lan: Lan, box: Path, leases: Leases[Lease6]
) -> None:
    gone = lan.dhcpd(DHCPD, version=6)
    client, told = a_client(1, box), Told()
    lease = await leases.acquire(client)
    use(box, lease)

    gone.forget()
    await asyncio.sleep(1.1)  # its new identifier is made of the time in seconds
    lan.dhcpd(DHCPD, version=6)
    leases.keep(client, lease, told)
    (rebound,) = await told.until(1)

    assert isinstance(rebound, Lease6)
    assert addresses(rebound) == addresses(lease)
    assert rebound.server != lease.server


async def test_a_lan_without_a_server_is_told_in_one_sentence(
    box: Path, sockets: OpenedSockets
) -> None:
    async with a_daemon(sockets, patience=0.7) as leases:
        with pytest.raises(Unavailable) as refused:
            await leases.acquire(a_client(1, box))

    assert str(refused.value) == (
        "eth0 of web1 on network lan got no address in 0.7 seconds: no DHCPv6 server answered"
    )
    assert await sockets.are_closed()


async def test_a_link_without_ipv6_is_told(
    lan: Lan, sockets: OpenedSockets, leases: Leases[Lease6]
) -> None:
    with a_box(lan, 1, settings="disable_ipv6=1") as box, pytest.raises(Unavailable) as refused:
        await leases.acquire(a_client(1, box))

    assert str(refused.value) == (
        "eth0 of web1 on network lan has no IPv6 link-local address: is IPv6 off there?"
    )
    assert await sockets.are_closed()
