"""Addresses that stay: by name, for the stopped, by reservation; also when the daemon is killed."""

from __future__ import annotations

import json
from contextlib import closing
from typing import Any

from bed.daemon import Daemon
from bed.fingerprint import at_rest, leaked
from bed.host import Host
from e2e.stage import make_ipv4_network, make_network, make_sandbox, place, ports_of, post


def where(daemon: Daemon, sandbox: str, network: str = "n1") -> tuple[object, object, object]:
    """Its IPv4 and IPv6 addresses and its MAC."""
    seen = place(daemon, sandbox, network)
    return seen["IPAddress"], seen["GlobalIPv6Address"], seen["MacAddress"]


def table(daemon: Daemon, network: str = "n1", *flags: str) -> list[tuple[str, str, str]]:
    """Address, holder and kind of each line of ``seaway network addresses``."""
    shown = daemon.seaway("network", "addresses", "--format", "json", *flags, network).out
    lines: list[Any] = [json.loads(line) for line in shown.splitlines()]
    return [(u["Address"], u["Holder"], u["Kind"]) for u in lines]


def crash(daemon: Daemon) -> None:
    """SIGKILL, and a new one."""
    daemon.kill()
    daemon.start()


def test_a_name_gets_its_place_back_after_a_removal_and_a_kill_of_the_daemon(
    daemon: Daemon,
) -> None:
    make_network(daemon, 1)
    make_sandbox(daemon, "db", "n1")
    before = where(daemon, "db")
    daemon.seaway("rm", "-f", "db")
    crash(daemon)
    make_sandbox(daemon, "other", "n1")

    box = make_sandbox(daemon, "db", "n1")

    assert before[:2] == ("10.77.1.2", "fd77:1::2")
    assert where(daemon, "db") == before
    assert where(daemon, "other")[:2] == ("10.77.1.3", "fd77:1::3")
    shown = box.sh("ip -o address show eth0; ip -o link show eth0").out
    assert "10.77.1.2/24" in shown
    assert f"link/ether {before[2]}" in shown


def test_a_container_made_anew_by_docker_gets_its_place_back(daemon: Daemon) -> None:
    """As compose does it: the new one is made under another name, and renamed before its start."""
    make_network(daemon, 1)
    run = {"Image": "host", "Cmd": ["sleep", "600"], "HostConfig": {"NetworkMode": "n1"}}
    assert post(daemon, "/containers/create?name=db", run)[0] == 201
    assert post(daemon, "/containers/db/start", None)[0] == 204
    before = where(daemon, "db")
    make_sandbox(daemon, "other", "n1")

    assert post(daemon, "/containers/create?name=0123_db", run)[0] == 201
    daemon.seaway("stop", "-t", "0", "db")
    daemon.seaway("rm", "db")
    assert post(daemon, "/containers/0123_db/rename?name=db", None)[0] == 204
    assert post(daemon, "/containers/db/start", None)[0] == 204

    assert where(daemon, "db") == before


def test_a_fixed_address_of_a_stopped_sandbox_is_kept_over_a_kill_of_the_daemon(
    host: Host, daemon: Daemon
) -> None:
    daemon.seaway("network", "create", "--subnet", "10.77.1.0/29", "n1")
    fixed = ("run", "-d", "--name", "job", "--network", "n1:ip=10.77.1.3", "sleep", "600")
    daemon.seaway(*fixed)
    daemon.seaway("stop", "-t", "0", "job")
    crash(daemon)
    make_sandbox(daemon, "other")
    before = at_rest(host)

    body = {"Container": "other", "EndpointConfig": {"IPAMConfig": {"IPv4Address": "10.77.1.3"}}}
    status, message = post(daemon, "/networks/n1/connect", body)
    assert (status, message) == (
        403,
        "Address already in use: 10.77.1.3 on network n1 is kept for container job, which is stopped",
    )
    assert leaked(before, host) == ()
    for number in range(4):
        make_sandbox(daemon, f"box{number}", "n1")
    full = daemon.seaway("sandbox", "create", "--network", "n1", "last", check=False)

    given = [where(daemon, f"box{n}")[0] for n in range(4)]
    assert given == ["10.77.1.2", "10.77.1.4", "10.77.1.5", "10.77.1.6"]
    assert "5 of 5 in use (1 of them kept for sandboxes that do not run, or reserved)" in full.err
    assert ("10.77.1.3", "job", "kept") in table(daemon)
    daemon.seaway("start", "job")
    assert where(daemon, "job")[0] == "10.77.1.3"
    daemon.seaway("rm", "-f", "job")
    assert post(daemon, "/networks/n1/connect", body)[0] == 200


