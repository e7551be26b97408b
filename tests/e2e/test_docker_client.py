"""Docker's clients, old and new, against the daemon: columns, texts and exit codes are Docker's."""

from __future__ import annotations

import json
import re
import subprocess
import time
from typing import Any, NamedTuple, cast

import pytest

from bed.daemon import Daemon
from bed.docker import DOCKERS
from bed.host import Host
from bed.spot import Result
from e2e.stage import within


@pytest.fixture
def daemon(swept_daemon: Daemon) -> Daemon:
    """One for all tests of this file."""
    return swept_daemon


@pytest.fixture
def host(daemon: Daemon) -> Host:
    """The host of the daemon."""
    return daemon.host


class Words(NamedTuple):
    """What a client says in its own words of what the daemon answers."""

    no_network: str
    no_container: str
    port_81: str


WORDS = {
    "20.10": Words(
        no_network="Error: No such network: nosuch",
        no_container="Error: No such container: www",
        port_81="81/tcp",
    ),
    "newest": Words(
        no_network="Error response from daemon: network nosuch not found",
        no_container="Error response from daemon: No such container: www",
        port_81="81",
    ),
}


@pytest.fixture(params=DOCKERS, autouse=True)
def words(request: pytest.FixtureRequest, daemon: Daemon) -> Words:
    """The words of the client that the test is about."""
    daemon.docker_client = DOCKERS[request.param]
    return WORDS[request.param]


def rows(text: str) -> list[list[str]]:
    """A table's cells: columns are at least two blanks apart."""
    return [re.split(r" {2,}", line.rstrip()) for line in text.splitlines()]


def inspected(daemon: Daemon, *words: str) -> dict[str, Any]:
    """The one object that ``docker … inspect`` prints."""
    (found,) = cast("list[dict[str, Any]]", json.loads(daemon.docker(*words).out))
    return found


def refused(daemon: Daemon, *words: str) -> tuple[int, str]:
    """Exit code and last words of a docker command that must fail."""
    done = daemon.docker(*words, check=False)
    return done.code, done.err.rstrip("\n")


def run(daemon: Daemon, *words: str, stdin: str = "") -> Result:
    """``docker run --rm`` with *words*."""
    return daemon.docker("run", "--rm", *words, stdin=stdin, check=False)


# Networks


def test_network_ls_has_dockers_columns(daemon: Daemon) -> None:
    daemon.docker("network", "create", "--label", "tier=1", "front")

    table = rows(daemon.docker("network", "ls").out)

    assert table[0] == ["NETWORK ID", "NAME", "DRIVER", "SCOPE"]
    assert sorted(row[1:] for row in table[1:]) == [
        ["bridge", "bridge", "local"],
        ["front", "bridge", "local"],
        ["host", "host", "local"],
        ["none", "null", "local"],
    ]
    assert all(re.fullmatch("[0-9a-f]{12}", row[0]) for row in table[1:])


def test_network_ls_filters_and_formats(daemon: Daemon) -> None:
    daemon.docker("network", "create", "--label", "tier=1", "front")
    daemon.docker("network", "create", "back")

    def ls(*flags: str) -> list[str]:
        return daemon.docker("network", "ls", "--format", "{{.Name}}", *flags).out.split()

    assert ls("-f", "name=ron") == ["front"]
    assert ls("-f", "driver=null") == ["none"]
    assert sorted(ls("-f", "type=custom")) == ["back", "front"]
    assert ls("-f", "label=tier=1") == ["front"]
    assert ls("-f", "label=tier=2") == []
    assert sorted(ls("-f", "scope=local")) == ["back", "bridge", "front", "host", "none"]
    assert sorted(ls("-f", "dangling=true")) == ["back", "front"]
    assert len(daemon.docker("network", "ls", "-q", "--no-trunc").out.split()[0]) == 64
    assert daemon.docker(
        "network", "ls", "-f", "name=front", "--format", "{{.Driver}}|{{.IPv6}}|{{.Internal}}|{{.Labels}}"
    ).out == "bridge|false|false|tier=1\n"  # fmt: skip
    assert refused(daemon, "network", "ls", "-f", "bogus=1") == (
        1,
        "Error response from daemon: invalid filter 'bogus'",
    )


