"""Logs and events: what happened, and what happens."""

from __future__ import annotations

import pytest

from seaway.api import moments
from seaway.api.carriage import frame
from seaway.model.errors import InvalidRequest
from unit.api.stage import Stage, read_head, unchunked


async def logs(stage: Stage, query: str) -> bytes:
    answer = await stage.call("GET", f"/containers/box/logs?{query}")
    assert answer.status == 200
    return answer.body


async def test_logs_are_framed_cut_and_stamped(stage: Stage) -> None:
    identity = await stage.run("box")
    program = stage.runtime.programs[identity]
    for text, stream in ((b"one\n", 1), (b"two\n", 2), (b"thr", 1), (b"ee\n", 1)):
        program.say(text, stream)

    assert await logs(stage, "stdout=1&stderr=1&tail=all") == (
        frame(1, b"one\n") + frame(2, b"two\n") + frame(1, b"thr") + frame(1, b"ee\n")
    )
    assert await logs(stage, f"stdout=1&tail={'9' * 5000}") == await logs(stage, "stdout=1")
    assert await logs(stage, "stdout=1&tail=1") == frame(1, b"thr") + frame(1, b"ee\n")
    assert await logs(stage, "stdout=1&stderr=1&tail=0") == b""
    assert await logs(stage, "stderr=1&timestamps=1") == frame(
        2, b"1970-01-01T00:00:00.000000002Z two\n"
    )
    assert await logs(stage, "stdout=1&until=0.000000001") == frame(1, b"one\n")
    assert await logs(stage, "stdout=1&since=0.000000004") == frame(1, b"ee\n")
    assert (await stage.call("GET", "/containers/box/logs")).message == (
        "must specify at least one of 'stdout' or 'stderr'"
    )


async def test_followed_logs_end_with_the_process(stage: Stage) -> None:
    identity = await stage.run("box", Tty=True)
    reader, writer = await stage.connect()
    writer.write(b"GET /containers/box/logs?stdout=1&follow=1 HTTP/1.1\r\nHost: x\r\n")
    writer.write(b"Connection: close\r\n\r\n")
    _, headers = await read_head(reader)
    program = stage.runtime.programs[identity]
    program.say(b"hello\n")
    begun = await reader.readuntil(b"hello\n\r\n")
    program.end(0)

    assert headers["Content-Type"] == "application/vnd.docker.raw-stream"
    assert unchunked(begun + await reader.read()) == b"hello\n"
    writer.close()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1795500311", 1795500311 * 10**9),
        ("1795500311.25", 1795500311250000000),
        ("2026-11-24T06:05:11Z", 1795500311 * 10**9),
        ("2026-11-24T07:05:11.000000001+01:00", 1795500311 * 10**9 + 1),
        ("1h30m", 10**15 - 5400 * 10**9),
        ("1.5s", 10**15 - 15 * 10**8),
    ],
)
def test_moments_are_read_in_all_three_forms(text: str, expected: int) -> None:
    assert moments.moment(text, 10**15) == expected


@pytest.mark.parametrize("text", ["soon", "1x", "2026-13-01T00:00:00Z", "-5", "1h "])
def test_a_wrong_moment_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="invalid time"):
        moments.moment(text, 0)


def test_moments_are_shown_without_needless_zeros() -> None:
    assert moments.shown(0) == "0001-01-01T00:00:00Z"
    assert moments.shown(1795500311 * 10**9) == "2026-11-24T06:05:11Z"
    assert moments.shown(1795500311 * 10**9 + 150_000_000) == "2026-11-24T06:05:11.15Z"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "Less than a second"),
        (1, "1 second"),
        (59, "59 seconds"),
        (60, "About a minute"),
        (150, "2 minutes"),
        (3600, "About an hour"),
        (2 * 86400, "2 days"),
        (15 * 86400, "2 weeks"),
        (90 * 86400, "3 months"),
        (800 * 86400, "2 years"),
        (-5, "Less than a second"),
    ],
)
def test_spans_are_told_in_dockers_words(seconds: int, expected: str) -> None:
    assert moments.in_words(seconds * 10**9) == expected
