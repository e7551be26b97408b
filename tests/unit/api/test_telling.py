"""Logs and events: what happened, and what happens."""

from __future__ import annotations

import json
from typing import cast

import pytest

from seaway.api import moments
from seaway.api.carriage import frame
from seaway.model.errors import InvalidRequest
from unit.api.stage import Stage, read_head, unchunked, until


async def logs(stage: Stage, query: str) -> bytes:
    answer = await stage.call("GET", f"/containers/box/logs?{query}")
    assert answer.status == 200
    return answer.body


async def test_logs_are_framed_cut_and_stamped(stage: Stage) -> None:
    identity = await stage.run("box")
    program = stage.runtime.programs[identity]
    for text, stream in ((b"one\n", 1), (b"two\n", 2), (b"thr", 1), (b"ee\n", 1)):
        program.say(text, stream)

    assert await logs(stage, "stdout=1&stderr=1&tail=all") == (
        frame(1, b"one\n") + frame(2, b"two\n") + frame(1, b"thr") + frame(1, b"ee\n")
    )
    assert await logs(stage, f"stdout=1&tail={'9' * 5000}") == await logs(stage, "stdout=1")
    assert await logs(stage, "stdout=1&tail=1") == frame(1, b"thr") + frame(1, b"ee\n")
    assert await logs(stage, "stdout=1&stderr=1&tail=0") == b""
    assert await logs(stage, "stderr=1&timestamps=1") == frame(
        2, b"1970-01-01T00:00:00.000000002Z two\n"
    )
    assert await logs(stage, "stdout=1&until=0.000000001") == frame(1, b"one\n")
    assert await logs(stage, "stdout=1&since=0.000000004") == frame(1, b"ee\n")
    assert (await stage.call("GET", "/containers/box/logs")).message == (
        "must specify at least one of 'stdout' or 'stderr'"
    )


async def test_followed_logs_end_with_the_process(stage: Stage) -> None:
    identity = await stage.run("box", Tty=True)
    reader, writer = await stage.connect()
    writer.write(b"GET /containers/box/logs?stdout=1&follow=1 HTTP/1.1\r\nHost: x\r\n")
    writer.write(b"Connection: close\r\n\r\n")
    _, headers = await read_head(reader)
    program = stage.runtime.programs[identity]
    program.say(b"hello\n")
    begun = await reader.readuntil(b"hello\n\r\n")
    program.end(0)

    assert headers["Content-Type"] == "application/vnd.docker.raw-stream"
    assert unchunked(begun + await reader.read()) == b"hello\n"
    writer.close()


async def events(stage: Stage, query: str) -> list[dict[str, object]]:
    answer = await stage.call("GET", f"/events?{query}")
    return [json.loads(line) for line in answer.body.splitlines()]


async def test_past_events_come_in_dockers_shape_and_order(stage: Stage) -> None:
    identity = await stage.run("box", Labels={"k": "v"})
    network = (await stage.good("GET", "/networks/bridge"))["Id"]

    found = await events(stage, "since=0.000000001&until=0.000000001")
    everything = await events(stage, "since=0.000000002&until=0.9&filters={}")
    past = [e for e in everything if e["Type"] == "container" or e["Action"] == "connect"]

    assert found == []
    assert [(e["Type"], e["Action"]) for e in past] == [
        ("container", "create"),
        ("network", "connect"),
        ("container", "start"),
    ]
    assert past[2] == {
        "status": "start",
        "id": identity,
        "from": "host",
        "Type": "container",
        "Action": "start",
        "Actor": {"ID": identity, "Attributes": {"image": "host", "name": "box", "k": "v"}},
        "scope": "local",
        "time": 0,
        "timeNano": past[2]["timeNano"],
    }
    assert past[1]["Actor"] == {
        "ID": network,
        "Attributes": {"container": identity, "name": "bridge", "type": "bridge"},
    }
    assert "status" not in past[1]


@pytest.mark.parametrize(
    ("filters", "actions"),
    [
        ({"type": ["network"], "event": ["connect"]}, ["connect"]),
        ({"container": ["box"]}, ["create", "start"]),
        ({"event": {"start": True}, "label": ["k=v"]}, ["start"]),
        ({"network": ["bridge"], "event": ["connect", "create"]}, ["create", "connect"]),
        ({"label": ["k=other"]}, []),
        ({"volume": ["x"]}, []),
        ({"image": ["host"], "event": ["create"]}, ["create"]),
    ],
)
async def test_filters_choose_events(stage: Stage, filters: object, actions: list[str]) -> None:
    await stage.run("box", Labels={"k": "v"})
    text = json.dumps(filters).replace(" ", "")

    found = await events(stage, f"since=0.000000001&until=0.9&filters={text}")

    assert [e["Action"] for e in found] == actions


async def test_events_come_one_by_one_and_the_watch_ends_with_its_client(stage: Stage) -> None:
    reader, writer = await stage.connect()
    writer.write(b'GET /events?filters={"type":["network"]} HTTP/1.1\r\nHost: x\r\n\r\n')
    status, _ = await read_head(reader)
    await stage.good("POST", "/networks/create", {"Name": "web"})

    line = await reader.readuntil(b"}\n")
    assert status == 200
    assert json.loads(line.partition(b"\r\n")[2])["Action"] == "create"
    writer.close()

    watchers = cast("set[object]", vars(stage.world.events)["_watchers"])
    await until(lambda: not watchers)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1795500311", 1795500311 * 10**9),
        ("1795500311.25", 1795500311250000000),
        ("2026-11-24T06:05:11Z", 1795500311 * 10**9),
        ("2026-11-24T07:05:11.000000001+01:00", 1795500311 * 10**9 + 1),
        ("1h30m", 10**15 - 5400 * 10**9),
        ("1.5s", 10**15 - 15 * 10**8),
    ],
)
def test_moments_are_read_in_all_three_forms(text: str, expected: int) -> None:
    assert moments.moment(text, 10**15) == expected


@pytest.mark.parametrize("text", ["soon", "1x", "2026-13-01T00:00:00Z", "-5", "1h "])
def test_a_wrong_moment_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="invalid time"):
        moments.moment(text, 0)


def test_moments_are_shown_without_needless_zeros() -> None:
    assert moments.shown(0) == "0001-01-01T00:00:00Z"
    assert moments.shown(1795500311 * 10**9) == "2026-11-24T06:05:11Z"
    assert moments.shown(1795500311 * 10**9 + 150_000_000) == "2026-11-24T06:05:11.15Z"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "Less than a second"),
        (1, "1 second"),
        (59, "59 seconds"),
        (60, "About a minute"),
        (150, "2 minutes"),
        (3600, "About an hour"),
        (2 * 86400, "2 days"),
        (15 * 86400, "2 weeks"),
        (90 * 86400, "3 months"),
        (800 * 86400, "2 years"),
        (-5, "Less than a second"),
    ],
)
def test_spans_are_told_in_dockers_words(seconds: int, expected: str) -> None:
    assert moments.in_words(seconds * 10**9) == expected
