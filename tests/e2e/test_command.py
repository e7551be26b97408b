"""Each ``seaway`` command once for real: what it prints is what a user needs."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path

import pytest

from bed.daemon import Daemon
from bed.fingerprint import at_rest, leaked
from bed.host import Host
from bed.spot import Result
from e2e.stage import make_ipv4_network, make_sandbox, within

ID = re.compile("[0-9a-f]{64}\n")


def columns(text: str) -> list[int]:
    """Where the columns of a table begin, by its heading."""
    heading = text.splitlines()[0]
    return [m.start(1) for m in re.finditer(r"(?:^|\s{2,})(\S)", heading)]


def cells(text: str) -> list[list[str]]:
    """The cells of a table, cut where the heading's columns begin; so they must line up."""
    starts = [*columns(text), None]
    return [[line[a:b].rstrip() for a, b in pairwise(starts)] for line in text.splitlines()]


def says(done: Result) -> tuple[int, str, str]:
    """Exit code, output and errors of a command."""
    return done.code, done.out, done.err


def fails(daemon: Daemon, *words: str) -> tuple[int, str]:
    """Exit code and errors of a command that must fail and print nothing else."""
    done = daemon.seaway(*words, check=False)
    assert done.out == ""
    return done.code, done.err.rstrip("\n")


# Networks


def test_network_create_prints_the_id_and_ls_shows_it(daemon: Daemon) -> None:
    done = daemon.seaway("network", "create", "a-network-with-a-rather-long-name")
    assert ID.fullmatch(done.out)

    table = cells(daemon.seaway("network", "ls").out)

    assert table[0] == ["NETWORK ID", "NAME", "DRIVER", "SCOPE"]
    assert table[1] == [done.out[:12], "a-network-with-a-rather-long-name", "bridge", "local"]
    assert [row[1:] for row in table[2:]] == [
        ["bridge", "bridge", "local"],
        ["host", "host", "local"],
        ["none", "null", "local"],
    ]


def test_network_ls_filters_and_formats(daemon: Daemon) -> None:
    identity = daemon.seaway("network", "create", "--ipv6", "--label", "a=1", "front").out.strip()

    def ls(*flags: str) -> str:
        return daemon.seaway("network", "ls", "-f", "name=front", *flags).out

    assert ls("-q") == f"{identity[:12]}\n"
    assert ls("-q", "--no-trunc") == f"{identity}\n"
    assert ls("--format", "{{.Name}} {{.IPv4}} {{.IPv6}} {{.Labels}}") == "front true true a=1\n"
    assert ls("--format", "table {{.Name}}\t{{.Driver}}") == "NAME      DRIVER\nfront     bridge\n"
    assert json.loads(ls("--format", "json"))["Name"] == "front"
    assert fails(daemon, "network", "ls", "-f", "bogus=1") == (
        1,
        "Error response from daemon: invalid filter 'bogus'",
    )
    code, text = fails(daemon, "network", "ls", "--format", "{{define .Name}}{{end}}")
    assert (code != 0, "define" in text) == (True, True)


def test_network_inspect_is_json_or_a_template(daemon: Daemon) -> None:
    make_ipv4_network(daemon, 1)
    make_sandbox(daemon, "web", "n1")

    whole = json.loads(daemon.seaway("network", "inspect", "n1").out)
    assert whole[0]["Name"] == "n1"
    assert [m["Name"] for m in whole[0]["Containers"].values()] == ["web"]
    template = "{{range .IPAM.Config}}{{.Subnet}} {{.Gateway}}{{end}}"
    assert (
        daemon.seaway("network", "inspect", "-f", template, "n1").out == "10.77.1.0/24 10.77.1.1\n"
    )
    done = daemon.seaway("network", "inspect", "n1", "nosuch", check=False)
    assert done.code == 1
    assert json.loads(done.out)[0]["Name"] == "n1"
    assert done.err == "Error response from daemon: network nosuch not found\n"


