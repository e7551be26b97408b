"""Other machines on the LAN, and the addresses that they have."""

from __future__ import annotations

import time

import pytest

from bed.daemon import Daemon
from bed.fingerprint import at_rest, leaked
from bed.host import Host
from bed.pace import SILENCE
from e2e.frames import mac_of
from e2e.lan import make_lan, refused
from e2e.stage import make_sandbox, pings, place


def give(host: Host, *addresses: str) -> None:
    """Give the neighbour *addresses*."""
    for address in addresses:
        prefix, flag = ("64", "nodad") if ":" in address else ("24", "")
        host.neighbour.sh(f"ip address add {address}/{prefix} dev eth0 {flag}")


def addresses(daemon: Daemon, name: str) -> tuple[object, object]:
    """What the sandbox *name* has on the network lan."""
    found = place(daemon, name, "lan")
    return found["IPAddress"], found["GlobalIPv6Address"]


@pytest.mark.parametrize(
    ("address", "key"), [("192.0.2.50", "ip"), ("2001:db8:0:1::50", "ip6")], ids=["IPv4", "IPv6"]
)
def test_an_address_that_a_machine_has_is_refused_with_its_mac(
    host: Host, daemon: Daemon, address: str, key: str
) -> None:
    lan = make_lan(daemon, "lan")
    give(host, address)
    inside = ("--network", f"{lan}:{key}={address}")
    before = at_rest(host)

    sentences = [
        refused(daemon, "sandbox", "create", *inside, "one"),
        refused(daemon, "run", "-d", *inside, "sleep", "60"),
    ]

    taken = f"Address already in use: {address} on network lan is used by {mac_of(host.neighbour)} on the LAN"
    assert [taken in sentence for sentence in sentences] == [True, True]
    assert leaked(before, host) == ()
    assert address not in host.neighbour.sh("ip neigh").out
    host.neighbour.sh(f"ip address flush to {address} dev eth0")
    one = make_sandbox(daemon, "one", f"{lan}:{key}={address}")
    assert pings(one, "192.0.2.2")


def test_addresses_that_machines_have_are_passed_over(host: Host, daemon: Daemon) -> None:
    make_lan(daemon, "lan")
    give(host, "192.0.2.128", "192.0.2.129", "2001:db8:0:1::81")

    one = make_sandbox(daemon, "one", "lan")
    make_sandbox(daemon, "two", "lan")

    assert addresses(daemon, "one") == ("192.0.2.130", "2001:db8:0:1::80")
    assert addresses(daemon, "two") == ("192.0.2.131", "2001:db8:0:1::82")
    assert pings(one, "192.0.2.128")
    assert daemon.log.count("an address is passed over") == 1


def test_a_silent_lan_costs_little(host: Host, daemon: Daemon) -> None:
    make_lan(daemon, "lan")
    daemon.seaway("sandbox", "create", "one")
    body = {"Container": "one"}

    def connects() -> float:
        begin = time.monotonic()
        for verb in ("connect", "disconnect"):
            assert daemon.request("POST", f"/networks/lan/{verb}", body)[0] == 200
        return time.monotonic() - begin

    first, *others = [connects() for _ in range(6)]

    assert first < 0.5 * SILENCE
    assert min(others) < 0.1 * SILENCE


def test_nobody_is_asked_where_it_is_switched_off(host: Host, daemon: Daemon) -> None:
    make_lan(daemon, "lan", "-o", "seaway.probe=0")
    give(host, "192.0.2.128")

    make_sandbox(daemon, "one", "lan")

    assert addresses(daemon, "one")[0] == "192.0.2.128"


def test_a_start_of_the_daemon_leaves_addresses_where_they_are(host: Host, daemon: Daemon) -> None:
    make_lan(daemon, "lan")
    one = make_sandbox(daemon, "one", "lan")
    daemon.kill()
    give(host, "192.0.2.128")

    daemon.start()

    assert addresses(daemon, "one")[0] == "192.0.2.128"
    assert "192.0.2.128" in one.sh("ip address show eth0").out
