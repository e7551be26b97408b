"""Host ports are held by bound sockets: real ones, in a namespace of the test's own."""

from __future__ import annotations

import functools
import os
import resource
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest

from netns.hostports_stage import BOTH, A, B, Host
from seaway.contracts import Hold
from seaway.kernel.hostports import SPARE_DESCRIPTORS
from seaway.model.errors import Exhausted, PortTaken, Unavailable
from seaway.model.port import Proto, PublishedPort

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root")

TCP = PublishedPort(proto=Proto.TCP, port=80, host_port=8080)
UDP = PublishedPort(proto=Proto.UDP, port=53, host_port=5300)


@pytest.fixture
def host() -> Iterator[Host]:
    """A host with loopback alone."""
    found = Host()
    yield found
    found.close()


def bind(
    kind: socket.SocketKind, address: str, port: int, *options: int, v6only: bool = True
) -> Callable[[], None]:
    """A second program's bind; it raises OSError when the port is held."""

    def work() -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family, kind) as second:
            for option in options:
                second.setsockopt(socket.SOL_SOCKET, option, 1)
            if family == socket.AF_INET6:
                second.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(v6only))
            second.bind((address, port))
            if kind == socket.SOCK_STREAM:
                second.listen()

    return work


REUSE = {
    "plain": (),
    "REUSEADDR": (socket.SO_REUSEADDR,),
    "REUSEPORT": (socket.SO_REUSEPORT,),
    "both": (socket.SO_REUSEADDR, socket.SO_REUSEPORT),
}


@pytest.mark.parametrize(
    "options",
    ["plain", "REUSEADDR", "REUSEPORT", pytest.param("both", marks=pytest.mark.machine)],
)
@pytest.mark.parametrize("address", ["0.0.0.0", "127.0.0.1", "::", "::1", "dual"])
@pytest.mark.parametrize("port", [TCP, UDP], ids=["tcp", "udp"])
def test_a_second_bind_of_any_kind_is_refused(
    host: Host, port: PublishedPort, address: str, options: str
) -> None:
    kind = socket.SOCK_STREAM if port.proto is Proto.TCP else socket.SOCK_DGRAM
    where, v6only = ("::", False) if address == "dual" else (address, True)
    second = bind(kind, where, port.host_port, *REUSE[options], v6only=v6only)
    host.hold(A, port)

    with pytest.raises(OSError, match="Address already in use"):
        host.do(second)

    host.ports.let_go(A)
    host.do(second)


def test_a_port_of_one_address_leaves_the_others_free(host: Host) -> None:
    host.hold(A, replace(TCP, host=ip_address("127.0.0.1")))

    host.do(bind(socket.SOCK_STREAM, "127.0.0.2", 8080))
    with pytest.raises(OSError, match="in use"):
        host.do(bind(socket.SOCK_STREAM, "0.0.0.0", 8080))


def test_a_port_of_one_family_leaves_the_other_free(host: Host) -> None:
    host.hold(A, TCP, versions=(4,))

    host.do(bind(socket.SOCK_STREAM, "::", 8080))


def test_a_former_servers_time_wait_does_not_matter(host: Host) -> None:
    def a_short_talk() -> None:
        with socket.create_server(("127.0.0.1", 8080)) as server:
            client = socket.create_connection(("127.0.0.1", 8080))
            talk, _ = server.accept()
            talk.close()
            client.close()

    host.do(a_short_talk)
    with pytest.raises(OSError, match="in use"):
        host.do(bind(socket.SOCK_STREAM, "0.0.0.0", 8080))

    assert host.hold(A, TCP) == (TCP,)


def test_a_client_of_a_held_tcp_port_is_refused_at_once(host: Host) -> None:
    host.hold(A, TCP)

    with pytest.raises(ConnectionRefusedError):
        host.do(lambda: socket.create_connection(("127.0.0.1", 8080), timeout=5).close())


# Refusals


