"""What everything that holds host ports does, the fake and the one with sockets alike."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from fakes.parts import CountedSteps, FakeHostPorts
from netns.hostports_stage import BOTH, A, B, Host
from seaway.contracts import NO_NUMBERS, Hold, HostPorts, Taken
from seaway.model.errors import PortTaken, Unavailable
from seaway.model.ids import SandboxId
from seaway.model.port import Proto, PublishedPort

TCP = PublishedPort(proto=Proto.TCP, port=80, host_port=8080)
UDP = PublishedPort(proto=Proto.UDP, port=53, host_port=5300)
ANY = PublishedPort(proto=Proto.TCP, port=81)
SOURCES = (ip_network("10.0.0.0/8"),)
HELD_TCP, HELD_UDP = Hold(Proto.TCP, None, 8080, 1, 80), Hold(Proto.UDP, None, 5300, 1, 53)


@dataclass(frozen=True)
class Subject:
    """What is tested, and how another program takes a TCP port."""

    ports: HostPorts
    steps: CountedSteps
    take: Callable[[int], None]
    hold_all: Callable[
        [SandboxId, tuple[PublishedPort, ...], tuple[int, ...], Mapping[PublishedPort, int]], Taken
    ]

    def hold(
        self,
        owner: SandboxId,
        *ports: PublishedPort,
        versions: tuple[int, ...] = BOTH,
        last: Mapping[PublishedPort, int] = NO_NUMBERS,
    ) -> tuple[PublishedPort, ...]:
        """Hold *ports* for *owner*; gives them as they were taken."""
        return self.hold_all(owner, ports, versions, last).ports


@pytest.fixture(params=["fake", "sockets"])
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    """Nothing is held yet."""
    yield from fake() if request.param == "fake" else sockets()


def fake() -> Iterator[Subject]:
    """A book."""
    steps = CountedSteps()
    ports = FakeHostPorts(steps)

    def hold(
        owner: SandboxId,
        wanted: tuple[PublishedPort, ...],
        versions: tuple[int, ...],
        last: Mapping[PublishedPort, int],
    ) -> Taken:
        return ports.hold(owner, wanted, versions, last=last)

    yield Subject(ports, steps, ports.foreign.add, hold)


def sockets() -> Iterator[Subject]:
    """Real sockets, in a namespace of the test's own."""
    if os.geteuid() != 0:
        pytest.skip("namespaces need root")
    host = Host()
    with ExitStack() as programs:

        def take(number: int) -> None:
            server = host.do(lambda: socket.create_server(("127.0.0.1", number)))
            programs.enter_context(server)

        def hold(
            owner: SandboxId,
            ports: tuple[PublishedPort, ...],
            versions: tuple[int, ...],
            last: Mapping[PublishedPort, int],
        ) -> Taken:
            return host.do(lambda: host.ports.hold(owner, ports, versions, last=last))

        yield Subject(host.ports, host.steps, take, hold)
    host.close()


def test_ports_are_held_as_they_were_asked_for(subject: Subject) -> None:
    assert subject.hold(A, TCP, UDP) == (TCP, UDP)

    assert subject.ports.held(A) == {HELD_TCP: {4, 6}, HELD_UDP: {4, 6}}
    assert subject.ports.held(B) == {}


def test_a_range_is_held_as_one(subject: Subject) -> None:
    subject.hold(A, replace(TCP, count=3))

    assert subject.ports.held(A) == {Hold(Proto.TCP, None, 8080, 3, 80): {4, 6}}
    with pytest.raises(PortTaken):
        subject.hold(B, replace(TCP, host_port=8082))
    subject.hold(B, replace(TCP, host_port=8083))


def test_a_port_of_one_family_is_held_in_that_alone(subject: Subject) -> None:
    local = replace(TCP, host=ip_address("127.0.0.1"))
    subject.hold(A, local)

    assert subject.ports.held(A) == {Hold(Proto.TCP, ip_address("127.0.0.1"), 8080, 1, 80): {4}}
    subject.hold(B, replace(TCP, host=ip_address("::1")))


