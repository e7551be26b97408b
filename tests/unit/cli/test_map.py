"""The picture: what it shows, how wide it is, when it has colours."""

from __future__ import annotations

import pytest

from seaway.cli.tree import drawn
from unit.cli.conftest import Run
from unit.cli.engine import Engine


def port(host: str, host_port: int, inner: int, *sources: str, count: int = 1) -> dict[str, object]:
    return {
        "Proto": "tcp",
        "HostIp": host,
        "HostPort": host_port,
        "HostPortEnd": host_port + count - 1,
        "Port": inner,
        "PortEnd": inner + count - 1,
        "From": list(sources),
    }


def endpoint(name: str, ifname: str, *addresses: str, **more: object) -> dict[str, object]:
    return {
        "Sandbox": name,
        "SandboxId": name,
        "State": "running",
        "Ifname": ifname,
        "Addresses": list(addresses),
        **more,
    }


MAP: dict[str, object] = {
    "Host": {"Name": "vm1", "Addresses": ["192.0.2.7", "2001:db8::7"], "Uplink": "eth0"},
    "Networks": [
        {
            "Id": "1",
            "Name": "web",
            "Driver": "bridge",
            "Bridge": "sw-0a1b2c3d4e5f",
            "Subnets": [
                {"Subnet": "10.5.0.0/24", "Gateway": "10.5.0.1"},
                {"Subnet": "fd00:5::/64", "Gateway": "fd00:5::1"},
            ],
            "Internal": False,
            "Masquerade": True,
            "Icc": True,
            "Endpoints": [
                endpoint("hello", "eth0", "10.5.0.2", "fd00:5::2", DefaultRoute=True),
                endpoint("database", "eth0", "10.5.0.3", State="exited", Drops=12),
            ],
        },
        {
            "Id": "2",
            "Name": "empty",
            "Driver": "bridge",
            "Bridge": "sw-9",
            "Subnets": [{"Subnet": "10.6.0.0/24", "Gateway": "10.6.0.1"}],
            "Internal": True,
            "Endpoints": [],
        },
        {
            "Id": "3",
            "Name": "lan",
            "Driver": "macvlan",
            "Bridge": "",
            "Subnets": [{"Subnet": "192.168.1.0/24", "Gateway": ""}],
            "Masquerade": False,
            "Icc": False,
            "Endpoints": [endpoint("hello", "eth1", "192.168.1.50")],
        },
        {"Id": "4", "Name": "host", "Driver": "host", "Endpoints": [], "Subnets": []},
    ],
    "Sandboxes": [
        {
            "Id": "hello",
            "Name": "hello",
            "Kind": "process",
            "State": "running",
            "Published": [
                port("0.0.0.0", 8080, 80, "10.0.0.0/8", "192.168.0.0/16"),
                port("::", 9000, 9000, count=5),
            ],
        },
        {"Id": "database", "Name": "database", "Kind": "process", "State": "exited"},
        {"Id": "job", "Name": "job", "Kind": "host", "State": "running"},
        {"Id": "k2", "Name": "k2", "Kind": "process", "State": "created"},
    ],
}

PICTURE = """\
host vm1  192.0.2.7  2001:db8::7
│ way out: eth0
│
├─┬ web  bridge sw-0a1b2c3d4e5f  10.5.0.0/24 gateway 10.5.0.1
│ │   fd00:5::/64 gateway fd00:5::1
│ │   out by eth0 with the host's address
│ ├─○ database  eth0  10.5.0.3  exited  12 packets dropped
│ └─● hello     eth0  10.5.0.2  fd00:5::2  default route
│       0.0.0.0:8080 ─▶ 80/tcp  from 10.0.0.0/8, 192.168.0.0/16 only
│       [::]:9000-9004 ─▶ 9000-9004/tcp
│
├── empty  bridge sw-9  10.6.0.0/24 gateway 10.6.0.1
│     no way out: internal  nobody on it
│
├─┬ lan  macvlan  192.168.1.0/24
│ │   out by eth0 with its own addresses  its sandboxes do not reach each other
│ └─● hello  eth1  192.168.1.50
│
└─┬ on no network
  ├─● job  uses the host's network
  └─○ k2   created
"""


def test_the_picture_shows_networks_sandboxes_addresses_ports_and_ways_out(
    engine: Engine, seaway: Run
) -> None:
    engine.answers["GET /seaway/map"] = (200, MAP)

    assert seaway("map") == (0, PICTURE, "")


@pytest.mark.parametrize("width", [50, 60, 80, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    assert max(map(len, drawn(MAP, width))) <= width


def test_the_last_network_ends_the_trunk_when_all_sandboxes_have_one() -> None:
    found = {"Host": {"Name": "x"}, "Networks": [{"Name": "web", "Driver": "bridge"}]}

    assert drawn(found) == [
        "host x",
        "│ no way out",
        "│",
        "└── web  bridge",
        "      would leave with its own addresses  nobody on it",
    ]


def test_colours_change_nothing_but_colours() -> None:
    coloured = "\n".join(drawn(MAP, coloured=True))

    assert "\x1b[1mweb\x1b[0m" in coloured
    assert "\x1b[32m●\x1b[0m hello" in coloured
    for code in ("0", "1", "2", "32", "33", "36"):
        coloured = coloured.replace(f"\x1b[{code}m", "")
    assert coloured + "\n" == PICTURE


def test_wide_names_take_two_columns() -> None:
    found = {
        "Sandboxes": [{"Name": "箱子", "State": "running"}, {"Name": "abcdef", "State": "created"}]
    }

    assert drawn(found)[3:] == [
        "└─┬ on no network",
        "  ├─● 箱子    running",
        "  └─○ abcdef  created",
    ]


def test_the_facts_of_the_picture_can_be_had_as_json(engine: Engine, seaway: Run) -> None:
    engine.answers["GET /seaway/map"] = (200, {"Host": {"Name": "vm1"}})

    assert seaway("map", "--format", "json")[1] == '{"Host":{"Name":"vm1"}}\n'
    assert seaway("map", "--format", "{{.Host.Name}}")[1] == "vm1\n"
