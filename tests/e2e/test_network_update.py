"""Changing a network while sandboxes are on it: said first, then done, all of it or nothing."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import time

import pytest

from bed.daemon import Daemon
from bed.host import Host
from bed.spot import Spot
from e2e.resolving import resolve, upstream
from e2e.stage import (
    answer,
    bridge_of,
    ends,
    make_ipv4_network,
    make_network,
    make_sandbox,
    make_server,
    post,
    say,
)


@pytest.fixture
def daemon(swept_daemon: Daemon) -> Daemon:
    """One for all tests of this file."""
    return swept_daemon


@pytest.fixture
def host(daemon: Daemon) -> Host:
    """The host of the daemon."""
    return daemon.host


def update(daemon: Daemon, *arguments: str) -> str:
    """What ``seaway network update`` says."""
    return daemon.seaway("network", "update", *arguments).out


def mtu(spot: Spot, link: str = "eth0") -> int:
    """The MTU of a link."""
    (found,) = json.loads(spot.sh(f"ip -j link show {link}").out)
    return int(found["mtu"])


def addresses(spot: Spot) -> list[str]:
    """The global addresses of eth0."""
    lines = spot.sh("ip -o address show dev eth0 scope global").out.splitlines()
    return [line.split()[3] for line in lines]


def everything(host: Host) -> str:
    """Links, addresses and rules of the host, but for states that follow by themselves a little later."""
    shown = host.sh("ip -o link; ip address; nft list ruleset").out
    return re.sub(r"NO-CARRIER,|LOWER_UP|state [A-Z]+", "", shown)


def rows(said: str) -> list[list[str]]:
    """The table's lines without its head, in cells."""
    lines = [line for line in said.splitlines()[1:] if "   " in line]
    return [[cell.strip() for cell in line.split("   ") if cell] for line in lines]


def test_a_plan_says_what_it_would_mean_and_changes_nothing(host: Host, daemon: Daemon) -> None:
    make_ipv4_network(daemon, 1)
    make_sandbox(daemon, "one", "n1")
    on_n1 = {"Image": "host", "Cmd": ["true"], "HostConfig": {"NetworkMode": "n1"}}
    assert post(daemon, "/containers/create?name=two", on_n1) == (201, "")
    before = everything(host)

    said = update(daemon, "--plan", "--mtu", "1400", "--internal", "n1")

    assert rows(said) == [
        [
            "one",
            "changes live",
            "eth0: MTU 1500 becomes 1400; has no way outside by IPv4 any more",
        ],
        ["two", "keeps", "stopped: takes it when it starts"],
    ]
    assert said.endswith("Nothing was changed (--plan).\n")
    assert everything(host) == before


def test_the_mtu_changes_at_all_ends_and_open_streams_go_on(host: Host, daemon: Daemon) -> None:
    network = make_network(daemon, 1)
    web = make_server(daemon, "web", "n1")
    cli = make_sandbox(daemon, "cli", "n1")
    with cli.connect("tcp", "10.77.1.2", 80) as stream:
        assert say(stream) == "web 10.77.1.3"

        update(daemon, "--mtu", "1300", network)

        assert say(stream) == "web 10.77.1.3"
    assert (mtu(web), mtu(cli)) == (1300, 1300)
    links = json.loads(host.sh("ip -j link").out)
    assert {link["mtu"] for link in links if link["ifname"].startswith(("sw-", "sv-"))} == {1300}
    late = make_sandbox(daemon, "late", "n1")
    assert mtu(late) == 1300
    update(daemon, "--label", "tier=1", network)
    assert mtu(web) == 1300
    update(daemon, "--opt-rm", "com.docker.network.driver.mtu", network)
    assert (mtu(web), mtu(cli), mtu(late)) == (1500, 1500, 1500)


def test_an_mtu_that_was_too_small_for_ipv6_brings_none_when_it_grows(
    host: Host, daemon: Daemon
) -> None:
    make_ipv4_network(daemon, 1, "-o", "seaway.source_guard=false")
    cli = make_sandbox(daemon, "cli", "n1")
    accepts = f"cat /proc/sys/net/ipv6/conf/{bridge_of(daemon, 'n1')}/accept_ra"
    inside = "ip -6 -o address show dev eth0"
    before = (host.sh(accepts).out, cli.sh(inside).out)

    update(daemon, "--mtu", "1000", "n1")
    update(daemon, "--mtu", "1500", "n1")

    assert before == ("0\n", "")
    assert (host.sh(accepts).out, cli.sh(inside).out) == before


