"""Where the API may listen on TCP."""

from __future__ import annotations

import pytest

from seaway.model.errors import InvalidRequest
from seaway.plan.listening import refuse_plain, tcp_address


@pytest.mark.parametrize(
    ("text", "shown", "loopback"),
    [
        ("tcp://127.0.0.1:2375", "tcp://127.0.0.1:2375", True),
        ("tcp://127.9.9.9", "tcp://127.9.9.9", True),
        ("tcp://localhost:1", "tcp://127.0.0.1:1", True),
        ("tcp://[::1]:65535/", "tcp://[::1]:65535", True),
        ("tcp://[2001:db8::1]", "tcp://[2001:db8::1]", False),
        ("tcp://0.0.0.0:2376", "tcp://0.0.0.0:2376", False),
        ("tcp://[::]:2376", "tcp://[::]:2376", False),
    ],
)
def test_addresses_are_read_as_docker_writes_them(text: str, shown: str, loopback: bool) -> None:
    address = tcp_address(text)

    assert (str(address), address.is_loopback) == (shown, loopback)


@pytest.mark.parametrize(
    "text",
    [
        "tcp://",
        "tcp://:2376",
        "tcp://host.example:2376",
        "tcp://::1:2376",
        "tcp://[::1]x",
        "tcp://[127.0.0.1]:2376",
        "tcp://127.0.0.1:",
        "tcp://127.0.0.1:0",
        "tcp://127.0.0.1:65536",
        "tcp://127.0.0.1:-1",
        "tcp://127.0.0.1:٣",
        "tcp://127.0.0.1:2376/path",
    ],
)
def test_what_is_no_address_is_told_with_what_would_be(text: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        tcp_address(text)

    assert str(refused.value) == (
        f"address {text}: it should name an address of this host and a port from 1 to 65535, "
        "like tcp://192.0.2.1:2376, or tcp://0.0.0.0:2376 for all"
    )


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "192.0.2.1", "[::]", "[fe80::1]", "[::ffff:127.0.0.1]"]
)
def test_nothing_beyond_loopback_goes_without_tls(host: str) -> None:
    with pytest.raises(InvalidRequest, match=r"can be reached by others.*--tlsverify"):
        refuse_plain([tcp_address("tcp://127.0.0.1:1"), tcp_address(f"tcp://{host}:1")])


def test_loopback_goes_without_tls() -> None:
    refuse_plain([tcp_address("tcp://127.0.0.1:1"), tcp_address("tcp://[::1]:1")])
