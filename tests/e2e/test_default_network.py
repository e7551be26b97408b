"""The default network as the settings want it, at the first start and at later ones."""

from __future__ import annotations

from typing import cast

import pytest

from bed.daemon import Daemon
from bed.faults import NEVER, OPTIONS, FaultFile
from bed.host import Host
from bed.spot import CommandFailed
from e2e.stage import answer, make_sandbox, make_server, serve


def config(daemon: Daemon) -> list[dict[str, object]]:
    """The subnets of the default network, as inspect shows them."""
    shown = cast("dict[str, dict[str, list[dict[str, object]]]]", daemon.get("/networks/bridge"))
    return shown["IPAM"]["Config"]


def start(daemon: Daemon, *options: str) -> None:
    """Start it with these settings."""
    daemon.options = options
    daemon.start()


ALL = (
    *("--bip", "10.9.0.1/24", "--fixed-cidr", "10.9.0.128/25", "--mtu", "1400"),
    *("--ipv6", "--bip6", "fd09::1/64", "--fixed-cidr-v6", "fd09::8000/113"),
)


def test_the_default_network_is_made_as_the_settings_say(
    host: Host, stopped_daemon: Daemon
) -> None:
    start(stopped_daemon, *ALL)
    web = make_server(stopped_daemon, "web", "bridge")

    assert config(stopped_daemon) == [
        {"Subnet": "10.9.0.0/24", "IPRange": "10.9.0.128/25", "Gateway": "10.9.0.1"},
        {"Subnet": "fd09::/64", "IPRange": "fd09::8000/113", "Gateway": "fd09::1"},
    ]
    assert answer(host, "tcp", "10.9.0.128", 80) == "web 10.9.0.1"
    assert answer(host, "tcp", "fd09::8000", 80) == "web fd09::1"
    assert "mtu 1400" in web.sh("ip link show eth0").out
    before = stopped_daemon.get("/networks/bridge")
    stopped_daemon.kill()
    stopped_daemon.start()
    assert stopped_daemon.get("/networks/bridge") == before
    assert "the default network" not in stopped_daemon.seaway("status").out


def test_the_gateway_may_be_somebody_else_on_the_bridge(host: Host, stopped_daemon: Daemon) -> None:
    start(stopped_daemon, "--bip", "10.9.0.1/24", "--default-gateway", "10.9.0.2")
    router = make_sandbox(stopped_daemon, "router", "bridge:ip=10.9.0.7")
    web = make_sandbox(stopped_daemon, "web", "bridge")
    host.sh("touch /run/box; unshare --net=/run/box true")
    host.sh("ip link add trunk master seaway0 type veth peer name eth0 netns /run/box")
    host.sh("ip link set trunk up")
    box = host.at("/run/box")
    box.sh("ip address add 10.9.0.2/24 dev eth0; ip link set eth0 up; ip link set lo up")
    box.sh("ip address add 203.0.113.1/32 dev lo")
    serve(box, "box", 90)

    assert "default via 10.9.0.2" in web.sh("ip route").out
    assert answer(web, "tcp", "203.0.113.1", 90) == "box 10.9.0.3"
    assert "default via 10.9.0.2" in router.sh("ip route").out


def test_changed_settings_change_the_network_when_nobody_is_on_it(
    host: Host, stopped_daemon: Daemon
) -> None:
    start(stopped_daemon)
    first = config(stopped_daemon)[0]["Subnet"]
    stopped_daemon.kill()

    start(stopped_daemon, *ALL)
    assert [c["Subnet"] for c in config(stopped_daemon)] == ["10.9.0.0/24", "fd09::/64"]
    assert "10.9.0.1/24" in host.sh("ip address show dev seaway0").out
    stopped_daemon.stop()

    start(stopped_daemon)
    assert [c["Subnet"] for c in config(stopped_daemon)] == [first]
    assert "10.9.0.1" not in host.sh("ip address show dev seaway0").out


