"""A sandbox's process as an OCI container: the text of its ``config.json``, as plain values.

Source: opencontainers/runtime-spec 1.0.2, config.md and config-linux.md. What Docker does by
default (capabilities, masked paths, devices, mounts) is what users expect: it is done here too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from seaway.model.errors import InvalidRequest
from seaway.model.ids import shown
from seaway.model.sandbox import Mount, Process
from seaway.plan import oci_root, oci_seccomp
from seaway.plan.oci_root import Entry, HostMount, Layer, Seen
from seaway.plan.oci_user import Account

Json = None | bool | int | str | Sequence["Json"] | dict[str, "Json"]

VERSION = "1.0.2"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
OWN_FILES = ("/etc/hosts", "/etc/resolv.conf", "/etc/hostname")
"""The files that each sandbox has for itself."""

_DEFAULT_NAMES = """
AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE NET_RAW SETFCAP SETGID
SETPCAP SETUID SYS_CHROOT
"""
_ALL_NAMES = """
AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND BPF CHECKPOINT_RESTORE CHOWN DAC_OVERRIDE
DAC_READ_SEARCH FOWNER FSETID IPC_LOCK IPC_OWNER KILL LEASE LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE
MKNOD NET_ADMIN NET_BIND_SERVICE NET_BROADCAST NET_RAW PERFMON SETFCAP SETGID SETPCAP SETUID SYSLOG
SYS_ADMIN SYS_BOOT SYS_CHROOT SYS_MODULE SYS_NICE SYS_PACCT SYS_PTRACE SYS_RAWIO SYS_RESOURCE
SYS_TIME SYS_TTY_CONFIG WAKE_ALARM
"""
DEFAULT_CAPABILITIES = tuple(f"CAP_{name}" for name in _DEFAULT_NAMES.split())
"""The 14 that Docker leaves a container."""
ALL_CAPABILITIES = tuple(f"CAP_{name}" for name in _ALL_NAMES.split())
"""All that Linux has (linux/capability.h, up to 40)."""

_MASKED = (
    "/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys",
    "/proc/latency_stats", "/proc/sched_debug", "/proc/scsi", "/proc/timer_list",
    "/proc/timer_stats", "/sys/devices/virtual/powercap", "/sys/firmware",
)  # fmt: skip
_READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
_PATH_LIMIT = 4096
"""Bytes of a path, with the zero at its end (PATH_MAX in linux/limits.h)."""
_QUIET = ("nosuid", "noexec", "nodev")


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnFile:
    """A file of the sandbox's own: *source* on the host, seen at *target*, which has no links."""

    source: str
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRoot:
    """The host's file system is the root inside, read-only."""

    entries: tuple[Entry, ...]
    """What stands in the host's ``/``."""
    layers: tuple[Layer, ...] = ()
    """Mount points that the host lacks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """All facts that decide about a container."""

    id: str
    process: Process
    """Its mounts without links: sources as the host sees them, targets as the inside does."""
    account: Account
    hostname: str
    netns: str | None
    """Path of the network namespace; None: the host's."""
    root: str
    """The directory that is the root, by its full path; with *host* it has mount points only."""
    host: HostRoot | None = None
    """None: *root* is a root file system of the user's own, writable."""
    mounts: tuple[HostMount, ...]
    """Those of the host."""
    files: tuple[OwnFile, ...]
    hidden: tuple[str, ...]
    """Directories and files of the host that are never seen inside, without links."""
    machine: str
    """As uname(2) says: ``x86_64``."""
    unified_cgroups: bool
    """Whether the host has cgroup v2 alone."""


def cgroup(container: str) -> str:
    """The name of a container's cgroup, which stands beside the others.

    There is none above it: that would be left behind by the last, or taken from under the next.
    """
    return f"seaway-{container}"


