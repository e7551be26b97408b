"""A daemon that ends, or fails, at any step of any use case: all of it has happened, or nothing.

Each use case is done again and again on one host, with a fault at its first step, its second, and so
on. Beside it a sandbox is served all the time, and loses nothing.
"""

from __future__ import annotations

import json
import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from bed.daemon import Daemon
from bed.faults import NEVER, OPTIONS, FaultFile, State, at_rest, difference, settled
from bed.host import Host, a_host
from bed.pulse import Pulse
from bed.spot import CommandFailed, Spot
from e2e.resolving import resolve

KILLED = 99
"""The exit status of a daemon that ended itself at a step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request to the API."""

    method: str
    path: str
    body: object = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A use case, what must be there for it, and how to get back to where it can be done again."""

    name: str
    call: Request
    before: tuple[Request, ...] = ()
    back: tuple[Request, ...] = ()
    """What leads from "done" to "not done"."""
    after: tuple[Request, ...] = ()
    """What takes away what *before* made."""
    between: tuple[Request, ...] = ()
    """What leads to a state between the two that is whole as well: a process that was ended stays so."""


def post(path: str, body: object = None) -> Request:
    return Request(method="POST", path=path, body=body)


def delete(path: str) -> Request:
    return Request(method="DELETE", path=path)


NET = post(
    "/networks/create",
    {
        "Name": "net",
        "EnableIPv6": True,
        "IPAM": {"Config": [{"Subnet": "10.77.1.0/24"}, {"Subnet": "fd77:1::/64"}]},
    },
)
NET2 = post("/networks/create", {"Name": "net2", "IPAM": {"Config": [{"Subnet": "10.77.2.0/24"}]}})
ON_NET = {
    "IPAMConfig": {"IPv4Address": "10.77.1.7", "IPv6Address": "fd77:1::7"},
    "Aliases": ["alias"],
}
ON_NET2 = {"IPAMConfig": {"IPv4Address": "10.77.2.7"}, "GwPriority": 1}
BOX = post(
    "/seaway/sandboxes", {"Name": "box", "NetworkingConfig": {"EndpointsConfig": {"net": ON_NET}}}
)
NO_BOX, NO_NET, NO_NET2 = (
    delete("/seaway/sandboxes/box"),
    delete("/networks/net"),
    delete("/networks/net2"),
)
CONNECT = post("/networks/net2/connect", {"Container": "box", "EndpointConfig": ON_NET2})
DISCONNECT = post("/networks/net2/disconnect", {"Container": "box"})
PUBLISH = post("/seaway/sandboxes/box/publish", {"Ports": ["8081:80", "8081:80/udp"]})
UNPUBLISH = post(
    "/seaway/sandboxes/box/unpublish", {"Ports": ["8081:80", "8081:80/udp"], "Now": True}
)
UPDATE = post(
    "/seaway/networks/net/update",
    {
        "Internal": True,
        "AddSubnets": [],
        "Labels": {"tier": "1"},
        "Options": {
            "com.docker.network.driver.mtu": "1400",
            "com.docker.network.bridge.enable_icc": "false",
        },
    },
)
RUN = post(
    "/containers/create?name=box",
    {
        "Image": "host",
        "Cmd": ["sleep", "600"],
        "HostConfig": {"NetworkMode": "net", "PortBindings": {"80/tcp": [{"HostPort": "8081"}]}},
        "NetworkingConfig": {"EndpointsConfig": {"net": ON_NET}},
    },
)
START, STOP = post("/containers/box/start"), post("/containers/box/stop?t=0")
NO_RUN = delete("/containers/box?force=1")

LAN = post(
    "/networks/create",
    {
        "Name": "lan",
        "Driver": "macvlan",
        "EnableIPv6": True,
        "Options": {
            "parent": "eth0",
            "seaway.host_access": "true",
            "seaway.probe": "0",  # else steps depend on what was heard on the LAN a minute ago
        },
        "IPAM": {
            "Config": [
                {"Subnet": "192.0.2.0/24", "IPRange": "192.0.2.128/26"},
                {"Subnet": "2001:db8:0:1::/64", "IPRange": "2001:db8:0:1::80/121"},
            ]
        },
    },
)
NO_LAN = delete("/networks/lan")
JOINED = post(
    "/networks/create",
    {
        "Name": "lan",
        "EnableIPv6": True,
        "Options": {"seaway.uplink": "ext0"},
        "IPAM": {"Config": [{"Subnet": "10.77.3.0/24"}, {"Subnet": "fd77:3::/64"}]},
    },
)
ON_LAN = {
    "IPAMConfig": {"IPv4Address": "192.0.2.190", "IPv6Address": "2001:db8:0:1::90"},
    "GwPriority": 1,
}
TO_LAN = post("/networks/lan/connect", {"Container": "box", "EndpointConfig": ON_LAN})
OFF_LAN = post("/networks/lan/disconnect", {"Container": "box"})
NO_ACCESS, ACCESS = (
    post("/seaway/networks/lan/update", {"Options": {"seaway.host_access": word}})
    for word in ("false", "true")
)

CASES = (
    Case(name="network create", call=NET, back=(NO_NET,)),
    Case(name="network rm", before=(NET,), call=NO_NET, back=(NET,), after=(NO_NET,)),
    Case(name="sandbox create", before=(NET,), call=BOX, back=(NO_BOX,), after=(NO_NET,)),
    Case(
        name="sandbox rm",
        before=(NET, BOX, PUBLISH),
        call=NO_BOX,
        back=(BOX, PUBLISH),
        after=(NO_BOX, NO_NET),
    ),
    Case(
        name="connect",
        before=(NET, NET2, BOX, PUBLISH),
        call=CONNECT,
        back=(DISCONNECT,),
        after=(NO_BOX, NO_NET, NO_NET2),
    ),
    Case(
        name="disconnect",
        before=(NET, NET2, BOX, PUBLISH, CONNECT),
        call=DISCONNECT,
        back=(CONNECT,),
        after=(NO_BOX, NO_NET, NO_NET2),
    ),
    Case(
        name="publish", before=(NET, BOX), call=PUBLISH, back=(UNPUBLISH,), after=(NO_BOX, NO_NET)
    ),
    Case(
        name="unpublish",
        before=(NET, BOX, PUBLISH),
        call=UNPUBLISH,
        back=(PUBLISH,),
        after=(NO_BOX, NO_NET),
    ),
    Case(
        name="rename",
        before=(NET, BOX),
        call=post("/containers/box/rename?name=crate"),
        back=(post("/containers/crate/rename?name=box"),),
        after=(NO_BOX, NO_NET),
    ),
    Case(
        name="network update",
        before=(NET, BOX, PUBLISH),
        call=UPDATE,
        back=(NO_BOX, NO_NET, NET, BOX, PUBLISH),
        after=(NO_BOX, NO_NET),
    ),
    Case(name="macvlan create", call=LAN, back=(NO_LAN,)),
    Case(name="macvlan rm", before=(LAN,), call=NO_LAN, back=(LAN,), after=(NO_LAN,)),
    Case(name="uplink create", call=JOINED, back=(NO_LAN,)),
    Case(name="uplink rm", before=(JOINED,), call=NO_LAN, back=(JOINED,), after=(NO_LAN,)),
    Case(
        name="macvlan connect",
        before=(NET, LAN, BOX, PUBLISH),
        call=TO_LAN,
        back=(OFF_LAN,),
        after=(NO_BOX, NO_NET, NO_LAN),
    ),
    Case(
        name="macvlan disconnect",
        before=(NET, LAN, BOX, PUBLISH, TO_LAN),
        call=OFF_LAN,
        back=(TO_LAN,),
        after=(NO_BOX, NO_NET, NO_LAN),
    ),
    Case(
        name="macvlan update",
        before=(NET, LAN, BOX, TO_LAN),
        call=NO_ACCESS,
        back=(ACCESS,),
        after=(NO_BOX, NO_NET, NO_LAN),
    ),
    Case(name="create", before=(NET,), call=RUN, back=(NO_RUN,), after=(NO_NET,)),
    Case(
        name="start",
        before=(NET, RUN, START, STOP),
        call=START,
        back=(STOP,),
        after=(NO_RUN, NO_NET),
    ),
    Case(
        name="stop",
        before=(NET, RUN, START),
        call=STOP,
        back=(START,),
        between=(STOP,),
        after=(NO_RUN, NO_NET),
    ),
    Case(
        name="rm -f",
        before=(NET, RUN, START),
        call=NO_RUN,
        back=(RUN, START),
        between=(STOP,),
        after=(NO_RUN, NO_NET),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """The two states between which a use case leads, and the steps of the way."""

    before: State
    after: State
    between: State
    steps: tuple[str, ...]


def wait_for_name(asker: Spot, name: str) -> list[str]:
    """The addresses of *name*, which must be answered within a second."""
    deadline = time.monotonic() + 1
    while True:
        try:
            return resolve(asker, name, timeout=0.1)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


class Stage:
    """A host with a daemon on it, and a bystander to whom nothing may happen."""

    def __init__(self, host: Host, log: Path) -> None:
        self.host = host
        self.daemon = Daemon(host, log, *OPTIONS)
        self.faults = FaultFile(host)
        host.sh(  # one that was never up looks otherwise
            "ip link add ext0 type veth peer name far0; ip link set ext0 up; ip link set ext0 down"
        )
        self.daemon.start()
        self.must(post("/networks/create", {"Name": "base"}))
        on_base: dict[str, object] = {"NetworkingConfig": {"EndpointsConfig": {"base": {}}}}
        self.must(post("/seaway/sandboxes", {"Name": "bystander", **on_base}))
        self.must(post("/seaway/sandboxes", {"Name": "asker", **on_base}))
        self.must(
            post("/seaway/sandboxes/bystander/publish", {"Ports": ["8080:80", "8080:80/udp"]})
        )
        bystander, self.asker = self.daemon.sandbox("bystander"), self.daemon.sandbox("asker")
        self.address = wait_for_name(self.asker, "bystander")
        for proto in ("tcp", "udp"):
            bystander.serve("bystander", proto, 80)
        self.pulse = Pulse(host.neighbour, "192.0.2.1", 8080)
        self.empty = self.state()
        """How it is between two tests."""
        self.known: dict[str, Ends] = {}
        """The ends of use cases that were done here once, by name."""

    def attempt(self, request: Request) -> tuple[int, str] | None:
        """Status and message; None when there was no answer."""
        try:
            status, body = self.daemon.request(request.method, request.path, request.body)
        except (OSError, IndexError):
            return None
        return status, json.loads(body).get("message", "") if body and status >= 400 else ""

    def have_done(self, request: Request) -> None:
        """It is done now, or was before (304)."""
        answer = self.attempt(request)
        assert answer is not None, f"{request}: no answer"
        assert answer[0] < 300 or answer[0] == 304, f"{request}: {answer}"

    def must(self, *requests: Request) -> None:
        for request in requests:
            answer = self.attempt(request)
            assert answer is not None, f"{request}: no answer"
            assert answer[0] < 300, f"{request}: {answer}"

    def state(self, *wanted: State) -> State:
        """The state as soon as it is one of *wanted*; without any: when it does not change."""
        if not wanted:
            return at_rest(self.host, self.daemon)
        return settled(self.host, self.daemon, wanted)

    def check_bystander(self) -> None:
        assert wait_for_name(self.asker, "bystander") == self.address
        assert self.pulse.ask_by_stream() == "bystander 192.0.2.2"
        assert self.host.neighbour.ask("tcp", "192.0.2.1", 8080) == "bystander 192.0.2.2"

    def close(self) -> None:
        lost = self.pulse.stop()
        self.daemon.close()
        assert lost == 0, f"{lost} of {self.pulse.sent} datagrams of the bystander were lost"


@contextmanager
def a_stage(log: Path) -> Generator[Stage]:
    with a_host() as host:
        stage = Stage(host, log)
        try:
            yield stage
        finally:
            stage.close()


class Stages:
    """The stage that all tests use, made anew when one spoiled it."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._count = folder, 0
        self._exit = ExitStack()
        self._stage: Stage | None = None

    def get(self) -> Stage:
        """A stage on which nothing but the bystander is."""
        if self._stage is None:
            self._count += 1
            self._stage = self._exit.enter_context(a_stage(self._folder / f"{self._count}.log"))
        return self._stage

    def drop(self) -> None:
        """The stage is spoiled, or nobody needs it any more."""
        self._stage = None
        self._exit.close()


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stages]:
    stages = Stages(tmp_path_factory.mktemp("crash"))
    yield stages
    stages.drop()


