"""The files of one container: where they are, and how they are made.

Under the run directory, gone with a reboot: the bundle (configuration, mount points, the sandbox's
own /etc files, conmon's sockets). Under the data directory: the log and the exit status.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from seaway.contracts import Launch
from seaway.model.errors import InvalidRequest
from seaway.model.ids import SandboxId
from seaway.model.sandbox import Mount, Process
from seaway.plan import oci, oci_root, oci_user
from seaway.plan.oci import Container, HostRoot, OwnFile
from seaway.plan.oci_root import Entry, EntryKind, Layer

_LINK_LIMIT = 40
"""As in Linux (MAXSYMLINKS)."""
_UNIFIED = Path("/sys/fs/cgroup/cgroup.controllers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the files of one container are."""

    id: SandboxId
    bundle: Path
    kept: Path
    """The part that outlives a reboot."""

    @property
    def log(self) -> Path:
        return self.kept / "log"

    @property
    def exit_dir(self) -> Path:
        return self.kept / "exit"

    @property
    def config(self) -> Path:
        return self.bundle / "config.json"

    @property
    def launched(self) -> Path:
        return self.bundle / "launched.json"

    @property
    def pid_file(self) -> Path:
        return self.bundle / "pid"

    def own_file(self, target: str) -> Path:
        """The sandbox's own copy of ``/etc/hosts`` and the like."""
        return self.bundle / target.rpartition("/")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Launched:
    """What must be known of a container later, by whichever daemon."""

    process: Process
    hostname: str
    program: str
    """The OCI runtime that made it."""


def make(launch: Launch, place: Place, hidden: Sequence[Path], program: str) -> None:
    """Make the bundle of *launch* in *place*; raises InvalidRequest."""
    place.bundle.mkdir(mode=0o700, parents=True)
    place.exit_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    texts = (launch.hosts, launch.resolv_conf, launch.hostname + "\n")
    for target, text in zip(oci.OWN_FILES, texts, strict=True):
        place.own_file(target).write_text(text)
        place.own_file(target).chmod(0o644)
    container = _container(launch, place, hidden)
    place.config.write_bytes(msgspec.json.encode(oci.config(container)))
    kept = Launched(process=launch.process, hostname=launch.hostname, program=program)
    place.launched.write_bytes(msgspec.json.encode(kept))


def launched(place: Place) -> Launched | None:
    """What was launched in *place*; None when nothing was, or not to its end."""
    try:
        return msgspec.json.decode(place.launched.read_bytes(), type=Launched)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def further_process(place: Place, process: Process) -> bytes | None:
    """The specification of a further *process*: what it leaves open is as with the first one."""
    first = launched(place)
    if first is None:
        return None
    whole = replace(
        process,
        env=(*first.process.env, *process.env),
        user=process.user or first.process.user,
        cap_add=first.process.cap_add,
        cap_drop=first.process.cap_drop,
    )
    account = _account(whole.user, first.process.rootfs or "/")
    return msgspec.json.encode(oci.process(whole, account, first.hostname))


def _container(launch: Launch, place: Place, hidden: Sequence[Path]) -> Container:
    process = launch.process
    own_root = process.rootfs or None
    root = _own_root(process.rootfs) if own_root else "/"
    kept = ("/proc", "/dev") if own_root else oci_root.OWN
    mounts = tuple(_without_links(m, root, kept) for m in process.mounts)
    files = tuple(
        OwnFile(source=str(place.own_file(t)), target=inside_path(root, t, kept))
        for t in oci.OWN_FILES
    )
    host = None if own_root else _host_root(place, mounts, files)
    return Container(
        id=launch.sandbox,
        process=replace(process, mounts=mounts),
        account=_account(process.user, root),
        hostname=launch.hostname,
        netns=None if launch.netns is None else str(launch.netns),
        root=root if own_root else str(place.bundle / "rootfs"),
        host=host,
        mounts=oci_root.host_mounts(
            Path("/proc/self/mountinfo").read_text(errors="surrogateescape")
        ),
        files=files,
        hidden=tuple(sorted({os.path.realpath(path) for path in hidden})),
        machine=os.uname().machine,
        unified_cgroups=_UNIFIED.exists(),
    )


def _own_root(rootfs: str) -> str:
    root = os.path.realpath(rootfs)
    if not rootfs.startswith("/") or not Path(root).is_dir():
        raise InvalidRequest(
            f"the root file system {rootfs} is not a directory, given by its full path"
        )
    if root == "/":
        raise InvalidRequest(
            "the host's own root cannot be --rootfs: leave it out to see it read-only"
        )
    return root


def _without_links(mount: Mount, root: str, own: Iterable[str]) -> Mount:
    if not mount.source.startswith("/"):
        raise InvalidRequest(f"invalid mount source {mount.source}: it must be a full path")
    source = Path(mount.source)
    if not source.exists():
        raise InvalidRequest(
            f'invalid mount config for type "bind": bind source path does not exist: {source}'
        )
    target = inside_path(root, mount.target, own)
    if not mount.target.startswith("/") or target == "/":
        raise InvalidRequest(
            f"invalid mount target {mount.target}: it must be a full path, and not /"
        )
    return replace(mount, source=os.path.realpath(source), target=target)


