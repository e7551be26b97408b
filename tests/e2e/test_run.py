"""``seaway run`` and what follows it, with real processes."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from collections.abc import Callable

import pytest

from bed.daemon import DATA_DIR, Daemon
from bed.host import Host
from bed.spot import Result
from e2e.screen import screen
from e2e.stage import make_ipv4_network, within

NO_COMMAND = 'exec: "nosuch-command": executable file not found in $PATH'


def run(daemon: Daemon, *words: str, stdin: str = "", check: bool = True) -> Result:
    """``seaway run --rm`` with *words*."""
    return daemon.seaway("run", "--rm", *words, stdin=stdin, check=check)


def code(daemon: Daemon, *words: str) -> int:
    """The exit code of ``seaway run --rm`` with *words*."""
    return run(daemon, *words, check=False).code


def state(daemon: Daemon, sandbox: str) -> str:
    """How far *sandbox* is: ``running``, ``exited`` and so on."""
    return daemon.seaway("inspect", "-f", "{{.State.Status}}", sandbox).out.strip()


def names(daemon: Daemon) -> list[str]:
    """The names of all sandboxes, sorted."""
    return sorted(daemon.seaway("ps", "-a", "--format", "{{.Names}}").out.split())


def ended(daemon: Daemon, sandbox: str) -> Callable[[], bool]:
    """Whether *sandbox* ended, to be asked again and again."""
    return lambda: state(daemon, sandbox) == "exited"


# Exit codes


def test_the_exit_code_is_that_of_the_process(daemon: Daemon) -> None:
    assert code(daemon, "true") == 0
    assert code(daemon, "sh", "-c", "exit 3") == 3
    assert code(daemon, "sh", "-c", "exit 255") == 255


def test_a_process_that_a_signal_ends_has_128_and_its_number(daemon: Daemon) -> None:
    client = daemon.start_seaway("run", "--name", "job", "sh", "-c", "echo up; exec sleep 60")
    assert client.stdout is not None
    assert client.stdout.readline() == "up\n"

    daemon.seaway("kill", "job")

    assert client.wait(10) == 137
    assert daemon.seaway("wait", "job").out == "137\n"


def test_what_cannot_be_run_has_dockers_exit_codes(daemon: Daemon) -> None:
    no_such = run(daemon, "nosuch-command", check=False)
    not_executable = run(daemon, "/etc/passwd", check=False)
    a_directory = run(daemon, "/etc", check=False)
    wrong_flag = run(daemon, "--nosuch", "true", check=False)
    no_network = run(daemon, "--network", "nosuch", "true", check=False)

    assert (no_such.code, NO_COMMAND in no_such.err) == (127, True)
    assert (not_executable.code, "permission denied" in not_executable.err) == (126, True)
    assert (a_directory.code, "/etc" in a_directory.err) == (126, True)
    assert (wrong_flag.code, wrong_flag.err) == (
        125,
        "unknown flag: --nosuch\nSee 'seaway run --help'.\n",
    )
    assert (no_network.code, no_network.err) == (
        125,
        "Error response from daemon: network nosuch not found\n",
    )
    assert names(daemon) == []


def test_without_a_daemon_run_ends_with_125(stopped_daemon: Daemon) -> None:
    done = run(stopped_daemon, "true", check=False)

    assert done.code == 125
    assert "/run/seaway/seaway.sock" in done.err


def test_a_name_that_is_taken_is_refused(daemon: Daemon) -> None:
    daemon.seaway("run", "-d", "--name", "web", "sleep", "60")

    done = run(daemon, "--name", "web", "true", check=False)

    assert done.code == 125
    assert 'The container name "/web" is already in use by container' in done.err
    assert names(daemon) == ["web"]


# Streams


def test_the_two_outputs_stay_apart(daemon: Daemon) -> None:
    done = run(daemon, "sh", "-c", "echo out; echo err >&2")

    assert (done.out, done.err) == ("out\n", "err\n")


def test_much_output_arrives_whole(daemon: Daemon) -> None:
    done = run(daemon, "sh", "-c", "seq 200000")

    assert done.out == "".join(f"{n}\n" for n in range(1, 200001))


def test_input_goes_in_and_its_end_too(daemon: Daemon) -> None:
    assert run(daemon, "-i", "cat", stdin="one\ntwo\n").out == "one\ntwo\n"
    assert run(daemon, "-i", "wc", "-c", stdin="x" * 300_000).out == "300000\n"


def test_without_i_there_is_no_input(daemon: Daemon) -> None:
    assert run(daemon, "cat", stdin="secret\n").out == ""


def test_input_ends_with_the_client_that_gave_it(daemon: Daemon) -> None:
    client = daemon.start_seaway(
        "run", "-i", "--name", "reader", "sh", "-c", "cat; echo end", stdin=subprocess.PIPE
    )
    assert client.stdin is not None
    assert client.stdout is not None
    client.stdin.write("begin\n")
    client.stdin.flush()
    assert client.stdout.readline() == "begin\n"

    client.kill()

    assert within(5, ended(daemon, "reader"))
    assert daemon.seaway("logs", "reader").out == "begin\nend\n"


def test_input_without_a_client_stays_open(daemon: Daemon) -> None:
    daemon.seaway("run", "-d", "-i", "--name", "reader", "sh", "-c", "cat; echo end")

    client = daemon.start_seaway("attach", "reader", stdin=subprocess.PIPE)
    assert client.stdin is not None
    assert client.stdout is not None
    client.stdin.write("first\n")
    client.stdin.flush()
    assert client.stdout.readline() == "first\n"
    client.kill()
    client.wait()

    time.sleep(0.3)  # it does not end a little later either
    assert state(daemon, "reader") == "running"


def test_a_client_that_is_killed_leaves_the_process_running(daemon: Daemon) -> None:
    client = daemon.start_seaway("run", "--name", "web", "sh", "-c", "echo up; sleep 60")
    assert client.stdout is not None
    assert client.stdout.readline() == "up\n"

    client.kill()
    client.wait()

    time.sleep(0.3)  # it does not end a little later either
    assert state(daemon, "web") == "running"


# Background


def test_in_the_background_the_id_is_printed(daemon: Daemon) -> None:
    done = daemon.seaway("run", "-d", "--name", "web", "sleep", "60")

    identity = done.out.strip()
    assert re.fullmatch("[0-9a-f]{64}", identity)
    assert state(daemon, identity[:12]) == "running"


def test_rm_leaves_nothing_when_it_ends(daemon: Daemon) -> None:
    daemon.seaway("run", "-d", "--rm", "--name", "short", "sh", "-c", "exit 1")
    daemon.seaway("run", "--name", "stays", "true")

    assert within(5, lambda: names(daemon) == ["stays"])


def test_a_sandbox_without_a_name_gets_one_in_dockers_form(daemon: Daemon) -> None:
    for _ in range(3):
        daemon.seaway("run", "true")

    found = names(daemon)
    assert len(set(found)) == 3
    assert all(re.fullmatch("[a-z]+_[a-z]+", name) for name in found)


def test_a_detached_process_outlives_the_daemon_with_log_and_exit_code(daemon: Daemon) -> None:
    script = "echo before; while [ ! -e /go/now ]; do sleep 0.05; done; echo after; exit 7"
    daemon.host.sh("mkdir /run/go")
    daemon.seaway("run", "-d", "--name", "job", "-v", "/run/go:/go", "sh", "-c", script)
    assert within(5, lambda: daemon.seaway("logs", "job").out == "before\n")

    daemon.kill()
    daemon.host.sh("touch /run/go/now; sleep 0.5")
    daemon.start()

    assert within(2, ended(daemon, "job"))
    assert daemon.seaway("logs", "job").out == "before\nafter\n"
    assert daemon.seaway("wait", "job").out == "7\n"
    assert "Exited (7)" in daemon.seaway("ps", "-a", "--format", "{{.Status}}").out


def test_a_detached_process_that_goes_on_can_still_be_stopped_after_a_crash(
    daemon: Daemon,
) -> None:
    script = "trap 'echo stopping; exit 5' TERM; echo up; while :; do sleep 0.05; done"
    daemon.seaway("run", "-d", "--name", "job", "sh", "-c", script)
    assert within(5, lambda: daemon.seaway("logs", "job").out == "up\n")

    daemon.kill()
    daemon.start()
    assert state(daemon, "job") == "running"
    daemon.seaway("stop", "job")

    assert daemon.seaway("wait", "job").out == "5\n"
    assert daemon.seaway("logs", "job").out == "up\nstopping\n"


def test_a_run_whose_daemon_is_killed_says_so(daemon: Daemon) -> None:
    client = daemon.start_seaway("run", "--name", "web", "sh", "-c", "echo up; sleep 60")
    assert client.stdout is not None
    assert client.stdout.readline() == "up\n"

    daemon.kill()
    _, errors = client.communicate(timeout=10)

    assert client.returncode == 125
    assert errors == "the engine went away; the sandbox goes on without it\n"


def test_no_exit_of_a_short_process_is_lost(daemon: Daemon) -> None:
    clients = [daemon.start_seaway("run", "--rm", "sh", "-c", f"exit {n}") for n in range(1, 13)]

    codes: list[int] = []
    for client in clients:
        client.communicate(timeout=60)
        codes.append(client.returncode)

    assert codes == list(range(1, 13))
    assert within(5, lambda: names(daemon) == [])


# What the process gets


def test_the_environment_is_the_users(daemon: Daemon) -> None:
    daemon.host.sh("printf '# comment\\nONE=from file\\nTWO=2\\n' >/run/vars")

    done = run(
        daemon, "--env-file", "/run/vars", "-e", "TWO=two", "-e", "EMPTY=", "-e", "NOWHERE",
        "--hostname", "box", "env",
    )  # fmt: skip

    assert sorted(done.out.splitlines()) == [
        "EMPTY=",
        "HOME=/root",
        "HOSTNAME=box",
        "ONE=from file",
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "TWO=two",
    ]


def test_directory_user_and_groups_are_the_users(daemon: Daemon) -> None:
    assert run(daemon, "-w", "/usr/share", "pwd").out == "/usr/share\n"
    assert run(daemon, "-u", "nobody", "id", "-un").out == "nobody\n"
    assert run(daemon, "-u", "1234:5678", "sh", "-c", "id -u; id -g").out == "1234\n5678\n"
    assert code(daemon, "-w", "relative", "true") == 125
    assert code(daemon, "-u", "nosuchuser", "true") == 125


def test_a_volume_is_seen_and_written_unless_read_only(daemon: Daemon) -> None:
    daemon.host.sh("mkdir /run/data; echo there >/run/data/file")

    assert run(daemon, "-v", "/run/data:/data", "cat", "/data/file").out == "there\n"
    run(daemon, "-v", "/run/data:/data", "sh", "-c", "echo new >/data/new")
    assert daemon.host.sh("cat /run/data/new").out == "new\n"
    refused = run(daemon, "-v", "/run/data:/data:ro", "touch", "/data/x", check=False)
    assert refused.code == 1
    assert "Read-only file system" in refused.err
    missing = run(daemon, "-v", "/run/nosuch:/data", "true", check=False)
    assert (missing.code, "/run/nosuch" in missing.err) == (125, True)


def test_a_root_file_system_of_ones_own(daemon: Daemon) -> None:
    daemon.host.sh(
        "mkdir -p /run/root/bin /run/root/etc /run/root/proc; cp /bin/busybox /run/root/bin/sh"
        " 2>/dev/null || { cp /bin/sh /run/root/bin/sh;"
        " for f in $(ldd /bin/sh | grep -o '/[^ ]*'); do"
        " mkdir -p /run/root/$(dirname $f); cp $f /run/root/$f; done; }"
    )

    done = run(
        daemon, "--rootfs", "/run/root", "sh", "-c", "echo inside >/file; read x </file; echo $x"
    )

    assert done.out == "inside\n"
    assert daemon.host.sh("cat /run/root/file").out == "inside\n"


def test_capabilities_come_and_go(daemon: Daemon) -> None:
    show = ("grep", "CapEff", "/proc/self/status")

    assert run(daemon, *show).out == "CapEff:\t00000000a80425fb\n"
    assert run(daemon, "--cap-drop", "ALL", *show).out == "CapEff:\t0000000000000000\n"
    assert run(daemon, "--cap-add", "NET_ADMIN", *show).out == "CapEff:\t00000000a80435fb\n"
    assert code(daemon, "--cap-add", "NOSUCH", "true") == 125


def test_the_host_name_and_its_line_in_hosts(daemon: Daemon) -> None:
    make_ipv4_network(daemon, 1)

    done = run(
        daemon, "--network", "n1", "--hostname", "box", "sh", "-c", "hostname; cat /etc/hosts"
    )

    assert done.out.splitlines()[0] == "box"
    assert "10.77.1.2\tbox" in done.out.splitlines()


def test_further_hosts_and_the_gateway(daemon: Daemon) -> None:
    make_ipv4_network(daemon, 1)

    done = run(
        daemon, "--network", "n1", "--add-host", "db:203.0.113.9", "--add-host", "six=2001:db8::9",
        "--add-host", "gate:host-gateway", "cat", "/etc/hosts",
    )  # fmt: skip

    lines = done.out.splitlines()
    assert "203.0.113.9\tdb" in lines
    assert "2001:db8::9\tsix" in lines
    assert "10.77.1.1\tgate" in lines


def test_labels_are_kept(daemon: Daemon) -> None:
    daemon.host.sh("printf 'c=3\\n' >/run/labels")
    daemon.seaway(
        "run", "--name", "web", "-l", "a=1", "-l", "b", "--label-file", "/run/labels", "true"
    )

    labels = json.loads(daemon.seaway("inspect", "-f", "{{json .Config.Labels}}", "web").out)

    assert labels == {"a": "1", "b": "", "c": "3"}


# Networks


def test_on_the_hosts_network_the_ports_are_the_hosts(host: Host, daemon: Daemon) -> None:
    done = run(daemon, "--network", "host", "sh", "-c", "ip -br address show eth0; hostname")
    assert "192.0.2.1/24" in done.out
    assert done.out.splitlines()[-1] == "H"

    server = "import socket; s = socket.create_server(('', 8099)); s.accept()[0].send(b'hello')"
    daemon.seaway("run", "-d", "--name", "web", "--network", "host", "python3", "-c", server)
    assert within(5, lambda: host.neighbour.reaches("tcp", "192.0.2.1", 8099))


def test_without_a_network_there_is_loopback_only(daemon: Daemon) -> None:
    done = run(daemon, "--network", "none", "sh", "-c", "ip -br link | wc -l; ip -br link show lo")

    assert done.out.splitlines()[0] == "1"
    assert "LOWER_UP" in done.out


def test_a_network_can_be_shared(daemon: Daemon) -> None:
    make_ipv4_network(daemon, 1)
    daemon.seaway(
        "run", "-d", "--name", "web", "--network", "n1", "--hostname", "box", "sleep", "60"
    )
    daemon.sandbox("web").serve("web", "tcp", 80)

    done = run(
        daemon, "--network", "container:web", "sh", "-c",
        "ip -o -4 address show eth0; hostname; grep box /etc/hosts; cat /etc/resolv.conf",
    )  # fmt: skip

    assert "10.77.1.2/24" in done.out
    assert "\nbox\n" in done.out
    assert "10.77.1.2\tbox" in done.out
    assert "nameserver 127.0.0.11" in done.out
    assert run(daemon, "--network", "container:web", "getent", "hosts", "web").out.split()[0] == (
        "10.77.1.2"
    )


def test_sharing_refuses_what_belongs_to_the_owner(daemon: Daemon) -> None:
    daemon.seaway("run", "-d", "--name", "web", "sleep", "60")

    ports = run(daemon, "--network", "container:web", "-p", "80:80", "true", check=False)
    hostname = run(daemon, "--network", "container:web", "--hostname", "x", "true", check=False)
    missing = run(daemon, "--network", "container:nosuch", "true", check=False)

    assert (ports.code, hostname.code, missing.code) == (125, 125, 125)
    assert "conflicting options: port publishing and the container type network mode" in ports.err
    assert "conflicting options: hostname and the network mode" in hostname.err
    assert "No such container: nosuch" in missing.err


def test_several_networks_at_once_in_the_order_given(daemon: Daemon) -> None:
    make_ipv4_network(daemon, 1)
    make_ipv4_network(daemon, 2)

    done = run(
        daemon, "--network", "n1:ip=10.77.1.9,mac=02:00:00:00:00:09",
        "--network", "n2:ifname=second,gw-priority=1", "sh", "-c",
        "ip -br -4 address show eth0; cat /sys/class/net/eth0/address;"
        "ip -br -4 address show second; ip route show default",
    )  # fmt: skip

    assert "10.77.1.9/24" in done.out
    assert "02:00:00:00:00:09" in done.out
    assert "10.77.2.2/24" in done.out
    assert "default via 10.77.2.1 dev second" in done.out


# Terminals


def test_a_terminal_has_the_size_of_the_users_and_follows_it(daemon: Daemon) -> None:
    follow = 'until test "$(stty size)" = "44 111"; do sleep 0.05; done'
    script = f"stty size; {follow}; stty size; tty; exit 4"
    with screen(daemon, "run", "--rm", "-it", "sh", "-c", script, rows=33, columns=99) as user:
        assert user.shows("33 99")

        user.size(44, 111)

        assert user.shows("44 111")
        assert user.shows("/dev/pts/0")
        assert user.ends() == 4


def test_the_detach_keys_leave_the_process_running(daemon: Daemon) -> None:
    with screen(daemon, "run", "-it", "--name", "web", "sh", "-c", "echo up; cat") as user:
        assert user.shows("up")
        user.type("\x10\x11")
        assert user.ends() == 0
    assert state(daemon, "web") == "running"

    with screen(daemon, "attach", "--detach-keys", "ctrl-a,d", "web") as user:
        user.type("hello\r")
        assert user.shows("hello\r\nhello")
        user.type("\x01d")
        assert user.ends() == 1
        assert "read escape sequence" in user.text
    assert state(daemon, "web") == "running"


def test_ctrl_c_reaches_the_process_and_not_the_command(daemon: Daemon) -> None:
    script = "trap 'echo caught; exit 6' INT; echo up; while :; do sleep 0.05; done"
    with screen(daemon, "run", "--rm", "-it", "sh", "-c", script) as user:
        assert user.shows("up")
        user.type("\x03")
        assert user.shows("caught")
        assert user.ends() == 6


def test_a_terminal_needs_one_for_its_input(daemon: Daemon) -> None:
    done = run(daemon, "-it", "sh", check=False)

    assert done.code == 1
    assert done.err == "the input is not a terminal: leave -t out, or -i\n"
    assert names(daemon) == []


def test_t_alone_gives_the_process_a_terminal(daemon: Daemon) -> None:
    assert run(daemon, "-t", "sh", "-c", "tty; echo err >&2").out == "/dev/pts/0\nerr\n"


# Signals


@pytest.mark.parametrize(
    ("sent", "word"), [(signal.SIGTERM, "TERM"), (signal.SIGHUP, "HUP"), (signal.SIGUSR1, "USR1")]
)
def test_signals_to_the_command_reach_the_process(
    daemon: Daemon, sent: signal.Signals, word: str
) -> None:
    script = f"trap 'echo got {word}; exit 9' {word}; echo up; while :; do sleep 0.05; done"
    client = daemon.start_seaway("run", "--rm", "sh", "-c", script)
    assert client.stdout is not None
    assert client.stdout.readline() == "up\n"

    client.send_signal(sent)
    out, _ = client.communicate(timeout=10)

    assert (client.returncode, out) == (9, f"got {word}\n")


# Logs, attach, exec


def test_logs_show_what_was_written(daemon: Daemon) -> None:
    daemon.seaway(
        "run",
        "--name",
        "job",
        "sh",
        "-c",
        "echo one; sleep 0.1; echo two >&2; sleep 0.1; echo three; printf four",
    )

    whole = daemon.seaway("logs", "job")
    assert (whole.out, whole.err) == ("one\nthree\nfour", "two\n")
    last = daemon.seaway("logs", "--tail", "2", "job")
    assert (last.out, last.err) == ("three\nfour", "")
    assert daemon.seaway("logs", "-n", "0", "job").out == ""
    stamped = daemon.seaway("logs", "-t", "job").out.splitlines()
    assert [re.sub(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z ", "", line) for line in stamped] == [
        "one",
        "three",
        "four",
    ]
    assert daemon.seaway("logs", "--since", "2h", "job").out == "one\nthree\nfour"
    assert daemon.seaway("logs", "--until", "2h", "job").out == ""


def test_followed_logs_go_on_until_the_end(daemon: Daemon) -> None:
    daemon.host.sh("mkdir /run/go")
    script = "echo one; while [ ! -e /go/now ]; do sleep 0.05; done; echo two"
    daemon.seaway("run", "-d", "--name", "job", "-v", "/run/go:/go", "sh", "-c", script)
    client = daemon.start_seaway("logs", "-f", "job")
    assert client.stdout is not None
    assert client.stdout.readline() == "one\n"

    daemon.host.sh("touch /run/go/now")
    out, _ = client.communicate(timeout=10)

    assert (client.returncode, out) == (0, "two\n")


def test_attach_shows_what_comes_and_ends_with_its_code(daemon: Daemon) -> None:
    daemon.seaway("run", "-d", "-i", "--name", "job", "sh", "-c", "read x; echo got $x; exit 8")

    done = daemon.seaway("attach", "job", stdin="word\n", check=False)

    assert (done.code, done.out) == (8, "got word\n")
    again = daemon.seaway("attach", "job", check=False)
    assert again.code == 1
    assert "job is not running" in again.err


def test_exec_runs_beside_the_first_process(daemon: Daemon) -> None:
    daemon.seaway(
        "run", "-d", "--name", "web", "-e", "A=1", "-w", "/usr", "-u", "nobody", "sleep", "60"
    )

    def inside(*words: str, stdin: str = "") -> Result:
        return daemon.seaway("exec", *words, stdin=stdin, check=False)

    assert inside("web", "sh", "-c", "exit 5").code == 5
    assert inside("web", "sh", "-c", "kill -9 $$").code == 137
    assert inside("web", "pwd").out == "/usr\n"
    assert inside("-w", "/etc", "web", "pwd").out == "/etc\n"
    assert inside("web", "id", "-un").out == "nobody\n"
    assert inside("-u", "root", "web", "id", "-un").out == "root\n"
    assert inside("-e", "B=2", "web", "sh", "-c", "echo $A $B").out == "1 2\n"
    assert inside("-i", "web", "cat", stdin="in\n").out == "in\n"
    assert inside("web", "cat", stdin="in\n").out == ""
    assert inside("web", "sh", "-c", "echo o; echo e >&2") == Result(code=0, out="o\n", err="e\n")


def test_exec_of_what_cannot_run_says_why(daemon: Daemon) -> None:
    daemon.seaway("run", "-d", "--name", "web", "sleep", "60")
    daemon.seaway("run", "--name", "over", "true")

    no_such = daemon.seaway("exec", "web", "nosuch-command", check=False)
    ended_one = daemon.seaway("exec", "over", "true", check=False)
    nobody = daemon.seaway("exec", "nosuch", "true", check=False)

    assert no_such.code == 127
    assert 'exec: "nosuch-command": executable file not found in $PATH' in no_such.out + no_such.err
    assert (ended_one.code, "is not running" in ended_one.err) == (1, True)
    assert (nobody.code, nobody.err) == (
        1,
        "Error response from daemon: No such container: nosuch\n",
    )


def test_exec_in_the_background_and_on_a_terminal(daemon: Daemon) -> None:
    daemon.seaway("run", "-d", "--name", "web", "sleep", "60")

    daemon.seaway("exec", "-d", "web", "sh", "-c", "echo done >/tmp/mark")
    assert within(
        5, lambda: daemon.seaway("exec", "web", "cat", "/tmp/mark", check=False).out == "done\n"
    )

    with screen(
        daemon, "exec", "-it", "web", "sh", "-c", "stty size; exit 2", rows=20, columns=70
    ) as user:
        assert user.shows("20 70")
        assert user.ends() == 2


def test_a_client_that_leaves_ends_the_input_of_its_exec(daemon: Daemon) -> None:
    daemon.seaway("run", "-d", "--name", "web", "sleep", "60")
    client = daemon.start_seaway(
        "exec", "-i", "web", "sh", "-c", "cat; echo end >/tmp/mark", stdin=subprocess.PIPE
    )
    assert client.stdin is not None
    assert client.stdout is not None
    client.stdin.write("x\n")
    client.stdin.flush()
    assert client.stdout.readline() == "x\n"

    client.kill()

    assert within(
        5, lambda: daemon.seaway("exec", "web", "cat", "/tmp/mark", check=False).out == "end\n"
    )


# Life


def test_stop_asks_first_and_kills_then(daemon: Daemon) -> None:
    kind = "trap 'exit 3' TERM; echo up; while :; do sleep 0.05; done"
    stubborn = "trap '' TERM; echo up; while :; do sleep 0.05; done"
    for name, script in (("kind", kind), ("stubborn", stubborn)):
        daemon.seaway("run", "-d", "--name", name, "sh", "-c", script)
        assert within(5, lambda name=name: daemon.seaway("logs", name).out == "up\n")  # type: ignore[misc]

    assert daemon.seaway("stop", "-t", "1", "kind", "stubborn").out == "kind\nstubborn\n"

    assert daemon.seaway("wait", "kind", "stubborn").out == "3\n137\n"
    assert daemon.seaway("stop", "kind").out == "kind\n"  # twice is fine


def test_kill_restart_and_start_again(daemon: Daemon) -> None:
    daemon.seaway("run", "-d", "--name", "web", "sh", "-c", "echo up; sleep 60")
    assert within(5, lambda: daemon.seaway("logs", "web").out == "up\n")

    assert daemon.seaway("kill", "-s", "KILL", "web").out == "web\n"
    assert daemon.seaway("wait", "web").out == "137\n"
    again = daemon.seaway("kill", "web", check=False)
    assert (again.code, "is not running" in again.err) == (1, True)

    assert daemon.seaway("start", "web").out == "web\n"
    assert within(5, lambda: daemon.seaway("logs", "web").out == "up\n" * 2)
    assert daemon.seaway("restart", "-t", "0", "web").out == "web\n"
    assert state(daemon, "web") == "running"
    assert within(5, lambda: daemon.seaway("logs", "web").out == "up\n" * 3)

    refused = daemon.seaway("rm", "web", check=False)
    assert (refused.code, "container is running" in refused.err) == (1, True)
    assert daemon.seaway("rm", "-f", "web").out == "web\n"
    assert names(daemon) == []


def test_wait_waits_and_start_can_attach(daemon: Daemon) -> None:
    daemon.seaway("run", "-d", "--name", "job", "sh", "-c", "sleep 0.3; echo done; exit 2")
    assert daemon.seaway("wait", "job").out == "2\n"

    again = daemon.seaway("start", "-a", "job", check=False)

    assert (again.code, again.out) == (2, "done\n")


def test_ports_of_the_commands_are_open_while_it_runs(host: Host, daemon: Daemon) -> None:
    daemon.seaway(
        "run", "-d", "--name", "web", "-P", "--expose", "80", "-p", "8080:81", "sleep", "60"
    )
    sandbox = daemon.sandbox("web")
    sandbox.serve("eighty", "tcp", 80)
    sandbox.serve("eightyone", "tcp", 81)

    port = int(daemon.seaway("port", "web", "80").out.splitlines()[0].rpartition(":")[2])

    assert host.neighbour.ask("tcp", "192.0.2.1", port) == "eighty 192.0.2.2"
    assert host.neighbour.ask("tcp", "192.0.2.1", 8080) == "eightyone 192.0.2.2"
    daemon.seaway("stop", "-t", "0", "web")
    assert not host.neighbour.reaches("tcp", "192.0.2.1", 8080)


LONG = "sleep 1; head -c 4000000 /dev/zero | tr '\\0' a | fold; sleep 1"
"""Not before its start is noted: the disk is for both."""


def test_a_disk_that_a_log_has_filled_is_told_and_not_blamed_on_a_device(
    stopped_daemon: Daemon,
) -> None:
    daemon = stopped_daemon
    daemon.host.sh(f"mkdir -p {DATA_DIR} && mount -t tmpfs -o size=1500k tmpfs {DATA_DIR}")
    daemon.start()
    daemon.seaway("run", "-d", "--name", "full", "--", "sh", "-c", LONG)
    assert within(10, lambda: "the end of a sandbox could not be noted" in daemon.log)

    refused = daemon.seaway("rm", "-f", "full", check=False)

    assert "full has ended, but that could not be noted: the store" in refused.err
    assert "Traceback" not in daemon.log
    daemon.host.sh(f"truncate -s 0 {DATA_DIR}/sandboxes/*/log")
    assert daemon.seaway("rm", "-f", "full").out == "full\n"