def test_network_create_takes_all_flags(daemon: Daemon) -> None:
    done = daemon.docker(
        "network", "create", "--driver", "bridge", "--subnet", "10.77.1.0/24", "--gateway", "10.77.1.254",
        "--ip-range", "10.77.1.128/25", "--aux-address", "router=10.77.1.130", "--ipv6",
        "--subnet", "fd77:1::/64", "--attachable", "--opt", "com.docker.network.driver.mtu=1400",
        "--label", "a=1", "--label", "b", "full",
    )  # fmt: skip
    found = inspected(daemon, "network", "inspect", "full")

    assert found["Id"] == done.out.strip()
    assert found["IPAM"] == {
        "Driver": "default",
        "Options": {},
        "Config": [
            {
                "Subnet": "10.77.1.0/24",
                "IPRange": "10.77.1.128/25",
                "Gateway": "10.77.1.254",
                "AuxiliaryAddresses": {"router": "10.77.1.130"},
            },
            {"Subnet": "fd77:1::/64", "Gateway": "fd77:1::1"},
        ],
    }
    assert {k: found[k] for k in ("Driver", "Scope", "EnableIPv6", "Internal", "Attachable")} == {
        "Driver": "bridge",
        "Scope": "local",
        "EnableIPv6": True,
        "Internal": False,
        "Attachable": True,
    }
    assert found["Options"] == {"com.docker.network.driver.mtu": "1400"}
    assert found["Labels"] == {"a": "1", "b": ""}
    assert found["Containers"] == {}


def test_an_internal_network_is_created_and_shown(daemon: Daemon) -> None:
    daemon.docker("network", "create", "--internal", "closed")

    assert daemon.docker("network", "inspect", "-f", "{{.Internal}}", "closed").out == "true\n"


def test_what_network_create_refuses_has_dockers_words(daemon: Daemon) -> None:
    daemon.docker("network", "create", "--subnet", "10.77.1.0/24", "front")

    def create(*words: str) -> tuple[int, str]:
        return refused(daemon, "network", "create", *words)

    assert create("front") == (
        1,
        "Error response from daemon: network with name front already exists",
    )
    assert create("--driver", "nosuch", "x") == (
        1,
        'Error response from daemon: plugin "nosuch" not found; drivers are bridge, host, ipvlan, macvlan, null',
    )
    overlap = create("--subnet", "10.77.0.0/16", "x")
    assert overlap[0] == 1
    assert "Pool overlaps with other one on this address space" in overlap[1]
    code, text = create("bridge")
    assert (code, "operation is not permitted on predefined bridge network" in text) == (1, True)
    assert daemon.docker("network", "ls", "-q", "-f", "type=custom").out.count("\n") == 1


def test_connect_and_disconnect_take_all_flags(daemon: Daemon) -> None:
    daemon.docker(
        "network",
        "create",
        "--ipv6",
        "--subnet",
        "10.77.1.0/24",
        "--subnet",
        "fd77:1::/64",
        "front",
    )
    daemon.docker("run", "-d", "--name", "web", "host", "sleep", "60")

    daemon.docker(
        "network",
        "connect",
        "--ip",
        "10.77.1.9",
        "--ip6",
        "fd77:1::9",
        "--alias",
        "db",
        "front",
        "web",
    )
    members = inspected(daemon, "network", "inspect", "front")["Containers"]
    (member,) = members.values()
    assert (member["Name"], member["IPv4Address"], member["IPv6Address"]) == (
        "web",
        "10.77.1.9/24",
        "fd77:1::9/64",
    )
    assert "db" in daemon.docker(
        "inspect", "-f", "{{json .NetworkSettings.Networks.front.Aliases}}", "web"
    ).out  # fmt: skip
    assert run(daemon, "--network", "front", "host", "getent", "hosts", "db").out.split()[0] in {
        "10.77.1.9",
        "fd77:1::9",
    }

    assert refused(daemon, "network", "rm", "front")[0] == 1
    assert "has active endpoints" in refused(daemon, "network", "rm", "front")[1]
    daemon.docker("network", "disconnect", "front", "web")
    assert inspected(daemon, "network", "inspect", "front")["Containers"] == {}
    code, text = refused(daemon, "network", "disconnect", "front", "web")
    assert (code, "is not connected to" in text) == (1, True)
    assert daemon.docker("network", "rm", "front").out == "front\n"


