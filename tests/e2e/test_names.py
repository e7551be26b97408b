"""Names at 127.0.0.11, as a program in a sandbox asks for them."""

from __future__ import annotations

import time

import dns.flags
import dns.message
import pytest

from bed.daemon import Daemon
from bed.host import Host
from e2e.resolving import (
    NXDOMAIN,
    SERVFAIL,
    data_of,
    elapsed,
    exchange,
    resolve,
    reverse,
    upstream,
)
from e2e.stage import make_ipv4_network, make_network, make_sandbox, within

AT_ONCE = 0.1
"""Seconds within which a change shows."""


def run_server(daemon: Daemon, name: str, *flags: str) -> str:
    """Run a sandbox that does nothing; gives its id."""
    return daemon.seaway("run", "-d", "--name", name, *flags, "sleep", "600").out.strip()


def host_asks(host: Host, *servers: str) -> None:
    """Let the host's own resolv.conf name *servers*."""
    lines = "".join(f"nameserver {server}\n" for server in servers)
    host.sh(f"printf '{lines}' >/etc/resolv.conf.new; mv /etc/resolv.conf.new /etc/resolv.conf")


@pytest.fixture
def own_etc(host: Host) -> Host:
    """The host with an /etc of its own, which names no server; to be asked for before *daemon*."""
    host.use_own_etc()
    host_asks(host)
    return host


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
def test_all_names_of_a_sandbox_lead_to_it(daemon: Daemon, tcp: bool) -> None:
    make_network(daemon, 1)
    identity = run_server(daemon, "srv", "--hostname", "box", "--network", "n1:alias=db,alias=kv")
    asker = make_sandbox(daemon, "asker", "n1")
    names = ["srv", "db", "kv", identity[:12], "box", "srv.n1", "db.n1", "SRV", "Db.N1", "srv."]

    found = {name: resolve(asker, name, tcp=tcp) for name in names}
    found6 = {name: resolve(asker, name, "AAAA", tcp=tcp) for name in names}

    assert found == {name: ["10.77.1.2"] for name in names}
    assert found6 == {name: ["fd77:1::2"] for name in names}


def test_a_sandbox_finds_itself(daemon: Daemon) -> None:
    make_network(daemon, 1)
    srv = make_sandbox(daemon, "srv", "n1:alias=db")

    assert resolve(srv, "srv") == ["10.77.1.2"]
    assert resolve(srv, "db") == ["10.77.1.2"]


def test_an_address_leads_back_to_the_name(daemon: Daemon) -> None:
    make_network(daemon, 1)
    make_sandbox(daemon, "srv", "n1:alias=db")
    asker = make_sandbox(daemon, "asker", "n1")

    assert reverse(asker, "10.77.1.2") == ["srv."]
    assert reverse(asker, "fd77:1::2") == ["srv."]


def test_the_names_of_the_c_library_work_inside(daemon: Daemon) -> None:
    make_network(daemon, 1)
    make_sandbox(daemon, "srv", "n1")

    found = daemon.seaway("run", "--rm", "--network", "n1", "getent", "ahosts", "srv").out

    assert sorted({line.split()[0] for line in found.splitlines()}) == ["10.77.1.2", "fd77:1::2"]


def test_a_name_of_several_sandboxes_gives_all_of_them_in_turns(daemon: Daemon) -> None:
    make_ipv4_network(daemon, 1)
    for name in ("one", "two", "three"):
        make_sandbox(daemon, name, "n1:alias=pool")
    asker = make_sandbox(daemon, "asker", "n1")

    answers = [resolve(asker, "pool") for _ in range(6)]

    assert {tuple(sorted(answer)) for answer in answers} == {
        ("10.77.1.2", "10.77.1.3", "10.77.1.4")
    }
    assert [sum(answer[0] == f"10.77.1.{n}" for answer in answers) for n in (2, 3, 4)] == [2, 2, 2]


def test_a_name_on_two_shared_networks_gives_both_addresses(daemon: Daemon) -> None:
    make_ipv4_network(daemon, 1)
    make_ipv4_network(daemon, 2)
    make_sandbox(daemon, "srv", "n1", "n2")
    asker = make_sandbox(daemon, "asker", "n1", "n2")

    assert sorted(resolve(asker, "srv")) == ["10.77.1.2", "10.77.2.2"]
    assert resolve(asker, "srv.n2") == ["10.77.2.2"]


