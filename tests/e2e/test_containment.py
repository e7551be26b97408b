"""What a process in a sandbox, root included, sees of the host, and what it may do to it."""

from __future__ import annotations

from pathlib import PurePosixPath

from bed.daemon import Daemon
from bed.spot import Result

DOCKERS_14 = [
    "cap_audit_write",
    "cap_chown",
    "cap_dac_override",
    "cap_fowner",
    "cap_fsetid",
    "cap_kill",
    "cap_mknod",
    "cap_net_bind_service",
    "cap_net_raw",
    "cap_setfcap",
    "cap_setgid",
    "cap_setpcap",
    "cap_setuid",
    "cap_sys_chroot",
]
NUMBERS = {
    0: "cap_chown", 1: "cap_dac_override", 3: "cap_fowner", 4: "cap_fsetid", 5: "cap_kill",
    6: "cap_setgid", 7: "cap_setuid", 8: "cap_setpcap", 10: "cap_net_bind_service",
    13: "cap_net_raw", 18: "cap_sys_chroot", 27: "cap_mknod", 29: "cap_audit_write",
    31: "cap_setfcap",
}  # fmt: skip
"""linux/capability.h."""


def sh(daemon: Daemon, script: str, *flags: str) -> Result:
    """Run a shell script as root in a sandbox."""
    return daemon.seaway("run", "--rm", *flags, "sh", "-c", script, check=False)


def python(daemon: Daemon, code: str, *flags: str) -> Result:
    """Run Python code as root in a sandbox."""
    return daemon.seaway("run", "--rm", *flags, "python3", "-c", code, check=False)


def test_no_path_leads_to_the_daemon(daemon: Daemon) -> None:
    daemon.seaway("run", "-d", "--name", "other", "-p", "80:80", "sleep", "60")

    found = sh(
        daemon,
        "find / \\( -path /proc -o -path /sys \\) -prune -o -type s -print;"
        "ls -A /run; grep -c . /proc/net/unix",
    )

    assert found.out == "1\n"  # no socket, an empty /run, the heading of /proc/net/unix


def test_directories_of_the_daemon_in_a_place_that_is_seen_are_empty(
    stopped_daemon: Daemon,
) -> None:
    stopped_daemon.host.sh("mount -t tmpfs -o mode=755 tmpfs /var/lib")
    stopped_daemon.options = ("--data-dir", "/var/lib/seaway", "--run-dir", "/var/lib/seaway-run")
    stopped_daemon.start()
    assert list(stopped_daemon.host.path("/var/lib/seaway").iterdir())

    found = sh(
        stopped_daemon, "cd /var/lib; ls; ls -A seaway seaway-run; touch seaway/x seaway-run/x 2>&1"
    )

    assert found.out == (
        "seaway\nseaway-run\nseaway:\n\nseaway-run:\n"
        "touch: cannot touch 'seaway/x': Read-only file system\n"
        "touch: cannot touch 'seaway-run/x': Read-only file system\n"
    )


def test_a_mount_of_all_of_the_host_shows_nothing_of_the_daemon(daemon: Daemon) -> None:
    found = sh(
        daemon,
        "ls -A /seen/run/seaway /seen/run/seaway-data; ls /all/run/seaway; ls /all/run/seaway-data; true",
        "-v", "/run:/seen/run", "-v", "/:/all:ro",
    )  # fmt: skip

    words = found.out.split()
    assert [w for w in words if w.endswith((".sock", ".db", ".sqlite")) or w == "netns"] == []
    assert [w for w in words if not w.endswith(":")] == []


def test_a_part_of_the_daemons_own_cannot_be_mounted(daemon: Daemon) -> None:
    for path in ("/run/seaway", "/run/seaway/seaway.sock", "/run/seaway-data"):
        refused = daemon.seaway("run", "--rm", "-v", f"{path}:/x", "true", check=False)
        assert (refused.code, "is Seaway's own and cannot be mounted" in refused.err) == (125, True)


def test_namespaces_of_others_are_not_reachable(daemon: Daemon) -> None:
    daemon.seaway("run", "-d", "--name", "other", "sleep", "60")

    seen = sh(
        daemon,
        "ls /proc | grep -c '^[0-9]'; grep -c nsfs /proc/self/mountinfo;"
        "readlink /proc/1/ns/net; readlink /proc/self/ns/net",
    ).out.splitlines()

    assert int(seen[0]) <= 4  # the shell, ls, grep
    assert seen[1] == "0"
    assert seen[2] == seen[3]


