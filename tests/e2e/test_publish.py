"""Published ports: who reaches them, by which address, and what the sandbox sees of the client."""

from __future__ import annotations

import errno
import json
import socket

import pytest

from bed.daemon import Daemon
from bed.fingerprint import at_rest, leaked
from bed.host import Host
from bed.spot import KINDS, Spot
from e2e.stage import (
    answer,
    elements,
    make_ipv4_network,
    make_network,
    make_sandbox,
    make_server,
    ports_of,
    serve,
    with_and_without_bridge_nf,
)

both_protos = pytest.mark.parametrize("proto", ["tcp", "udp"])
HOLDER = "failed to set up container networking: driver failed programming external connectivity"


@with_and_without_bridge_nf
@both_protos
def test_everybody_reaches_a_published_port_by_ipv4(
    host: Host, daemon: Daemon, web: Spot, proto: str
) -> None:
    make_network(daemon, 2)
    brother = make_sandbox(daemon, "brother", "n1")
    far = make_sandbox(daemon, "far", "n2")

    daemon.seaway("publish", "web", f"8080:80/{proto}")

    assert {
        "neighbour": answer(host.neighbour, proto, "192.0.2.1", 8080),
        "host": answer(host, proto, "192.0.2.1", 8080),
        "host, the gateway": answer(host, proto, "10.77.1.1", 8080),
        "host, another gateway": answer(host, proto, "10.77.2.1", 8080),
        "host, loopback": answer(host, proto, "127.0.0.1", 8080),
        "brother": answer(brother, proto, "192.0.2.1", 8080),
        "brother, the gateway": answer(brother, proto, "10.77.1.1", 8080),
        "far": answer(far, proto, "192.0.2.1", 8080),
        "far, its gateway": answer(far, proto, "10.77.2.1", 8080),
        "itself": answer(web, proto, "192.0.2.1", 8080),
        "itself, the gateway": answer(web, proto, "10.77.1.1", 8080),
    } == {
        "neighbour": "web 192.0.2.2",
        "host": "web 192.0.2.1",
        "host, the gateway": "web 10.77.1.1",
        "host, another gateway": "web 10.77.2.1",
        "host, loopback": "web 10.77.1.1",
        "brother": "web 10.77.1.1",
        "brother, the gateway": "web 10.77.1.1",
        "far": "web 10.77.2.2",
        "far, its gateway": "web 10.77.2.2",
        "itself": "web 10.77.1.1",
        "itself, the gateway": "web 10.77.1.1",
    }


@with_and_without_bridge_nf
@both_protos
def test_everybody_reaches_a_published_port_by_ipv6(
    host: Host, daemon: Daemon, web: Spot, proto: str
) -> None:
    make_network(daemon, 2)
    brother = make_sandbox(daemon, "brother", "n1")
    far = make_sandbox(daemon, "far", "n2")

    daemon.seaway("publish", "web", f"8080:80/{proto}")

    assert {
        "neighbour": answer(host.neighbour, proto, "2001:db8:0:1::1", 8080),
        "host": answer(host, proto, "2001:db8:0:1::1", 8080),
        "host, the gateway": answer(host, proto, "fd77:1::1", 8080),
        "brother": answer(brother, proto, "2001:db8:0:1::1", 8080),
        "brother, the gateway": answer(brother, proto, "fd77:1::1", 8080),
        "far": answer(far, proto, "2001:db8:0:1::1", 8080),
        "far, its gateway": answer(far, proto, "fd77:2::1", 8080),
        "itself": answer(web, proto, "2001:db8:0:1::1", 8080),
        "itself, the gateway": answer(web, proto, "fd77:1::1", 8080),
    } == {
        "neighbour": "web 2001:db8:0:1::2",
        "host": "web 2001:db8:0:1::1",
        "host, the gateway": "web fd77:1::1",
        "brother": "web fd77:1::1",
        "brother, the gateway": "web fd77:1::1",
        "far": "web fd77:2::2",
        "far, its gateway": "web fd77:2::2",
        "itself": "web fd77:1::1",
        "itself, the gateway": "web fd77:1::1",
    }


@both_protos
def test_the_host_reaches_a_published_port_by_the_loopback_address_of_ipv6(
    host: Host, daemon: Daemon, web: Spot, proto: str
) -> None:
    make_network(daemon, 2)
    make_server(daemon, "two", "n2")

    daemon.seaway("publish", "web", f"8080:80/{proto}")
    daemon.seaway("publish", "two", f"8082:80/{proto}")

    assert answer(host, proto, "::1", 8080) == "web fd77:1::1"
    assert answer(host, proto, "::1", 8082) == "two fd77:2::1"