def test_the_search_for_a_ports_program_ends_in_time(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seaway.kernel.hostports.SEARCH_TIME", 0)
    with ExitStack() as stack:
        host.do(lambda: stack.enter_context(socket.create_server(("127.0.0.1", 8080))))

        assert host.refusal(A, TCP) == (
            "Bind for 0.0.0.0:8080 failed: port is already allocated: "
            "8080/tcp is held by another program"
        )


def test_a_port_is_let_go_in_one_family_and_held_in_the_other(host: Host) -> None:
    host.hold(A, TCP)

    host.ports.let_go(A, {Hold(Proto.TCP, None, 8080, 1, 80): frozenset({6})})

    assert host.ports.held(A) == {Hold(Proto.TCP, None, 8080, 1, 80): {4}}
    host.do(bind(socket.SOCK_STREAM, "::", 8080))
    with pytest.raises(OSError, match="in use"):
        host.do(bind(socket.SOCK_STREAM, "0.0.0.0", 8080))


def test_a_refusal_holds_no_family_more_than_before(host: Host) -> None:
    host.hold(A, TCP, versions=(4,))
    host.hold(B, UDP)

    host.refusal(A, TCP, UDP)

    assert host.ports.held(A) == {Hold(Proto.TCP, None, 8080, 1, 80): {4}}


def test_another_programs_port_is_refused_with_its_name_and_pid(host: Host) -> None:
    code = "import socket,sys,time; s=socket.create_server(('', 8080)); print(1, flush=True); time.sleep(60)"
    child = host.do(lambda: subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE))
    with child:
        assert child.stdout is not None
        child.stdout.readline()
        name = Path(f"/proc/{child.pid}/comm").read_text().strip()

        assert host.refusal(A, TCP) == (
            "Bind for 0.0.0.0:8080 failed: port is already allocated: "
            f"8080/tcp is held by {name} (pid {child.pid})"
        )
        child.kill()
    assert host.ports.held(A) == {}


def test_another_sandboxs_port_is_refused_with_its_name(host: Host) -> None:
    host.hold(A, replace(TCP, count=10))

    assert host.refusal(B, replace(TCP, host_port=8085)) == (
        "Bind for 0.0.0.0:8085 failed: port is already allocated: "
        "8085/tcp is published by container web"
    )
    assert host.ports.held(B) == {}


def test_a_sandboxs_own_port_cannot_lead_to_two_places(host: Host) -> None:
    second = replace(TCP, port=81)

    assert host.refusal(A, TCP, second) == (
        "Bind for 0.0.0.0:8080 failed: port is already allocated: "
        "8080/tcp is published by this container"
    )
    assert host.ports.held(A) == {}

    host.hold(A, TCP)
    assert "published by this container" in host.refusal(A, TCP, second)
    assert host.ports.held(A).keys() == {Hold(Proto.TCP, None, 8080, 1, 80)}


def test_an_address_that_the_host_lacks_is_told(host: Host) -> None:
    assert host.refusal(A, replace(TCP, host=ip_address("198.51.100.7"))) == (
        "Bind for 198.51.100.7:8080 failed: 198.51.100.7 is no address of this host"
    )


def test_a_range_that_is_taken_in_its_middle_leaves_nothing_held(host: Host) -> None:
    with ExitStack() as stack:
        host.do(lambda: stack.enter_context(socket.create_server(("127.0.0.1", 8083))))

        assert "8083/tcp is held by" in host.refusal(A, UDP, replace(TCP, count=10))

    assert host.ports.held(A) == {}
    for number in range(8080, 8090):
        host.do(bind(socket.SOCK_STREAM, "0.0.0.0", number))
    host.do(bind(socket.SOCK_DGRAM, "0.0.0.0", 5300))


def test_what_was_held_before_a_refusal_stays_held(host: Host) -> None:
    host.hold(A, TCP)
    host.hold(B, UDP)

    host.refusal(A, TCP, UDP)

    assert host.ports.held(A).keys() == {Hold(Proto.TCP, None, 8080, 1, 80)}
    with pytest.raises(OSError, match="in use"):
        host.do(bind(socket.SOCK_STREAM, "0.0.0.0", 8080))


def test_a_failing_step_holds_nothing(host: Host) -> None:
    host.steps.arm(0)

    with pytest.raises(Unavailable):
        host.hold(A, TCP)

    assert host.ports.held(A) == {}


# Holding more, and less


def test_holding_again_adds_what_is_new(host: Host) -> None:
    host.hold(A, TCP, versions=(4,))
    host.hold(A, TCP, UDP)

    assert host.ports.held(A).keys() == {
        Hold(Proto.TCP, None, 8080, 1, 80),
        Hold(Proto.UDP, None, 5300, 1, 53),
    }
    with pytest.raises(OSError, match="in use"):
        host.do(bind(socket.SOCK_STREAM, "::", 8080))


def test_what_is_let_go_is_free_and_the_others_are_not(host: Host) -> None:
    host.hold(A, TCP, UDP)

    host.ports.let_go(A, {Hold(Proto.UDP, None, 5300, 1, 53): frozenset(BOTH)})

    host.do(bind(socket.SOCK_DGRAM, "0.0.0.0", 5300))
    assert host.ports.held(A).keys() == {Hold(Proto.TCP, None, 8080, 1, 80)}


