"""The daemon goes and comes again, in peace or not: what runs goes on, and what ended meanwhile is known."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import pytest

from bed.daemon import DATA_DIR, RUN_DIR, Daemon
from bed.fingerprint import at_rest, leaked
from bed.host import Host
from bed.pulse import Pulse
from bed.spot import Spot
from e2e.resolving import resolve
from e2e.stage import make_network, make_sandbox, say, within

WAYS = {"in peace": Daemon.stop, "killed": Daemon.kill}
ended = pytest.mark.parametrize("end", WAYS.values(), ids=[*WAYS])
"""A test with a daemon that is ended by SIGTERM, and with one that is ended by SIGKILL."""
End = Callable[[Daemon], object]


def running(daemon: Daemon, name: str, *command: str, flags: tuple[str, ...] = ()) -> None:
    daemon.seaway("run", "-d", "--name", name, *flags, *command)


def let_end(host: Host, signal: str) -> None:
    """Let the only process end by *signal*, while no daemon is there."""
    host.sh(f"kill -{signal} $(cat {RUN_DIR}/bundles/*/pid)")
    exits = f"find {DATA_DIR}/sandboxes -path '*/exit/*'"
    assert within(20, lambda: host.sh(exits).out != "")


def status(daemon: Daemon) -> str:
    return daemon.seaway("status").out


def answered(asker: Spot, name: str, seconds: float) -> list[str]:
    """The addresses of *name*; raises TimeoutError when nobody answers within *seconds*."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return resolve(asker, name, timeout=0.05)
        except OSError:
            if time.monotonic() > deadline:
                raise


@ended
def test_fr33_running_sandboxes_lose_no_packet(
    host: Host, daemon: Daemon, web: Spot, end: End
) -> None:
    daemon.seaway("publish", "web", "8088:80", "8088:80/udp")
    before = at_rest(host)
    pulse = Pulse(host.neighbour, "192.0.2.1", 8088)

    for _ in range(3):
        end(daemon)
        assert host.neighbour.ask("tcp", "192.0.2.1", 8088) == "web 192.0.2.2"
        time.sleep(0.3)  # nothing is lost while it is away
        daemon.start()
        assert host.neighbour.ask("tcp", "192.0.2.1", 8088) == "web 192.0.2.2"
        assert pulse.ask_by_stream() == "web 192.0.2.2"

    assert leaked(before, host) == ()
    assert pulse.stop() == 0
    daemon.seaway("sandbox", "rm", "web")
    assert not host.neighbour.reaches("tcp", "192.0.2.1", 8088)


@ended
def test_traffic_between_sandboxes_loses_no_packet(daemon: Daemon, web: Spot, end: End) -> None:
    pulse = Pulse(make_sandbox(daemon, "cli", "n1"), "fd77:1::2", 80)

    end(daemon)
    daemon.start()

    assert pulse.ask_by_stream() == "web fd77:1::3"
    assert pulse.stop() == 0


@ended
def test_names_are_answered_within_a_second_of_the_start(daemon: Daemon, end: End) -> None:
    make_network(daemon, 1)
    make_sandbox(daemon, "web", "n1:alias=www")
    cli = make_sandbox(daemon, "cli", "n1")
    end(daemon)

    daemon.start()

    assert answered(cli, "web", 1) == ["10.77.1.2"]
    assert resolve(cli, "www") == ["10.77.1.2"]
    assert resolve(cli, "web.n1", "AAAA") == ["fd77:1::2"]


@ended
def test_an_exit_while_the_daemon_was_away_is_known(host: Host, daemon: Daemon, end: End) -> None:
    script = "trap 'echo done; exit 7' TERM; echo begun; while :; do sleep 0.05; done"
    running(daemon, "job", "sh", "-c", script, flags=("-p", "8080:80"))
    assert within(20, lambda: daemon.seaway("logs", "job").out == "begun\n")
    end(daemon)
    let_end(host, "TERM")

    daemon.start()

    assert daemon.seaway("wait", "job").out == "7\n"
    assert daemon.seaway("logs", "job").out == "begun\ndone\n"
    assert "Exited (7)" in daemon.seaway("ps", "-a").out
    assert not host.neighbour.reaches("tcp", "192.0.2.1", 8080)
    daemon.seaway("start", "job")


