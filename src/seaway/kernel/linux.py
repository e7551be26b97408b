"""The Kernel contract, carried out by Linux."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from seaway.contracts import Steps
from seaway.kernel import conntrack, neighbours, sysctl
from seaway.kernel.addresswatch import AddressWatch
from seaway.kernel.forgetting import Forgetting
from seaway.kernel.linkwatch import LinkWatch
from seaway.kernel.netlink import Netlink, strerror
from seaway.kernel.netns import bound, enter
from seaway.kernel.observe import observe
from seaway.kernel.surroundings import surroundings
from seaway.kernel.tablewatch import TableWatch
from seaway.kernel.thread import KernelThread
from seaway.kernel.worker import Worker, refused
from seaway.model.endpoint import Sender
from seaway.model.errors import EngineError, KernelRefused
from seaway.model.ids import Address, IfName, Mac
from seaway.model.observed import LinkNews, LinkState, Observed, Surroundings
from seaway.model.usage import Traffic
from seaway.plan.elements import Elements
from seaway.plan.operations import (
    Attach,
    BindNetns,
    CreateNetns,
    Detach,
    Forget,
    ForgetAddress,
    ForgetPort,
    Operation,
    UnnameNetns,
)

log = logging.getLogger(__name__)

T = TypeVar("T")

_ASIDE = 8
"""Threads for what takes milliseconds and has no order: announcements, walking flows."""


class LinuxKernel:
    """Linux, in the namespace of the thread that makes this object, or in *host* (a descriptor).

    All is done on one kernel thread, in the order of asking; only tracked flows are walked aside.
    """

    def __init__(self, steps: Steps, host: int | None = None) -> None:
        self._steps = steps
        self._aside = ThreadPoolExecutor(_ASIDE, thread_name_prefix="kernel-aside")
        self._thread = KernelThread()
        self._worker = self._thread.submit(lambda: self._begin(host)).result()
        self._forgetting = Forgetting(self._worker.host.home)
        self._tables: TableWatch | None = None
        self._links: LinkWatch | None = None
        self._addresses: dict[Path, AddressWatch] = {}
        reaper = self._worker.reaper
        self._thread.when_idle(reaper.step, lambda: reaper.has_work)

    def _begin(self, host: int | None) -> Worker:
        if host is not None:
            enter(host)
        return Worker(self._steps, self._aside.submit)

    async def close(self) -> None:
        """Delete the links that wait for it, and end the threads; closed already is fine."""
        if self._thread.ended:
            return
        for watch in (self._tables, self._links):
            if watch is not None:
                asyncio.get_running_loop().remove_reader(watch)
                watch.close()
        for netns in tuple(self._addresses):
            self.stop_watching(netns)
        self._forgetting.close()
        closed = self._thread.submit(self._worker.close)
        self._thread.end()
        await asyncio.wrap_future(closed)
        self._aside.shutdown(wait=False)

    async def apply(self, operations: Sequence[Operation]) -> None:
        """Carry out all of *operations*, in order, or none; raises as the contract says.

        A cancelled caller's operations are undone before anything that is asked for later.
        """
        ops = tuple(operations)
        kept = await self._forgotten(ops)
        done = self._thread.submit(lambda: self._worker.apply(ops))
        try:
            await asyncio.shield(asyncio.wrap_future(done))
            await self._forget_flows([op for op in ops if isinstance(op, Forget)])
        except (asyncio.CancelledError, EngineError):
            if not done.cancel():
                self._thread.submit(lambda: self._undo_if_done(done, ops))
            self._forgetting.let_go(kept)
            raise

    def _undo_if_done(self, done: Future[None], ops: Sequence[Operation]) -> None:
        if done.exception() is None:
            self._worker.undo(ops)

    async def remove(self, operations: Sequence[Operation]) -> None:
        """Carry out *operations* of removal, going on after errors; raises an ExceptionGroup."""
        ops = tuple(operations)
        errors = await self._thread.call(lambda: self._worker.remove(ops))
        gone = [op.address for op in ops if isinstance(op, ForgetAddress)]
        self._forgetting.let_go(
            gone, _namespace_of(ops, [op for op in ops if isinstance(op, Detach)])
        )
        try:
            await self._forget_flows([op for op in ops if isinstance(op, ForgetPort)])
        except KernelRefused as error:
            errors.append(error)
        if errors:
            raise ExceptionGroup("not everything could be removed", errors)

    async def replace_rules(self, rules: str, elements: Elements = frozenset()) -> None:
        """Replace our tables by *rules* with *elements*, in one transaction; raises KernelRefused."""
        load = self._worker.host.firewall.load
        await self._ask("ReplaceRules", lambda: load(rules, elements))
        if self._tables is None:
            self._tables = await self._thread.call(TableWatch)
            asyncio.get_running_loop().add_reader(self._tables, self._mend_rules, self._tables)

    async def remove_rules(self) -> None:
        """Take our tables away; raises KernelRefused."""
        await self._ask("RemoveRules", self._worker.host.firewall.unload)

    def _mend_rules(self, tables: TableWatch) -> None:
        """Load our tables again if somebody else deleted one."""
        if tables.deleted():
            self._thread.submit(self._worker.mend_rules)

    async def observe(self) -> Observed:
        """What Linux has now; raises KernelRefused."""
        return await self._ask("Observe", lambda: observe(self._worker.host.netlink))

    async def open_socket(
        self, netns: Path | None, family: socket.AddressFamily, kind: socket.SocketKind
    ) -> socket.socket:
        """A non-blocking socket that lives in *netns* (None: the host's); raises KernelRefused."""
        return await self._opened(
            "OpenSocket", lambda: self._worker.open_socket(netns, family, kind)
        )

    async def _opened(self, step: str, work: Callable[[], socket.socket]) -> socket.socket:
        """The socket that *work* opens on the kernel thread; raises KernelRefused."""
        opened = self._submit(step, work)
        try:
            return await asyncio.wrap_future(opened)
        except asyncio.CancelledError:
            opened.add_done_callback(_close_result)
            raise

    async def sysctl(self, path: str) -> str | None:
        """The value of the setting *path* under /proc/sys; None when this kernel has none."""
        return await self._ask("ReadSysctl", lambda: sysctl.read(path))

    async def bound(self, directory: Path) -> Mapping[Path, bool]:
        """The files and links in *directory*, with whether each leads to a network namespace."""
        return await self._ask("Bound", lambda: bound(directory))

    async def drops(self) -> Mapping[Sender, int]:
        """Packets that the source guard dropped, by who sent them."""
        return await self._thread.call(self._worker.host.firewall.drops)

    async def links_inside(self, netns: Path) -> Mapping[IfName, LinkState]:
        """The links in *netns*; raises KernelRefused."""
        return await self._ask("ReadLinks", lambda: self._worker.links_inside(netns))

    async def surroundings(self, link: IfName) -> Surroundings:
        """Where the host's interface *link* is plugged in; raises KernelRefused."""
        return await self._ask("ReadSurroundings", lambda: surroundings(link))

    async def who_has(
        self, parent: IfName, addresses: Collection[Address], seconds: float
    ) -> Mapping[Address, Mac]:
        """Who on the LAN behind *parent* has one of *addresses*; raises KernelRefused."""
        versions = {address.version for address in addresses}
        sock = await self._opened("WhoHas", lambda: self._worker.open_ear(parent, versions))
        try:
            return await neighbours.ask(sock, addresses, seconds)
        finally:
            self._aside.submit(sock.close)  # takes 12 to 16 ms (packet_release())

    async def watch_links(self, changed: Callable[[LinkNews], None]) -> None:
        """Call *changed* when links of the host come or go."""
        if self._links is not None:
            return
        self._links = await self._thread.call(LinkWatch)
        watch = self._links

        def tell() -> None:
            if news := watch.news():
                changed(news)

        asyncio.get_running_loop().add_reader(watch, tell)

    async def watch_addresses(self, netns: Path, changed: Callable[[], None]) -> None:
        """Call *changed* when IPv6 addresses in *netns* come or go; raises KernelRefused."""
        sock = await self.open_socket(netns, socket.AF_NETLINK, socket.SOCK_RAW)
        self.stop_watching(netns)
        watch = self._addresses[netns] = AddressWatch(sock)

        def tell() -> None:
            if watch.news():
                changed()

        asyncio.get_running_loop().add_reader(watch, tell)

    def stop_watching(self, netns: Path) -> None:
        """Watch the addresses in *netns* no more; not watched is fine."""
        watch = self._addresses.pop(netns, None)
        if watch is not None:
            asyncio.get_running_loop().remove_reader(watch)
            watch.close()

    async def traffic(self, netns: Path) -> Mapping[IfName, Traffic]:
        """What the interfaces in *netns* have carried; raises KernelRefused."""
        return await self._ask("ReadTraffic", lambda: self._worker.traffic(netns))

    async def _ask(self, step: str, work: Callable[[], T]) -> T:
        return await asyncio.wrap_future(self._submit(step, work))

    def _submit(self, step: str, work: Callable[[], T]) -> Future[T]:
        """Do *work* on the kernel thread as the step *step*; raises KernelRefused there."""

        def reach_and_work() -> T:
            try:
                self._steps.reach(f"kernel.{step}")
                return work()
            except Exception as error:
                raise KernelRefused(step, strerror(error)) from error

        return self._thread.submit(reach_and_work)

    async def _forget_flows(self, flows: Sequence[Forget]) -> None:
        """Forget *flows*, on a thread of its own; raises KernelRefused."""
        if flows:
            netlink, tracked = await self._thread.call(self._worker.open_conntrack)
            await asyncio.wrap_future(self._aside.submit(_forget_all, netlink, tracked, flows))

    async def _forgotten(self, ops: Sequence[Operation]) -> list[Address]:
        """Wait until the flows of addresses that *ops* take again are forgotten.

        Those that a namespace takes back keep theirs; gives them.
        """
        kept: list[Address] = []
        attached = [op for op in ops if isinstance(op, Attach)]
        netns = _namespace_of(ops, attached)
        for address in (a.ip for op in attached for a in op.addresses):
            if netns is not None and self._forgetting.keep(address, netns):
                kept.append(address)
            elif (done := self._forgetting.forgotten(address)) is not None:
                await asyncio.wait([asyncio.wrap_future(done)])
        return kept


def _namespace_of(ops: Sequence[Operation], ends: Sequence[Attach | Detach]) -> Path | None:
    """The namespace whose links, *ends*, *ops* make or cut; None where it begins or ends with them."""
    if any(isinstance(op, CreateNetns | BindNetns | UnnameNetns) for op in ops):
        return None
    return next((op.netns for op in ends), None)


def _close_result(future: Future[socket.socket]) -> None:
    """Close the socket that nobody waits for any more."""
    if not future.cancelled() and future.exception() is None:
        future.result().close()


def _forget_all(netlink: Netlink | None, tracked: int, flows: Sequence[Forget]) -> None:
    """Forget *flows*, those of all addresses together: each walk of the table takes milliseconds."""
    if netlink is None:
        return
    addresses = [op for op in flows if isinstance(op, ForgetAddress)]
    with netlink:
        if addresses:
            with _refusing(addresses[0]):
                conntrack.forget_addresses(netlink, [op.address for op in addresses], tracked)
        for op in flows:
            if not isinstance(op, ForgetAddress):
                with _refusing(op):
                    conntrack.forget(netlink, op)


@contextmanager
def _refusing(op: Forget) -> Generator[None]:
    """What Linux says no to is a refusal of *op*."""
    try:
        yield
    except OSError as error:
        raise refused(op, error) from error