def test_files_of_the_host_cannot_be_written(daemon: Daemon) -> None:
    for place in ("/etc", "/usr", "/var/tmp", "/root", "/sys", "/proc/sys/kernel", "/"):
        found = sh(daemon, f"echo x >{place}/seaway-was-here")
        assert found.code != 0, place
    assert not daemon.host.path("/etc/seaway-was-here").exists()
    assert sh(daemon, "echo 1 >/proc/sys/net/ipv4/ip_forward").code != 0
    assert sh(daemon, "echo h >/proc/sysrq-trigger").code != 0


def test_run_tmp_and_dev_are_the_sandboxs_own(daemon: Daemon) -> None:
    daemon.host.sh("touch /run/of-the-host")

    found = sh(
        daemon,
        "touch /run/mine /tmp/mine /dev/shm/mine && ls -A /run /tmp; ls /dev | tr '\\n' ' '",
    )

    assert found.out == (
        "/run:\nmine\n\n/tmp:\nmine\n"
        "fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero "
    )
    assert not daemon.host.path("/run/mine").exists()


def test_the_capabilities_are_dockers(daemon: Daemon) -> None:
    lines = sh(daemon, "grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status").out.splitlines()
    facts = dict(line.split(":\t") for line in lines)

    mask = int(facts["CapBnd"], 16)
    assert sorted(NUMBERS[n] for n in range(64) if mask >> n & 1) == DOCKERS_14
    assert facts == {
        "CapInh": "0000000000000000",
        "CapPrm": "00000000a80425fb",
        "CapEff": "00000000a80425fb",
        "CapBnd": "00000000a80425fb",
        "CapAmb": "0000000000000000",
        "NoNewPrivs": "1",
        "Seccomp": "2",
    }


def test_a_further_process_is_contained_as_the_first(daemon: Daemon) -> None:
    daemon.seaway("run", "-d", "--name", "web", "sleep", "60")

    found = daemon.seaway(
        "exec", "web", "sh", "-c",
        "grep -E '^(CapEff|NoNewPrivs|Seccomp:)' /proc/self/status; ls -A /run; unshare -n true 2>&1",
        check=False,
    )  # fmt: skip

    assert found.out == (
        "CapEff:\t00000000a80425fb\nNoNewPrivs:\t1\nSeccomp:\t2\n"
        "unshare: unshare failed: Operation not permitted\n"
    )


def test_another_user_has_no_capabilities_and_gets_none_by_setuid(daemon: Daemon) -> None:
    found = sh(
        daemon,
        "grep CapEff /proc/self/status; ls -l /bin/su | cut -c4; su root -c id 2>&1",
        "-u",
        "nobody",
    )

    assert found.out.startswith("CapEff:\t0000000000000000\n")
    assert "uid=0" not in found.out


REFUSED = (
    "mount -t tmpfs none /tmp",
    "mount --bind /etc /tmp",
    "mount -o remount,rw /usr",
    "umount /etc/hosts",
    "unshare -n true",
    "unshare -U true",
    "unshare -m true",
    "nsenter -t 1 -n true",
    "ip link add x type dummy",
    "ip link set eth0 down",
    "ip address add 203.0.113.1/24 dev eth0",
    "ip route del default",
    "nft list ruleset",
    "nft flush ruleset",
    "mknod /tmp/disk b 8 0 && head -c1 /tmp/disk",
    "date -s 12:00",
    "hostname other",
    "sysctl -w net.ipv4.ip_forward=1",
    "dmesg",
    "reboot -f",
)


def test_what_would_change_the_host_or_the_network_is_refused(daemon: Daemon) -> None:
    tries = "\n".join(f"({script}) >/dev/null 2>&1 && echo '{script}'" for script in REFUSED)

    done = sh(daemon, f"{tries}\necho end")

    assert done.out == "end\n"


