"""The network namespaces of sandboxes: where they are bound, what makes them and takes them away."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from seaway.model.sandbox import Sandbox
from seaway.plan.operations import (
    BindNetns,
    CreateNetns,
    DeleteNetns,
    LeaveNames,
    NameNetns,
    Operation,
    RedirectNames,
    UnnameNetns,
)
from seaway.plan.zone import LISTEN_PORT


@dataclass(frozen=True, slots=True, kw_only=True)
class NetnsPaths:
    """Where the namespaces of sandboxes are bound."""

    run_dir: Path

    @property
    def bound_dir(self) -> Path:
        """Where the files are that keep the namespaces."""
        return self.run_dir / "ns"

    @property
    def named_dir(self) -> Path:
        """Where the links are that people use."""
        return self.run_dir / "netns"

    def bound(self, sandbox: Sandbox) -> Path:
        """The file that keeps the namespace."""
        return self.bound_dir / sandbox.id

    def named(self, name: str) -> Path:
        """The link that people use."""
        return self.named_dir / name


def of_process(pid: int) -> Path:
    """The namespace in which a process is."""
    return Path(f"/proc/{pid}/ns/net")


def namespace_ops(
    sandbox: Sandbox, paths: NetnsPaths, *, source: Path | None = None
) -> tuple[Operation, ...]:
    """What makes the namespace of *sandbox*, or binds the one that is at *source* already."""
    path, source = paths.bound(sandbox), sandbox.adopted_from or source
    make = CreateNetns(path=path) if source is None else BindNetns(path=path, source=source)
    name = name_op(sandbox, paths)
    if not sandbox.has_networks:
        return (make, name)
    return (make, name, RedirectNames(netns=path, port=LISTEN_PORT))


def no_namespace_ops(sandbox: Sandbox, paths: NetnsPaths) -> tuple[Operation, ...]:
    """What takes it away again."""
    return (unname_op(sandbox, paths), *let_go_ops(sandbox, paths))


def let_go_ops(sandbox: Sandbox, paths: NetnsPaths) -> tuple[Operation, ...]:
    """What lets go of the namespace itself; one that is somebody else's is left as it was."""
    path = paths.bound(sandbox)
    leave = (LeaveNames(netns=path),) if sandbox.adopted_from is not None else ()
    return (*leave, DeleteNetns(path=path))


def name_op(sandbox: Sandbox, paths: NetnsPaths) -> Operation:
    """What lets people find the namespace by the sandbox's name."""
    return NameNetns(name=paths.named(sandbox.name), path=paths.bound(sandbox))


def unname_op(sandbox: Sandbox, paths: NetnsPaths) -> Operation:
    """What takes that name away."""
    return UnnameNetns(name=paths.named(sandbox.name))


def rename_ops(before: Sandbox, after: Sandbox, paths: NetnsPaths) -> tuple[Operation, ...]:
    """What lets people find the namespace under the new name, and no longer under the old."""
    return (name_op(after, paths), unname_op(before, paths))