@pytest.mark.parametrize("proto", [Proto.TCP, Proto.SCTP])
def test_a_port_of_all_addresses_is_another_one_in_each_family(
    subject: Subject, proto: Proto
) -> None:
    port = replace(TCP, proto=proto)
    subject.hold(A, port, versions=(4,))

    subject.hold(B, port, versions=(6,))

    held = Hold(proto, None, 8080, 1, 80)
    assert subject.ports.held(A) == {held: {4}}
    assert subject.ports.held(B) == {held: {6}}
    with pytest.raises(PortTaken, match=r"8080 failed: .*published by "):
        subject.hold(A, port)
    assert subject.ports.held(A) == {held: {4}}


@pytest.mark.parametrize("port", [TCP, ANY], ids=["fixed", "random"])
def test_a_port_of_a_family_that_leads_nowhere_is_given_as_it_is(
    subject: Subject, port: PublishedPort
) -> None:
    six = replace(port, host=ip_address("::1"))

    assert subject.hold(A, six, versions=(4,)) == (six,)

    assert subject.ports.held(A) == {}
    subject.ports.let_go(A)


def test_a_random_port_gets_its_last_number_back_while_that_is_free(subject: Subject) -> None:
    other = replace(ANY, port=82)
    last = {ANY: 34567, other: 34568}
    subject.take(34568)

    first, second, fixed = subject.hold(A, other, ANY, TCP, last=last)

    assert (second.host_port, fixed.host_port) == (34567, 8080)
    assert first.host_port not in {0, 34567, 34568}


def test_a_fixed_port_goes_before_the_last_number_of_a_random_one(subject: Subject) -> None:
    fixed = replace(TCP, host_port=34567)

    taken, random = subject.hold(A, fixed, ANY, last={ANY: 34567})

    assert taken == fixed
    assert random.host_port not in {0, 34567}


def test_random_ports_are_numbers_of_their_own(subject: Subject) -> None:
    taken = subject.hold(A, ANY, replace(ANY, port=82), TCP)

    numbers = {p.host_port for p in taken}
    assert len(numbers) == 3
    assert 0 not in numbers
    assert [replace(p, host_port=0) for p in taken[:2]] == [ANY, replace(ANY, port=82)]
    assert taken[2] == TCP


def test_another_programs_port_is_refused(subject: Subject) -> None:
    subject.take(8080)

    with pytest.raises(PortTaken, match=r"8080 failed: .*held by "):
        subject.hold(A, UDP, TCP)

    assert subject.ports.held(A) == {}


@pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root")
def test_a_program_that_calls_itself_by_control_characters_is_told_in_print(tmp_path: Path) -> None:
    program = os.fsdecode(os.fsencode(tmp_path) + b"/\x1b[2J\xff")
    shutil.copy("/bin/sleep", program)
    with closing(Host()) as host:
        server = host.do(lambda: socket.create_server(("127.0.0.1", 8080)))
        kept = [server.fileno()]
        with server, subprocess.Popen([program, "60"], pass_fds=kept) as process:
            try:
                with pytest.raises(PortTaken) as refused:
                    host.do(lambda: host.ports.hold(A, (TCP,), BOTH))
            finally:
                process.kill()

    assert f"held by \\x1b[2J\\ufffd (pid {process.pid})" in str(refused.value)


def test_another_sandboxs_port_is_refused(subject: Subject) -> None:
    subject.hold(A, TCP)

    with pytest.raises(PortTaken, match=r"8080 failed: .*published by "):
        subject.hold(B, UDP, TCP)

    assert subject.ports.held(B) == {}
    assert subject.ports.held(A) == {HELD_TCP: {4, 6}}