def test_network_rm_of_several_goes_on_after_an_error(daemon: Daemon, words: Words) -> None:
    daemon.docker("network", "create", "one")
    daemon.docker("network", "create", "two")

    done = daemon.docker("network", "rm", "one", "nosuch", "bridge", "two", check=False)

    assert (done.code, done.out) == (1, "one\ntwo\n")
    assert words.no_network in done.err
    assert "bridge is a pre-defined network and cannot be removed" in done.err


def test_network_inspect_of_what_is_not_there(daemon: Daemon, words: Words) -> None:
    done = daemon.docker("network", "inspect", "nosuch", check=False)

    assert (done.code, done.out, done.err) == (
        1,
        "[]\n",
        f"{words.no_network}\n",
    )


def test_network_prune_removes_what_nobody_uses(daemon: Daemon) -> None:
    daemon.docker("network", "create", "used")
    daemon.docker("network", "create", "idle")
    daemon.docker("network", "create", "--label", "keep", "kept")
    daemon.docker("run", "-d", "--name", "web", "--network", "used", "host", "sleep", "60")

    done = daemon.docker("network", "prune", "-f", "--filter", "label!=keep")

    assert done.out == "Deleted Networks:\nidle\n\n"
    assert daemon.docker("network", "prune", "-f").out == "Deleted Networks:\nkept\n\n"
    assert daemon.docker("network", "prune", "-f").out == ""


# Containers


def test_ps_shows_what_runs(host: Host, daemon: Daemon) -> None:
    daemon.docker(
        "run",
        "-d",
        "--name",
        "web",
        "-p",
        "8080:80",
        "-p",
        "127.0.0.1:53:53/udp",
        "host",
        "sleep",
        "60",
    )
    daemon.docker("run", "--name", "job", "host", "sh", "-c", "exit 3", check=False)

    table = rows(daemon.docker("ps").out)
    assert table[0] == ["CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"]
    (web,) = table[1:]
    assert web[1:3] == ["host", '"sleep 60"']
    assert web[4].startswith("Up ")
    assert web[5:] == ["127.0.0.1:53->53/udp, 0.0.0.0:8080->80/tcp", "web"]
    assert [row[-1] for row in rows(daemon.docker("ps", "-a").out)[1:]] == ["job", "web"]
    assert host.neighbour is not None


def test_ps_filters_and_formats(daemon: Daemon) -> None:
    daemon.docker("network", "create", "front")
    daemon.docker(
        "run", "-d", "--name", "web", "-l", "a=1", "--network", "front", "host", "sleep", "60"
    )
    daemon.docker("run", "--name", "job", "host", "sh", "-c", "exit 3", check=False)

    def ps(*flags: str) -> list[str]:
        return daemon.docker("ps", "-a", "--format", "{{.Names}}", *flags).out.split()

    assert ps("-f", "name=we") == ["web"]
    assert ps("-f", "status=exited") == ["job"]
    assert ps("-f", "exited=3") == ["job"]
    assert ps("-f", "label=a=1") == ["web"]
    assert ps("-f", "network=front") == ["web"]
    assert ps("-f", "since=web") == ["job"]
    assert ps("-f", "before=job") == ["web"]
    assert ps("-n", "1") == ["job"]
    assert ps("-f", "name=nosuch") == []
    assert daemon.docker(
        "ps", "-a", "-f", "name=job", "--format", "{{.State}} {{.Networks}} {{.Image}}"
    ).out == "exited bridge host\n"  # fmt: skip
    assert re.fullmatch(
        r"Exited \(3\) .* ago\n",
        daemon.docker("ps", "-af", "name=job", "--format", "{{.Status}}").out,
    )
    assert len(daemon.docker("ps", "-q").out.strip()) == 12