def config(container: Container) -> dict[str, Json]:
    """The configuration of *container*; raises InvalidRequest."""
    return {
        "ociVersion": VERSION,
        "process": process(container.process, container.account, container.hostname),
        "root": {"path": container.root, "readonly": container.host is not None},
        "hostname": container.hostname,
        "mounts": _mounts(container),
        "linux": _linux(container),
    }


def process(wanted: Process, account: Account, hostname: str) -> dict[str, Json]:
    """The ``process`` of a configuration, or of a further process; raises InvalidRequest."""
    if not wanted.args:
        raise InvalidRequest("no command specified")
    if len(wanted.args[0].encode()) >= _PATH_LIMIT:
        raise InvalidRequest(
            f"invalid command {shown(wanted.args[0])!r}: a path has less than {_PATH_LIMIT} bytes"
        )
    if not wanted.cwd.startswith("/"):
        raise InvalidRequest(
            f"the working directory '{wanted.cwd}' is invalid: it needs to be an absolute path"
        )
    return {
        "terminal": wanted.tty,
        **_console_size(wanted),
        "user": {
            "uid": account.uid,
            "gid": account.gid,
            "additionalGids": sorted({account.gid, *account.groups}),
        },
        "args": list(wanted.args),
        "env": list(environment(wanted, account, hostname)),
        "cwd": wanted.cwd,
        "capabilities": _capability_sets(wanted, account),
        "noNewPrivileges": True,
    }


def _console_size(wanted: Process) -> dict[str, Json]:
    if not wanted.tty or wanted.console_size is None:
        return {}
    height, width = wanted.console_size
    return {"consoleSize": {"height": height, "width": width}}


def environment(wanted: Process, account: Account, hostname: str) -> tuple[str, ...]:
    """The defaults (PATH, HOSTNAME, TERM with a terminal, HOME) and what was asked for, which wins.

    A name without ``=`` takes its default away.
    """
    values = {"PATH": PATH, "HOSTNAME": hostname}
    if wanted.tty:
        values["TERM"] = "xterm"
    values["HOME"] = account.home
    for item in wanted.env:
        name, equals, value = item.partition("=")
        if "\0" in item or not name:
            raise InvalidRequest(f"invalid environment variable: {item!r}")
        if equals:
            values[name] = value
        else:
            values.pop(name, None)
    return tuple(f"{name}={value}" for name, value in values.items())


def capabilities(add: Iterable[str], drop: Iterable[str]) -> tuple[str, ...]:
    """Docker's default ones, with *add* and without *drop*; raises InvalidRequest.

    Any case, with or without ``CAP_``; ``ALL`` is all. As with Docker, what is added by name stays
    when ALL are dropped, and what is dropped by name goes when ALL are added; else dropping wins.
    """
    added, dropped = [_capability(n) for n in add], [_capability(n) for n in drop]
    if "ALL" in dropped:
        kept = set(added) - {"ALL"} if "ALL" not in added else set(ALL_CAPABILITIES) - set(dropped)
    elif "ALL" in added:
        kept = set(ALL_CAPABILITIES) - set(dropped)
    else:
        kept = (set(DEFAULT_CAPABILITIES) | set(added)) - set(dropped)
    return tuple(name for name in ALL_CAPABILITIES if name in kept)


def _capability(text: str) -> str:
    name = text.upper()
    if name in {"ALL", "CAP_ALL"}:
        return "ALL"
    name = name if name.startswith("CAP_") else f"CAP_{name}"
    if name not in ALL_CAPABILITIES:
        raise InvalidRequest(f'invalid capability: unknown capability: "{text}"')
    return name


def _capability_sets(wanted: Process, account: Account) -> Json:
    """What a user other than root may have at most; root has all of it, as execve(2) would give."""
    names = list(capabilities(wanted.cap_add, wanted.cap_drop))
    used: list[str] = names if account.uid == 0 else []
    return {"bounding": names, "effective": used, "permitted": used}


