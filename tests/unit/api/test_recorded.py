"""Our answers beside Docker's, field by field and in order, for four versions of the API."""

from __future__ import annotations

import pytest

from recorded import VERSIONS, differences, replies
from recorded.scenario import ASKED, MADE, PRUNED, Asked
from unit.api.stage import Stage


@pytest.fixture
async def made(stage: Stage) -> Stage:
    """All that the recorded replies are about."""
    for request in MADE:
        reply = await stage.good("POST", request.path, request.body)
        wanted = replies("1.50").get(request.reply)
        assert list(differences(wanted, reply, request.path)) == []
    return stage


async def found(stage: Stage, version: str, asked: Asked) -> list[str]:
    """The differences from what was recorded."""
    body: object = {} if asked.method == "POST" else None
    reply = await stage.good(asked.method, f"/v{version}{asked.path}", body)
    return list(differences(replies(version)[asked.reply], asked.pick(reply), asked.reply))


@pytest.mark.parametrize("version", VERSIONS)
async def test_each_version_is_answered_in_its_own_shapes(made: Stage, version: str) -> None:
    told = [line for asked in ASKED for line in await found(made, version, asked)]

    assert told == []


@pytest.mark.parametrize("version", VERSIONS)
async def test_what_was_pruned_is_listed_or_null(made: Stage, version: str) -> None:
    told = [line for asked in PRUNED for line in await found(made, version, asked)]

    assert told == []


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_further_process_is_shown_in_its_shape(made: Stage, version: str) -> None:
    body = {"Cmd": ["true"]}
    exec_id = (await made.good("POST", "/containers/ca/exec", body))["Id"]

    told = await found(made, version, Asked("further process", f"/exec/{exec_id}/json"))

    assert told == []


def test_the_comparison_finds_values_members_and_their_order() -> None:
    wanted = {"Id": "<id>", "N": 1, "L": [{"A": None}]}

    def told(found: object) -> list[str]:
        return list(differences(wanted, found))

    assert told({"Id": "a" * 64, "N": 1, "L": [{"A": None, "Drops": 7}]}) == []
    assert told({"Id": "a", "N": True, "L": [{"A": None}]}) == [
        ".Id: <id> wanted, 'a' found",
        ".N: 1 wanted, True found",
    ]
    assert told({"N": 1, "Id": "a" * 64, "L": []}) == [
        ": members ['Id', 'N', 'L'] wanted, ['N', 'Id', 'L'] found"
    ]
    assert told({"Id": "a" * 64, "N": 1, "L": [{"B": None}]}) == [
        ".L[0]: members ['A'] wanted, ['B'] found"
    ]
    assert told({"Id": "a" * 64, "N": 1, "L": []}) == [".L: 1 items wanted, 0 found"]
