"""How often the table of flows is walked when addresses are let go."""

from __future__ import annotations

from ipaddress import ip_address
from typing import cast

from seaway.codec.ctnetlink import dump_all_flows, dump_flows
from seaway.codec.rtnetlink import Reply, Request, attribute
from seaway.kernel import conntrack
from seaway.kernel.netlink import Netlink
from seaway.model.ids import Address
from seaway.plan.operations import ForgetAddress

A, B, C = (ip_address(f"10.7.0.{n}") for n in (2, 3, 4))
CLIENT = ip_address("192.0.2.9")


class Table:
    """A kernel with some flows, which shows all of them to whoever asks."""

    def __init__(self, *flows: bytes) -> None:
        self.flows = flows
        self.asked: list[Request] = []
        self.dropped: list[Request] = []

    def dump(self, request: Request) -> list[Reply]:
        self.asked.append(request)
        return [Reply(256, 0, 1, body) for body in self.flows]

    def do_unless(self, fine: object, *requests: Request) -> None:
        self.dropped += requests


def tracked(source: Address, destination: Address, answering: Address, an_id: bytes) -> bytes:
    """A flow as the kernel shows it."""

    def side(kind: int, one: Address, other: Address) -> bytes:
        ip = attribute(1, one.packed) + attribute(2, other.packed)
        return attribute(kind | 0x8000, attribute(1 | 0x8000, ip))

    both = side(1, source, destination) + side(2, answering, source)
    return bytes([2, 0, 0, 0]) + both + attribute(12, an_id)


def test_few_flows_are_walked_once_for_any_number_of_addresses() -> None:
    table = Table(
        tracked(A, CLIENT, CLIENT, b"from"),
        tracked(CLIENT, B, B, b"to__"),
        tracked(CLIENT, CLIENT, A, b"dnat"),
        tracked(C, CLIENT, CLIENT, b"else"),
    )

    conntrack.forget_addresses(cast("Netlink", table), [A, B], tracked=4)

    assert table.asked == [dump_all_flows(4)]
    assert [request.body[-4:] for request in table.dropped] == [b"from", b"to__", b"dnat"]


def test_of_many_flows_the_kernel_picks() -> None:
    table = Table()

    conntrack.forget_addresses(cast("Netlink", table), [A], tracked=200_000)

    assert table.asked == [dump_flows(f) for f in conntrack.filters(ForgetAddress(address=A))]
