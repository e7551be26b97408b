"""Field cases of names: FR-11, 13, 14, 15, 17, 18, 20 and 21."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import dns.message
import pytest

from bed.daemon import Daemon
from bed.host import Host
from bed.spot import Spot
from e2e.resolving import NXDOMAIN, data_of, elapsed, exchange, resolve, reverse, upstream
from e2e.stage import make_ipv4_network, make_network, make_sandbox, within
from e2e.test_names import host_asks


def create(daemon: Daemon, name: str, network: str, *aliases: str) -> None:
    """Make a sandbox by the API alone, which takes a tenth of the command's time."""
    config = {"EndpointsConfig": {network: {"Aliases": list(aliases)}}}
    status, body = daemon.request(
        "POST", "/seaway/sandboxes", {"Name": name, "NetworkingConfig": config}
    )
    assert status == 201, body


def remove(daemon: Daemon, name: str) -> None:
    """Take it away."""
    status, body = daemon.request("DELETE", f"/seaway/sandboxes/{name}?force=1")
    assert status == 204, body


def test_fr11_sandboxes_made_at_the_same_time_find_each_other(daemon: Daemon) -> None:
    make_ipv4_network(daemon, 1)
    right = 0

    for _ in range(10):
        with ThreadPoolExecutor() as pool:
            for name in ("srv", "cli"):
                pool.submit(create, daemon, name, "n1", f"{name}.test.example")
        srv, cli = daemon.sandbox("srv"), daemon.sandbox("cli")
        right += len(resolve(srv, "cli.test.example", timeout=1)) == 1
        right += len(resolve(cli, "srv.test.example", timeout=1)) == 1
        remove(daemon, "srv")
        remove(daemon, "cli")

    assert right == 20


def test_fr13_a_name_that_only_lacks_ipv6_exists(host: Host, stopped_daemon: Daemon) -> None:
    host.use_own_etc()
    host_asks(host)
    stopped_daemon.start()
    make_ipv4_network(stopped_daemon, 1)
    make_sandbox(stopped_daemon, "srv", "n1")
    asker = make_sandbox(stopped_daemon, "asker", "n1")

    found = {kind: resolve(asker, "srv", kind) for kind in ("A", "AAAA", "MX", "TXT")}

    assert found == {"A": ["10.77.1.2"], "AAAA": [], "MX": [], "TXT": []}
    assert resolve(asker, "nosuch") == NXDOMAIN


def test_fr14_names_are_found_in_any_case(daemon: Daemon) -> None:
    make_ipv4_network(daemon, 1)
    make_sandbox(daemon, "BigTest", "n1")
    asker = make_sandbox(daemon, "asker", "n1")

    for spelling in ("bigtest", "BIGTEST", "bIgTeSt"):
        answer = exchange(asker, dns.message.make_query(spelling, "A"))
        assert data_of(answer) == ["10.77.1.2"]
        assert answer.question[0].name.to_text() == f"{spelling}."
        assert answer.answer[0].name.to_text() == f"{spelling}."

    make_sandbox(daemon, "bigtest", "n1")
    assert sorted(resolve(asker, "BigTest")) == ["10.77.1.2", "10.77.1.4"]


def test_fr15_an_internal_network_does_not_talk_to_the_outside(
    host: Host, stopped_daemon: Daemon
) -> None:
    daemon = stopped_daemon
    host.use_own_etc()
    host_asks(host, "192.0.2.2")
    daemon.start()
    make_ipv4_network(daemon, 1, "--internal")
    make_ipv4_network(daemon, 2)
    with upstream(host.neighbour, "192.0.2.2", {"secret.example.org": ["203.0.113.1"]}) as outside:
        inner = make_sandbox(daemon, "c1", "n1")
        outer = make_sandbox(daemon, "c2", "n2")
        both = make_sandbox(daemon, "c3", "n1", "n2")
        assert resolve(outer, "secret.example.org") == ["203.0.113.1"]
        assert resolve(both, "secret.example.org") == ["203.0.113.1"]
        outside.asked.clear()

        answers: list[list[str]] = []
        assert elapsed(lambda: answers.append(resolve(inner, "secret.example.org"))) < 1
        assert resolve(inner, "secret.example.org", tcp=True) == answers[0]
        daemon.seaway("network", "disconnect", "n2", "c3")
        answers.append(resolve(both, "secret.example.org"))

        assert all(a in (["REFUSED"], ["SERVFAIL"], ["NXDOMAIN"]) for a in answers), answers
        assert outside.asked == []
        assert resolve(inner, "c3") == ["10.77.1.3"]


@pytest.mark.parametrize("count", [400, pytest.param(2000, marks=pytest.mark.long)])
def test_fr17_no_question_is_lost_while_others_come_and_go(daemon: Daemon, count: int) -> None:
    networks = [make_ipv4_network(daemon, number) for number in range(1, 22)]
    make_sandbox(daemon, "srv", "n1")
    asker = make_sandbox(daemon, "asker", "n1")
    done = threading.Event()

    def come_and_go() -> int:
        rounds = 0
        while not done.is_set():
            for network in ("n1", networks[1 + rounds % 20]):
                create(daemon, f"guest{rounds}", network)
                remove(daemon, f"guest{rounds}")
            rounds += 1
        return rounds

    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(come_and_go)
        try:
            answers = ask_steadily(asker, "srv", count=count, pace=0.005)
        finally:
            done.set()

    assert answers == [["10.77.1.2"]] * count
    assert coming.result() >= count // 40  # two joins each


