"""The daemon as the test bed runs it: its life, and the two commands that talk to it."""

from __future__ import annotations

import os
import resource
import signal
import socket
from contextlib import ExitStack

import pytest

from bed.daemon import Daemon
from bed.fingerprint import at_rest, leaked
from bed.host import Host
from bed.spot import CommandFailed


def test_the_neighbour_reaches_a_published_port(host: Host, daemon: Daemon) -> None:
    daemon.seaway("run", "-d", "--name", "web", "-p", "8080:80", "sleep", "60")
    daemon.sandbox("web").serve("web", "tcp", 80)

    assert host.neighbour.ask("tcp", "192.0.2.1", 8080) == "web 192.0.2.2"


def test_sandboxes_go_on_while_the_daemon_is_away(host: Host, daemon: Daemon) -> None:
    daemon.seaway("run", "-d", "--name", "web", "-p", "8080:80", "sleep", "60")
    daemon.sandbox("web").serve("web", "tcp", 80)

    daemon.kill()
    assert host.neighbour.ask("tcp", "192.0.2.1", 8080) == "web 192.0.2.2"

    daemon.start()
    assert host.neighbour.ask("tcp", "192.0.2.1", 8080) == "web 192.0.2.2"


def test_what_a_sandbox_made_goes_with_it(host: Host, daemon: Daemon) -> None:
    daemon.seaway("run", "--rm", "true")  # what the first one makes for all
    before = at_rest(host, daemon)

    daemon.seaway("run", "-d", "--name", "web", "-p", "8080:80", "sleep", "60")
    daemon.seaway("rm", "-f", "web")

    assert leaked(before, host, daemon) == ()


def test_the_docker_client_sees_what_seaway_made(daemon: Daemon) -> None:
    daemon.seaway("network", "create", "front")

    assert "front" in daemon.docker("network", "ls", "--format", "{{.Name}}").out.split()


def test_a_daemon_that_is_stopped_ends_with_status_0(daemon: Daemon) -> None:
    assert daemon.stop() == 0


def test_a_daemon_that_cannot_start_says_why(stopped_daemon: Daemon) -> None:
    stopped_daemon.options = ("--log-format", "runes")

    with pytest.raises(CommandFailed, match="'runes' is not one of text, json"):
        stopped_daemon.start()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--data-dir", "/proc/x"), "seaway daemon: /proc/x cannot be used: No such file"),
        (("--data-dir", "/proc/self"), "seaway daemon: /proc/self cannot be used: No such file"),
        (("-H", "unix:///proc/x/s"), "seaway daemon: cannot listen on /proc/x/s: No such file"),
    ],
)
def test_a_place_that_cannot_be_used_is_told_in_one_sentence(
    stopped_daemon: Daemon, options: tuple[str, str], reason: str
) -> None:
    stopped_daemon.options = options

    with pytest.raises(CommandFailed, match=reason):
        stopped_daemon.start()

    assert "Traceback" not in stopped_daemon.log


def test_hundreds_of_clients_at_once_are_all_answered(daemon: Daemon) -> None:
    with ExitStack() as stack:
        os.kill(daemon.pid, signal.SIGSTOP)
        stack.callback(os.kill, daemon.pid, signal.SIGCONT)
        clients = [stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(500)]
        for client in clients:
            client.setblocking(False)
            client.connect(str(daemon.host.path(daemon.socket)))
            client.sendall(b"GET /_ping HTTP/1.1\r\nHost: seaway\r\n\r\n")

        os.kill(daemon.pid, signal.SIGCONT)

        for client in clients:
            client.settimeout(10)
            assert client.recv(4096).startswith(b"HTTP/1.1 200 ")


def test_a_thousand_clients_keep_nobody_from_making_a_sandbox(daemon: Daemon) -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limits[1], limits[1]))
    with ExitStack() as stack:
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, limits)
        for _ in range(1100):
            client = stack.enter_context(socket.socket(socket.AF_UNIX))
            client.connect(str(daemon.host.path(daemon.socket)))
            client.sendall(b"GET /_ping HTTP/1.1\r\nHost: seaway\r\n\r\n")
            assert client.recv(4096).startswith(b"HTTP/1.1 200 ")

        made = daemon.seaway("run", "--rm", "true", check=False)

    assert (made.code, made.err) == (0, "")
