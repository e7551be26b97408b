"""Bridge networks in VLANs of a trunk, with packets: this needs a kernel whose bridges keep VLANs apart."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bed.daemon import Daemon
from bed.faults import NEVER, OPTIONS, FaultFile
from bed.host import a_host
from bed.lan import Lan, subnets
from bed.spot import Spot
from e2e.stage import within
from vm.conftest import VLANS
from vm.networks import must, networks, reached, refusal, sandboxes

NAME = "com.docker.network.bridge.name"
KERNEL_STEPS = frozenset(
    f"kernel.{op}" for op in ("ChangeElements", "AddSwitch", "AddBridge", "JoinUplink", "PassVlan")
)
"""Those of a trunk's creation that Linux sees."""


@pytest.fixture(scope="module")
def lan(daemon: Daemon) -> Lan:
    """A LAN with a trunk to the daemon's host, which has no address there."""
    return Lan(daemon.host, VLANS, held=False)


@pytest.fixture
def br0(daemon: Daemon, lan: Lan) -> Iterator[None]:
    """Somebody's switch on lan0, with VLAN 1 for the host, 198.51.100.1, and its default route."""
    daemon.host.sh(
        "ip link add br0 type bridge forward_delay 0 vlan_filtering 1; ip link set lan0 master br0;"
        "bridge vlan add dev lan0 vid 50; ip link set br0 up; ip link set lan0 up;"
        "ip address add 198.51.100.1/24 dev br0; ip route add default via 198.51.100.9 metric 9"
    )
    yield
    daemon.host.sh("ip link delete br0; ip link set lan0 down")


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[Daemon]:
    """A daemon on another host, whose bridges show frames to iptables and whose interfaces filter by path."""
    with a_host(bridge_nf=True) as host:
        host.sh("sysctl -qw net.ipv4.conf.default.rp_filter=1")
        daemon = Daemon(host, tmp_path / "log", *OPTIONS)
        try:
            daemon.start()
            yield daemon
        finally:
            daemon.close()
            sys.stdout.write(daemon.log)


@pytest.fixture(autouse=True)
def whole(daemon: Daemon, lan: Lan) -> Iterator[None]:
    """Nothing is left after a test that was not there before; what was cut off goes a moment later."""
    before = links(daemon), uplink_state(daemon)
    yield
    within(5, lambda: links(daemon) == before[0])
    assert (links(daemon), uplink_state(daemon)) == before


@pytest.fixture(scope="module")
def machines(lan: Lan) -> tuple[Spot, Spot]:
    """The machines .2 in VLAN 50 and .3 in VLAN 60."""
    return lan.machine("m50", 2, vlan=50), lan.machine("m60", 3, vlan=60)


def trunk_body(name: str, vlan: int, **options: str) -> dict[str, Any]:
    """A bridge network in a VLAN of lan0: the host is .1, sandboxes get .128 and ::80, and on."""
    four, six = subnets(vlan)
    asked = {"seaway.uplink": "lan0", "seaway.vlan": str(vlan)}
    return {
        "Name": name,
        "EnableIPv6": True,
        "Options": asked | {k.replace("__", "."): v for k, v in options.items()},
        "IPAM": {
            "Config": [
                {"Subnet": f"{four}.0/24", "IPRange": f"{four}.128/26", "Gateway": f"{four}.1"},
                {"Subnet": f"{six}::/64", "IPRange": f"{six}::80/121", "Gateway": f"{six}::1"},
            ]
        },
    }


def links(daemon: Daemon) -> list[str]:
    """The names of the host's links."""
    return daemon.host.sh("ls /sys/class/net").out.split()


def vlans(daemon: Daemon) -> dict[str, list[int]]:
    """The VLANs of each bridge and port of the host, as bridge(8) sees them."""
    found = json.loads(daemon.host.sh("bridge -j vlan show").out)
    return {each["ifname"]: [v["vlan"] for v in each["vlans"]] for each in found}


