"""The text of /etc/hosts and /etc/resolv.conf."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from seaway.model.sandbox import DnsSettings, ExtraHost
from seaway.plan.files import LOCAL_HOSTS, host_resolv_conf, hosts, resolv_conf

GATEWAYS = [ip_address("10.77.0.1"), ip_address("fd77::1")]


def test_hosts_has_loopback_itself_and_extra_lines() -> None:
    extra = [
        ExtraHost(name="db", address=ip_address("192.0.2.7")),
        ExtraHost(name="the-host", address=None),
    ]

    text = hosts("box", [ip_address("10.77.0.2"), ip_address("fd77::2")], extra, GATEWAYS)

    assert text == LOCAL_HOSTS + (
        "10.77.0.2\tbox\nfd77::2\tbox\n192.0.2.7\tdb\n10.77.0.1\tthe-host\nfd77::1\tthe-host\n"
    )


def test_a_host_gateway_is_left_out_where_there_is_none() -> None:
    assert hosts("box", [], [ExtraHost(name="the-host", address=None)], []) == LOCAL_HOSTS


@pytest.mark.parametrize(
    ("dns", "host_search", "text"),
    [
        (DnsSettings(), (), "nameserver 127.0.0.11\noptions ndots:0\n"),
        (
            DnsSettings(),
            ("test.example",),
            "nameserver 127.0.0.11\nsearch test.example\noptions ndots:0\n",
        ),
        (
            DnsSettings(search=("a.example", "b.example"), options=("timeout:1",)),
            ("test.example",),
            "nameserver 127.0.0.11\nsearch a.example b.example\noptions timeout:1 ndots:0\n",
        ),
        (
            DnsSettings(search=(".",), options=("ndots:2",)),
            ("test.example",),
            "nameserver 127.0.0.11\noptions ndots:2\n",
        ),
        (
            DnsSettings(servers=(ip_address("192.0.2.2"),)),
            (),
            "nameserver 127.0.0.11\noptions ndots:0\n",
        ),
    ],
)
def test_a_sandbox_asks_our_name_server(
    dns: DnsSettings, host_search: tuple[str, ...], text: str
) -> None:
    assert resolv_conf(dns, host_search) == text


@pytest.mark.parametrize(
    ("dns", "text"),
    [
        (DnsSettings(), "nameserver 192.0.2.53\nsearch test.example\n"),
        (
            DnsSettings(servers=(ip_address("192.0.2.2"),), search=(".",), options=("ndots:2",)),
            "nameserver 192.0.2.2\noptions ndots:2\n",
        ),
    ],
)
def test_a_sandbox_in_host_mode_asks_the_hosts_servers(dns: DnsSettings, text: str) -> None:
    assert host_resolv_conf(dns, ["192.0.2.53"], ["test.example"]) == text
