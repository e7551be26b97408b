"""Debian's kernel for virtual machines: fetched as a package, unpacked, and never installed."""

from __future__ import annotations

import gzip
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

META = "linux-image-cloud-amd64"
"""The package that leads to the kernel that Debian has now; it is named anew at each change of its ABI."""
FIRST = ("virtio_pci", "virtiofs", "overlay")
"""Modules without which the machine cannot reach its root; all others are loaded when they are used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """An unpacked kernel."""

    version: str
    folder: Path

    @property
    def image(self) -> Path:
        """What is booted."""
        return self.folder / f"boot/vmlinuz-{self.version}"

    @property
    def modules(self) -> Path:
        """What it loads."""
        return self.folder / f"lib/modules/{self.version}"

    def first_modules(self) -> list[Path]:
        """The files of FIRST and of what they need, in the order of loading."""
        found: dict[Path, None] = {}
        for name in FIRST:
            shown = _output(
                "modprobe", "-d", self.folder, "-S", self.version, "--show-depends", name
            )
            for line in shown.splitlines():
                verb, path, *_ = line.split()
                if verb == "insmod":
                    found[Path(path)] = None
        return list(found)


def unpacked(cache: Path) -> Kernel:
    """Debian's kernel in the folder *cache*, fetched if it is not there."""
    package = _package()
    kernel = Kernel(version=package.removeprefix("linux-image-"), folder=cache / package)
    if kernel.image.exists():
        return kernel
    fresh = cache / "new"
    shutil.rmtree(fresh, ignore_errors=True)
    (fresh / "package").mkdir(parents=True)
    get = ("apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", package)
    if subprocess.run(get, cwd=fresh / "package", check=False).returncode:
        _output("apt-get", "-qq", "update")
        subprocess.run(get, cwd=fresh / "package", check=True)
    (deb,) = (fresh / "package").glob("*.deb")
    _output("dpkg", "-x", deb, fresh)
    shutil.rmtree(fresh / "package")
    _output("depmod", "-b", fresh, kernel.version)
    shutil.rmtree(kernel.folder, ignore_errors=True)
    fresh.rename(kernel.folder)
    return kernel


def _package() -> str:
    for line in _output("apt-cache", "depends", META).splitlines():
        _, depends, name = line.partition("Depends: ")
        if depends and name.startswith("linux-image-"):
            return name
    raise LookupError(f"the package {META} is not known: apt-get update")


def write_initramfs(kernel: Kernel, work: Path) -> Path:
    """The machine's first root, as a file in *work*: busybox, the first modules, and ``init``."""
    root, file = work / "initramfs", work / "initramfs.gz"
    (root / "modules").mkdir(parents=True)
    (root / "bin").mkdir()
    shutil.copy("/bin/busybox", root / "bin/busybox")
    modules = kernel.first_modules()
    for module in modules:
        shutil.copy(module, root / "modules" / module.name)
    (root / "modules/order").write_text(" ".join(m.name for m in modules))
    shutil.copy(Path(__file__).with_name("init"), root / "init")
    (root / "init").chmod(0o755)
    names = "\n".join(str(p.relative_to(root)) for p in root.rglob("*"))
    archive = subprocess.run(
        ["busybox", "cpio", "-o", "-H", "newc"],
        cwd=root,
        input=names.encode(),
        capture_output=True,
        check=True,
    )
    file.write_bytes(gzip.compress(archive.stdout, 1))
    return file


def _output(*command: object) -> str:
    argv = [str(word) for word in command]
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout
