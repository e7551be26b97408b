"""When one host address and port would lead to two places."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from seaway.model.port import Proto, PublishedPort

ONE = PublishedPort(proto=Proto.TCP, port=80, host_port=8080)
LOCAL = ip_address("127.0.0.1")


@pytest.mark.parametrize(
    ("other", "clash"),
    [
        (ONE, True),
        (replace(ONE, port=81), True),
        (replace(ONE, host=LOCAL), True),
        (replace(ONE, host=ip_address("::1")), True),
        (replace(ONE, proto=Proto.UDP), False),
        (replace(ONE, host_port=8081), False),
        (replace(ONE, host_port=8075, count=5), False),
        (replace(ONE, host_port=8075, count=6), True),
    ],
)
def test_ports_of_all_addresses_clash_with_every_one(other: PublishedPort, clash: bool) -> None:
    assert ONE.clashes(other) is clash
    assert other.clashes(ONE) is clash


def test_ports_of_two_addresses_do_not_clash() -> None:
    local = replace(ONE, host=LOCAL)

    assert not local.clashes(replace(ONE, host=ip_address("192.0.2.1")))
    assert local.clashes(local)


def test_a_port_is_on_the_family_of_its_address_or_on_both() -> None:
    assert [ONE.is_on(4), ONE.is_on(6)] == [True, True]
    assert [replace(ONE, host=LOCAL).is_on(v) for v in (4, 6)] == [True, False]
    assert [replace(ONE, host=ip_address("::1")).is_on(v) for v in (4, 6)] == [False, True]
