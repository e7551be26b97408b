"""A sandbox's process as an OCI container."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from seaway.model.errors import InvalidRequest
from seaway.model.sandbox import Mount, Process
from seaway.plan import oci
from seaway.plan.oci import Container, HostRoot, OwnFile
from seaway.plan.oci_root import Entry, EntryKind, HostMount, Layer
from seaway.plan.oci_user import Account

ROOT = HostMount(id=1, parent=0, device="254:0", root="/", path="/", kind="ext4")
RUN = HostMount(id=2, parent=1, device="0:30", root="/", path="/run", kind="tmpfs")
BOX = Container(
    id="c0ffee",
    process=Process(args=("sh",)),
    account=Account(),
    hostname="box",
    netns="/run/seaway/netns/box",
    root="/run/seaway/bundles/c0ffee/rootfs",
    host=HostRoot(
        entries=(
            Entry(name="bin", kind=EntryKind.LINK, target="usr/bin"),
            Entry(name="etc", kind=EntryKind.DIRECTORY),
            Entry(name="proc", kind=EntryKind.DIRECTORY),
            Entry(name="usr", kind=EntryKind.DIRECTORY),
        )
    ),
    mounts=(ROOT, RUN),
    files=(OwnFile(source="/run/seaway/bundles/c0ffee/hosts", target="/etc/hosts"),),
    hidden=("/run/seaway", "/var/lib/seaway"),
    machine="x86_64",
    unified_cgroups=True,
)


def of(container: Container) -> dict[str, Any]:
    return cast("dict[str, Any]", oci.config(container))


def targets(container: Container) -> list[str]:
    return [mount["destination"] for mount in of(container)["mounts"]]


def covered(container: Container) -> list[str]:
    """What is masked on top of Docker's own list."""
    masked: list[str] = of(container)["linux"]["maskedPaths"]
    return masked[masked.index("/sys/firmware") + 1 :]


