"""How the core sees the world.

Whatever a use case does to the world goes through one of these. What may outlive the daemon passes
one named step first (``Steps``), so that a test can end the daemon at any of them; what dies with it
(events, streams, names in memory) passes none, nor does the size of a terminal.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, Self

from seaway.model.endpoint import Endpoint, Sender
from seaway.model.event import Event
from seaway.model.ids import (
    Address,
    EndpointId,
    IfName,
    Mac,
    NetworkId,
    SandboxId,
)
from seaway.model.lease import L, LeaseClient
from seaway.model.network import Network
from seaway.model.observed import LinkNews, LinkState, Observed, Surroundings
from seaway.model.options import Options
from seaway.model.port import Proto, PublishedPort
from seaway.model.sandbox import Process, Sandbox
from seaway.model.usage import Processes, Traffic, Usage
from seaway.plan.elements import Elements
from seaway.plan.ipam import Allocation
from seaway.plan.operations import Operation
from seaway.plan.wiring import Attachment
from seaway.plan.zone import Holder, Upstream, View

Record = Network | Sandbox | Endpoint
RecordId = NetworkId | SandboxId | EndpointId


class Steps(Protocol):
    """Where effects pass, one named step each: ``kernel.AddBridge``, ``store.commit``, …."""

    def reach(self, step: str) -> None:
        """Say that the effect named *step* comes next; a test's setting may fail or end it here."""
        ...


class Kernel(Protocol):
    """Linux, in the host's network namespace and in those of sandboxes."""

    async def apply(self, operations: Sequence[Operation]) -> None:
        """Carry out all of *operations*, in order, or none.

        Raises KernelRefused; InvalidRequest, when what BindNetns shall bind is no namespace.
        """
        ...

    async def remove(self, operations: Sequence[Operation]) -> None:
        """Carry out *operations* of removal, going on after errors; raises an ExceptionGroup at the end."""
        ...

    async def replace_rules(self, rules: str, elements: Elements = frozenset()) -> None:
        """Replace our tables by *rules* with *elements* in their sets, in one transaction.

        When another program deletes or alters our tables they are loaded again, with every change
        made since. Raises KernelRefused.
        """
        ...

    async def remove_rules(self) -> None:
        """Take our tables away, there or not; raises KernelRefused."""
        ...

    async def observe(self) -> Observed:
        """What Linux has now."""
        ...

    async def open_socket(
        self, netns: Path | None, family: socket.AddressFamily, kind: socket.SocketKind
    ) -> socket.socket:
        """A non-blocking socket that lives in *netns* (None: the host's), wherever it is used."""
        ...

    async def sysctl(self, path: str) -> str | None:
        """The value of the file *path* under /proc/sys; None when this kernel has no such file."""
        ...

    async def bound(self, directory: Path) -> Mapping[Path, bool]:
        """The files and links in *directory*, with whether each leads to a network namespace."""
        ...

    async def drops(self) -> Mapping[Sender, int]:
        """Packets that the source guard dropped, by who sent them."""
        ...

    async def links_inside(self, netns: Path) -> Mapping[IfName, LinkState]:
        """The links in *netns*; raises KernelRefused."""
        ...

    async def surroundings(self, link: IfName) -> Surroundings:
        """Where the host's interface *link* is plugged in, as far as it is known."""
        ...

    async def who_has(
        self, parent: IfName, addresses: Collection[Address], seconds: float
    ) -> Mapping[Address, Mac]:
        """Who on the LAN behind the host's link *parent* says within *seconds* that it has one of *addresses*.

        The host itself and those on the same parent hear no question. Where the link is not there, or
        down, nobody answers, at once. Raises KernelRefused.
        """
        ...

    async def watch_links(self, changed: Callable[[LinkNews], None]) -> None:
        """From now on call *changed*, on the loop, when links of the host come, go or get carrier."""
        ...

    async def watch_addresses(self, netns: Path, changed: Callable[[], None]) -> None:
        """From now on call *changed*, on the loop, when IPv6 addresses in *netns* come or go.

        In place of what was to be called before. Raises KernelRefused.
        """
        ...

    def stop_watching(self, netns: Path) -> None:
        """Watch the addresses in *netns* no more; not watched is fine."""
        ...

    async def traffic(self, netns: Path) -> Mapping[IfName, Traffic]:
        """What the interfaces in *netns* have carried, but for loopback; raises KernelRefused."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkFacts:
    """What a driver must know to read the options of a network that is to be made."""

    id: NetworkId
    ipv6: bool
    predefined: bool
    default_mtu: int
    links: Mapping[IfName, LinkState]
    """Links that the host has."""
    others: Collection[Network] = ()
    """The other networks."""
    uplinks: frozenset[IfName] = frozenset()
    """Links by which the host's default routes go."""
    before: Options | None = None
    """The options that it had, of a network that is to be changed."""
    internal: bool = False


