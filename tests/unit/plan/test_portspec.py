"""Published ports as people write them."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaway.model.errors import InvalidRequest
from seaway.model.port import ExposedPort, Proto, PublishedPort
from seaway.plan.portspec import (
    bound_ports,
    coalesced,
    exposed_ports,
    named_ports,
    published_ports,
    source_prefixes,
)

LOCAL = IPv4Address("127.0.0.1")
ALL4, ALL6 = IPv4Address("0.0.0.0"), IPv6Address("::")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("80", PublishedPort(proto=Proto.TCP, port=80)),
        ("8080:80", PublishedPort(proto=Proto.TCP, port=80, host_port=8080)),
        ("8080:80/udp", PublishedPort(proto=Proto.UDP, port=80, host_port=8080)),
        ("8080:80/SCTP", PublishedPort(proto=Proto.SCTP, port=80, host_port=8080)),
        ("127.0.0.1:8080:80", PublishedPort(proto=Proto.TCP, port=80, host_port=8080, host=LOCAL)),
        ("127.0.0.1::80", PublishedPort(proto=Proto.TCP, port=80, host=LOCAL)),
        ("0:80", PublishedPort(proto=Proto.TCP, port=80)),
        ("0.0.0.0:8080:80", PublishedPort(proto=Proto.TCP, port=80, host_port=8080, host=ALL4)),
        ("[::]:8080:80", PublishedPort(proto=Proto.TCP, port=80, host_port=8080, host=ALL6)),
        (
            "[fd77::1]:8080:80",
            PublishedPort(proto=Proto.TCP, port=80, host_port=8080, host=IPv6Address("fd77::1")),
        ),
        ("[::1]::80", PublishedPort(proto=Proto.TCP, port=80, host=IPv6Address("::1"))),
        ("9000-9002:80-82", PublishedPort(proto=Proto.TCP, port=80, host_port=9000, count=3)),
        ("1-65535:1-65535", PublishedPort(proto=Proto.TCP, port=1, host_port=1, count=65535)),
    ],
)
def test_a_text_says_what_is_published(text: str, expected: PublishedPort) -> None:
    assert published_ports([text]) == (expected,)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it lacks a port"),
        ("8080:", "it lacks a port"),
        ("80-", "it lacks a port"),
        ("99999", "'99999' is no port; ports are numbers from 1 to 65535"),
        ("8080:0", "'0' is no port"),
        ("-1:80", "it lacks a port"),
        ("x:80", "'x' is no port"),
        ("٣:80", "'٣' is no port"),
        ("80/icmp", "'icmp' is no protocol; it is tcp, udp or sctp"),
        ("80/", "'' is no protocol"),
        ("82-80", "the range 82-80 ends before it begins"),
        ("9000-9001:80-82", "host ports 9000-9001 and ports 80-82 are ranges of different length"),
        ("9000-9001:80", "ranges of different length"),
        ("localhost:8080:80", "invalid IP address 'localhost'"),
        ("::1:8080:80", "IPv6 addresses need brackets"),
        ("[::1:8080:80", "an IPv6 address stands in brackets"),
        ("[127.0.0.1]:8080:80", "an IPv6 address stands in brackets"),
        ("[fe80::1%eth0]:8080:80", "it has a scope"),
        ("224.0.0.1:8080:80", "is a multicast address"),
    ],
)
def test_a_wrong_text_is_refused_in_one_sentence(text: str, reason: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        published_ports([text])

    assert reason in str(refused.value)
    assert str(refused.value).startswith("invalid port ")
    assert "\n" not in str(refused.value)


def test_a_range_without_host_ports_gets_a_free_one_for_each() -> None:
    assert published_ports(["80-82"]) == (
        PublishedPort(proto=Proto.TCP, port=80),
        PublishedPort(proto=Proto.TCP, port=81),
        PublishedPort(proto=Proto.TCP, port=82),
    )


def test_named_without_host_ports_a_range_stays_whole() -> None:
    assert named_ports(["80-82", "9000:90", "90"]) == (
        PublishedPort(proto=Proto.TCP, port=80, count=3),
        PublishedPort(proto=Proto.TCP, port=90, host_port=9000),
        PublishedPort(proto=Proto.TCP, port=90),
    )


def test_consecutive_ports_become_one_range() -> None:
    assert published_ports(["9001:81", "9000:80", "9002:82", "9000:80/udp", "7000:70"]) == (
        PublishedPort(proto=Proto.TCP, port=70, host_port=7000),
        PublishedPort(proto=Proto.TCP, port=80, host_port=9000, count=3),
        PublishedPort(proto=Proto.UDP, port=80, host_port=9000),
    )


def test_ports_that_only_look_consecutive_stay_apart() -> None:
    assert published_ports(["9000:80", "9002:81", "127.0.0.1:9001:81"]) == (
        PublishedPort(proto=Proto.TCP, port=80, host_port=9000),
        PublishedPort(proto=Proto.TCP, port=81, host_port=9001, host=LOCAL),
        PublishedPort(proto=Proto.TCP, port=81, host_port=9002),
    )


def test_the_same_port_twice_is_one() -> None:
    assert published_ports(["8080:80", "8080:80"]) == (
        PublishedPort(proto=Proto.TCP, port=80, host_port=8080),
    )


def test_sources_belong_to_every_port() -> None:
    sources = source_prefixes(["10.0.0.0/8", "192.0.2.7"])

    assert published_ports(["8080:80"], sources) == (
        PublishedPort(
            proto=Proto.TCP,
            port=80,
            host_port=8080,
            sources=(ip_network("10.0.0.0/8"), ip_network("192.0.2.7/32")),
        ),
    )


def test_a_source_with_host_bits_is_refused_with_the_right_one() -> None:
    with pytest.raises(
        InvalidRequest, match=r"invalid source 10\.1\.2\.3/8: it should be 10\.0\.0\.0/8"
    ):
        source_prefixes(["10.1.2.3/8"])
    with pytest.raises(InvalidRequest, match=r"invalid source 'home': it should be like 10\.77"):
        source_prefixes(["home"])
    with pytest.raises(InvalidRequest, match="invalid source 'fd00::1%x': it has a scope"):
        source_prefixes(["fd00::1%x"])


def test_bindings_of_the_api_are_read() -> None:
    bindings = {
        "80/tcp": [("", "8080"), ("127.0.0.1", "9090")],
        "81/tcp": [("", "8081")],
        "53-54/udp": [("::1", "5300-5301")],
        "443": [],
    }

    assert bound_ports(bindings) == (
        PublishedPort(proto=Proto.UDP, port=53, host_port=5300, count=2, host=IPv6Address("::1")),
        PublishedPort(proto=Proto.TCP, port=80, host_port=8080, count=2),
        PublishedPort(proto=Proto.TCP, port=80, host_port=9090, host=LOCAL),
        PublishedPort(proto=Proto.TCP, port=443),
    )


def test_a_wrong_binding_is_refused_as_people_would_write_it() -> None:
    with pytest.raises(InvalidRequest, match=r"invalid port '\[::1\]:x:80/tcp': 'x' is no port"):
        bound_ports({"80/tcp": [("::1", "x")]})


def test_exposed_ports_are_read() -> None:
    assert exposed_ports(["80", "9000-9002/udp", "80"]) == (
        ExposedPort(proto=Proto.TCP, port=80),
        ExposedPort(proto=Proto.UDP, port=9000, count=3),
    )
    with pytest.raises(InvalidRequest, match="invalid port '8080:80': '8080:80' is no port"):
        exposed_ports(["8080:80"])


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        ports = published_ports([text])
    except InvalidRequest:
        return

    assert all(1 <= p.port <= p.port + p.count - 1 <= 65535 for p in ports)


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 40)), max_size=12))
def test_coalescing_keeps_every_single_port(pairs: list[tuple[int, int]]) -> None:
    ports = [PublishedPort(proto=Proto.TCP, port=p, host_port=h) for p, h in pairs]

    single = {
        (p.port + n, p.host_port and p.host_port + n)
        for p in coalesced(ports)
        for n in range(p.count)
    }

    assert single == set(pairs)
