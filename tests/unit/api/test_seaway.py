"""``/seaway``: what Docker has no words for."""

from __future__ import annotations

import asyncio
import os
from ipaddress import ip_address, ip_interface
from pathlib import Path

import pytest

from seaway.model.ids import IfName
from seaway.model.observed import LinkState
from unit.api.stage import Stage, serving, with_purge


async def test_a_namespace_is_made_listed_and_removed(stage: Stage) -> None:
    await stage.good("POST", "/networks/create", {"Name": "lan"})
    config = {"EndpointsConfig": {"lan": None}}
    body = {"Name": "ns", "Netns": "", "NetworkingConfig": config}
    made = await stage.call("POST", "/seaway/sandboxes", body)
    identity = stage.world.store.sandbox("ns").id

    assert (made.status, made.json) == (201, {"Id": identity, "Warnings": []})
    assert await stage.good("GET", "/seaway/sandboxes") == [
        {
            "Id": identity,
            "Name": "ns",
            "Kind": "namespace",
            "State": "running",
            "Netns": "/run/test/netns/ns",
            "Networks": [{"Name": "lan", "Addresses": ["10.77.1.2"]}],
        }
    ]
    assert (await stage.call("DELETE", "/seaway/sandboxes/ns?force=1")).status == 204
    assert await stage.good("GET", "/seaway/sandboxes") == []


async def test_a_namespace_of_somebody_else_is_adopted(stage: Stage) -> None:
    stage.world.kernel.foreign.add(Path("/proc/1/ns/net"))

    await stage.good("POST", "/seaway/sandboxes", {"Name": "ad", "Netns": "/proc/1/ns/net"})
    wrong = await stage.call("POST", "/seaway/sandboxes", {"Name": "no", "Netns": "net"})
    missing = await stage.call("POST", "/seaway/sandboxes", {"Name": "no", "Netns": "/nosuch"})

    match await stage.good("GET", "/seaway/sandboxes"):
        case [{"Name": "ad", "Kind": "adopted", "Networks": []}]:
            pass
        case other:
            raise AssertionError(other)
    assert (wrong.status, wrong.message[:36]) == (400, "invalid network namespace 'net': it ")
    assert (missing.status, missing.message[:20]) == (400, "cannot adopt /nosuch")


async def test_a_namespace_is_a_container_without_a_process(stage: Stage) -> None:
    await stage.good("POST", "/seaway/sandboxes", {"Name": "ns"})

    found = await stage.inspect("ns")
    listed = await stage.good("GET", "/containers/json")

    assert (found["Path"], found["Args"], found["Image"]) == ("", [], "")
    match listed:
        case [{"Names": ["/ns"], "Image": "", "Command": "", "State": "running"}]:
            pass
        case other:
            raise AssertionError(other)


async def test_ports_are_published_and_taken_back_live(stage: Stage) -> None:
    await stage.run("web")

    published = await stage.good(
        "POST",
        "/seaway/sandboxes/web/publish",
        {"Ports": ["9000-9001:80-81"], "From": ["10.0.0.0/8"]},
    )
    gone = await stage.good("POST", "/seaway/sandboxes/web/unpublish", {"Ports": ["80-81"]})

    port = {
        "Proto": "tcp",
        "HostIp": "0.0.0.0",
        "HostPort": 9000,
        "HostPortEnd": 9001,
        "Port": 80,
        "PortEnd": 81,
        "From": ["10.0.0.0/8"],
    }
    assert published == {"Published": [port], "Warnings": []}
    assert gone == {"Published": [port], "Warnings": []}
    assert not stage.world.host_ports.all_held


async def test_a_publish_says_when_it_will_work(stage: Stage) -> None:
    await stage.good("POST", "/networks/create", {"Name": "in", "Internal": True})
    await stage.good("POST", "/networks/create", {"Name": "six", "EnableIPv6": True})
    await stage.create("idle")
    await stage.run("inside", HostConfig={"NetworkMode": "in"})
    await stage.run("six", HostConfig={"NetworkMode": "six"})
    stage.world.kernel.sysctls["net/bridge/bridge-nf-call-ip6tables"] = "1"

    async def warning(name: str, port: str) -> str:
        match await stage.good("POST", f"/seaway/sandboxes/{name}/publish", {"Ports": [port]}):
            case {"Warnings": [str(text)]}:
                return text
            case other:
                raise AssertionError(other)

    assert await warning("idle", "81:80") == (
        "idle is not running: its ports are published when it starts"
    )
    assert (await warning("inside", "82:80")).startswith("inside is on no network with a way out")
    assert await warning("inside", "[::1]:84:80") == await warning("inside", "82:80")
    assert (await warning("six", "83:80")).startswith("published ports do not answer on [::1]")