class Driver(Protocol):
    """How one kind of network is made of Linux parts. Pure: the operations are for the kernel."""

    @property
    def name(self) -> str:
        """As in ``network create -d``."""
        ...

    @property
    def known_options(self) -> frozenset[str]:
        """The options that mean something to it."""
        ...

    @property
    def multiple(self) -> bool:
        """Whether users may make such networks."""
        ...

    def options(self, asked: Mapping[str, str], facts: NetworkFacts) -> Options:
        """*asked* as typed options; raises InvalidRequest."""
        ...

    def network_ops(
        self, before: Network | None, after: Network | None, others: Collection[Network] = ()
    ) -> Sequence[Operation]:
        """What makes the network that is as *before* as *after*, among *others*; None: there is none."""
        ...

    def endpoint_ops(
        self, before: Attachment | None, after: Attachment | None, netns: Path
    ) -> Sequence[Operation]:
        """What makes the interface in *netns* that is as *before* as *after*; None: there is none."""
        ...

    def is_whole(
        self,
        attachment: Attachment,
        host: Mapping[IfName, LinkState],
        inside: Mapping[IfName, LinkState],
    ) -> bool:
        """Whether its interface is there, with *host*'s links and those *inside*."""
        ...


class Store(Protocol):
    """What was asked for. Reads are of the present, claims included; writes are kill-safe.

    A claim decides races at once and lives as long as the daemon; a commit makes it a promise.
    """

    def networks(self) -> Collection[Network]: ...
    def sandboxes(self) -> Collection[Sandbox]: ...
    def network(self, ref: str) -> Network:
        """By full id, name, or unambiguous beginning of an id; raises NotFound, InvalidRequest."""
        ...

    def sandbox(self, ref: str) -> Sandbox:
        """By full id, name, or unambiguous beginning of an id; raises NotFound, InvalidRequest."""
        ...

    def endpoints_of(self, owner: NetworkId | SandboxId) -> Sequence[Endpoint]:
        """The endpoints of a network or sandbox, in the order of connecting."""
        ...

    def endpoint(self, endpoint: EndpointId) -> Endpoint:
        """By full id; raises KeyError when it is not there."""
        ...

    def allocation(self, network: NetworkId) -> Allocation:
        """What is known of the network's addresses: those of live endpoints, and the released."""
        ...

    async def claim(self, record: Record) -> None:
        """Take the names and addresses of *record*; raises Conflict, Forbidden (AddressTaken)."""
        ...

    def release(self, record: RecordId) -> None:
        """Give up what was claimed since the last commit of *record*."""
        ...

    async def commit(self, put: Sequence[Record] = (), delete: Sequence[RecordId] = ()) -> None:
        """Keep all of *put* and forget all of *delete*, in one transaction that survives a kill."""
        ...

    def fact(self, name: str) -> str | None:
        """A fact about the host that must outlive the daemon (what a sysctl was before us)."""
        ...

    def facts(self, prefix: str) -> Mapping[str, str]:
        """All such facts whose name begins with *prefix*, the last kept first."""
        ...

    async def keep_fact(self, name: str, value: str | None) -> None:
        """Keep, or with None forget, a fact about the host."""
        ...


class Names(Protocol):
    """The name servers inside the sandboxes."""

    def name_network(self, network: NetworkId, name: str) -> None:
        """Let ``name.<name>`` lead to the holders of *network* too."""
        ...

    def forget_network(self, network: NetworkId) -> None:
        """No name of *network* leads anywhere from now on."""
        ...

    def join(self, network: NetworkId, holder: Holder) -> None:
        """Names of *holder* lead to it on *network* from now on; in place of its former ones."""
        ...

    def leave(self, network: NetworkId, endpoint: EndpointId) -> None:
        """No name on *network* leads to *endpoint* from now on; not there is fine."""
        ...

    async def open(self, sandbox: SandboxId, netns: Path, view: View) -> None:
        """Answer at 127.0.0.11 inside *netns* (behind RedirectNames); raises Unavailable."""
        ...

    def show(self, sandbox: SandboxId, view: View) -> None:
        """From now on answer *sandbox* by *view*; unknown sandboxes are ignored."""
        ...

    async def answer_at(self, network: NetworkId, address: Address) -> None:
        """Answer names of *network* at its gateway *address*, port 53, too; raises Unavailable.

        For the host itself and for holders on the network; strangers get nothing.
        """
        ...

    async def stop_at(self, network: NetworkId) -> None:
        """Answer at no gateway address of *network* any more; none is fine."""
        ...

    def host_servers(self) -> tuple[Upstream, ...]:
        """The host's own name servers, as they are now."""
        ...

    def host_search(self) -> tuple[str, ...]:
        """The host's own search domains, as they are now."""
        ...

    async def close(self, sandbox: SandboxId) -> None:
        """Stop answering *sandbox*; not open is fine."""
        ...


