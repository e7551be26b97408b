"""What every path shares: versions, errors, bodies, and hanging up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from seaway.contracts import LogLine
from seaway.model.errors import Unavailable
from unit.api.stage import Stage, read_head, served, until

OLD = "client version 1.10 is too old. Minimum supported API version is 1.24"


@pytest.mark.parametrize("path", ["/networks", "/v1.41/networks", "/v1.50/networks/", "/networks/"])
async def test_a_path_works_bare_with_a_version_and_with_a_slash(stage: Stage, path: str) -> None:
    answer = await stage.call("GET", path)

    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nosuch"),
        ("PUT", "/networks"),
        ("HEAD", "/networks"),
        ("GET", "/"),
        ("GET", "/v1.41"),
    ],
)
async def test_an_unknown_path_and_a_wrong_method_are_404(
    stage: Stage, method: str, path: str
) -> None:
    answer = await stage.call(method, path)

    assert answer.status == 404
    assert method == "HEAD" or answer.body == b'{"message":"page not found"}\n'


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("//networks", "/networks"),
        ("/networks/%2Fbridge", "/networks/bridge"),
        ("/v1.41/networks/./../containers//json?all=1", "/v1.41/containers/json?all=1"),
        ("/networks//", "/networks/"),
        ("/networks/a//b%20c", "/networks/a/b%20c"),
    ],
)
async def test_a_path_with_empty_parts_or_dots_is_sent_to_the_cleaned_one(
    stage: Stage, path: str, place: str
) -> None:
    answer = await stage.call("GET", path)

    assert (answer.status, answer.headers["Location"], answer.body) == (301, place, b"")


async def test_replies_without_a_body_have_no_content_type(stage: Stage) -> None:
    await stage.good("POST", "/networks/create", {"Name": "lan"})
    await stage.run("web")

    replies = [
        await stage.call("POST", "/networks/lan/connect", {"Container": "web"}),
        await stage.call("POST", "/networks/lan/disconnect", {"Container": "web"}),
        await stage.call("POST", "/containers/web/start"),
        await stage.call("DELETE", "/networks/lan"),
    ]

    assert [r.status for r in replies] == [200, 200, 304, 204]
    assert [("Content-Type" in r.headers, r.body) for r in replies] == [(False, b"")] * 4


async def test_every_reply_has_dockers_headers(stage: Stage) -> None:
    for path in ("/v1.41/networks", "/networks", "/nosuch", "/v1.99/networks", "//networks"):
        headers = (await stage.call("GET", path)).headers

        assert (headers["Api-Version"], headers["Docker-Experimental"], headers["Ostype"]) == (
            "1.50",
            "false",
            "linux",
        )
        assert headers["Server"] == "Seaway/0.1.0 (linux)"


async def test_a_large_reply_comes_in_chunks_and_a_small_one_with_its_length(stage: Stage) -> None:
    small = await stage.call("GET", "/networks/host")
    for n in range(8):
        await stage.good("POST", "/networks/create", {"Name": f"n{n}"})
    large = await stage.call("GET", "/networks")

    assert int(small.headers["Content-Length"]) == len(small.body)
    assert large.headers["Transfer-Encoding"] == "chunked"
    assert "Content-Length" not in large.headers
    assert len(large.json) == 11


async def test_a_body_may_come_in_chunks(stage: Stage) -> None:
    reader, writer = await stage.connect()
    writer.write(
        b"POST /networks/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json; charset=utf-8"
        b'\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"Nam\r\n9\r\ne":"lan"}\r\n0\r\n\r\n'
    )
    status, _ = await read_head(reader)
    writer.close()

    assert status == 201
    assert (await stage.good("GET", "/networks/lan"))["Name"] == "lan"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        *((text, 1) for text in ("1", "true", "True", "TRUE", "t", "yes")),
        *((text, 0) for text in ("", "0", "false", "False", "no", "none")),
    ],
)
async def test_a_boolean_may_be_spelled_as_clients_spell_it(
    stage: Stage, text: str, shown: int
) -> None:
    await stage.create("web")

    assert len(await stage.good("GET", f"/containers/json?all={text}")) == shown


async def test_versions_that_we_do_not_speak_are_refused(stage: Stage) -> None:
    new = await stage.call("GET", "/v1.99/networks")
    newest = await stage.call("GET", "/v2/networks")
    old = await stage.call("GET", "/v1.10/networks")

    assert (new.status, new.message) == (
        400,
        "client version 1.99 is too new. Maximum supported API version is 1.50",
    )
    assert (newest.status, newest.message) == (
        400,
        "client version 2 is too new. Maximum supported API version is 1.50",
    )
    assert (old.status, old.message) == (
        400,
        f"{OLD}, please upgrade your client to a newer version",
    )


async def test_ping_tells_the_version_in_its_headers(stage: Stage) -> None:
    for method, body in (("GET", b"OK"), ("HEAD", b"")):
        answer = await stage.call(method, "/_ping")

        assert answer.status == 200
        assert answer.body == body
        assert answer.headers["Api-Version"] == "1.50"
        assert answer.headers["Ostype"] == "linux"
        assert answer.headers["Cache-Control"] == "no-cache, no-store, must-revalidate"


@pytest.mark.parametrize(
    ("content", "kind", "message"),
    [
        (
            b"{}",
            "text/plain",
            "unsupported Content-Type header (text/plain): must be 'application/json'",
        ),
        (b"{}", "", "unsupported Content-Type header (): must be 'application/json'"),
        (b"", "", "invalid name: name is empty"),
        (b"null", "application/json; charset=utf-8", "invalid name: name is empty"),
        (b'{"Name":', "application/json", "invalid JSON: unexpected EOF"),
        (b'{"Name":"x"} {}', "application/json", "unexpected content after JSON"),
        (
            b'{"Name":7}',
            "application/json",
            "invalid JSON: Expected `str | null`, got `int` - at `$.Name`",
        ),
    ],
)
async def test_a_wrong_body_is_refused_in_one_sentence(
    stage: Stage, content: bytes, kind: str, message: str
) -> None:
    answer = await stage.call(
        "POST", "/networks/create", content=content, headers={"Content-Type": kind}
    )

    assert (answer.status, answer.message) == (400, message)


async def test_a_body_that_is_not_coded_as_it_says_is_refused(stage: Stage) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}

    answer = await stage.call("POST", "/networks/create", content=b"{}", headers=headers)

    assert (answer.status, answer.message) == (400, "the body is not coded as its headers say")


async def test_a_body_of_more_than_16_megabytes_is_refused(stage: Stage) -> None:
    big = b'{"Name":"' + b"x" * (17 << 20) + b'"}'

    answer = await stage.call("POST", "/networks/create", content=big)

    assert (answer.status, answer.message) == (413, "the body is larger than 16 MB")


async def test_bytes_that_are_no_http_do_not_end_the_server(stage: Stage) -> None:
    reader, writer = await stage.connect()
    writer.write(b"\x16\x03\x01 hello\r\n\r\n")
    status, _ = await read_head(reader)
    writer.close()

    assert status == 400
    assert (await stage.call("GET", "/_ping")).status == 200


async def test_one_connection_serves_many_requests(stage: Stage) -> None:
    reader, writer = await stage.connect()
    for _ in range(3):
        writer.write(b"GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n")
        status, _ = await read_head(reader)
        assert status == 200
        assert await reader.readexactly(2) == b"OK"
    writer.close()


async def test_a_use_case_is_finished_though_the_client_hangs_up(stage: Stage) -> None:
    reached, go = asyncio.Event(), asyncio.Event()
    apply = stage.world.kernel.apply

    async def slow(operations: object) -> None:
        reached.set()
        await go.wait()
        await apply(operations)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    stage.world.kernel.apply = slow  # type: ignore[method-assign]
    _, writer = await stage.connect()
    body = b'{"Name":"web"}'
    writer.write(
        b"POST /networks/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
    )
    await reached.wait()
    writer.close()
    await until(lambda: served() == 0)
    go.set()

    await until(lambda: any(n.name == "web" for n in stage.world.store.networks()))


async def test_a_client_that_hangs_up_in_its_body_disturbs_nobody(stage: Stage) -> None:
    _, writer = await stage.connect()
    head = b"POST /networks/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    writer.write(head + b"Content-Length: 100\r\n\r\n{")
    await writer.drain()
    await until(lambda: served() == 1)
    writer.close()
    await until(lambda: served() == 0)

    assert (await stage.call("GET", "/_ping")).status == 200
    assert (await stage.call("POST", "/networks/create", {"Name": "web"})).status == 201


async def test_a_reply_that_breaks_off_is_cut_and_not_ended(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object, **__: object) -> AsyncIterator[LogLine]:
        yield LogLine(time=1, stream=1, data=b"one\n")
        raise Unavailable("the log is gone")

    await stage.run("box")
    monkeypatch.setattr(stage.runtime, "logs", broken)

    reader, writer = await stage.connect()
    writer.write(b"GET /containers/box/logs?stdout=1 HTTP/1.1\r\nHost: x\r\n\r\n")
    await read_head(reader)
    rest = await reader.read()
    writer.close()

    assert b"one\n" in rest
    assert not rest.endswith(b"0\r\n\r\n")


async def test_what_a_bug_raises_is_told_without_its_text(
    stage: Stage, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> object:
        raise KeyError("secret")

    monkeypatch.setattr(stage.world.store, "networks", broken)

    answer = await stage.call("GET", "/networks")

    assert (answer.status, answer.message) == (
        500,
        "internal error: KeyError; the daemon's log has more",
    )
    assert "a request failed unexpectedly" in caplog.text


async def test_version_and_info_say_who_answers(stage: Stage) -> None:
    version = await stage.good("GET", "/version")
    info = await stage.good("GET", "/info")

    match version:
        case {
            "ApiVersion": "1.50",
            "MinAPIVersion": "1.24",
            "Version": "0.1.0",
            "Components": [{"Name": "Engine", "Version": "0.1.0"}],
        }:
            pass
        case other:
            raise AssertionError(other)
    match info:
        case {"Containers": 0, "OSType": "linux", "Swarm": {"LocalNodeState": "inactive"}}:
            pass
        case other:
            raise AssertionError(other)


async def test_what_seaway_has_not_is_an_empty_list(stage: Stage) -> None:
    assert await stage.good("GET", "/volumes") == {"Volumes": [], "Warnings": None}
    assert await stage.good("GET", "/images/json") == []
    assert await stage.good("GET", "/plugins") == []


async def test_a_pull_is_refused_with_what_there_is_instead(stage: Stage) -> None:
    answer = await stage.call("POST", "/images/create?fromImage=busybox&tag=latest")

    assert answer.status == 404
    assert answer.message.startswith("No such image: busybox:latest\nSeaway has no images: ")


async def test_of_a_parameter_that_is_said_twice_the_first_counts(stage: Stage) -> None:
    await stage.create("web")

    assert len(await stage.good("GET", "/containers/json?all=1&all=0")) == 1
    assert len(await stage.good("GET", "/containers/json?all=0&all=1")) == 0


async def test_a_name_of_several_lines_is_not_found_in_our_words(stage: Stage) -> None:
    answer = await stage.call("GET", "/networks/a%0Ab")

    assert answer.status == 404
    assert answer.message == "network a\\nb not found"