async def test_a_port_in_a_family_that_leads_nowhere_is_told(stage: Stage) -> None:
    await stage.run("web")

    done = await stage.good("POST", "/seaway/sandboxes/web/publish", {"Ports": ["[::1]:81:80"]})

    match done:
        case {"Warnings": [text]}:
            assert text == (
                "web has no IPv6 on a network with a way out: nothing answers at ::1 until it has"
            )
        case other:
            raise AssertionError(other)


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("web/publish", {"Ports": []}, 400, "Ports is empty"),
        ("web/publish", {"Ports": ["x"]}, 400, "invalid port 'x'"),
        ("web/publish", {"Ports": ["80"], "From": ["x"]}, 400, "invalid source 'x'"),
        ("web/unpublish", {"Ports": ["80"]}, 404, "port 80/tcp is not published"),
        ("nosuch/publish", {"Ports": ["80"]}, 404, "No such container: nosuch"),
    ],
)
async def test_a_refused_publish_is_told_in_a_sentence(
    stage: Stage, path: str, body: object, status: int, message: str
) -> None:
    await stage.run("web")

    answer = await stage.call("POST", f"/seaway/sandboxes/{path}", body)

    assert answer.status == status
    assert answer.message.startswith(message)


async def test_the_map_shows_everything(stage: Stage) -> None:
    outside = ip_address("192.0.2.7")
    stage.world.kernel.addresses = (outside,)
    stage.world.kernel.links[IfName("eth0")] = LinkState(
        index=2, mtu=1500, up=True, interfaces=(ip_interface(f"{outside}/24"),)
    )
    identity = await stage.run("web", HostConfig={"PortSpecs": ["8080:80"]})
    (endpoint,) = stage.world.store.endpoints_of(stage.world.store.sandbox("web").id)
    stage.world.kernel.dropped[endpoint.link] = 2
    assert endpoint.place is not None

    match await stage.good("GET", "/seaway/map"):
        case {"Host": host, "Networks": [bridge, *_], "Sandboxes": [web]}:
            assert host["Addresses"] == ["192.0.2.7"]
            assert host["Uplink"] == "eth0"
            assert (bridge["Name"], bridge["Bridge"], bridge["Masquerade"], bridge["Icc"]) == (
                "bridge", "seaway0", True, True,
            )  # fmt: skip
            assert bridge["Subnets"] == [{"Subnet": "10.77.0.0/24", "Gateway": "10.77.0.1"}]
            assert bridge["Endpoints"] == [
                {
                    "Sandbox": "web",
                    "SandboxId": identity,
                    "State": "running",
                    "Ifname": endpoint.place.ifname,
                    "Addresses": ["10.77.0.2"],
                    "Mac": endpoint.place.mac,
                    "DefaultRoute": True,
                    "Drops": 2,
                }
            ]
            assert (web["Kind"], web["Networks"]) == ("process", ["bridge"])
            assert web["Published"][0]["HostPort"] == 8080
        case other:
            raise AssertionError(other)
    assert ip_interface("10.77.0.2/24") in endpoint.place.addresses


async def test_status_and_settings_are_told(stage: Stage) -> None:
    await stage.run("web")
    await stage.create("idle")

    match await stage.good("GET", "/seaway/status"):
        case {
            "Version": "0.1.0",
            "Pid": pid,
            "Started": "1970-01-01T00:00:00.000000001Z",
            "Networks": 3,
            "Sandboxes": 2,
            "Running": 1,
            "Socket": "unix:///run/test.sock",
            "Warnings": [],
            "MemoryBytes": memory,
            "OpenFiles": files,
        }:
            assert pid == os.getpid()
            assert memory > 10_000_000
            assert files > 3
        case other:
            raise AssertionError(other)
    assert await stage.good("GET", "/seaway/config") == [
        {"Name": "log-level", "Value": "info", "Origin": "default"}
    ]


async def test_a_purge_is_answered_before_the_daemon_ends(stage: Stage, tmp_path: Path) -> None:
    stop = asyncio.Event()
    parts = with_purge(stage, stop, "removed network web")

    async with serving(parts, tmp_path / "other.sock", stop) as path:
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(b"POST /seaway/purge HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        answer = await reader.read()
        writer.close()
        await asyncio.wait_for(stop.wait(), 5)

    assert answer.endswith(b'{"Removed":["removed network web"]}\n')