@dataclass(frozen=True, slots=True)
class Hold:
    """A port of the host, or a range, that is held in one or both families, and where it leads."""

    proto: Proto
    host: Address | None
    host_port: int
    count: int
    port: int

    @classmethod
    def of(cls, port: PublishedPort) -> Self:
        """What is held for *port*."""
        return cls(port.proto, port.host, port.host_port, port.count, port.port)


Holds = Mapping[Hold, frozenset[int]]
"""What is held, each with the families, 4 and 6, in which it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What a hold came to."""

    ports: tuple[PublishedPort, ...]
    """Those that were to be held, each with its number."""
    new: Holds
    """What was not held before."""


NO_NUMBERS: Final[Mapping[PublishedPort, int]] = {}


class HostPorts(Protocol):
    """Host ports, held by bound sockets so that two programs never share one."""

    def hold(
        self,
        owner: SandboxId,
        ports: Sequence[PublishedPort],
        versions: Collection[int],
        *,
        last: Mapping[PublishedPort, int] = NO_NUMBERS,
    ) -> Taken:
        """Hold *ports* for *owner* in the families *versions*, all or none.

        A *host_port* of 0 takes the number that *last* has for it if that is free, else a free one from
        the host's dynamic range. What *owner* holds already is kept. Raises PortTaken, Exhausted (of
        descriptors).
        """
        ...

    def held(self, owner: SandboxId) -> Holds:
        """What is held for *owner*."""
        ...

    def let_go(self, owner: SandboxId, holds: Holds | None = None) -> None:
        """Let go of *holds* of *owner* in their families, held or not; None: of all it holds."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """All that a runtime needs to start a sandbox's process."""

    sandbox: SandboxId
    name: str
    process: Process
    hostname: str
    netns: Path | None
    """None: the host's."""
    hosts: str
    """Text of /etc/hosts."""
    resolv_conf: str
    """Text of /etc/resolv.conf."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """How a process ended."""

    code: int
    finished: int
    """Nanoseconds since the epoch."""


UNKNOWN_EXIT: Final = 255
"""The code where nobody knows how a process ended (the host was restarted); Docker's too."""
KILLED: Final = 137
"""The code of a process that SIGKILL ended: 128 and the number of the signal."""


class Stream(Protocol):
    """A terminal or the standard streams of a process, both ways."""

    async def read(self) -> tuple[int, bytes] | None:
        """The next output: 1 for stdout, 2 for stderr, with its bytes; None at the end."""
        ...

    async def write(self, data: bytes) -> None:
        """Input for the process."""
        ...

    async def write_eof(self) -> None:
        """No more input."""
        ...

    async def close(self) -> None:
        """Let go; the process runs on."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One piece of logged output."""

    time: int
    """Nanoseconds since the epoch."""
    stream: int
    """1 for stdout, 2 for stderr."""
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxFiles:
    """Files of the host that a sandbox has for itself; None: it is not there."""

    hosts: Path | None = None
    hostname: Path | None = None
    resolv_conf: Path | None = None
    log: Path | None = None
    """What its process wrote, as conmon writes it down (``k8s-file``)."""