@pytest.fixture
def stage(stages: Stages) -> Iterator[Stage]:
    stage = stages.get()
    try:
        yield stage
        left = difference(stage.empty, stage.state(stage.empty))
    except BaseException:
        stages.drop()
        raise
    if left:
        stages.drop()
    assert not left


@pytest.fixture(scope="module", params=CASES, ids=lambda case: case.name.replace(" ", "-"))
def case(request: pytest.FixtureRequest) -> Case:
    """For a module, so that the tests of one use case run one after another, and its ends are found once."""
    case: Case = request.param
    return case


@pytest.fixture
def ends(stage: Stage, case: Case) -> Iterator[Ends]:
    """Everything is ready for *case*, which leads from one of these ends to the other."""
    stage.must(*case.before)
    if case.name not in stage.known:
        stage.known[case.name] = find_ends(stage, case)
    ends = stage.known[case.name]
    assert_same(ends.before, stage.state(ends.before), "before")
    yield ends
    stage.faults.disarm()
    if not stage.daemon.is_running:
        stage.daemon.start()
    for each in case.after:
        stage.attempt(each)


def find_ends(stage: Stage, case: Case) -> Ends:
    """Do it once without a fault, and go back."""
    before = stage.state()
    stage.faults.arm("fail", NEVER)
    stage.must(case.call)
    after = stage.state()
    steps = stage.faults.disarm()
    assert steps
    go_back(stage, case, before)
    between = before
    if case.between:
        stage.must(*case.between)
        between = stage.state()
        stage.have_done(case.call)
        go_back(stage, case, before)
    return Ends(before=before, between=between, after=after, steps=steps)