@ended
def test_a_process_that_goes_on_is_watched_again(host: Host, daemon: Daemon, end: End) -> None:
    script = "while [ ! -e /go/now ]; do sleep 0.05; done; exit 3"
    host.sh("mkdir /run/go")
    running(daemon, "job", "sh", "-c", script, flags=("-v", "/run/go:/go"))

    end(daemon)
    daemon.start()

    assert daemon.seaway("ps", "-q").out
    host.sh("touch /run/go/now")
    assert daemon.seaway("wait", "job").out == "3\n"


@ended
def test_what_should_go_with_its_process_is_gone(host: Host, daemon: Daemon, end: End) -> None:
    daemon.seaway("run", "--rm", "true")
    before = at_rest(host)
    running(daemon, "job", "sleep", "600", flags=("--rm",))
    end(daemon)
    let_end(host, "KILL")

    daemon.start()

    assert daemon.seaway("ps", "-aq").out == ""
    assert leaked(before, host) == ()


DAMAGE = {
    "link": "ip link delete $(ip -o link | grep -o 'sv-[0-9a-f]*' | head -n1)",
    "links": "for l in $(ip -o link | grep -o 'sv-[0-9a-f]*'); do ip link delete $l; done",
    "bridge": "ip link delete $(ip -o link | grep -o ' sw-[0-9a-f]*' | head -n1)",
    "off the bridge": "ip link set $(ip -o link | grep -o 'sv-[0-9a-f]*' | head -n1) nomaster",
    "rules": "nft flush ruleset",
    "name of the namespace": f"rm {RUN_DIR}/netns/web",
    "files of the namespaces": f"for f in {RUN_DIR}/ns/*; do umount $f; rm $f; done",
    "bridge down": "ip link set $(ip -o link | grep -o ' sw-[0-9a-f]*' | head -n1) down",
    "link down": "ip link set $(ip -o link | grep -o 'sv-[0-9a-f]*' | head -n1) down",
    "address of the bridge": "ip address flush dev $(ip -o link | grep -o ' sw-[0-9a-f]*' | head -n1)",
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=[*DAMAGE])
def test_a_start_heals_what_somebody_broke(
    host: Host, daemon: Daemon, web: Spot, damage: str
) -> None:
    daemon.seaway("publish", "web", "8080:80")
    make_sandbox(daemon, "cli", "n1")
    daemon.stop()
    host.sh(damage)

    daemon.start()

    web, cli = daemon.sandbox("web"), daemon.sandbox("cli")
    if not cli.reaches("tcp", "10.77.1.2", 80):  # a new namespace has no server
        web.serve("web", "tcp", 80)
    assert cli.ask("tcp", "10.77.1.2", 80) == "web 10.77.1.3"
    assert cli.ask("tcp", "fd77:1::2", 80) == "web fd77:1::3"
    assert answered(cli, "web", 1) == ["10.77.1.2"]
    assert host.neighbour.ask("tcp", "192.0.2.1", 8080) == "web 192.0.2.2"
    assert host.at(RUN_DIR / "netns/web").sh("ip -o link show eth0").out


@ended
def test_a_port_that_was_taken_meanwhile_still_leads_to_its_sandbox(
    host: Host, daemon: Daemon, web: Spot, end: End
) -> None:
    daemon.seaway("publish", "web", "8080:80")
    end(daemon)
    host.serve("thief", "tcp", 8080, "192.0.2.1")

    daemon.start()

    assert host.neighbour.ask("tcp", "192.0.2.1", 8080) == "web 192.0.2.2"
    warning = next(line for line in status(daemon).splitlines() if "8080" in line)
    assert "web" in warning
    daemon.seaway("unpublish", "web", "8080:80")
    assert "8080" not in status(daemon)
    assert host.neighbour.ask("tcp", "192.0.2.1", 8080) == "thief 192.0.2.2"


def test_a_second_daemon_on_the_same_data_is_refused_in_one_sentence(
    host: Host, daemon: Daemon
) -> None:
    before = at_rest(host, daemon)
    places = ("--run-dir", "/run/other", "--data-dir", str(DATA_DIR), "-H", "unix:///run/o.sock")

    second = host.run([sys.executable, "-m", "seaway.daemon", *places], check=False)

    assert second.code == 1
    assert len(second.err.splitlines()) == 1, second.err
    assert "another daemon (pid " in second.err
    assert f") uses {DATA_DIR}" in second.err
    assert leaked(before, host, daemon) == ()
    daemon.seaway("status")


