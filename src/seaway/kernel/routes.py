"""Default routes inside sandboxes. All of it runs on the kernel thread."""

from __future__ import annotations

from errno import ENOENT, ESRCH
from pathlib import Path

from seaway.codec import rtnetlink
from seaway.kernel.links import passing_over
from seaway.kernel.visit import Visits
from seaway.plan.operations import ChangeRoute, Route


def change_route(visits: Visits, op: ChangeRoute) -> None:
    """Set the default route of a family, or take it away."""
    match op.new:
        case None:
            _no_default_route(visits, op.netns, op.version)
        case Route() if op.settled:
            with passing_over(op, op.new.ifname):
                _set_default_route(visits, op, op.new)
        case Route():
            _set_default_route(visits, op, op.new)


def _set_default_route(visits: Visits, op: ChangeRoute, route: Route) -> None:
    netlink = visits.to(op.netns).netlink
    index = netlink.index(route.ifname)
    netlink.do(rtnetlink.replace_default_route(index, op.version, route.gateway))


def _no_default_route(visits: Visits, netns: Path, version: int) -> None:
    """Gone already is fine, alone or with its namespace."""
    try:
        inside = visits.to(netns)
    except OSError:
        return
    inside.netlink.do_unless({ESRCH, ENOENT}, rtnetlink.delete_default_route(version))
