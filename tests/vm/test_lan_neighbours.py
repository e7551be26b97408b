"""Addresses that machines on the LAN have, where networks are in VLANs and share a MAC address."""

from __future__ import annotations

import pytest

from bed.daemon import Daemon
from bed.lan import Lan, subnets
from vm.networks import lan_body, must, networks, refusal, sandboxes


@pytest.mark.smoke
@pytest.mark.parametrize(("driver", "vlan"), [("macvlan", 50), ("ipvlan", 60)])
def test_what_a_machine_has_is_found_in_its_vlan_and_nowhere_else(
    daemon: Daemon, lan: Lan, driver: str, vlan: int
) -> None:
    machine = lan.machine(f"m{vlan}", 2, vlan=vlan)
    mac = machine.sh("ip -br link show eth0").out.split()[2]
    four, six = subnets(vlan)
    for address in (f"{four}.128/24", f"{six}::81/64 nodad", f"{subnets()[0]}.128/24"):
        machine.sh(f"ip address add {address} dev eth0")
    name = f"v{vlan}"
    bodies = lan_body("flat", driver), lan_body(name, driver, vlan=vlan)
    pairs = (("one", "flat"), ("two", name), ("six", name))
    with networks(daemon, *bodies), sandboxes(daemon, *pairs) as spots:
        shown = [spot.sh("ip -br address show eth0").out.split()[2:] for spot in spots]

        assert f"{subnets()[0]}.128/24" in shown[0]
        assert [f"{four}.129/24", f"{six}::80/64"] == shown[1][:2]
        assert [f"{four}.130/24", f"{six}::82/64"] == shown[2][:2]
        must(daemon, "POST", f"/networks/{name}/disconnect", {"Container": "six"})
        asked = {"IPAMConfig": {"IPv4Address": f"{four}.128"}}
        body = {"Container": "six", "EndpointConfig": asked}
        assert refusal(daemon, f"/networks/{name}/connect", body) == (
            f"Address already in use: {four}.128 on network {name} is used by {mac} on the LAN"
        )
