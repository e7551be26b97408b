"""The host's own name servers."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

import pytest

from seaway.dns.hostfile import HostFile, search_of, servers_of
from seaway.plan.zone import Upstream


def upstream(address: str, scope: str = "") -> Upstream:
    return Upstream(address=ip_address(address), scope=scope)


@pytest.mark.parametrize(
    ("text", "servers"),
    [
        ("", ()),
        ("nameserver 127.0.0.53\noptions edns0\n", (upstream("127.0.0.53"),)),
        (
            (
                "# nameserver 192.0.2.1\n; nameserver 192.0.2.1\n search nameserver\n"
                "nameserver\t192.0.2.2 # said the VPN\n  nameserver 2001:db8::1\n"
            ),
            (upstream("192.0.2.2"), upstream("2001:db8::1")),
        ),
        ("nameserver fe80::1%eth0\n", (upstream("fe80::1", "eth0"),)),
        ("nameserver\nnameserver dns.example\nnameserver 192.0.2.2", (upstream("192.0.2.2"),)),
        (
            "".join(f"nameserver 192.0.2.{n}\n" for n in (1, 1, 2, 3, 4)),
            (upstream("192.0.2.1"), upstream("192.0.2.2"), upstream("192.0.2.3")),
        ),
    ],
)
def test_servers_are_read_as_the_c_library_reads_them(
    text: str, servers: tuple[Upstream, ...]
) -> None:
    assert servers_of(text) == servers


@pytest.mark.parametrize(
    ("text", "domains"),
    [
        ("nameserver 192.0.2.1\n", ()),
        ("search a.example b.example\n", ("a.example", "b.example")),
        ("search a.example\ndomain b.example\n", ("b.example",)),
        ("search a.example\nsearch\n", ()),
        ("#search a.example\n", ()),
    ],
)
def test_the_last_line_says_the_search_domains(text: str, domains: tuple[str, ...]) -> None:
    assert search_of(text) == domains


class Time:
    """A clock for tests."""

    seconds = 0.0

    def __call__(self) -> float:
        """The time."""
        return self.seconds


def test_a_changed_file_is_read_again_and_a_missing_one_holds(tmp_path: Path) -> None:
    path, clock = tmp_path / "resolv.conf", Time()
    path.write_text("nameserver 192.0.2.1\n")
    host = HostFile(path, clock)
    assert host.servers() == (upstream("192.0.2.1"),)
    assert host.search() == ()

    (tmp_path / "new").write_text("nameserver 192.0.2.2\nsearch a.example\n")
    (tmp_path / "new").rename(path)
    assert host.servers() == (upstream("192.0.2.1"),)
    clock.seconds = 1.0
    assert host.servers() == (upstream("192.0.2.2"),)

    assert host.search() == ("a.example",)

    path.unlink()
    clock.seconds = 2.0
    assert host.servers() == (upstream("192.0.2.2"),)
    path.write_text("")
    clock.seconds = 3.0
    assert host.servers() == ()


def test_a_file_that_is_not_there_names_no_servers(tmp_path: Path) -> None:
    assert HostFile(tmp_path / "none").servers() == ()
