"""A stage for the kernel: a host in network and mount namespaces of its own.

Both are held by descriptors alone, so a killed run leaves neither namespace nor mount.
"""

from __future__ import annotations

import ctypes
import functools
import os
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from ipaddress import ip_address, ip_interface
from pathlib import Path
from typing import TypeVar

from bed.namespaces import in_thread
from seaway.kernel.linux import LinuxKernel
from seaway.model.ids import IfName, Interface, Mac
from seaway.plan.operations import AddBridge, AttachVeth, ChangeRoute, DetachVeth, Route

T = TypeVar("T")

_libc = ctypes.CDLL(None, use_errno=True)
_CLONE_FS = 0x00000200
_CLONE_NEWNS = 0x00020000
_CLONE_NEWNET = 0x40000000
_MS_REC_PRIVATE = 0x4000 | 0x40000


class Steps:
    """Notes the steps that were reached, and fails at one of them."""

    def __init__(self) -> None:
        self.reached: list[str] = []
        self.fail_at: str | None = None

    def reach(self, step: str) -> None:
        """Note *step*."""
        self.reached.append(step)
        if step == self.fail_at:
            raise RuntimeError("the test wants it to fail")


class Stage:
    """The host, its kernel, and a directory for namespaces' files."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.steps = Steps()
        self._net, self._mounts = in_thread(_new_namespaces)
        self._kernels: list[LinuxKernel] = []
        self.kernel = self.new_kernel()

    def new_kernel(self) -> LinuxKernel:
        """One more daemon's kernel on the same host."""
        kernel = self.inside(lambda: LinuxKernel(self.steps))
        self._kernels.append(kernel)
        return kernel

    async def close(self) -> None:
        """End the kernels and let go of the namespaces."""
        for kernel in self._kernels:
            await kernel.close()
        os.close(self._net)
        os.close(self._mounts)

    def netns(self, name: str) -> Path:
        """Where the namespace *name* is bound."""
        return self.directory / "netns" / name

    def inside(self, work: Callable[[], T], netns: Path | None = None) -> T:
        """What *work* gives in a thread on the host, or in the namespace bound to *netns*."""

        def entered() -> T:
            _check(_libc.unshare(_CLONE_FS))
            _check(_libc.setns(self._mounts, _CLONE_NEWNS))
            _check(_libc.setns(self._net, _CLONE_NEWNET))
            if netns is not None:
                fd = os.open(netns, os.O_RDONLY | os.O_CLOEXEC)
                _check(_libc.setns(fd, _CLONE_NEWNET))
                os.close(fd)
            return work()

        return in_thread(entered)

    def run(self, *argv: str, netns: Path | None = None) -> str:
        """Standard output of a program on the host or in *netns*; raises CalledProcessError."""
        return self.inside(
            lambda: subprocess.run(argv, check=True, capture_output=True, text=True, timeout=20),
            netns,
        ).stdout

    def works(self, *argv: str, netns: Path | None = None) -> bool:
        """Whether the program ends well."""
        with suppress(subprocess.CalledProcessError):
            self.run(*argv, netns=netns)
            return True
        return False

    def links(self, netns: Path | None = None) -> list[str]:
        """Names of the links on the host or in *netns*."""
        lines = self.run("ip", "-o", "link", netns=netns).splitlines()
        return sorted(line.split(": ")[1].partition("@")[0] for line in lines)


def bridge(name: str = "sw-web", *gateways: str) -> AddBridge:
    """A bridge for 10.7.0.0/24, or with other gateways."""
    addresses = tuple(ip_interface(g) for g in gateways or ("10.7.0.1/24", "fd00:7::1/64"))
    return AddBridge(name=IfName(name), mac=Mac("02:00:00:00:00:01"), mtu=1400, addresses=addresses)


def veth(
    netns: Path,
    number: int,
    *,
    to: str = "sw-web",
    ifname: str = "eth0",
    addresses: Sequence[Interface] | None = None,
    guarded: bool = True,
    mac: str | None = None,
) -> AttachVeth:
    """The veth that joins *netns* as 10.7.0.<number> and fd00:7::<number>."""
    if addresses is None:
        addresses = (ip_interface(f"10.7.0.{number}/24"), ip_interface(f"fd00:7::{number}/64"))
    return AttachVeth(
        link=IfName(f"sv-{number:012}"),
        bridge=IfName(to),
        netns=netns,
        ifname=IfName(ifname),
        mac=Mac(mac or f"02:00:00:00:01:{number:02x}"),
        host_mac=Mac(f"02:00:00:00:02:{number:02x}"),
        mtu=1400,
        addresses=tuple(addresses),
        guarded=guarded,
    )


def default_route(netns: Path, gateway: str, ifname: str = "eth0") -> ChangeRoute:
    """*gateway* for a namespace that has no default route of its family."""
    to = ip_address(gateway)
    way = Route(ifname=IfName(ifname), gateway=to)
    return ChangeRoute(netns=netns, version=to.version, old=None, new=way)


def detach(op: AttachVeth) -> DetachVeth:
    """What cuts *op* off."""
    return DetachVeth(link=op.link, netns=op.netns, ifname=op.ifname)


_OVERLAP = """
add table inet t
add set inet t s { type inet_proto . inet_service; flags interval; }
add element inet t s { tcp . 1-9 }
add element inet t s { tcp . 5-12 }
"""


@functools.cache
def tells_overlaps() -> bool:
    """Whether Linux refuses an interval that begins in another; else it drops it in silence.

    It does since 6.19 and the stable releases of January 2026 (7711f4bb4b36, "netfilter:
    nft_set_pipapo: fix range overlap detection"); Debian's 6.1 does not.
    """
    argv = ["unshare", "--net", "nft", "-f", "-"]
    done = subprocess.run(
        argv, check=False, input=_OVERLAP, capture_output=True, text=True, timeout=20
    )
    assert not done.returncode or "File exists" in done.stderr, done.stderr
    return bool(done.returncode)


def _new_namespaces() -> tuple[int, int]:
    _check(_libc.unshare(_CLONE_NEWNET | _CLONE_NEWNS))
    _check(_libc.mount(b"none", b"/", None, _MS_REC_PRIVATE, None))
    flags = os.O_RDONLY | os.O_CLOEXEC
    return os.open("/proc/thread-self/ns/net", flags), os.open("/proc/thread-self/ns/mnt", flags)


def _check(result: int) -> None:
    if result:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