def test_inspect_shows_a_container_as_docker_does(daemon: Daemon) -> None:
    daemon.docker(
        "run", "-d", "--name", "web", "-p", "8080:80", "-e", "A=1", "-l", "x=y", "--hostname", "box",
        "-w", "/usr", "host", "sleep", "60",
    )  # fmt: skip
    found = inspected(daemon, "inspect", "web")

    assert found["Name"] == "/web"
    state, config, settings = found["State"], found["Config"], found["NetworkSettings"]
    assert (state["Status"], state["Running"], state["ExitCode"]) == ("running", True, 0)
    assert (config["Hostname"], config["Cmd"], config["Labels"], config["WorkingDir"]) == (
        "box",
        ["sleep", "60"],
        {"x": "y"},
        "/usr",
    )
    assert "A=1" in config["Env"]
    assert re.fullmatch(r"172\.17\.0\.\d+", settings["IPAddress"])
    assert settings["Ports"] == {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}]}
    assert settings["Networks"]["bridge"]["Gateway"] == "172.17.0.1"


def test_inspect_of_anything_finds_networks_too(daemon: Daemon) -> None:
    assert daemon.docker("inspect", "-f", "{{.Driver}}", "bridge").out == "bridge\n"
    done = daemon.docker("inspect", "nosuch", check=False)
    assert (done.code, done.out, done.err) == (1, "[]\n", "Error: No such object: nosuch\n")


def test_port_lists_what_is_published(daemon: Daemon, words: Words) -> None:
    daemon.docker(
        "run",
        "-d",
        "--name",
        "web",
        "-p",
        "8080:80",
        "-p",
        "127.0.0.1:53:53/udp",
        "host",
        "sleep",
        "60",
    )

    assert sorted(daemon.docker("port", "web").out.splitlines()) == [
        "53/udp -> 127.0.0.1:53",
        "80/tcp -> 0.0.0.0:8080",
    ]
    assert daemon.docker("port", "web", "80").out == "0.0.0.0:8080\n"
    code, text = refused(daemon, "port", "web", "81")
    assert (code, text) == (1, f"Error: No public port '{words.port_81}' published for web")


def test_run_has_dockers_exit_codes_and_streams(daemon: Daemon) -> None:
    done = run(daemon, "host", "sh", "-c", "echo out; echo err >&2; exit 3")
    assert (done.code, done.out, done.err) == (3, "out\n", "err\n")
    assert run(daemon, "-i", "host", "cat", stdin="in\n").out == "in\n"
    assert run(daemon, "-i", "host", "wc", "-c", stdin="x" * 200_000).out == "200000\n"
    no_such = run(daemon, "host", "nosuch-command")
    assert (no_such.code, "executable file not found in $PATH" in no_such.err) == (127, True)
    assert run(daemon, "host", "/etc/passwd").code == 126
    assert run(daemon, "--network", "nosuch", "host", "true").code == 125
    missing = run(daemon, "nosuchimage", "true")
    assert (missing.code, "nosuchimage" in missing.err) == (125, True)
    assert daemon.docker("ps", "-aq").out == ""


def test_run_passes_docker_flags_on(daemon: Daemon) -> None:
    done = run(
        daemon, "--dns", "192.0.2.53", "--dns-search", "a.example", "--dns-option", "ndots:2",
        "--add-host", "db:203.0.113.9", "--hostname", "box", "--cap-drop", "ALL", "-u", "nobody",
        "host", "sh", "-c",
        "cat /etc/resolv.conf; grep db /etc/hosts; hostname; id -un; grep CapEff /proc/self/status",
    )  # fmt: skip

    assert done.out == (
        "nameserver 127.0.0.11\nsearch a.example\noptions ndots:2\n203.0.113.9\tdb\nbox\nnobody\n"
        "CapEff:\t0000000000000000\n"
    )


def test_a_busy_port_is_told_as_docker_does(host: Host, daemon: Daemon) -> None:
    host.serve("other", "tcp", 8080, "0.0.0.0")

    done = run(daemon, "-p", "8080:80", "host", "true")

    assert done.code == 125
    assert "driver failed programming external connectivity on endpoint" in done.err
    assert daemon.docker("ps", "-aq").out == ""


