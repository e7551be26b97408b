"""``GET /events``: shapes, filters and times as Docker 20.10 has them, and readers that do no harm."""

from __future__ import annotations

import asyncio
import json
from typing import Any, cast

import pytest

from seaway.api import events as events_module
from seaway.api import wire
from seaway.api.events import shown
from seaway.engine import events as bus_module
from seaway.model.event import Event
from unit.api.stage import Stage, read_head, until

KEPT_ONES = "until=0"
"""What is kept, and no more."""


async def events(stage: Stage, query: str) -> list[dict[str, Any]]:
    answer = await stage.call("GET", f"/events?{query}")
    assert answer.status == 200
    return [json.loads(line) for line in answer.body.splitlines()]


async def refusal(stage: Stage, query: str) -> tuple[int, str]:
    answer = await stage.call("GET", f"/events?{query}")
    return answer.status, json.loads(answer.body)["message"]


def happened(stage: Stage, action: str, actor: str = "c0ffee", **attributes: str) -> None:
    """Something happened to a container."""
    facts = tuple(attributes.items())
    stage.world.events.emit(Event(type="container", action=action, actor=actor, attributes=facts))


async def test_kept_events_come_in_dockers_shape_and_order(stage: Stage) -> None:
    identity = await stage.run("box", Labels={"k": "v", "a": "b"})
    network = (await stage.good("GET", "/networks/bridge"))["Id"]

    found = await events(stage, KEPT_ONES)

    assert [(e["Type"], e["Action"]) for e in found] == [
        ("container", "create"),
        ("network", "connect"),
        ("container", "start"),
    ]
    attributes = {"a": "b", "image": "host", "k": "v", "name": "box"}
    assert found[2] == {
        "status": "start",
        "id": identity,
        "from": "host",
        "Type": "container",
        "Action": "start",
        "Actor": {"ID": identity, "Attributes": attributes},
        "scope": "local",
        "time": 0,
        "timeNano": found[2]["timeNano"],
    }
    assert [*found[2]] == [
        "status", "id", "from", "Type", "Action", "Actor", "scope", "time", "timeNano",
    ]  # fmt: skip
    assert [*found[2]["Actor"]["Attributes"]] == ["a", "image", "k", "name"]
    assert found[1] == {
        "Type": "network",
        "Action": "connect",
        "Actor": {
            "ID": network,
            "Attributes": {"container": identity, "name": "bridge", "type": "bridge"},
        },
        "scope": "local",
        "time": 0,
        "timeNano": found[1]["timeNano"],
    }


async def test_a_prune_has_no_id_and_of_the_old_members_only_the_status(stage: Stage) -> None:
    await stage.good("POST", "/containers/prune")
    await stage.good("POST", "/networks/prune")

    container, network = await events(stage, KEPT_ONES)

    actor = {"ID": "", "Attributes": {"reclaimed": "0"}}
    assert {**container, "time": 0, "timeNano": 0} == {
        "status": "prune",
        "Type": "container",
        "Action": "prune",
        "Actor": actor,
        "scope": "local",
        "time": 0,
        "timeNano": 0,
    }
    assert (network["Type"], network["Actor"], "status" in network) == ("network", actor, False)


@pytest.mark.parametrize(
    ("filters", "actions"),
    [
        ({"type": ["network"], "event": ["connect"]}, ["connect"]),
        ({"type": ["net"]}, []),
        ({"container": ["box"]}, ["create", "start", "exec_create: sh -c x", "die"]),
        ({"container": ["b"], "type": ["network"]}, ["connect"]),
        ({"container": [""]}, ["create", "connect", "start", "exec_create: sh -c x", "die"]),
        ({"container": []}, ["create", "connect", "start", "exec_create: sh -c x", "die"]),
        ({"container": ["ox"]}, []),
        ({"network": ["bridge"]}, ["connect"]),
        ({"service": ["box"], "event": ["die"]}, ["die"]),
        ({"event": {"start": True}, "label": ["k=v"]}, ["start"]),
        ({"event": ["exec_create"]}, ["exec_create: sh -c x"]),
        ({"event": ["exec_create", "d"]}, ["exec_create: sh -c x", "die"]),
        ({"event": ["exec_create: sh -c x"]}, ["exec_create: sh -c x"]),
        ({"event": ["exec_create: sh"]}, []),
        ({"event": ["d", "star"]}, []),
        ({"label": ["k"]}, ["create", "start"]),
        ({"label": ["k", "name=box"]}, ["create", "start"]),
        ({"label": ["k=other"]}, []),
        ({"label": ["type=bridge"]}, ["connect"]),
        ({"volume": ["x"]}, []),
        ({"scope": ["local"], "event": ["die"]}, ["die"]),
        ({"scope": ["swarm"]}, []),
        ({"image": ["host"]}, ["create", "start"]),
        ({"image": ["here/img"]}, ["die"]),
        ({"image": ["here/img:1"]}, ["die"]),
        ({"image": ["here"]}, []),
    ],
)
async def test_filters_choose_as_dockers_do(
    stage: Stage, filters: object, actions: list[str]
) -> None:
    await stage.run("box", Labels={"k": "v"})
    happened(stage, "exec_create: sh -c x", name="box")
    happened(stage, "die", name="box", image="here/img:1")
    text = json.dumps(filters, separators=(",", ":"))

    found = await events(stage, f"{KEPT_ONES}&filters={text}".replace(" ", "%20"))

    assert [e["Action"] for e in found] == actions


