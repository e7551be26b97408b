"""What bridges and veth pairs have in common: addresses, IPv6 settings, and their end.

All of it runs on the kernel thread.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Generator, Sequence
from contextlib import contextmanager
from errno import (
    EACCES,
    EADDRNOTAVAIL,
    EEXIST,
    EHOSTUNREACH,
    EINVAL,
    ENETDOWN,
    ENETUNREACH,
    ENODEV,
    ENOENT,
)

from seaway.codec import rtnetlink
from seaway.kernel import sysctl
from seaway.kernel.netlink import Netlink, Refused, strerror
from seaway.kernel.visit import Host
from seaway.model.ids import IfName, Interface
from seaway.plan.operations import DeleteLink, Operation
from seaway.plan.reconcile import was_made_by_us

log = logging.getLogger(__name__)

GONE = frozenset({ENODEV})
MEDDLED = GONE | {EACCES, EHOSTUNREACH, EINVAL, ENETDOWN, ENETUNREACH, ENOENT}
"""How the kernel says that an interface is gone, or is not as it was made."""


def delete_link(host: Host, op: DeleteLink) -> None:
    """Take a link away, and wait for it; gone already is fine, and somebody else's by now is left alone."""
    index = host.netlink.find(op.name)
    link = None if index is None else host.netlink.link(index)
    if link is None:
        return
    if was_made_by_us(link.name, link.group):
        host.netlink.do_unless({ENODEV}, rtnetlink.delete_link(link.index))
    else:
        log.warning("a link is somebody else's now, and is left alone", extra={"link": op.name})


@contextmanager
def passing_over(
    op: Operation, link: IfName, refusals: Collection[int] = MEDDLED
) -> Generator[None]:
    """Whoever is root in a sandbox may do to its interface as it likes, but not keep others from changing."""
    try:
        yield
    except OSError as error:
        if error.errno not in refusals:
            raise
        facts = {"operation": type(op).__name__, "link": link, "reason": strerror(error)}
        log.warning("an interface is not as it was made, and is passed over", extra=facts)


def has_ipv6(addresses: Sequence[Interface]) -> bool:
    """Whether any of *addresses* is one of IPv6."""
    return any(address.version == 6 for address in addresses)


def exchange_addresses(
    netlink: Netlink, index: int, old: Sequence[Interface], new: Sequence[Interface]
) -> None:
    """Add what is new, and then delete what is gone; a refused addition takes back the others."""
    wanted = [address for address in new if address not in old]
    outcome = netlink.attempt(*(rtnetlink.add_address(index, address) for address in wanted))
    refused = next((r for r in outcome if r is not None and r.errno != EEXIST), None)
    if refused is not None:
        added = [a for a, r in zip(wanted, outcome, strict=True) if r is None]
        netlink.attempt(*(rtnetlink.delete_address(index, address) for address in added))
        raise Refused(refused.errno, refused.text)
    gone = [address for address in old if address not in new]
    netlink.do_unless(
        {ENODEV, EADDRNOTAVAIL}, *(rtnetlink.delete_address(index, address) for address in gone)
    )


def drop_addresses(netlink: Netlink, index: int, versions: Sequence[int] = (4, 6)) -> None:
    """Delete all addresses of a link in the families *versions*."""
    netlink.heed_filters()
    held = [r for v in versions for r in netlink.dump(rtnetlink.dump_addresses(v, index))]
    addresses = [rtnetlink.address(reply.body)[1] for reply in held]
    netlink.do_unless(
        {ENODEV, EADDRNOTAVAIL},
        *(rtnetlink.delete_address(index, address) for address in addresses),
    )


def set_ipv6(name: IfName, setting: str, value: str, *, needed: bool) -> None:
    """Set an IPv6 setting of a link; a kernel without IPv6 is fine unless it is *needed*."""
    try:
        sysctl.set_to(f"net/ipv6/conf/{name}/{setting}", value)
    except FileNotFoundError:
        if needed:
            raise