def test_loopback_of_ipv6_is_refused_at_once_where_the_sandbox_has_no_ipv6(
    host: Host, daemon: Daemon
) -> None:
    make_ipv4_network(daemon, 1)
    make_server(daemon, "web", "n1")

    daemon.seaway("publish", "web", "8080:80")

    assert answer(host, "tcp", "::1", 8080) == "refused"
    assert answer(host.neighbour, "tcp", "2001:db8:0:1::1", 8080) == "refused"
    assert answer(host, "tcp", "127.0.0.1", 8080) == "web 10.77.1.1"


@pytest.mark.parametrize("host", [True], ids=["nf-call-1"], indirect=True)
def test_publish_and_status_say_that_loopback_of_ipv6_cannot_work(
    host: Host, daemon: Daemon, web: Spot
) -> None:
    said = daemon.seaway("publish", "web", "8080:80")

    assert said.err == (
        "WARNING: published ports do not answer on [::1] while "
        "net.bridge.bridge-nf-call-ip6tables is 1; every other address of the host works\n"
    )
    assert "bridge-nf-call-ip6tables is 1" in daemon.seaway("status").out


@with_and_without_bridge_nf
@both_protos
@pytest.mark.parametrize(
    ("address", "seen"),
    [("192.0.2.1", "web 10.77.1.1"), ("2001:db8:0:1::1", "web fd77:1::1")],
    ids=["ipv4", "ipv6"],
)
def test_a_client_that_shares_any_network_with_the_server_is_answered_by_the_host(
    host: Host, daemon: Daemon, proto: str, address: str, seen: str
) -> None:
    make_network(daemon, 1)
    make_network(daemon, 2)
    make_server(daemon, "web", "n1", "n2")
    client = make_sandbox(daemon, "client", "n2")

    daemon.seaway("publish", "web", f"8080:80/{proto}")

    assert answer(client, proto, address, 8080) == seen
    assert answer(host.neighbour, proto, address, 8080) != "silent"


def test_a_client_on_two_networks_reaches_a_port_on_one_of_them(host: Host, daemon: Daemon) -> None:
    make_network(daemon, 1)
    make_network(daemon, 2)
    make_server(daemon, "web", "n2")
    client = make_sandbox(daemon, "client", "n1", "n2")

    daemon.seaway("publish", "web", "8080:80", "8080:80/udp")

    assert answer(client, "tcp", "192.0.2.1", 8080) == "web 10.77.1.2"
    assert answer(client, "udp", "10.77.2.1", 8080) == "web 10.77.2.1"
    assert answer(client, "tcp", "2001:db8:0:1::1", 8080) == "web fd77:1::2"


# On one address of the host


def test_a_port_on_one_address_of_the_host_is_on_no_other(host: Host, daemon: Daemon) -> None:
    host.sh("ip address add 192.0.2.9/24 dev eth0")
    make_network(daemon, 1)
    make_server(daemon, "web", "n1")

    daemon.seaway("publish", "web", "192.0.2.9:8080:80", "[2001:db8:0:1::1]:8081:80")

    assert answer(host.neighbour, "tcp", "192.0.2.9", 8080) == "web 192.0.2.2"
    assert answer(host, "tcp", "192.0.2.9", 8080) == "web 192.0.2.1"
    assert answer(host.neighbour, "tcp", "192.0.2.1", 8080) == "refused"
    assert answer(host.neighbour, "tcp", "2001:db8:0:1::1", 8080) == "refused"
    assert answer(host, "tcp", "127.0.0.1", 8080) == "refused"
    assert answer(host.neighbour, "tcp", "2001:db8:0:1::1", 8081) == "web 2001:db8:0:1::2"
    assert answer(host.neighbour, "tcp", "192.0.2.9", 8081) == "refused"


def test_two_sandboxes_share_a_port_on_two_addresses(host: Host, daemon: Daemon) -> None:
    host.sh("ip address add 192.0.2.9/24 dev eth0")
    make_network(daemon, 1)
    make_server(daemon, "one", "n1")
    make_server(daemon, "two", "n1")

    daemon.seaway("publish", "one", "192.0.2.1:53:80/udp")
    daemon.seaway("publish", "two", "192.0.2.9:53:80/udp")

    assert answer(host.neighbour, "udp", "192.0.2.1", 53) == "one 192.0.2.2"
    assert answer(host.neighbour, "udp", "192.0.2.9", 53) == "two 192.0.2.2"