def uplink_state(daemon: Daemon) -> str:
    """What of lan0 a network may change."""
    shown = json.loads(daemon.host.sh("ip -d -j link show lan0").out)[0]
    kept = {k: shown.get(k) for k in ("master", "mtu", "group", "promiscuity")}
    return f"{kept} {'UP' in shown['flags']}"


def switch_state(daemon: Daemon) -> object:
    """What of the bridge br0 a network may change."""
    shown = json.loads(daemon.host.sh("ip -d -j address show br0").out)[0]
    kept = {k: shown.get(k) for k in ("mtu", "group", "address")}
    held = sorted(a["local"] for a in shown["addr_info"] if a["scope"] == "global")
    settings = "net.ipv4.conf.br0.route_localnet net.ipv4.conf.br0.send_redirects"
    return kept, held, daemon.host.sh(f"sysctl {settings}").out, vlans(daemon)


def host_state(daemon: Daemon) -> object:
    """What of links a network may change, without the ids in their names."""
    names = sorted(re.sub("-[0-9a-f]{12}$", "-*", name) for name in links(daemon))
    return names, uplink_state(daemon), sorted(vlans(daemon).values())


def status(daemon: Daemon) -> str:
    """What the engine warns of."""
    return json.dumps(daemon.get("/seaway/status"))


@pytest.mark.smoke
def test_networks_on_one_uplink_are_each_in_their_vlan_and_the_host_is_their_gateway(
    daemon: Daemon, machines: tuple[Spot, Spot]
) -> None:
    pairs = (("one", "v50"), ("two", "v60"))
    v50, v60 = trunk_body("v50", 50), trunk_body("v60", 60)
    with networks(daemon, v50, v60), sandboxes(daemon, *pairs) as (one, two):
        there = ["10.50.0.2", "fd00:50::2", "10.50.0.1", "fd00:50::1", "192.0.2.2"]
        assert reached(one, [*there, "10.60.0.3", "fd00:60::3"]) == there
        there = ["10.60.0.3", "fd00:60::3", "10.60.0.1", "fd00:60::1", "192.0.2.2"]
        assert reached(two, [*there, "10.50.0.2", "fd00:50::2"]) == there
        assert reached(machines[0], ["10.50.0.128", "fd00:50::80", "10.60.0.128"]) == [
            "10.50.0.128",
            "fd00:50::80",
        ]
        assert vlans(daemon)["lan0"] == [50, 60]
        assert vlans(daemon)["st-lan0"] == [50, 60]


@pytest.mark.smoke
def test_published_ports_and_the_guard_are_as_on_any_bridge(
    daemon: Daemon, machines: tuple[Spot, Spot]
) -> None:
    with networks(daemon, trunk_body("v50", 50)), sandboxes(daemon, ("one", "v50")) as (one,):
        for proto in ("tcp", "udp"):
            one.serve("one", proto, 80)
        ports = {"Ports": ["8080:80", "8080:80/udp"]}
        must(daemon, "POST", "/seaway/sandboxes/one/publish", ports)

        assert machines[0].ask("tcp", "10.50.0.128", 80) == "one 10.50.0.2"
        assert machines[0].ask("tcp", "10.50.0.1", 8080) == "one 10.50.0.1"
        assert machines[0].ask("udp", "fd00:50::1", 8080) == "one fd00:50::1"
        assert daemon.host.neighbour.ask("tcp", "192.0.2.1", 8080) == "one 192.0.2.2"
        assert daemon.host.ask("tcp", "127.0.0.1", 8080) == "one 10.50.0.1"
        assert one.ask("tcp", "10.50.0.1", 8080) == "one 10.50.0.1"
        stolen = "ip address add 10.50.0.99/24 dev eth0; ping -nqc1 -W2 -I 10.50.0.99 10.50.0.2"
        assert one.sh(stolen, check=False).code != 0
        tagged = (
            "ip link add link eth0 name t type vlan id 60; ip address add 10.60.0.9/24 dev t;"
            "ip link set t up; ping -nqc1 -W2 10.60.0.3"
        )
        assert one.sh(tagged, check=False).code != 0


