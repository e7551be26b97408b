"""``/containers``: sandboxes in Docker's words."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import cast

from aiohttp import web

from seaway.api import moments, wire
from seaway.api.call import Call, Route, answer, empty
from seaway.api.declaration import JSON, filters, flag, json, nothing, text, whole
from seaway.api.inspection import Inspection
from seaway.api.networks import drop_counts
from seaway.api.parts import Parts
from seaway.api.query import has_label
from seaway.api.sandbox_wishes import container_wish, warnings
from seaway.api.selection import LISTED, selected
from seaway.model.errors import Conflict, EngineError, InvalidRequest, NotFound
from seaway.model.event import sandbox_event
from seaway.model.ids import IfName, Signal, sandbox_name, signal
from seaway.model.sandbox import Sandbox

SIZE = flag("size", "with sizes, which are 0: Seaway keeps no file systems")
GRACE = whole("t", "seconds before SIGKILL; negative: wait for ever")
SIGNAL = text("signal", "a name, with or without SIG, or a number")
TERMINAL_SIZE = (whole("h", "rows"), whole("w", "columns"))


class ContainerRoutes:
    """What Docker's clients do with containers, but for their streams."""

    def __init__(self, parts: Parts) -> None:
        self._parts, self._store = parts, parts.store
        self._sandboxes, self._inspection = parts.engine.sandboxes, Inspection(parts)

    def routes(self) -> Sequence[Route]:
        """Methods and paths."""
        return (
            Route(
                "GET",
                "/containers/json",
                self.listing,
                query=(*LISTED, SIZE),
                answers=json(list[wire.ContainerSummary]),
                refusals=(404,),
            ),
            Route(
                "POST",
                "/containers/create",
                self.create,
                query=(text("name", "its name; Seaway makes one up where there is none"),),
                body=wire.ContainerCreate,
                answers=json(wire.Created, 201),
                refusals=(404, 409),
            ),
            Route(
                "POST",
                "/containers/prune",
                self.prune,
                query=(filters("until", "label", "label!"),),
                answers=json(wire.ContainersPruned),
            ),
            Route(
                "GET",
                "/containers/{ref}/json",
                self.inspect,
                query=(SIZE,),
                answers=json(wire.Container),
            ),
            Route(
                "POST",
                "/containers/{ref}/start",
                self.start,
                answers=nothing(204),
                refusals=(304, 409, 503),
            ),
            Route(
                "POST",
                "/containers/{ref}/stop",
                self.stop,
                query=(GRACE, SIGNAL),
                answers=nothing(204),
                refusals=(304, 409),
            ),
            Route(
                "POST",
                "/containers/{ref}/restart",
                self.restart,
                query=(GRACE, SIGNAL),
                answers=nothing(204),
                refusals=(304, 409, 503),
            ),
            Route(
                "POST",
                "/containers/{ref}/kill",
                self.kill,
                query=(SIGNAL,),
                answers=nothing(204),
                refusals=(409,),
            ),
            Route(
                "POST",
                "/containers/{ref}/pause",
                self.pause,
                answers=nothing(204),
                refusals=(409,),
            ),
            Route(
                "POST",
                "/containers/{ref}/unpause",
                self.unpause,
                answers=nothing(204),
                refusals=(409,),
            ),
            Route(
                "POST",
                "/containers/{ref}/rename",
                self.rename,
                query=(text("name", "its new name"),),
                answers=nothing(204),
                refusals=(409,),
            ),
            Route(
                "POST",
                "/containers/{ref}/resize",
                self.resize,
                query=TERMINAL_SIZE,
                answers=nothing(),
                refusals=(409,),
            ),
            Route(
                "POST",
                "/containers/{ref}/update",
                self.update,
                body=dict[str, object],
                answers=json(wire.Updated),
                refusals=(501,),
            ),
            Route(
                "POST",
                "/containers/{ref}/wait",
                self.wait,
                query=(text("condition", "not-running, next-exit or removed"),),
                answers=json(wire.Waited),
                refusals=(409,),
                streams=True,
            ),
            Route(
                "DELETE",
                "/containers/{ref}",
                self.remove,
                query=(
                    flag("force", "end it first, if it runs"),
                    flag("v", "its volumes as well: there are none"),
                    flag("link", "refused: there are no links"),
                ),
                answers=nothing(204),
                refusals=(409,),
            ),
        )

    async def listing(self, call: Call) -> web.Response:
        """Those that the filters let through, newest first."""
        found = [
            self._inspection.summary(s)
            for s in selected(self._store, self._inspection.state, call.query)
        ]
        if call.query.flag("size"):
            for each in found:
                each.size_rw = each.size_root_fs = 0
        return call.answer(found)

    async def inspect(self, call: Call) -> web.Response:
        """All about one."""
        sandbox = self._store.sandbox(call.ref)
        nobody: Mapping[IfName, int] = {}
        drops = await drop_counts(self._parts) if sandbox.running else nobody
        found = self._inspection.container(sandbox, drops)
        if call.query.flag("size"):
            found.size_rw = found.size_root_fs = 0
        return call.answer(found)

    async def create(self, call: Call) -> web.Response:
        """Note one down."""
        body = await call.body(wire.ContainerCreate)
        wish = container_wish(call.query.text("name"), body, self._store.network)
        try:
            sandbox = await self._sandboxes.create(wish)
        except NotFound as error:  # with 404 clients would look for an image
            raise InvalidRequest(str(error)) from None
        found = [*warnings(body), *self._parts.engine.checkup.of_create(sandbox)]
        return call.answer(wire.Created(id=sandbox.id, warnings=found), 201)

    async def start(self, call: Call) -> web.Response:
        """Let it run."""
        await self._sandboxes.start(call.ref)
        return empty(204)

    async def stop(self, call: Call) -> web.Response:
        """End its process in peace, or by force after a time."""
        self._with_process(call.ref, "stopped")
        await self._sandboxes.stop(call.ref, timeout=call.query.whole("t"), sig=_signal(call))
        return empty(204)

    async def restart(self, call: Call) -> web.Response:
        """Stop it and start it."""
        self._with_process(call.ref, "restarted")
        await self._sandboxes.restart(call.ref, timeout=call.query.whole("t"), sig=_signal(call))
        return empty(204)

    async def kill(self, call: Call) -> web.Response:
        """Send its process a signal."""
        self._with_process(call.ref, "killed")
        try:
            sig = signal(call.query.text("signal") or "KILL")
        except InvalidRequest as error:
            raise InvalidRequest(f"cannot kill container: {call.ref}: {error}") from None
        await self._sandboxes.kill(call.ref, sig)
        return empty(204)

    async def pause(self, call: Call) -> web.Response:
        """Hold its processes still."""
        self._with_process(call.ref, "paused")
        await self._sandboxes.pause(call.ref)
        return empty(204)

    async def unpause(self, call: Call) -> web.Response:
        """Let them go on."""
        self._with_process(call.ref, "unpaused")
        await self._sandboxes.unpause(call.ref)
        return empty(204)

    async def rename(self, call: Call) -> web.Response:
        """Give it another name."""
        try:
            name = sandbox_name("/" + call.query.text("name").removeprefix("/"))
            await self._sandboxes.rename(call.ref, name)
        except (InvalidRequest, Conflict) as error:
            raise type(error)(f"Error when allocating new name: {error}") from error
        return empty(204)

    async def resize(self, call: Call) -> web.Response:
        """Tell its terminal the size."""
        sandbox = self._with_process(call.ref, "resized")
        if not sandbox.running:
            raise Conflict(f"container {sandbox.id} is not running")
        height, width = size(call)
        await self._parts.runtime.resize(sandbox.id, height, width)
        facts = ("height", str(height)), ("width", str(width))
        self._parts.engine.events.emit(sandbox_event("resize", sandbox, *facts))
        return empty()

    async def update(self, call: Call) -> web.Response:
        """Nothing of it can be changed; asking for nothing is fine."""
        asked = await call.body(dict[str, object])
        sandbox = self._store.sandbox(call.ref)
        if named := sorted(key for key, value in asked.items() if _says_something(value)):
            raise InvalidRequest(f"cannot update {', '.join(named)}: make the container anew")
        self._parts.engine.events.emit(sandbox_event("update", sandbox))
        return answer(wire.Updated())

    async def wait(self, call: Call) -> web.StreamResponse:
        """The exit code when it ends; the head goes out at once."""
        condition = call.query.text("condition")
        if condition != "removed":
            self._with_process(call.ref, "waited for or attached to")  # attach waits first
        ended = self._sandboxes.wait(call.ref, condition)
        try:
            return await self._waited(call, ended)
        finally:
            ended.cancel()

    async def _waited(self, call: Call, ended: asyncio.Future[int]) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": JSON})
        await response.prepare(call.request)
        try:
            said = wire.Waited(status_code=await ended)
        except EngineError as error:
            said = wire.Waited(status_code=0, error=wire.ErrorMessage(message=str(error)))
        await response.write(wire.encoded(said))
        await response.write_eof()
        return response

    async def remove(self, call: Call) -> web.Response:
        """Take it away."""
        if call.query.flag("link"):
            raise Conflict("links are not supported, so there is none to remove")
        await self._sandboxes.remove(call.ref, force=call.query.flag("force"))
        return empty(204)

    async def prune(self, call: Call) -> web.Response:
        """Take away all that do not run."""
        filters = call.query.filters()
        now = self._parts.clock.now()
        limits = [moments.moment(text, now) for text in filters.values("until")]

        def wanted(sandbox: Sandbox) -> bool:
            labels = dict(sandbox.labels)
            return (
                filters.fits_labels("label", labels)
                and not any(has_label(labels, text) for text in filters.values("label!"))
                and all(sandbox.created < limit for limit in limits)
            )

        gone = await self._sandboxes.prune(wanted)
        return answer(wire.ContainersPruned(containers_deleted=[*gone] or None))

    def _with_process(self, ref: str, verb: str) -> Sandbox:
        return with_process(self._store.sandbox(ref), verb)