def test_a_network_chooses_the_address_of_ports_that_are_published_without_one(
    host: Host, daemon: Daemon
) -> None:
    option = "com.docker.network.bridge.host_binding_ipv4=127.0.0.1"
    make_ipv4_network(daemon, 1, "-o", option)
    make_server(daemon, "web", "n1")

    daemon.seaway("publish", "web", "8080:80")

    assert answer(host, "tcp", "127.0.0.1", 8080) == "web 10.77.1.1"
    assert answer(host.neighbour, "tcp", "192.0.2.1", 8080) == "refused"


# On 127.0.0.1


@with_and_without_bridge_nf
@both_protos
def test_a_port_on_127_0_0_1_is_for_the_host_alone(
    host: Host, daemon: Daemon, web: Spot, proto: str
) -> None:
    far = make_sandbox(daemon, "far", "n1")

    daemon.seaway("publish", "web", f"127.0.0.1:8080:80/{proto}")

    assert answer(host, proto, "127.0.0.1", 8080) == "web 10.77.1.1"
    assert answer(host, proto, "192.0.2.1", 8080) == "refused"
    assert answer(host.neighbour, proto, "192.0.2.1", 8080) == "refused"
    assert answer(far, proto, "10.77.1.1", 8080) == "refused"
    assert answer(web, proto, "10.77.1.1", 8080) == "refused"


@both_protos
def test_a_neighbour_that_routes_127_0_0_1_to_the_host_reaches_nothing_there(
    host: Host, daemon: Daemon, web: Spot, proto: str
) -> None:
    host.serve("the host's own", proto, 9000, "127.0.0.1")
    daemon.seaway("publish", "web", f"127.0.0.1:8080:80/{proto}")

    for attacker, gateway in ((host.neighbour, "192.0.2.1"), (web, "10.77.1.1")):
        _route_loopback_to(attacker, gateway)

        assert answer(attacker, proto, "127.0.0.1", 8080, 0.3) == "silent"
        assert answer(attacker, proto, "127.0.0.1", 9000, 0.3) == "silent"
    assert answer(host, proto, "127.0.0.1", 8080) == "web 10.77.1.1"
    assert answer(host, proto, "127.0.0.1", 9000) == "the host's own 127.0.0.1"


def _route_loopback_to(attacker: Spot, gateway: str) -> None:
    """All that *attacker* sends to 127.0.0.1 goes to *gateway*, from its own address."""
    attacker.sh(
        "sysctl -qw net.ipv4.conf.eth0.route_localnet=1 net.ipv4.conf.all.rp_filter=0;"
        "ip rule add pref 10 lookup local; ip rule add pref 5 to 127.0.0.1 lookup 100;"
        f"ip rule del pref 0; ip route add 127.0.0.1/32 via {gateway} dev eth0 table 100"
        " src $(ip -4 -br address show eth0 | sed 's/.* \\([0-9.]*\\)\\/.*/\\1/')"
    )


@both_protos
def test_ports_on_other_loopback_addresses_are_for_the_host_alone(
    host: Host, daemon: Daemon, web: Spot, proto: str
) -> None:
    daemon.seaway("publish", "web", f"127.0.0.2:8080:80/{proto}", f"[::1]:8081:80/{proto}")

    assert answer(host, proto, "127.0.0.2", 8080) == "web 10.77.1.1"
    assert answer(host, proto, "127.0.0.1", 8080) == "refused"
    assert answer(host, proto, "::1", 8081) == "web fd77:1::1"
    assert answer(host.neighbour, proto, "2001:db8:0:1::1", 8081) == "refused"


@pytest.mark.parametrize("port", ["192.0.2.77:8080:80", "192.0.2.77::80", "[2001:db8::77]::80/udp"])
def test_a_port_on_an_address_that_the_host_lacks_is_refused(
    host: Host, daemon: Daemon, port: str
) -> None:
    make_network(daemon, 1)
    make_sandbox(daemon, "web", "n1")

    said = daemon.seaway("publish", "web", port, check=False)

    assert said.code == 1
    assert " is no address of this host\n" in said.err
    assert daemon.seaway("port", "web").out == ""


# Which host ports


HOST_ADDRESSES = ("0.0.0.0", "192.0.2.1", "127.0.0.1", "::", "2001:db8:0:1::1", "::1")


@both_protos
def test_no_program_of_the_host_gets_a_published_port(
    host: Host, daemon: Daemon, proto: str
) -> None:
    make_network(daemon, 1)
    make_sandbox(daemon, "web", "n1")
    daemon.seaway("publish", "web", f"8080:80/{proto}")

    ways = [
        (address, option)
        for address in HOST_ADDRESSES
        for option in (None, socket.SO_REUSEADDR, socket.SO_REUSEPORT)
    ]

    assert [way for way in ways if second_bind(host, proto, *way) != errno.EADDRINUSE] == []


