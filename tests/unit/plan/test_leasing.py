"""What the clients of both families believe, and say."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from seaway.plan.leasing import is_host, moment, told_name, usable, usable_names


@pytest.mark.parametrize(
    ("hostname", "told"),
    [
        ("web", "web"),
        ("web.lan.example.", "web.lan.example"),
        ("", ""),
        ("a..b", ""),
        ("a" * 64, ""),
        (".".join(["a" * 60] * 5), ""),
    ],
)
def test_a_name_that_dns_cannot_say_is_not_told(hostname: str, told: str) -> None:
    assert told_name(hostname) == told


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("192.0.2.1", True),
        ("169.254.1.1", True),
        ("0.0.0.0", False),
        ("0.1.2.3", False),
        ("127.0.0.11", False),
        ("224.0.0.1", False),
        ("240.0.0.1", False),
        ("255.255.255.255", False),
        ("2001:db8::1", True),
        ("fe80::1", True),
        ("::", False),
        ("::1", False),
        ("ff02::1", False),
    ],
)
def test_a_host_on_a_lan_has_only_some_addresses(text: str, is_one: bool) -> None:
    assert is_host(ip_address(text)) == is_one


def test_what_is_left_out_is_told_once_each_and_what_is_good_comes_once() -> None:
    notes: list[str] = []
    good, bad = ip_address("192.0.2.1"), ip_address("0.0.0.0")

    assert usable([good, bad, good], "router", notes) == (good,)
    assert usable_names(["lan.example.", "a b", "lan.example"], notes) == ("lan.example",)
    assert notes == [
        "router 0.0.0.0 is left out: no host has that address",
        "search domain 'a b' is left out: it is no name of a domain",
    ]


def test_a_time_without_end_is_no_moment() -> None:
    assert moment(5, 2.5) == 2_500_000_005
    assert moment(5, 0xFFFFFFFF) is None
