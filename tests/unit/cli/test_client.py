"""Replies as they come from a socket, well formed and not."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaway.cli.client import Reply, query_text
from seaway.cli.failure import Failure


def reply(sent: bytes) -> Reply:
    """What the client makes of *sent*, after which the other side hangs up."""
    ours, theirs = socket.socketpair()
    theirs.sendall(sent)
    theirs.close()
    try:
        return Reply(ours)
    except BaseException:
        ours.close()
        raise


PARTS = st.sampled_from(
    [
        b"HTTP/1.1 ",
        b"200",
        b"404 Not Found",
        b"\r\n",
        b"\r\n\r\n",
        b"Content-Length: ",
        b"5",
        b"\xb2",
        b"x",
    ]
)


@given(st.lists(PARTS, max_size=10).map(b"".join) | st.binary(max_size=200))
def test_any_bytes_are_a_reply_or_a_failure(sent: bytes) -> None:
    try:
        answer = reply(sent)
    except Failure:
        return
    try:
        body = answer.all()
    except Failure:
        answer.close()
        return
    assert sent.endswith(body) or len(body) == int(answer.headers["content-length"])


def test_lines_come_whole_however_they_are_cut() -> None:
    answer = reply(b"HTTP/1.0 200 OK\r\n\r\none\ntwo\nthree")

    assert list(answer.lines()) == ["one", "two", "three"]


def test_headers_are_found_whatever_their_case() -> None:
    answer = reply(b"HTTP/1.1 201 Created\r\nConTent-LENGTH:  2 \r\nX: y\r\n\r\n{}trailing")

    assert answer.status == 201
    assert answer.headers == {"content-length": "2", "x": "y"}
    answer.close()


def test_a_query_leaves_out_what_was_not_said() -> None:
    assert query_text({"a": True, "b": False, "c": None, "d": "", "e": 0, "f": "x y&z"}) == (
        "?a=1&e=0&f=x%20y%26z"
    )
    assert query_text({}) == ""


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def test_a_body_in_chunks_is_put_together() -> None:
    answer = reply(CHUNKED + b"4\r\none\n\r\nA;x=y\r\ntwo\r\nthree\r\n0\r\n\r\n")

    assert answer.all() == b"one\ntwo\r\nthree"


@pytest.mark.parametrize("cut", [b"", b"4", b"4\r\non", b"4\r\none\n", b"4\r\none\n\r\n"])
def test_a_body_without_its_last_chunk_is_not_whole(cut: bytes) -> None:
    with pytest.raises(Failure, match="went away in the middle of its answer"):
        reply(CHUNKED + cut).all()


def test_what_is_no_chunk_is_told() -> None:
    with pytest.raises(Failure, match="in a form that this command does not know"):
        reply(CHUNKED + b"four\r\none\n\r\n").all()
