"""Processes on a host whose files are not laid out as on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import pytest

from bed.host import Host
from bed.pace import PACE
from seaway.runtime import programs

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or programs.find("conmon") is None or programs.find("runc") is None,
    reason="processes need root, conmon and runc",
)

COMMON = """
import asyncio, json, os, sys
from pathlib import Path
from seaway.contracts import Launch
from seaway.model.ids import SandboxId, new_id
from seaway.model.sandbox import Mount, Process
from seaway.runtime.conmon import ConmonRuntime

class Steps:
    def reach(self, step): pass

runtime = ConmonRuntime(
    Path("/run/seaway"), Path("/var/lib/seaway-test"), Steps(), [Path("/opt/seaway.sock")]
)

def launch_of(sandbox, script, netns):
    return Launch(
        sandbox=sandbox, name="web", hostname="box", process=Process(
            args=("sh", "-c", script), mounts=(Mount(source="/run/data", target="/data"),)
        ),
        netns=Path(netns), hosts="127.0.0.1 localhost\\n", resolv_conf="nameserver 127.0.0.11\\n",
    )
"""
RUN = """
async def main(script, netns):
    sandbox = SandboxId(new_id())
    try:
        async with asyncio.timeout(30):
            await runtime.create(launch_of(sandbox, script, netns))
            during = Path("/proc/self/mountinfo").read_text()
            await runtime.start(sandbox)
            ended = await runtime.wait(sandbox)
            lines = [line.data.decode() async for line in runtime.logs(sandbox, follow=False)]
    finally:
        await runtime.remove(sandbox)
    print(json.dumps([ended.code, "".join(lines), during]))

asyncio.run(main(*sys.argv[1:]))
"""
BEGIN = """
async def main(script, netns, sandbox):
    await runtime.create(launch_of(SandboxId(sandbox), script, netns))
    await runtime.start(SandboxId(sandbox))
    os.kill(os.getpid(), 9)

asyncio.run(main(*sys.argv[1:]))
"""
LISTEN = """
import socket, time
listener = socket.socket(socket.AF_UNIX)
listener.bind("/opt/seaway.sock")
listener.listen()
print("up", flush=True)
time.sleep(60)
"""
MAKE = """
async def main(script, netns, sandbox):
    print("now", flush=True)
    await runtime.create(launch_of(SandboxId(sandbox), script, netns))
    await asyncio.sleep(60)

asyncio.run(main(*sys.argv[1:]))
"""
SWEEP = """
async def main():
    for sandbox in await runtime.known():
        await runtime.remove(sandbox)
    print(json.dumps(sorted(await runtime.known())))

asyncio.run(main())
"""
FINISH = """
async def main(sandbox):
    (sandbox,) = await runtime.known()
    pid = runtime.pid(sandbox)
    Path("/run/data/go").touch()
    async with asyncio.timeout(30):
        ended = await runtime.wait(sandbox)
    lines = [line.data.decode() async for line in runtime.logs(sandbox, follow=True)]
    await runtime.remove(sandbox)
    print(json.dumps([sandbox, pid is not None, ended.code, lines]))

asyncio.run(main(*sys.argv[1:]))
"""


def output_of(host: Host, script: str) -> str:
    """What *script* writes in a sandbox on *host*, with a network namespace of its own."""
    host.sh("touch /run/box; unshare --net=/run/box true; mkdir -p /run/data")
    code, output, _ = json.loads(host.python(COMMON + RUN, script, "/run/box").out)
    assert code == 0, output
    return str(output)


@pytest.fixture
def data_dir(host: Host) -> None:
    """The data directory, on a file system of the host's own."""
    host.sh("mkdir /run/var-lib; mount -t tmpfs tmpfs /var/lib; mkdir /var/lib/seaway-test")


def test_a_host_without_some_etc_files_lends_its_etc_all_the_same(
    host: Host, data_dir: None
) -> None:
    host.use_own_etc()
    host.sh(
        "rm -f /etc/hostname /etc/hosts /etc/resolv.conf; ln -s nowhere/at/all /etc/resolv.conf"
    )

    seen = output_of(host, "cat /etc/hostname /etc/hosts /etc/resolv.conf; head -1 /etc/passwd")

    assert seen.splitlines()[:3] == ["box", "127.0.0.1 localhost", "nameserver 127.0.0.11"]
    assert seen.splitlines()[3].startswith("root:")
    assert host.sh("ls /etc/hostname /etc/nowhere", check=False).out == ""


def test_a_resolv_conf_that_leads_to_run_is_the_sandboxs_own(host: Host, data_dir: None) -> None:
    host.use_own_etc()
    host.sh(
        "mkdir -p /run/systemd/resolve; echo host > /run/systemd/resolve/stub-resolv.conf;"
        "ln -sf ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf"
    )

    assert output_of(host, "cat /etc/resolv.conf; ls /run/systemd/resolve") == (
        "nameserver 127.0.0.11\nstub-resolv.conf\n"
    )
    assert host.sh("cat /etc/resolv.conf").out == "host\n"


