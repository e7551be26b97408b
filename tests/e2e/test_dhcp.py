"""The LAN's own DHCP server gives a sandbox its address: dnsmasq on the neighbour, with packets."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest

from bed.daemon import Daemon
from bed.fingerprint import at_rest, leaked
from bed.host import Host
from bed.pulse import Pulse
from e2e.lan import add_ext0, refused
from e2e.resolving import resolve
from e2e.stage import make_sandbox, make_server, pings, place, within

CREATE = ("network", "create", "-d", "macvlan", "-o", "parent=eth0", "--ipam-driver", "dhcp")
LEASES = "/run/leases"


def serve(host: Host, *options: str) -> subprocess.Popen[str]:
    """Dnsmasq on the neighbour: it lends .100 to .150 for two minutes, and is the router."""
    return host.neighbour.popen(
        [
            *("dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0"),
            *("--interface=eth0", "--bind-interfaces", "--dhcp-authoritative", "--no-ping"),
            *("--dhcp-range=192.0.2.100,192.0.2.150,120", f"--dhcp-leasefile={LEASES}"),
            *("--dhcp-option=3,192.0.2.2", "--dhcp-option=6,192.0.2.2", "--pid-file=/run/dnsmasq"),
            *("--user=root", *options),
        ]
    )


@pytest.fixture
def server(host: Host) -> Iterator[subprocess.Popen[str]]:
    """The LAN's DHCP server."""
    yield serve(host)


def leases(host: Host) -> str:
    """What the server has lent."""
    path = host.path(LEASES)
    return path.read_text() if path.exists() else ""


def address(daemon: Daemon, sandbox: str) -> str:
    """The IPv4 address that a sandbox is shown with."""
    return str(place(daemon, sandbox, "lan")["IPAddress"])


def test_a_sandbox_is_a_machine_with_a_lease(
    host: Host, daemon: Daemon, server: subprocess.Popen[str]
) -> None:
    empty = at_rest(host)
    daemon.seaway(*CREATE, "lan")
    one, two = make_server(daemon, "one", "lan"), make_sandbox(daemon, "two", "lan")

    at = address(daemon, "one")
    mac = str(place(daemon, "one", "lan")["MacAddress"])
    assert at.startswith("192.0.2.1")
    assert f"{mac} {at} one" in leases(host)
    assert host.neighbour.ask("tcp", at, 80) == "one 192.0.2.2"
    assert resolve(two, "one") == [at]
    assert "default via 192.0.2.2 dev eth0" in one.sh("ip route").out
    shown = json.loads(daemon.seaway("network", "inspect", "lan").out)[0]
    assert (shown["IPAM"]["Driver"], shown["IPAM"]["Config"]) == ("dhcp", None)
    lent = {m["Name"]: m["Lease"] for m in shown["Containers"].values()}["one"]
    assert lent["Address"] == f"{at}/24"
    assert (lent["Server"], lent["Gateway"], lent["DNS"]) == (
        "192.0.2.2",
        "192.0.2.2",
        ["192.0.2.2"],
    )

    daemon.seaway("sandbox", "rm", "--force", "one", "two")
    assert within(3, lambda: mac not in leases(host))
    daemon.seaway("network", "rm", "lan")
    assert leaked(empty, host) == ()


def test_a_lease_outlives_the_daemon_and_is_prolonged(host: Host, daemon: Daemon) -> None:
    serve(host, "--dhcp-option=option:T2,9s")  # and T1 after six
    daemon.seaway(*CREATE, "lan")
    one = make_server(daemon, "one", "lan")
    at = address(daemon, "one")
    pulse = Pulse(host.neighbour, at, 80)

    def expires() -> str:
        shown = json.loads(daemon.seaway("network", "inspect", "lan").out)[0]
        (member,) = shown["Containers"].values()
        return str(member["Lease"]["Expires"])

    first = expires()
    assert within(9, lambda: expires() > first)
    daemon.kill()
    daemon.start()
    second = expires()
    assert within(9, lambda: expires() > second)

    assert address(daemon, "one") == at
    assert pulse.stop() == 0
    assert "inet 192.0.2.1" in one.sh("ip address show eth0").out


def test_who_stops_and_starts_has_its_address_again(
    host: Host, daemon: Daemon, server: subprocess.Popen[str]
) -> None:
    daemon.seaway(*CREATE, "lan")
    daemon.seaway("run", "-d", "--name", "one", "--network", "lan", "sleep", "60")
    at = address(daemon, "one")

    daemon.seaway("stop", "-t", "0", "one")
    assert within(3, lambda: f" {at} " not in leases(host))
    daemon.seaway("start", "one")

    assert address(daemon, "one") == at
    assert pings(host.neighbour, at)


def test_without_a_server_it_is_said_and_nothing_is_left(host: Host, daemon: Daemon) -> None:
    daemon.seaway(*CREATE, "lan")
    before = at_rest(host)

    sentence = refused(daemon, "sandbox", "create", "--network", "lan", "one")

    assert "eth0 of one on network lan got no address in 15 seconds" in sentence
    assert leaked(before, host) == ()


def test_routes_mtu_and_names_come_with_the_lease(host: Host, daemon: Daemon) -> None:
    serve(
        host,
        "--dhcp-option=121,198.51.100.0/24,192.0.2.2,0.0.0.0/0,192.0.2.2",
        "--dhcp-option=26,1400",
    )
    daemon.seaway(*CREATE, "lan")

    one = make_sandbox(daemon, "one", "lan")

    routes = one.sh("ip route").out
    assert "198.51.100.0/24 via 192.0.2.2 dev eth0" in routes
    assert "default via 192.0.2.2 dev eth0" in routes
    assert "mtu 1400" in one.sh("ip link show eth0").out


def test_the_host_and_sandboxes_with_leases_reach_each_other(
    host: Host, daemon: Daemon, server: subprocess.Popen[str]
) -> None:
    daemon.seaway(*CREATE, "--host-access", "lan")
    one = make_sandbox(daemon, "one", "lan")
    at = address(daemon, "one")

    assert pings(host, at)
    assert pings(one, "192.0.2.1")
    assert pings(host.neighbour, at)


def test_the_host_gets_a_lease_of_its_own_where_it_has_no_address(
    host: Host, daemon: Daemon
) -> None:
    machine = add_ext0(host)
    host.sh("ip address flush dev ext0")
    machine.popen(
        [
            *("dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0"),
            *("--interface=ext0", "--bind-interfaces", "--dhcp-authoritative", "--no-ping"),
            *("--dhcp-range=198.51.100.100,198.51.100.150,120", "--dhcp-leasefile=/run/leases"),
            *("--pid-file=/run/dnsmasq", "--user=root"),
        ]
    )
    create = ("network", "create", "-d", "macvlan", "-o", "parent=ext0", "--ipam-driver", "dhcp")
    daemon.seaway(*create, "--host-access", "lan")
    one = make_sandbox(daemon, "one", "lan")
    network = daemon.seaway("network", "inspect", "-f", "{{.Id}}", "lan").out[:12]

    def own() -> str:
        shown = host.sh(f"ip -4 -o address show sw-{network} | awk '{{print $4}}'").out
        return shown.partition("/")[0].strip()

    assert within(5, lambda: own() != "")
    assert pings(one, own())
    assert pings(host, address(daemon, "one"))
    daemon.restart()
    assert pings(one, own())
