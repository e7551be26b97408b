"""A LAN for DHCP clients: namespaces on one bridge, and real servers of other people on it."""

from __future__ import annotations

import asyncio
import functools
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bed.pace import PACE
from bed.spot import ROOT
from netns.names_stage import Sockets, a_netns, run_in, socket_in
from seaway.contracts import Kernel
from seaway.model.ids import IfName, Mac, NetworkName
from seaway.model.lease import Lease, LeaseClient

DHCPD = ROOT / ".check/dhcpd/usr/sbin/dhcpd"
"""ISC's server, unpacked by ``./check`` and never installed."""
RANGE = "192.0.2.10,192.0.2.99,2m"


@dataclass
class Lan:
    """The LAN: a bridge ``lan`` in a namespace of its own, in which the servers are."""

    directory: Path
    netns: Path
    boxes: int = 0
    exits: ExitStack = field(default_factory=ExitStack)

    def plug(self, box: Path, mac: str) -> None:
        """Give *box* an ``eth0`` with *mac* on the LAN, up and without an address."""
        self.boxes += 1
        port = f"p{self.boxes}"
        script = (
            f"ip link add {port} type veth peer name eth0 netns {box} address {mac};"
            f"ip link set {port} master lan up"
        )
        run_in(self.netns, "sh", "-euc", script)
        run_in(box, "ip", "link", "set", "eth0", "up")

    def branch(self, host: Path, box: Path, *kind: str) -> None:
        """Give *box* an ``eth0`` of *kind* on the ``eth0`` of *host*, up and without an address."""
        argv = ["ip", "link", "add", "link", "eth0", "name", "branch", "netns", str(box)]
        run_in(host, *argv, "type", *kind)
        run_in(box, "ip", "link", "set", "branch", "name", "eth0", "up")

    def speaker(self) -> Callable[[bytes], None]:
        """What broadcasts bytes to all DHCPv4 clients of the LAN."""
        sock = socket_in(self.netns, socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lan")
        self.exits.callback(sock.close)
        return lambda data: _broadcast(sock, data)

    def dnsmasq(self, *options: str, lends: str = RANGE) -> Server:
        """A dnsmasq that lends what *lends* says, authoritative and without a look for conflicts."""
        leases = self.directory / "dnsmasq.leases"
        argv = [
            *("dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0"),
            *("--interface=lan", "--bind-dynamic", "--user=root", "--group=root", "--pid-file="),
            *("--dhcp-authoritative", "--no-ping", "--log-dhcp", "--log-facility=-"),
            f"--dhcp-leasefile={leases}",
            f"--dhcp-range={lends}",
            *(f"--{option}" for option in options),
        ]
        return self._started(argv, leases, "dnsmasq-dhcp")

    def dhcpd(self, config: str, *, version: int = 4) -> Server:
        """ISC's dhcpd with *config*."""
        if not DHCPD.exists():
            pytest.fail(f"{DHCPD} is not there: ./check unpacks it")
        conf, leases = self.directory / "dhcpd.conf", self.directory / "dhcpd.leases"
        conf.write_text(config)
        leases.touch()
        argv = [str(DHCPD), f"-{version}", "-f", "-d", "-cf", str(conf), "-lf", str(leases)]
        return self._started([*argv, "--no-pid", "lan"], leases, "Server starting service")

    def _started(self, argv: list[str], leases: Path, ready: str) -> Server:
        log = self.directory / f"{leases.stem}.log"
        with log.open("a") as out:
            process = subprocess.Popen(
                ("nsenter", f"--net={self.netns}", *argv),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )
        server = Server(process=process, leases=leases, log=log)
        self.exits.callback(server.stop)
        deadline = time.monotonic() + 5 * PACE
        while ready not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.01)
        return server

    def move_to(self, address: str) -> None:
        """Let the servers have *address* in place of theirs."""
        run_in(self.netns, "ip", "-4", "address", "flush", "dev", "lan")
        run_in(self.netns, "ip", "address", "add", f"{address}/24", "dev", "lan")


