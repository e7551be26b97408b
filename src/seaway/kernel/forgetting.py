"""Forgetting the tracked flows of released addresses: a little later, and many in one walk.

To walk the table of flows takes 9 ms and more of one core, during which a kernel without preemption
does nothing else on it. So nobody waits for it at a release, all addresses released within GATHER
share a walk, and only who takes such an address again waits until its flows are gone. A namespace that
takes its own back before the walk begins need not: its flows lead where they led.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from seaway.kernel import conntrack, sysctl
from seaway.kernel.netlink import NETLINK_NETFILTER, open_netlink, strerror
from seaway.kernel.netns import enter
from seaway.model.ids import Address

log = logging.getLogger(__name__)

GATHER = 0.05
"""Seconds in which more addresses may join a walk, unless one of them is wanted again."""


@dataclass(eq=False)
class _Walk:
    addresses: dict[Address, Path | None] = field(default_factory=dict[Address, "Path | None"])
    """With the namespace that had the address, if that is there still."""
    hurry: threading.Event = field(default_factory=threading.Event)
    done: Future[None] | None = None


class Forgetting:
    """One thread that walks the flows of the namespace *host* (a descriptor)."""

    def __init__(self, host: int) -> None:
        self._thread = ThreadPoolExecutor(
            1, thread_name_prefix="kernel-flows", initializer=enter, initargs=(host,)
        )
        self._lock = threading.Lock()
        self._next: _Walk | None = None
        self._walked: Collection[Address] = ()
        """Those whose flows are being forgotten now."""
        self._walks: dict[Address, _Walk] = {}

    def let_go(self, addresses: Iterable[Address], netns: Path | None = None) -> None:
        """Begin to forget the flows from and to *addresses*, which *netns* had; returns at once."""
        gone = dict.fromkeys(addresses, netns)
        if not gone:
            return
        with self._lock:
            walk = self._next
            if walk is None:
                walk = self._next = _Walk()
                walk.done = self._thread.submit(self._take, walk)
            walk.addresses |= gone
            self._walks.update(dict.fromkeys(gone, walk))

    def keep(self, address: Address, netns: Path) -> bool:
        """Forget no flows of *address* if *netns* had it, and may have it again; says whether that is so."""
        with self._lock:
            walk = self._next
            is_its_own = walk is not None and walk.addresses.get(address) == netns
            if walk is None or not is_its_own or address in self._walked:
                return False
            del walk.addresses[address], self._walks[address]
            return True

    def forgotten(self, address: Address) -> Future[None] | None:
        """What to wait for before *address* is used again, which comes soon now; None: nothing."""
        walk = self._walks.get(address)
        if walk is None:
            return None
        walk.hurry.set()
        return walk.done

    def close(self) -> None:
        """Take no more; what was asked for is finished before the process ends."""
        if (walk := self._next) is not None:
            walk.hurry.set()
        self._thread.shutdown(wait=False)

    def _take(self, walk: _Walk) -> None:
        walk.hurry.wait(GATHER)
        with self._lock:
            self._next, self._walked = None, walk.addresses
        try:
            _forget(walk.addresses)
        except OSError as error:
            log.error("flows could not be forgotten", extra={"reason": strerror(error)})  # noqa: TRY400
        with self._lock:
            self._walked = ()
            for address in walk.addresses:
                if self._walks.get(address) is walk:
                    del self._walks[address]


def _forget(addresses: Collection[Address]) -> None:
    tracked = int(sysctl.read("net/netfilter/nf_conntrack_count") or 0)
    if tracked and addresses:
        with open_netlink(NETLINK_NETFILTER) as netlink:
            conntrack.forget_addresses(netlink, addresses, tracked)