def test_exec_logs_and_attach(daemon: Daemon) -> None:
    daemon.docker("run", "-d", "-i", "--name", "web", "host", "sh", "-c", "echo up; cat")
    assert within(5, lambda: daemon.docker("logs", "web").out == "up\n")

    assert daemon.docker("exec", "web", "sh", "-c", "exit 5", check=False).code == 5
    assert daemon.docker("exec", "-i", "web", "cat", stdin="x\n").out == "x\n"
    assert daemon.docker(
        "exec", "-e", "A=1", "-w", "/usr", "web", "sh", "-c", "echo $A; pwd"
    ).out == ("1\n/usr\n")
    assert daemon.docker("exec", "web", "nosuch-command", check=False).code in {126, 127}
    stamped = daemon.docker("logs", "-t", "--tail", "1", "web").out
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z up\n", stamped)
    daemon.docker("stop", "-t", "0", "web")
    assert refused(daemon, "attach", "web") == (
        1,
        "You cannot attach to a stopped container, start it first",
    )


def test_attach_gives_output_and_exit_code(daemon: Daemon) -> None:
    daemon.docker(
        "run", "-d", "-i", "--name", "job", "host", "sh", "-c", "read x; echo got $x; exit 8"
    )

    done = daemon.docker("attach", "job", stdin="word\n", check=False)

    assert (done.code, done.out) == (8, "got word\n")


def test_the_life_of_a_container(daemon: Daemon, words: Words) -> None:
    daemon.docker("create", "--name", "web", "host", "sleep", "60")
    assert daemon.docker("start", "web").out == "web\n"
    assert daemon.docker("rename", "web", "www").out == ""
    assert refused(daemon, "rm", "www")[0] == 1
    assert daemon.docker("restart", "-t", "0", "www").out == "www\n"
    assert daemon.docker("kill", "www").out == "www\n"
    assert daemon.docker("wait", "www").out == "137\n"
    code, text = refused(daemon, "kill", "www")
    assert (code, "is not running" in text) == (1, True)
    assert daemon.docker("start", "www").out == "www\n"
    assert daemon.docker("stop", "-t", "0", "www").out == "www\n"
    assert daemon.docker("rm", "www").out == "www\n"
    assert refused(daemon, "rm", "www") == (1, words.no_container)
    daemon.docker("run", "-d", "--name", "again", "host", "sleep", "60")
    assert daemon.docker("rm", "-f", "again").out == "again\n"


def test_container_prune(daemon: Daemon) -> None:
    identity = daemon.docker("create", "host", "true").out.strip()

    done = daemon.docker("container", "prune", "-f")

    assert done.out == f"Deleted Containers:\n{identity}\n\nTotal reclaimed space: 0B\n"


def test_events_come_in_the_order_recorded_of_dockers_daemon(daemon: Daemon) -> None:
    begin = f"{time.time():.6f}"
    daemon.docker("network", "create", "n1")
    client = daemon.host.popen(
        [
            str(daemon.docker_client()),
            "events",
            "--since",
            begin,
            "--format",
            "{{.Type}} {{.Action}}",
        ],
        env={"DOCKER_HOST": daemon.address, "DOCKER_CONFIG": "/run/docker-client"},
        stdout=subprocess.PIPE,
    )
    assert client.stdout is not None
    assert client.stdout.readline() == "network create\n"

    def told(count: int, *words: str) -> list[str]:
        assert client.stdout is not None
        daemon.docker(*words, check=False)
        return [client.stdout.readline().strip("\n") for _ in range(count)]

    ended = ["container die", "network disconnect"]
    killed = ["container kill", "container kill", *ended, "container stop"]
    started = ["network connect", "container start"]
    on = ("--network", "n1", "host")
    assert told(3, "run", "-d", "--name", "job", *on, "sleep", "100") == [
        "container create",
        *started,
    ]
    assert told(3, "exec", "job", "sh", "-c", "exit 3") == [
        "container exec_create: sh -c exit 3",
        "container exec_start: sh -c exit 3",
        "container exec_die",
    ]
    assert told(1, "rename", "job", "work") == ["container rename"]
    assert told(1, "top", "work") == ["container top"]
    assert told(5, "stop", "-t", "0", "work") == killed
    assert told(2, "start", "work") == started
    assert told(8, "restart", "-t", "0", "work") == [*killed, *started, "container restart"]
    assert told(4, "rm", "-f", "work") == ["container kill", *ended, "container destroy"]
    assert told(7, "run", "--rm", *on, "true") == [
        "container create",
        "container attach",
        *started,
        *ended,
        "container destroy",
    ]
    assert told(5, "run", "--rm", *on, "nosuch") == [
        "container create",
        "container attach",
        "network connect",
        "network disconnect",
        "container destroy",
    ]
    assert told(1, "container", "prune", "-f") == ["container prune"]
    assert told(2, "network", "prune", "-f") == ["network destroy", "network prune"]
    client.kill()