@pytest.mark.parametrize("data", ["fresh", "of a former daemon"])
def test_a_second_daemon_in_the_namespace_is_refused_in_one_sentence_and_leaves_nothing(
    host: Host, daemon: Daemon, data: str
) -> None:
    if data != "fresh":
        host.sh("mkdir /run/other-data && echo 1 > /run/other-data/seaway.lock")
    before, there = at_rest(host, daemon), host.sh("find /run").out
    places = (
        "--run-dir",
        "/run/other",
        "--data-dir",
        "/run/other-data",
        "-H",
        "unix:///run/o.sock",
    )

    second = host.run([sys.executable, "-m", "seaway.daemon", *places], check=False)

    assert second.code == 1
    assert second.err == (
        "seaway daemon: another Seaway daemon runs in this network namespace, and two would take each "
        "other's networks away: end it first, or start this one in a namespace of its own\n"
    )
    assert host.sh("find /run").out == there
    assert leaked(before, host, daemon) == ()


def test_after_a_reboot_namespaces_are_made_again_and_processes_have_exited(
    host: Host, daemon: Daemon
) -> None:
    make_network(daemon, 1)
    make_sandbox(daemon, "web", "n1:ip=10.77.1.9")
    daemon.seaway("publish", "web", "8080:80")
    running(daemon, "job", "sleep", "600", flags=("--network", "n1", "-p", "8081:80"))
    running(daemon, "gone", "sleep", "600", flags=("--rm",))
    pids = host.sh("pgrep -x sleep").out.split()
    daemon.kill()
    reboot(host, pids)

    daemon.start()

    web = daemon.sandbox("web")
    web.serve("web", "tcp", 80)
    assert host.neighbour.ask("tcp", "192.0.2.1", 8080) == "web 192.0.2.2"
    assert "10.77.1.9/24" in web.sh("ip -o address show eth0").out
    listed = daemon.seaway("ps", "-a", "--format", "{{.Names}} {{.Status}}").out
    assert "job Exited (255)" in listed
    assert "gone" not in listed
    assert not host.neighbour.reaches("tcp", "192.0.2.1", 8081)
    daemon.seaway("start", "job")


def reboot(host: Host, pids: list[str]) -> None:
    """Take away all that a reboot takes away."""
    host.sh(f"kill -9 $(pgrep -x conmon) {' '.join(pids)}; sleep 0.1")
    host.sh(
        f"for each in {RUN_DIR}/ns/*; do umount $each; done;"
        f"umount {RUN_DIR}/bundles/*/rootfs 2>/dev/null || true;"
        f"rm -rf {RUN_DIR}; nft flush ruleset; sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0;"
        "for each in $(ip -o link | grep -o ' s[wv]-[0-9a-f]*') seaway0; do ip link delete $each || true; done"
    )


@ended
def test_an_open_stream_of_the_host_itself_goes_on(
    host: Host, daemon: Daemon, web: Spot, end: End
) -> None:
    daemon.seaway("publish", "web", "127.0.0.1:8080:80")
    with host.connect("tcp", "127.0.0.1", 8080) as stream:
        assert say(stream).startswith("web ")

        end(daemon)
        daemon.start()

        assert say(stream).startswith("web ")


def test_a_daemon_that_starts_ten_times_leaves_nothing_behind(
    host: Host, daemon: Daemon, web: Spot
) -> None:
    daemon.seaway("publish", "web", "8080:80")
    before = at_rest(host)

    for number in range(10):
        (Daemon.kill if number % 2 else Daemon.stop)(daemon)
        daemon.start()

    assert leaked(before, host) == ()


@ended
@pytest.mark.parametrize("command", [("events",), ("logs", "-f", "job"), ("wait", "job")])
def test_who_follows_is_told_that_the_engine_went_away(
    daemon: Daemon, end: End, command: tuple[str, ...]
) -> None:
    running(daemon, "job", "sleep", "600")
    client = daemon.start_seaway(*command)
    time.sleep(0.5)

    end(daemon)
    _, errors = client.communicate(timeout=10)

    assert client.returncode == 1
    assert errors == "the engine went away in the middle of its answer\n"