def test_further_file_systems_of_the_host_are_seen_and_cannot_be_written(
    host: Host, data_dir: None
) -> None:
    host.sh(
        "mount -t tmpfs tmpfs /media; mkdir /media/deep; mount -t tmpfs tmpfs /media/deep;"
        "echo one > /media/file; echo two > /media/deep/file"
    )

    seen = output_of(
        host,
        "cat /media/file /media/deep/file;"
        "touch /media/x 2>/dev/null || touch /media/deep/x 2>/dev/null || echo refused",
    )

    assert seen == "one\ntwo\nrefused\n"


def test_the_daemons_directories_are_not_seen_by_any_of_their_paths(
    host: Host, data_dir: None
) -> None:
    host.sh(
        "mkdir -p /run/seaway; mount -t tmpfs tmpfs /media; mkdir /media/again /media/run;"
        "echo secret > /var/lib/seaway-test/secret;"
        "mount --bind /var/lib /media/again; mount --bind /run /media/run; mount -t proc proc /mnt"
    )

    seen = output_of(
        host, "ls -A /var/lib/seaway-test /media/again /media/again/seaway-test /media/run /mnt"
    )

    assert seen == (
        "/media/again:\nseaway-test\n\n/media/again/seaway-test:\n\n"
        "/media/run:\n\n/mnt:\n\n/var/lib/seaway-test:\n"
    )


def test_a_socket_of_the_daemon_is_not_seen_wherever_it_is(host: Host, data_dir: None) -> None:
    host.sh("mount -t tmpfs tmpfs /opt; mkdir /opt/beside")
    listener = host.popen(
        ["python3", "-c", LISTEN],
        stdout=subprocess.PIPE,
    )
    assert listener.stdout is not None
    assert listener.stdout.readline() == "up\n"

    seen = output_of(host, "ls /opt; test -S /opt/seaway.sock || echo no socket")

    assert seen == "beside\nseaway.sock\nno socket\n"


def test_a_sandbox_uses_the_network_namespace_it_was_given(host: Host, data_dir: None) -> None:
    seen = output_of(host, "ls /sys/class/net; cat /proc/sys/net/ipv4/ip_unprivileged_port_start")

    assert seen == "lo\n0\n"
    assert host.sh("cat /proc/sys/net/ipv4/ip_unprivileged_port_start").out == "1024\n"


def test_nothing_is_mounted_or_written_on_the_host(host: Host, data_dir: None) -> None:
    host.sh("mkdir /run/data; mount --make-rshared /; touch /run/box; unshare --net=/run/box true")
    before = host.sh("cat /proc/self/mountinfo; ls -A / /etc").out

    _, _, during = json.loads(host.python(COMMON + RUN, "true", "/run/box").out)

    assert during == before[: len(during)]
    assert host.sh("cat /proc/self/mountinfo; ls -A / /etc").out == before


def test_a_process_its_log_and_its_exit_code_outlive_a_daemon_that_is_killed(
    host: Host, data_dir: None
) -> None:
    host.sh("mkdir /run/data; touch /run/box; unshare --net=/run/box true")
    script = "echo begun; while ! test -e /data/go; do sleep 0.02; done; echo ended; exit 11"

    begun = host.python(COMMON + BEGIN, script, "/run/box", "ab" * 32, check=False)
    seen = json.loads(host.python(COMMON + FINISH, "ab" * 32).out)

    assert begun.code == -9
    assert seen == ["ab" * 32, True, 11, ["begun\n", "ended\n"]]


@pytest.mark.parametrize("milliseconds", [5, 15, 30, 50, 100])
def test_what_a_daemon_left_half_made_when_it_was_killed_can_be_removed(
    host: Host, data_dir: None, milliseconds: int
) -> None:
    host.sh("mkdir /run/data; touch /run/box; unshare --net=/run/box true")
    sandbox = f"{milliseconds:064x}"
    daemon = host.popen(
        [sys.executable, "-c", COMMON + MAKE, "sleep 1000", "/run/box", sandbox],
        stdout=subprocess.PIPE,
    )
    assert daemon.stdout is not None
    assert daemon.stdout.readline() == "now\n"

    time.sleep(milliseconds / 1000 * PACE)
    daemon.kill()
    daemon.wait(timeout=10)

    assert json.loads(host.python(COMMON + SWEEP).out) == []
    time.sleep(0.2)  # nothing comes late
    mine = f"[{sandbox[0]}]{sandbox[1:]}"  # which does not match itself
    assert host.sh(f"grep -al '{mine}' /proc/[0-9]*/cmdline || true").out == ""
    assert host.sh("find /run/seaway /var/lib/seaway-test -mindepth 2").out == ""
    assert host.sh(f"find /sys/fs/cgroup -maxdepth 2 -name '*{sandbox}'").out == ""