def test_version_and_info_answer(daemon: Daemon) -> None:
    assert daemon.docker("version", "--format", "{{.Server.Os}}").out == "linux\n"
    assert "Server:" in daemon.docker("info").out


# What is beside networks and containers


def test_configuration_networks_by_docker(daemon: Daemon) -> None:
    daemon.docker(
        "network", "create", "--config-only", "--subnet", "10.62.0.0/24", "--label", "a=b",
        "-o", "com.docker.network.driver.mtu=1400", "cfg1",
    )  # fmt: skip
    daemon.docker("network", "create", "--config-from", "cfg1", "--internal", "made")

    kept, made = (inspected(daemon, "network", "inspect", name) for name in ("cfg1", "made"))

    assert (kept["Driver"], kept["ConfigOnly"], kept["Scope"]) == ("null", True, "local")
    assert kept["IPAM"]["Config"] == [{"Subnet": "10.62.0.0/24"}]
    assert (made["Driver"], made["ConfigFrom"], made["Internal"]) == (
        "bridge",
        {"Network": "cfg1"},
        True,
    )
    assert made["IPAM"]["Config"] == [{"Subnet": "10.62.0.0/24", "Gateway": "10.62.0.1"}]
    assert made["Options"] == {"com.docker.network.driver.mtu": "1400"}
    assert made["Labels"] == {"a": "b"}
    code, text = refused(daemon, "network", "rm", "cfg1")
    assert (code, text.removesuffix("\nexit status 1")) == (
        1,
        (
            "Error response from daemon: error while removing network: "
            'configuration network "cfg1" is in use'
        ),
    )
    code, text = refused(
        daemon, "network", "create", "--config-from", "cfg1", "--subnet", "10.63.0.0/24", "more"
    )
    assert (code, "leave out subnets" in text) == (1, True)
    code, text = refused(daemon, "run", "--network", "cfg1", "host", "true")
    assert (code, "it is a configuration network" in text) == (125, True)
    assert daemon.docker("network", "prune", "-f").out == "Deleted Networks:\nmade\n\n"
    assert daemon.docker("network", "rm", "cfg1").out == "cfg1\n"


def test_networks_with_odd_names_by_docker(daemon: Daemon) -> None:
    daemon.docker("run", "-d", "--name", "web", "host", "sleep", "60")

    for name in ("a/b", "container:x", "two words"):
        daemon.docker("network", "create", name)
        daemon.docker("network", "connect", name, "web")
        assert daemon.docker("network", "inspect", "-v", "-f", "{{.Name}}", name).out == f"{name}\n"
        daemon.docker("network", "disconnect", name, "web")
        assert daemon.docker("network", "rm", name).out == f"{name}\n"


def test_network_prune_by_age_and_label(daemon: Daemon) -> None:
    daemon.docker("network", "create", "--label", "tier=1", "one")
    daemon.docker("network", "create", "--label", "tier=2", "two")

    def prune(*filters: str) -> str:
        words = [word for text in filters for word in ("--filter", text)]
        return daemon.docker("network", "prune", "-f", *words).out

    assert prune("until=1h") == ""
    assert prune("until=2020-01-01T00:00:00") == ""
    assert prune("label=tier=3") == ""
    assert prune("label=tier=1", "until=0s") == "Deleted Networks:\none\n\n"
    assert prune("label!=tier=2") == ""
    assert prune("until=2100-01-01") == "Deleted Networks:\ntwo\n\n"


def test_stats_and_top(daemon: Daemon) -> None:
    daemon.docker("run", "-d", "--name", "web", "host", "sleep", "60")

    shown = daemon.docker(
        "stats", "--no-stream", "--format", "{{.Name}}|{{.NetIO}}|{{.PIDs}}|{{.MemUsage}}", "web"
    ).out.strip()
    top = rows(daemon.docker("top", "web").out)
    columns = daemon.docker("top", "web", "-o", "pid,args").out.splitlines()

    assert re.fullmatch(r"web\|[\d.]+k?B / [\d.]+k?B\|1\|[\d.]+[KM]iB / [\d.]+GiB", shown)
    assert top[0][:2] == ["UID", "PID"]
    assert [row[-1].endswith("sleep 60") for row in top[1:]] == [True]
    assert [line.split()[1:] for line in columns] == [["COMMAND"], ["sleep", "60"]]