def test_sctp_ports_are_kept_apart_by_our_own_book_at_least(host: Host) -> None:
    sctp = PublishedPort(proto=Proto.SCTP, port=9, host_port=9000)
    host.hold(A, sctp)

    assert "published by container web" in host.refusal(B, sctp)
    host.hold(B, replace(sctp, proto=Proto.TCP))


def test_a_clash_is_told_with_the_address_of_its_family(host: Host) -> None:
    host.hold(A, TCP, versions=(6,))

    assert host.refusal(B, TCP) == (
        "Bind for [::]:8080 failed: port is already allocated: "
        "8080/tcp is published by container web"
    )


# Random ports (FR-12)


def narrow(host: Host, first: int, last: int) -> None:
    """Let the host's dynamic range be that small."""
    path = Path("/proc/sys/net/ipv4/ip_local_port_range")
    host.do(lambda: path.write_text(f"{first} {last}"))


def test_random_ports_avoid_those_of_other_programs_and_of_one_another(host: Host) -> None:
    narrow(host, 32768, 32787)
    anything = PublishedPort(proto=Proto.TCP, port=80)
    with ExitStack() as stack:
        for number in range(32768, 32778):
            server = functools.partial(socket.create_server, ("0.0.0.0", number))
            stack.enter_context(host.do(server))

        taken = [host.hold(A, *[replace(anything, port=n) for n in range(80, 90)])]

    numbers = [p.host_port for p in taken[0]]
    assert sorted(numbers) == list(range(32778, 32788))


def test_a_fixed_port_gets_its_number_beside_a_random_one(host: Host) -> None:
    narrow(host, 32768, 32787)
    anything, fixed = (
        PublishedPort(proto=Proto.TCP, port=80),
        PublishedPort(proto=Proto.TCP, port=8080, host_port=32768),
    )

    for _ in range(10):
        random, kept = host.hold(A, anything, fixed)
        assert kept == fixed
        assert random.host_port in range(32769, 32788)
        host.ports.let_go(A)


def test_no_free_random_port_is_told_with_what_to_do(host: Host) -> None:
    narrow(host, 32768, 32769)
    anything = PublishedPort(proto=Proto.UDP, port=53)
    host.hold(A, anything, replace(anything, port=54))

    assert host.refusal(B, anything) == (
        "no free host port found for 53/udp: all of the host's dynamic range seem to be in use; "
        "widen net.ipv4.ip_local_port_range, or give a host port"
    )


# Descriptors


def test_too_many_ports_for_the_descriptors_are_refused_before_any_is_opened(
    host: Host,
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    many = PublishedPort(proto=Proto.TCP, port=20000, host_port=20000, count=1000)
    used = len(list(Path("/proc/self/fd").iterdir()))
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + 900 + SPARE_DESCRIPTORS, hard))
    try:
        with pytest.raises(Exhausted) as caught:
            host.hold(A, many)
        host.hold(A, replace(many, count=100))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert str(caught.value).startswith(
        "holding 1000 tcp ports from 20000 on needs 2000 file descriptors, "
        "more than the daemon may still open ("
    )
    assert "LimitNOFILE=" in str(caught.value)


def test_ports_published_one_by_one_leave_descriptors_for_everything_else(host: Host) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = len(list(Path("/proc/self/fd").iterdir()))
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + 100 + SPARE_DESCRIPTORS, hard))
    held = 0
    try:
        with pytest.raises(Exhausted, match="file descriptors, more than the daemon may still"):
            for number in range(20000, 21000):
                host.hold(A, PublishedPort(proto=Proto.TCP, port=80, host_port=number))
                held += 1
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert 40 < held < 60  # two sockets each


def test_the_last_descriptor_is_told_too(host: Host) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with ExitStack() as stack:
        spare = [stack.enter_context(open(os.devnull)) for _ in range(3)]  # noqa: PTH123
        limit = max(f.fileno() for f in spare) + 1
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
        try:
            with suppress(OSError):
                while True:
                    stack.callback(os.close, os.open(os.devnull, os.O_RDONLY))
            sentence = ""
            try:
                host.ports.hold(A, [TCP], BOTH)
            except (Exhausted, PortTaken) as error:
                sentence = str(error)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert sentence.startswith("holding 1 tcp ports from 8080 on needs 1 file descriptors")
    assert host.ports.held(A) == {}
