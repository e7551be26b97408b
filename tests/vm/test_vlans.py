"""Networks in VLANs of an interface, and on no interface at all, with packets."""

from __future__ import annotations

import pytest

from bed.daemon import Daemon
from bed.lan import Lan
from bed.spot import Spot
from e2e.stage import within
from vm.networks import lan_body, networks, reached, refusal, sandboxes


@pytest.fixture(scope="module")
def machines(lan: Lan) -> tuple[Spot, Spot]:
    """The machines .2 in VLAN 50 and .3 in VLAN 60."""
    return lan.machine("m50", 2, vlan=50), lan.machine("m60", 3, vlan=60)


def links(daemon: Daemon) -> list[str]:
    """The names of the host's links."""
    return daemon.host.sh("ls /sys/class/net").out.split()


@pytest.mark.smoke
@pytest.mark.parametrize("driver", ["macvlan", "ipvlan"])
def test_networks_on_one_parent_are_in_vlans_of_their_own(
    daemon: Daemon, machines: tuple[Spot, Spot], driver: str
) -> None:
    v50, v60 = lan_body("v50", driver, vlan=50), lan_body("v60", driver, vlan=60)
    pairs = (("one", "v50"), ("two", "v60"))
    with networks(daemon, v50, v60), sandboxes(daemon, *pairs) as (one, two):
        assert reached(one, ["10.50.0.2", "fd00:50::2", "10.60.0.3"]) == ["10.50.0.2", "fd00:50::2"]
        assert reached(two, ["10.60.0.3", "fd00:60::3", "10.50.0.2"]) == ["10.60.0.3", "fd00:60::3"]
        assert reached(machines[0], ["10.50.0.128"]) == ["10.50.0.128"]
        shown = daemon.host.sh("ip -d link show lan0.50").out
        assert "vlan protocol 802.1Q id 50" in shown
        assert "inet6" not in daemon.host.sh("ip address show lan0.50").out
    assert not {"lan0.50", "lan0.60"} & set(links(daemon))


@pytest.mark.smoke
def test_a_subinterface_goes_with_the_last_network_and_a_foreign_one_stays(
    daemon: Daemon, machines: tuple[Spot, Spot]
) -> None:
    one = lan_body("one", "macvlan", vlan=50)
    two = {**lan_body("two", "macvlan", vlan=50), "EnableIPv6": False}
    two["IPAM"] = {"Config": [{"Subnet": "10.51.0.0/24"}]}
    with networks(daemon, one):
        with networks(daemon, two):
            assert "lan0.50" in links(daemon)
        assert "lan0.50" in links(daemon)
    assert "lan0.50" not in links(daemon)

    daemon.host.sh("ip link add link lan0 name lan0.50 type vlan id 50; ip link set lan0.50 up")
    with networks(daemon, one), sandboxes(daemon, ("box", "one")) as (box,):
        assert reached(box, ["10.50.0.2"]) == ["10.50.0.2"]
    assert "lan0.50" in links(daemon)
    daemon.host.sh("ip link delete lan0.50")


def test_a_network_in_a_vlan_survives_the_daemon_and_its_parent(
    daemon: Daemon, lan: Lan, machines: tuple[Spot, Spot]
) -> None:
    body = lan_body("v50", "macvlan", vlan=50, seaway__host_access="true")
    with networks(daemon, body), sandboxes(daemon, ("one", "v50")) as (one,):
        daemon.kill()
        assert reached(machines[0], ["10.50.0.129"]) == ["10.50.0.129"]
        daemon.start()
        assert reached(daemon.host, ["10.50.0.129"]) == ["10.50.0.129"]

        daemon.stop()
        lan.unplug()
        daemon.start()
        assert "lan0.50" not in links(daemon)
        lan.plug_in()

        assert within(5, lambda: reached(machines[0], ["10.50.0.129"]) == ["10.50.0.129"])
        assert reached(daemon.host, ["10.50.0.129"]) == ["10.50.0.129"]
        assert reached(one, ["10.50.0.128"]) == ["10.50.0.128"]


@pytest.mark.smoke
@pytest.mark.parametrize("driver", ["macvlan", "ipvlan"])
def test_without_a_parent_nobody_else_is_there(daemon: Daemon, driver: str) -> None:
    body = {
        "Name": "alone",
        "Driver": driver,
        "EnableIPv6": True,
        "IPAM": {"Config": [{"Subnet": "10.93.0.0/24"}, {"Subnet": "fd93::/64"}]},
    }
    before = links(daemon)
    with networks(daemon, body), sandboxes(daemon, ("one", "alone"), ("two", "alone")) as (one, _):
        assert reached(one, ["10.93.0.3", "fd93::3"]) == ["10.93.0.3", "fd93::3"]
        assert len(links(daemon)) == len(before) + 1
    assert links(daemon) == before


def test_a_vlan_that_cannot_be_is_refused(daemon: Daemon, lan: Lan) -> None:
    for number in ("0", "4095", "x"):
        body = {**lan_body("bad", "macvlan"), "Options": {"parent": f"lan0.{number}"}}
        sentence = refusal(daemon, "/networks/create", body)
        assert "behind the dot is the number of a VLAN, from 1 to 4094" in sentence
