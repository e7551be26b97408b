"""What is no HTTP, and what is strange HTTP, is refused in our words; the log stays quiet."""

from __future__ import annotations

import logging

import pytest

from unit.api.stage import Stage, read_head

POST = b"POST /networks/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
MALFORMED = "the request is malformed: "


@pytest.mark.parametrize(
    ("sent", "status", "said"),
    [
        (b"\x16\x03\x01\x02", 400, MALFORMED + "Received HTTPS traffic on an HTTP port"),
        (b"GET\r\n\r\n", 400, MALFORMED + "Expected space after method"),
        (b"GET / HTTP/9.9\r\n\r\n", 400, MALFORMED + "Invalid HTTP version"),
        (b"GET /\xff HTTP/1.1\r\n\r\n", 400, MALFORMED + "Invalid char in url path"),
        (b"GET http://[x/ HTTP/1.1\r\nHost: x\r\n\r\n", 400, MALFORMED + "http://[x/"),
        (b"GET / HTTP/1.1\r\n\r\n", 400, MALFORMED + "Missing 'Host' header in request."),
        (b"GET / HTTP/1.1\r\nX: a\0b\r\n\r\n", 400, MALFORMED + "Invalid header value char"),
        (
            POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
            MALFORMED + "Transfer-Encoding can't be present with Content-Length",
        ),
        (
            POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\n",
            400,
            MALFORMED + "Duplicate Content-Length",
        ),
        (
            POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
            400,
            MALFORMED + "Invalid character in chunk size",
        ),
        (
            b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
            431,
            "the first line, or a header, is longer than 64 KB",
        ),
        (
            b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: a\r\n" * 200 + b"\r\n",
            431,
            "there are more than 128 headers",
        ),
        (b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n", 404, "page not found"),
        (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 404, "page not found"),
        (
            POST + b"Expect: tea\r\nContent-Length: 2\r\n\r\n{}",
            417,
            "Expect: only 100-continue is known",
        ),
        (
            POST + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
            400,
            "the body is not coded as its headers say",
        ),
    ],
)
async def test_a_strange_request_gets_one_sentence_and_the_log_no_trace(
    stage: Stage, caplog: pytest.LogCaptureFixture, sent: bytes, status: int, said: str
) -> None:
    reader, writer = await stage.connect()
    with caplog.at_level(logging.INFO):
        writer.write(sent)
        found, headers = await read_head(reader)
        body = await reader.readexactly(int(headers["Content-Length"]))
        writer.close()
        await writer.wait_closed()

    assert (found, headers["Content-Type"]) == (status, "application/json")
    assert body.decode() == f'{{"message":"{said}"}}\n'
    assert caplog.records == []
    assert (await stage.call("GET", "/_ping")).status == 200


async def test_a_client_that_waits_for_it_is_asked_for_its_body(stage: Stage) -> None:
    reader, writer = await stage.connect()
    writer.write(POST + b"Expect: 100-continue\r\nContent-Length: 14\r\n\r\n")
    first, _ = await read_head(reader)
    writer.write(b'{"Name":"lan"}')
    then, _ = await read_head(reader)
    writer.close()
    await writer.wait_closed()

    assert (first, then) == (100, 201)
