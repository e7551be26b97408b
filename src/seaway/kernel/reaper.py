"""Deleting links that were cut off, in steps so short that nobody has to wait for them.

The kernel waits for an RCU grace period (0.3 ms when idle, 9 ms when busy) for each port that leaves
its bridge, and for about 30 ms when a group of links is deleted, both under the lock that every
change of links needs. So ports leave one at a time, and one message deletes them all at the end.
"""

from __future__ import annotations

import logging
from collections import deque
from errno import ENODEV

from seaway.codec import rtnetlink
from seaway.codec.rtnetlink import LinkChange, Request
from seaway.kernel.netlink import Netlink, Refused
from seaway.kernel.visit import Inside
from seaway.plan.operations import DOOMED_GROUP

log = logging.getLogger(__name__)

MANY = 256
"""From so many links on, a step is taken with every job, idle or not."""


class Reaper:
    """The links of DOOMED_GROUP in one namespace, and links inside others; used on the kernel thread only."""

    def __init__(self, netlink: Netlink) -> None:
        self._netlink = netlink
        replies = netlink.dump(rtnetlink.dump_links())
        links = [rtnetlink.link(reply.body) for reply in replies]
        self._bridged = deque(link.index for link in links if link.group == DOOMED_GROUP)
        self._free = 0
        self._inside: deque[tuple[Inside, int]] = deque()

    @property
    def has_work(self) -> bool:
        """Whether links wait for their deletion."""
        return bool(self._bridged or self._free or self._inside)

    @property
    def is_behind(self) -> bool:
        """Whether so many wait that idleness should not be waited for."""
        return len(self._bridged) >= MANY

    def doom(self, index: int) -> None:
        """The link *index* is in the group now."""
        self._bridged.append(index)

    def doom_inside(self, inside: Inside, index: int) -> None:
        """The link *index* of another namespace is to be deleted; *inside* is the reaper's from now on."""
        self._inside.append((inside, index))

    def step(self) -> None:
        """Take one link off its bridge, or, when all are, delete the group; gone already is fine.

        A link is down before it leaves: else its frames would reach the host itself.
        """
        if self._inside:
            self._delete_inside(*self._inside.popleft())
            return
        if self._bridged:
            self._free += 1
            index = self._bridged.popleft()
            self._netlink.attempt(_down(index), rtnetlink.change_link(index, LinkChange(master=0)))
            return
        self._free = 0
        try:
            self._netlink.do_unless({ENODEV}, rtnetlink.delete_group(DOOMED_GROUP))
        except Refused:
            log.exception("links that were cut off could not be deleted")

    def _delete_inside(self, inside: Inside, index: int) -> None:
        try:
            inside.netlink.do_unless({ENODEV}, rtnetlink.delete_link(index))
        except OSError:
            log.exception("a link of a sandbox could not be deleted")
        finally:
            inside.close()

    def finish_inside(self) -> None:
        """Delete what waits inside other namespaces: its name, address or parent is wanted again."""
        while self._inside:
            self._delete_inside(*self._inside.popleft())

    def set_down(self) -> None:
        """Set all links down that are on a bridge, since that may be deleted now."""
        self._netlink.attempt(*(_down(index) for index in self._bridged))

    def finish(self) -> None:
        """Take all steps."""
        while self.has_work:
            self.step()


def _down(index: int) -> Request:
    return rtnetlink.change_link(index, LinkChange(up=False))