def mount_at(container: Container, target: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = of(container)["mounts"]
    return next(m for m in found if m["destination"] == target)


def test_the_hosts_root_is_read_only_and_its_own_files_come_over_it() -> None:
    assert of(BOX)["root"] == {"path": "/run/seaway/bundles/c0ffee/rootfs", "readonly": True}
    assert targets(BOX) == [
        "/etc",
        "/usr",
        "/proc",
        "/dev",
        "/dev/pts",
        "/dev/shm",
        "/dev/mqueue",
        "/sys",
        "/sys/fs/cgroup",
        "/run",
        "/tmp",
        "/etc/hosts",
    ]
    assert mount_at(BOX, "/usr") == {
        "destination": "/usr",
        "type": "bind",
        "source": "/usr",
        "options": ["bind", "ro", "nosuid", "nodev", "private"],
    }
    assert mount_at(BOX, "/etc/hosts")["options"] == ["bind", "private", "ro"]


def test_a_root_of_ones_own_is_writable_and_sees_nothing_of_the_host() -> None:
    own = replace(BOX, host=None, root="/srv/root")

    assert of(own)["root"] == {"path": "/srv/root", "readonly": False}
    assert targets(own)[-1] == "/etc/hosts"
    assert "/usr" not in targets(own)
    assert mount_at(own, "/etc/hosts")["options"] == ["bind", "private", "rw"]


def test_the_daemons_directories_are_covered_wherever_a_mount_shows_them() -> None:
    process = Process(args=("sh",), mounts=(Mount(source="/var", target="/host/var"),))

    assert covered(BOX) == ["/var/lib/seaway"]
    assert covered(replace(BOX, process=process)) == ["/host/var/lib/seaway", "/var/lib/seaway"]
    assert covered(replace(BOX, host=None, root="/var")) == ["/lib/seaway"]
    assert covered(replace(BOX, host=None, root="/srv")) == []


def test_a_mount_of_the_daemons_own_files_is_refused() -> None:
    process = Process(args=("sh",), mounts=(Mount(source="/run/seaway/x", target="/x"),))

    with pytest.raises(InvalidRequest, match="/run/seaway/x is Seaway's own and cannot be mounted"):
        oci.config(replace(BOX, process=process))


def test_a_users_mount_takes_the_place_of_our_file_and_outer_ones_come_first() -> None:
    mounts = (
        Mount(source="/a", target="/data/deep"),
        Mount(source="/b", target="/data", read_only=True),
        Mount(source="/c", target="/etc/hosts"),
    )
    box = replace(BOX, process=Process(args=("sh",), mounts=mounts))

    assert targets(box)[-3:] == ["/data", "/data/deep", "/etc/hosts"]
    assert mount_at(box, "/etc/hosts")["source"] == "/c"
    assert mount_at(box, "/data")["options"] == ["rbind", "rprivate", "ro", "rro"]
    assert mount_at(box, "/data/deep")["options"] == ["rbind", "rprivate", "rw"]


def test_missing_mount_points_come_by_an_overlay() -> None:
    host = replace(cast("HostRoot", BOX.host), layers=(Layer(path="/etc", source="/run/l:0"),))

    assert mount_at(replace(BOX, host=host), "/etc") == {
        "destination": "/etc",
        "type": "overlay",
        "source": "overlay",
        "options": ["lowerdir=/run/l\\:0:/etc", "ro", "nosuid", "nodev"],
    }


def test_a_sandbox_without_a_network_namespace_uses_the_hosts() -> None:
    linux = of(replace(BOX, netns=None))["linux"]

    assert [n["type"] for n in linux["namespaces"]] == ["pid", "ipc", "uts", "mount", "cgroup"]
    assert "sysctl" not in linux
    assert of(BOX)["linux"]["namespaces"][-1] == {
        "type": "network",
        "path": "/run/seaway/netns/box",
    }


def test_each_container_has_a_cgroup_and_only_the_usual_devices() -> None:
    linux = of(BOX)["linux"]

    assert linux["cgroupsPath"] == "/seaway-c0ffee"
    assert linux["resources"] == {"devices": [{"allow": False, "access": "rwm"}]}


def test_root_has_dockers_capabilities_and_others_have_them_as_a_bound_only() -> None:
    root = of(BOX)["process"]
    other = of(replace(BOX, account=Account(uid=7, gid=8, groups=(9,), home="/home/x")))["process"]

    assert len(root["capabilities"]["effective"]) == 14
    assert root["noNewPrivileges"] is True
    assert other["user"] == {"uid": 7, "gid": 8, "additionalGids": [8, 9]}
    assert other["capabilities"]["effective"] == []
    assert other["capabilities"]["bounding"] == root["capabilities"]["bounding"]


@pytest.mark.parametrize(
    ("add", "drop", "given"),
    [
        ((), ("all",), ()),
        (("net_admin",), ("ALL",), ("CAP_NET_ADMIN",)),
        (("CAP_NET_RAW",), ("cap_net_raw", "ALL"), ("CAP_NET_RAW",)),
        (("ALL",), (), oci.ALL_CAPABILITIES),
        (("ALL",), ("ALL",), oci.ALL_CAPABILITIES),
    ],
)
def test_capabilities_are_added_and_dropped_as_docker_does(
    add: tuple[str, ...], drop: tuple[str, ...], given: tuple[str, ...]
) -> None:
    assert oci.capabilities(add, drop) == given


def test_one_capability_more_and_one_less() -> None:
    given = oci.capabilities(["SYS_TIME"], ["mknod"])

    assert set(given) == {*oci.DEFAULT_CAPABILITIES, "CAP_SYS_TIME"} - {"CAP_MKNOD"}


def test_all_capabilities_without_one() -> None:
    assert set(oci.ALL_CAPABILITIES) - set(oci.capabilities(["ALL"], ["SYS_ADMIN"])) == {
        "CAP_SYS_ADMIN"
    }


def test_an_unknown_capability_is_refused() -> None:
    with pytest.raises(InvalidRequest, match='unknown capability: "NOSUCH"'):
        oci.capabilities(["NOSUCH"], [])


def test_the_environment_has_defaults_that_can_be_changed_and_taken_away() -> None:
    account = Account(home="/root")
    plain = Process(args=("sh",))

    assert oci.environment(plain, account, "box") == (
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOSTNAME=box",
        "HOME=/root",
    )
    asked = replace(plain, tty=True, env=("PATH=/bin", "A=b=c", "HOSTNAME"))
    assert oci.environment(asked, account, "box") == (
        "PATH=/bin",
        "TERM=xterm",
        "HOME=/root",
        "A=b=c",
    )


def test_a_process_needs_a_command_and_a_full_working_directory() -> None:
    with pytest.raises(InvalidRequest, match="no command specified"):
        oci.process(Process(args=()), Account(), "box")
    with pytest.raises(InvalidRequest, match="needs to be an absolute path"):
        oci.process(Process(args=("sh",), cwd="tmp"), Account(), "box")


def test_a_command_that_is_no_path_is_refused_before_a_runtime_chokes_on_it() -> None:
    """It stands in runc's complaint, which conmon does not read before runc has ended."""
    with pytest.raises(InvalidRequest, match=r"invalid command 'é+…': a path has less than 4096"):
        oci.process(Process(args=("é" * 2048,)), Account(), "box")
    oci.process(Process(args=("a" * 4095, "b" * 5000)), Account(), "box")


def rules(*capabilities: str, machine: str = "x86_64") -> dict[str, Any]:
    container = replace(
        BOX, machine=machine, process=Process(args=("sh",), cap_drop=("ALL",), cap_add=capabilities)
    )
    seccomp: dict[str, Any] = of(container)["linux"]["seccomp"]
    return seccomp


def test_calls_are_refused_but_for_the_list() -> None:
    seccomp = rules()
    allowed = seccomp["syscalls"][0]["names"]

    assert (seccomp["defaultAction"], seccomp["defaultErrnoRet"]) == ("SCMP_ACT_ERRNO", 1)
    assert seccomp["architectures"] == ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]
    assert {"openat", "execve", "ptrace", "arch_prctl", "futex_wait"} <= set(allowed)
    refused = {"mount", "setns", "unshare", "keyctl", "add_key", "io_uring_setup", "bpf", "chroot"}
    assert refused.isdisjoint(allowed)
    assert {"clone", "clone3", "socket", "personality"}.isdisjoint(allowed)


