"""``seaway network`` against an engine: what is asked for, and what is shown."""

from __future__ import annotations

import json

import pytest

from unit.cli.conftest import Run
from unit.cli.engine import Engine, Request

WEB: dict[str, object] = {
    "Name": "web",
    "Id": "a1b2c3d4e5f6" + "0" * 52,
    "Created": "2026-11-24T06:04:59.15Z",
    "Scope": "local",
    "Driver": "bridge",
    "EnableIPv4": True,
    "EnableIPv6": False,
    "Internal": False,
    "Labels": {"team": "blue", "a": "1"},
}
WEB10 = {**WEB, "Name": "web10", "Id": "b" * 64}
WEB2 = {**WEB, "Name": "web2", "Id": "c" * 64, "Driver": "a-driver-with-a-name"}


def test_ls_has_dockers_columns_and_order(engine: Engine, seaway: Run) -> None:
    engine.answers["GET /networks"] = (200, [WEB10, WEB2, WEB])

    code, out, err = seaway("network", "ls")

    assert (code, err) == (0, "")
    assert out == (
        "NETWORK ID     NAME      DRIVER                 SCOPE\n"
        "a1b2c3d4e5f6   web       bridge                 local\n"
        "cccccccccccc   web2      a-driver-with-a-name   local\n"
        "bbbbbbbbbbbb   web10     bridge                 local\n"
    )


@pytest.mark.parametrize(
    ("words", "out"),
    [
        (["-q"], "a1b2c3d4e5f6\n"),
        (["-q", "--no-trunc"], "a1b2c3d4e5f6" + "0" * 52 + "\n"),
        (["--format", "{{.Name}} {{.Labels}}"], "web a=1,team=blue\n"),
        (["--format", '{{.Label "team"}}'], "blue\n"),
        (
            ["--format", r"table {{.Name}}\t{{.Driver}}"],
            "NAME      DRIVER\nweb       bridge\n",
        ),
        (
            ["--format", "json"],
            (
                '{"CreatedAt":"2026-11-24 06:04:59.15 +0000 UTC","Driver":"bridge","ID":"a1b2c3d4e5f6",'
                '"IPv4":"true","IPv6":"false","Internal":"false","Labels":"a=1,team=blue",'
                '"Name":"web","Scope":"local"}\n'
            ),
        ),
    ],
)
def test_ls_can_be_laid_out_otherwise(
    engine: Engine, seaway: Run, words: list[str], out: str
) -> None:
    engine.answers["GET /networks"] = (200, [WEB])

    assert seaway("network", "ls", *words) == (0, out, "")


def test_filters_are_sent_as_docker_sends_them(engine: Engine, seaway: Run) -> None:
    engine.answers["GET /networks"] = (200, [])

    seaway("network", "ls", "-f", "driver=bridge", "-f", "driver=host", "--filter", "label=a=1")

    assert json.loads(engine.seen[0].query["filters"]) == {
        "driver": {"bridge": True, "host": True},
        "label": {"a=1": True},
    }


def test_create_sends_each_subnet_with_what_lies_in_it(engine: Engine, seaway: Run) -> None:
    engine.answers["POST /networks/create"] = (201, {"Id": "ab" * 32, "Warning": "mind the gap"})

    words = [
        "-d",
        "bridge",
        "--subnet",
        "10.5.0.0/24",
        "--subnet",
        "fd00:5::/64",
        "--gateway",
        "fd00:5::1",
        "--gateway",
        "10.5.0.1",
        "--ip-range",
        "10.5.0.128/25",
        "--aux-address",
        "a=10.5.0.7",
        "--aux-address",
        "b=10.5.0.8",
        "--internal",
        "--ipv6",
        "--ipv4=false",
        "-o",
        "mtu=1400",
        "--label",
        "x=y",
        "web",
    ]
    code, out, err = seaway("network", "create", *words)

    assert (code, out, err) == (0, "ab" * 32 + "\n", "WARNING: mind the gap\n")
    assert engine.seen[0].body == {
        "Name": "web",
        "Driver": "bridge",
        "Options": {"mtu": "1400"},
        "Labels": {"x": "y"},
        "Internal": True,
        "Attachable": False,
        "EnableIPv4": False,
        "EnableIPv6": True,
        "IPAM": {
            "Driver": "default",
            "Options": {},
            "Config": [
                {
                    "Subnet": "10.5.0.0/24",
                    "Gateway": "10.5.0.1",
                    "IPRange": "10.5.0.128/25",
                    "AuxiliaryAddresses": {"a": "10.5.0.7", "b": "10.5.0.8"},
                },
                {"Subnet": "fd00:5::/64", "Gateway": "fd00:5::1"},
            ],
        },
    }


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("--gateway 10.9.0.1 --subnet 10.5.0.0/24", "no matching subnet for gateway 10.9.0.1"),
        ("--gateway 10.9.0.1", "every ip-range or gateway must have a corresponding subnet"),
        ("--ip-range 10.4.0.0/15 --subnet 10.5.0.0/24", "no matching subnet for range 10.4.0.0/15"),
        (
            "--gateway x --subnet 10.5.0.0/24",
            "no matching subnet for gateway x: 'x' does not appear to be an IPv4 or IPv6",
        ),
        ("--aux-address a=10.6.0.1", "no matching subnet for aux-address 10.6.0.1"),
        ("--aux-address 10.5.0.2 --subnet 10.5.0.0/24", "--aux-address is NAME=ADDRESS, not"),
        (
            "--gateway 10.5.0.1 --gateway 10.5.0.2 --subnet 10.5.0.0/24",
            "subnet 10.5.0.0/24 has two --gateway",
        ),
    ],
)
def test_create_refuses_what_lies_in_no_subnet(
    engine: Engine, seaway: Run, words: str, sentence: str
) -> None:
    code, out, err = seaway("network", "create", *words.split(), "web")

    assert (code, out) == (1, "")
    assert err.startswith(sentence)
    assert engine.seen == []