def test_network_rm_goes_on_after_an_error(daemon: Daemon) -> None:
    make_ipv4_network(daemon, 1)
    make_ipv4_network(daemon, 2)
    make_sandbox(daemon, "web", "n2")

    done = daemon.seaway("network", "rm", "n1", "nosuch", "n2", check=False)

    assert (done.code, done.out) == (1, "n1\n")
    assert done.err.splitlines()[0] == "Error response from daemon: network nosuch not found"
    assert 'network n2 has active endpoints (name:"web"' in done.err.splitlines()[1]
    assert says(daemon.seaway("network", "rm", "-f", "nosuch")) == (0, "", "")


def test_network_prune_asks_and_tells(daemon: Daemon) -> None:
    make_ipv4_network(daemon, 1)

    refused = daemon.seaway("network", "prune", stdin="n\n")
    assert "This removes every network that no sandbox uses." in refused.out + refused.err
    assert "n1" in daemon.seaway("network", "ls").out

    assert daemon.seaway("network", "prune", "-f").out == "Deleted Networks:\nn1\n\n"


def test_connect_and_disconnect_print_nothing_when_they_work(daemon: Daemon) -> None:
    make_ipv4_network(daemon, 1)
    make_sandbox(daemon, "web")

    assert says(daemon.seaway("network", "connect", "--ip", "10.77.1.9", "n1", "web")) == (
        0,
        "",
        "",
    )
    assert daemon.sandbox("web").sh("ip -br -4 address show eth0").out.split()[2] == "10.77.1.9/24"
    again = fails(daemon, "network", "connect", "n1", "web")
    assert again[0] == 1
    assert again[1].startswith("Error response from daemon: ")
    assert says(daemon.seaway("network", "disconnect", "n1", "web")) == (0, "", "")
    assert fails(daemon, "network", "disconnect", "n1", "web")[0] == 1


# Sandboxes


def test_ps_lines_up_filters_and_formats(daemon: Daemon) -> None:
    make_ipv4_network(daemon, 1)
    daemon.seaway(
        "run",
        "-d",
        "--name",
        "web",
        "-l",
        "a=1",
        "--network",
        "n1",
        "-p",
        "8080:80",
        "sleep",
        "600",
    )
    daemon.seaway("run", "--name", "job", "sh", "-c", "exit 3", check=False)

    table = cells(daemon.seaway("ps", "-a").out)
    assert table[0] == ["CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"]
    assert [row[-1] for row in table[1:]] == ["job", "web"]
    assert table[2][2] == '"sleep 600"'
    assert table[2][4].startswith("Up ")
    assert table[2][5] == "0.0.0.0:8080->80/tcp"
    assert table[1][4].startswith("Exited (3) ")
    assert [row[-1] for row in cells(daemon.seaway("ps").out)[1:]] == ["web"]

    def ps(*flags: str) -> str:
        return daemon.seaway("ps", "-a", "--format", "{{.Names}}", *flags).out

    assert ps("-f", "status=exited") == "job\n"
    assert ps("-f", "label=a=1") == "web\n"
    assert ps("-f", "network=n1") == "web\n"
    assert re.fullmatch("[0-9a-f]{12}\n", daemon.seaway("ps", "-q").out)
    assert json.loads(daemon.seaway("ps", "--format", "json").out)["Names"] == "web"


def test_inspect_finds_sandboxes_and_networks(daemon: Daemon) -> None:
    make_ipv4_network(daemon, 1)
    make_sandbox(daemon, "web", "n1")

    simple = "{{.Name}} {{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    assert daemon.seaway("inspect", "-f", simple, "web").out == "/web 10.77.1.2\n"
    assert daemon.seaway("inspect", "-f", "{{.Driver}}", "n1").out == "bridge\n"
    missing = daemon.seaway("inspect", "nosuch", check=False)
    assert (missing.code, "nosuch" in missing.err) == (1, True)


