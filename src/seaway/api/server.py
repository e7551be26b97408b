"""The HTTP server: one handler for all paths, on sockets that somebody else made."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import cast

from aiohttp import HttpVersion11, web
from aiohttp.typedefs import Handler

from seaway.api import wire
from seaway.api.absent import AbsentRoutes
from seaway.api.addresses import AddressRoutes
from seaway.api.attachment import AttachRoutes
from seaway.api.call import Call, Route, answer
from seaway.api.certificates import Certificates
from seaway.api.connection import MAX_HEADERS, MAX_LINE, Connection, expected, message
from seaway.api.containers import ContainerRoutes
from seaway.api.declaration import json
from seaway.api.errors import PageNotFound, summary
from seaway.api.events import EventRoutes
from seaway.api.execs import ExecRoutes
from seaway.api.logs import LogRoutes
from seaway.api.networks import NetworkRoutes
from seaway.api.openapi import document
from seaway.api.pages import refuse_pages
from seaway.api.parts import Parts
from seaway.api.peers import Peers
from seaway.api.query import Query
from seaway.api.routing import Moved, Routing
from seaway.api.seaway import SeawayRoutes
from seaway.api.sockets import BACKLOG
from seaway.api.stats import StatsRoutes
from seaway.api.system import API_VERSION, SystemRoutes, version_text
from seaway.api.tls import TlsDoor
from seaway.model.errors import Forbidden

log = logging.getLogger(__name__)

MAX_BODY = 16 << 20
"""Bytes of a request's body."""
LARGE = 2048
"""Bytes of a body from which on its length is not said beforehand."""
GRACE = 0.5
"""Seconds for requests to end when the server does; waits and streams are cut after that."""
LAST_WORDS = 10.0
"""Seconds that use cases have to end when the server does; a stop may wait for ever."""
_NOT_MODIFIED = 304
_BEGUN = web.RequestKey("begun", bool)
"""The key under which a request notes that the head of its reply went out."""


def routes(parts: Parts) -> list[Route]:
    """All paths that are answered; the last is that of the document that tells of them."""
    groups = (
        NetworkRoutes(parts),
        ContainerRoutes(parts),
        AttachRoutes(parts),
        ExecRoutes(parts),
        LogRoutes(parts),
        StatsRoutes(parts),
        EventRoutes(parts),
        SystemRoutes(parts),
        AbsentRoutes(parts),
        SeawayRoutes(parts),
        AddressRoutes(parts),
    )
    found = [route for group in groups for route in group.routes()]

    async def told(call: Call) -> web.Response:  # noqa: ARG001
        """All paths and all that they read and answer, as an OpenAPI document."""
        return answer(document(found, parts.facts.version))

    found.append(Route("GET", "/seaway/openapi.json", told, answers=json(dict[str, object])))
    return found


class Server:
    """The API. It answers everything with JSON, errors included."""

    def __init__(self, parts: Parts) -> None:
        self._peers = Peers()
        self._headers = {
            "Api-Version": version_text(API_VERSION),
            "Docker-Experimental": "false",
            "Ostype": "linux",
            "Server": f"Seaway/{parts.facts.version} (linux)",
        }
        self._routing = Routing(routes(parts))

    async def serve(
        self,
        listening: Sequence[socket.socket],
        stop: asyncio.Event,
        certificates: Certificates | None = None,
    ) -> None:
        """Answer on *listening* (sockets that listen) until *stop*; use cases begun are ended.

        With *certificates* all of TCP speaks TLS.
        """
        async with asyncio.TaskGroup() as tasks:
            jobs = Jobs(tasks)
            runner = web.AppRunner(
                self._application(jobs),
                access_log=None,
                handler_cancellation=True,
                shutdown_timeout=GRACE,
            )
            await runner.setup()
            loop, protocols = asyncio.get_running_loop(), _protocols(runner)
            open_: list[asyncio.Server] = []
            doors: list[asyncio.Task[None]] = []
            try:
                for sock in listening:
                    if certificates is None or sock.family == socket.AF_UNIX:
                        open_.append(
                            await loop.create_server(protocols, sock=sock, backlog=BACKLOG)
                        )
                    else:
                        door = TlsDoor(certificates, protocols)
                        doors.append(tasks.create_task(door.serve(sock)))
                await stop.wait()
            finally:
                for each in open_:
                    each.close()
                await runner.cleanup()
                await jobs.end(LAST_WORDS)
                for job in doors:
                    job.cancel()

    def _application(self, jobs: Jobs) -> web.Application:
        async def answer(request: web.Request) -> web.StreamResponse:
            response = await self._answer(request, jobs)
            if _is_large(response) and request.version >= HttpVersion11:
                response.enable_chunked_encoding()
            return response

        async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
            request[_BEGUN] = True
            response.headers.update(self._headers)

        application = web.Application(client_max_size=MAX_BODY, middlewares=[_found])
        application.router.add_route("*", r"/{path:[\s\S]*}", answer, expect_handler=expected)
        application.on_response_prepare.append(add_headers)
        return application

    async def _answer(self, request: web.Request, jobs: Jobs) -> web.StreamResponse:
        """Streams end when the client hangs up; everything else is finished all the same."""
        try:
            refuse_pages(request.transport, request.headers)
            await self._peers.refuse_sandboxes(request.transport)
        except Forbidden as error:
            refusal = _refusal(error)
            refusal.force_close()  # a sandbox would keep it open as long as it likes
            return refusal
        try:
            route, version, words = self._routing.find(request.method, request.rel_url.raw_path)
        except Moved as moved:
            text = request.rel_url.raw_query_string
            return _moved(f"{moved.path}?{text}" if text else moved.path)
        except Exception as error:  # noqa: BLE001 - the edge: told to the client
            return _refusal(error)
        read = wire.read_parameters(route.path, request.query, version)
        call = Call(
            request=request,
            route=route,
            version=version,
            words=words,
            query=Query(read, route.query),
            headers=self._headers,
        )
        job = _answered(request, route.handler(call))
        if route.streams or request.method == "GET":
            return await job
        return await jobs.finished(job, f"{request.method} {route.path}")


