"""Servers on the LAN that lend what another machine has: it is found before it is used, and declined.

The LAN is that of ``bed.lan``; its router is dnsmasq, and looks for nobody itself.
"""

from __future__ import annotations

import pytest

from bed.daemon import Daemon
from bed.host import Host
from bed.lan import Lan, subnets
from bed.spot import Spot
from e2e.frames import mac_of
from e2e.stage import make_sandbox, pings, place, within

FOUR, SIX = subnets()
CREATE = ("network", "create", "-d", "macvlan", "-o", "parent=lan0", "--ipam-driver", "dhcp")


@pytest.fixture
def lan(host: Host) -> Lan:
    """A LAN with a DHCP server that lends .64 first, and ::100 and ::101 by DHCPv6."""
    host.sh("sysctl -qw net.ipv6.conf.default.accept_ra=0")
    lan = Lan(host)
    lan.router().lend("dhcp-sequential-ip", f"dhcp-range={SIX}::100,{SIX}::101,64,1h")
    return lan


@pytest.fixture
def machine(lan: Lan) -> Spot:
    """A machine that has .64, ::100 and ::101, of which the server knows nothing."""
    machine = lan.machine("squatter", 0x64)
    machine.sh(
        f"ip address add {FOUR}.64/24 dev eth0;"
        f"ip address add {SIX}::100/64 dev eth0 nodad; ip address add {SIX}::101/64 dev eth0 nodad"
    )
    return machine


def test_an_ipv4_address_that_a_machine_has_is_declined_and_the_next_one_used(
    daemon: Daemon, machine: Spot
) -> None:
    daemon.seaway(*CREATE, "lan")

    one = make_sandbox(daemon, "one", "lan")

    assert place(daemon, "one", "lan")["IPAddress"] == f"{FOUR}.65"
    assert pings(one, f"{FOUR}.64")
    said = f"{FOUR}.64 on network lan is used by {mac_of(machine)} on the LAN"
    assert said in daemon.log


def test_an_ipv6_address_that_a_machine_has_is_declined_and_not_used(
    daemon: Daemon, machine: Spot
) -> None:
    daemon.seaway(*CREATE, "--ipv6", "--ipv4=false", "lan")

    one = make_sandbox(daemon, "one", "lan")

    said = f"on network lan is used by {mac_of(machine)} on the LAN"
    assert within(10, lambda: said in daemon.log)
    assert "a lent address is declined" in daemon.log
    shown = one.sh("ip -6 address show dev eth0").out
    assert f"{SIX}::100" not in shown
    assert f"{SIX}::101" not in shown