class Runtime(Protocol):
    """Processes of sandboxes: OCI containers that outlive the daemon."""

    async def create(self, launch: Launch) -> int:
        """Make the container, its command not yet running; gives the process id.

        Raises CannotRun (126, 127) when the command cannot be run, Unavailable else.
        """
        ...

    async def attach(self, sandbox: SandboxId) -> Stream:
        """The streams of a container that was created; output from the first byte, if before start."""
        ...

    async def start(self, sandbox: SandboxId) -> None:
        """Let the command run; raises CannotRun."""
        ...

    async def wait(self, sandbox: SandboxId) -> Exit:
        """Wait for the end of the process and say how it was; at once when it ended before."""
        ...

    def exit(self, sandbox: SandboxId) -> Exit | None:
        """How the process ended; None while it lives or when there is none."""
        ...

    def pid(self, sandbox: SandboxId) -> int | None:
        """The process id of a living process."""
        ...

    def paused(self, sandbox: SandboxId) -> bool:
        """Whether its processes are held still."""
        ...

    async def pause(self, sandbox: SandboxId) -> None:
        """Hold its processes still until ``unpause`` or a signal.

        Raises Conflict when none is running, Unavailable where the host cannot do it.
        """
        ...

    async def unpause(self, sandbox: SandboxId) -> None:
        """Let its processes go on; raises Conflict when none is running."""
        ...

    def usage(self, sandbox: SandboxId) -> Usage:
        """What its processes use; raises Conflict when none is running."""
        ...

    async def processes(self, sandbox: SandboxId, options: Sequence[str]) -> Processes:
        """Its processes, as ps(1) shows them with *options*.

        Raises Conflict when none is running, InvalidRequest for options that ps does not take.
        """
        ...

    async def kill(self, sandbox: SandboxId, signal: int) -> None:
        """Send a signal; one that is paused goes on. Raises Conflict when it is not running."""
        ...

    async def resize(self, sandbox: SandboxId, height: int, width: int) -> None:
        """Tell the terminal its size in characters."""
        ...

    async def execute(self, sandbox: SandboxId, exec_id: str, process: Process) -> Stream:
        """Run a further process; raises CannotRun. Its end: ``wait_exec``."""
        ...

    async def wait_exec(self, exec_id: str) -> Exit:
        """Wait for the end of a further process."""
        ...

    async def resize_exec(self, exec_id: str, height: int, width: int) -> None: ...

    def exec_pid(self, exec_id: str) -> int | None:
        """The process id of a living further process."""
        ...

    def files(self, sandbox: SandboxId) -> SandboxFiles:
        """Where its own files are on the host, those that are there."""
        ...

    def logs(self, sandbox: SandboxId, *, follow: bool) -> AsyncIterator[LogLine]:
        """What was written to the standard streams, from the beginning."""
        ...

    async def write_files(self, sandbox: SandboxId, *, hosts: str, resolv_conf: str) -> None:
        """Change /etc/hosts and /etc/resolv.conf of a running sandbox in place."""
        ...

    async def remove(self, sandbox: SandboxId, *, keep_log: bool = False) -> None:
        """End what still lives and take every file of the container away; gone already is fine.

        With *keep_log* what was written stays: the sandbox is there still, and only a start of it failed.
        """
        ...

    async def known(self) -> frozenset[SandboxId]:
        """The sandboxes of which any trace is there."""
        ...


class Leases(Protocol[L]):
    """Addresses that the LAN's own servers lend, by DHCPv4 or by DHCPv6.

    Whoever asks sets them on the interface, and takes them away. An interface that asks is up.
    """

    async def acquire(self, client: LeaseClient, known: L | None = None) -> L:
        """A lease for *client*: the one that is *known* from before, if it may still have that.

        Where all servers are silent that is so as long as it runs. Raises Unavailable within a bounded
        time, and says what servers there did.
        """
        ...

    def keep(
        self, client: LeaseClient, lease: L | None, changed: Callable[[L | None], Awaitable[None]]
    ) -> None:
        """Prolong *lease* from now on, and get another when that is lost; None: get one.

        Nothing is kept for *client* yet. *changed* is told each new lease, be it only of other times, and
        None at once when the address must not be used any more. A lease that it refuses by AddressTaken is
        declined, and another asked for ten seconds later (RFC 2131 section 3.1, point 5); whatever else it
        raises, servers are asked on until ``stop``.
        """
        ...

    async def release(self, client: LeaseClient, lease: L) -> None:
        """Stop, and give *lease* back while the interface still has its address; nobody need hear it."""
        ...

    async def decline(self, client: LeaseClient, lease: L) -> None:
        """Stop, and tell the server that somebody else has the address; ask for another then."""
        ...

    async def stop(self, client: LeaseClient) -> None:
        """Do no more for *client*, and say nothing; the lease stays its own. Not kept is fine."""
        ...


class Events(Protocol):
    """Who watches what happens."""

    def emit(self, event: Event) -> None:
        """Tell everybody; never waits."""
        ...


class Clock(Protocol):
    """The time."""

    def now(self) -> int:
        """Nanoseconds since the epoch."""
        ...