READ_INSIDE = 1 << 20
"""Bytes of a sandbox's list of users, or of groups."""


def _account(user: str, root: str) -> oci_user.Account:
    passwd, group = (read_inside(root, f"/etc/{name}") for name in ("passwd", "group"))
    return oci_user.account(user, passwd, group)


def read_inside(root: str, path: str) -> str:
    """The text of the file that *path* means inside *root*; empty when it cannot be read.

    What comes after READ_INSIDE is not read: the file is the sandbox's own, and so is its size.
    """
    found = Path(root + inside_path(root, path, ()))
    try:
        if not found.is_file():
            return ""
        with found.open("rb") as file:
            return file.read(READ_INSIDE).decode(errors="replace")
    except OSError:
        return ""


def inside_path(root: str, path: str, own: Iterable[str]) -> str:
    """*path* as it is called inside *root*, links resolved there; what is missing stays as it is.

    Directories of *own* are the sandbox's and not the host's: links inside them are not looked at.
    """
    done: list[str] = []
    left = path.split("/")[::-1]
    links = 0
    while left:
        name = left.pop()
        if name in {"", "."}:
            continue
        if name == "..":
            del done[-1:]
            continue
        here = "/" + "/".join((*done, name))
        target = (
            None if any(oci_root.inside(here, o) for o in own) else _link(root.rstrip("/") + here)
        )
        if target is None:
            done.append(name)
            continue
        links += 1
        if links > _LINK_LIMIT:
            raise InvalidRequest(f"too many symbolic links in {path}")
        done = [] if target.startswith("/") else done
        left += target.split("/")[::-1]
    return "/" + "/".join(done)


def _link(path: str) -> str | None:
    try:
        return os.readlink(path)  # noqa: PTH115 - as it stands, not as a path
    except OSError:
        return None


def _host_root(place: Place, mounts: Sequence[Mount], files: Sequence[OwnFile]) -> HostRoot:
    entries = tuple(_entries())
    rootfs = place.bundle / "rootfs"
    _make(rootfs, is_dir=True)
    for entry in entries:
        if entry.kind is EntryKind.LINK:
            (rootfs / entry.name).symlink_to(entry.target)
        else:
            _make(rootfs / entry.name, is_dir=entry.kind is EntryKind.DIRECTORY)
    for own in oci_root.OWN:
        _make(rootfs / own[1:], is_dir=True)
    wanted = {f.target: False for f in files}
    wanted |= {m.target: Path(m.source).is_dir() for m in mounts}
    return HostRoot(entries=entries, layers=tuple(_points(place, rootfs, wanted)))


def _entries() -> Iterable[Entry]:
    with os.scandir("/") as found:
        for entry in sorted(found, key=lambda e: e.name):
            if not oci_root.is_text(entry.name):
                continue
            if entry.is_symlink():
                target = os.readlink(entry.path)  # noqa: PTH115 - as it stands, not as a path
                yield Entry(name=entry.name, kind=EntryKind.LINK, target=target)
            elif entry.is_dir():
                yield Entry(name=entry.name, kind=EntryKind.DIRECTORY)
            elif entry.is_file():
                yield Entry(name=entry.name, kind=EntryKind.FILE)


def _points(place: Place, rootfs: Path, wanted: dict[str, bool]) -> Iterable[Layer]:
    """Make the mount points *wanted* (path, and whether it is a directory) that the host lacks."""
    layers: dict[str, Layer] = {}
    for path, is_dir in sorted(wanted.items()):
        within_another = any(o != path and oci_root.inside(path, o) for o in wanted)
        if within_another or any(oci_root.inside(path, own) for own in oci_root.OWN):
            continue
        if Path(path).exists():
            _check_kind(path, is_dir)
            continue
        base = next(p for p in oci_root.ancestors(path) if Path(p).is_dir())
        if base == "/":
            _make_all(rootfs, path[1:], is_dir)
            continue
        source = place.bundle / "points" / str(len(layers))
        layer = layers.setdefault(base, Layer(path=base, source=str(source)))
        _make_all(_like(Path(layer.source), base), os.path.relpath(path, base), is_dir)
    return layers.values()


def _check_kind(path: str, is_dir: bool) -> None:
    if Path(path).is_dir() != is_dir:
        raise InvalidRequest(
            f"cannot mount on {path}: not a directory: "
            "are you trying to mount a directory onto a file (or vice-versa)?"
        )


def _like(layer: Path, base: str) -> Path:
    """The directory *layer*, with mode and owner of *base*: merged, the upper one's are seen."""
    facts = Path(base).stat()
    layer.mkdir(parents=True, exist_ok=True)
    os.chown(layer, facts.st_uid, facts.st_gid)
    layer.chmod(stat.S_IMODE(facts.st_mode))
    return layer


def _make_all(directory: Path, relative: str, is_dir: bool) -> None:
    *parents, last = relative.split("/")
    for parent in parents:
        directory /= parent
        _make(directory, is_dir=True)
    _make(directory / last, is_dir=is_dir)


def _make(path: Path, *, is_dir: bool) -> None:
    if is_dir:
        path.mkdir(exist_ok=True)
    else:
        path.touch()
    path.chmod(0o755 if is_dir else 0o644)