def test_a_reserved_address_waits_for_its_name_over_a_kill_of_the_daemon(daemon: Daemon) -> None:
    make_network(daemon, 1)
    make_sandbox(daemon, "db", "n1")
    said = daemon.seaway("network", "reserve", "n1", "10.77.1.9", "--for", "db")
    assert (
        said.err
        == "WARNING: db has 10.77.1.2 now, and gets 10.77.1.9 at its next start or connect\n"
    )
    daemon.seaway("network", "reserve", "n1", "fd77:1::9", "--for", "db")
    crash(daemon)

    assert table(daemon, "n1", "--reserved") == [
        ("10.77.1.9", "db", "reserved"),
        ("fd77:1::9", "db", "reserved"),
    ]
    taken = daemon.seaway("sandbox", "create", "--network", "n1:ip=10.77.1.9", "thief", check=False)
    assert taken.err.endswith(
        "Address already in use: 10.77.1.9 on network n1 is reserved for db\n"
    )
    daemon.seaway("rm", "-f", "db")
    box = make_sandbox(daemon, "db", "n1")

    assert where(daemon, "db")[:2] == ("10.77.1.9", "fd77:1::9")
    assert "fd77:1::9/64" in box.sh("ip -o address show eth0").out
    shown: Any = daemon.get("/networks/n1")
    assert shown["Reservations"] == [
        {"Address": "10.77.1.9", "For": "db"},
        {"Address": "fd77:1::9", "For": "db"},
    ]
    daemon.seaway("network", "unreserve", "n1", "10.77.1.9")
    daemon.seaway("network", "unreserve", "n1", "fd77:1::9")
    assert table(daemon, "n1", "--reserved") == []
    assert where(daemon, "db")[0] == "10.77.1.9"


def test_a_failed_start_takes_no_kept_reserved_or_remembered_address(
    host: Host, daemon: Daemon
) -> None:
    """FR-05, where there are addresses that others want back."""
    daemon.seaway("network", "create", "--subnet", "10.77.5.0/28", "n1")
    make_sandbox(daemon, "db", "n1")
    daemon.seaway("rm", "-f", "db")
    daemon.seaway("network", "reserve", "n1", "10.77.5.9", "--for", "cache")
    job = {
        "Image": "host",
        "Cmd": ["sleep", "600"],
        "HostConfig": {"NetworkMode": "n1", "PortBindings": {"80/tcp": [{"HostPort": "8080"}]}},
    }
    with closing(host.serve("program", "tcp", 8080, "192.0.2.1")):
        before = at_rest(host, daemon)
        for _ in range(20):
            assert post(daemon, "/containers/create?name=job", job)[0] == 201
            assert post(daemon, "/containers/job/start", None)[0] == 500
            assert daemon.request("DELETE", "/containers/job")[0] == 204
        assert leaked(before, host, daemon) == ()

    assert table(daemon)[1:] == [
        ("10.77.5.2", "db", "remembered"),
        ("10.77.5.9", "cache", "reserved"),
    ]
    for name in ("cache", "db"):
        make_sandbox(daemon, name, "n1")
    assert [where(daemon, name)[0] for name in ("cache", "db")] == ["10.77.5.9", "10.77.5.2"]


def test_a_random_port_comes_back_after_a_stop_and_a_kill_of_the_daemon(
    host: Host, daemon: Daemon
) -> None:
    make_ipv4_network(daemon, 1)
    daemon.seaway(
        "run", "-d", "--name", "job", "--network", "n1", "-p", "80", "--expose", "81", "-P",
        "sleep", "600",
    )  # fmt: skip
    before = ports_of(daemon, "job")
    assert set(before) == {"80/tcp", "81/tcp"}

    daemon.seaway("restart", "-t", "0", "job")
    assert ports_of(daemon, "job") == before
    daemon.seaway("stop", "-t", "0", "job")
    crash(daemon)
    with closing(host.serve("program", "tcp", before["80/tcp"], "192.0.2.1")):
        daemon.seaway("start", "job")

        after = ports_of(daemon, "job")
        assert after["81/tcp"] == before["81/tcp"]
        assert after["80/tcp"] not in {0, before["80/tcp"]}


def test_status_warns_of_what_runs_out_and_pool_ls_counts_it(stopped_daemon: Daemon) -> None:
    """FR-02 before it happens."""
    daemon = stopped_daemon
    daemon.options = ("--default-address-pool", "base=10.78.0.0/22,size=24")
    daemon.start()  # the default network takes one of the four
    assert "WARNING" not in daemon.seaway("status").out
    daemon.seaway("network", "create", "n1")

    assert (
        "WARNING: only 2 of 4 subnets left in the default address pools of IPv4: remove networks that "
        "nobody uses (seaway network prune), add pools by the setting default-address-pools"
    ) in daemon.seaway("status").out
    shown = daemon.seaway("pool", "ls", "--format", "{{.Prefix}} {{.Network}} {{.Used}} {{.Free}}")
    lines = [line for line in shown.out.splitlines() if ":" not in line]
    assert lines == ["10.78.0.0/22  2 2", "10.78.0.0/24 bridge 0 253", "10.78.1.0/24 n1 0 253"]
