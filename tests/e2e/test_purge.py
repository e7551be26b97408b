"""``seaway purge`` takes every trace off the host, whether the daemon lives or not."""

from __future__ import annotations

import pytest

from bed.daemon import DATA_DIR, RUN_DIR, Daemon
from bed.fingerprint import at_rest, leaked
from bed.host import Host
from e2e.stage import make_network, make_sandbox

SYSCTLS = (
    "net.ipv4.ip_forward",
    "net.ipv4.conf.all.send_redirects",
    "net.ipv6.conf.all.forwarding",
    "net.ipv6.conf.eth0.accept_ra",
    "net.ipv6.conf.lo.accept_ra",
)


def sysctls(host: Host) -> str:
    return host.run(["sysctl", *SYSCTLS]).out


def fill(daemon: Daemon) -> None:
    """Some of everything."""
    make_network(daemon, 1)
    make_network(daemon, 2, "--internal")
    make_sandbox(daemon, "box", "n1", "n2")
    daemon.seaway("publish", "box", "8080:80", "9000-9010:90-100/udp")
    daemon.seaway("run", "-d", "--name", "job", "--network", "n1", "-p", "80", "sleep", "600")
    daemon.seaway("run", "--name", "done", "true")
    daemon.seaway("run", "-d", "--name", "host-job", "--network", "host", "sleep", "600")


@pytest.mark.parametrize("alive", [True, False], ids=["daemon alive", "daemon dead"])
def test_a_purge_leaves_nothing(host: Host, stopped_daemon: Daemon, *, alive: bool) -> None:
    daemon = stopped_daemon
    before, values = at_rest(host), sysctls(host)
    daemon.start()
    fill(daemon)
    places = ("--run-dir", str(RUN_DIR), "--data-dir", str(DATA_DIR))
    if not alive:
        daemon.kill()

    said = daemon.seaway("purge", "-f", *(() if alive else places)).out

    if alive:
        assert daemon.wait() == 0
    assert leaked(before, host) == ()
    assert sysctls(host) == values
    assert not host.path(RUN_DIR).exists()
    assert not host.path(DATA_DIR).exists()
    assert host.sh("ss -Hltun").out == ""
    for trace in ("sandbox box", "sandbox job", "network n1", "network bridge"):
        assert trace in said


def test_a_purge_of_nothing_is_fine(host: Host, stopped_daemon: Daemon) -> None:
    before = at_rest(host)
    places = ("--run-dir", str(RUN_DIR), "--data-dir", str(DATA_DIR))

    stopped_daemon.seaway("purge", "-f", *places)

    assert leaked(before, host) == ()


def test_after_a_purge_all_begins_anew(host: Host, daemon: Daemon) -> None:
    fill(daemon)
    daemon.seaway("purge", "-f")
    daemon.wait()

    daemon.start()

    assert daemon.seaway("ps", "-aq").out == ""
    fill(daemon)