def assert_same(wanted: State, now: State, when: str) -> None:
    found = difference(wanted, now)
    assert not found, f"{when}:\n{found}"


def go_back(stage: Stage, case: Case, before: State) -> None:
    stage.must(*case.back)
    assert_same(before, stage.state(before), "after going back")


def finish(stage: Stage, case: Case, ends: Ends) -> None:
    stage.have_done(case.call)
    assert_same(ends.after, stage.state(ends.after), "after doing it again")


def killed_at(stage: Stage, case: Case, ends: Ends, number: int) -> None:
    """One round: the daemon is killed at step *number*."""
    stage.faults.arm("kill", number)
    assert stage.attempt(case.call) is None
    assert stage.daemon.wait() == KILLED
    stage.faults.disarm()
    stage.daemon.start()
    stage.check_bystander()
    now = stage.state(ends.before, ends.between, ends.after)
    if now not in {ends.between, ends.after}:
        assert_same(ends.before, now, "after the next start")
    if now != ends.after:
        finish(stage, case, ends)
    go_back(stage, case, ends.before)


def failed_at(stage: Stage, case: Case, ends: Ends, number: int) -> None:
    """One round: step *number* fails."""
    stage.faults.arm("fail", number)
    answer = stage.attempt(case.call)
    stage.faults.disarm()
    assert answer is not None, "no answer"
    if answer[0] < 300:
        assert_same(ends.after, stage.state(ends.after), "after success")
    else:
        assert "made step" in answer[1], answer
        now = stage.state(ends.before, ends.between)
        if now != ends.between:
            assert_same(ends.before, now, f"after {answer}")
        finish(stage, case, ends)
    go_back(stage, case, ends.before)