def test_who_shares_a_network_reads_the_new_addresses_too(daemon: Daemon) -> None:
    make_ipv4_network(daemon, 1)
    for name, network in (("app", "n1"), ("side", "container:app")):
        daemon.seaway("run", "-d", "--name", name, "--network", network, "--", "sleep", "600")

    update(daemon, "--add-subnet", "fd77:1::/64", "n1")

    both = [daemon.seaway("exec", name, "cat", "/etc/hosts").out for name in ("app", "side")]
    assert "fd77:1::2\t" in both[0]
    assert both[1] == both[0]


def test_a_network_gets_ipv6_while_it_is_used(host: Host, daemon: Daemon) -> None:
    make_ipv4_network(daemon, 1)
    web = make_server(daemon, "web", "n1")
    cli = make_sandbox(daemon, "cli", "n1")
    daemon.seaway("publish", "web", "8080:80")

    said = update(daemon, "--add-subnet", "fd77:1::/64", "n1")

    assert [
        "web",
        "changes live",
        "eth0: gets fd77:1::2/64; goes outside by fd77:1::1 on eth0",
    ] in [[*row[:2], row[2].partition("; port")[0]] for row in rows(said)]
    assert addresses(web) == ["10.77.1.2/24", "fd77:1::2/64"]
    assert cli.ask("tcp", "fd77:1::2", 80) == "web fd77:1::3"
    assert resolve(cli, "web", "AAAA") == ["fd77:1::2"]
    assert host.neighbour.ask("tcp", "2001:db8:0:1::1", 8080) == "web 2001:db8:0:1::2"
    assert answer(cli, "tcp", "2001:db8:0:1::2", 9) == "refused"  # it gets there, and back
    late = make_sandbox(daemon, "late", "n1")
    assert late.ask("tcp", "fd77:1::2", 80) == "web fd77:1::4"


def test_a_used_up_network_grows_by_a_subnet(host: Host, daemon: Daemon) -> None:
    daemon.seaway("network", "create", "--subnet", "10.77.1.0/30", "small")
    web = make_server(daemon, "web", "small")
    full = daemon.seaway("sandbox", "create", "--network", "small", "late", check=False)
    assert "10.77.1.0/30 is exhausted, 1 of 1 in use" in full.err
    assert "seaway network update small --add-subnet SUBNET" in full.err

    said = update(daemon, "--add-subnet", "10.77.2.0/24", "--gateway", "10.77.2.9", "small")

    assert rows(said) == [["web", "keeps"]]
    late = make_sandbox(daemon, "late", "small")
    assert addresses(late) == ["10.77.2.1/24"]
    assert late.ask("tcp", "10.77.1.2", 80) == "web 10.77.2.1"
    assert web.ask("tcp", "10.77.1.2", 80) == "web 10.77.1.2"
    assert resolve(late, "web") == ["10.77.1.2"]
    assert answer(late, "tcp", "192.0.2.2", 9) == "refused"
    refused = daemon.seaway("network", "update", "--internal", "small", check=False)
    assert "cannot be internal with several IPv4 subnets" in refused.err


def test_internal_shuts_everything_and_opens_it_again(host: Host, daemon: Daemon) -> None:
    make_network(daemon, 1)
    web = make_server(daemon, "web", "n1")
    cli = make_sandbox(daemon, "cli", "n1")
    daemon.seaway("publish", "web", "8080:80", "8080:80/udp")
    host.neighbour.serve("outside", "tcp", 9000)
    with (
        web.connect("tcp", "192.0.2.2", 9000) as out,
        host.neighbour.connect("tcp", "192.0.2.1", 8080) as come,
    ):
        assert (say(out), say(come)) == ("outside 192.0.2.1", "web 192.0.2.2")

        said = update(daemon, "--internal", "n1")

        assert "port 80/tcp is published no longer" in said
        assert ends(out)
        assert ends(come)
    assert answer(web, "tcp", "192.0.2.2", 9000, timeout=0.5) == "Network is unreachable"
    assert answer(host.neighbour, "tcp", "192.0.2.1", 8080) == "refused"
    assert cli.ask("tcp", "10.77.1.2", 80) == "web 10.77.1.3"
    host.serve("other", "tcp", 8080).close()  # nobody holds the port

    update(daemon, "--internal=false", "n1")

    assert web.ask("tcp", "192.0.2.2", 9000) == "outside 192.0.2.1"
    assert host.neighbour.ask("tcp", "192.0.2.1", 8080) == "web 192.0.2.2"
    assert host.neighbour.ask("udp", "192.0.2.1", 8080) == "web 192.0.2.2"
    assert host.neighbour.ask("tcp", "2001:db8:0:1::1", 8080) == "web 2001:db8:0:1::2"