SWARM = (
    'Error response from daemon: This node is not a swarm manager. Use "docker swarm init" or '
    '"docker swarm join" to connect this node to swarm and try again.'
)


def test_what_needs_a_swarm_is_refused_in_dockers_words(daemon: Daemon) -> None:
    for words in (
        ("service", "ls"),
        ("node", "ls"),
        ("stack", "ls"),
        ("secret", "ls"),
        ("config", "ls"),
        ("swarm", "join-token", "worker"),
        ("network", "create", "-d", "overlay", "far"),
    ):
        code, text = refused(daemon, *words)
        assert (code, text.startswith(SWARM)) == (1, True), text
    assert refused(daemon, "swarm", "init")[1].startswith(
        "Error response from daemon: Seaway has no swarm and joins none"
    )
    assert "This node is not part of a swarm" in refused(daemon, "swarm", "leave")[1]


def test_what_needs_images_volumes_or_plugins_is_empty_or_says_what_to_do(daemon: Daemon) -> None:
    assert rows(daemon.docker("images").out)[1:] == []
    assert rows(daemon.docker("volume", "ls").out)[1:] == []
    assert rows(daemon.docker("plugin", "ls").out)[1:] == []
    assert "Containers      0" in daemon.docker("system", "df").out
    assert daemon.docker("system", "prune", "-f").out == "Total reclaimed space: 0B\n"
    assert daemon.docker("inspect", "-f", "{{.Name}}", "bridge").out == "bridge\n"
    assert "Seaway has no images" in refused(daemon, "pull", "busybox")[1]
    assert "No such image: busybox" in refused(daemon, "rmi", "busybox")[1]
    assert "Seaway has no volumes" in refused(daemon, "volume", "create", "v1")[1]
    code, text = refused(daemon, "run", "--network", "nosuch", "host", "true")
    assert code == 125
    assert text.startswith("docker: Error response from daemon: network nosuch not found")


def test_pause_and_unpause(daemon: Daemon) -> None:
    tick = "while :; do echo tick; sleep 0.02; done"
    daemon.docker("run", "-d", "--name", "web", "host", "sh", "-c", tick)

    def ticks() -> int:
        return daemon.docker("logs", "web").out.count("tick")

    assert daemon.docker("pause", "web").out == "web\n"
    time.sleep(0.1)  # conmon writes down what came before
    before = ticks()
    time.sleep(0.3)
    assert ticks() == before
    assert daemon.docker("ps", "--format", "{{.Status}}").out.endswith("(Paused)\n")
    assert refused(daemon, "exec", "web", "true") == (
        1,
        "Error response from daemon: Container web is paused, unpause the container before exec",
    )
    daemon.restart()
    assert daemon.docker("inspect", "-f", "{{.State.Paused}}", "web").out == "true\n"
    assert daemon.docker("unpause", "web").out == "web\n"
    assert within(5, lambda: ticks() > before)
    daemon.docker("pause", "web")
    assert daemon.docker("stop", "-t", "1", "web").out == "web\n"
    daemon.docker("start", "web")
    daemon.docker("pause", "web")
    assert daemon.docker("rm", "-f", "web").out == "web\n"


def test_inspect_says_where_the_files_of_a_container_are(host: Host, daemon: Daemon) -> None:
    daemon.docker("run", "-d", "--name", "web", "--hostname", "box", "host", "echo", "hi")

    found = inspected(daemon, "inspect", "web")

    def text(member: str) -> str:
        return host.run(["cat", str(found[member])]).out

    assert within(5, lambda: "hi" in text("LogPath"))
    daemon.docker("run", "-d", "--name", "two", "--hostname", "box", "host", "sleep", "60")
    found = inspected(daemon, "inspect", "two")
    assert text("HostnamePath") == "box\n"
    assert "nameserver 127.0.0.11" in text("ResolvConfPath")
    assert "box" in text("HostsPath")