@pytest.mark.parametrize("other", [replace(TCP, port=81), replace(TCP, sources=SOURCES)])
def test_one_port_for_two_is_refused(subject: Subject, other: PublishedPort) -> None:
    with pytest.raises(PortTaken):
        subject.hold(A, TCP, other)

    assert subject.ports.held(A) == {}


@pytest.mark.parametrize("versions", [(4,), BOTH])
def test_a_port_that_is_held_is_refused_to_another_of_the_same_sandbox(
    subject: Subject, versions: tuple[int, ...]
) -> None:
    subject.hold(A, TCP, versions=(4,))

    with pytest.raises(PortTaken, match=r"8080 failed: .*published by "):
        subject.hold(A, replace(TCP, port=81), versions=versions)

    assert subject.ports.held(A) == {HELD_TCP: {4}}


def test_what_is_held_is_held_again_without_asking_the_others(subject: Subject) -> None:
    subject.hold(A, TCP)

    assert subject.hold(A, replace(TCP, sources=SOURCES), UDP) == (
        replace(TCP, sources=SOURCES),
        UDP,
    )

    assert subject.ports.held(A) == {HELD_TCP: {4, 6}, HELD_UDP: {4, 6}}


def test_what_is_new_is_told_with_its_families(subject: Subject) -> None:
    subject.hold(A, TCP, versions=(4,))

    taken = subject.hold_all(A, (TCP, UDP, TCP), BOTH, NO_NUMBERS)

    assert taken.new == {HELD_TCP: {6}, HELD_UDP: {4, 6}}
    subject.ports.let_go(A, taken.new)
    assert subject.ports.held(A) == {HELD_TCP: {4}}


def test_a_family_comes_and_goes(subject: Subject) -> None:
    subject.hold(A, TCP, versions=(4,))
    assert subject.ports.held(A) == {HELD_TCP: {4}}

    subject.hold(A, TCP)
    assert subject.ports.held(A) == {HELD_TCP: {4, 6}}

    subject.ports.let_go(A, {HELD_TCP: frozenset({4})})
    assert subject.ports.held(A) == {HELD_TCP: {6}}


def test_a_refusal_leaves_all_as_it_was(subject: Subject) -> None:
    subject.hold(A, TCP, versions=(4,))
    subject.hold(B, UDP)
    before = subject.ports.held(A)

    with pytest.raises(PortTaken):
        subject.hold(A, TCP, ANY, UDP)

    assert subject.ports.held(A) == before == {HELD_TCP: {4}}


def test_what_is_let_go_is_free_for_others(subject: Subject) -> None:
    subject.hold(A, TCP, UDP)

    subject.ports.let_go(A, {HELD_TCP: frozenset(BOTH)})
    subject.hold(B, TCP)

    assert subject.ports.held(A) == {HELD_UDP: {4, 6}}
    subject.ports.let_go(A)
    assert subject.ports.held(A) == {}


def test_letting_go_of_what_is_not_held_succeeds(subject: Subject) -> None:
    subject.hold(A, UDP, versions=(4,))

    subject.ports.let_go(A, {HELD_TCP: frozenset(BOTH), HELD_UDP: frozenset({6})})

    assert subject.ports.held(A) == {HELD_UDP: {4}}


def test_what_was_held_is_told_as_it_was_then(subject: Subject) -> None:
    subject.hold(A, TCP)
    before = subject.ports.held(A)

    subject.ports.let_go(A)

    assert before == {HELD_TCP: {4, 6}}


def test_each_effect_is_a_step_that_can_fail(subject: Subject) -> None:
    subject.hold(A, TCP)
    subject.steps.arm(0)
    with pytest.raises(Unavailable):
        subject.hold(A, UDP)
    subject.steps.arm(0)
    with pytest.raises(Unavailable):
        subject.ports.let_go(A)
    subject.steps.arm(None)

    assert subject.ports.held(A) == {HELD_TCP: {4, 6}}
