"""One boot: a command runs in a virtual machine, and its output and exit status come back.

The machine sees this one's files at their paths, by virtiofs; what it writes stays in its memory and
goes with it. It is emulated (TCG), 10 to 30 times slower, unless the processor can do better:
/dev/kvm alone says nothing, since some machines have one for kernels made for it only.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bed.namespaces import leave_mounts
from bed.spot import ROOT
from vm.kernel import Kernel, write_initramfs

TIMED_OUT = 124
"""The status of a command that did not end in time."""
DIED = 125
"""The status of a machine that left none."""

_HERE = Path(__file__).parent
_PARAMETERS = (
    *("console=ttyS0", "quiet", "panic=-1", "oops=panic", "mitigations=off", "nokaslr"),
    "no_timer_check",  # on a busy host an emulated timer is late, and the kernel gives up at once
)
"""Of any kernel (Documentation/admin-guide/kernel-parameters.txt)."""
_VIRTIOFSD = "/usr/lib/qemu/virtiofsd"
_BOOT = 60
"""Seconds that a machine gets beyond its command: to boot, and to end."""
_WITH_US = ("setpriv", "--pdeathsig", "KILL", "--")
"""Before a command: it is killed when this process ends, however that ends."""
_WORK = Path("/run")
"""Where our own files are: in memory, seen by this process and its children alone."""
_SOCKET = _WORK / "virtiofs.sock"
_SHARE = _WORK / "share"
"""What the machine sees: ``root``, all of this machine, and ``control``, which it may write."""
_CONTROL = _WORK / "control"
_CONSOLE = _WORK / "console"
_HIDDEN = ("/run", "/tmp")
"""What the machine has for itself, empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a machine shall do."""

    command: Sequence[str]
    """It runs in the project's folder, as root."""
    seconds: int
    """How long it may take."""
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    memory: int = 1536
    """MiB."""
    parameters: Sequence[str] = ()
    """Of the kernel, beside those of any machine."""


def run(job: Job, kernel: Kernel) -> int:
    """Boot, show what the command says, and give its status, TIMED_OUT or DIED.

    From here on this process has mounts of its own, and its files are there: so nothing is left,
    however it ends.
    """
    leave_mounts()
    _mount("-t", "tmpfs", "tmpfs", str(_WORK))
    _write_control(job, kernel)
    initramfs = write_initramfs(kernel, _HERE / "init", _WORK)
    files = _serve_files()
    machine = _boot(job, kernel, initramfs)
    limit = job.seconds + _BOOT
    try:
        machine.wait(limit)
    except subprocess.TimeoutExpired:
        sys.stderr.write(f"vm: the machine did not end within {limit} s\n")
    for process in (machine, files):
        process.kill()
        process.wait()
    return _status()


def _write_control(job: Job, kernel: Kernel) -> None:
    """What the machine's ``init`` and ``session`` read."""
    env = {**job.env, "IN_VM": "1", "HOME": "/root", "LC_ALL": "C.UTF-8", "TERM": "dumb"}
    lines = [f"export {name}={shlex.quote(value)}" for name, value in env.items()]
    lines += [f"cd {shlex.quote(str(ROOT))}", f"exec {shlex.join(job.command)}"]
    _CONTROL.mkdir()
    (_CONTROL / "command").write_text("\n".join(lines) + "\n")
    facts = {
        "seconds": job.seconds,
        "modules": kernel.modules,
        "hidden": " ".join(_HIDDEN),
        "kept": " ".join(f for f in _needed() if f.startswith(tuple(f"{h}/" for h in _HIDDEN))),
        "session": _HERE / "session",
    }
    text = "".join(f"{name}={shlex.quote(str(value))}\n" for name, value in facts.items())
    (_CONTROL / "facts").write_text(text)


def _needed() -> list[str]:
    """The folders of the project and of the interpreter, wherever they are; none lies in another."""
    folders = {ROOT, Path(sys.prefix).resolve(), Path(sys.base_prefix)}
    return sorted(str(f) for f in folders if folders.isdisjoint(f.parents))


def _serve_files() -> subprocess.Popen[bytes]:
    """Start the server of files. Debian 12's cannot serve read-only, so the mounts are."""
    _SHARE.mkdir()
    root = _SHARE / "root"
    places = {"/": root} | {f: Path(f"{root}{f}") for f in _needed() if _is_elsewhere(f)}
    for source, place in places.items():
        place.mkdir(exist_ok=True)
        _mount("--bind", source, str(place))
        _mount("-o", "remount,bind,ro", str(place))
    (_SHARE / "control").mkdir()
    _mount("--bind", str(_CONTROL), str(_SHARE / "control"))
    log = _WORK / "virtiofs.log"
    options = f"source={_SHARE},cache=always,sandbox=chroot"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [*_WITH_US, _VIRTIOFSD, f"--socket-path={_SOCKET}", "-o", options],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    deadline = time.monotonic() + 20
    while not _SOCKET.exists():
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the files could not be served: {log.read_text()}")
        time.sleep(0.02)
    return server


def _is_elsewhere(folder: str) -> bool:
    """Whether *folder* is on another file system than the root."""
    return Path(folder).stat().st_dev != Path("/").stat().st_dev


def _boot(job: Job, kernel: Kernel, initramfs: Path) -> subprocess.Popen[bytes]:
    """Start the machine; what its command says comes to our standard output."""
    accelerator = _accelerator()
    memory = f"memory-backend-memfd,id=memory,size={job.memory}M,share=on"
    return subprocess.Popen(
        [
            *_WITH_US,
            *("qemu-system-x86_64", "-nodefaults", "-display", "none", "-no-reboot", "-M", "pc"),
            # One processor: two are no faster where they are emulated, and take more of ours.
            *("-accel", accelerator, "-cpu", "host" if accelerator == "kvm" else "Nehalem"),
            *("-m", str(job.memory), "-object", memory, "-numa", "node,memdev=memory"),
            *("-chardev", f"socket,id=files,path={_SOCKET}"),
            *("-device", "vhost-user-fs-pci,chardev=files,tag=share,queue-size=1024"),
            *("-serial", f"file:{_CONSOLE}", "-serial", "stdio"),
            *("-kernel", str(kernel.image), "-initrd", str(initramfs)),
            *("-append", " ".join((*_PARAMETERS, *job.parameters))),
        ],
        stdin=subprocess.DEVNULL,
    )


def _accelerator() -> str:
    flags = set(Path("/proc/cpuinfo").read_text().split())
    return "kvm" if os.access("/dev/kvm", os.W_OK) and flags & {"vmx", "svm"} else "tcg"


def _status() -> int:
    file = _CONTROL / "status"
    if file.exists() and file.read_text().strip():
        return int(file.read_text())
    console = _CONSOLE.read_text(errors="replace").splitlines()[-40:]
    sys.stderr.write("\n".join(["vm: it left no status; its console's last lines:", *console, ""]))
    return DIED


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)
