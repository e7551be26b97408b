"""What happens on the kernel thread: lists of operations, carried out and undone."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from errno import EEXIST, EINVAL, EMFILE, ENFILE, ENOENT, ENOMEM, EPROTONOSUPPORT
from os import close
from pathlib import Path
from typing import assert_never

from seaway.codec import rtnetlink
from seaway.contracts import Steps
from seaway.kernel import (
    bridges,
    interfaces,
    links,
    neighbours,
    netns,
    nft,
    observe,
    parents,
    routes,
    switches,
    sysctl,
    veths,
)
from seaway.kernel.announce import announcements
from seaway.kernel.descriptors import moved_up
from seaway.kernel.netlink import NETLINK_NETFILTER, Netlink, open_netlink, strerror
from seaway.kernel.reaper import Reaper
from seaway.kernel.visit import Host, Visits
from seaway.model.errors import EngineError, InvalidRequest, KernelRefused
from seaway.model.ids import IfName, shown
from seaway.model.observed import LinkState
from seaway.model.usage import Traffic
from seaway.plan.name_rewrite import NO_NAME_REWRITE, name_rewrite
from seaway.plan.operations import (
    AddBridge,
    AddDummy,
    AddSwitch,
    AddVlan,
    AdoptBridge,
    Announce,
    AttachLink,
    AttachVeth,
    BindNetns,
    ChangeAddresses,
    ChangeElements,
    ChangeGateways,
    ChangeGuard,
    ChangeHostRoutes,
    ChangeLeasedRoutes,
    ChangeMtu,
    ChangeRoute,
    ChangeShim,
    CreateNetns,
    DeleteLink,
    DeleteNetns,
    DetachLink,
    DetachVeth,
    DropVlan,
    ForgetAddress,
    ForgetAmong,
    ForgetPort,
    JoinUplink,
    LeaveNames,
    LeaveUplink,
    NameNetns,
    Operation,
    PassVlan,
    RedirectNames,
    ReleaseBridge,
    SetSysctl,
    UnnameNetns,
    inverse,
)

log = logging.getLogger(__name__)


class Worker:
    """Linux, as the kernel thread sees it; made and used on that thread only."""

    def __init__(self, steps: Steps, aside: Callable[[Callable[[], None]], object]) -> None:
        """*aside* does on another thread what has no order and takes milliseconds."""
        self.host = Host()
        self._steps, self._aside = steps, aside
        self.reaper = Reaper(self.host.netlink)

    def close(self) -> None:
        """Delete what waits for it and let go of everything."""
        self.reaper.finish()
        self.host.close()

    def apply(self, operations: Sequence[Operation]) -> None:
        """Carry out all of *operations* but to forget flows, or none; raises as ``Kernel.apply``."""
        done: list[Operation] = []
        with Visits(self.host) as visits:
            for op in operations:
                try:
                    self._step(op, visits)
                except Exception as error:
                    self._undo(done, visits)
                    raise refused(op, error) from error
                done.append(op)
            with suppress(OSError):  # a link that is gone again has nothing to wait for
                veths.await_carrier(self.host.netlink, operations)
            for each in announcements(operations, visits):
                self._aside(each.send)
        self._reap_when_many()

    def undo(self, operations: Sequence[Operation]) -> None:
        """Take back what was applied, the last first."""
        with Visits(self.host) as visits:
            self._undo(operations, visits)

    def remove(self, operations: Sequence[Operation]) -> list[Exception]:
        """Carry out *operations* of removal, and say which were refused."""
        errors: list[Exception] = []
        with Visits(self.host) as visits:
            for op in operations:
                left = (
                    op.left(self.host.firewall.elements) if isinstance(op, ChangeElements) else op
                )
                try:
                    self._step(left, visits)
                except Exception as error:  # noqa: BLE001
                    errors.append(refused(op, error))
        self._reap_when_many()
        return errors

    def _reap_when_many(self) -> None:
        if self.reaper.is_behind:
            self.reaper.step()

    def open_socket(
        self, path: Path | None, family: socket.AddressFamily, kind: socket.SocketKind
    ) -> socket.socket:
        """A non-blocking socket in the namespace bound to *path*, or in the host's."""
        if path is None:
            sock = socket.socket(family, kind | socket.SOCK_CLOEXEC)
        else:
            fd = netns.open_netns(path)
            try:
                sock = netns.socket_inside(fd, self.host.home, family, kind)
            finally:
                close(fd)
        sock = moved_up(sock)
        sock.setblocking(False)
        return sock

    def open_ear(self, parent: IfName, versions: Collection[int]) -> socket.socket:
        """A socket that hears who claims addresses of families *versions* behind the host's *parent*."""
        sock = self.open_socket(None, socket.AF_PACKET, socket.SOCK_RAW)
        try:
            neighbours.listen(sock, parent, versions)
        except BaseException:
            sock.close()
            raise
        return sock

    def traffic(self, path: Path) -> Mapping[IfName, Traffic]:
        """What the interfaces of the namespace bound to *path* have carried, but for loopback."""
        with Visits(self.host) as visits:
            bodies = [r.body for r in visits.to(path).netlink.dump(rtnetlink.dump_traffic())]
        links = [(rtnetlink.link(body), rtnetlink.traffic(body)) for body in bodies]
        return {link.name: carried for link, carried in links if not link.is_loopback}

    def links_inside(self, path: Path) -> Mapping[IfName, LinkState]:
        """The links of the namespace bound to *path*."""
        with Visits(self.host) as visits:
            return observe.links(visits.to(path).netlink)

    def open_conntrack(self) -> tuple[Netlink | None, int]:
        """A socket for tracked flows, for any thread, and how many there are; None where nothing is tracked."""
        count = sysctl.read("net/netfilter/nf_conntrack_count")
        if count == "0":
            return None, 0
        try:
            return open_netlink(NETLINK_NETFILTER), int(count or 0)
        except OSError as error:
            if error.errno == EPROTONOSUPPORT:
                return None, 0
            raise

    def mend_rules(self) -> None:
        """Load our tables again if one of them is gone; told in the log where that is refused."""
        try:
            self.host.firewall.mend()
        except nft.NftRefused as error:
            log.error("our firewall tables are gone", extra={"reason": str(error)})  # noqa: TRY400

    def _undo(self, done: Sequence[Operation], visits: Visits) -> None:
        """Undo *done* and delete the links that this cuts off, so that nothing is left behind."""
        for op in reversed(done):
            back = inverse(op)
            if back is None:
                continue
            try:
                self._do(back, visits)
            except Exception:
                log.exception("an operation could not be undone", extra={"operation": repr(op)})
        self.reaper.finish()

    def _step(self, op: Operation, visits: Visits) -> None:
        self._steps.reach(f"kernel.{type(op).__name__}")
        self._do(op, visits)

    def _do(self, op: Operation, visits: Visits) -> None:  # noqa: C901
        match op:
            case AddBridge():
                bridges.add_bridge(self.host, op)
            case AdoptBridge():
                bridges.adopt_bridge(self.host, op)
            case ReleaseBridge():
                self.reaper.set_down()
                bridges.release_bridge(self.host, op)
            case DeleteLink():
                self.reaper.set_down()
                links.delete_link(self.host, op)
            case CreateNetns():
                self._create_netns(op)
            case BindNetns():
                self._bind_netns(op)
            case NameNetns():
                netns.name(op.name, op.path)
            case UnnameNetns():
                netns.unname(op.name)
            case DeleteNetns():
                visits.forget(op.path)
                netns.unbind(op.path)
            case AttachVeth():
                veths.attach_veth(visits, op)
            case DetachVeth():
                if (doomed := veths.detach_veth(visits, op)) is not None:
                    self.reaper.doom(doomed)
            case AddSwitch():
                switches.add_switch(self.host, op)
            case JoinUplink():
                switches.join_uplink(self.host, op)
            case LeaveUplink():
                switches.leave_uplink(self.host, op)
            case PassVlan():
                switches.pass_vlan(self.host, op)
            case DropVlan():
                switches.drop_vlan(self.host, op)
            case AddVlan():
                parents.add_vlan(self.host, op)
            case AddDummy():
                parents.add_dummy(self.host, op)
            case ChangeShim():
                parents.change_shim(self.host, op)
            case AttachLink():
                self.host.firewall.guard(op.parent)
                parents.attach_link(visits, op, self.reaper)
            case DetachLink():
                parents.detach_link(visits, op, self.reaper)
            case Announce():
                pass  # sent after the rest: see apply
            case ChangeHostRoutes():
                parents.change_host_routes(self.host, op)
            case ChangeMtu():
                interfaces.change_mtu(visits, op)
            case ChangeGateways():
                bridges.change_gateways(self.host, op)
            case ChangeAddresses():
                interfaces.change_addresses(visits, op)
            case ChangeLeasedRoutes():
                interfaces.change_leased_routes(visits, op)
            case ChangeGuard():
                veths.change_guard(self.host, op)
            case ChangeRoute():
                routes.change_route(visits, op)
            case RedirectNames():
                self._redirect_names(visits, op)
            case LeaveNames():
                self._leave_names(visits, op)
            case ChangeElements():
                self.host.firewall.change(op.old - op.new, op.new - op.old)
            case ForgetAddress() | ForgetAmong() | ForgetPort():
                pass  # done aside, after the rest: see LinuxKernel
            case SetSysctl():
                sysctl.write(op.path, op.value)
            case _:
                assert_never(op)

    def _create_netns(self, op: CreateNetns) -> None:
        with netns.fresh(self.host.home), open_netlink() as netlink:
            up = rtnetlink.LinkChange(up=True)
            netlink.do(rtnetlink.change_link(rtnetlink.LOOPBACK_INDEX, up))
            fd = netns.current()
        _bind_and_close(fd, op.path)

    def _bind_netns(self, op: BindNetns) -> None:
        try:
            fd = netns.open_netns(op.source)
        except OSError as error:
            if error.errno in _OURS:
                raise
            raise no_source(op, _WHY.get(error.errno or 0, strerror(error))) from error
        if netns.same(fd, self.host.home):
            close(fd)
            raise no_source(op, "it is the network namespace of the host itself")
        _bind_and_close(fd, op.path)

    def _redirect_names(self, visits: Visits, op: RedirectNames) -> None:
        """Rewrite; and bring loopback up, which an adopted namespace may have down."""
        up = rtnetlink.LinkChange(up=True)
        visits.to(op.netns).netlink.do(rtnetlink.change_link(rtnetlink.LOOPBACK_INDEX, up))
        self._run_inside(visits, op.netns, name_rewrite(op.port))

    def _leave_names(self, visits: Visits, op: LeaveNames) -> None:
        with suppress(FileNotFoundError):
            self._run_inside(visits, op.netns, NO_NAME_REWRITE)

    def _run_inside(self, visits: Visits, path: Path, text: str) -> None:
        with visits.to(path).enter():
            context = nft.Nft()
        try:
            context.run(text)
        finally:
            self._aside(context.close)  # to close its socket takes 11 ms (nft_rcv_nl_event())


def _bind_and_close(fd: int, path: Path) -> None:
    try:
        netns.bind(fd, path)
    except FileExistsError as error:
        raise OSError(EEXIST, f"{path} is there already") from error
    finally:
        close(fd)


_OURS = frozenset({EMFILE, ENFILE, ENOMEM})
"""What keeps a file from being opened and is no fault of its path."""


_WHY = {ENOENT: "there is no such file", EINVAL: "it is not a network namespace"}


def no_source(op: BindNetns, reason: str) -> InvalidRequest:
    """That what *op* shall bind is no namespace of somebody else's."""
    return InvalidRequest(
        f"cannot adopt {shown(str(op.source))}: {reason}; it must be the file of another network "
        "namespace, such as /proc/1234/ns/net or /run/netns/name"
    )


def refused(op: Operation, error: Exception) -> EngineError:
    """*error* as the refusal of *op*, without numbers and tracebacks; a wrong wish stays one."""
    if isinstance(error, InvalidRequest):
        return error
    refusal = KernelRefused(type(op).__name__, strerror(error))
    refusal.__cause__ = error
    return refusal