def _mounts(container: Container) -> list[Json]:
    wanted = sorted(container.process.mounts, key=lambda m: (m.target.count("/"), m.target))
    targets = {m.target for m in wanted}
    files = [f for f in container.files if f.target not in targets]
    host = container.host
    return [
        *(oci_root.root_binds(host.entries, container.mounts, host.layers) if host else ()),
        *_kernel_mounts(container.unified_cgroups),
        *((_tmpfs("/run", "mode=755"), _tmpfs("/tmp", "mode=1777")) if host else ()),
        *(_own_file(f, read_only=host is not None) for f in files),
        *(_asked(m) for m in wanted),
    ]


def _covered(container: Container) -> tuple[str, ...]:
    """Where Seaway's own directories and sockets would be seen: these are masked."""
    places = {p for path in container.hidden for p in oci_root.places(container.mounts, path)}
    asked = [Seen(source=m.source, target=m.target) for m in container.process.mounts]
    by_mounts = oci_root.hidden_targets(asked, places)
    if container.host is None:
        own_root = Seen(source=container.root, target="/")
        return tuple(sorted({*by_mounts, *oci_root.hidden_targets([own_root], places)}))
    shown = oci_root.shown_mounts(container.mounts)
    by_root = [
        path
        for path in places
        if not any(oci_root.inside(path, own) for own in oci_root.OWN)
        and oci_root.home_of(path, container.mounts) in shown
    ]
    return tuple(sorted({*by_mounts, *by_root}))


def _kernel_mounts(unified_cgroups: bool) -> list[Json]:
    """What Docker mounts; cgroup v1 would be a mount for each controller, and is left out."""
    mounts = [
        _mount("/proc", "proc", "proc", *_QUIET),
        _mount("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
        _mount(
            "/dev/pts",
            "devpts",
            "devpts",
            "nosuid",
            "noexec",
            "newinstance",
            "ptmxmode=0666",
            "mode=0620",
            "gid=5",
        ),
        _mount("/dev/shm", "tmpfs", "shm", *_QUIET, "mode=1777", "size=65536k"),
        _mount("/dev/mqueue", "mqueue", "mqueue", *_QUIET),
        _mount("/sys", "sysfs", "sysfs", *_QUIET, "ro"),
    ]
    if unified_cgroups:
        mounts.append(_mount("/sys/fs/cgroup", "cgroup", "cgroup", *_QUIET, "relatime", "ro"))
    return mounts


def _mount(target: str, kind: str, source: str, *options: str) -> Json:
    return {"destination": target, "type": kind, "source": source, "options": list(options)}


def _tmpfs(target: str, *options: str) -> Json:
    return _mount(target, "tmpfs", "tmpfs", "nosuid", "nodev", *options)


def _own_file(file: OwnFile, *, read_only: bool) -> Json:
    return _mount(file.target, "bind", file.source, "bind", "private", "ro" if read_only else "rw")


def _asked(mount: Mount) -> Json:
    kind = ("ro", "rro") if mount.read_only else ("rw",)  # rro: what is mounted below it too
    return _mount(mount.target, "bind", mount.source, "rbind", "rprivate", *kind)


def _linux(container: Container) -> Json:
    kinds = ["pid", "ipc", "uts", "mount", "cgroup"]
    namespaces: list[Json] = [{"type": kind} for kind in kinds]
    linux: dict[str, Json] = {
        "cgroupsPath": f"/{cgroup(container.id)}",
        "resources": {"devices": [{"allow": False, "access": "rwm"}]},
        "maskedPaths": [*_MASKED, *_covered(container)],
        "readonlyPaths": list(_READ_ONLY),
        "rootfsPropagation": "rprivate",
    }
    if container.netns is not None:
        namespaces.append({"type": "network", "path": container.netns})
        linux["sysctl"] = {
            "net.ipv4.ip_unprivileged_port_start": "0",
            "net.ipv4.ping_group_range": "0 2147483647",
        }
    linux["namespaces"] = namespaces
    names = capabilities(container.process.cap_add, container.process.cap_drop)
    seccomp = oci_seccomp.filter_for(names, container.machine)
    return linux if seccomp is None else {**linux, "seccomp": seccomp}