def _says_something(value: object) -> bool:
    """Whether *value* asks for a change: clients send zeros, and the policy ``no``, for none."""
    if isinstance(value, dict):
        return any(map(_says_something, cast("dict[str, object]", value).values()))
    return bool(value) and value != "no"


def with_process(sandbox: Sandbox, verb: str) -> Sandbox:
    """*sandbox*; raises Conflict, with what to do instead, when it is only a namespace.

    *verb* is what was asked for, as a participle.
    """
    if sandbox.process is None:
        advice = (
            f"remove it by: seaway sandbox rm {sandbox.name}"
            if verb in {"stopped", "killed"}
            else "seaway run makes sandboxes with one"
        )
        raise Conflict(
            f"sandbox {sandbox.name} is only a network namespace, without a process that could be "
            f"{verb}; {advice}"
        )
    return sandbox


def size(call: Call) -> tuple[int, int]:
    """Height and width in characters; raises InvalidRequest."""
    height, width = call.query.whole("h"), call.query.whole("w")
    if height is None or width is None or not (0 <= height < 1 << 16 and 0 <= width < 1 << 16):
        raise InvalidRequest("h and w are whole numbers: the terminal's height and width")
    return height, width


def _signal(call: Call) -> Signal | None:
    """The signal that the request names; None: the sandbox's own stop signal."""
    text = call.query.text("signal")
    return signal(text) if text else None
