"""The source guard on the LAN, on Debian's kernel, which has VLANs and forgets a chain with its link."""

from __future__ import annotations

import pytest

from bed.daemon import Daemon
from bed.lan import Lan
from bed.spot import Spot
from e2e.stage import within
from vm.networks import lan_body, networks, reached, sandboxes

LAN4, LAN6 = "198.51.100", "2001:db8:0:2"


@pytest.fixture(scope="module")
def machines(lan: Lan) -> tuple[Spot, Spot]:
    """The machines .2 on the LAN, and .2 in VLAN 50."""
    return lan.machine("machine", 2), lan.machine("m50", 2, vlan=50)


def hooks(daemon: Daemon) -> int:
    """How many chains hang at interfaces."""
    return daemon.host.sh("nft list ruleset").out.count("hook egress device")


def give(spot: Spot, *addresses: str) -> None:
    """Let *spot* take *addresses* without asking anybody."""
    for address in addresses:
        rest = "/64 dev eth0 nodad" if ":" in address else "/24 dev eth0"
        spot.sh(f"ip address add {address}{rest}")


@pytest.mark.smoke
def test_sandboxes_in_and_beside_a_vlan_send_by_their_own_addresses(
    daemon: Daemon, machines: tuple[Spot, Spot]
) -> None:
    flat, v50 = lan_body("flat", "macvlan"), lan_body("v50", "macvlan", vlan=50)
    pairs = (("one", "flat"), ("two", "v50"))
    with networks(daemon, flat, v50), sandboxes(daemon, *pairs) as (one, two):
        assert hooks(daemon) == 2
        give(one, f"{LAN4}.99", f"{LAN6}::99")
        give(two, "10.50.0.99", "fd00:50::99")

        own, taken = [f"{LAN4}.128", f"{LAN6}::80"], [f"{LAN4}.99", f"{LAN6}::99"]
        assert reached(machines[0], [*own, *taken]) == own
        own, taken = ["10.50.0.128", "fd00:50::80"], ["10.50.0.99", "fd00:50::99"]
        assert reached(machines[1], [*own, *taken]) == own
        assert reached(daemon.host, [f"{LAN4}.2", f"{LAN6}::2"]) == [f"{LAN4}.2", f"{LAN6}::2"]
    assert hooks(daemon) == 0


def test_a_parent_that_returns_is_guarded_again(
    daemon: Daemon, lan: Lan, machines: tuple[Spot, Spot]
) -> None:
    with (
        networks(daemon, lan_body("v50", "macvlan", vlan=50)),
        sandboxes(daemon, ("one", "v50")) as (one,),
    ):
        lan.unplug()
        assert within(5, lambda: "eth0" not in one.sh("ip link").out)
        lan.plug_in()
        assert within(5, lambda: reached(machines[1], ["10.50.0.128"]) == ["10.50.0.128"])

        give(one, "10.50.0.99")

        assert hooks(daemon) == 1
        assert reached(machines[1], ["10.50.0.128", "10.50.0.99"]) == ["10.50.0.128"]