def test_a_held_port_keeps_a_network_from_opening_and_changes_nothing(
    host: Host, daemon: Daemon
) -> None:
    make_network(daemon, 1, "--internal")
    web = make_server(daemon, "web", "n1")
    daemon.seaway("publish", "web", "8080:80")
    host.serve("other", "tcp", 8080)
    before = host.sh("nft --stateless list ruleset").out

    status, message = post(daemon, "/seaway/networks/n1/update", {"Internal": False})

    assert status == 500
    assert "8080" in message
    assert host.sh("nft --stateless list ruleset").out == before
    assert answer(web, "tcp", "192.0.2.2", 9000, timeout=0.5) == "Network is unreachable"
    (shown,) = json.loads(daemon.seaway("network", "inspect", "n1").out)
    assert shown["Internal"] is True


def test_icc_closes_and_opens(daemon: Daemon) -> None:
    make_network(daemon, 1)
    make_server(daemon, "web", "n1")
    cli = make_sandbox(daemon, "cli", "n1")
    with cli.connect("tcp", "10.77.1.2", 80) as stream:
        assert say(stream) == "web 10.77.1.3"

        said = update(daemon, "--icc=false", "n1")

        assert rows(said)[0] == ["cli", "changes live", "is cut off from the others on n1"]
        assert ends(stream)
    assert answer(cli, "tcp", "10.77.1.2", 80, timeout=0.5) == "silent"

    update(daemon, "--icc", "n1")

    assert cli.ask("tcp", "10.77.1.2", 80) == "web 10.77.1.3"


def test_the_source_guard_goes_and_comes(daemon: Daemon) -> None:
    make_network(daemon, 1)
    make_server(daemon, "web", "n1")
    cli = make_sandbox(daemon, "cli", "n1")
    cli.sh("ip address add 10.77.1.99/24 dev eth0")
    spoof = (
        "ping -c 3 -i 0.2 -W 0.5 -I 10.77.1.99 10.77.1.2 >/dev/null && echo through || echo dropped"
    )
    assert cli.sh(spoof).out == "dropped\n"

    update(daemon, "-o", "seaway.source_guard=false", "n1")
    assert cli.sh(spoof).out == "through\n"

    update(daemon, "--opt-rm", "seaway.source_guard", "n1")
    assert cli.sh(spoof).out == "dropped\n"


def test_a_new_name_leads_to_the_network_and_the_old_one_does_not(daemon: Daemon) -> None:
    make_network(daemon, 1)
    make_network(daemon, 2)
    cli = make_sandbox(daemon, "cli", "n1")
    daemon.seaway("run", "-d", "--name", "app", "--network", "n1", "--", "sleep", "600")

    update(daemon, "--name", "front", "--label", "tier=1", "n1")

    assert daemon.seaway("network", "ls", "-f", "label=tier=1", "--format", "{{.Name}}").out == (
        "front\n"
    )
    gone = daemon.seaway("network", "inspect", "n1", check=False)
    assert "network n1 not found" in gone.err
    assert resolve(cli, "app.front") == ["10.77.1.3"]
    assert resolve(cli, "app.n1") != ["10.77.1.3"]
    (app,) = json.loads(daemon.seaway("inspect", "app").out)
    assert app["HostConfig"]["NetworkMode"] == "front"
    assert list(app["NetworkSettings"]["Networks"]) == ["front"]
    taken = daemon.seaway("network", "update", "--name", "n2", "front", check=False)
    assert "network with name n2 already exists" in taken.err
    daemon.seaway("restart", "-t", "0", "app")
    daemon.seaway("network", "update", "--name", "n1", "front")
    make_network(daemon, 3)


def test_the_network_names_who_is_asked(host: Host, daemon: Daemon) -> None:
    make_network(daemon, 1)
    cli = make_sandbox(daemon, "cli", "n1")
    server = make_sandbox(daemon, "server", "n1")
    with upstream(server, "10.77.1.3", {"a.example": ["203.0.113.7"]}):
        update(daemon, "--dns", "10.77.1.3", "n1")
        assert resolve(cli, "a.example") == ["203.0.113.7"]

        update(daemon, "--dns", "", "n1")
        assert resolve(cli, "a.example") != ["203.0.113.7"]


