"""A page in a browser reaches loopback, and is refused there."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping

import pytest

from seaway.api.pages import is_local
from seaway.api.server import Server
from unit.api.stage import Stage, read_head


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.0.0.1:2375", "127.9.9.9:1", "[::1]:2375", "[::1]", "LocalHost:2375"],
)
def test_names_of_loopback_are_local(host: str) -> None:
    assert is_local(host)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:2375",
        "127.0.0.1.evil.example:2375",
        "localhost.evil.example",
        "192.0.2.1:2375",
        "[2001:db8::1]:2375",
        "[::ffff:192.0.2.1]",
        "0.0.0.0:2375",
    ],
)
def test_other_names_are_not(host: str) -> None:
    assert not is_local(host)


async def asked(stage: Stage, headers: Mapping[str, str]) -> tuple[int, bytes]:
    """What the API answers on plain TCP to a POST with *headers*."""
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setblocking(False)
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(Server(stage.parts).serve([listening], stop))
        reader, writer = await asyncio.open_connection(*listening.getsockname())
        head = "".join(f"{k}: {v}\r\n" for k, v in headers.items())
        writer.write(f"POST /networks/prune HTTP/1.1\r\n{head}Content-Length: 0\r\n\r\n".encode())
        status, found = await read_head(reader)
        body = await reader.readexactly(int(found["Content-Length"]))
        if status == 403:  # the server ends it
            assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()
        await writer.wait_closed()
        stop.set()
    return status, body


@pytest.mark.parametrize(
    ("header", "value"), [("Origin", "https://evil.example"), ("Origin", "null")]
)
async def test_a_request_of_a_page_is_refused_and_does_nothing(
    stage: Stage, header: str, value: str
) -> None:
    await stage.good("POST", "/networks/create", {"Name": "lan"})

    status, body = await asked(stage, {"Host": "127.0.0.1:2375", header: value})

    assert status == 403
    assert body.decode() == (
        '{"message":"the API on plain TCP is not for pages in a browser, and '
        f"{header}: {value} says it is one: address it as 127.0.0.1, [::1] or localhost, "
        'without Origin"}\n'
    )
    assert (await stage.call("GET", "/networks/lan")).status == 200


async def test_a_name_that_was_made_to_lead_to_loopback_is_refused(stage: Stage) -> None:
    status, body = await asked(stage, {"Host": "evil.example:2375"})

    assert status == 403
    assert b"Host: evil.example:2375 says it is one" in body


async def test_a_client_on_loopback_is_served(stage: Stage) -> None:
    status, body = await asked(stage, {"Host": "localhost:2375"})

    assert (status, body) == (200, b'{"NetworksDeleted":null}\n')