def test_what_does_not_fit_a_datagram_is_cut_and_comes_whole_by_tcp(daemon: Daemon) -> None:
    make_ipv4_network(daemon, 1)
    for number in range(40):
        body = {
            "Name": f"s{number}",
            "NetworkingConfig": {"EndpointsConfig": {"n1": {"Aliases": ["pool"]}}},
        }
        assert daemon.request("POST", "/seaway/sandboxes", body)[0] == 201
    asker = make_sandbox(daemon, "asker", "n1")
    query = dns.message.make_query("pool", "A")
    roomy = dns.message.make_query("pool", "A", use_edns=0, payload=1232)

    by_datagram, by_stream = exchange(asker, query), exchange(asker, query, tcp=True)
    by_roomy = exchange(asker, roomy)

    assert by_datagram.flags & dns.flags.TC
    assert len(by_datagram.to_wire()) <= 512
    assert not by_stream.flags & dns.flags.TC
    assert len(data_of(by_stream)) == 40
    assert not by_roomy.flags & dns.flags.TC
    assert len(data_of(by_roomy)) == 40


@pytest.mark.usefixtures("own_etc")
def test_only_names_of_shared_networks_are_seen(daemon: Daemon) -> None:
    make_ipv4_network(daemon, 1)
    make_ipv4_network(daemon, 2)
    one = make_sandbox(daemon, "one", "n1")
    two = make_sandbox(daemon, "two", "n2")
    both = make_sandbox(daemon, "both", "n1", "n2")

    assert resolve(one, "two") == NXDOMAIN
    assert resolve(two, "one") == NXDOMAIN
    assert resolve(one, "two.n2") != ["10.77.2.2"]
    assert resolve(both, "one") == ["10.77.1.2"]
    assert resolve(both, "two") == ["10.77.2.2"]
    assert resolve(one, "both") == ["10.77.1.3"]
    assert reverse(one, "10.77.2.2") != ["two."]


@pytest.mark.usefixtures("own_etc")
def test_a_new_name_shows_at_once(daemon: Daemon) -> None:
    make_ipv4_network(daemon, 1)
    make_sandbox(daemon, "srv", "n1:alias=db")
    asker = make_sandbox(daemon, "asker", "n1")

    assert daemon.request("POST", "/containers/srv/rename?name=other")[0] == 204
    changed = time.monotonic()
    found = [resolve(asker, name) for name in ("srv", "other", "other.n1", "db")]

    assert found == [NXDOMAIN, ["10.77.1.2"], ["10.77.1.2"], ["10.77.1.2"]]
    assert time.monotonic() - changed < AT_ONCE


@pytest.mark.usefixtures("own_etc")
def test_connect_and_disconnect_show_at_once(daemon: Daemon) -> None:
    make_ipv4_network(daemon, 1)
    make_ipv4_network(daemon, 2)
    make_sandbox(daemon, "srv", "n1")
    asker = make_sandbox(daemon, "asker", "n2")
    assert resolve(asker, "srv") == NXDOMAIN

    body = {"Container": "srv", "EndpointConfig": {"Aliases": ["late"]}}
    assert daemon.request("POST", "/networks/n2/connect", body)[0] == 200
    connected = time.monotonic()
    assert [resolve(asker, "srv"), resolve(asker, "late")] == [["10.77.2.3"], ["10.77.2.3"]]
    assert time.monotonic() - connected < AT_ONCE

    assert daemon.request("POST", "/networks/n2/disconnect", {"Container": "srv"})[0] == 200
    parted = time.monotonic()
    assert [resolve(asker, "srv"), resolve(asker, "late")] == [NXDOMAIN, NXDOMAIN]
    assert time.monotonic() - parted < AT_ONCE


@pytest.mark.usefixtures("own_etc")
def test_the_asker_sees_names_of_a_network_as_soon_as_it_joins(daemon: Daemon) -> None:
    make_ipv4_network(daemon, 1)
    make_ipv4_network(daemon, 2)
    make_sandbox(daemon, "srv", "n1")
    asker = make_sandbox(daemon, "asker", "n2")

    daemon.seaway("network", "connect", "n1", "asker")
    assert resolve(asker, "srv") == ["10.77.1.2"]

    daemon.seaway("network", "disconnect", "n1", "asker")
    assert resolve(asker, "srv") == NXDOMAIN


@pytest.mark.usefixtures("own_etc")
def test_a_stopped_sandbox_has_no_name(daemon: Daemon) -> None:
    make_ipv4_network(daemon, 1)
    run_server(daemon, "srv", "--network", "n1")
    asker = make_sandbox(daemon, "asker", "n1")
    assert resolve(asker, "srv") == ["10.77.1.2"]

    daemon.seaway("kill", "srv")
    daemon.seaway("wait", "srv")
    assert resolve(asker, "srv") == NXDOMAIN

    daemon.seaway("start", "srv")
    assert resolve(asker, "srv") == ["10.77.1.2"]


