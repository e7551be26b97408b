"""``stats`` and ``top``."""

from __future__ import annotations

import asyncio
import json

import pytest

from seaway.api import stats
from seaway.model.ids import IfName
from seaway.model.usage import Traffic, Usage
from unit.api.stage import Stage, read_head

USED = Usage(
    cpu=30,
    cpu_user=20,
    cpu_kernel=10,
    host_cpu=900,
    processors=2,
    memory=4096,
    memory_limit=1 << 20,
    memory_parts={"inactive_file": 96},
    tasks=3,
)
NO_CPU = {
    "cpu_usage": {"total_usage": 0, "usage_in_kernelmode": 0, "usage_in_usermode": 0},
    "throttling_data": {"periods": 0, "throttled_periods": 0, "throttled_time": 0},
}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look each hundredth of a second."""
    monkeypatch.setattr(stats, "PERIOD", 0.01)


async def test_one_look_shows_processors_memory_and_the_traffic_inside(stage: Stage) -> None:
    identity = await stage.run("web")
    stage.runtime.used = USED
    stage.world.kernel.carried[IfName("eth0")] = Traffic(rx_bytes=7, rx_packets=1, tx_bytes=5)

    found = await stage.good("GET", "/containers/web/stats?stream=0&one-shot=1")

    assert list(found) == [
        "id", "name", "read", "preread", "cpu_stats", "precpu_stats", "memory_stats", "networks",
        "pids_stats", "blkio_stats", "num_procs", "storage_stats",
    ]  # fmt: skip
    assert (found["id"], found["name"]) == (identity, "/web")
    assert found["cpu_stats"] == {
        "cpu_usage": {"total_usage": 30, "usage_in_kernelmode": 10, "usage_in_usermode": 20},
        "system_cpu_usage": 900,
        "online_cpus": 2,
        "throttling_data": {"periods": 0, "throttled_periods": 0, "throttled_time": 0},
    }
    assert (found["preread"], found["precpu_stats"]) == ("0001-01-01T00:00:00Z", NO_CPU)
    assert found["memory_stats"] == {
        "usage": 4096,
        "stats": {"inactive_file": 96},
        "limit": 1 << 20,
    }
    assert found["networks"] == {
        "eth0": {
            "rx_bytes": 7,
            "rx_packets": 1,
            "rx_errors": 0,
            "rx_dropped": 0,
            "tx_bytes": 5,
            "tx_packets": 0,
            "tx_errors": 0,
            "tx_dropped": 0,
        }
    }
    assert found["pids_stats"] == {"current": 3}


async def test_without_one_shot_there_is_a_look_before_to_compare_with(stage: Stage) -> None:
    await stage.run("web")
    stage.runtime.used = USED

    found = await stage.good("GET", "/containers/web/stats?stream=false")

    assert found["precpu_stats"]["cpu_usage"]["total_usage"] == 30
    assert "0001-01-01T00:00:00Z" < found["preread"] < found["read"]


async def test_what_does_not_run_uses_nothing(stage: Stage) -> None:
    await stage.create("web")

    found = await stage.good("GET", "/containers/web/stats?stream=0")

    assert (found["read"], found["memory_stats"], found["pids_stats"]) == (
        "0001-01-01T00:00:00Z",
        {},
        {},
    )
    assert "networks" not in found


async def test_on_the_hosts_network_no_traffic_is_its_own(stage: Stage) -> None:
    await stage.run("web", HostConfig={"NetworkMode": "host"})

    assert "networks" not in await stage.good("GET", "/containers/web/stats?stream=0&one-shot=1")


async def test_one_that_shares_a_namespace_has_the_traffic_of_its_owner(stage: Stage) -> None:
    await stage.run("web")
    await stage.run("side", HostConfig={"NetworkMode": "container:web"})

    found = await stage.good("GET", "/containers/side/stats?stream=0&one-shot=1")

    assert list(found["networks"]) == ["eth0"]


async def test_a_stream_goes_on_until_the_container_is_removed(stage: Stage) -> None:
    await stage.run("web")
    stage.runtime.used = USED
    reader, writer = await stage.connect()
    writer.write(b"GET /v1.26/containers/web/stats HTTP/1.0\r\nHost: x\r\n\r\n")
    status, _ = await read_head(reader)
    first, second = [json.loads(await reader.readline()) for _ in range(2)]
    await stage.good("DELETE", "/containers/web?force=1")
    rest = await asyncio.wait_for(reader.read(), 10)
    writer.close()

    assert status == 200
    assert first["precpu_stats"] == NO_CPU
    assert second["preread"] == first["read"] != "0001-01-01T00:00:00Z"
    assert "online_cpus" not in first["cpu_stats"]
    assert all(json.loads(line)["name"] == "/web" for line in rest.splitlines())


async def test_top_shows_processes_in_the_columns_of_ps(stage: Stage) -> None:
    await stage.run("web", "sleep", "60")

    assert await stage.good("GET", "/containers/web/top?ps_args=-o%20pid,cmd") == {
        "Titles": ["PID", "CMD"],
        "Processes": [["4242", "sleep 60"]],
    }


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("/containers/nosuch/top", 404, "No such container: nosuch"),
        ("/containers/nosuch/stats", 404, "No such container: nosuch"),
        ("/containers/web/top?ps_args=--nosuch", 400, "ps refused its ps_args: error: unknown"),
        ("/containers/still/top", 409, "container {still} is not running"),
        ("/containers/box/top", 409, "sandbox box is only a network namespace"),
    ],
)
async def test_what_cannot_be_looked_at_is_told_in_a_sentence(
    stage: Stage, path: str, status: int, message: str
) -> None:
    await stage.run("web")
    still = await stage.create("still")
    await stage.good("POST", "/seaway/sandboxes", {"Name": "box"})

    answer = await stage.call("GET", path)

    assert answer.status == status
    assert answer.message.startswith(message.replace("{still}", still))


async def test_a_namespace_without_a_process_has_traffic_alone(stage: Stage) -> None:
    on: object = {"EndpointsConfig": {"bridge": {}}}
    await stage.good("POST", "/seaway/sandboxes", {"Name": "box", "NetworkingConfig": on})

    found = await stage.good("GET", "/containers/box/stats?stream=0&one-shot=1")

    assert list(found["networks"]) == ["eth0"]
    assert (found["memory_stats"], found["pids_stats"]) == ({}, {})
    assert found["read"] > "0001-01-01T00:00:00Z"
