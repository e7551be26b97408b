"""Low descriptor numbers stay free for libnftables, whatever is held."""

from __future__ import annotations

import os
import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from seaway.kernel.descriptors import KEPT, LOW, Reserve, moved_up, refuse_without_low

pytestmark = pytest.mark.usefixtures("room")


@pytest.fixture
def room() -> Iterator[None]:
    """Room for more descriptors than are low."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2 * LOW:
        pytest.skip(f"this process may have {hard} descriptors only")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2 * LOW), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_socket_that_moved_up_is_the_same_under_a_high_number() -> None:
    low = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    low.bind(("127.0.0.1", 0))
    name = low.getsockname()

    with moved_up(low) as high:
        assert high.fileno() >= LOW
        assert low.fileno() == -1
        assert (high.family, high.type) == (socket.AF_INET, socket.SOCK_DGRAM)
        assert high.getsockname() == name


def test_without_high_numbers_a_socket_stays_as_it_is() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (LOW, hard))

    with socket.socket() as low:
        assert moved_up(low) is low


def test_no_low_number_left_is_told_before_it_ends_the_process() -> None:
    refuse_without_low()
    with ExitStack() as stack:
        while (fd := os.open("/", os.O_PATH)) < LOW:
            stack.callback(os.close, fd)
        stack.callback(os.close, fd)

        with pytest.raises(OSError, match="1024 low file descriptors open"):
            refuse_without_low()


@pytest.fixture
def filled() -> Iterator[Reserve]:
    """A reserve of low numbers."""
    reserve = Reserve()
    reserve.fill()
    yield reserve
    reserve.free()


def test_whatever_is_opened_beside_a_reserve_leaves_low_numbers_to_lend(filled: Reserve) -> None:
    with ExitStack() as stack:
        for _ in range(LOW):
            stack.enter_context(socket.socket())

        for _ in range(LOW):
            with filled.lent():
                refuse_without_low()

        assert stack.enter_context(socket.socket()).fileno() >= LOW


def test_a_number_that_was_lent_and_given_back_is_reserved_again(filled: Reserve) -> None:
    with ExitStack() as stack:
        for _ in range(LOW):
            stack.enter_context(socket.socket())
        with filled.lent():
            lent = [socket.socket() for _ in range(KEPT)]
        for sock in lent:
            sock.close()

        with filled.lent():
            pass

        assert stack.enter_context(socket.socket()).fileno() >= LOW


def test_there_is_no_reserve_where_a_process_may_open_few_files() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (LOW, hard))
    reserve = Reserve()

    reserve.fill()

    with socket.socket() as found, reserve.lent():
        assert found.fileno() < LOW
