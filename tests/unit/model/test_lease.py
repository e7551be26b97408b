"""Who asks for a lease, and how servers know it."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv6Interface

from seaway.model.ids import IfName, Mac, NetworkName
from seaway.model.lease import Lease4, Lease6, LeaseClient, LeasedAddress

WEB = LeaseClient(
    id="lan web",
    network=NetworkName("lan"),
    holder="web",
    netns=None,
    ifname=IfName("eth0"),
    mac=Mac("02:42:0a:4d:01:02"),
)
DB = replace(WEB, id="lan db", holder="db")


def test_an_interface_is_known_by_its_mac() -> None:
    assert WEB.client_id.hex() == "0102420a4d0102"
    assert WEB.duid.hex() == "0003000102420a4d0102"


def test_interfaces_that_share_a_mac_are_told_apart() -> None:
    web, db = replace(WEB, shares_mac=True), replace(DB, shares_mac=True)

    assert web.client_id.hex() == "ffb04b4f700004" + web.duid.hex()[4:]
    assert web.client_id != db.client_id
    assert web.duid != db.duid
    assert (web.duid[:2], len(web.duid), web.duid[8] >> 4) == (b"\0\4", 18, 8)


def test_a_given_identifier_is_used() -> None:
    client = replace(WEB, shares_mac=True, given_duid=bytes.fromhex("0002000000091234"))

    assert client.duid.hex() == "0002000000091234"
    assert client.client_id.endswith(client.duid)


def test_a_client_made_again_under_its_id_is_the_same_to_servers() -> None:
    again = replace(WEB, shares_mac=True, ifname=IfName("eth7"), hostname="www")

    assert again.client_id == replace(WEB, shares_mac=True).client_id
    assert again.iaid == WEB.iaid


def test_it_is_named_for_people() -> None:
    assert WEB.said == "eth0 of web on network lan"


def test_an_ipv4_lease_is_valid_until_it_expires() -> None:
    lease = Lease4(
        address=IPv4Interface("192.0.2.10/24"),
        server=IPv4Address("192.0.2.1"),
        obtained=0,
        renew_at=50,
        rebind_at=80,
        expires_at=100,
    )

    assert [lease.is_valid(now) for now in (0, 99, 100)] == [True, True, False]
    assert replace(lease, expires_at=None).is_valid(10**30)


def test_an_ipv6_lease_is_valid_while_any_address_is() -> None:
    short, long = (
        LeasedAddress(
            address=IPv6Interface(f"2001:db8::{n}"), preferred_until=n, valid_until=100 * n
        )
        for n in (1, 2)
    )
    lease = Lease6(server="00", obtained=0, renew_at=5, rebind_at=8, addresses=(short, long))

    assert lease.expires_at == 200
    assert [lease.is_valid(now) for now in (150, 200)] == [True, False]
    endless = replace(long, valid_until=None)
    assert replace(lease, addresses=(short, endless)).expires_at is None
    assert replace(lease, addresses=()).is_valid(10**30)
