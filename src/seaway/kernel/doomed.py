"""Names of links that were cut off and wait for their deletion, when they are wanted again.

A new name waits for an RCU grace period, so whoever cuts a link off leaves the old one alone. All of
it runs on the kernel thread.
"""

from __future__ import annotations

from errno import ENODEV

from seaway.codec import rtnetlink
from seaway.codec.rtnetlink import Link, LinkChange
from seaway.kernel.netlink import Netlink, Refused
from seaway.model.ids import IfName
from seaway.plan.operations import DOOMED_GROUP


def clear_near_name(host: Netlink, name: IfName) -> None:
    """Rename the doomed link *name* of the host; that of somebody else stays."""
    near = _named(host, name)
    if near is not None and near.group == DOOMED_GROUP:
        _rename_away(host, near.index)


def clear_far_name(host: Netlink, inside: Netlink, name: IfName) -> None:
    """Rename the far end *name* of a doomed link; one that is in use, or somebody else's, stays."""
    far = _named(inside, name)
    near = host.link(far.peer) if far is not None and far.peer else None
    if (
        far is not None
        and near is not None
        and near.group == DOOMED_GROUP
        and near.peer == far.index
    ):
        try:
            _rename_away(inside, far.index)
        except Refused:  # the sandbox has given that name to a link of its own
            host.do_unless({ENODEV}, rtnetlink.delete_link(near.index))


def _named(netlink: Netlink, name: IfName) -> Link | None:
    index = netlink.find(name)
    return None if index is None else netlink.link(index)


def _rename_away(netlink: Netlink, index: int) -> None:
    new_name = rtnetlink.change_link(index, LinkChange(name=_doomed_name(index)))
    (refused,) = netlink.attempt(new_name)
    if refused is not None:  # kernels before 6.2 rename no link that is up
        netlink.do_unless({ENODEV}, rtnetlink.change_link(index, LinkChange(up=False)), new_name)


def _doomed_name(index: int) -> IfName:
    """A name that nobody else can have: an index is of one link only."""
    return IfName(f"sx-{index}")
