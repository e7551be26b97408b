"""Leases of real servers, for interfaces in namespaces."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from dataclasses import replace
from hashlib import shake_128
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path

import pytest
import pytest_asyncio

from bed.pace import PACE
from netns.dhcp_stage import (
    Lan,
    OpenedSockets,
    Server,
    Told,
    a_client,
    a_lan,
    as_kernel,
    has_ipvlan,
    mac,
)
from netns.names_stage import NoSteps, a_netns, run_in
from seaway.contracts import Leases
from seaway.dhcp.clients import LeaseClients, Patience
from seaway.dhcp.ipv4 import Ipv4
from seaway.model.errors import Unavailable
from seaway.model.ids import IfName
from seaway.model.lease import Lease4, LeasedRoute
from seaway.plan.dhcp4 import Timing4
from seaway.plan.leasing import SECOND

SOON = Timing4(first=0.4, between_renewals=0.4, shortest_renewal=1.0)
RENEWED_SOON = "dhcp-option=option:T2,3s"
"""An option of dnsmasq: T2 after three seconds, before which it puts T1 after two."""
ANY = IPv4Network("0.0.0.0/0")


@pytest.fixture
def lan(tmp_path: Path) -> Generator[Lan]:
    with a_lan(tmp_path) as lan:
        yield lan


@pytest.fixture
def box(lan: Lan) -> Generator[Path]:
    with a_netns() as netns:
        lan.plug(netns, mac(1))
        yield netns


@pytest.fixture
def sockets(lan: Lan) -> OpenedSockets:
    return OpenedSockets(lan.netns)


@asynccontextmanager
async def a_daemon(
    sockets: OpenedSockets, patience: float = 3.0 * PACE
) -> AsyncGenerator[Leases[Lease4]]:
    """The clients of one daemon."""
    family = Ipv4(as_kernel(sockets), SOON)
    async with LeaseClients(family, NoSteps(), patience=Patience(acquire=patience)) as leases:
        yield leases


@pytest_asyncio.fixture
async def leases(sockets: OpenedSockets) -> AsyncGenerator[Leases[Lease4]]:
    async with a_daemon(sockets) as leases:
        yield leases


def use(box: Path, lease: Lease4) -> None:
    """Set the address of *lease*, as the daemon does."""
    run_in(box, "ip", "address", "replace", str(lease.address), "dev", "eth0")


def address(number: int) -> IPv4Address:
    return IPv4Address(f"192.0.2.{number}")


async def test_a_lease_says_what_the_server_was_told_to_say(
    lan: Lan, box: Path, leases: Leases[Lease4]
) -> None:
    lan.dnsmasq(
        f"dhcp-host={mac(1)},192.0.2.50",
        "dhcp-option=option:router,192.0.2.254",
        "dhcp-option=option:dns-server,192.0.2.53,192.0.2.54",
        "dhcp-option=option:mtu,1400",
        "dhcp-option=option:domain-search,lan.example,example",
        "domain=home.example",
    )
    begin = time.time_ns()

    lease = await leases.acquire(a_client(1, box))

    assert str(lease.address) == "192.0.2.50/24"
    assert lease.server == address(1)
    assert lease.routes == (LeasedRoute(to=ANY, via=address(254)),)
    assert lease.dns == (address(53), address(54))
    assert lease.search == ("lan.example", "example", "home.example")
    assert lease.mtu == 1400
    assert begin <= lease.obtained <= time.time_ns()
    assert lease.expires_at == lease.obtained + 120 * SECOND


async def test_classless_routes_take_the_place_of_the_router(
    lan: Lan, box: Path, leases: Leases[Lease4]
) -> None:
    lan.dnsmasq(
        "dhcp-option=option:router,192.0.2.254",
        "dhcp-option=option:classless-static-route,10.0.0.0/8,192.0.2.253,198.51.100.0/25,0.0.0.0",
    )

    lease = await leases.acquire(a_client(1, box))

    assert lease.routes == (
        LeasedRoute(to=IPv4Network("10.0.0.0/8"), via=address(253)),
        LeasedRoute(to=IPv4Network("198.51.100.0/25"), via=None),
    )


async def test_the_server_notes_name_and_client(
    lan: Lan, box: Path, leases: Leases[Lease4]
) -> None:
    server = lan.dnsmasq()

    lease = await leases.acquire(a_client(1, box))

    _, noted_mac, _, name, client_id = server.lent()[str(lease.address.ip)]
    assert (noted_mac, name, client_id) == (mac(1), "web1", f"01:{mac(1)}")


async def test_two_that_share_a_mac_have_an_address_each(
    lan: Lan, box: Path, leases: Leases[Lease4]
) -> None:
    server = lan.dnsmasq()
    with a_netns() as other:
        lan.plug(other, mac(1))
        one = replace(a_client(1, box), shares_mac=True)
        two = replace(a_client(2, other), mac=mac(1), shares_mac=True)

        first, second = await leases.acquire(one), await leases.acquire(two)

    noted = server.lent(2)
    assert first.address != second.address
    assert noted[str(first.address.ip)][3:] == ["web1", one.client_id.hex(":")]
    assert noted[str(second.address.ip)][3:] == ["web2", two.client_id.hex(":")]


async def test_neither_a_filter_for_sources_nor_a_firewall_keeps_a_lease_away(
    lan: Lan, box: Path, leases: Leases[Lease4]
) -> None:
    server = lan.dnsmasq()
    for name in ("all", "eth0"):
        run_in(box, "sysctl", "-qw", f"net.ipv4.conf.{name}.rp_filter=1")
    drop = "table ip t { chain c { type filter hook input priority 0; policy drop; }; }"
    run_in(box, "nft", "-f", "-", text=drop)

    lease = await leases.acquire(a_client(1, box))

    assert list(server.lent()) == [str(lease.address.ip)]


async def test_macvlan_links_of_one_parent_have_a_lease_each(
    lan: Lan, leases: Leases[Lease4]
) -> None:
    server = lan.dnsmasq()
    with a_netns() as host, a_netns() as one, a_netns() as two:
        lan.plug(host, mac(9))
        for number, netns in ((1, one), (2, two)):
            lan.branch(host, netns, "macvlan", "mode", "bridge")
            run_in(netns, "ip", "link", "set", "eth0", "address", mac(number))

        first, second = await asyncio.gather(
            leases.acquire(a_client(1, one)), leases.acquire(a_client(2, two))
        )

    assert set(server.lent(2)) == {str(first.address.ip), str(second.address.ip)}


@pytest.mark.smoke
async def test_ipvlan_links_of_one_parent_have_a_lease_each(
    lan: Lan, leases: Leases[Lease4]
) -> None:
    if not has_ipvlan():
        pytest.skip("this kernel has no ipvlan links")
    server = lan.dnsmasq()
    with a_netns() as host, a_netns() as one, a_netns() as two:
        lan.plug(host, mac(1))
        for netns in (one, two):
            lan.branch(host, netns, "ipvlan", "mode", "l2")
        clients = [
            replace(a_client(number, netns), mac=mac(1), shares_mac=True)
            for number, netns in ((1, one), (2, two))
        ]

        first, second = await asyncio.gather(*map(leases.acquire, clients))
        use(two, second)
        await leases.release(clients[1], second)

    assert first.address != second.address
    assert list(server.lent()) == [str(first.address.ip)]


async def test_noise_on_the_lan_keeps_no_lease_away(
    lan: Lan, box: Path, leases: Leases[Lease4], caplog: pytest.LogCaptureFixture
) -> None:
    speak = lan.speaker()

    async def noise_and_then_a_server() -> Server:
        for length in range(300):
            speak(shake_128(str(length).encode()).digest(length))
            await asyncio.sleep(0)
        return lan.dnsmasq()

    lease, server = await asyncio.gather(
        leases.acquire(a_client(1, box)), noise_and_then_a_server()
    )

    assert list(server.lent()) == [str(lease.address.ip)]
    assert not [record for record in caplog.records if record.exc_info]


async def test_the_host_itself_has_a_lease_too(lan: Lan, leases: Leases[Lease4]) -> None:
    server = lan.dnsmasq()
    run_in(lan.netns, "ip", "link", "add", "shim", "type", "veth", "peer", "name", "far")
    run_in(lan.netns, "ip", "link", "set", "far", "master", "lan", "up")
    run_in(lan.netns, "ip", "link", "set", "shim", "address", mac(3), "up")

    lease = await leases.acquire(replace(a_client(3, None), ifname=IfName("shim")))

    assert list(server.lent()) == [str(lease.address.ip)]


async def test_a_lease_is_renewed_by_its_server(
    lan: Lan, box: Path, sockets: OpenedSockets, leases: Leases[Lease4]
) -> None:
    server = lan.dnsmasq(RENEWED_SOON)
    client, told = a_client(1, box), Told()
    lease = await leases.acquire(client)
    use(box, lease)

    leases.keep(client, lease, told)
    first, second = await told.until(2)

    assert isinstance(first, Lease4)
    assert isinstance(second, Lease4)
    assert first.address == second.address == lease.address
    assert lease.obtained + 2 * SECOND <= first.obtained <= second.obtained - 2 * SECOND
    assert server.log.read_text().count("DHCPREQUEST") == 3
    assert await sockets.are_closed()


async def test_another_server_goes_on_with_a_lease_whose_own_is_gone(
    lan: Lan, box: Path, leases: Leases[Lease4]
) -> None:
    gone = lan.dnsmasq(RENEWED_SOON)
    client, told = a_client(1, box), Told()
    lease = await leases.acquire(client)
    use(box, lease)

    gone.stop()
    lan.move_to("192.0.2.2")
    lan.dnsmasq(RENEWED_SOON)
    leases.keep(client, lease, told)
    (rebound,) = await told.until(1)

    assert isinstance(rebound, Lease4)
    assert rebound.address == lease.address
    assert (lease.server, rebound.server) == (address(1), address(2))
    assert rebound.obtained >= lease.obtained + 3 * SECOND


async def test_a_server_that_forgot_and_lends_otherwise_ends_the_lease_and_gives_another(
    lan: Lan, box: Path, leases: Leases[Lease4]
) -> None:
    gone = lan.dnsmasq(RENEWED_SOON)
    client, told = a_client(1, box), Told()
    lease = await leases.acquire(client)
    use(box, lease)

    gone.forget()
    lan.dnsmasq(lends="192.0.2.100,192.0.2.199,2m")
    leases.keep(client, lease, told)
    nothing, other = await told.until(2)

    assert nothing is None
    assert isinstance(other, Lease4)
    assert int(other.address.ip) >= int(address(100))


async def test_a_lease_that_is_given_back_is_free(
    lan: Lan, box: Path, sockets: OpenedSockets, leases: Leases[Lease4]
) -> None:
    server = lan.dnsmasq()
    client, told = a_client(1, box), Told()
    lease = await leases.acquire(client)
    use(box, lease)
    leases.keep(client, lease, told)
    before = server.lent()

    await leases.release(client, lease)
    run_in(box, "ip", "link", "delete", "eth0")

    assert (list(before), server.lent(0)) == ([str(lease.address.ip)], {})
    assert told.leases == []
    assert await sockets.are_closed()


async def test_an_address_that_somebody_else_has_is_declined_and_another_is_lent(
    lan: Lan, box: Path, leases: Leases[Lease4]
) -> None:
    server = lan.dnsmasq()
    client = a_client(1, box)
    lease = await leases.acquire(client)

    await leases.decline(client, lease)
    other = await leases.acquire(client)

    assert other.address != lease.address
    assert server.says(f"DHCPDECLINE(lan) {lease.address.ip} {mac(1)}")


async def test_a_lan_without_a_server_is_told_in_one_sentence(
    box: Path, sockets: OpenedSockets
) -> None:
    async with a_daemon(sockets, patience=0.7) as leases:
        with pytest.raises(Unavailable) as refused:
            await leases.acquire(a_client(1, box))

    assert str(refused.value) == (
        "eth0 of web1 on network lan got no address in 0.7 seconds: no DHCP server answered"
    )
    assert await sockets.are_closed()


async def test_an_interface_that_is_not_there_is_told(box: Path, leases: Leases[Lease4]) -> None:
    client = replace(a_client(1, box), ifname=IfName("eth7"))

    with pytest.raises(Unavailable, match=r"^eth7 of web1 on network lan cannot be used: No such"):
        await leases.acquire(client)


async def test_a_server_may_come_late(lan: Lan, box: Path, leases: Leases[Lease4]) -> None:
    client, told = a_client(1, box), Told()

    leases.keep(client, None, told)
    await asyncio.sleep(0.6)
    lan.dnsmasq()

    assert isinstance((await told.until(1))[0], Lease4)


async def test_who_comes_back_asks_for_the_lease_it_had(
    lan: Lan, box: Path, leases: Leases[Lease4]
) -> None:
    server = lan.dnsmasq()
    known = await leases.acquire(a_client(1, box))

    again = await leases.acquire(a_client(1, box), known)

    assert again.address == known.address
    assert again.obtained > known.obtained
    assert server.log.read_text().count("DHCPDISCOVER") == 1


async def test_who_comes_back_with_a_lease_of_another_lan_gets_a_new_one(
    lan: Lan, box: Path, leases: Leases[Lease4]
) -> None:
    server = lan.dnsmasq()
    here = await leases.acquire(a_client(1, box))
    elsewhere = replace(here, address=IPv4Interface("198.51.100.7/24"))

    again = await leases.acquire(a_client(1, box), elsewhere)

    assert again.address == here.address
    assert server.says("DHCPNAK")


async def test_a_lease_that_runs_is_used_while_its_server_is_away(
    lan: Lan, box: Path, sockets: OpenedSockets
) -> None:
    server = lan.dnsmasq()
    async with a_daemon(sockets, patience=0.7) as leases:
        known = await leases.acquire(a_client(1, box))
        server.stop()

        assert await leases.acquire(a_client(1, box), known) == known
        with pytest.raises(Unavailable):
            await leases.acquire(a_client(1, box), replace(known, expires_at=known.obtained))


async def test_the_next_daemon_goes_on_with_a_lease(
    lan: Lan, box: Path, sockets: OpenedSockets
) -> None:
    server = lan.dnsmasq(RENEWED_SOON)
    client, told = a_client(1, box), Told()
    async with a_daemon(sockets) as leases:
        lease = await leases.acquire(client)
        use(box, lease)
        leases.keep(client, lease, Told())

    async with a_daemon(sockets) as leases:
        leases.keep(client, lease, told)
        (renewed,) = await told.until(1)

    assert isinstance(renewed, Lease4)
    assert renewed.address == lease.address
    assert "DHCPRELEASE" not in server.log.read_text()


DHCPD = """
authoritative; ping-check false; log-facility local7;
dhcp-cache-threshold 0; default-lease-time 12; max-lease-time 12;
option classless code 121 = array of integer 8;
subnet 192.0.2.0 netmask 255.255.255.0 {
  range 192.0.2.10 192.0.2.99;
  option routers 192.0.2.254;
  option classless 8, 10, 192, 0, 2, 253;
  option domain-name-servers 192.0.2.53;
  option domain-name "lan.example";
  option domain-search "a.lan.example", "lan.example";
  option interface-mtu 1400;
  option dhcp-renewal-time 1;
  option dhcp-rebinding-time 2;
}
"""


async def test_isc_dhcpd_lends_renews_and_takes_back(
    lan: Lan, box: Path, leases: Leases[Lease4]
) -> None:
    server = lan.dhcpd(DHCPD)
    client, told = a_client(1, box), Told()

    lease = await leases.acquire(client)
    use(box, lease)
    leases.keep(client, lease, told)
    (renewed,) = await told.until(1)
    assert isinstance(renewed, Lease4)
    await leases.release(client, renewed)

    assert str(lease.address) == "192.0.2.10/24"
    assert lease.routes == (LeasedRoute(to=IPv4Network("10.0.0.0/8"), via=address(253)),)
    assert (lease.dns, lease.mtu) == ((address(53),), 1400)
    assert lease.search == ("a.lan.example", "lan.example")
    assert renewed == replace(
        lease,
        obtained=renewed.obtained,
        renew_at=renewed.obtained + SECOND,
        rebind_at=renewed.obtained + 2 * SECOND,
        expires_at=renewed.obtained + 12 * SECOND,
    )
    assert server.says('client-hostname "web1"')
    assert server.says("\n  binding state free;")


async def test_isc_dhcpd_lends_to_two_that_share_a_mac(
    lan: Lan, box: Path, leases: Leases[Lease4]
) -> None:
    lan.dhcpd(DHCPD)
    with a_netns() as other:
        lan.plug(other, mac(1))
        one = replace(a_client(1, box), shares_mac=True)
        two = replace(a_client(2, other), mac=mac(1), shares_mac=True)

        first, second = await leases.acquire(one), await leases.acquire(two)

    assert {str(first.address), str(second.address)} == {"192.0.2.10/24", "192.0.2.11/24"}


async def test_isc_dhcpd_refuses_an_address_of_another_lan(
    lan: Lan, box: Path, leases: Leases[Lease4]
) -> None:
    lan.dhcpd(DHCPD)
    here = await leases.acquire(a_client(1, box))
    elsewhere = replace(here, address=IPv4Interface("198.51.100.7/24"))

    again = await leases.acquire(a_client(1, box), elsewhere)

    assert again.address == here.address
