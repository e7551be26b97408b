"""The Engine API of a real daemon: recorded shapes by version, and what clients see of the transport."""

from __future__ import annotations

import json
import socket

import pytest

from bed.daemon import Daemon
from bed.docker import docker_client
from recorded import VERSIONS, differences, replies
from recorded.scenario import ASKED, MADE, PRUNED, Asked


@pytest.fixture
def daemon(swept_daemon: Daemon) -> Daemon:
    """One for all tests of this file."""
    return swept_daemon


def told(daemon: Daemon, version: str, asked: Asked) -> list[str]:
    """How the answer differs from what was recorded."""
    body: object = {} if asked.method == "POST" else None
    status, content = daemon.request(asked.method, f"/v{version}{asked.path}", body)
    assert status == 200, content
    found = asked.pick(json.loads(content))
    return list(differences(replies(version)[asked.reply], found, f"{version} {asked.reply}"))


def exchange(daemon: Daemon, request: bytes) -> tuple[str, dict[str, str], bytes]:
    """Status line, headers and body of one request on a connection of its own."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(str(daemon.host.path(daemon.socket)))
        connection.sendall(request)
        reply = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = reply.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return first, dict(line.split(": ", 1) for line in lines), body


def ask(daemon: Daemon, method: str, path: str, *lines: str) -> tuple[str, dict[str, str], bytes]:
    """The same without a body."""
    head = "\r\n".join([f"{method} {path} HTTP/1.1", "Host: docker", "Connection: close", *lines])
    return exchange(daemon, f"{head}\r\n\r\n".encode())


def test_each_version_is_answered_in_its_recorded_shapes(daemon: Daemon) -> None:
    for request in MADE:
        status, content = daemon.request("POST", request.path, request.body)
        assert status in {201, 204}, content

    found = [line for v in VERSIONS for asked in ASKED for line in told(daemon, v, asked)]
    found += [line for asked in PRUNED for line in told(daemon, "1.50", asked)]

    assert found == []


def test_a_ping_without_a_version_tells_it(daemon: Daemon) -> None:
    for method, text in (("HEAD", b""), ("GET", b"OK")):
        first, headers, body = ask(daemon, method, "/_ping")

        assert (first, body) == ("HTTP/1.1 200 OK", text)
        assert headers["Content-Type"].startswith("text/plain")
        assert (headers["Api-Version"], headers["Ostype"]) == ("1.50", "linux")
        assert (headers["Cache-Control"], headers["Pragma"]) == (
            "no-cache, no-store, must-revalidate",
            "no-cache",
        )


def test_a_long_list_comes_in_chunks_on_a_connection_that_stays(daemon: Daemon) -> None:
    for n in range(8):
        daemon.request("POST", "/networks/create", {"Name": f"n{n}"})
    request = b"GET /v1.44/networks HTTP/1.1\r\nHost: docker\r\n"
    first, headers, body = exchange(
        daemon, request + b"\r\n" + request + b"Connection: close\r\n\r\n"
    )

    assert first == "HTTP/1.1 200 OK"
    assert headers["Transfer-Encoding"] == "chunked"
    assert body.count(b'"Name":"n7"') == 2


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1.24/networks", "200 OK"),
        ("/v1.23/networks", "400 Bad Request"),
        ("/v1.51/networks", "400 Bad Request"),
        ("/networks/", "200 OK"),
        ("//networks", "301 Moved Permanently"),
        ("/networks/%2Fbridge", "301 Moved Permanently"),
        ("/nosuch", "404 Not Found"),
    ],
)
def test_a_path_has_its_status(daemon: Daemon, path: str, status: str) -> None:
    first, headers, _ = ask(daemon, "GET", path)

    assert first == f"HTTP/1.1 {status}"
    assert headers["Docker-Experimental"] == "false"


def test_streams_name_their_kind_by_version_and_exec_has_all_headers(daemon: Daemon) -> None:
    daemon.docker("run", "-d", "--name", "web", "host", "sleep", "60")

    def kind(version: str) -> str:
        _, headers, _ = ask(daemon, "GET", f"/v{version}/containers/web/logs?stdout=1")
        return headers["Content-Type"]

    assert kind("1.41") == "application/vnd.docker.raw-stream"
    assert kind("1.42") == "application/vnd.docker.multiplexed-stream"
    _, content = daemon.request("POST", "/containers/web/exec", {"Cmd": ["echo", "hi"]})
    path = f"/exec/{json.loads(content)['Id']}/start"
    lines = ("Connection: Upgrade", "Upgrade: tcp", "Content-Type: application/json")
    first, headers, body = exchange(
        daemon,
        "\r\n".join(
            [f"POST {path} HTTP/1.1", "Host: x", *lines, "Content-Length: 2", "", "{}"]
        ).encode(),
    )
    assert (first, body) == ("HTTP/1.1 101 UPGRADED", b"\x01\0\0\0\0\0\0\x03hi\n")
    assert headers["Content-Type"] == "application/vnd.docker.multiplexed-stream"
    assert headers["Api-Version"] == "1.50"


def test_stats_count_the_traffic_inside_and_the_memory_of_a_process(daemon: Daemon) -> None:
    daemon.docker("run", "-d", "--name", "web", "host", "sleep", "60")
    gateway = "172.17.0.1"

    def look() -> tuple[int, int, int]:
        match daemon.get("/containers/web/stats?stream=0&one-shot=1"):
            case {
                "networks": {"eth0": {"tx_packets": int(sent)}},
                "memory_stats": {"usage": int(memory)},
                "cpu_stats": {"cpu_usage": {"total_usage": int(cpu)}},
            }:
                return sent, memory, cpu
            case other:
                raise AssertionError(other)

    before = look()
    daemon.docker("exec", "web", "ping", "-c", "3", "-i", "0.2", gateway)
    after = look()

    assert after[0] >= before[0] + 3
    assert 0 < before[1] < 1 << 30
    assert after[2] > before[2] > 0


def test_a_configuration_makes_networks_and_stays_while_they_do(daemon: Daemon) -> None:
    daemon.seaway("network", "create", "--config-only", "--subnet", "10.62.0.0/24", "cfg1")
    links = daemon.host.run(["ip", "-o", "link"]).out.count("sw-")
    daemon.seaway("network", "create", "--config-from", "cfg1", "made")
    daemon.seaway("run", "-d", "--network", "made", "--name", "web", "--", "sleep", "60")

    refused = daemon.seaway("network", "rm", "cfg1", check=False)
    daemon.restart()
    shown = daemon.seaway("network", "inspect", "-f", "{{.ConfigFrom.Network}}", "made").out

    assert links == 0
    assert "10.62.0.2" in daemon.seaway("inspect", "web").out
    assert refused.code == 1
    assert 'configuration network "cfg1" is in use' in refused.err
    assert shown == "cfg1\n"
    daemon.seaway("rm", "-f", "web")
    daemon.seaway("network", "rm", "made", "cfg1")
    assert "cfg1" not in daemon.seaway("network", "ls").out


@pytest.mark.parametrize("version", VERSIONS[:-2])
def test_dockers_client_works_with_each_version_it_may_be_told(
    daemon: Daemon, version: str
) -> None:
    env = {
        "DOCKER_HOST": daemon.address,
        "DOCKER_CONFIG": "/run/docker-client",
        "DOCKER_API_VERSION": version,
    }

    def docker(*words: str) -> tuple[int, str]:
        done = daemon.host.run([str(docker_client()), *words], env=env, check=False)
        return done.code, done.out

    assert docker("version", "--format", "{{.Client.APIVersion}}") == (0, f"{version}\n")
    assert docker("network", "create", "--subnet", "10.60.0.0/24", "lan")[0] == 0
    assert docker("run", "--rm", "--network", "lan", "host", "sh", "-c", "echo hi; exit 3") == (
        3,
        "hi\n",
    )
    assert docker("run", "-d", "--name", "web", "host", "sleep", "60")[0] == 0
    assert docker("network", "connect", "--ip", "10.60.0.9", "--alias", "db", "lan", "web")[0] == 0
    form = "{{range .Containers}}{{.Name}} {{.IPv4Address}}{{end}}"
    assert docker("network", "inspect", "-f", form, "lan") == (0, "web 10.60.0.9/24\n")
    aliases = "{{index .NetworkSettings.Networks.lan.Aliases 1}} {{.Id}}"
    code, shown = docker("inspect", "-f", aliases, "web")
    short, whole = shown.split()
    assert (code, whole.startswith(short), len(short)) == (0, True, 12)
    assert docker("exec", "web", "sh", "-c", "exit 4")[0] == 4
    assert docker("stop", "-t", "1", "web") == (0, "web\n")
    assert docker("rm", "web") == (0, "web\n")
    assert docker("network", "rm", "lan") == (0, "lan\n")
