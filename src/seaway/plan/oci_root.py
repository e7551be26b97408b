"""What a sandbox sees of the host's files: mounts in, mounts out.

The host's root is not bound as a whole. A directory of the bundle is the root, and each entry of
the host's ``/`` and each of the host's own file systems is bound into it, read-only, by itself:
nothing has to be mounted on the host, a missing mount point in ``/`` is made in the bundle, and
what was not chosen is not there. A mount point that the host lacks deeper down (``/etc/hostname``,
say) comes from a read-only overlay, so nothing is ever written to the host.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import chain
from pathlib import PurePosixPath

from seaway.model.errors import InvalidRequest

Json = None | bool | int | str | Sequence["Json"] | dict[str, "Json"]

OWN = ("/proc", "/dev", "/sys", "/run", "/tmp")
"""Directories that each sandbox has for itself when the host's file system is its root."""
_FOREIGN = ("/var/lib/docker", "/var/lib/containers", "/var/lib/containerd", "/var/lib/kubelet")
"""Where other engines keep the roots of their containers: many mounts, none the host's."""
_PSEUDO = frozenset({
    "autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts",
    "devtmpfs", "efivarfs", "fusectl", "hugetlbfs", "mqueue", "nfsd", "nsfs", "proc",
    "pstore", "rpc_pipefs", "securityfs", "selinuxfs", "sysfs", "tracefs",
})  # fmt: skip
"""File systems that show the kernel and not files."""
_KEPT_FLAGS = ("noexec",)
"""Flags of a host's mount that its bind keeps; nosuid and nodev all of them get."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostMount:
    """One line of /proc/self/mountinfo (proc(5))."""

    id: int
    parent: int
    device: str
    root: str
    """The directory of the file system that is mounted."""
    path: str
    kind: str
    flags: tuple[str, ...] = ()


class EntryKind(Enum):
    """What an entry of the host's ``/`` is; others are left out."""

    DIRECTORY = "directory"
    FILE = "file"
    LINK = "link"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An entry of the host's ``/``."""

    name: str
    kind: EntryKind
    target: str = ""
    """Where a link leads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """Mount points that the host lacks below the directory *path*; *source* holds them."""

    path: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A directory of the host, *source*, seen at *target* inside; both without links."""

    source: str
    target: str


def host_mounts(mountinfo: str) -> tuple[HostMount, ...]:
    """The mounts that can be reached by their path, from the text of /proc/self/mountinfo.

    Of those stacked at one path only the uppermost is given; those under another mount are not.
    """
    every = [_host_mount(line.split(" ")) for line in mountinfo.splitlines() if line]
    ids = {m.id for m in every}
    children: dict[int, list[HostMount]] = {}
    for mount in every:
        children.setdefault(mount.parent, []).append(mount)
    roots = [m for m in every if m.parent not in ids]
    return tuple(sorted(chain(*(_reached(m, children) for m in roots)), key=lambda m: m.path))


def _reached(mount: HostMount, children: Mapping[int, list[HostMount]]) -> Iterator[HostMount]:
    """*mount* and those on it, or those on what is stacked on it."""
    below = children.get(mount.id, [])
    stacked = [m for m in below if m.path == mount.path]
    if stacked:
        yield from _reached(stacked[-1], children)
        return
    yield mount
    for child in below:
        if not any(_covers(other, child) for other in below):
            yield from _reached(child, children)


def _covers(over: HostMount, mount: HostMount) -> bool:
    """Whether *over*, on the same mount as *mount*, hides it."""
    return over.path != mount.path and inside(mount.path, over.path)


def _host_mount(fields: list[str]) -> HostMount:
    dash = fields.index("-", 6)
    return HostMount(
        id=int(fields[0]),
        parent=int(fields[1]),
        device=fields[2],
        root=_unescaped(fields[3]),
        path=_unescaped(fields[4]),
        flags=tuple(fields[5].split(",")),
        kind=fields[dash + 1],
    )


def _unescaped(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda m: chr(int(m[1], 8)), text)


def inside(path: str, directory: str) -> bool:
    """Whether *path* is *directory* or lies below it."""
    return directory == "/" or path == directory or path.startswith(directory + "/")


