"""Connection tracking messages."""

from __future__ import annotations

from contextlib import suppress
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaway.codec.ctnetlink import Flow, FlowFilter, delete_flow, dump_flows, flow
from seaway.codec.rtnetlink import Malformed, attribute, attributes
from seaway.model.port import Proto


def test_the_kernel_is_asked_to_compare_protocol_address_and_port() -> None:
    wanted = FlowFilter(version=4, proto=Proto.UDP, destination=ip_address("192.0.2.1"), port=5000)

    request = dump_flows(wanted)

    found = attributes(request.body[4:])
    tuple_ = attributes(found[1])
    assert (request.kind, request.flags) == (0x101, 0x300)
    assert request.body[:4] == bytes([2, 0, 0, 0])
    assert attributes(tuple_[1]) == {2: bytes([192, 0, 2, 1])}
    assert attributes(tuple_[2]) == {1: bytes([17]), 3: bytes([0x13, 0x88])}
    assert attributes(found[25]) == {1: (0b101010).to_bytes(4, "little")}


def test_answers_are_compared_where_asked_for() -> None:
    request = dump_flows(FlowFilter(version=6, source=ip_address("fd00::2"), reply=True))

    found = attributes(request.body[4:])
    assert attributes(attributes(found[2])[1]) == {3: ip_address("fd00::2").packed}
    assert attributes(found[25]) == {2: (1).to_bytes(4, "little")}


def test_a_flow_is_deleted_by_the_tuple_and_id_it_was_seen_with() -> None:
    proto = attribute(2 | 0x8000, attribute(1, b"\x11") + attribute(3, b"\x00\x35"))
    body = bytes([2, 0, 0, 0]) + attribute(1 | 0x8000, proto) + attribute(12, b"idid")

    seen = flow(body)

    assert seen == Flow(proto, b"idid", 53)
    assert attributes(delete_flow(4, seen).body[4:]) == {1: proto, 12: b"idid"}


def test_a_flow_without_a_tuple_is_malformed() -> None:
    with pytest.raises(Malformed):
        flow(bytes(4))


@given(st.binary(max_size=100))
def test_any_bytes_are_a_flow_or_malformed(data: bytes) -> None:
    with suppress(Malformed):
        flow(data)
