"""Dropping tracked flows. It may walk a table of 262,144 entries, so never on the kernel thread."""

from __future__ import annotations

from collections.abc import Iterator
from errno import EAFNOSUPPORT, EINVAL, ENOENT, EOPNOTSUPP, EPROTONOSUPPORT
from itertools import islice

from seaway.codec.ctnetlink import Flow, FlowFilter, delete_flow, dump_flows, flow
from seaway.kernel.netlink import Netlink, Refused
from seaway.plan.operations import ForgetFlows

_ONE_BY_ONE = 16
"""Up to so many ports are asked for one by one; more are picked from all flows of the protocol."""
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


def _forget(netlink: Netlink, op: ForgetFlows, wanted: FlowFilter) -> int:
    try:
        replies = netlink.dump(dump_flows(wanted))
    except Refused as error:
        if error.errno in _ABSENT:
            return 0
        raise
    found = (flow(reply.body) for reply in replies)
    flows = (f for f in found if op.address is not None or _is_meant(op, f))
    dropped = 0
    while batch := list(islice(flows, _BATCH)):
        netlink.do_unless({ENOENT}, *(delete_flow(wanted.version, one) for one in batch))
        dropped += len(batch)
    return dropped


def _is_meant(op: ForgetFlows, found: Flow) -> bool:
    return op.host_port <= found.port < op.host_port + op.count