def test_a_daemon_killed_at_any_step_has_done_all_or_nothing(
    stage: Stage, case: Case, ends: Ends
) -> None:
    for number in range(len(ends.steps)):
        killed_at(stage, case, ends, number)


def test_what_was_answered_survives_a_kill_at_once(stage: Stage, case: Case, ends: Ends) -> None:
    stage.must(case.call)
    stage.daemon.kill()
    stage.daemon.start()

    stage.check_bystander()
    assert not difference(ends.after, stage.state(ends.after))
    go_back(stage, case, ends.before)


def test_a_step_that_fails_changes_nothing(stage: Stage, case: Case, ends: Ends) -> None:
    for number in range(len(ends.steps)):
        failed_at(stage, case, ends, number)
    stage.check_bystander()


def test_a_failed_start_keeps_what_was_logged_before(stage: Stage) -> None:
    talker = {"Image": "host", "Cmd": ["echo", "first"], "HostConfig": {"NetworkMode": "none"}}
    stage.must(post("/containers/create?name=box", talker), START)
    stage.attempt(post("/containers/box/wait"))
    assert stage.daemon.seaway("logs", "box").out == "first\n"
    stage.faults.arm("fail", NEVER)
    stage.must(START)
    steps = stage.faults.disarm()
    stage.attempt(post("/containers/box/wait"))

    for verb in ("fail", "kill"):
        stage.faults.arm(verb, steps.index("runtime.start"))
        stage.attempt(START)
        stage.faults.disarm()
        if verb == "kill":
            assert stage.daemon.wait() == KILLED
            stage.daemon.start()
        assert stage.daemon.seaway("logs", "box").out == "first\nfirst\n"

    stage.must(NO_RUN)


