"""Our nftables tables: loaded whole at the start and when in doubt, else changed by elements."""

from __future__ import annotations

import logging
from collections.abc import Set as AbstractSet
from errno import ENOENT
from functools import cached_property
from os import strerror

from seaway.codec.nftelements import Unpackable
from seaway.kernel.elements import ElementSocket
from seaway.kernel.nft import Nft, NftRefused, counted_drops
from seaway.model.ids import IfName
from seaway.plan.elements import Element, Elements, difference, whole
from seaway.plan.firewall import NO_RULES, TABLES

log = logging.getLogger(__name__)


class Firewall:
    """The tables of the namespace in which this is first used.

    What was put there is known here and never read back. So when Linux refuses a change that follows
    from it, somebody else has been at our tables, and all of them are loaded again.
    """

    def __init__(self) -> None:
        self._rules: str | None = None
        """The text that was loaded; None while there shall be no table."""
        self._elements: set[Element] = set()

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
        self._nft.run(whole(rules, elements))
        self._rules, self._elements = rules, set(elements)

    def unload(self) -> None:
        """Take the tables away, there or not; raises NftRefused."""
        self._nft.run(NO_RULES)
        self._rules, self._elements = None, set()

    def mend(self) -> None:
        """Load the tables again if one of them is gone; raises NftRefused."""
        if self._rules is None:
            return
        there = {line.removeprefix("table ") for line in self._nft.run("list tables").splitlines()}
        if gone := TABLES - there:
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
        self._elements -= gone
        self._elements |= new

    @property
    def elements(self) -> AbstractSet[Element]:
        """What is in the sets and maps."""
        return self._elements

    def drops(self) -> dict[IfName, int]:
        """Packets that the source guard dropped; none where its table is not there."""
        try:
            return counted_drops(self._nft.run("list set bridge seaway drops"))
        except NftRefused:
            return {}

    def _send(self, gone: Elements, new: Elements) -> None:
        """By netlink; as text where only nft can read the elements."""
        try:
            self._socket.change(gone, new)
        except Unpackable:
            self._nft.run(difference(gone, new))

    def _load_again(self, elements: Elements, reason: str) -> None:
        if self._rules is None:
            raise NftRefused("there are no tables")
        self._nft.run(whole(self._rules, elements))
        log.warning(
            "our firewall tables were not as we left them, and are loaded again",
            extra={"reason": reason},
        )