def test_sandboxes_of_a_closed_network_do_not_reach_each_other(
    daemon: Daemon, machines: tuple[Spot, Spot]
) -> None:
    body = trunk_body("v50", 50, com__docker__network__bridge__enable_icc="false")
    pairs = (("one", "v50"), ("two", "v50"))
    with networks(daemon, body), sandboxes(daemon, *pairs) as (one, _):
        there = ["10.50.0.1", "10.50.0.2", "192.0.2.2"]
        assert reached(one, [*there, "10.50.0.129", "fd00:50::81"]) == there


@pytest.mark.smoke
def test_a_trunk_survives_the_daemon_and_the_loss_of_its_uplink(
    daemon: Daemon, lan: Lan, machines: tuple[Spot, Spot]
) -> None:
    pairs = (("one", "v50"), ("two", "v60"))
    v50, v60 = trunk_body("v50", 50), trunk_body("v60", 60)
    with networks(daemon, v50, v60), sandboxes(daemon, *pairs) as (one, two):
        before = one.sh("ip -o link show eth0; ip route").out
        there = ["10.50.0.128", "fd00:50::80"]
        assert within(5, lambda: reached(machines[0], there) == there)
        daemon.kill()
        assert reached(machines[0], there) == there
        lan.unplug()
        daemon.start()
        assert "waits for its uplink lan0" in status(daemon)
        assert reached(one, ["10.50.0.1", "192.0.2.2"]) == ["10.50.0.1", "192.0.2.2"]

        lan.plug_in()

        assert within(5, lambda: reached(machines[0], ["10.50.0.128"]) == ["10.50.0.128"])
        assert within(5, lambda: reached(two, ["10.60.0.3"]) == ["10.60.0.3"])
        assert one.sh("ip -o link show eth0; ip route").out == before
        assert "uplink" not in status(daemon)
    lan.unplug()
    lan.plug_in()  # as it was: down


def test_a_switch_that_somebody_deletes_is_made_again(
    daemon: Daemon, lan: Lan, machines: tuple[Spot, Spot]
) -> None:
    with networks(daemon, trunk_body("v50", 50)), sandboxes(daemon, ("one", "v50")) as (one,):
        daemon.host.sh("ip link delete st-lan0")

        assert within(5, lambda: reached(machines[0], ["10.50.0.128"]) == ["10.50.0.128"])
        assert reached(one, ["10.50.0.1", "192.0.2.2"]) == ["10.50.0.1", "192.0.2.2"]


@pytest.mark.smoke
@pytest.mark.usefixtures("br0")
def test_somebody_elses_switch_is_used_and_left_though_the_host_goes_out_by_it(
    daemon: Daemon, lan: Lan, machines: tuple[Spot, Spot]
) -> None:
    plain = lan.machine("plain", 7)
    plain.sh("ip address add 10.50.0.9/24 dev eth0")
    sentence = refusal(daemon, "/networks/create", {"Name": "n", "Options": {NAME: "br0"}})
    assert "the host's default route goes by it" in sentence
    before = switch_state(daemon)

    body = trunk_body("v50", 50)
    body["Options"] = {NAME: "br0", "seaway.vlan": "50"}
    pairs = (("one", "v50"), ("two", "v50"))
    with networks(daemon, body):
        with sandboxes(daemon, *pairs) as (one, _):
            there = ["10.50.0.2", "fd00:50::2", "10.50.0.1", "10.50.0.129", "192.0.2.2"]
            assert within(5, lambda: reached(one, there) == there)
            assert reached(one, ["10.50.0.9"]) == []
            assert reached(daemon.host, ["198.51.100.7", "10.50.0.2"]) == [
                "198.51.100.7",
                "10.50.0.2",
            ]
            assert reached(plain, ["198.51.100.1", "10.50.0.128"]) == ["198.51.100.1"]
        shown = vlans(daemon)
        assert (shown["br0"], shown["lan0"]) == ([1, 50], [1, 50])
    assert switch_state(daemon) == before


