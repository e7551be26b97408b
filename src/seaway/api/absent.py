"""What Seaway has not got, and what it says to clients that ask for it.

Lists are empty, single things are not found, and what cannot be done is answered with one sentence that
says what to do instead. Words that clients look for are Docker's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from aiohttp import web

from seaway.api import wire
from seaway.api.call import Call, Handler, Route, answer, empty
from seaway.api.declaration import flag, json, nothing, text
from seaway.api.errors import NO_IMAGES, STATUS, NoSuchImage, NoSwarm, NotHere
from seaway.api.network_wishes import NO_SWARM
from seaway.api.parts import Parts
from seaway.model.errors import EngineError, NotFound

NO_VOLUMES = "Seaway has no volumes: give a directory of the host (-v /srv/data:/data)"
NO_PLUGINS = "Seaway has no plugins: its drivers are part of it"
NO_LAYERS = (
    "Seaway keeps no file system for a container: its files are the host's, or in the directory "
    "that it was made with"
)
NO_JOIN = (
    "Seaway has no swarm and joins none: every container of this host can be put on every network"
)
NO_LOGIN = "Seaway uses no registry, so nobody needs to log in"


class Absence(NamedTuple):
    """A method and a path, and how they are refused."""

    method: str
    path: str
    kind: type[EngineError]
    sentence: str
    """``{ref}`` in it is what the path says there."""


def _all(kind: type[EngineError], sentence: str, *lines: str) -> tuple[Absence, ...]:
    """The same for each of *lines*, ``METHOD /path`` each."""
    pairs = (line.split() for line in lines)
    return tuple(Absence(method, path, kind, sentence) for method, path in pairs)


ABSENT = (
    *_all(
        NotHere,
        NO_IMAGES,
        "GET /images/search",
        "GET /images/get",
        "POST /images/load",
        "POST /build",
        "POST /build/cancel",
        "POST /session",
        "POST /grpc",
        "POST /commit",
        "GET /distribution/{ref}/json",
    ),
    *_all(NotHere, NO_LOGIN, "POST /auth"),
    *_all(NotHere, NO_VOLUMES, "POST /volumes/create", "PUT /volumes/{ref}"),
    *_all(NotFound, "get {ref}: no such volume", "GET /volumes/{ref}"),
    *_all(NotHere, NO_PLUGINS, "GET /plugins/privileges", "POST /plugins/pull"),
    *_all(NotHere, NO_PLUGINS, "POST /plugins/create"),
    *_all(
        NotFound,
        'plugin "{ref}" not found',
        "GET /plugins/{ref}/json",
        "DELETE /plugins/{ref}",
        "POST /plugins/{ref}/enable",
        "POST /plugins/{ref}/disable",
        "POST /plugins/{ref}/upgrade",
        "POST /plugins/{ref}/push",
        "POST /plugins/{ref}/set",
    ),
    *_all(NotHere, NO_JOIN, "POST /swarm/init", "POST /swarm/join"),
    *_all(NoSwarm, "This node is not part of a swarm", "POST /swarm/leave"),
    *_all(
        NoSwarm,
        f"{NO_SWARM} Seaway has no swarm",
        "GET /swarm",
        "POST /swarm/update",
        "POST /swarm/unlock",
        "GET /swarm/unlockkey",
        *(
            f"{method} /{kind}{rest}"
            for kind in ("services", "secrets", "configs")
            for method, rest in (
                ("GET", ""),
                ("POST", "/create"),
                ("GET", "/{ref}"),
                ("POST", "/{ref}/update"),
                ("DELETE", "/{ref}"),
            )
        ),
        "GET /services/{ref}/logs",
        "GET /nodes",
        "GET /nodes/{ref}",
        "POST /nodes/{ref}/update",
        "DELETE /nodes/{ref}",
        "GET /tasks",
        "GET /tasks/{ref}",
        "GET /tasks/{ref}/logs",
    ),
    *_all(
        NotHere,
        NO_LAYERS,
        "GET /containers/{ref}/changes",
        "GET /containers/{ref}/export",
        "HEAD /containers/{ref}/archive",
        "GET /containers/{ref}/archive",
        "PUT /containers/{ref}/archive",
    ),
    *_all(
        NotHere,
        "Seaway has no websockets: attach by POST /containers/{ref}/attach",
        "GET /containers/{ref}/attach/ws",
    ),
)


class AbsentRoutes:
    """Images, volumes, plugins, swarms, and file systems of containers."""

    def __init__(self, parts: Parts) -> None:
        self._store = parts.store

    def routes(self) -> Sequence[Route]:
        """Methods and paths."""
        return (
            Route("GET", "/images/json", self.none, answers=json(list[object])),
            Route(
                "POST",
                "/images/create",
                self.pull,
                query=(text("fromImage", "its name"), text("tag", "its tag")),
                refusals=(404,),
            ),
            *(
                Route(method, path, self.image, refusals=(404,))
                for method, path in (
                    ("GET", "/images/{ref}/json"),
                    ("GET", "/images/{ref}/history"),
                    ("GET", "/images/{ref}/get"),
                    ("POST", "/images/{ref}/push"),
                    ("POST", "/images/{ref}/tag"),
                    ("DELETE", "/images/{ref}"),
                )
            ),
            Route("POST", "/images/prune", self.prune_images, answers=json(wire.ImagesPruned)),
            Route("POST", "/build/prune", self.prune_builds, answers=json(wire.BuildsPruned)),
            Route("GET", "/plugins", self.none, answers=json(list[object])),
            Route("GET", "/volumes", self.volumes, answers=json(wire.Volumes)),
            Route("POST", "/volumes/prune", self.prune_volumes, answers=json(wire.VolumesPruned)),
            Route(
                "DELETE",
                "/volumes/{ref}",
                self.remove_volume,
                query=(flag("force", "what is not there is gone"),),
                answers=nothing(204),
            ),
            *(
                Route(row.method, row.path, self._refusing(row), refusals=(STATUS[row.kind],))
                for row in ABSENT
            ),
        )

    async def none(self, call: Call) -> web.Response:  # noqa: ARG002
        """An empty list."""
        return answer([])

    async def volumes(self, call: Call) -> web.Response:  # noqa: ARG002
        """There are none."""
        return answer(wire.Volumes())

    async def pull(self, call: Call) -> web.Response:
        """There is nothing to pull; a client that was told that an image is missing tries it."""
        name, tag = call.query.text("fromImage"), call.query.text("tag")
        raise NoSuchImage(f"{name}:{tag}" if tag else name)

    async def image(self, call: Call) -> web.Response:
        """There is no such image."""
        raise NoSuchImage(call.ref)

    async def remove_volume(self, call: Call) -> web.Response:
        """By force what is not there is gone."""
        if not call.query.flag("force"):
            raise NotFound(f"get {call.ref}: no such volume")
        return empty(204)

    async def prune_images(self, call: Call) -> web.Response:  # noqa: ARG002
        """Nothing to prune."""
        return answer(wire.ImagesPruned())

    async def prune_builds(self, call: Call) -> web.Response:  # noqa: ARG002
        """Nothing to prune."""
        return answer(wire.BuildsPruned())

    async def prune_volumes(self, call: Call) -> web.Response:  # noqa: ARG002
        """Nothing to prune."""
        return answer(wire.VolumesPruned())

    def _refusing(self, row: Absence) -> Handler:
        of_container = row.path.startswith("/containers/")

        async def refuse(call: Call) -> web.StreamResponse:
            if of_container:
                self._store.sandbox(call.ref)
            raise row.kind(row.sentence.replace("{ref}", call.words.get("ref", "")))

        return refuse