def test_a_sandbox_may_run_a_name_server_of_its_own(daemon: Daemon) -> None:
    make_ipv4_network(daemon, 1)
    srv = make_sandbox(daemon, "srv", "n1")
    asker = make_sandbox(daemon, "asker", "n1")

    srv.serve("own", "udp", 53, "0.0.0.0")
    srv.serve("own", "tcp", 53, "0.0.0.0")

    assert asker.ask("udp", "10.77.1.2", 53) == "own 10.77.1.3"
    assert asker.ask("tcp", "10.77.1.2", 53) == "own 10.77.1.3"
    assert srv.ask("udp", "127.0.0.1", 53) == "own 127.0.0.1"
    assert resolve(srv, "asker") == ["10.77.1.3"]
    assert resolve(srv, "asker", tcp=True) == ["10.77.1.3"]


def test_the_default_network_has_names_too(daemon: Daemon) -> None:
    run_server(daemon, "srv")
    asker = make_sandbox(daemon, "asker", "bridge")

    assert resolve(asker, "srv") == ["172.17.0.2"]
    assert resolve(asker, "srv.bridge") == ["172.17.0.2"]
    assert reverse(asker, "172.17.0.2") == ["srv."]


def test_names_outlive_the_daemon(daemon: Daemon) -> None:
    make_ipv4_network(daemon, 1)
    run_server(daemon, "srv", "--network", "n1:alias=db")
    asker = make_sandbox(daemon, "asker", "n1")

    daemon.kill()
    daemon.start()
    ready = time.monotonic()

    assert [resolve(asker, n) for n in ("srv", "db", "srv.n1", "asker")] == [
        ["10.77.1.2"],
        ["10.77.1.2"],
        ["10.77.1.2"],
        ["10.77.1.3"],
    ]
    assert resolve(asker, "srv", tcp=True) == ["10.77.1.2"]
    assert time.monotonic() - ready < 1


def test_what_is_not_ours_is_asked_of_the_hosts_server(own_etc: Host, daemon: Daemon) -> None:
    host_asks(own_etc, "192.0.2.2")
    with upstream(
        own_etc.neighbour, "192.0.2.2", {"a.example": ["203.0.113.1", "2001:db8:f::1"]}
    ) as outside:
        asker = make_sandbox(daemon, "asker", "bridge")
        assert within(2, lambda: resolve(asker, "a.example") == ["203.0.113.1"])

        assert resolve(asker, "A.Example", "AAAA") == ["2001:db8:f::1"]
        assert resolve(asker, "a.example", tcp=True) == ["203.0.113.1"]
        assert resolve(asker, "a.example", "MX") == []
        assert resolve(asker, "b.example") == NXDOMAIN
    assert set(outside.askers) == {"192.0.2.1"}


def test_a_long_answer_of_an_upstream_comes_by_tcp(own_etc: Host, daemon: Daemon) -> None:
    host_asks(own_etc, "192.0.2.2")
    many = [f"198.51.100.{n}" for n in range(100)]
    with upstream(own_etc.neighbour, "192.0.2.2", {"many.example": many}):
        asker = make_sandbox(daemon, "asker", "bridge")
        query = dns.message.make_query("many.example", "A")

        assert exchange(asker, query).flags & dns.flags.TC
        assert sorted(data_of(exchange(asker, query, tcp=True))) == sorted(many)


def test_a_stub_on_the_hosts_loopback_is_asked_there(own_etc: Host, daemon: Daemon) -> None:
    host_asks(own_etc, "127.0.0.53")
    with upstream(own_etc, "127.0.0.53", {"a.example": ["203.0.113.1"]}) as stub:
        asker = make_sandbox(daemon, "asker", "bridge")

        assert resolve(asker, "a.example") == ["203.0.113.1"]
        assert resolve(asker, "a.example", tcp=True) == ["203.0.113.1"]
    assert set(stub.askers) == {"127.0.0.1"}


def test_an_upstream_may_be_reached_by_ipv6_from_an_ipv4_network(
    own_etc: Host, daemon: Daemon
) -> None:
    host_asks(own_etc, "2001:db8:0:1::2")
    with upstream(own_etc.neighbour, "2001:db8:0:1::2", {"a.example": ["203.0.113.1"]}):
        make_ipv4_network(daemon, 1)
        asker = make_sandbox(daemon, "asker", "n1")

        assert resolve(asker, "a.example") == ["203.0.113.1"]


