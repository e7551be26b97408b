"""Field reports about parallel starts: FR-08, 09, 11, 12."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from bed.daemon import Daemon
from bed.fingerprint import at_rest, leaked
from bed.host import Host
from e2e.resolving import resolve
from e2e.stage import make_ipv4_network, make_network, place, ports_of, post

T = TypeVar("T")


def at_once(works: list[Callable[[], T]]) -> list[T]:
    """What all *works* give, done at the same time."""
    with ThreadPoolExecutor(len(works)) as pool:
        return [future.result() for future in [pool.submit(work) for work in works]]


def test_fr08_one_of_twenty_networks_of_the_same_name_is_made(host: Host, daemon: Daemon) -> None:
    before = at_rest(host)

    answers = at_once([lambda: post(daemon, "/networks/create", {"Name": "same"})] * 20)

    assert sorted(status for status, _ in answers) == [201] + [409] * 19
    assert {text for status, text in answers if status == 409} == {
        "network with name same already exists"
    }
    shown: Any = daemon.get("/networks")
    assert [n["Name"] for n in shown].count("same") == 1
    assert len([line for line in at_rest(host).links if ": sw-" in line]) == 1
    assert daemon.request("DELETE", "/networks/same")[0] == 204
    assert leaked(before, host) == ()


def test_fr09_one_of_twenty_gets_the_address(host: Host, daemon: Daemon) -> None:
    make_ipv4_network(daemon, 9)
    names = [f"box{number}" for number in range(20)]
    for name in names:
        assert post(daemon, "/seaway/sandboxes", {"Name": name})[0] == 201
    fixed = {"IPAMConfig": {"IPv4Address": "10.77.9.100"}}
    for way in ("connect", "disconnect"):  # what the first one opens for all
        body = {"Container": "box0", "EndpointConfig": fixed}
        assert post(daemon, f"/networks/n9/{way}", body)[0] == 200
    before = at_rest(host, daemon)

    def connect(name: str) -> Callable[[], tuple[str, int]]:
        body = {"Container": name, "EndpointConfig": fixed}
        return lambda: (name, post(daemon, "/networks/n9/connect", body)[0])

    for _ in range(50):
        answers = at_once([connect(name) for name in names])
        winners = [name for name, status in answers if status == 200]
        assert len(winners) == 1
        assert [status for _, status in answers].count(403) == 19
        assert post(daemon, "/networks/n9/disconnect", {"Container": winners[0]})[0] == 200
    assert leaked(before, host, daemon) == ()


def test_fr11_who_is_made_at_the_same_time_finds_each_other(daemon: Daemon) -> None:
    make_network(daemon, 1)

    def make(name: str) -> Callable[[], int]:
        config = {"n1": {"Aliases": [f"{name}.test.example"]}}
        body = {"Name": name, "NetworkingConfig": {"EndpointsConfig": config}}
        return lambda: post(daemon, "/seaway/sandboxes", body)[0]

    for _ in range(10):
        assert at_once([make("srv"), make("cli")]) == [201, 201]
        srv, cli = daemon.sandbox("srv"), daemon.sandbox("cli")
        addresses = {name: place(daemon, name, "n1")["IPAddress"] for name in ("srv", "cli")}
        assert resolve(srv, "cli.test.example", timeout=1) == [addresses["cli"]]
        assert resolve(cli, "srv.test.example", timeout=1) == [addresses["srv"]]
        for name in ("srv", "cli"):
            assert daemon.request("DELETE", f"/seaway/sandboxes/{name}")[0] == 204


def test_fr12_a_random_port_is_one_that_nobody_holds(host: Host, daemon: Daemon) -> None:
    make_ipv4_network(daemon, 1)
    host.sh("sysctl -qw net.ipv4.ip_local_port_range='32768 32787'")
    for port in range(32768, 32778):
        host.serve("program", "tcp", port, "0.0.0.0")
    names = [f"box{number}" for number in range(10)]
    job = {
        "Image": "host",
        "Cmd": ["sleep", "600"],
        "HostConfig": {"NetworkMode": "n1", "PortBindings": {"80/tcp": [{"HostPort": ""}]}},
    }

    def start(name: str) -> Callable[[], tuple[int, str]]:
        assert post(daemon, f"/containers/create?name={name}", job)[0] == 201
        return lambda: post(daemon, f"/containers/{name}/start", None)

    answers = at_once([start(name) for name in names])

    assert [status for status, _ in answers] == [204] * 10, answers
    ports = [ports_of(daemon, name)["80/tcp"] for name in names]
    assert sorted(ports) == [*range(32778, 32788)]


def test_fr12_a_fixed_port_wins_over_a_random_one_of_the_same_request(
    host: Host, daemon: Daemon
) -> None:
    make_ipv4_network(daemon, 1)
    host.sh("sysctl -qw net.ipv4.ip_local_port_range='32768 32769'")

    daemon.seaway(
        "run",
        "-d",
        "--name",
        "box",
        "--network",
        "n1",
        "-p",
        "80",
        "-p",
        "32768:8080",
        "sleep",
        "60",
    )

    assert ports_of(daemon, "box") == {"80/tcp": 32769, "8080/tcp": 32768}