def moved(path: str, source: str, target: str) -> str:
    """*path*, which is inside *source*, as it is called where *source* is seen at *target*."""
    rest = PurePosixPath(path).relative_to(source)
    return str(PurePosixPath(target) / rest)


def places(mounts: Iterable[HostMount], path: str) -> tuple[str, ...]:
    """All paths that lead to *path*: itself, and those by other mounts of its file system."""
    known = tuple(mounts)
    home = home_of(path, known)
    if home is None:
        return (path,)
    within = moved(path, home.path, home.root)
    found = {path}
    for mount in known:
        if mount.device != home.device:
            continue
        if inside(within, mount.root):
            found.add(moved(within, mount.root, mount.path))
        elif inside(mount.root, within):
            found.add(mount.path)
    return tuple(sorted(found))


def hidden_targets(seen: Iterable[Seen], hidden: Iterable[str]) -> tuple[str, ...]:
    """Where, inside, the host's directories *hidden* would be seen.

    Raises InvalidRequest when one of *seen* is itself a part of *hidden*.
    """
    found: set[str] = set()
    for view in seen:
        for path in hidden:
            if inside(view.source, path):
                raise InvalidRequest(f"{view.source} is Seaway's own and cannot be mounted")
            if inside(path, view.source):
                found.add(moved(path, view.source, view.target))
    return tuple(sorted(found))


def root_binds(
    entries: Iterable[Entry], mounts: Sequence[HostMount], layers: Iterable[Layer]
) -> list[Json]:
    """The host's files, read-only, in the order in which they must be mounted."""
    over = {layer.path: layer for layer in layers}
    shown = {m.path for m in shown_mounts(mounts)}
    top = {f"/{e.name}" for e in entries if e.kind is not EntryKind.LINK}
    paths = top - {m.path for m in mounts} | shown | set(over)
    paths = {p for p in paths if not any(inside(p, own) for own in OWN) and p != "/"}
    return [_overlay(over[p]) if p in over else _bind(p, mounts) for p in sorted(paths, key=_depth)]


def shown_mounts(mounts: Iterable[HostMount]) -> tuple[HostMount, ...]:
    """Those of *mounts* that a sandbox sees: real files, and not those of OWN by another name."""
    known = tuple(mounts)
    own = {m.device for m in known if m.path in OWN}
    return tuple(
        m
        for m in known
        if is_text(m.path)
        and m.kind not in _PSEUDO
        and m.device not in own
        and not any(inside(m.path, d) for d in (*OWN, *_FOREIGN))
    )


def is_text(path: str) -> bool:
    """Whether *path* can be said in JSON: names of Linux are bytes, and need not be UTF-8."""
    return not any("\ud800" <= c <= "\udfff" for c in path)


def home_of(path: str, mounts: Iterable[HostMount]) -> HostMount | None:
    """The mount on which *path* lies."""
    return max((m for m in mounts if inside(path, m.path)), key=lambda m: len(m.path), default=None)


def _depth(path: str) -> tuple[int, str]:
    return path.count("/"), path


def _bind(path: str, mounts: Sequence[HostMount]) -> Json:
    home = home_of(path, mounts)
    kept = [flag for flag in _KEPT_FLAGS if home is not None and flag in home.flags]
    return {
        "destination": path,
        "type": "bind",
        "source": path,
        "options": ["bind", "ro", "nosuid", "nodev", "private", *kept],
    }


def _overlay(layer: Layer) -> Json:
    """Both directories merged, the points first; without an upper one an overlay is read-only."""
    lower = ":".join(_escaped(path) for path in (layer.source, layer.path))
    return {
        "destination": layer.path,
        "type": "overlay",
        "source": "overlay",
        "options": [f"lowerdir={lower}", "ro", "nosuid", "nodev"],
    }


def _escaped(path: str) -> str:
    """*path* as overlayfs reads it between colons; a comma cannot be said to the OCI runtimes."""
    return path.replace("\\", "\\\\").replace(":", "\\:")


def ancestors(path: str) -> Iterator[str]:
    """*path*, its directory, and so on up to ``/``."""
    current = PurePosixPath(path)
    yield str(current)
    yield from map(str, current.parents)
