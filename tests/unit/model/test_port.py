"""Which addresses of the host a published port is on."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from seaway.model.ids import Address
from seaway.model.port import Proto, PublishedPort, hosts_meet

ONE = PublishedPort(proto=Proto.TCP, port=80, host_port=8080)
LOCAL = ip_address("127.0.0.1")


SECOND = ip_address("127.0.0.2")
ALL4, ALL6, LOCAL6 = ip_address("0.0.0.0"), ip_address("::"), ip_address("::1")


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        (None, None, True),
        (None, LOCAL, True),
        (None, LOCAL6, True),
        (ALL4, LOCAL, True),
        (ALL4, ALL6, False),
        (ALL4, LOCAL6, False),
        (LOCAL, LOCAL, True),
        (LOCAL, SECOND, False),
    ],
)
def test_hosts_meet_where_one_address_is_meant_by_both(
    one: Address | None, other: Address | None, meet: bool
) -> None:
    assert hosts_meet(one, other) is meet
    assert hosts_meet(other, one) is meet


def test_a_port_is_on_the_family_of_its_address_or_on_both() -> None:
    assert [ONE.is_on(4), ONE.is_on(6)] == [True, True]
    assert [replace(ONE, host=LOCAL).is_on(v) for v in (4, 6)] == [True, False]
    assert [replace(ONE, host=ip_address("::1")).is_on(v) for v in (4, 6)] == [False, True]