def test_a_sandbox_on_the_network_keeps_it_and_status_says_what_will_happen(
    host: Host, stopped_daemon: Daemon
) -> None:
    start(stopped_daemon, "--bip", "10.9.0.1/24")
    make_server(stopped_daemon, "web", "bridge")
    stopped_daemon.kill()

    start(stopped_daemon, "--bip", "10.8.0.1/24")

    assert answer(host, "tcp", "10.9.0.2", 80) == "web 10.9.0.1"
    assert (
        "the default network stays as it is (10.9.0.0/24, MTU 1500) although the settings for it changed, "
        "since sandboxes are on it: web; they hold from the next start at which nothing is in the way"
    ) in stopped_daemon.seaway("status").out
    assert "the default network stays as it is" in stopped_daemon.log
    stopped_daemon.seaway("sandbox", "rm", "web")
    stopped_daemon.restart()
    assert [c["Subnet"] for c in config(stopped_daemon)] == ["10.8.0.0/24"]
    assert "the default network" not in stopped_daemon.seaway("status").out


def test_settings_that_clash_with_another_network_leave_the_default_one_as_it_is(
    host: Host, stopped_daemon: Daemon
) -> None:
    start(stopped_daemon, "--bip", "10.9.0.1/24")
    stopped_daemon.seaway("network", "create", "--subnet", "10.8.0.0/24", "other")
    stopped_daemon.kill()

    start(stopped_daemon, "--bip", "10.8.0.1/24")

    assert "10.8.0.0/24 overlaps 10.8.0.0/24 of network other" in (
        stopped_daemon.seaway("status").out
    )
    make_server(stopped_daemon, "web", "bridge")
    assert answer(host, "tcp", "10.9.0.2", 80) == "web 10.9.0.1"


@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.long)])
def test_a_start_that_is_killed_while_it_changes_the_network_is_finished_by_the_next(
    host: Host, stopped_daemon: Daemon, *, every: bool
) -> None:
    """Not *every* step: the first of each kind."""
    start(stopped_daemon, *OPTIONS)
    stopped_daemon.stop()
    faults = FaultFile(host)
    faults.arm("fail", NEVER)
    start(stopped_daemon, *OPTIONS, "--bip", "10.9.0.1/24")
    steps = faults.disarm()
    stopped_daemon.stop()
    assert {"kernel.DeleteLink", "kernel.AddBridge", "store.commit"} <= {*steps}

    for number, step in enumerate(steps):
        if not every and step in steps[:number]:
            continue
        bip = f"10.{number + 10}.0.1/24"
        faults.arm("kill", number)
        with pytest.raises(CommandFailed):
            start(stopped_daemon, *OPTIONS, "--bip", bip)
        faults.disarm()
        stopped_daemon.start()
        assert [c["Gateway"] for c in config(stopped_daemon)] == [bip.partition("/")[0]]
        assert bip in host.sh("ip -4 address show dev seaway0").out
        assert len(host.sh("ip -4 -o address show dev seaway0").out.splitlines()) == 1
        stopped_daemon.stop()


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (
            ("--bip", "10.9.0.1"),
            "setting bip (command line): '10.9.0.1' is no IPv4 address with a length like 10.77.0.1/24",
        ),
        (
            ("--bip", "10.9.0.1/24", "--fixed-cidr", "10.8.0.0/25"),
            "setting fixed-cidr = 10.8.0.0/25: it should be a part of 10.9.0.0/24, as bip says",
        ),
        (
            ("--mtu", "5"),
            "setting mtu (command line): '5' is no number of bytes from 68 to 65535",
        ),
    ],
)
def test_settings_that_cannot_be_end_the_start_with_one_sentence(
    stopped_daemon: Daemon, options: tuple[str, ...], why: str
) -> None:
    with pytest.raises(CommandFailed) as failed:
        start(stopped_daemon, *options)

    assert f"seaway daemon: {why}\n" in str(failed.value)
