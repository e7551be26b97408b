"""Dropping tracked flows. It may walk a table of 262,144 entries, so never on the kernel thread."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from errno import EAFNOSUPPORT, EINVAL, ENOENT, EOPNOTSUPP, EPROTONOSUPPORT
from itertools import islice

from seaway.codec.ctnetlink import (
    Flow,
    FlowFilter,
    delete_flow,
    dump_all_flows,
    dump_flows,
    flow,
)
from seaway.codec.rtnetlink import Reply, Request
from seaway.kernel.netlink import Netlink, Refused
from seaway.model.ids import Address
from seaway.plan.operations import ForgetFlows

_ONE_BY_ONE = 16
"""Up to so many ports are asked for one by one; more are picked from all flows of the protocol."""
_PICKED = 4096
"""Up to so many flows for each address are looked at here; of more the kernel shows those that match."""
_BATCH = 64
_ABSENT = frozenset({EAFNOSUPPORT, EOPNOTSUPP, EPROTONOSUPPORT, EINVAL, ENOENT})
"""How the kernel says that it tracks no connections (``nfnetlink_rcv_msg()``)."""


def forget(netlink: Netlink, op: ForgetFlows) -> int:
    """Drop the flows of *op* and say how many; none, and no tracking at all, is fine."""
    return sum(_forget(netlink, op, wanted) for wanted in filters(op))


def filters(op: ForgetFlows) -> Iterator[FlowFilter]:
    """What to ask the kernel for, one dump each."""
    if op.address is not None:
        family: int = op.address.version
        yield FlowFilter(version=family, proto=op.proto, source=op.address)
        yield FlowFilter(version=family, proto=op.proto, destination=op.address)
        yield FlowFilter(version=family, proto=op.proto, source=op.address, reply=True)
        return
    version: int = op.version if op.host is None else op.host.version
    if op.count > _ONE_BY_ONE:
        yield FlowFilter(version=version, proto=op.proto, destination=op.host)
        return
    for port in range(op.host_port, op.host_port + op.count):
        yield FlowFilter(version=version, proto=op.proto, destination=op.host, port=port)


def forget_addresses(netlink: Netlink, addresses: Collection[Address], tracked: int) -> None:
    """Drop all flows from or to *addresses*; about *tracked* flows are there.

    Each dump walks the whole table. One for each family does where there are few flows to look at;
    else three for each address, of which the kernel shows only what matches.
    """
    for version in (4, 6):
        mine = {a.packed for a in addresses if a.version == version}
        if mine and tracked <= _PICKED * len(mine):
            found = map(_seen, _dumped(netlink, dump_all_flows(version)))
            _drop(netlink, version, (f for f in found if f.ends & mine))
        elif mine:
            for address in addresses:
                if address.version == version:
                    forget(netlink, ForgetFlows(address=address, version=version))


def _forget(netlink: Netlink, op: ForgetFlows, wanted: FlowFilter) -> int:
    found = map(_seen, _dumped(netlink, dump_flows(wanted)))
    meant = (f for f in found if op.address is not None or _is_meant(op, f))
    return _drop(netlink, wanted.version, meant)


def _dumped(netlink: Netlink, request: Request) -> list[Reply]:
    try:
        return netlink.dump(request)
    except Refused as error:
        if error.errno in _ABSENT:
            return []
        raise


def _seen(reply: Reply) -> Flow:
    return flow(reply.body)


def _drop(netlink: Netlink, version: int, flows: Iterable[Flow]) -> int:
    """Drop *flows* and say how many there were; gone already is fine."""
    rest, dropped = iter(flows), 0
    while batch := list(islice(rest, _BATCH)):
        netlink.do_unless({ENOENT}, *(delete_flow(version, one) for one in batch))
        dropped += len(batch)
    return dropped


def _is_meant(op: ForgetFlows, found: Flow) -> bool:
    return op.host_port <= found.port < op.host_port + op.count
