"""The test bed's LAN: what it promises to the tests of networks that are on one."""

from __future__ import annotations

import pytest

from bed.features import need
from bed.host import Host, a_host
from bed.lan import Lan
from bed.pace import PACE
from bed.spot import Spot
from e2e.stage import pings, within

LEARN = """\
case $1 in bound) ip address add $ip/$mask dev $interface; ip route add default via $router;; esac
"""
"""What busybox's DHCP client does with what it is told."""


@pytest.fixture
def lan(host: Host) -> Lan:
    """A LAN without VLANs."""
    return Lan(host)


def test_machines_and_hosts_reach_each_other_by_the_switch(host: Host, lan: Lan) -> None:
    machine = lan.machine("m2", 2)
    with a_host() as other:
        lan.join(other, 3)

        assert pings(machine, "198.51.100.1")
        assert pings(machine, "2001:db8:0:2::1")
        assert pings(other, "198.51.100.1")
        assert pings(other, "2001:db8:0:2::2")
        assert "m2" in lan.switch.sh("bridge fdb show br br0").out


def test_an_unplugged_host_is_off_the_lan_and_gets_another_interface(host: Host, lan: Lan) -> None:
    machine = lan.machine("m2", 2)
    before = host.sh("cat /sys/class/net/lan0/ifindex").out

    lan.unplug()
    assert not pings(machine, "198.51.100.1")
    lan.plug_in()

    assert within(3, lambda: pings(machine, "198.51.100.1"))
    assert host.sh("cat /sys/class/net/lan0/ifindex").out != before


def test_the_router_lends_addresses_and_leads_out_of_the_lan(lan: Lan) -> None:
    router, machine = lan.router(), lan.machine("m2", 2)
    machine.sh("ip address flush dev eth0; ip link set eth0 down")
    router.lend()

    machine.sh("ip link set eth0 up")
    ask_for_a_lease(machine)

    ((address, mac),) = router.lent().items()
    assert mac in machine.sh("ip link show eth0").out
    assert f"inet {address}/24" in machine.sh("ip -4 address show eth0").out
    assert pings(machine, "203.0.113.2")
    assert within(10 * PACE, lambda: "default" in machine.sh("ip -6 route").out)
    assert pings(machine, "2001:db8:0:3::2")
    assert pings(router.internet, address)


def ask_for_a_lease(machine: Spot) -> None:
    """Become what a DHCP server says, at once or not at all."""
    script = "/run/learn"
    machine.sh(
        f"printf %s '#!/bin/sh\n{LEARN}' >{script}; chmod +x {script};"
        f"busybox udhcpc -i eth0 -s {script} -n -q -f -t 20 -T 1 >/run/udhcpc.log 2>&1"
    )


@pytest.mark.smoke
def test_machines_are_in_one_vlan_each_and_the_host_in_all(host: Host) -> None:
    need("vlan", "vlan_filtering")
    lan = Lan(host, (50, 60))
    in50, in60 = lan.machine("m50", 2, vlan=50), lan.machine("m60", 3, vlan=60)
    host.sh(
        "ip link add link lan0 name lan0.50 type vlan id 50;"
        "ip address add 10.50.0.1/24 dev lan0.50; ip link set lan0.50 up"
    )
    in60.sh("ip address add 10.50.0.9/24 dev eth0")

    assert pings(in50, "10.50.0.1")
    assert not pings(in60, "10.50.0.1")
    assert not pings(in50, "10.50.0.9")
