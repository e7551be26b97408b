"""What Seaway has not got: empty, not found, or refused in one sentence."""

from __future__ import annotations

import pytest

from seaway.api.absent import ABSENT
from unit.api.stage import Stage

SWARM = (
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect '
    "this node to swarm and try again. Seaway has no swarm"
)
IMAGES = (
    'Seaway has no images: it runs commands on the host\'s file system (image "host") or in a '
    "directory with a root file system (its absolute path)"
)


@pytest.mark.parametrize(
    ("method", "path", "reply"),
    [
        ("GET", "/images/json", []),
        ("GET", "/plugins", []),
        ("GET", "/volumes", {"Volumes": [], "Warnings": None}),
        ("POST", "/images/prune", {"ImagesDeleted": None, "SpaceReclaimed": 0}),
        ("POST", "/build/prune", {"CachesDeleted": None, "SpaceReclaimed": 0}),
        ("POST", "/volumes/prune", {"VolumesDeleted": None, "SpaceReclaimed": 0}),
        (
            "GET",
            "/system/df",
            {"LayersSize": 0, "Images": [], "Containers": [], "Volumes": [], "BuildCache": []},
        ),
    ],
)
async def test_lists_are_empty(stage: Stage, method: str, path: str, reply: object) -> None:
    assert await stage.good(method, path) == reply


@pytest.mark.parametrize(
    ("method", "path", "status", "message"),
    [
        ("GET", "/images/busybox/json", 404, f"No such image: busybox:latest\n{IMAGES}"),
        ("DELETE", "/images/reg.example/a/b:1", 404, f"No such image: reg.example/a/b:1\n{IMAGES}"),
        ("POST", "/images/create?fromImage=x&tag=1", 404, f"No such image: x:1\n{IMAGES}"),
        ("POST", "/build?t=x", 501, IMAGES),
        ("POST", "/images/load", 501, IMAGES),
        ("POST", "/commit?container=web", 501, IMAGES),
        ("GET", "/volumes/v1", 404, "get v1: no such volume"),
        ("DELETE", "/volumes/v1", 404, "get v1: no such volume"),
        (
            "POST",
            "/volumes/create",
            501,
            "Seaway has no volumes: give a directory of the host (-v /srv/data:/data)",
        ),
        ("GET", "/plugins/b/json", 404, 'plugin "b" not found'),
        ("GET", "/services", 503, SWARM),
        ("GET", "/nodes/self", 503, SWARM),
        ("GET", "/tasks/x", 503, SWARM),
        ("POST", "/secrets/create", 503, SWARM),
        ("GET", "/configs", 503, SWARM),
        ("GET", "/swarm", 503, SWARM),
        ("POST", "/swarm/leave", 503, "This node is not part of a swarm"),
        (
            "POST",
            "/swarm/init",
            501,
            (
                "Seaway has no swarm and joins none: every container of this host can be put on "
                "every network"
            ),
        ),
        ("GET", "/containers/nosuch/changes", 404, "No such container: nosuch"),
        (
            "GET",
            "/containers/web/attach/ws",
            501,
            "Seaway has no websockets: attach by POST /containers/web/attach",
        ),
    ],
)
async def test_what_is_not_there_is_told_in_one_sentence(
    stage: Stage, method: str, path: str, status: int, message: str
) -> None:
    await stage.create("web")

    answer = await stage.call(method, path)

    assert (answer.status, answer.message) == (status, message)


async def test_by_force_a_volume_that_is_not_there_is_removed(stage: Stage) -> None:
    assert (await stage.call("DELETE", "/volumes/v1?force=1")).status == 204


async def test_each_refusal_is_reached_by_its_path(stage: Stage) -> None:
    await stage.create("web")

    for row in ABSENT:
        answer = await stage.call(row.method, row.path.replace("{ref}", "web"))
        assert answer.status in {404, 501, 503}, row
        assert b"page not found" not in answer.body, row
