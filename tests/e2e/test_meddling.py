"""Somebody else was at our firewall tables: the next change puts all of them back."""

from __future__ import annotations

from bed.daemon import Daemon
from bed.host import Host
from e2e.stage import answer, make_network, make_sandbox, make_server


def test_a_change_after_a_flushed_ruleset_works_and_brings_the_rest_back(
    host: Host, daemon: Daemon
) -> None:
    make_network(daemon, 1)
    make_network(daemon, 2)
    make_server(daemon, "web", "n1")
    stranger = make_sandbox(daemon, "stranger", "n2")
    daemon.seaway("publish", "web", "8085:80")
    before = host.sh("nft list tables")
    host.sh("nft flush ruleset")

    daemon.seaway("publish", "web", "8086:80")

    assert host.sh("nft list tables") == before
    for port in (8085, 8086):
        assert host.neighbour.ask("tcp", "192.0.2.1", port) == "web 192.0.2.2"
    assert answer(stranger, "tcp", "10.77.1.2", 80) == "silent"
    assert "our firewall tables were not as we left them" in daemon.log


def test_a_removal_after_a_flushed_ruleset_brings_the_rest_back(host: Host, daemon: Daemon) -> None:
    make_network(daemon, 1)
    make_server(daemon, "web", "n1")
    daemon.seaway("publish", "web", "8085:80", "8086:80")
    host.sh("nft flush ruleset")

    daemon.seaway("unpublish", "web", "8086:80")

    assert host.neighbour.ask("tcp", "192.0.2.1", 8085) == "web 192.0.2.2"
    assert not host.neighbour.reaches("tcp", "192.0.2.1", 8086)