def ask_steadily(spot: Spot, name: str, *, count: int, pace: float) -> list[list[str]]:
    """*count* answers to questions *pace* seconds apart, each asked once (1 s)."""
    answers: list[list[str]] = []
    due = time.monotonic()
    for _ in range(count):
        try:
            answers.append(resolve(spot, name, timeout=1))
        except TimeoutError:
            answers.append(["timeout"])
        due += pace
        time.sleep(max(due - time.monotonic(), 0))
    return answers


@pytest.mark.parametrize("times", [20, pytest.param(100, marks=pytest.mark.long)])
def test_fr18_the_name_of_what_died_young_goes(
    host: Host, stopped_daemon: Daemon, times: int
) -> None:
    daemon = stopped_daemon
    host.use_own_etc()
    host_asks(host)
    daemon.start()
    make_ipv4_network(daemon, 1)
    asker = make_sandbox(daemon, "asker", "n1")
    body = {"Image": "host", "Cmd": ["sleep", "600"], "HostConfig": {"NetworkMode": "n1"}}
    assert daemon.request("POST", "/containers/create?name=flash", body)[0] == 201

    for _ in range(times):
        assert daemon.request("POST", "/containers/flash/start")[0] == 204
        assert daemon.request("POST", "/containers/flash/kill")[0] == 204
        assert daemon.request("POST", "/containers/flash/wait")[0] == 200

    assert within(1, lambda: resolve(asker, "flash") == NXDOMAIN)


def test_fr20_new_servers_of_the_host_are_followed(host: Host, stopped_daemon: Daemon) -> None:
    host.use_own_etc()
    host.neighbour.sh("ip address add 192.0.2.3/24 dev eth0")
    host_asks(host, "192.0.2.2")
    stopped_daemon.start()
    with (
        upstream(host.neighbour, "192.0.2.2", {"a.example": ["203.0.113.1"]}),
        upstream(host.neighbour, "192.0.2.3", {"a.example": ["203.0.113.2"]}),
    ):
        stopped_daemon.seaway("run", "-d", "--name", "box", "sleep", "600")
        asker = stopped_daemon.sandbox("box")
        assert resolve(asker, "a.example") == ["203.0.113.1"]

        host_asks(host, "192.0.2.3")

        assert within(5, lambda: resolve(asker, "a.example") == ["203.0.113.2"])


def test_fr20_the_second_server_answers_when_the_first_is_silent(
    host: Host, stopped_daemon: Daemon
) -> None:
    host.use_own_etc()
    host.neighbour.sh("ip address add 192.0.2.3/24 dev eth0")
    host_asks(host, "192.0.2.2", "192.0.2.3")
    stopped_daemon.start()
    with (
        upstream(host.neighbour, "192.0.2.2") as first,
        upstream(host.neighbour, "192.0.2.3", {"a.example": ["203.0.113.2"]}),
    ):
        first.silent = True
        asker = make_sandbox(stopped_daemon, "asker", "bridge")
        answers: list[list[str]] = []

        took = [elapsed(lambda: answers.append(resolve(asker, "a.example"))) for _ in range(4)]

        assert answers == [["203.0.113.2"]] * 4
        assert max(took) < 3
        assert took[-1] < 0.5  # by then the silent one comes last


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
def test_fr21_the_host_asks_for_names_at_the_gateway(stopped_daemon: Daemon, tcp: bool) -> None:
    daemon = stopped_daemon
    daemon.options = ("--names-at-gateways", "true")
    daemon.start()
    make_network(daemon, 21)
    make_network(daemon, 22)
    make_sandbox(daemon, "srv", "n21")
    stranger = make_sandbox(daemon, "stranger", "n22")
    host = daemon.host

    assert resolve(host, "srv", tcp=tcp, server="10.77.21.1") == ["10.77.21.2"]
    assert reverse(host, "10.77.21.2", server="10.77.21.1")[0].startswith("srv.")
    assert resolve(host, "srv", "AAAA", tcp=tcp, server="fd77:21::1") == ["fd77:21::2"]
    assert nothing_about(stranger, "srv", tcp=tcp)

    daemon.kill()
    daemon.start()
    assert resolve(host, "srv", tcp=tcp, server="10.77.21.1") == ["10.77.21.2"]


def nothing_about(spot: Spot, name: str, *, tcp: bool) -> bool:
    """Whether *spot* learns no address of *name* at the gateway of network 21."""
    try:
        found = resolve(spot, name, tcp=tcp, server="10.77.21.1", timeout=1)
    except (OSError, EOFError):
        return True
    return "10.77.21.2" not in found


def test_fr21_nobody_answers_at_the_gateway_unless_asked_to(daemon: Daemon) -> None:
    make_ipv4_network(daemon, 21)
    make_sandbox(daemon, "srv", "n21")

    with pytest.raises(OSError, match="refused"):
        resolve(daemon.host, "srv", server="10.77.21.1", timeout=1)
