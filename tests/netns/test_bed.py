"""The test bed itself: what it promises to all other tests."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bed.docker import docker_client
from bed.features import need
from bed.fingerprint import fingerprint, leaked
from bed.host import Host, a_host
from bed.spot import ROOT, CommandFailed


@pytest.mark.parametrize("proto", ["tcp", "udp"])
@pytest.mark.parametrize(
    ("server", "asker"), [("192.0.2.2", "192.0.2.1"), ("2001:db8:0:1::2", "2001:db8:0:1::1")]
)
def test_host_and_neighbour_see_each_other_s_addresses(
    host: Host, proto: str, server: str, asker: str
) -> None:
    host.neighbour.serve("P", proto, 5300)

    assert host.ask(proto, server, 5300) == f"P {asker}"


def test_nobody_answers_where_nobody_listens(host: Host) -> None:
    assert not host.reaches("tcp", "192.0.2.2", 81)
    assert not host.reaches("udp", "192.0.2.2", 81)


def test_a_stream_goes_on_as_long_as_both_ends_do(host: Host) -> None:
    server = host.neighbour.serve("P", "tcp", 80)

    with host.connect("tcp", "192.0.2.2", 80) as stream:
        for _ in range(3):
            stream.sendall(b"again\n")
            assert stream.recv(100) == b"P 192.0.2.1\n"

    assert server.seen == ["192.0.2.1"]


def test_the_docker_client_runs_on_a_host(host: Host) -> None:
    assert "Docker version" in host.run([str(docker_client()), "--version"]).out


def test_nothing_of_a_host_is_seen_on_this_machine(host: Host) -> None:
    before = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout

    host.sh("ip link add br7 type bridge; echo 1 >/proc/sys/net/ipv4/ip_forward; touch /run/mine")

    assert host.run(["uname", "-n"]).out == "H\n"

    after = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
    assert after == before
    assert not Path("/run/mine").exists()
    assert host.path("/run/mine").exists()


def test_two_hosts_know_nothing_of_each_other(host: Host) -> None:
    with a_host() as other:
        host.neighbour.serve("P", "tcp", 80)

        assert host.reaches("tcp", "192.0.2.2", 80)
        assert not other.reaches("tcp", "192.0.2.2", 80)


def test_bridges_show_their_frames_to_iptables_only_when_asked() -> None:
    need("br_netfilter")
    switch = "/proc/sys/net/bridge/bridge-nf-call-iptables"
    with a_host() as plain, a_host(bridge_nf=True) as like_docker:
        assert plain.run(["cat", switch]).out == "0\n"
        assert like_docker.run(["cat", switch]).out == "1\n"


def test_commands_run_in_a_namespace_behind_a_file(host: Host) -> None:
    host.sh("touch /run/box; unshare --net=/run/box ip link add inner0 type bridge")

    assert "inner0" in host.at("/run/box").run(["ip", "-o", "link"]).out
    assert "inner0" not in host.run(["ip", "-o", "link"]).out


def test_a_failed_command_says_what_it_said(host: Host) -> None:
    with pytest.raises(CommandFailed, match=r"status 3\nfirst\nsecond"):
        host.sh("echo first; echo second >&2; exit 3")

    assert host.sh("exit 3", check=False).code == 3


def test_files_of_its_own_etc_can_be_replaced(host: Host) -> None:
    before = Path("/etc/resolv.conf").read_bytes()
    host.use_own_etc()

    host.sh("echo nameserver 192.0.2.2 >/etc/new; mv /etc/new /etc/resolv.conf")

    assert host.run(["cat", "/etc/resolv.conf"]).out == "nameserver 192.0.2.2\n"
    assert Path("/etc/resolv.conf").read_bytes() == before


def test_an_orphan_of_a_host_is_reaped(host: Host) -> None:
    before = fingerprint(host)

    host.sh("(sleep 0.1 >/dev/null 2>&1 &)")

    assert leaked(before, host) == ()


def test_what_was_started_on_a_host_ends_with_it() -> None:
    with a_host() as host:
        host.sh("setsid sleep 1000 </dev/null >/dev/null 2>&1 &")
        sleeper = _appearing(b"sleep\x001000\x00")

    assert _vanish(sleeper)


def test_cgroups_made_on_a_host_go_with_it() -> None:
    with a_host() as host:
        host.sh(
            "for each in $(awk '$3 ~ /^cgroup2?$/ { print $2 }' /proc/mounts); do"
            " mkdir -p $each/box-of-the-bed/inner; done"
        )
        assert _cgroups("box-of-the-bed")

    assert not _cgroups("box-of-the-bed")


def test_a_killed_run_leaves_no_host_behind(tmp_path: Path) -> None:
    code = (
        "import time; from bed.host import Host; host = Host();"
        "host.sh('setsid sleep 1001 </dev/null >/dev/null 2>&1 &');"
        "print(host.pid, flush=True); time.sleep(60)"
    )
    run = subprocess.Popen(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": f"{ROOT}/tests"},
        stdout=subprocess.PIPE,
        text=True,
    )
    with run:
        assert run.stdout is not None
        held = {int(run.stdout.readline()), *_appearing(b"sleep\x001001\x00")}
        run.send_signal(signal.SIGKILL)

    assert _vanish(held)


def test_a_fingerprint_shows_links_routes_rules_namespaces_and_processes(host: Host) -> None:
    before = fingerprint(host)
    assert leaked(before, host) == ()

    host.sh(
        "ip link add br7 index 77 address 02:00:00:00:00:07 type bridge;"
        "ip route add 203.0.113.0/24 via 192.0.2.2; nft add table inet mine;"
        "touch /run/box; unshare --net=/run/box true; sleep 1002 >/dev/null 2>&1 &"
    )

    link = "77: br7: <BROADCAST,MULTICAST> mtu 1500 qdisc noop mode DEFAULT group default"
    assert leaked(before, host) == (
        f"- namespaces {before.namespaces}",
        f"+ {link} qlen 1000\\    link/ether 02:00:00:00:00:07 brd ff:ff:ff:ff:ff:ff",
        "+ 203.0.113.0/24 via 192.0.2.2 dev eth0",
        "+ table inet mine {",
        "+ }",
        "+ sleep 1002",
        f"+ namespaces {before.namespaces + 1}",
    )


def test_a_fingerprint_does_not_count_packets(host: Host) -> None:
    host.sh(
        "nft 'add table inet t; add chain inet t c { type filter hook output priority 0; };"
        "add rule inet t c counter'"
    )
    before = fingerprint(host)

    host.run(["ping", "-c1", "-W1", "192.0.2.2"])

    assert leaked(before, host) == ()


def _cgroups(name: str) -> list[Path]:
    """All cgroups of this machine that are called *name*."""
    return list(Path("/sys/fs/cgroup").rglob(name))


def _appearing(command: bytes) -> set[int]:
    """The process of this machine whose command line is *command*, within 5 seconds."""
    deadline = time.monotonic() + 5
    while not (found := _living(command)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(found) == 1
    return found


def _living(command: bytes) -> set[int]:
    """Processes of this machine whose command line is *command*."""
    found: set[int] = set()
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if entry.read_bytes() == command:
                found.add(int(entry.parent.name))
        except OSError:
            continue  # it ended while we looked
    return found


def _vanish(processes: set[int]) -> bool:
    """Whether all of *processes* are gone within 5 seconds."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if not any(Path(f"/proc/{pid}").exists() for pid in processes):
            return True
        time.sleep(0.02)
    return False
