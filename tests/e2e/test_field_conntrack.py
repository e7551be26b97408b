"""Field report FR-50: a flow must not stay with who is gone."""

from __future__ import annotations

import threading
import time

from bed.daemon import Daemon
from bed.host import Host
from e2e.stage import make_ipv4_network, make_sandbox, make_server, say, within


def test_fr50_datagrams_go_to_the_new_sandbox_at_once(host: Host, daemon: Daemon) -> None:
    make_ipv4_network(daemon, 1)
    make_server(daemon, "web", "n1")
    daemon.seaway("publish", "web", "8080:80")
    stream = host.neighbour.connect("tcp", "192.0.2.1", 8080)
    old = make_sandbox(daemon, "old", "n1:ip=10.77.1.50")
    old_echo = old.serve("old", "udp", 5140)
    daemon.seaway("publish", "old", "5140:5140/udp")
    stopping = threading.Event()
    flow = host.neighbour.connect("udp", "192.0.2.1", 5140)

    def beat() -> None:
        while not stopping.wait(0.1):
            try:
                flow.send(b"who?\n")
            except ConnectionRefusedError:
                continue

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        assert within(2, lambda: len(old_echo.seen) > 2)
        daemon.seaway("sandbox", "rm", "old")
        time.sleep(0.3)  # the client goes on though nobody is there
        new = make_sandbox(daemon, "new", "n1:ip=10.77.1.51")
        echo = new.serve("new", "udp", 5140)
        daemon.seaway("publish", "new", "5140:5140/udp")

        assert within(1, lambda: len(echo.seen) > 0)
        assert within(1, lambda: "10.77.1.50" not in flows(host))
        assert say(stream) == "web 192.0.2.2"
    finally:
        stopping.set()
        thread.join()
        flow.close()
        stream.close()


def test_fr50_no_flow_of_a_removed_sandbox_is_tracked(host: Host, daemon: Daemon) -> None:
    make_ipv4_network(daemon, 1)
    box = make_sandbox(daemon, "box", "n1")
    host.neighbour.serve("outside", "udp", 7000, "192.0.2.2")
    host.neighbour.serve("outside", "tcp", 7000, "192.0.2.2")
    assert box.ask("udp", "192.0.2.2", 7000) == "outside 192.0.2.1"
    assert box.ask("tcp", "192.0.2.2", 7000) == "outside 192.0.2.1"
    assert "10.77.1.2" in flows(host)

    daemon.seaway("sandbox", "rm", "box")

    assert within(1, lambda: "10.77.1.2" not in flows(host))


def test_fr50_flows_that_a_killed_daemon_left_are_forgotten_by_the_next(
    host: Host, daemon: Daemon
) -> None:
    make_ipv4_network(daemon, 1)
    make_sandbox(daemon, "box", "n1")
    make_sandbox(daemon, "stays", "n1")
    daemon.seaway("sandbox", "rm", "box")
    daemon.kill()
    for address in ("10.77.1.2", "10.77.1.3"):
        host.sh(
            f"conntrack -I -p udp -s {address} -d 192.0.2.2 --sport 9 --dport 9 -t 600"
            f" -r 192.0.2.2 -q {address} --reply-port-src 9 --reply-port-dst 9"
        )

    daemon.start()

    assert within(1, lambda: "10.77.1.2" not in flows(host))
    assert "10.77.1.3" in flows(host)


def flows(host: Host) -> str:
    """What connection tracking knows on *host*."""
    return host.sh("conntrack -L 2>/dev/null; conntrack -L -f ipv6 2>/dev/null").out
