"""What sandboxes use, and what runs in them: ``stats``, ``top``, ``pause``, ``unpause``."""

from __future__ import annotations

import json

import pytest

from seaway.cli.stats import binary, cpu, decimal
from unit.cli.conftest import Run
from unit.cli.engine import Engine

ID = "ab" * 32


def a_reading(**more: object) -> dict[str, object]:
    return {
        "id": ID,
        "name": "/web",
        "cpu_stats": {
            "cpu_usage": {"total_usage": 3_000},
            "system_cpu_usage": 20_000,
            "online_cpus": 2,
        },
        "memory_stats": {
            "usage": 3 << 20,
            "limit": 1 << 30,
            "stats": {"inactive_file": 1 << 20},
        },
        "networks": {
            "eth0": {"rx_bytes": 1500, "tx_bytes": 10},
            "eth1": {"rx_bytes": 500, "tx_bytes": 2},
        },
        "pids_stats": {"current": 4},
        **more,
    }


def test_stats_has_dockers_columns(engine: Engine, seaway: Run) -> None:
    engine.answers["GET /containers/json"] = (200, [{"Id": ID}])
    engine.answers[f"GET /containers/{ID}/stats"] = (200, a_reading())

    code, out, _ = seaway("stats", "--no-stream")

    assert code == 0
    assert out.splitlines() == [
        "CONTAINER ID   NAME      CPU %     MEM USAGE / LIMIT   MEM %     NET I/O     BLOCK I/O   PIDS",
        "abababababab   web       --        2MiB / 1GiB         0.20%     2kB / 12B   --          4",
    ]


def test_stats_of_what_does_not_run_are_not_known(engine: Engine, seaway: Run) -> None:
    ended: dict[str, object] = {"id": ID, "name": "/web", "memory_stats": None}
    engine.answers["GET /containers/web/stats"] = (200, ended)
    engine.answers[f"GET /containers/{ID}/stats"] = (200, ended)

    code, out, _ = seaway("stats", "--no-stream", "--format", "json", "web")

    assert code == 0
    assert json.loads(out) == {
        "BlockIO": "--",
        "CPUPerc": "--",
        "Container": ID[:12],
        "ID": ID[:12],
        "MemPerc": "--",
        "MemUsage": "-- / --",
        "Name": "web",
        "NetIO": "-- / --",
        "PIDs": "--",
    }


def test_stats_of_a_wrong_name_say_so_once_and_end(engine: Engine, seaway: Run) -> None:
    engine.answers["GET /containers/nope/stats"] = (404, {"message": "No such container: nope"})

    assert seaway("stats", "nope")[::2] == (
        1,
        "Error response from daemon: No such container: nope\n",
    )


def test_a_processor_busy_half_the_time_is_fifty_percent() -> None:
    before = {"cpu_usage": {"total_usage": 1_000}, "system_cpu_usage": 12_000}

    assert cpu(a_reading(precpu_stats=before)) == "50.00%"
    assert cpu(a_reading(precpu_stats=None)) == "--"


@pytest.mark.parametrize(
    ("size", "in_1024", "in_1000"),
    [
        (0, "0B", "0B"),
        (999, "999B", "999B"),
        (1536, "1.5KiB", "1.54kB"),
        (999_999, "976.6KiB", "1MB"),
        (5 << 30, "5GiB", "5.37GB"),
    ],
)
def test_sizes_are_written_as_docker_does(size: int, in_1024: str, in_1000: str) -> None:
    assert (binary(size), decimal(size)) == (in_1024, in_1000)


def test_top_passes_options_of_ps_on_and_aligns_its_columns(engine: Engine, seaway: Run) -> None:
    processes = [["4711", "sleep infinity"], ["4712", "sh"]]
    engine.answers["GET /containers/web/top"] = (
        200,
        {"Titles": ["PID", "CMD"], "Processes": processes},
    )

    shown = seaway("top", "web", "-o", "pid,args")

    assert shown == (0, "PID       CMD\n4711      sleep infinity\n4712      sh\n", "")
    assert engine.seen[0].query == {"ps_args": "-o pid,args"}


@pytest.mark.parametrize("verb", ["pause", "unpause"])
def test_one_that_cannot_be_paused_does_not_keep_the_others(
    engine: Engine, seaway: Run, verb: str
) -> None:
    engine.answers[f"POST /containers/web/{verb}"] = (204, None)
    engine.answers[f"POST /containers/db/{verb}"] = (409, {"message": "db does not run"})

    assert seaway(verb, "db", "web") == (
        1,
        "web\n",
        "Error response from daemon: db does not run\n",
    )