def test_inspect_shows_what_is_there_and_fails_for_the_rest(engine: Engine, seaway: Run) -> None:
    engine.answers["GET /networks/web"] = (200, {"Name": "web", "Options": {}})
    engine.answers["GET /networks/x"] = (404, {"message": "network x not found"})

    code, out, err = seaway("network", "inspect", "x", "web")

    assert code == 1
    assert out == '[\n    {\n        "Name": "web",\n        "Options": {}\n    }\n]\n'
    assert err == "Error response from daemon: network x not found\n"


def test_inspect_takes_a_template(engine: Engine, seaway: Run) -> None:
    engine.answers["GET /networks/web"] = (200, {"Name": "web", "IPAM": {"Config": []}})

    out = seaway("network", "inspect", "-f", "{{.Name}} {{json .IPAM.Config}}", "web")[1]

    assert out == "web []\n"


def test_rm_goes_on_after_an_error(engine: Engine, seaway: Run) -> None:
    engine.answers["DELETE /networks/a b"] = (403, {"message": "network a b has active endpoints"})
    engine.answers["DELETE /networks/web"] = (204, None)

    assert seaway("network", "rm", "a b", "web") == (
        1,
        "web\n",
        "Error response from daemon: network a b has active endpoints\n",
    )


def test_rm_by_force_does_not_miss_what_is_not_there(engine: Engine, seaway: Run) -> None:
    assert seaway("network", "rm", "-f", "gone") == (0, "", "")
    assert engine.sent() == [("DELETE", "/networks/gone")]


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_a_name_that_would_be_another_path_is_not_sent(
    engine: Engine, seaway: Run, name: str
) -> None:
    code, _, err = seaway("network", "inspect", name)

    assert (code, err) == (1, f"{name!r} is no name and no id\n")
    assert engine.seen == []


def test_prune_shows_what_went(engine: Engine, seaway: Run) -> None:
    engine.answers["POST /networks/prune"] = (200, {"NetworksDeleted": ["n5", "n3"]})

    assert seaway("network", "prune", "-f") == (0, "Deleted Networks:\nn5\nn3\n\n", "")


def test_connect_sends_the_endpoints_wishes(engine: Engine, seaway: Run) -> None:
    engine.answers["POST /networks/web/connect"] = (200, None)

    words = [
        "--ip",
        "10.5.0.9",
        "--ip6",
        "fd00::9",
        "--alias",
        "db",
        "--alias",
        "sql",
        "--gw-priority",
        "7",
        "--ifname",
        "lan0",
        "--mac-address",
        "02:00:00:00:00:01",
        "--driver-opt",
        "a=b",
        "--link-local-ip",
        "169.254.1.1",
        "web",
        "box",
    ]

    assert seaway("network", "connect", *words) == (0, "", "")
    assert engine.seen == [
        Request(
            method="POST",
            path="/networks/web/connect",
            query={},
            body={
                "Container": "box",
                "EndpointConfig": {
                    "IPAMConfig": {
                        "IPv4Address": "10.5.0.9",
                        "IPv6Address": "fd00::9",
                        "LinkLocalIPs": ["169.254.1.1"],
                    },
                    "Aliases": ["db", "sql"],
                    "MacAddress": "02:00:00:00:00:01",
                    "DriverOpts": {"a": "b", "com.docker.network.endpoint.ifname": "lan0"},
                    "GwPriority": 7,
                },
            },
        )
    ]


def test_disconnect_can_be_forced(engine: Engine, seaway: Run) -> None:
    engine.answers["POST /networks/web/disconnect"] = (200, None)

    assert seaway("network", "disconnect", "-f", "web", "box")[0] == 0
    assert engine.seen[0].body == {"Container": "box", "Force": True}