def test_servers_of_the_sandboxs_own_are_asked_from_inside_it(
    own_etc: Host, daemon: Daemon
) -> None:
    host_asks(own_etc, "192.0.2.2")
    make_ipv4_network(daemon, 1)
    other = make_sandbox(daemon, "dns", "n1")
    run_server(daemon, "asker", "--network", "n1", "--dns", "10.77.1.2")
    with (
        upstream(own_etc.neighbour, "192.0.2.2", {"a.example": ["203.0.113.1"]}) as hosts,
        upstream(other, "10.77.1.2", {"a.example": ["203.0.113.9"]}) as own,
    ):
        assert resolve(daemon.sandbox("asker"), "a.example") == ["203.0.113.9"]
        assert resolve(daemon.sandbox("asker"), "dns") == ["10.77.1.2"]
    assert own.askers == ["10.77.1.3"]
    assert hosts.asked == []


def test_a_server_outside_that_the_sandbox_chose_is_reached(own_etc: Host, daemon: Daemon) -> None:
    host_asks(own_etc, "192.0.2.7")
    run_server(daemon, "asker", "--dns", "192.0.2.2")
    with upstream(own_etc.neighbour, "192.0.2.2", {"a.example": ["203.0.113.1"]}):
        assert resolve(daemon.sandbox("asker"), "a.example") == ["203.0.113.1"]


def test_the_next_server_answers_when_the_first_one_fails(own_etc: Host, daemon: Daemon) -> None:
    host_asks(own_etc, "192.0.2.2", "127.0.0.53")
    with (
        upstream(own_etc.neighbour, "192.0.2.2") as first,
        upstream(own_etc, "127.0.0.53", {"a.example": ["203.0.113.2"]}),
    ):
        first.fails = True
        asker = make_sandbox(daemon, "asker", "bridge")

        assert resolve(asker, "a.example") == ["203.0.113.2"]


def test_where_nobody_listens_the_asker_learns_at_once(own_etc: Host, daemon: Daemon) -> None:
    host_asks(own_etc, "192.0.2.2")  # refuses: no program listens there
    asker = make_sandbox(daemon, "asker", "bridge")
    answers: list[list[str]] = []

    assert elapsed(lambda: answers.append(resolve(asker, "a.example"))) < 1
    assert answers == [SERVFAIL]


def inside(daemon: Daemon, path: str, *flags: str) -> str:
    """The file *path* as a sandbox run with *flags* sees it."""
    return daemon.seaway("run", "--rm", *flags, "cat", path).out


def test_a_single_word_is_asked_as_it_is(own_etc: Host, daemon: Daemon) -> None:
    own_etc.sh("printf 'search lan.example\\nnameserver 192.0.2.2\\n' >/etc/resolv.conf")

    assert inside(daemon, "/etc/resolv.conf") == (
        "nameserver 127.0.0.11\nsearch lan.example\noptions ndots:0\n"
    )


def test_search_domains_and_options_are_the_users(daemon: Daemon) -> None:
    flags = ("--dns-search", "a.example", "--dns-search", "b.example")
    options = ("--dns-option", "ndots:2", "--dns-opt", "timeout:1")

    assert inside(daemon, "/etc/resolv.conf", *flags, *options) == (
        "nameserver 127.0.0.11\nsearch a.example b.example\noptions ndots:2 timeout:1\n"
    )


def test_a_search_domain_is_tried_by_the_c_library(own_etc: Host, daemon: Daemon) -> None:
    host_asks(own_etc, "192.0.2.2")
    with upstream(own_etc.neighbour, "192.0.2.2", {"web.a.example": ["203.0.113.5"]}) as outside:
        found = daemon.seaway(
            "run", "--rm", "--dns-search", "a.example", "--dns-option", "ndots:1",
            "getent", "ahostsv4", "web",
        )  # fmt: skip

        assert found.out.split()[0] == "203.0.113.5"
    assert "web.a.example" in outside.asked


def test_a_sandbox_on_no_network_asks_nobody_outside(own_etc: Host, daemon: Daemon) -> None:
    host_asks(own_etc, "192.0.2.2")
    with upstream(own_etc.neighbour, "192.0.2.2", {"a.example": ["203.0.113.1"]}) as outside:
        asker = make_sandbox(daemon, "asker")
        assert resolve(asker, "a.example") == NXDOMAIN

        daemon.seaway("network", "connect", "bridge", "asker")
        assert resolve(asker, "a.example") == ["203.0.113.1"]
    assert outside.asked == ["a.example"]
