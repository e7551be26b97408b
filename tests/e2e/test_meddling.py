"""Somebody else is at our firewall tables."""

from __future__ import annotations

from bed.daemon import Daemon
from bed.host import Host
from e2e.stage import answer, make_network, make_sandbox, make_server, within

TOLD = "our firewall tables were not as we left them, and are loaded again"


def test_fr29_a_flushed_ruleset_is_there_again_at_once_and_once(host: Host, daemon: Daemon) -> None:
    make_network(daemon, 1)
    make_network(daemon, 2, "--internal")
    web = make_server(daemon, "web", "n1")
    make_server(daemon, "shut", "n2")
    daemon.seaway("publish", "web", "8085:80")
    host.neighbour.serve("outside", "tcp", 7000, "192.0.2.2")
    host.neighbour.sh("ip route add 10.77.0.0/16 via 192.0.2.1")
    before = host.sh("nft list ruleset").out

    for _ in range(20):
        host.sh("nft flush ruleset")
        assert within(5, lambda: "map any4" in host.sh("nft list ruleset").out)

    assert host.neighbour.ask("tcp", "192.0.2.1", 8085) == "web 192.0.2.2"
    assert web.ask("tcp", "192.0.2.2", 7000) == "outside 192.0.2.1"
    assert answer(host.neighbour, "tcp", "10.77.2.2", 80, 0.5) == "silent"
    assert sorted(host.sh("nft list ruleset").out.split()) == sorted(before.split())
    assert daemon.log.count(TOLD) == 20


def test_a_table_that_somebody_deleted_is_there_again(host: Host, daemon: Daemon) -> None:
    make_network(daemon, 1)
    make_server(daemon, "web", "n1")
    before = host.sh("nft list ruleset").out

    for table in ("inet seaway", "bridge seaway"):
        host.sh(f"nft delete table {table}")
        assert within(
            5, lambda: sorted(host.sh("nft list ruleset").out.split()) == sorted(before.split())
        )


def test_a_change_right_behind_a_flush_works(host: Host, daemon: Daemon) -> None:
    make_network(daemon, 1)
    make_network(daemon, 2)
    make_server(daemon, "web", "n1")
    stranger = make_sandbox(daemon, "stranger", "n2")
    daemon.seaway("publish", "web", "8085:80", "8086:80")

    host.sh("nft flush ruleset")
    daemon.seaway("publish", "web", "8087:80")
    host.sh("nft flush ruleset")
    daemon.seaway("unpublish", "web", "8086:80")

    for port in (8085, 8087):
        assert host.neighbour.ask("tcp", "192.0.2.1", port) == "web 192.0.2.2"
    assert not host.neighbour.reaches("tcp", "192.0.2.1", 8086)
    assert answer(stranger, "tcp", "10.77.1.2", 80, 0.5) == "silent"


def test_rules_of_others_stay_as_they_are(host: Host, daemon: Daemon) -> None:
    make_network(daemon, 1)
    host.sh("nft 'add table inet theirs; add chain inet theirs c; add rule inet theirs c counter'")
    before = host.sh("nft list table inet theirs").out

    host.sh("nft delete table bridge seaway")

    assert within(5, lambda: "table bridge seaway" in host.sh("nft list tables").out)
    assert host.sh("nft list table inet theirs").out == before