def test_what_changed_stays_after_a_kill_and_a_restart(host: Host, daemon: Daemon) -> None:
    make_ipv4_network(daemon, 1)
    web = make_server(daemon, "web", "n1")
    cli = make_sandbox(daemon, "cli", "n1")
    update(daemon, "--add-subnet", "fd77:1::/64", "--mtu", "1320", "--icc=false", "n1")
    update(daemon, "--icc=true", "--name", "front", "n1")
    with cli.connect("tcp", "fd77:1::2", 80) as stream:
        assert say(stream) == "web fd77:1::3"

        daemon.kill()
        daemon.start()

        assert say(stream) == "web fd77:1::3"
    assert mtu(web) == 1320
    late = make_sandbox(daemon, "late", "front")
    assert addresses(late) == ["10.77.1.4/24", "fd77:1::4/64"]


def test_bad_changes_are_refused_in_a_sentence_and_change_nothing(
    host: Host, daemon: Daemon
) -> None:
    make_network(daemon, 1)
    make_network(daemon, 2)
    make_ipv4_network(daemon, 4)
    make_sandbox(daemon, "box", "n1")
    before = everything(host)
    refusals = {
        ("--mtu", "67", "n4"): "an MTU is a number of bytes from 68 to 65535",
        ("--mtu", "1000", "n1"): "from 1280 (IPv6 needs that much) to 65535",
        ("--add-subnet", "10.77.2.0/25", "n1"): "10.77.2.0/25 overlaps 10.77.2.0/24 of network n2",
        ("--add-subnet", "10.77.1.0/25", "n1"): "10.77.1.0/25 overlaps 10.77.1.0/24 of network n1",
        ("--add-subnet", "10.77.3.5/24", "n1"): "it should be 10.77.3.0/24",
        ("--name", "bridge", "n1"): "operation is not permitted on predefined bridge network",
        ("--name", "", "n1"): "invalid name: name is empty",
        ("--internal", "bridge"): "bridge is a pre-defined network and cannot be changed",
        ("-o", "com.docker.network.bridge.name=sw-other", "n1"): "keeps its bridge sw-",
        ("-o", "seaway.nonsense=1", "n1"): "unknown option seaway.nonsense",
        ("--dns", "nowhere", "n1"): "invalid IP address 'nowhere'",
        ("--mtu", "1400", "nosuch"): "network nosuch not found",
        ("n1",): "nothing to change",
    }

    for words, wanted in refusals.items():
        refused = daemon.seaway("network", "update", *words, check=False)
        assert refused.code == 1, words
        assert wanted in refused.err, words

    assert everything(host) == before


def test_what_speaks_first_outside_goes_on_when_brothers_are_cut_off(
    host: Host, daemon: Daemon
) -> None:
    make_network(daemon, 1)
    web = make_server(daemon, "web", "n1")
    daemon.seaway("publish", "web", "8080:80")
    pusher = host.neighbour.popen([sys.executable, "-c", PUSHER], stdout=subprocess.PIPE)
    assert pusher.stdout is not None
    assert pusher.stdout.readline() == "ready\n"
    with (
        web.connect("tcp", "192.0.2.2", 9000) as out4,
        web.connect("tcp", "2001:db8:0:1::2", 9000) as out6,
        host.neighbour.connect("tcp", "192.0.2.1", 8080) as come,
    ):
        assert say(come) == "web 192.0.2.2"

        update(daemon, "--icc=false", "n1")

        assert [received(stream, 0.3) for stream in (out4, out6)] == [b"." * 10, b"." * 10]
        assert say(come) == "web 192.0.2.2"


PUSHER = """
import socket, threading, time
server = socket.create_server(("::", 9000), family=socket.AF_INET6, dualstack_ipv6=True)
def push(stream):
    for _ in range(500):
        time.sleep(0.02)
        stream.sendall(b".")
print("ready", flush=True)
while True:
    threading.Thread(target=push, args=(server.accept()[0],), daemon=True).start()
"""
"""A server that says something fifty times a second, whoever listens."""


