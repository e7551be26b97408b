"""Many networks, many clients, many readers of events: ours, and Docker's daemon beside it."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import Sequence
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Self

from bench.engines import Engine, Line, both, seaway
from bench.figures import Claim, Figure, Report
from bench.stage import timed

MANY, FEW = 1000, 100
"""Networks of ours; and of both, side by side: Docker takes a fifth of a second to make one."""
CLIENTS, REQUESTS = 500, 20
READERS, EVENTS = 100, 2000
CONNECTS = 50


def networks(rounds: int) -> Report:
    """Listing and inspecting, at a hundred networks of both, and at a thousand of ours."""
    figures: dict[str, Figure] = {}
    with both() as (engines, remarks):
        for engine in engines:
            ids = engine.networks(0, FEW)
            figures |= _looked_at(engine, ids, rounds)
        ids = engines[0].networks(FEW, MANY - FEW)
        figures |= _looked_at(engines[0], ids, rounds, total=MANY)
    claims = [_flat(figures)]
    if len(engines) > 1:
        claims += [
            Claim(figure=figures[f"Seaway, {what}"], beside=figures[f"docker, {what}"], limit=1)
            for what in (f"list of {FEW}", f"inspect of one of {FEW}")
        ]
    return Report(figures=tuple(figures.values()), claims=tuple(claims), remarks=remarks)


def _flat(figures: dict[str, Figure]) -> Claim:
    one = "Seaway, inspect of one of"
    return Claim(figure=figures[f"{one} {MANY}"], beside=figures[f"{one} {FEW}"], limit=1.25)


def _looked_at(
    engine: Engine, ids: Sequence[str], rounds: int, *, total: int = FEW
) -> dict[str, Figure]:
    line, name = engine.line, engine.name
    listing = [timed(lambda: line.ask("GET", "/networks")) for _ in range(rounds)]
    one = [timed(lambda i=i: line.ask("GET", f"/networks/{i}")) for i in ids]  # type: ignore[misc]
    named = [
        timed(lambda n=n: line.ask("GET", f"/networks/net{n}"))  # type: ignore[misc]
        for n in range(total - FEW, total)
    ]
    figures = (
        Figure(name=f"{name}, list of {total}", samples=tuple(listing)),
        Figure(name=f"{name}, inspect of one of {total}", samples=tuple(one)),
        Figure(name=f"{name}, inspect by name of one of {total}", samples=tuple(named)),
    )
    return {figure.name: figure for figure in figures}


def clients(rounds: int) -> Report:  # noqa: ARG001 - each client is a sample already
    """500 clients at once, each on a connection of its own: list, inspect, ping, in turn."""
    figures: list[Figure] = []
    by_name: dict[str, Figure] = {}
    with both() as (engines, remarks):
        for engine in engines:
            engine.networks(0, 10)
            before = engine.memory
            begin = time.perf_counter()
            samples, errors = asyncio.run(_crowd(engine.socket))
            took = time.perf_counter() - begin
            samples.sort()
            name = f"{engine.name}, {CLIENTS} clients"
            by_name[engine.name] = Figure(name=f"{name}: latency", samples=tuple(samples))
            tail = tuple(samples[len(samples) * 99 // 100 :])[:1]
            figures += [
                by_name[engine.name],
                Figure(name=f"{name}: latency, 99 of 100", samples=tail),
                Figure(name=f"{name}: answers", samples=(len(samples) / took,), unit="/s"),
                Figure(name=f"{name}: errors", samples=(errors,), unit=""),
                Figure(name=f"{name}: memory before", samples=(before,), unit="MB"),
                Figure(name=f"{name}: memory after", samples=(engine.memory,), unit="MB"),
            ]
    claims = [
        Claim(figure=f, limit=0) for f in figures if f.name == f"Seaway, {CLIENTS} clients: errors"
    ]
    return Report(figures=tuple(figures), claims=tuple(claims), remarks=remarks)


async def _crowd(path: Path) -> tuple[list[float], float]:
    """Milliseconds of each answer, and how many went wrong."""
    samples: list[float] = []
    failed = 0

    async def client(number: int) -> None:
        nonlocal failed
        try:
            reader, writer = await asyncio.open_unix_connection(str(path), limit=1 << 20)
            for n in range(REQUESTS):
                what = ("/networks", f"/networks/net{number % 10}", "/_ping")[(number + n) % 3]
                begin = time.perf_counter()
                writer.write(f"GET {what} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
                good = await _answered(reader)
                samples.append((time.perf_counter() - begin) * 1e3)
                failed += not good
            writer.close()
        except (OSError, asyncio.IncompleteReadError):
            failed += 1

    await asyncio.gather(*map(client, range(CLIENTS)))
    return samples, failed


async def _answered(reader: asyncio.StreamReader) -> bool:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if b"transfer-encoding: chunked" in head:
        while size := int(await reader.readline(), 16):
            await reader.readexactly(size + 2)
        await reader.readline()
    else:
        await reader.readexactly(int(head.partition(b"content-length: ")[2].split()[0]))
    return head.startswith(b"http/1.1 200")


def events(rounds: int) -> Report:  # noqa: ARG001 - a storm is a storm
    """2000 events to 100 readers; and connects of ours beside them."""
    figures: list[Figure] = []
    with both() as (engines, remarks):
        for engine in engines:
            engine.networks(0, 1)
            engine.program("app", "net0")
            alone, _ = _storm(engine, 0)
            told, behind = _storm(engine, READERS)
            figures += [
                Figure(name=f"{engine.name}: events made, no reader", samples=(alone,), unit="/s"),
                Figure(name=f"{engine.name}: events to {READERS}", samples=(told,), unit="/s"),
                Figure(name=f"{engine.name}: the last reader behind", samples=(behind,)),
            ]
    with seaway() as engine:
        engine.networks(0, 1)
        lonely, beside = _connects(engine)
    claim = Claim(figure=beside, beside=lonely, limit=1.5)
    return Report(figures=(*figures, lonely, beside), claims=(claim,), remarks=remarks)


def _storm(engine: Engine, readers: int) -> tuple[float, float]:
    """Events a second, and for how many milliseconds after the last one somebody lacks it."""
    with _Readers(engine.socket, readers, EVENTS) as reading:
        begin = time.perf_counter()
        for _ in range(EVENTS):
            engine.line.ask("POST", "/containers/app/exec", {"Cmd": ["true"]})
        made = time.perf_counter()
        reading.wait()
        end = time.perf_counter()
    return EVENTS / (end - begin), (end - made) * 1e3


def _connects(engine: Engine) -> tuple[Figure, Figure]:
    for n in range(CONNECTS + 1):
        body = {"Name": f"s{n}"}
        engine.line.ask("POST", "/seaway/sandboxes", body)
    lonely: list[float] = []
    beside: list[float] = []
    for samples, readers in ((lonely, 0), (beside, READERS)):
        with _Readers(engine.socket, readers, 2 * CONNECTS) as reading:
            for n in range(CONNECTS):
                samples.append(timed(lambda n=n: _connect(engine.line, n)))  # type: ignore[misc]
            for n in range(CONNECTS):
                engine.line.ask("POST", "/networks/net0/disconnect", {"Container": f"s{n}"})
            reading.wait()
        time.sleep(1)
    return (
        Figure(name="connect, no reader", samples=tuple(lonely)),
        Figure(name=f"connect, {READERS} readers of events", samples=tuple(beside)),
    )


def _connect(line: Line, number: int) -> None:
    line.ask("POST", "/networks/net0/connect", {"Container": f"s{number}"})


class _Readers:
    """A process that reads events on many connections until each has had *count*."""

    def __init__(self, path: Path, readers: int, count: int) -> None:
        context = multiprocessing.get_context("fork")
        self._ready = context.Barrier(2)
        work = (str(path), readers, count, self._ready)
        self._process = context.Process(target=_read_all, args=work, daemon=True)

    def __enter__(self) -> Self:
        self._process.start()
        self._ready.wait(60)
        return self

    def wait(self) -> None:
        """Until all have all."""
        self._process.join(120)
        if self._process.exitcode != 0:
            raise TimeoutError("the readers of events did not get all of them")

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.join()


def _read_all(path: str, readers: int, count: int, ready: Barrier) -> None:
    asyncio.run(_reading(path, readers, count, ready))


async def _reading(path: str, readers: int, count: int, ready: Barrier) -> None:
    opened = [await _opened(path) for _ in range(readers)]
    ready.wait()
    await asyncio.gather(*(_counted(reader, count) for reader, _ in opened))


async def _opened(path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(b"GET /events HTTP/1.1\r\nHost: bench\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")
    return reader, writer


async def _counted(reader: asyncio.StreamReader, count: int) -> None:
    seen = 0
    rest = b""
    while seen < count:
        data = await reader.read(1 << 16)
        if not data:
            raise OSError("the stream of events ended")
        whole = rest + data
        seen += whole.count(b'"timeNano":')
        rest = whole[-10:]
