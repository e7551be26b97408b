"""Host ports, held by bound sockets: a second program that wants one is told that it is in use.

A holder never takes a packet: published traffic is translated before it. TCP holders are bound with
SO_REUSEADDR set, and then cleared: a former server's TIME_WAIT does not matter, a second bind is
refused, and without the translation a client is refused at once (no holder listens). UDP holders are
bound plainly. Where the kernel knows no such sockets (SCTP without its module) our own record alone keeps
two holders apart.
"""

from __future__ import annotations

import errno
import os
import resource
import socket
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

from seaway.contracts import NO_NUMBERS, Hold, Holds, Steps, Taken
from seaway.kernel.descriptors import moved_up
from seaway.model.errors import EngineError, Exhausted, PortTaken
from seaway.model.ids import SandboxId, shown
from seaway.model.port import Proto, PublishedPort, hosts_meet

SPARE_DESCRIPTORS = 512
"""How many descriptors are kept back for everything that is not a held port."""
TRIES = 64
"""How many random ports are tried before none is said to be free."""
SEARCH_TIME = 0.05
"""Seconds of processor time for which a refusal looks for the program that has the port.

Nobody is served meanwhile.
"""

_KIND = {
    Proto.TCP: socket.SOCK_STREAM,
    Proto.UDP: socket.SOCK_DGRAM,
    Proto.SCTP: socket.SOCK_STREAM,
}
_NUMBER = {
    Proto.TCP: socket.IPPROTO_TCP,
    Proto.UDP: socket.IPPROTO_UDP,
    Proto.SCTP: socket.IPPROTO_SCTP,
}
_FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}
_ANY = {4: "0.0.0.0", 6: "::"}

Sockets = dict[int, list[socket.socket]]
"""By family, 4 and 6."""


class SocketHostPorts:
    """Ports of the namespace in which this object's thread runs."""

    def __init__(self, steps: Steps, named: Callable[[SandboxId], str]) -> None:
        """*named* gives the name by which people know the owner of a port."""
        self._steps, self._named = steps, named
        self._held: dict[SandboxId, dict[Hold, Sockets]] = {}
        self._numbers: dict[tuple[Proto, int], dict[tuple[SandboxId, Hold], None]] = {}
        """The same by each single port, so that a clash is found without looking at all."""

    def hold(
        self,
        owner: SandboxId,
        ports: Sequence[PublishedPort],
        versions: Collection[int],
        *,
        last: Mapping[PublishedPort, int] = NO_NUMBERS,
    ) -> Taken:
        """Hold *ports* for *owner*, all or none.

        Fixed ones first, then those of which *last* has a number, so that no random one is in the way.
        """
        self._steps.reach("hostports.hold")
        _refuse_twice(ports)
        taken: dict[int, PublishedPort] = {}
        new: dict[Hold, frozenset[int]] = {}
        try:
            for index in sorted(
                range(len(ports)), key=lambda n: (ports[n].host_port == 0, ports[n] not in last)
            ):
                first = last.get(ports[index], 0)
                taken[index] = self._hold(owner, ports[index], versions, first, new)
        except BaseException:
            self._close(owner, new)
            raise
        return Taken(ports=tuple(taken[n] for n in range(len(ports))), new=new)

    def held(self, owner: SandboxId) -> Holds:
        """What is held for *owner*."""
        return {hold: frozenset(sockets) for hold, sockets in self._held.get(owner, {}).items()}

    def let_go(self, owner: SandboxId, holds: Holds | None = None) -> None:
        """Let go of *holds* of *owner* in their families, held or not; None: of all it holds."""
        self._steps.reach("hostports.free")
        self._close(owner, self.held(owner) if holds is None else holds)

    def _close(self, owner: SandboxId, holds: Holds) -> None:
        mine = self._held.get(owner, {})
        for hold, families in holds.items():
            sockets = mine.get(hold, {})
            for version in sockets.keys() & families:
                _close(sockets.pop(version))
            if hold in mine and not sockets:
                del mine[hold]
                self._leave_book(owner, hold)
        if not mine:
            self._held.pop(owner, None)

    def _hold(
        self,
        owner: SandboxId,
        port: PublishedPort,
        versions: Collection[int],
        first: int,
        new: dict[Hold, frozenset[int]],
    ) -> PublishedPort:
        """Hold one port; gives it with its number. What was not held before comes to *new*.

        The number is its own, else *first* (0: none) if that is free, else a random one.
        """
        families = [v for v in versions if port.is_on(v)]
        if port.host_port:
            self._hold_fixed(owner, port, families, new)
            return port
        for number in _candidates(port, first, families):
            candidate = replace(port, host_port=number)
            try:
                self._hold_fixed(owner, candidate, families, new)
            except PortTaken:
                continue
            return candidate
        if families:
            raise _none_free(port)
        return port

    def _hold_fixed(
        self,
        owner: SandboxId,
        port: PublishedPort,
        families: Sequence[int],
        new: dict[Hold, frozenset[int]],
    ) -> None:
        hold = Hold.of(port)
        held = self._held.get(owner, {}).get(hold, {})
        missing = [v for v in families if v not in held]
        if not missing:
            return
        self._refuse_clash(owner, port, hold, missing)
        if port.count * len(missing) > SPARE_DESCRIPTORS // 8:
            _refuse_descriptors(port, port.count * len(missing))
        with ExitStack() as undo:
            more = {v: [undo.enter_context(s) for s in _bound(port, v)] for v in missing}
            undo.pop_all()
        self._held.setdefault(owner, {})[hold] = held | more
        new[hold] = new.get(hold, frozenset()) | frozenset(missing)
        for number in _span(hold):
            self._numbers.setdefault((hold.proto, number), {})[owner, hold] = None

    def _leave_book(self, owner: SandboxId, hold: Hold) -> None:
        for number in _span(hold):
            holders = self._numbers[hold.proto, number]
            holders.pop((owner, hold), None)
            if not holders:
                del self._numbers[hold.proto, number]

    def _refuse_clash(
        self, owner: SandboxId, port: PublishedPort, hold: Hold, families: Sequence[int]
    ) -> None:
        """Refuse what our own book knows to be held; sockets would tell for all but SCTP."""
        for number in _span(hold):
            for holder, other in self._numbers.get((port.proto, number), ()):
                met = [v for v in families if v in self._held[holder][other]]
                if met and hosts_meet(port.host, other.host):
                    by = "this container" if holder == owner else f"container {self._named(holder)}"
                    host = str(port.host or _ANY[met[0]])
                    raise _taken(port, host, number, f"published by {by}")


