"""Dropping tracked flows. It may walk a table of 262,144 entries, so never on the kernel thread."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from errno import EAFNOSUPPORT, EINVAL, ENOENT, EOPNOTSUPP, EPROTONOSUPPORT
from itertools import islice
from typing import assert_never

from seaway.codec.ctnetlink import (
    Flow,
    FlowFilter,
    delete_flow,
    dump_all_flows,
    dump_flows,
    flow,
)
from seaway.codec.rtnetlink import Request
from seaway.kernel.netlink import Netlink, Refused
from seaway.model.ids import Address
from seaway.plan.operations import Forget, ForgetAddress, ForgetAmong, ForgetPort

_ONE_BY_ONE = 16
"""Up to so many ports are asked for one by one; more are picked from all flows of the protocol."""
_PICKED = 4096
"""Up to so many flows for each address are looked at here; of more the kernel shows those that match."""
_BATCH = 64
_ABSENT = frozenset({EAFNOSUPPORT, EOPNOTSUPP, EPROTONOSUPPORT, EINVAL, ENOENT})
"""How the kernel says that it tracks no connections (``nfnetlink_rcv_msg()``)."""


def forget(netlink: Netlink, op: Forget) -> None:
    """Drop the flows of *op*; none, and no tracking at all, is fine."""
    if isinstance(op, ForgetAmong):
        _forget_among(netlink, op)
        return
    for wanted in filters(op):
        found = _dumped(netlink, dump_flows(wanted))
        _drop(netlink, wanted.version, (f for f in found if _is_meant(op, f)))


def filters(op: ForgetAddress | ForgetPort) -> Iterator[FlowFilter]:
    """What to ask the kernel for, one dump each."""
    match op:
        case ForgetAddress(address=address):
            yield FlowFilter(version=address.version, source=address)
            yield FlowFilter(version=address.version, destination=address)
            yield FlowFilter(version=address.version, source=address, reply=True)
        case ForgetPort(proto=proto, version=version, host=host):
            if op.count > _ONE_BY_ONE:
                yield FlowFilter(version=version, proto=proto, destination=host)
                return
            for port in _ports(op):
                yield FlowFilter(version=version, proto=proto, destination=host, port=port)
        case _:
            assert_never(op)


def _forget_among(netlink: Netlink, op: ForgetAmong) -> None:
    """A flow to a published port was sent to the host, so it is none of these."""
    for version in (4, 6):
        mine = {a.packed for a in op.addresses if a.version == version}
        if mine:
            found = _dumped(netlink, dump_all_flows(version))
            _drop(netlink, version, (f for f in found if f.first and mine.issuperset(f.first)))


def forget_addresses(netlink: Netlink, addresses: Collection[Address], tracked: int) -> None:
    """Drop all flows from or to *addresses*; about *tracked* flows are there.

    Each dump walks the whole table. One for each family does where there are few flows to look at;
    else three for each address, of which the kernel shows only what matches.
    """
    for version in (4, 6):
        mine = {a.packed for a in addresses if a.version == version}
        if mine and tracked <= _PICKED * len(mine):
            found = _dumped(netlink, dump_all_flows(version))
            _drop(netlink, version, (f for f in found if f.ends & mine))
        elif mine:
            for address in addresses:
                if address.version == version:
                    forget(netlink, ForgetAddress(address=address))


def _dumped(netlink: Netlink, request: Request) -> Iterator[Flow]:
    """The flows that the kernel shows, read one by one; none where nothing is tracked."""
    try:
        replies = netlink.dump(request)
    except Refused as error:
        if error.errno not in _ABSENT:
            raise
        return
    yield from (flow(reply.body) for reply in replies)


def _drop(netlink: Netlink, version: int, flows: Iterable[Flow]) -> None:
    """Drop *flows*; gone already is fine."""
    rest = iter(flows)
    while batch := list(islice(rest, _BATCH)):
        netlink.do_unless({ENOENT}, *(delete_flow(version, one) for one in batch))


def _is_meant(op: ForgetAddress | ForgetPort, found: Flow) -> bool:
    """Whether what the kernel showed is of *op*: asked for many ports, it shows flows to any."""
    return isinstance(op, ForgetAddress) or found.port in _ports(op)


def _ports(op: ForgetPort) -> range:
    return range(op.host_port, op.host_port + op.count)