def received(stream: socket.socket, seconds: float) -> bytes:
    """The first ten bytes that come after *seconds*, or fewer when nothing comes any more."""
    stream.settimeout(2)
    stop, found = time.monotonic() + seconds, b""
    try:
        while time.monotonic() < stop:
            stream.recv(1)
        while len(found) < 10 and (more := stream.recv(10 - len(found))):
            found += more
    except OSError:
        return found
    return found


def test_a_port_stays_where_it_is_until_the_next_start(host: Host, daemon: Daemon) -> None:
    make_network(daemon, 1)
    run = ("-d", "--name", "app", "--network", "n1", "-p", "8080:80", "--", "sleep", "600")
    daemon.seaway("run", *run)
    binding = "com.docker.network.bridge.host_binding_ipv4"

    said = update(daemon, "-o", f"{binding}=127.0.0.1", "n1")

    assert rows(said) == [["app", "needs a restart", "its ports move to 127.0.0.1"]]
    assert "80/tcp -> 0.0.0.0:8080" in daemon.seaway("port", "app").out
    daemon.seaway("restart", "-t", "0", "app")
    assert daemon.seaway("port", "app").out == "80/tcp -> 127.0.0.1:8080\n"

    said = update(daemon, "--opt-rm", binding, "n1")

    assert rows(said) == [["app", "needs a restart", "its ports move to all addresses of the host"]]
    daemon.seaway("restart", "-t", "0", "app")
    assert "80/tcp -> 0.0.0.0:8080" in daemon.seaway("port", "app").out


def test_who_took_its_interface_away_keeps_nobody_from_changing(daemon: Daemon) -> None:
    make_ipv4_network(daemon, 1)
    web = make_server(daemon, "web", "n1")
    gone, named = make_sandbox(daemon, "gone", "n1"), make_sandbox(daemon, "named", "n1")
    gone.sh("ip link delete eth0")
    named.sh("ip link set eth0 down; ip link set eth0 name mine; ip link set mine up")

    said = update(daemon, "--mtu", "1400", "--add-subnet", "fd77:1::/64", "n1")

    assert rows(said)[0] == [
        "gone",
        "needs a restart",
        "its interface eth0 was taken away inside: it is made anew at the next start",
    ]
    assert mtu(web) == 1400
    assert mtu(named, "mine") == 1400
    assert "fd77:1::4/64" in named.sh("ip -o address show dev mine").out
    update(daemon, "--internal", "--icc=false", "n1")
    update(daemon, "--internal=false", "--icc", "n1")
    daemon.restart()
    assert mtu(gone) == 1400
    assert addresses(gone) == ["10.77.1.3/24", "fd77:1::3/64"]


def test_labels_change_without_waiting_for_anybody(host: Host, daemon: Daemon) -> None:
    make_network(daemon, 1)
    make_sandbox(daemon, "one", "n1")
    before = everything(host)

    said = update(daemon, "--label", "tier=1", "n1")

    assert rows(said) == [["one", "keeps"]]
    assert everything(host) == before
    update(daemon, "--label-rm", "tier", "--label-rm", "nosuch", "n1")
    assert daemon.seaway("network", "inspect", "-f", "{{json .Labels}}", "n1").out == "{}\n"


def test_a_change_is_warned_of_as_a_new_network_is(host: Host, daemon: Daemon) -> None:
    host.sh("ip route add 10.99.0.0/16 via 192.0.2.2")
    make_ipv4_network(daemon, 1)
    added = ("--add-subnet", "10.99.1.0/24", "-o", "com.docker.network.nonsense=1")

    planned = daemon.seaway("network", "update", "--plan", *added, "n1").err
    done = daemon.seaway("network", "update", *added, "n1").err

    assert "10.99.1.0/24 overlaps 10.99.0.0/16, which the host routes" in planned
    assert "option com.docker.network.nonsense means nothing to Seaway" in done
    assert daemon.seaway("network", "update", "--label", "a=b", "n1").err == ""


def test_100_sandboxes_change_at_once(host: Host, daemon: Daemon) -> None:
    make_network(daemon, 1)
    for number in range(100):
        make_sandbox(daemon, f"s{number}", "n1")

    said = update(daemon, "--mtu", "1400", "--internal", "n1")

    assert len(rows(said)) == 100
    links = json.loads(host.sh("ip -j link").out)
    changed = [link for link in links if link["ifname"].startswith(("sw-", "sv-"))]
    assert [link["mtu"] for link in changed].count(1400) == 101
