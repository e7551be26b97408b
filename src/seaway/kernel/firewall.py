"""Our nftables tables: loaded whole at the start and when in doubt, else changed by elements."""

from __future__ import annotations

import logging
import socket
from collections import Counter
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from contextlib import suppress
from errno import ENOENT
from functools import cached_property
from os import strerror

from seaway.codec.nftelements import Unpackable
from seaway.kernel.elements import ElementSocket
from seaway.kernel.nft import Nft, NftRefused, counted_drops
from seaway.model.endpoint import Sender
from seaway.model.ids import IfName
from seaway.plan.elements import Element, Elements, difference, whole
from seaway.plan.firewall import NO_RULES, TABLES
from seaway.plan.lan_guard import GUARD, NETDEV, NO_GUARD, guarded_on, hook, unhook

log = logging.getLogger(__name__)

Hooks = dict[IfName, int]
"""The parents at which the guard of LANs hangs, with the index of each."""


class Firewall:
    """The tables of the namespace in which this is first used.

    What was put there is known here and never read back. So when Linux refuses a change that follows
    from it, somebody else has been at our tables, and all of them are loaded again.
    """

    def __init__(self) -> None:
        self._rules: str | None = None
        """The text that was loaded; None while there shall be no table."""
        self._elements: set[Element] = set()
        self._parents: Counter[IfName] = Counter()
        """How many are guarded on each parent, there or not."""
        self._hooks: Hooks = {}

    @cached_property
    def _nft(self) -> Nft:
        return Nft()

    @cached_property
    def _socket(self) -> ElementSocket:
        return ElementSocket()

    def close(self) -> None:
        """Let go of the kernel; the tables stay."""
        if "_socket" in self.__dict__:
            self._socket.close()

    def load(self, rules: str, elements: Elements) -> None:
        """Replace the tables by *rules* with *elements* in their sets, in one transaction.

        Raises NftRefused.
        """
        parents = _parents(elements)
        hooks = _present(parents)
        guard = self._no_guard() + (GUARD if parents else "")
        self._nft.run(whole(rules + guard, elements) + _text(hooks))
        self._rules, self._elements = rules, set(elements)
        self._parents, self._hooks = parents, hooks

    def unload(self) -> None:
        """Take the tables away, there or not; raises NftRefused."""
        self._nft.run(NO_RULES + self._no_guard())
        self._rules, self._elements = None, set()
        self._parents, self._hooks = Counter(), {}

    def mend(self) -> None:
        """Load the tables again if one of them is gone; raises NftRefused."""
        if self._rules is None:
            return
        wanted = TABLES | {NETDEV} if self._parents else TABLES
        if gone := wanted - self._tables():
            self._load_again(frozenset(self._elements), f"{', '.join(sorted(gone))} was gone")

    def change(self, gone: Elements, new: Elements) -> None:
        """Delete *gone*, then add *new*, in one transaction; raises NftRefused."""
        if (strange := next(iter(gone - self._elements), None)) is not None:
            place = f"{strange.table} {strange.set}"
            raise NftRefused(f"delete element {place}: {strerror(ENOENT)}")
        try:
            self._send(gone, new)
        except NftRefused as error:
            try:
                self._load_again(frozenset((self._elements - gone) | new), str(error))
            except NftRefused:
                raise error from None
        else:
            self._elements -= gone
            self._elements |= new

    @property
    def elements(self) -> AbstractSet[Element]:
        """What is in the sets and maps."""
        return self._elements

    def guard(self, parent: IfName) -> None:
        """See to it that what leaves by *parent* passes the guard, if anybody on it is guarded.

        It may be there for the first time, or again: what hung at the link before went with that.
        Raises NftRefused.
        """
        index = _present([parent]).get(parent)
        if parent not in self._parents or index is None or self._hooks.get(parent) == index:
            return
        self._nft.run(self._unhooked([parent]) + hook(parent, index))
        self._hooks[parent] = index

    def drops(self) -> dict[Sender, int]:
        """Packets that the source guard dropped; none where its table is not there."""
        found: dict[Sender, int] = {}
        for table in ("bridge seaway", NETDEV) if self._parents else ("bridge seaway",):
            try:
                found |= counted_drops(self._nft.run(f"list set {table} drops"))
            except NftRefused:
                continue
        return found

    def _send(self, gone: Elements, new: Elements) -> None:
        """By netlink; as text where only nft can read the elements, or a parent comes or goes."""
        after = self._parents - _parents(gone) + _parents(new)
        if after.keys() != self._parents.keys():
            self._move_guard(gone, new, after)
        else:
            try:
                self._socket.change(gone, new)
            except Unpackable:
                self._nft.run(difference(gone, new))
        self._parents = after

    def _move_guard(self, gone: Elements, new: Elements, after: Counter[IfName]) -> None:
        """Change elements, and with them the parents at which the guard hangs, in one transaction."""
        left = [parent for parent in self._parents if parent not in after]
        hooks = _present(parent for parent in after if parent not in self._parents)
        begin = GUARD if not self._parents else ""
        end = self._unhooked(left) if after else NO_GUARD
        self._nft.run(begin + difference(gone, new) + _text(hooks) + end)
        self._hooks = {p: n for p, n in self._hooks.items() if p in after} | hooks

    def _tables(self) -> set[str]:
        """The tables that are there, everybody's."""
        return {line.removeprefix("table ") for line in self._nft.run("list tables").splitlines()}

    def _no_guard(self) -> str:
        """Text that takes the guard of LANs away where it is: there are kernels without such tables."""
        return NO_GUARD if NETDEV in self._tables() else ""

    def _unhooked(self, parents: Iterable[IfName]) -> str:
        """Text that takes the guard off *parents* where it hangs at them."""
        return "".join(unhook(self._hooks[p]) for p in parents if p in self._hooks)

    def _load_again(self, elements: Elements, reason: str) -> None:
        if self._rules is None:
            raise NftRefused("there are no tables")
        self.load(self._rules, elements)
        log.warning(
            "our firewall tables were not as we left them, and are loaded again",
            extra={"reason": reason},
        )


def _parents(elements: Iterable[Element]) -> Counter[IfName]:
    """How many *elements* guard on each parent."""
    return Counter(parent for parent, _ in guarded_on(elements))


def _present(parents: Iterable[IfName]) -> Hooks:
    """Those of *parents* that the host has, with the index of each."""
    found: Hooks = {}
    for parent in parents:
        with suppress(OSError):
            found[parent] = socket.if_nametoindex(parent)
    return found


def _text(hooks: Hooks) -> str:
    return "".join(hook(parent, index) for parent, index in hooks.items())
