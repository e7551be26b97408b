"""Machines on a LAN hear where addresses of sandboxes are, whenever the way to them opens."""

from __future__ import annotations

import pytest

from bed.daemon import Daemon
from bed.host import Host
from bed.lan import Lan, subnets
from e2e.stage import make_sandbox, pings, place, within

FOUR, SIX = subnets()
ADDRESSES = (f"{FOUR}.128", f"{SIX}::80")
FLAGS = {
    "uplink": ("-o", "seaway.uplink=lan0"),
    "parent": ("-d", "macvlan", "-o", "parent=lan0"),
}


@pytest.mark.parametrize("way", ["uplink", "parent"])
def test_who_comes_while_the_cable_is_out_is_found_by_those_who_knew_another(
    host: Host, daemon: Daemon, way: str
) -> None:
    lan = Lan(host, held=way == "parent")
    machine = lan.machine("machine", 2)
    subnet = ("--subnet", f"{FOUR}.0/24", "--ip-range", f"{FOUR}.128/26")
    subnet6 = ("--ipv6", "--subnet", f"{SIX}::/64", "--ip-range", f"{SIX}::80/121")
    daemon.seaway("network", "create", *FLAGS[way], *subnet, *subnet6, "lan")
    lan.switch.sh("ip link set host down")
    assert within(5, lambda: "NO-CARRIER" in host.sh("ip link show lan0").out)
    for address in ADDRESSES:
        machine.sh(f"ip neigh replace {address} lladdr 02:00:00:00:09:09 dev eth0 nud stale")
    make_sandbox(daemon, "one", "lan")
    mac = str(place(daemon, "one", "lan")["MacAddress"])

    def known() -> list[str]:
        return [a for a in ADDRESSES if mac in machine.sh(f"ip neigh show {a}").out]

    assert known() == []
    lan.switch.sh("ip link set host up")

    assert within(5, lambda: known() == [*ADDRESSES])
    assert all(pings(machine, address) for address in ADDRESSES)