def _span(hold: Hold) -> range:
    return range(hold.host_port, hold.host_port + hold.count)


def _refuse_twice(ports: Sequence[PublishedPort]) -> None:
    """Refuse to publish one port for two groups of sources; every other clash is told by our book."""
    firsts: dict[Hold, PublishedPort] = {}
    for port in ports:
        if port.host_port and port != firsts.setdefault(Hold.of(port), port):
            host = str(port.host or _ANY[4])
            raise _taken(port, host, port.host_port, "published by this container")


def _bound(port: PublishedPort, version: int) -> Iterator[socket.socket]:
    for number in range(port.host_port, port.host_port + port.count):
        host = str(port.host) if port.host is not None else _ANY[version]
        try:
            found = _socket(port.proto, version, host, number)
        except OSError as error:
            raise _refusal(port, host, number, error) from None
        if found is not None:
            with ExitStack() as undo:
                undo.enter_context(found)
                is_first = number == port.host_port
                if is_first and found.fileno() >= _limit() - SPARE_DESCRIPTORS:
                    _refuse_descriptors(port, port.count - 1)
                undo.pop_all()
            yield found


def _refusal(port: PublishedPort, host: str, number: int, error: OSError) -> EngineError:
    """Why the kernel did not let us bind *number* at *host*."""
    match error.errno:
        case errno.EMFILE:
            return _no_descriptors(port)
        case errno.EADDRINUSE:
            return _taken(port, host, number, _user(port.proto, number))
        case errno.EADDRNOTAVAIL:
            reason = f"{host} is no address of this host"
        case _:
            reason = str(error.strerror)
    return PortTaken(f"Bind for {_shown(host)}:{number} failed: {reason}")


def _socket(proto: Proto, version: int, host: str, number: int) -> socket.socket | None:
    """A bound socket; None where the kernel knows no sockets of the protocol."""
    try:
        found = socket.socket(_FAMILY[version], _KIND[proto], _NUMBER[proto])
    except OSError as error:
        if error.errno in {errno.EPROTONOSUPPORT, errno.EAFNOSUPPORT, errno.ESOCKTNOSUPPORT}:
            return None
        raise
    try:
        if version == 6:
            found.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if proto is not Proto.UDP:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((host, number))
        if proto is Proto.TCP:
            _forget_reuse(found)
        if proto is not Proto.UDP:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    except BaseException:
        found.close()
        raise
    return moved_up(found)