def test_sandboxes_without_a_process(host: Host, daemon: Daemon) -> None:
    make_ipv4_network(daemon, 1)
    host.sh("touch /run/mine; unshare --net=/run/mine true")

    made = daemon.seaway("sandbox", "create", "--network", "n1:ip=10.77.1.9", "probe")
    adopted = daemon.seaway("sandbox", "adopt", "--netns", "/run/mine", "--network", "n1", "guest")
    assert ID.fullmatch(made.out)
    assert ID.fullmatch(adopted.out)

    table = cells(daemon.seaway("sandbox", "ls").out)
    assert table[0] == ["SANDBOX ID", "NAME", "KIND", "STATE", "NETWORKS", "NETNS"]
    by_name = {row[1]: row for row in table[1:]}
    assert by_name["probe"][3:] == ["running", "n1 (10.77.1.9)", "/run/seaway/netns/probe"]
    assert by_name["guest"][3:5] == ["running", "n1 (10.77.1.2)"]
    assert "10.77.1.9/24" in host.sh(
        "nsenter --net=/run/seaway/netns/probe ip -br -4 address show eth0"
    ).out  # fmt: skip
    assert "10.77.1.2/24" in host.sh("nsenter --net=/run/mine ip -br -4 address show eth0").out

    assert daemon.seaway("sandbox", "rm", "probe", "guest").out == "probe\nguest\n"
    assert not host.path("/run/seaway/netns/probe").exists()
    assert "10.77.1.2" not in host.sh("nsenter --net=/run/mine ip -br address").out
    assert within(2, lambda: "eth0" not in host.sh("nsenter --net=/run/mine ip -br link").out)
    assert fails(daemon, "sandbox", "adopt", "--netns", "/run/nosuch", "x")[0] == 1
    code, text = fails(daemon, "sandbox", "adopt", "x")
    assert (code, text.splitlines()[0]) == (
        125,
        "sandbox adopt needs --netns PATH, the namespace's file",
    )


def test_a_namespace_can_be_adopted_again_at_once(host: Host, daemon: Daemon) -> None:
    make_ipv4_network(daemon, 1)
    host.sh("touch /run/mine; unshare --net=/run/mine true")

    for _ in range(5):
        daemon.seaway("sandbox", "adopt", "--netns", "/run/mine", "--network", "n1", "guest")
        inside = host.sh("nsenter --net=/run/mine ip -br -4 address show eth0").out
        daemon.seaway("sandbox", "rm", "guest")

        assert "10.77.1." in inside


def test_rename_and_prune(daemon: Daemon) -> None:
    daemon.seaway("run", "--name", "job", "true")

    assert says(daemon.seaway("rename", "job", "old-job")) == (0, "", "")
    asked = daemon.seaway("prune", stdin="n\n")
    assert "This removes every sandbox that does not run." in asked.out + asked.err
    assert daemon.seaway("ps", "-a", "--format", "{{.Names}}").out == "old-job\n"
    done = daemon.seaway("prune", "-f").out.splitlines()
    assert done[0] == "Deleted Sandboxes:"
    assert re.fullmatch("[0-9a-f]{64}", done[1])
    assert daemon.seaway("ps", "-aq").out == ""


# Ports


def test_publish_port_and_unpublish_say_what_leads_where(host: Host, daemon: Daemon) -> None:
    make_ipv4_network(daemon, 1)
    web = make_sandbox(daemon, "web", "n1")
    web.serve("web", "tcp", 80)

    done = daemon.seaway("publish", "--from", "192.0.2.0/24", "web", "8080:80")
    assert says(done) == (0, "80/tcp -> 0.0.0.0:8080 from 192.0.2.0/24\n", "")
    assert daemon.seaway("port", "web").out == "80/tcp -> 0.0.0.0:8080\n"
    assert daemon.seaway("port", "web", "80").out == "0.0.0.0:8080\n"
    assert host.neighbour.ask("tcp", "192.0.2.1", 8080) == "web 192.0.2.2"
    assert fails(daemon, "port", "web", "81") == (1, "web publishes no port 81/tcp")

    assert daemon.seaway("unpublish", "web", "8080:80").out.startswith("80/tcp -> 0.0.0.0:8080")
    assert daemon.seaway("port", "web").out == ""
    assert not host.neighbour.reaches("tcp", "192.0.2.1", 8080)
    code, text = fails(daemon, "publish", "web", "80:eighty")
    assert (code, text.startswith("Error response from daemon: ")) == (1, True)


