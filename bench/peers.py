"""Docker and Podman of Debian, unpacked into ``.check/peers``, never installed, each on a host.

What they keep is on the host's own /run, which is memory, as for Seaway's daemon here.
"""

from __future__ import annotations

import subprocess
import tarfile
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bed.host import Host, a_host
from bed.spot import ROOT, CommandFailed

FOLDER = ROOT / ".check/peers"
PACKAGES = (
    "docker.io", "containerd", "podman", "netavark", "aardvark-dns", "golang-github-containers-common",
    "golang-github-containers-image", "libgpgme11", "libassuan0", "libsubid4", "libdevmapper1.02.1",
    "iptables", "libip4tc2", "libip6tc2", "libxtables12", "tini", "busybox-static", "runc", "crun",
)  # fmt: skip
IMAGE = "localhost/bench:latest"
ROOTFS = FOLDER / "rootfs"
_LIBRARIES = FOLDER / "usr/lib/x86_64-linux-gnu"
_APPLETS = ("sh", "true", "sleep", "cat", "ip")

ENVIRONMENT = {
    "PATH": f"{FOLDER}/bin:{FOLDER}/usr/sbin:{FOLDER}/usr/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LD_LIBRARY_PATH": str(_LIBRARIES),
    "XTABLES_LIBDIR": str(_LIBRARIES / "xtables"),
}
_DOCKER = {**ENVIRONMENT, "DOCKER_RAMDISK": "1"}  # its root is no disk of its own: no pivot_root
_PODMAN = {**ENVIRONMENT, "CONTAINERS_CONF": "/run/containers.conf"}
_CONTAINERS_CONF = f"""\
[containers]
log_driver = "k8s-file"
pids_limit = 0
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
seccomp_profile = "{FOLDER}/usr/share/containers/seccomp.json"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "crun"
helper_binaries_dir = ["{FOLDER}/usr/lib/podman"]
conmon_env_vars = ["PATH={ENVIRONMENT["PATH"]}", "LD_LIBRARY_PATH={_LIBRARIES}"]
[network]
network_backend = "netavark"
network_config_dir = "/run/podman-networks"
"""
_IN_OWN_CGROUP = """\
for each in /sys/fs/cgroup/*/cgroup.procs; do echo 0 >"$each"; done
exec unshare --cgroup "$@"
"""
"""runc looks for a container's cgroup by its path from the root that /proc shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """An engine that is ready on a host of its own, with the image ``bench``."""

    name: str
    host: Host
    command: tuple[str, ...]
    env: Mapping[str, str]

    def run(self, *arguments: str) -> str:
        """Run its command line; raises CommandFailed."""
        return self.host.run([*self.command, *arguments], env=self.env).out


def unpack() -> None:
    """Bring the packages and make the root file system; raises CalledProcessError, OSError."""
    if (FOLDER / "ready").exists():
        return
    archives = FOLDER / "deb"
    archives.mkdir(parents=True, exist_ok=True)
    get = ["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", *PACKAGES]
    subprocess.run(get, cwd=archives, check=True, capture_output=True)
    for package in sorted(archives.glob("*.deb")):
        subprocess.run(["dpkg", "-x", str(package), str(FOLDER)], check=True)
        package.unlink()
    archives.rmdir()
    _link_iptables()
    make_rootfs(ROOTFS)
    (FOLDER / "ready").touch()


def _link_iptables() -> None:
    """The names under which iptables is called; Debian's alternatives would make them."""
    folder = FOLDER / "bin"
    folder.mkdir(exist_ok=True)
    for family in ("iptables", "ip6tables"):
        for verb in ("", "-save", "-restore"):
            link = folder / f"{family}{verb}"
            link.unlink(missing_ok=True)
            link.symlink_to(FOLDER / "usr/sbin/xtables-nft-multi")


def make_rootfs(folder: Path) -> None:
    """A root file system with busybox and nothing else, as a folder and as a tar file beside it."""
    for name in ("bin", "etc", "proc", "sys", "dev", "tmp", "run"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    busybox = folder / "bin/busybox"
    busybox.write_bytes((FOLDER / "bin/busybox").read_bytes())
    busybox.chmod(0o755)
    for applet in _APPLETS:
        link = folder / "bin" / applet
        link.unlink(missing_ok=True)
        link.symlink_to("busybox")
    with tarfile.open(f"{folder}.tar", "w") as archive:
        archive.add(folder, ".")


@contextmanager
def docker() -> Generator[Peer]:
    """Dockerd with containerd and runc; raises CommandFailed with its log."""
    with a_host() as host:
        _prepare(host)
        client = (f"{FOLDER}/usr/bin/docker", "-H", "unix:///run/docker.sock")
        daemon = [
            f"{FOLDER}/usr/sbin/dockerd", "-H", "unix:///run/docker.sock",
            "--data-root", "/run/docker-data", "--exec-root", "/run/docker",
            "--pidfile", "/run/docker.pid", "--exec-opt", "native.cgroupdriver=cgroupfs",
            "--userland-proxy-path", f"{FOLDER}/usr/sbin/docker-proxy", "--log-level", "warn",
        ]  # fmt: skip
        with host.path("/run/dockerd.log").open("w") as log:
            start = ["sh", "-euc", _IN_OWN_CGROUP, "sh", *daemon]
            host.popen(start, env=_DOCKER, stdout=log.fileno(), stderr=log.fileno())
        peer = Peer(name="docker", host=host, command=client, env=_DOCKER)
        _await(peer, ["version"], host.path("/run/dockerd.log"))
        peer.run("import", f"{ROOTFS}.tar", IMAGE)
        yield peer


@contextmanager
def podman() -> Generator[Peer]:
    """Podman with netavark, crun and conmon; it has no daemon. Raises CommandFailed."""
    with a_host() as host:
        _prepare(host)
        host.path("/run/containers.conf").write_text(_CONTAINERS_CONF)
        places = (
            "--root",
            "/run/podman-data",
            "--runroot",
            "/run/podman",
            "--tmpdir",
            "/run/podman-tmp",
        )
        command = (f"{FOLDER}/usr/bin/podman", *places, "--storage-driver", "overlay")
        peer = Peer(name="podman", host=host, command=command, env=_PODMAN)
        peer.run("import", f"{ROOTFS}.tar", IMAGE)
        yield peer


def _prepare(host: Host) -> None:
    """An /etc of its own with Podman's policy, forwarding on, and no cgroup v2 beside v1 (crun)."""
    host.use_own_etc()
    host.sh(
        f"mkdir -p /etc/containers; cp {FOLDER}/etc/containers/policy.json /etc/containers/;"
        "sysctl -qw net.ipv4.ip_forward=1;"
        "while mountpoint -q /sys/fs/cgroup/unified; do umount -l /sys/fs/cgroup/unified; done"
    )


def _await(peer: Peer, question: Sequence[str], log: Path) -> None:
    for _ in range(200):
        try:
            peer.run(*question)
        except CommandFailed:
            time.sleep(0.1)
        else:
            return
    raise CommandFailed(f"{peer.name} did not answer within 20 s:\n{log.read_text()[-2000:]}")