async def test_unknown_filters_and_impossible_times_are_refused(stage: Stage) -> None:
    assert await refusal(stage, 'filters={"bogus":["x"]}') == (400, "invalid filter 'bogus'")
    assert await refusal(stage, 'filters="x"') == (400, "invalid filter")
    assert await refusal(stage, "since=20&until=10") == (
        400,
        "`since` time (20) cannot be after `until` time (10)",
    )
    assert (await refusal(stage, "since=soon"))[1].startswith("invalid time 'soon'")


@pytest.mark.parametrize(
    ("query", "actions"),
    [
        ("since=0.000000101&until=0.000000102", ["two", "three"]),
        ("until=0.000000101", ["one", "two"]),
        ("until=0", ["one", "two", "three"]),
        ("since=0&until=0.000000001", []),
        ("since=1970-01-01T00:00:00.000000102Z&until=0.000000103", ["three"]),
        ("since=1970-01-01T01:00:00.000000101%2B01:00&until=1ns", ["two", "three"]),
    ],
)
async def test_times_choose_to_the_nanosecond_and_a_past_end_ends_the_reply(
    stage: Stage, query: str, actions: list[str]
) -> None:
    for time, action in ((100, "one"), (101, "two"), (102, "three")):
        stage.world.clock.time = time - 1
        happened(stage, action)
    stage.world.clock.time = 1000

    assert [e["Action"] for e in await events(stage, query)] == actions


async def test_an_end_to_come_gives_what_is_kept_then_what_comes_and_ends(stage: Stage) -> None:
    happened(stage, "before")

    async def later() -> None:
        await asyncio.sleep(0.05)
        happened(stage, "meanwhile")

    emitting = asyncio.ensure_future(later())
    async with asyncio.timeout(5):
        found = await events(stage, "until=0.3")
    await emitting

    assert [e["Action"] for e in found] == ["before", "meanwhile"]


async def test_the_head_comes_at_once_and_nothing_between_head_and_watch_is_missed(
    stage: Stage,
) -> None:
    happened(stage, "before")
    reader, writer = await stage.connect()
    writer.write(b"GET /v1.24/events HTTP/1.1\r\nHost: x\r\n\r\n")

    async with asyncio.timeout(5):
        status, headers = await read_head(reader)
        happened(stage, "after")
        line = await reader.readuntil(b"}\n")

    assert (status, headers["Content-Type"]) == (200, "application/json")
    assert json.loads(line.partition(b"\r\n")[2])["Action"] == "after"
    writer.close()


def watches(stage: Stage) -> set[object]:
    """Who watches."""
    return cast("set[object]", vars(stage.world.events)["_watches"])


async def test_a_client_that_goes_away_leaves_no_watch_and_no_task(stage: Stage) -> None:
    tasks = len(asyncio.all_tasks())
    reader, writer = await stage.connect()
    writer.write(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
    await read_head(reader)
    assert len(watches(stage)) == 1

    writer.close()

    await until(lambda: not watches(stage) and len(asyncio.all_tasks()) == tasks)


async def test_a_hundred_readers_of_whom_half_never_read_get_all_or_a_broken_connection(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bus_module, "KEPT", 500)
    count, padding = 3000, "x" * 400

    async def opened() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await stage.connect()
        writer.write(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
        await read_head(reader)
        return reader, writer

    async def read(reader: asyncio.StreamReader) -> list[str]:
        seen: list[str] = []
        while len(seen) < count:
            size = int(await reader.readuntil(b"\n"), 16)
            chunk = (await reader.readexactly(size + 2))[:-2]
            seen += [json.loads(line)["Action"] for line in chunk.splitlines()]
        return seen

    async with asyncio.timeout(60):
        stuck = [await opened() for _ in range(50)]
        quick = [await opened() for _ in range(50)]
        for _, writer in stuck:
            cast("asyncio.Transport", writer.transport).pause_reading()
        reading = [asyncio.ensure_future(read(reader)) for reader, _ in quick]
        for number in range(count):
            happened(stage, f"a{number}", command=padding)
            await asyncio.sleep(0.05 if number % 100 == 99 else 0)
        seen = await asyncio.gather(*reading)

        wanted = [f"a{n}" for n in range(count)]
        assert all(one == wanted for one in seen)
        await until(lambda: len(watches(stage)) == 50)
        for reader, writer in stuck:
            cast("asyncio.Transport", writer.transport).resume_reading()
            with pytest.raises(asyncio.IncompleteReadError):
                await read(reader)
    for _, writer in (*stuck, *quick):
        writer.close()
    await until(lambda: not watches(stage))


async def test_an_event_is_written_out_once_for_all_its_readers(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def noted(event: Event) -> wire.Event:
        made.append(event.action)
        return shown(event)

    monkeypatch.setattr(events_module, "shown", noted)
    happened(stage, "one")

    for _ in range(3):
        assert [e["Action"] for e in await events(stage, KEPT_ONES)] == ["one"]

    assert made == ["one"]