def second_bind(host: Host, proto: str, address: str, option: int | None) -> int:
    """The error of another program that wants port 8080 at *address*; 0 if it gets it."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with host.open_socket(family, KINDS[proto]) as second:
        if option is not None:
            second.setsockopt(socket.SOL_SOCKET, option, 1)
        try:
            second.bind((address, 8080))
        except OSError as error:
            return error.errno or 0
    return 0


@both_protos
def test_a_port_that_is_no_longer_published_is_the_hosts_again(
    host: Host, daemon: Daemon, web: Spot, proto: str
) -> None:
    daemon.seaway("publish", "web", f"8080:80/{proto}")
    daemon.seaway("unpublish", "web", f"8080:80/{proto}")

    host.serve("the host's own", proto, 8080)

    assert answer(host.neighbour, proto, "192.0.2.1", 8080) == "the host's own 192.0.2.2"


@pytest.mark.parametrize("family", ["192.0.2.1", "2001:db8:0:1::1"], ids=["ipv4", "ipv6"])
@both_protos
def test_a_busy_port_is_refused_by_the_name_of_its_holder_and_leaves_nothing(
    host: Host, daemon: Daemon, web: Spot, proto: str, family: str
) -> None:
    code = (
        "import socket, sys, time\n"
        "s = socket.socket(int(sys.argv[1]), int(sys.argv[2]))\n"
        "s.bind((sys.argv[3], 8081))\n"
        "s.type == socket.SOCK_STREAM and s.listen()\n"
        "print('bound', flush=True); time.sleep(60)\n"
    )
    kind, version = KINDS[proto], socket.AF_INET if family == "192.0.2.1" else socket.AF_INET6
    holder = host.popen(
        ["python3", "-c", code, str(int(version)), str(int(kind)), family], stdout=-1
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "bound\n"
    before = at_rest(host, daemon)

    said = daemon.seaway("publish", "web", f"8080:80/{proto}", f"8081:81/{proto}", check=False)

    shown = "0.0.0.0" if family == "192.0.2.1" else "[::]"
    assert said.code == 1
    assert f"Bind for {shown}:8081 failed: port is already allocated: 8081/{proto} is held by " in (
        said.err
    )
    assert "python3 (pid " in said.err
    assert leaked(before, host, daemon) == ()
    assert answer(host.neighbour, proto, "192.0.2.1", 8080) == "refused"


def test_a_port_of_another_sandbox_is_refused_and_a_run_with_it_leaves_nothing(
    host: Host, daemon: Daemon, web: Spot
) -> None:
    daemon.seaway("publish", "web", "8080:80")
    before = at_rest(host, daemon)

    said = daemon.seaway(
        "run", "--rm", "--network", "n1", "--name", "late", "-p", "8080:80", "true", check=False
    )

    assert said.code == 125
    assert f"{HOLDER} on endpoint late (" in said.err
    assert "Bind for 0.0.0.0:8080 failed: port is already allocated" in said.err
    assert leaked(before, host, daemon) == ()
    assert answer(host.neighbour, "tcp", "192.0.2.1", 8080) == "web 192.0.2.2"


@both_protos
def test_a_port_without_a_host_port_gets_a_free_one_of_the_dynamic_range(
    host: Host, daemon: Daemon, proto: str
) -> None:
    host.sh("sysctl -qw net.ipv4.ip_local_port_range='40000 40003'")
    host.serve("the host's own", proto, 40001)
    make_network(daemon, 1)
    make_server(daemon, "web", "n1")

    daemon.seaway("publish", "web", f"80/{proto}", f"81/{proto}", f"82/{proto}")
    found = ports_of(daemon, "web")
    late = daemon.seaway("publish", "web", f"83/{proto}", check=False)

    assert sorted(found.values()) == [40000, 40002, 40003]
    assert answer(host.neighbour, proto, "192.0.2.1", found[f"80/{proto}"]) == "web 192.0.2.2"
    assert "no free host port found for 83/" in late.err


def test_all_exposed_ports_are_published_when_asked(host: Host, daemon: Daemon) -> None:
    make_network(daemon, 1)
    daemon.seaway(
        "run", "-d", "--network", "n1", "--name", "web", "-P", "--expose", "80",
        "--expose", "5300-5301/udp", "-p", "8443:443", "sleep", "60",
    )  # fmt: skip
    serve(daemon.sandbox("web"), "web", 80)
    daemon.sandbox("web").serve("web", "udp", 5301)

    found = ports_of(daemon, "web")

    assert sorted(found) == ["443/tcp", "5300/udp", "5301/udp", "80/tcp"]
    assert found["443/tcp"] == 8443
    assert answer(host.neighbour, "tcp", "192.0.2.1", found["80/tcp"]) == "web 192.0.2.2"
    assert answer(host.neighbour, "udp", "2001:db8:0:1::1", found["5301/udp"]) == (
        "web 2001:db8:0:1::2"
    )


@with_and_without_bridge_nf
def test_a_range_is_one_element(host: Host, daemon: Daemon) -> None:
    make_network(daemon, 1)
    web = make_sandbox(daemon, "web", "n1")
    for port in (7000, 7099):
        serve(web, f"web {port}", port)

    daemon.seaway("publish", "web", "7000-7099:7000-7099", "127.0.0.1:7000-7099:7000-7099/udp")

    assert elements(host, "range_any4") == ["tcp . 7000-7099 : 10.77.1.2"]
    assert elements(host, "range_any6") == ["tcp . 7000-7099 : fd77:1::2"]
    assert elements(host, "range_one4") == ["udp . 127.0.0.1 . 7000-7099 : 10.77.1.2"]
    assert answer(host.neighbour, "tcp", "192.0.2.1", 7000) == "web 7000 192.0.2.2"
    assert answer(host.neighbour, "tcp", "2001:db8:0:1::1", 7099) == "web 7099 2001:db8:0:1::2"
    assert answer(host.neighbour, "tcp", "192.0.2.1", 7100) == "refused"
    assert answer(host.neighbour, "tcp", "192.0.2.1", 6999) == "refused"
    assert answer(host, "udp", "127.0.0.1", 7099) == "web 7099 10.77.1.1"
    assert answer(web, "tcp", "192.0.2.1", 7099) == "web 7099 10.77.1.1"


def test_the_nth_port_of_a_shifted_range_leads_to_the_nth(host: Host, daemon: Daemon) -> None:
    make_network(daemon, 1)
    web = make_sandbox(daemon, "web", "n1")
    for port in (9000, 9009):
        serve(web, f"web {port}", port)

    daemon.seaway("publish", "web", "7000-7009:9000-9009", "7000-7009:9000-9009/udp")

    for proto in ("tcp", "udp"):
        assert answer(host.neighbour, proto, "192.0.2.1", 7000) == "web 9000 192.0.2.2"
        assert answer(host.neighbour, proto, "192.0.2.1", 7009) == "web 9009 192.0.2.2"
        assert answer(host.neighbour, proto, "2001:db8:0:1::1", 7009) == (
            "web 9009 2001:db8:0:1::2"
        )


def test_sctp_is_translated_as_the_others_are(host: Host, daemon: Daemon) -> None:
    make_network(daemon, 1)
    make_sandbox(daemon, "web", "n1")

    daemon.seaway("publish", "web", "9999:999/sctp")

    assert elements(host, "any4") == ["sctp . 9999 : 10.77.1.2 . 999"]
    assert elements(host, "any6") == ["sctp . 9999 : fd77:1::2 . 999"]
    assert daemon.seaway("port", "web").out == ("999/sctp -> 0.0.0.0:9999\n999/sctp -> [::]:9999\n")


# Networks that lead nowhere


def test_an_internal_network_publishes_nothing(host: Host, daemon: Daemon) -> None:
    make_network(daemon, 1, "--internal")
    make_server(daemon, "web", "n1")

    said = daemon.seaway("publish", "web", "8080:80")

    assert said.err == (
        "WARNING: web is on no network with a way out: "
        "its ports are published when it is connected to one\n"
    )
    assert elements(host, "any4") == []
    assert answer(host.neighbour, "tcp", "192.0.2.1", 8080) == "refused"
    host.serve("the host's own", "tcp", 8080)


def test_docker_sees_the_ports_that_seaway_published(host: Host, daemon: Daemon) -> None:
    make_network(daemon, 1)
    make_sandbox(daemon, "web", "n1")
    daemon.seaway("publish", "web", "8080:80", "127.0.0.1:5300:53/udp")

    shown = daemon.docker("inspect", "-f", "{{json .NetworkSettings.Ports}}", "web").out

    assert json.loads(shown) == {
        "80/tcp": [
            {"HostIp": "0.0.0.0", "HostPort": "8080"},
            {"HostIp": "::", "HostPort": "8080"},
        ],
        "53/udp": [{"HostIp": "127.0.0.1", "HostPort": "5300"}],
    }
    assert daemon.docker("port", "web", "53/udp").out == "127.0.0.1:5300\n"