def _forget_reuse(bound: socket.socket) -> None:
    """Let Linux no longer believe that all who are bound to the port would share it.

    It keeps that of the first bind, and clearing SO_REUSEADDR does not tell it: Linux 6.1 then lets a
    program listen that sets SO_REUSEPORT as well. A listen does tell it
    (inet_csk_update_fastreuse() in net/ipv4/inet_connection_sock.c); its end leaves the port bound.
    """
    bound.listen(0)
    bound.shutdown(socket.SHUT_RD)


def _candidates(port: PublishedPort, first: int, families: Sequence[int]) -> Iterator[int]:
    """Numbers to try for *port*: *first* if there is one, then random ones; none without a family."""
    if first and families:
        yield first
    for _ in range(TRIES if families else 0):
        yield _free_port(port, families[0])


def _free_port(port: PublishedPort, version: int) -> int:
    """A port of the dynamic range that the kernel thinks is free; raises Exhausted, PortTaken."""
    proto = Proto.TCP if port.proto is Proto.SCTP else port.proto
    host = str(port.host) if port.host is not None else _ANY[version]
    try:
        with socket.socket(_FAMILY[version], _KIND[proto]) as probe:
            probe.bind((host, 0))
            return int(probe.getsockname()[1])
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise _none_free(port) from None
        raise _refusal(port, host, 0, error) from None


def _none_free(port: PublishedPort) -> Exhausted:
    return Exhausted(
        f"no free host port found for {port.port}/{port.proto}: all of the host's dynamic range "
        "seem to be in use; widen net.ipv4.ip_local_port_range, or give a host port"
    )


def _close(sockets: Sequence[socket.socket]) -> None:
    for each in sockets:
        each.close()


def _limit() -> int:
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return limit


def _refuse_descriptors(port: PublishedPort, needed: int) -> None:
    """Refuse *port* when *needed* more leave too few for everything else; counting takes a while.

    The kernel gives the lowest free number, so a socket's own tells whether to count at all.
    """
    used = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    if used + needed + SPARE_DESCRIPTORS > _limit():
        raise _no_descriptors(port, needed=needed, used=used)


def _no_descriptors(port: PublishedPort, *, needed: int = 0, used: int = 0) -> Exhausted:
    facts = f" ({used} of {_limit()} in use, {SPARE_DESCRIPTORS} kept back)" if used else ""
    return Exhausted(
        f"holding {port.count} {port.proto} ports from {port.host_port} on needs "
        f"{needed or port.count} file descriptors, more than the daemon may still open{facts}: "
        "publish fewer ports, or raise its limit (LimitNOFILE= of the service, or ulimit -Hn)"
    )


def _taken(port: PublishedPort, host: str, number: int, by: str) -> PortTaken:
    facts = f": {number}/{port.proto} is {by}" if by else f": {number}/{port.proto}"
    return PortTaken(f"Bind for {_shown(host)}:{number} failed: port is already allocated{facts}")


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _user(proto: Proto, number: int) -> str:
    """Which process has the port, as far as /proc tells in SEARCH_TIME."""
    end = time.thread_time() + SEARCH_TIME
    with suppress(TimeoutError):
        sockets = frozenset(_sockets(proto, number, end))
        if sockets and (name := _owner_of(sockets, end)) is not None:
            return f"held by {name}"
    return "held by another program"


def _sockets(proto: Proto, number: int, end: float) -> Iterator[str]:
    """The sockets at the port, as /proc/*/fd shows them (proc(5), /proc/net/tcp)."""
    for family in ("", "6"):
        table = Path(f"/proc/thread-self/net/{proto}{family}")
        if not table.exists():
            continue
        with table.open() as lines:
            next(lines)
            for line in lines:
                _refuse_after(end)
                fields = line.split()
                if int(fields[1].rpartition(":")[2], 16) == number and fields[9] != "0":
                    yield f"socket:[{fields[9]}]"


def _owner_of(sockets: Collection[str], end: float) -> str | None:
    """Who else has one of *sockets*; we may hold the port in the other family ourselves."""
    for process in Path("/proc").glob("[0-9]*"):
        if process.name == str(os.getpid()):
            continue
        try:
            if _has_one(process, sockets, end):
                name = (process / "comm").read_text(errors="replace").strip()
                return f"{shown(name)} (pid {process.name})"
        except TimeoutError:
            raise
        except OSError:  # it ended, or is not ours to look at
            continue
    return None


def _has_one(process: Path, sockets: Collection[str], end: float) -> bool:
    with os.scandir(process / "fd") as descriptors:
        for each in descriptors:
            _refuse_after(end)
            if os.readlink(each.path) in sockets:  # noqa: PTH115
                return True
    return False


def _refuse_after(end: float) -> None:
    """Raise TimeoutError when it is later than *end*: the daemon has others to serve meanwhile."""
    if time.thread_time() > end:
        raise TimeoutError