@pytest.mark.usefixtures("br0")
def test_somebody_elses_switch_goes_and_returns(
    daemon: Daemon, machines: tuple[Spot, Spot]
) -> None:
    body = trunk_body("v50", 50)
    body["Options"] = {NAME: "br0", "seaway.vlan": "50"}
    with networks(daemon, body), sandboxes(daemon, ("one", "v50")) as (one,):
        daemon.host.sh("ip link delete br0")
        assert within(5, lambda: "network v50 waits for its bridge br0" in status(daemon))

        daemon.host.sh("ip link add br0 type bridge forward_delay 0; ip link set lan0 master br0")
        daemon.host.sh("ip link set br0 type bridge vlan_filtering 1")
        daemon.host.sh("bridge vlan add dev lan0 vid 50; ip link set br0 up")

        assert within(5, lambda: reached(machines[0], ["10.50.0.128"]) == ["10.50.0.128"])
        assert reached(one, ["10.50.0.1"]) == ["10.50.0.1"]


def test_published_ports_are_reached_where_iptables_sees_what_is_bridged(strict: Daemon) -> None:
    machine = Lan(strict.host, VLANS, held=False).machine("m50", 2, vlan=50)
    pairs = (("one", "v50"), ("two", "v50"))
    with networks(strict, trunk_body("v50", 50)), sandboxes(strict, *pairs) as (one, two):
        one.serve("one", "tcp", 80)
        must(strict, "POST", "/seaway/sandboxes/one/publish", {"Ports": ["8080:80"]})

        for who in (machine, two, one):
            assert who.ask("tcp", "10.50.0.1", 8080) == "one 10.50.0.1"
            assert who.ask("tcp", "fd00:50::1", 8080) == "one fd00:50::1"
        assert strict.host.neighbour.ask("tcp", "192.0.2.1", 8080) == "one 192.0.2.2"


def test_a_daemon_that_is_killed_leaves_nothing_of_a_trunk_half_done(strict: Daemon) -> None:
    """At each step that Linux sees; tests/unit/engine/test_trunks.py has the others."""
    Lan(strict.host, VLANS, held=False)
    faults = FaultFile(strict.host)
    create = ("POST", "/networks/create", trunk_body("v50", 50))
    remove = ("DELETE", "/networks/v50", None)
    without = host_state(strict)
    faults.arm("fail", NEVER)
    must(strict, *create)
    steps = [n for n, step in enumerate(faults.disarm()) if step in KERNEL_STEPS]
    there = host_state(strict)
    must(strict, *remove)
    assert len(steps) == len(KERNEL_STEPS)

    for step in steps:
        faults.arm("kill", step)
        with pytest.raises((OSError, IndexError)):
            strict.request(*create)
        faults.disarm()
        strict.start()
        assert host_state(strict) == without, step
    must(strict, *create)
    for step in range(len(KERNEL_STEPS)):
        faults.arm("kill", step)
        with pytest.raises((OSError, IndexError)):
            strict.request(*remove)
        faults.disarm()
        strict.start()
        assert host_state(strict) == there, step
    must(strict, *remove)
    assert host_state(strict) == without


def test_what_cannot_be_is_refused(daemon: Daemon, lan: Lan) -> None:
    with networks(daemon, trunk_body("v50", 50)):
        sentence = refusal(daemon, "/networks/create", trunk_body("again", 50))
        assert "seaway.vlan=50: network v50 is in that VLAN of st-lan0" in sentence
        untagged = {"Name": "flat", "Options": {"seaway.uplink": "lan0"}}
        sentence = refusal(daemon, "/networks/create", untagged)
        assert "network v50 has VLAN 50 of it: give this one a VLAN too" in sentence
        parent = {"Name": "mac", "Driver": "macvlan", "Options": {"parent": "lan0.60"}}
        sentence = refusal(daemon, "/networks/create", parent)
        assert "it is the uplink of network v50" in sentence
    daemon.host.sh("ip link add link lan0 name lan0.60 type vlan id 60")
    sentence = refusal(daemon, "/networks/create", trunk_body("v60", 60))
    assert "it is the subinterface lan0.60 that has this VLAN of lan0" in sentence
    daemon.host.sh("ip link delete lan0.60")
