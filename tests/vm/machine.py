"""One boot: a command is run in a virtual machine, and its output and exit status come back.

The machine sees the host's files at their paths, by virtiofs; what it writes stays in its memory and
vanishes with it, but for the folder of results. It is emulated (TCG) unless the processor can do
better: a /dev/kvm alone says nothing, since those of some machines only run kernels made for them.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from vm.kernel import Kernel, write_initramfs

SERVER = Path("/usr/lib/qemu/virtiofsd")
TIMED_OUT, DIED = 124, 125
"""The status of a command that did not end in time, and of a machine that left none."""
_LONGER = 60
"""Seconds that the machine gets beyond its command, to boot and to end."""
_ENDING = ("setpriv", "--pdeathsig", "KILL", "--")
"""Begins the command of a process that is killed when we end, however that is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a machine shall do."""

    command: Sequence[str]
    folder: Path
    """Where the command runs."""
    seconds: int
    """How long it may take."""
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    results: Path = Path("/var/tmp/vm-results")
    """The folder whose files outlive the machine."""
    memory: int = 1536
    """MiB."""


def run(job: Job, kernel: Kernel) -> int:
    """Boot, carry out *job*, show what it says, and give its status."""
    with ExitStack() as stack:
        work = Path(tempfile.mkdtemp(prefix="vm-", dir="/var/tmp"))
        stack.callback(shutil.rmtree, work)
        _write_control(job, kernel, work / "control")
        initramfs = write_initramfs(kernel, work)
        job.results.mkdir(parents=True, exist_ok=True)
        server = stack.enter_context(_serving(job, work))
        stack.callback(_end, server)
        _await_socket(work, server)
        machine = stack.enter_context(_booted(job, kernel, work, initramfs))
        stack.callback(_end, machine)
        try:
            machine.wait(job.seconds + _LONGER)
        except subprocess.TimeoutExpired:
            sys.stderr.write(f"vm: it did not end within {job.seconds + _LONGER} s\n")
        return _status(work)


def _write_control(job: Job, kernel: Kernel, control: Path) -> None:
    control.mkdir()
    env = {"IN_VM": "1", "HOME": "/tmp", "LC_ALL": "C.UTF-8", "TERM": "dumb", **job.env}
    lines = [f"export {name}={shlex.quote(value)}" for name, value in env.items()]
    lines += [f"cd {shlex.quote(str(job.folder))}", f"exec {shlex.join(job.command)}"]
    (control / "command").write_text("\n".join(lines) + "\n")
    (control / "seconds").write_text(str(job.seconds))
    shutil.copy(Path(__file__).with_name("session"), control / "session")
    settings = {"modules": kernel.modules, "out": job.results, "kept": " ".join(_kept(job))}
    text = "".join(f"{name}={shlex.quote(str(value))}\n" for name, value in settings.items())
    (control / "settings").write_text(text)


def _kept(job: Job) -> list[str]:
    """Folders that the machine must see though it hides their place, or they are no part of the root."""
    hidden = ("/run", "/tmp")
    root = Path("/").stat().st_dev
    folders = {job.folder, Path(sys.prefix), Path(sys.base_prefix)}
    return sorted(
        str(f)
        for f in folders
        if f.stat().st_dev != root or any(f.is_relative_to(place) for place in hidden)
    )


def _serving(job: Job, work: Path) -> subprocess.Popen[bytes]:
    """The server of files, in a mount namespace of its own: what it serves is bound there, read-only."""
    share = work / "share"
    for name in ("root", "out", "control"):
        (share / name).mkdir(parents=True)
    binds = [("/", share / "root"), *((f, Path(f"{share}/root{f}")) for f in _kept(job))]
    script = "".join(
        f"mount --bind {shlex.quote(str(source))} {shlex.quote(str(place))}\n"
        f"mount -o remount,bind,ro {shlex.quote(str(place))}\n"
        for source, place in binds
    )
    script += f"mount --bind {shlex.quote(str(job.results))} {share}/out\n"
    script += f"mount --bind {work}/control {share}/control\n"
    options = f"source={share},cache=always,sandbox=chroot"
    script += f"exec {SERVER} --socket-path={work}/socket -o {options}\n"
    return subprocess.Popen(
        [*_ENDING, "unshare", "-m", "--propagation", "private", "bash", "-euc", script],
        stdin=subprocess.DEVNULL,
        stdout=(work / "server.log").open("wb"),
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def _await_socket(work: Path, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 20
    while not (work / "socket").exists():
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"no files are served: {(work / 'server.log').read_text()}")
        time.sleep(0.02)


def _booted(job: Job, kernel: Kernel, work: Path, initramfs: Path) -> subprocess.Popen[bytes]:
    is_fast = os.access("/dev/kvm", os.W_OK) and _has_virtualization()
    processor = ("kvm", "host") if is_fast else ("tcg", "Nehalem")
    memory = f"memory-backend-memfd,id=memory,size={job.memory}M,share=on"
    return subprocess.Popen(
        [
            *_ENDING,
            *("qemu-system-x86_64", "-nodefaults", "-display", "none", "-no-reboot", "-M", "pc"),
            *("-accel", processor[0], "-cpu", processor[1], "-smp", "1"),
            *("-m", str(job.memory), "-object", memory, "-numa", "node,memdev=memory"),
            *("-chardev", f"socket,id=files,path={work}/socket"),
            *("-device", "vhost-user-fs-pci,chardev=files,tag=share,queue-size=1024"),
            *("-serial", f"file:{work}/console", "-serial", "stdio"),
            *("-kernel", str(kernel.image), "-initrd", str(initramfs)),
            *("-append", "console=ttyS0 quiet panic=-1 oops=panic mitigations=off nokaslr"),
        ],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )


def _has_virtualization() -> bool:
    flags = Path("/proc/cpuinfo").read_text().split()
    return "vmx" in flags or "svm" in flags


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
    process.wait(10)


def _status(work: Path) -> int:
    file = work / "control/status"
    if file.exists() and file.read_text().strip():
        return int(file.read_text())
    console = (work / "console").read_text(errors="replace").splitlines()[-40:]
    sys.stderr.write("\n".join(["vm: it left no status; its console's end:", *console, ""]))
    return DIED