def test_calls_behind_the_commands_are_refused(daemon: Daemon) -> None:
    code = (
        "import ctypes, os\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "def tried(name, *args):\n"
        "    print(name, libc.syscall(*args), os.strerror(ctypes.get_errno()))\n"
        "fd = os.open('/proc/self/ns/net', os.O_RDONLY)\n"
        "tried('setns', 308, fd, 0x40000000)\n"
        "tried('unshare user', 272, 0x10000000)\n"
        "tried('bpf', 321, 0, 0, 0)\n"
        "tried('keyctl', 250, 0, 0)\n"
        "tried('open_by_handle_at', 304, 0, 0, 0)\n"
        "tried('kexec_load', 246, 0, 0, 0, 0)\n"
        "tried('init_module', 175, 0, 0, 0)\n"
        "tried('clone3', 435, 0, 0)\n"
    )

    assert python(daemon, code).out == (
        "setns -1 Operation not permitted\n"
        "unshare user -1 Operation not permitted\n"
        "bpf -1 Operation not permitted\n"
        "keyctl -1 Operation not permitted\n"
        "open_by_handle_at -1 Operation not permitted\n"
        "kexec_load -1 Operation not permitted\n"
        "init_module -1 Operation not permitted\n"
        "clone3 -1 Function not implemented\n"
    )


def test_kernel_secrets_are_masked(daemon: Daemon) -> None:
    found = sh(
        daemon,
        "for f in kcore keys timer_list sched_debug; do"
        " [ ! -e /proc/$f ] || wc -c </proc/$f; done; ls -A /sys/firmware /proc/acpi 2>/dev/null"
        " | grep -v :",
    )

    assert set(found.out.split()) == {"0"}


def test_processes_of_the_host_are_neither_seen_nor_signalled(daemon: Daemon) -> None:
    found = sh(
        daemon, f"cat /proc/{daemon.pid}/cmdline 2>&1; kill -0 {daemon.pid} 2>&1; ps -e | wc -l"
    )

    assert "seaway" not in found.out
    assert int(found.out.split()[-1]) <= 5


def test_on_the_hosts_network_it_is_contained_all_the_same(daemon: Daemon) -> None:
    found = sh(
        daemon,
        "ip link add x type dummy 2>&1; nft list ruleset 2>&1; ls /run; find / -name seaway.sock 2>/dev/null;"
        "echo 1 2>&1 >/proc/sys/net/ipv4/ip_forward; true",
        "--network", "host",
    )  # fmt: skip

    assert "table inet seaway" not in found.out
    assert "seaway.sock" not in found.out
    assert "not permitted" in found.out


def test_no_abstract_socket_leads_to_the_daemon(daemon: Daemon) -> None:
    code = (
        "import socket\n"
        "for line in open('/proc/net/unix').read().splitlines()[1:]:\n"
        "    name = line.split()[7:]\n"
        "    if name and name[0].startswith('@'):\n"
        "        with socket.socket(socket.AF_UNIX, int(line.split()[4])) as sock:\n"
        "            try:\n"
        "                sock.connect(chr(0) + name[0][1:])\n"
        "                print('open', name[0])\n"
        "            except OSError:\n"
        "                pass\n"
    )

    assert python(daemon, code, "--network", "host").out == ""


def test_the_daemon_cannot_be_reached_by_a_copied_file_descriptor(daemon: Daemon) -> None:
    found = sh(daemon, "ls -l /proc/self/fd /proc/1/fd | grep -v pipe: | grep -e '->'")

    leading = {line.partition(" -> ")[2] for line in found.out.splitlines()}
    assert {path for path in leading if not path.startswith(("/proc/", "/dev/null"))} <= {
        "/dev/null"
    }


def test_a_socket_that_a_restart_made_visible_answers_nobody_inside(
    stopped_daemon: Daemon,
) -> None:
    stopped_daemon.host.sh("mount -t tmpfs -o mode=755 tmpfs /media")
    stopped_daemon.socket = PurePosixPath("/media/api.sock")
    stopped_daemon.start()
    stopped_daemon.seaway("run", "-d", "--name", "box", "sleep", "60")
    code = (
        "import socket\n"
        "with socket.socket(socket.AF_UNIX) as sock:\n"
        "    sock.connect('/media/api.sock')\n"
        "    sock.sendall(b'GET /networks HTTP/1.0\\r\\nHost: x\\r\\n\\r\\n')\n"
        "    print(b''.join(iter(lambda: sock.recv(9999), b'')).decode())\n"
    )

    stopped_daemon.restart()
    found = stopped_daemon.seaway("exec", "box", "python3", "-c", code)

    assert found.out.startswith("HTTP/1.0 403 Forbidden\n")
    assert "the API is not for processes inside sandboxes" in found.out
    assert "Subnet" not in found.out
    assert stopped_daemon.seaway("network", "ls").code == 0
