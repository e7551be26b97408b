"""Debian's kernel for virtual machines, which ``./check`` unpacks and never installs."""

from __future__ import annotations

import gzip
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bed.spot import ROOT

_FOLDER = ROOT / ".check/vm"
_FIRST = ("virtio_pci", "virtiofs", "overlay")
"""What the machine must load before it can reach its root; all else is loaded when it is used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """An unpacked kernel."""

    version: str
    """As ``uname -r`` shows it there."""

    @property
    def image(self) -> Path:
        """What is booted."""
        return _FOLDER / f"boot/vmlinuz-{self.version}"

    @property
    def modules(self) -> Path:
        """Where its modules are."""
        return _FOLDER / f"lib/modules/{self.version}"


def unpacked() -> Kernel:
    """The kernel that is at hand; raises FileNotFoundError when ``./check`` has not brought it yet."""
    for image in _FOLDER.glob("boot/vmlinuz-*"):
        return Kernel(version=image.name.removeprefix("vmlinuz-"))
    raise FileNotFoundError(f"there is no kernel in {_FOLDER}: ./check unpacks it")


def write_initramfs(kernel: Kernel, init: Path, work: Path) -> Path:
    """The machine's first root as a file in *work*: busybox, the first modules, and *init*."""
    tree, file = work / "initramfs", work / "initramfs.gz"
    for folder in ("bin", "modules"):
        (tree / folder).mkdir(parents=True)
    shutil.copy("/bin/busybox", tree / "bin")
    shutil.copy(init, tree / "init")
    modules = _first_modules(kernel)
    for module in modules:
        shutil.copy(module, tree / "modules")
    (tree / "modules/order").write_text(" ".join(module.name for module in modules))
    names = "\n".join(str(path.relative_to(tree)) for path in tree.rglob("*"))
    archive = subprocess.run(
        ["busybox", "cpio", "-o", "-H", "newc"],
        cwd=tree,
        input=names.encode(),
        capture_output=True,
        check=True,
    )
    file.write_bytes(gzip.compress(archive.stdout, 1))
    return file


def _first_modules(kernel: Kernel) -> list[Path]:
    """The files of _FIRST and of what they need, each once, in the order of loading."""
    found: dict[Path, None] = {}
    for name in _FIRST:
        argv = ["modprobe", "-d", str(_FOLDER), "-S", kernel.version, "--show-depends", name]
        shown = subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout
        for line in shown.splitlines():
            verb, path, *_ = line.split()
            if verb == "insmod":
                found[Path(path)] = None
    return list(found)