@dataclass
class Server:
    """A server that runs."""

    process: subprocess.Popen[bytes]
    leases: Path
    """Where it keeps who has what."""
    log: Path

    def forget(self) -> None:
        """Stop, and know nothing at the next start."""
        self.stop()
        self.leases.unlink()
        self.log.unlink()

    def stop(self) -> None:
        """Answer no more."""
        self.process.kill()
        self.process.wait(10)

    def lent(self, count: int = 1) -> dict[str, list[str]]:
        """The *count* leases of dnsmasq by address: their ends, MACs, addresses, names and client ids.

        It writes them down after it has answered.
        """
        deadline = time.monotonic() + 5 * PACE
        while True:
            lines = (line.split() for line in self.leases.read_text().splitlines())
            found = {line[2]: line for line in lines if len(line) == 5}
            if len(found) == count or time.monotonic() > deadline:
                return found
            time.sleep(0.01)

    def says(self, text: str) -> bool:
        """Whether its log, or what it keeps, says *text* within a moment."""
        deadline = time.monotonic() + 5 * PACE
        while text not in self.log.read_text() + self.leases.read_text():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True


@dataclass
class OpenedSockets(Sockets):
    """The part of the kernel that clients use; it knows which sockets are open."""

    sockets: list[socket.socket] = field(default_factory=list["socket.socket"])

    async def open_socket(
        self, netns: Path | None, family: socket.AddressFamily, kind: socket.SocketKind
    ) -> socket.socket:
        """A non-blocking socket that lives in *netns*, the host's for None."""
        sock = await super().open_socket(netns, family, kind)
        self.sockets.append(sock)
        return sock

    async def are_closed(self) -> bool:
        """Whether all sockets are closed within a moment: packet sockets are so aside."""
        for _ in range(200 * PACE):
            if all(sock.fileno() < 0 for sock in self.sockets):
                return True
            await asyncio.sleep(0.01)
        return False


def as_kernel(sockets: OpenedSockets) -> Kernel:
    """The kernel, for clients, which open sockets only."""
    return sockets  # type: ignore[return-value] # pyright: ignore[reportReturnType] - as said


@contextmanager
def a_lan(directory: Path) -> Generator[Lan]:
    """A LAN whose servers have 192.0.2.1 and 2001:db8::1."""
    assert shutil.which("dnsmasq"), "./check installs dnsmasq-base"
    with a_netns() as netns:
        script = (
            "ip link add lan address 02:00:00:00:00:01 type bridge;"
            "ip address add 192.0.2.1/24 dev lan;"
            "ip address add 2001:db8::1/64 dev lan nodad;"
            "ip link set lan up"
        )
        run_in(netns, "sh", "-euc", script)
        lan = Lan(directory, netns)
        with lan.exits:
            yield lan


def _broadcast(sock: socket.socket, data: bytes) -> None:
    sock.sendto(data, ("255.255.255.255", 68))


def a_client(number: int, netns: Path | None) -> LeaseClient:
    """The client of a sandbox's ``eth0``."""
    return LeaseClient(
        id=f"lan web{number}",
        network=NetworkName("lan"),
        holder=f"web{number}",
        netns=netns,
        ifname=IfName("eth0"),
        mac=mac(number),
        hostname=f"web{number}",
    )


def mac(number: int) -> Mac:
    """The MAC address of the box *number*."""
    return Mac(f"02:00:00:00:01:{number:02x}")


@functools.cache
def has_ipvlan() -> bool:
    """Whether this kernel has ipvlan links."""
    script = (
        "ip link add v0 type veth peer name v1; ip link add link v0 name i0 type ipvlan mode l2"
    )
    done = subprocess.run(["unshare", "--net", "sh", "-euc", script], check=False, timeout=60)
    return not done.returncode


class Told:
    """What a kept client says of its lease, in order."""

    def __init__(self) -> None:
        self.leases: list[Lease | None] = []
        self._change = asyncio.Event()

    async def __call__(self, lease: Lease | None) -> None:
        """Take down what it says."""
        self.leases.append(lease)
        self._change.set()

    async def until(self, count: int, seconds: float = 8.0) -> list[Lease | None]:
        """Wait until it said *count* things."""
        async with asyncio.timeout(seconds * PACE):
            while len(self.leases) < count:
                self._change.clear()
                await self._change.wait()
        return self.leases