def test_new_namespaces_are_refused_without_sys_admin() -> None:
    by_name = {rule["names"][0]: rule for rule in rules()["syscalls"][1:]}

    assert by_name["clone"]["args"] == [
        {"index": 0, "value": 0x7E020000, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}
    ]
    assert by_name["clone3"] == {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38}


def test_a_capability_brings_its_calls() -> None:
    assert "chroot" in rules("SYS_CHROOT")["syscalls"][0]["names"]
    admin = rules("SYS_ADMIN")["syscalls"]
    assert {"mount", "clone", "clone3", "setns"} <= set(admin[0]["names"])
    assert [rule["names"] for rule in admin if rule["names"] == ["clone3"]] == []


def test_other_machines_have_other_calls_and_unknown_ones_no_list() -> None:
    assert rules(machine="aarch64")["architectures"] == ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]
    assert "modify_ldt" not in rules(machine="aarch64")["syscalls"][0]["names"]
    assert "seccomp" not in of(replace(BOX, machine="vax"))["linux"]


def test_a_terminal_has_its_size_from_the_first_moment_on() -> None:
    process = Process(args=("sh",), tty=True, console_size=(33, 99))

    assert of(replace(BOX, process=process))["process"]["consoleSize"] == {
        "height": 33,
        "width": 99,
    }
    assert "consoleSize" not in of(replace(BOX, process=replace(process, tty=False)))["process"]
