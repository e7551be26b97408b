"""The HTTP server: one handler for all paths, on a Unix socket that somebody else made."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Sequence

from aiohttp import web

from seaway.api import wire
from seaway.api.attachment import AttachRoutes
from seaway.api.call import JSON, Call
from seaway.api.containers import ContainerRoutes
from seaway.api.errors import summary
from seaway.api.events import EventRoutes
from seaway.api.execs import ExecRoutes
from seaway.api.logs import LogRoutes
from seaway.api.networks import NetworkRoutes
from seaway.api.parts import Parts
from seaway.api.query import Query
from seaway.api.routing import Routing
from seaway.api.seaway import SeawayRoutes
from seaway.api.system import API_VERSION, SystemRoutes, version_text

log = logging.getLogger(__name__)

MAX_BODY = 16 << 20
"""Bytes of a request's body."""
MAX_LINE = 64 << 10
"""Bytes of a request's first line, and of a header: filters may be long."""
GRACE = 0.5
"""Seconds for requests to end when the server does; waits and streams are cut after that."""
_NOT_MODIFIED = 304


class Server:
    """The API. It answers everything with JSON, errors included."""

    def __init__(self, parts: Parts) -> None:
        self._headers = {
            "Api-Version": version_text(API_VERSION),
            "Docker-Experimental": "false",
            "Ostype": "linux",
            "Server": f"Seaway/{parts.facts.version} (linux)",
        }
        self._routing = Routing(
            route
            for group in (
                NetworkRoutes(parts),
                ContainerRoutes(parts),
                AttachRoutes(parts),
                ExecRoutes(parts),
                LogRoutes(parts),
                EventRoutes(parts),
                SystemRoutes(parts),
                SeawayRoutes(parts),
            )
            for route in group.routes()
        )

    async def serve(self, listening: Sequence[socket.socket], stop: asyncio.Event) -> None:
        """Answer on *listening* (Unix sockets that listen) until *stop*; use cases begun are ended."""
        async with asyncio.TaskGroup() as tasks:
            runner = web.AppRunner(
                self._application(tasks),
                access_log=None,
                handler_cancellation=True,
                shutdown_timeout=GRACE,
                max_line_size=MAX_LINE,
                max_field_size=MAX_LINE,
            )
            await runner.setup()
            try:
                for sock in listening:
                    await web.SockSite(runner, sock).start()
                await stop.wait()
            finally:
                await runner.cleanup()

    def _application(self, tasks: asyncio.TaskGroup) -> web.Application:
        async def answer(request: web.Request) -> web.StreamResponse:
            return await self._answer(request, tasks)

        async def add_headers(_: web.Request, response: web.StreamResponse) -> None:
            response.headers.update(self._headers)

        application = web.Application(client_max_size=MAX_BODY)
        application.router.add_route("*", "/{path:.*}", answer)
        application.on_response_prepare.append(add_headers)
        return application

    async def _answer(self, request: web.Request, tasks: asyncio.TaskGroup) -> web.StreamResponse:
        """Streams end when the client hangs up; everything else is finished all the same."""
        try:
            route, version, parts = self._routing.find(request.method, request.rel_url.raw_path)
        except Exception as error:  # noqa: BLE001 - the edge: told to the client
            return _refusal(error)
        call = Call(request=request, version=version, parts=parts, query=Query(request.query))
        job = _answered(route.handler(call))
        if route.streams or request.method == "GET":
            return await job
        return await asyncio.shield(tasks.create_task(job, name=f"{request.method} {route.path}"))


async def _answered(job: Awaitable[web.StreamResponse]) -> web.StreamResponse:
    try:
        return await job
    except ConnectionError:
        raise
    except Exception as error:  # noqa: BLE001 - the edge: told to the client
        return _refusal(error)


def _refusal(error: Exception) -> web.Response:
    """What the client is told of *error*: one sentence; a bug goes to the log with its trace."""
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return _message(413, f"the body is larger than {MAX_BODY >> 20} MB")
    known = summary(error)
    if known is None:
        log.error("a request failed unexpectedly", exc_info=error)
        return _message(500, f"internal error: {type(error).__name__}; the daemon's log has more")
    status, text = known
    if status == _NOT_MODIFIED:
        return web.Response(status=status)
    return _message(status, text)


def _message(status: int, text: str) -> web.Response:
    body = wire.encoded(wire.Message(text))
    return web.Response(status=status, body=body, headers={"Content-Type": JSON})
