"""ipvlan networks, with packets: this needs a kernel that has them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bed.daemon import Daemon
from bed.lan import Lan
from bed.spot import Spot
from e2e.stage import within
from vm.networks import lan_body, must, networks, reached, refusal, sandboxes

LAN4, LAN6 = "198.51.100", "2001:db8:0:2"


@pytest.fixture(scope="module")
def machine(lan: Lan) -> Iterator[Spot]:
    """The machine .2 and ::2 on the LAN."""
    return lan.machine("machine", 2)  # type: ignore[return-value]


@pytest.mark.smoke
def test_l2_sandboxes_are_on_the_lan_with_the_mac_address_of_the_parent(
    daemon: Daemon, machine: Spot
) -> None:
    own = daemon.host.sh("cat /sys/class/net/lan0/address").out.strip()
    pairs = (("one", "flat"), ("two", "flat"))
    with networks(daemon, lan_body("flat", "ipvlan")), sandboxes(daemon, *pairs) as (one, _):
        there = [f"{LAN4}.2", f"{LAN6}::2", f"{LAN4}.129", f"{LAN6}::81"]
        assert reached(one, there) == there
        assert reached(machine, [f"{LAN4}.128", f"{LAN6}::81"]) == [f"{LAN4}.128", f"{LAN6}::81"]
        assert reached(one, [f"{LAN4}.1"]) == []
        assert own in machine.sh(f"ip neigh show {LAN4}.128").out
        assert f"default via {LAN4}.2 dev eth0" in one.sh("ip route").out
        body = {"Container": "one", "EndpointConfig": {"MacAddress": "02:00:00:00:00:77"}}
        must(daemon, "POST", "/networks/flat/disconnect", {"Container": "one"})
        sentence = refusal(daemon, "/networks/flat/connect", body)
        assert "has the MAC address of its parent: leave 02:00:00:00:00:77 out" in sentence


@pytest.mark.parametrize("mode", [pytest.param("l3", marks=pytest.mark.smoke), pytest.param("l3s")])
def test_l3_sandboxes_are_behind_the_host_without_gateway_or_broadcast(
    daemon: Daemon, machine: Spot, mode: str
) -> None:
    body = {
        "Name": "deep",
        "Driver": "ipvlan",
        "EnableIPv6": True,
        "Options": {"parent": "lan0", "ipvlan_mode": mode},
        "IPAM": {
            "Config": [
                {"Subnet": "10.91.0.0/24"},
                {"Subnet": "10.92.0.0/24"},
                {"Subnet": "fd91::/64"},
            ]
        },
    }
    machine.sh(
        f"ip route replace 10.91.0.0/16 via {LAN4}.1; ip route replace 10.92.0.0/16 via {LAN4}.1;"
        f"ip route replace fd91::/64 via {LAN6}::1"
    )
    with networks(daemon, body), sandboxes(daemon, ("one", "deep")) as (one,):
        other = {"IPAMConfig": {"IPv4Address": "10.92.0.7"}}
        on: dict[str, object] = {"NetworkingConfig": {"EndpointsConfig": {"deep": other}}}
        must(daemon, "POST", "/seaway/sandboxes", {"Name": "two", **on})
        try:
            there = [f"{LAN4}.2", f"{LAN6}::2", "10.92.0.7"]
            assert reached(one, there) == there
            assert reached(machine, ["10.91.0.1", "fd91::1"]) == ["10.91.0.1", "fd91::1"]
            assert "default dev eth0 proto static scope link" in one.sh("ip route").out
            assert "default dev eth0" in one.sh("ip -6 route").out
            assert "NOARP" in one.sh("ip link show eth0").out
        finally:
            must(daemon, "DELETE", "/seaway/sandboxes/two")


@pytest.mark.parametrize("flag", ["private", "vepa"])
def test_brothers_do_not_hear_each_other_where_the_flag_says_so(
    daemon: Daemon, machine: Spot, flag: str
) -> None:
    body = lan_body("flat", "ipvlan", ipvlan_flag=flag)
    pairs = (("one", "flat"), ("two", "flat"))
    with networks(daemon, body), sandboxes(daemon, *pairs) as (one, _):
        assert reached(one, [f"{LAN4}.2", f"{LAN4}.129"]) == [f"{LAN4}.2"]


@pytest.mark.parametrize("mode", [pytest.param("l2", marks=pytest.mark.smoke), pytest.param("l3")])
def test_the_host_and_ipvlan_sandboxes_reach_each_other_if_asked_for(
    daemon: Daemon, machine: Spot, mode: str
) -> None:
    body = lan_body("flat", "ipvlan", ipvlan_mode=mode, seaway__host_access="true")
    with networks(daemon, body), sandboxes(daemon, ("one", "flat")) as (one,):
        there = [f"{LAN4}.129", f"{LAN6}::81"]
        assert reached(daemon.host, there) == there
        there = [f"{LAN4}.128", f"{LAN6}::80"]
        assert reached(one, there) == there
        assert reached(daemon.host, [f"{LAN4}.2"]) == [f"{LAN4}.2"]


def test_modes_that_do_not_go_together_are_refused(daemon: Daemon, machine: Spot) -> None:
    with networks(daemon, lan_body("flat", "ipvlan")):
        deep = lan_body("deep", "ipvlan", ipvlan_mode="l3")
        sentence = refusal(daemon, "/networks/create", deep)
        assert "ipvlan has one mode and flag for all on an interface" in sentence
        sentence = refusal(daemon, "/networks/create", lan_body("other", "macvlan"))
        assert "the kernel has macvlan and ipvlan on one interface never both" in sentence


@pytest.mark.smoke
def test_an_ipvlan_sandbox_outlives_the_daemon_and_its_parent(
    daemon: Daemon, lan: Lan, machine: Spot
) -> None:
    body = lan_body("flat", "ipvlan", seaway__host_access="true")
    with networks(daemon, body), sandboxes(daemon, ("one", "flat")) as (one,):
        before = one.sh("ip -o link show eth0 | sed 's/ state [A-Z]*//'; ip route").out
        daemon.kill()
        assert reached(machine, [f"{LAN4}.129"]) == [f"{LAN4}.129"]
        daemon.start()
        assert one.sh("ip -o link show eth0 | sed 's/ state [A-Z]*//'; ip route").out == before

        lan.unplug()
        assert within(5, lambda: "eth0" not in one.sh("ip link").out)
        lan.plug_in()

        assert within(5, lambda: reached(machine, [f"{LAN4}.129"]) == [f"{LAN4}.129"])
        assert reached(daemon.host, [f"{LAN4}.129"]) == [f"{LAN4}.129"]