def _is_large(response: web.StreamResponse) -> bool:
    """Whether it is a whole body that goes out in chunks, as large ones do from Docker."""
    return isinstance(response, web.Response) and (response.content_length or 0) > LARGE


def _protocols(runner: web.AppRunner) -> Callable[[], asyncio.Protocol]:
    server, loop = runner.server, asyncio.get_running_loop()
    assert server is not None, "the runner is set up"
    return lambda: Connection(
        server,
        loop=loop,
        access_log=cast(logging.Logger, None),  # aiohttp tells so in its documentation
        max_line_size=MAX_LINE,
        max_field_size=MAX_LINE,
        max_headers=MAX_HEADERS,
    )


@web.middleware
async def _found(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The answer; that there is no such page is told in our words, too (of ``CONNECT``, ``OPTIONS *``)."""
    try:
        return await handler(request)
    except web.HTTPNotFound:
        return _refusal(PageNotFound())


class Jobs:
    """Use cases that go on though their clients hang up."""

    def __init__(self, tasks: asyncio.TaskGroup) -> None:
        self._tasks = tasks
        self._jobs: set[asyncio.Task[web.StreamResponse]] = set()

    async def finished(
        self, job: Coroutine[object, object, web.StreamResponse], name: str
    ) -> web.StreamResponse:
        """What *job*, which raises nothing, answers."""
        task = self._tasks.create_task(job, name=name)
        self._jobs.add(task)
        task.add_done_callback(self._jobs.discard)
        return await asyncio.shield(task)

    async def end(self, seconds: float) -> None:
        """Wait for those that run, at most so long; then cancel them."""
        if self._jobs:
            _, late = await asyncio.wait(self._jobs, timeout=seconds)
            for task in late:
                log.warning("a use case did not end in time", extra={"request": task.get_name()})
                task.cancel()


async def _answered(request: web.Request, job: Awaitable[web.StreamResponse]) -> web.StreamResponse:
    """The answer, whatever happens; a reply that was begun is cut off, which clients notice."""
    try:
        return await job
    except ConnectionError:
        log.debug("the client hung up", extra={"request": request.path})
        return _cut_off(request)
    except Exception as error:  # noqa: BLE001 - the edge: told to the client
        refusal = _refusal(error)
        return _cut_off(request) if _BEGUN in request else refusal


def _cut_off(request: web.Request) -> web.StreamResponse:
    """Close the connection, for there is nothing more that could be said on it."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _refusal(error: Exception) -> web.Response:
    """What the client is told of *error*: one sentence; a bug goes to the log with its trace."""
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return message(413, f"the body is larger than {MAX_BODY >> 20} MB")
    if isinstance(error, web.RequestPayloadError):
        return message(400, "the body is not coded as its headers say")
    known = summary(error)
    if known is None:
        log.error("a request failed unexpectedly", exc_info=error)
        return message(500, f"internal error: {type(error).__name__}; the daemon's log has more")
    status, text = known
    if status == _NOT_MODIFIED:
        return web.Response(status=status)
    return message(status, text)


def _moved(path: str) -> web.Response:
    return web.Response(status=301, headers={"Location": path})
