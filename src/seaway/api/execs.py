"""``/exec``: further processes in a sandbox."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from seaway.api import wire
from seaway.api.attachment import BOTH
from seaway.api.call import Call, Route, answer, empty
from seaway.api.carriage import Carriage, first_of, frame
from seaway.api.containers import TERMINAL_SIZE, size
from seaway.api.declaration import FRAMED, RAW, json, nothing, stream
from seaway.api.detaching import key_bytes
from seaway.api.hijack import Hijacked, RawStream, content_type, hijacked
from seaway.api.parts import Parts
from seaway.api.process_wishes import console_size, directory, environment, words
from seaway.contracts import Stream
from seaway.engine.execs import Exec
from seaway.model.errors import EngineError, InvalidRequest
from seaway.model.sandbox import Process


class ExecRoutes:
    """What Docker's clients do with further processes."""

    def __init__(self, parts: Parts) -> None:
        self._parts, self._execs = parts, parts.engine.execs

    def routes(self) -> Sequence[Route]:
        """Methods and paths."""
        return (
            Route(
                "POST",
                "/containers/{ref}/exec",
                self.create,
                body=wire.ExecCreate,
                answers=json(wire.ExecCreated, 201),
                refusals=(409,),
            ),
            Route(
                "POST",
                "/exec/{ref}/start",
                self.start,
                body=wire.ExecStart,
                answers=stream(RAW, FRAMED, upgraded=True),
                refusals=(409,),
                streams=True,
            ),
            Route(
                "POST",
                "/exec/{ref}/resize",
                self.resize,
                query=TERMINAL_SIZE,
                answers=nothing(),
                refusals=(409,),
            ),
            Route("GET", "/exec/{ref}/json", self.inspect, answers=json(wire.Exec)),
        )

    async def create(self, call: Call) -> web.Response:
        """Note one down."""
        body = await call.body(wire.ExecCreate)
        if body.privileged:
            raise InvalidRequest("privileged processes are not supported")
        key_bytes(body.detach_keys or "")
        first = self._parts.store.sandbox(call.ref).process
        process = Process(
            args=words(body.cmd),
            env=environment(body.env),
            cwd=directory(body.working_dir) or (first.cwd if first else "/"),
            user=body.user or "",
            tty=bool(body.tty),
            console_size=console_size(body.console_size),
            stdin_open=bool(body.attach_stdin),
            stdin_once=True,
        )
        found = self._execs.create(call.ref, process, detach_keys=body.detach_keys or "")
        return answer(wire.ExecCreated(id=found.id), 201)

    async def start(self, call: Call) -> web.StreamResponse:
        """Let it run, with the client on its streams unless it shall be detached."""
        body = await call.body(wire.ExecStart)
        found = self._execs.get(call.ref)
        if body.detach:
            stream = await self._execs.start(found.id)
            await stream.close()
            return empty()
        return await self._attached(call, found)

    async def _attached(self, call: Call, found: Exec) -> web.StreamResponse:
        """The head goes out before the process starts: docker-py loses output that comes with it.

        One that cannot be run says so on its stream, as clients expect.
        """
        self._execs.startable(found.id)
        tty = found.process.tty
        async with hijacked(call, content_type(call, tty=tty), call.headers) as client:
            try:
                stream = await self._execs.start(found.id)
            except EngineError as error:
                text = f"{error}\r\n".encode()
                client.writer.write(text if tty else frame(2, text))
                return Hijacked()
            try:
                await self._carry(client, found, stream)
            finally:
                await stream.close()
        return Hijacked()

    async def _carry(self, client: RawStream, found: Exec, stream: Stream) -> None:
        carriage = Carriage(
            client,
            stream,
            tty=found.process.tty,
            takes_input=found.process.stdin_open,
            ends_input=found.process.stdin_once,
            streams=BOTH,
            keys=key_bytes(found.detach_keys),
        )
        await carriage.run()
        if carriage.detached:
            self._execs.detached(found.id)
        else:  # clients ask for the exit code when the stream ends
            await first_of(self._execs.ended(found.id), client.gone())

    async def resize(self, call: Call) -> web.Response:
        """Tell its terminal the size."""
        await self._execs.resize(call.ref, *size(call))
        return empty()

    async def inspect(self, call: Call) -> web.Response:
        """How it is, or how it ended."""
        found = self._execs.get(call.ref)
        entrypoint, *arguments = found.process.args
        return call.answer(
            wire.Exec(
                id=found.id,
                running=found.running,
                exit_code=found.exit_code,
                process_config=wire.ExecProcess(
                    tty=found.process.tty,
                    entrypoint=entrypoint,
                    arguments=arguments,
                    user=found.process.user,
                ),
                open_stdin=found.process.stdin_open,
                container_id=found.sandbox,
                detach_keys=found.detach_keys,
                pid=self._parts.runtime.exec_pid(found.id) or 0,
            )
        )