# The whole


def test_the_map_shows_networks_sandboxes_addresses_ports_and_ways(daemon: Daemon) -> None:
    make_ipv4_network(daemon, 1)
    make_ipv4_network(daemon, 2, "--internal")
    daemon.seaway("run", "-d", "--name", "web", "--network", "n1", "-p", "8080:80", "sleep", "60")
    make_sandbox(daemon, "db", "n2")
    bridges = {
        n: daemon.seaway("network", "inspect", "-f", "{{.Id}}", n).out[:12] for n in ("n1", "n2")
    }

    picture = daemon.seaway("map").out

    assert picture.splitlines()[0].split() == ["host", "H", "192.0.2.1", "2001:db8:0:1::1"]
    assert "way out: eth0" in picture.splitlines()[1]
    assert f"n1  bridge sw-{bridges['n1']}  10.77.1.0/24 gateway 10.77.1.1" in picture
    assert "out by eth0 with the host's address" in picture
    assert "● web  eth0  10.77.1.2" in picture
    assert "0.0.0.0:8080 ─▶ 80/tcp" in picture
    assert "no way out: internal" in picture
    assert "● db  eth0  10.77.2.2" in picture
    assert max(map(len, picture.splitlines())) <= 80
    names = [
        n["Name"] for n in json.loads(daemon.seaway("map", "--format", "json").out)["Networks"]
    ]
    assert {"n1", "n2"} <= set(names)


def test_status_tells_how_the_engine_is(daemon: Daemon) -> None:
    make_sandbox(daemon, "web", "bridge")

    lines = daemon.seaway("status").out.splitlines()
    facts = dict(re.split(r":\s+", line, maxsplit=1) for line in lines)

    assert re.fullmatch(r"running, version \S+, process \d+", facts["Engine"])
    assert facts["Networks"] == "3"
    assert facts["Sandboxes"] == "1, 1 running"
    assert re.fullmatch(r"\d+\.\d MB", facts["Memory"])
    assert facts["Socket"] == "unix:///run/seaway/seaway.sock"
    assert facts["Run directory"] == "/run/seaway"
    assert daemon.seaway("status", "--format", "{{.Running}}").out == "1\n"


def test_version_tells_both_sides_and_fails_without_an_engine(daemon: Daemon) -> None:
    both = daemon.seaway("version").out
    assert "Client: Seaway" in both
    assert "Server: Seaway" in both

    daemon.stop()
    alone = daemon.seaway("version", check=False)
    assert alone.code == 1
    assert "Client: Seaway" in alone.out
    assert "/run/seaway/seaway.sock" in alone.err


def test_config_tells_where_each_setting_is_from(stopped_daemon: Daemon) -> None:
    file = stopped_daemon.host.path("/run/seaway.toml")
    file.write_text('log-level = "debug"\ndata-dir = "/nowhere"\n')
    stopped_daemon.options = ("--config", "/run/seaway.toml")
    stopped_daemon.start()

    table = cells(stopped_daemon.seaway("config").out)
    rows = {row[0]: row[1:] for row in table}

    assert table[0] == ["NAME", "ORIGIN", "VALUE"]
    assert rows["log-level"] == ["/run/seaway.toml", "debug"]
    assert rows["data-dir"] == ["command line", "/run/seaway-data"]
    assert rows["log-format"] == ["default", "text"]


def test_events_are_told_as_they_happen(daemon: Daemon) -> None:
    template = "{{.Type}} {{.Action}} {{.Actor.Attributes.name}}"
    client = daemon.start_seaway("events", "--since", "1h", "--format", template)
    assert client.stdout is not None
    daemon.seaway("network", "create", "late")
    created = client.stdout.readline()
    daemon.seaway("network", "rm", "late")
    removed = client.stdout.readline()
    client.kill()

    assert (created, removed) == ("network create late\n", "network destroy late\n")