# The start of the daemon itself, on a host where it has something to do

BREAK = (
    "ip link delete $(ip -o link | grep -o ' sw-[0-9a-f]*' | tail -n1);"  # that of "net"
    "rm -f /run/seaway/netns/box"
)


def steps_of_a_start(stage: Stage) -> tuple[str, ...]:
    stage.daemon.stop()
    stage.host.sh(BREAK)
    stage.faults.arm("fail", NEVER)
    stage.daemon.start()
    return stage.faults.disarm()


@pytest.mark.timeout(900)
@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.long)])
@pytest.mark.parametrize("verb", ["kill", "fail"])
def test_a_start_that_ends_at_any_step_is_finished_by_the_next(
    stage: Stage, verb: str, *, every: bool
) -> None:
    """Not *every* step: the first of each kind."""
    stage.must(NET, BOX, PUBLISH)
    before = stage.state()
    steps = steps_of_a_start(stage)
    assert_same(before, stage.state(before), "after a start without a fault")

    for number, step in enumerate(steps):
        if not every and step in steps[:number]:
            continue
        stage.daemon.stop()
        stage.host.sh(BREAK)
        said = len(stage.daemon.log)
        stage.faults.arm(verb, number)
        with suppress(CommandFailed):
            stage.daemon.start()
        stage.faults.disarm()
        assert "Traceback" not in stage.daemon.log[said:], step
        if stage.daemon.is_running:
            stage.daemon.stop()
        stage.daemon.start()
        stage.check_bystander()
        assert_same(before, stage.state(before), f"{verb} at {step}")

    stage.must(NO_BOX, NO_NET)