def test_past_events_are_shown_with_their_time(daemon: Daemon) -> None:
    make_ipv4_network(daemon, 1)
    make_sandbox(daemon, "web", "n1")

    lines = daemon.seaway(
        "events", "--since", "1m", "--until", "0s", "-f", "type=network"
    ).out.splitlines()

    assert [re.sub(r"^\S+ (network \w+) [0-9a-f]{64} .*$", r"\1", line) for line in lines][-2:] == [
        "network create",
        "network connect",
    ]
    assert "name=n1" in lines[-1]


# Errors


def test_wrong_words_are_told_in_one_sentence(daemon: Daemon) -> None:
    assert fails(daemon, "nosuch") == (1, "'nosuch' is no command of seaway\nSee 'seaway --help'.")
    assert fails(daemon, "--nosuch")[0] == 125
    assert fails(daemon, "ps", "--nosuch") == (
        125,
        "unknown flag: --nosuch\nSee 'seaway ps --help'.",
    )
    assert fails(daemon, "network", "rm")[0] == 1
    assert "at least 1 argument" in fails(daemon, "network", "rm")[1]
    assert fails(daemon, "rm", "nosuch") == (
        1,
        "Error response from daemon: No such container: nosuch",
    )


def test_every_command_has_help_with_an_example(daemon: Daemon) -> None:
    usage = daemon.seaway("--help").out
    sections = usage.partition("Networks and namespaces:")[2].partition("Options:")[0]
    commands = re.findall(r"^  ([a-z]+) {2,}", sections, re.MULTILINE)

    assert len(commands) >= 27
    for command in commands:
        text = daemon.seaway(command, "--help").out
        assert text.lower().startswith(f"usage: seaway {command}"), command
        assert command in {"network", "pool", "sandbox"} or "\nExample" in text, command


def test_without_an_engine_the_command_says_what_to_do(stopped_daemon: Daemon) -> None:
    code, text = fails(stopped_daemon, "ps")

    assert code == 1
    assert "/run/seaway/seaway.sock" in text
    assert "seaway daemon" in text or "start" in text


def test_a_user_outside_the_group_is_told_how_to_be_let_in(daemon: Daemon) -> None:
    argv = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    launcher = daemon.host.path("/run/launcher")
    launcher.write_text((Path(__file__).parents[2] / "launch/seaway.in").read_text())
    source = Path(__file__).parents[2] / "src"
    daemon.host.sh(
        f"mkdir -p /run/source; mount --bind {source} /run/source; chmod 755 /run/source;"
        "sed -i s,@SRC@,/run/source, /run/launcher; chmod 644 /run/launcher"
    )
    done = daemon.host.run(
        [*argv, "/usr/bin/python3", "-IS", "/run/launcher", "ps"],
        env={"SEAWAY_HOST": daemon.address},
        check=False,
    )

    assert (done.code, done.out) == (1, "")
    assert "group" in done.err
    assert "seaway" in done.err
    assert len(done.err.splitlines()) <= 2
    mode = daemon.host.sh("stat -c %a /run/seaway/seaway.sock").out
    assert mode == "660\n"


# Purge


@pytest.mark.parametrize("alive", [True, False], ids=["running", "dead"])
def test_purge_takes_every_trace_away(host: Host, stopped_daemon: Daemon, alive: bool) -> None:
    before = at_rest(host)
    daemon = stopped_daemon
    daemon.start()
    make_ipv4_network(daemon, 1)
    daemon.seaway("run", "-d", "--name", "web", "--network", "n1", "-p", "8080:80", "sleep", "60")
    make_sandbox(daemon, "probe", "n1")

    asked = daemon.seaway("purge", stdin="n\n")
    assert "This stops every sandbox" in asked.out + asked.err
    assert daemon.seaway("ps", "-q").out != ""

    if alive:
        daemon.seaway("purge", "-f")
        assert daemon.wait() == 0
    else:
        daemon.kill()
        daemon.seaway("purge", "-f", "--run-dir", "/run/seaway", "--data-dir", "/run/seaway-data")

    assert leaked(before, host) == ()
    for left in ("/run/seaway", "/run/seaway-data"):
        assert not host.path(left).exists() or not list(host.path(left).iterdir())
