"""What every store does, the one in memory and the one in a file alike."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.parts import CountedSteps
from fakes.records import ADDRESS, a_network, a_sandbox, an_endpoint, an_id
from seaway.model.endpoint import EndpointWish
from seaway.model.errors import (
    Conflict,
    EngineError,
    Forbidden,
    InvalidRequest,
    NotFound,
    Unavailable,
)
from seaway.model.ids import DnsName, IfName, Mac, SandboxName
from seaway.model.network import NetworkConfig, SubnetWish
from seaway.model.options import HostOptions, Icc, NullOptions
from seaway.model.port import ExposedPort, Proto, PublishedPort
from seaway.model.sandbox import (
    DnsSettings,
    ExtraHost,
    Mount,
    Netns,
    Process,
    Sandbox,
    State,
    Status,
)
from seaway.store.memory import MemoryStore
from seaway.store.sqlite import SqliteStore

WEB, BOX = a_network("a1", name="web"), a_sandbox("b1", name="box")
ENDPOINT = an_endpoint("e1")

_FULL = replace(
    a_network("ffa", ("10.77.9.0/24", "fd77:9::/64"), name="full", icc=Icc.CLOSED),
    labels=(("k", "v"), ("empty", "")),
    asked_options=(("com.docker.network.driver.mtu", "1400"),),
    internal=True,
)
FULL_NETWORK = replace(
    _FULL,
    subnets=(
        replace(
            _FULL.subnets[0],
            range=ip_network("10.77.9.128/25"),
            auxiliary=(("router", ip_address("10.77.9.9")),),
            asked=False,
        ),
        _FULL.subnets[1],
    ),
)
FULL_SANDBOX = Sandbox(
    id=a_sandbox("ffb").id,
    name=SandboxName("full"),
    created=7,
    hostname=DnsName("full"),
    netns=Netns.ADOPTED,
    shares=BOX.id,
    adopted_from=Path("/proc/7/ns/net"),
    labels=(("k", "v"),),
    dns=DnsSettings(
        servers=(ip_address("192.0.2.2"), ip_address("2001:db8::2")),
        search=("test.example",),
        options=("ndots:1",),
    ),
    extra_hosts=(
        ExtraHost(name="a", address=ip_address("192.0.2.3")),
        ExtraHost(name="host", address=None),
    ),
    ports=(
        PublishedPort(
            proto=Proto.UDP,
            port=53,
            host_port=0,
            count=2,
            host=ip_address("::1"),
            sources=(ip_network("10.0.0.0/8"), ip_network("fd00::/8")),
        ),
    ),
    exposed=(ExposedPort(proto=Proto.SCTP, port=9, count=3),),
    publish_all=True,
    process=Process(
        args=("sh", "-c", "ä"),
        env=("A=b",),
        mounts=(Mount(source="/a", target="/b", read_only=True),),
        cap_add=("NET_ADMIN",),
        tty=True,
    ),
    auto_remove=True,
    network_mode="web",
    status=Status(
        state=State.EXITED,
        exit_code=3,
        error="no",
        started=5,
        finished=6,
        published=(PublishedPort(proto=Proto.TCP, port=80, host_port=8080),),
        former=(PublishedPort(proto=Proto.TCP, port=81, host_port=32768),),
    ),
)
FULL_ENDPOINT = an_endpoint(
    "ffe",
    addresses=("10.77.0.9/24", "fd77::9/64"),
    wish=EndpointWish(
        addresses=(ip_address("10.77.0.9"), ip_address("fd77::9")),
        mac=Mac("02:00:00:00:00:09"),
        ifname=IfName("eth9"),
        aliases=(DnsName("a"), DnsName("b")),
        gw_priority=-5,
        source_guard=False,
        allowed_addresses=(ip_network("10.77.0.100/32"), ip_network("fd77::100/128")),
        options=(("k", "v"),),
    ),
)

Open = Callable[[], MemoryStore]


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MemoryStore]:
    """An empty store of each kind."""
    if request.param == "memory":
        yield MemoryStore(CountedSteps())
        return
    found = SqliteStore(tmp_path / "store.db", CountedSteps())
    yield found
    found.close()


@pytest.fixture
def reopened(tmp_path: Path) -> Iterator[Open]:
    """Opens the store in the file again, after closing it."""
    opened: list[SqliteStore] = []

    def again() -> SqliteStore:
        for former in opened:
            former.close()
        opened.append(SqliteStore(tmp_path / "store.db", CountedSteps()))
        return opened[-1]

    yield again
    opened[-1].close()


# References


async def test_a_record_is_found_by_id_name_and_unambiguous_beginning(store: MemoryStore) -> None:
    await store.commit(put=[WEB, BOX])

    assert store.network(WEB.id) == store.network("web") == store.network("a1") == WEB
    assert store.sandbox(BOX.id) == store.sandbox("box") == store.sandbox("b10") == BOX
    assert store.sandbox("/box") == BOX


async def test_what_is_not_there_is_told_in_dockers_words(store: MemoryStore) -> None:
    with pytest.raises(NotFound) as network:
        store.network("nosuch")
    with pytest.raises(NotFound) as sandbox:
        store.sandbox("nosuch")
    with pytest.raises(NotFound):
        store.network("")
    with pytest.raises(KeyError):
        store.endpoint(ENDPOINT.id)

    assert str(network.value) == "network nosuch not found"
    assert str(sandbox.value) == "No such container: nosuch"


async def test_an_ambiguous_beginning_is_refused_and_a_name_wins(store: MemoryStore) -> None:
    await store.commit(put=[a_network("ca1"), a_network("ca2")])

    with pytest.raises(InvalidRequest) as caught:
        store.network("ca")
    assert str(caught.value) == ("network ca is ambiguous (2 matches found based on ID prefix)")

    named = a_network("d1", name="ca")
    await store.commit(put=[named])
    assert store.network("ca") == named


async def test_endpoints_come_in_the_order_of_connecting(store: MemoryStore) -> None:
    second = an_endpoint("e0", addresses=("10.77.0.3/24",), order=2)
    await store.commit(put=[WEB, BOX, second, ENDPOINT])

    assert list(store.endpoints_of(BOX.id)) == [ENDPOINT, second]
    assert list(store.endpoints_of(WEB.id)) == [ENDPOINT, second]


# Claims


async def test_a_name_is_claimed_once(store: MemoryStore) -> None:
    await store.claim(WEB)
    await store.claim(BOX)

    with pytest.raises(Conflict) as network:
        await store.claim(a_network("a2", name="web"))
    with pytest.raises(Conflict):
        await store.claim(a_sandbox("b2", name="box"))

    assert str(network.value) == "network with name web already exists"


async def test_an_address_is_claimed_once(store: MemoryStore) -> None:
    await store.commit(put=[WEB, BOX])
    await store.claim(ENDPOINT)

    with pytest.raises(Forbidden) as caught:
        await store.claim(an_endpoint("e2"))

    assert str(caught.value) == (
        f"Address already in use: 10.77.0.2 on network web is held by endpoint {ENDPOINT.id}"
    )
    assert store.allocation(WEB.id).holder(ADDRESS) == ENDPOINT.id


async def test_a_released_claim_never_was(store: MemoryStore) -> None:
    await store.commit(put=[WEB])
    await store.claim(BOX)
    await store.claim(ENDPOINT)

    store.release(ENDPOINT.id)
    store.release(BOX.id)

    assert list(store.sandboxes()) == []
    assert store.allocation(WEB.id).holder(ADDRESS) is None
    assert list(store.endpoints_of(WEB.id)) == []
    await store.claim(a_sandbox("b2", name="box"))
    await store.claim(an_endpoint("e2"))


async def test_release_gives_back_what_was_committed(store: MemoryStore) -> None:
    stopped = replace(ENDPOINT, live=False)
    await store.commit(put=[WEB, BOX, stopped])
    await store.claim(replace(BOX, name=SandboxName("crate")))
    await store.claim(ENDPOINT)

    store.release(ENDPOINT.id)
    store.release(BOX.id)

    assert store.sandbox("box") == BOX
    assert store.endpoint(ENDPOINT.id) == stopped
    with pytest.raises(NotFound):
        store.sandbox("crate")
    await store.claim(a_sandbox("b2", name="crate"))


async def test_a_claimed_new_name_leaves_the_old_one_taken_until_the_commit(
    store: MemoryStore,
) -> None:
    await store.commit(put=[BOX])
    renamed = replace(BOX, name=SandboxName("crate"))
    await store.claim(renamed)
    with pytest.raises(Conflict):
        await store.claim(a_sandbox("b2", name="box"))

    await store.commit(put=[renamed])

    await store.claim(a_sandbox("b2", name="box"))
    assert store.sandbox("crate") == renamed
    await store.commit(delete=[BOX.id])
    await store.claim(a_sandbox("b3", name="crate"))


async def test_a_mac_is_known_while_its_endpoint_is_live(store: MemoryStore) -> None:
    await store.commit(put=[WEB, BOX, ENDPOINT])
    assert store.allocation(WEB.id).mac_holder("02:00:00:00:00:02") == ENDPOINT.id

    await store.commit(put=[replace(ENDPOINT, live=False)])
    assert store.allocation(WEB.id).mac_holder("02:00:00:00:00:02") is None


# Commits


async def test_released_addresses_come_longest_free_first(store: MemoryStore) -> None:
    await store.commit(put=[WEB, BOX, *NINE])

    for n in (7, 3, 5):
        await store.commit(delete=[NINE[n].id])
    await store.commit(put=[replace(NINE[1], live=False)])

    allocation = store.allocation(WEB.id)
    assert [str(a) for a in allocation.released(4)] == [
        "10.77.0.7",
        "10.77.0.3",
        "10.77.0.5",
        "10.77.0.1",
    ]
    assert allocation.last_holder(ip_address("10.77.0.7")) is not None
    assert allocation.last_holder(ip_address("10.77.0.2")) is None
    assert allocation.given(WEB.subnets[0]) == 9


NINE = [
    an_endpoint(f"e0{n}", addresses=(f"10.77.0.{n}/24",), mac=f"02:00:00:00:00:0{n}")
    for n in range(9)
]


async def test_an_address_that_is_given_again_is_released_no_longer(store: MemoryStore) -> None:
    await store.commit(put=[WEB, BOX, ENDPOINT])
    await store.commit(delete=[ENDPOINT.id])

    await store.claim(an_endpoint("e2"))

    assert list(store.allocation(WEB.id).released(4)) == []


async def test_a_removed_network_forgets_its_addresses(store: MemoryStore) -> None:
    await store.commit(put=[WEB, BOX, ENDPOINT])
    await store.commit(delete=[ENDPOINT.id, WEB.id])

    await store.commit(put=[WEB])

    assert list(store.allocation(WEB.id).released(4)) == []


async def test_a_question_about_a_network_that_is_gone_makes_nothing(store: MemoryStore) -> None:
    await store.commit(put=[WEB, BOX, ENDPOINT])
    await store.commit(delete=[WEB.id])

    store.allocation(WEB.id).put_back(ADDRESS)
    await store.commit(delete=[ENDPOINT.id])

    assert list(store.allocation(WEB.id).released(4)) == []
    await store.commit(put=[WEB])
    assert list(store.allocation(WEB.id).released(4)) == []


async def test_an_owner_whose_endpoints_are_gone_is_not_remembered(store: MemoryStore) -> None:
    await store.commit(put=[WEB, BOX, ENDPOINT, an_endpoint("e2", addresses=("10.77.0.3/24",))])
    await store.commit(delete=[ENDPOINT.id])
    assert [e.id for e in store.endpoints_of(WEB.id)] == [an_endpoint("e2").id]

    await store.commit(delete=[an_endpoint("e2").id, BOX.id, WEB.id])

    assert list(store.endpoints_of(WEB.id)) == list(store.endpoints_of(BOX.id)) == []
    assert [name for name, kept in vars(store).items() if isinstance(kept, dict) and kept] == []


async def test_deleting_what_is_gone_succeeds(store: MemoryStore) -> None:
    await store.commit(delete=[WEB.id, BOX.id, ENDPOINT.id])

    assert list(store.networks()) == []


async def test_facts_come_last_kept_first(store: MemoryStore) -> None:
    for name in ("s:c", "s:a", "other", "s:b", "s:a"):
        await store.keep_fact(name, f"of {name}")
    await store.keep_fact("s:b", None)

    assert list(store.facts("s:").items()) == [("s:a", "of s:a"), ("s:c", "of s:c")]
    assert (store.fact("other"), store.fact("s:b")) == ("of other", None)


async def test_a_failing_step_changes_nothing(store: MemoryStore) -> None:
    steps = vars(store)["_steps"]
    steps.arm(0)

    with pytest.raises(EngineError):
        await store.commit(put=[WEB])

    assert list(store.networks()) == []


# The file

CONFIGURATION = replace(
    a_network("0c"),
    options=NullOptions(),
    subnets=(),
    ipam_options=(),
    config=NetworkConfig(
        ipv6=True,
        subnets=(
            SubnetWish(prefix=ip_network("10.9.0.0/24"), gateway=ip_address("10.9.0.9")),
            SubnetWish(prefix=ip_network("fd09::/64"), auxiliary=(("a", ip_address("fd09::7")),)),
        ),
    ),
)


async def test_what_is_committed_is_there_when_opened_again(reopened: Open) -> None:
    store = reopened()
    others = [
        replace(a_network("0a"), options=HostOptions(), subnets=()),
        replace(a_network("0b"), options=NullOptions(), subnets=()),
        CONFIGURATION,
        replace(a_network("0d"), config_from=CONFIGURATION.id, ipam_options=(("k", "v"),)),
    ]
    await store.commit(put=[WEB, BOX, FULL_NETWORK, FULL_SANDBOX, FULL_ENDPOINT, *others])

    again = reopened()

    assert set(again.networks()) == {WEB, FULL_NETWORK, *others}
    assert set(again.sandboxes()) == {BOX, FULL_SANDBOX}
    assert again.endpoint(FULL_ENDPOINT.id) == FULL_ENDPOINT
    assert again.allocation(WEB.id).holder(ip_address("fd77::9")) == FULL_ENDPOINT.id


PORTS = tuple(PublishedPort(proto=Proto.TCP, port=n, host_port=8000 + n) for n in (1, 2, 3, 4))
LISTS = st.lists(st.sampled_from([*PORTS, *map(replace, PORTS)]), max_size=6).map(tuple)


@given(history=st.lists(st.tuples(LISTS, LISTS), min_size=1, max_size=6))
@settings(max_examples=30)
def test_ports_outlive_the_daemon_however_they_change(
    history: list[tuple[tuple[PublishedPort, ...], tuple[PublishedPort, ...]]],
) -> None:
    async def live(path: Path) -> None:
        with closing(SqliteStore(path, CountedSteps())) as store:
            await store.commit(put=[FULL_SANDBOX])
            for asked, published in history:
                box = replace(BOX, ports=asked, status=replace(BOX.status, published=published))
                await store.commit(put=[box])

                with closing(SqliteStore(path, CountedSteps())) as again:
                    assert set(again.sandboxes()) == {box, FULL_SANDBOX}

    with TemporaryDirectory() as folder:
        asyncio.run(live(Path(folder, "store.db")))


async def test_a_port_more_or_less_writes_no_row_of_the_others(reopened: Open) -> None:
    store = reopened()
    many = tuple(PublishedPort(proto=Proto.TCP, port=n, host_port=n) for n in range(1, 1000))
    box = replace(BOX, ports=many, status=replace(BOX.status, published=many))
    await store.commit(put=[box])
    before = vars(store)["_db"].total_changes

    await store.commit(put=[replace(box, ports=(*many, *PORTS[:1]))])
    await store.commit(put=[replace(box, ports=(*many[:7], *many[8:], *PORTS[:1]))])

    assert vars(store)["_db"].total_changes - before == 4


async def test_a_port_that_could_not_be_kept_is_not_there(reopened: Open) -> None:
    store = reopened()
    await store.commit(put=[FULL_SANDBOX])
    vars(store)["_db"].execute("PRAGMA query_only = 1")
    with pytest.raises(EngineError):
        await store.commit(put=[replace(FULL_SANDBOX, ports=(*FULL_SANDBOX.ports, *PORTS))])
    vars(store)["_db"].execute("PRAGMA query_only = 0")

    await store.commit(put=[replace(FULL_SANDBOX, ports=(*FULL_SANDBOX.ports, PORTS[0]))])

    (again,) = reopened().sandboxes()
    assert again.ports == (*FULL_SANDBOX.ports, PORTS[0])


async def test_the_ports_of_a_sandbox_go_with_it(reopened: Open) -> None:
    store = reopened()
    await store.commit(put=[FULL_SANDBOX])

    await store.commit(delete=[FULL_SANDBOX.id])

    assert vars(store)["_db"].execute("SELECT count(*) FROM port").fetchone() == (0,)


async def test_what_is_only_claimed_is_gone_when_opened_again(reopened: Open) -> None:
    store = reopened()
    await store.commit(put=[WEB])
    await store.claim(BOX)
    await store.claim(ENDPOINT)

    again = reopened()

    assert list(again.sandboxes()) == []
    assert list(again.endpoints_of(WEB.id)) == []


async def test_the_order_of_release_outlives_the_daemon(reopened: Open) -> None:
    store = reopened()
    await store.commit(put=[WEB, BOX, *NINE])
    for n in (7, 3, 5):
        await store.commit(delete=[NINE[n].id])

    again = reopened()

    released = [str(a) for a in again.allocation(WEB.id).released(4)]
    assert released == ["10.77.0.7", "10.77.0.3", "10.77.0.5"]


def _damage(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute(statement)
        db.commit()


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("UPDATE network SET record = '{}'", "a record is damaged"),
        ("UPDATE network SET record = x'ff'", "a record is damaged"),
        ("UPDATE sandbox SET record = '[]'", "a record is damaged"),
        ("INSERT INTO released (network, address) VALUES ('a', 'b')", "a record is damaged"),
        ("DROP TABLE fact", "no such table: fact"),
    ],
)
async def test_a_damaged_store_is_told_in_one_sentence(
    tmp_path: Path, statement: str, reason: str
) -> None:
    path = tmp_path / "seaway.db"
    store = SqliteStore(path, CountedSteps())
    await store.commit(put=[WEB, BOX])
    store.close()
    _damage(path, statement)

    with pytest.raises(Unavailable, match=f"^the store {path} cannot be read: {reason}"):
        SqliteStore(path, CountedSteps())


@pytest.mark.parametrize("content", [b"no database at all" * 300, b"SQLite format 3\0" * 300])
def test_what_is_no_store_is_told_in_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "seaway.db"
    path.write_bytes(content)

    with pytest.raises(Unavailable, match=f"^the store {path} cannot be read: file is not a data"):
        SqliteStore(path, CountedSteps())


async def test_the_order_of_facts_outlives_the_daemon(reopened: Open) -> None:
    store = reopened()
    for name in ("s:c", "s:a", "s:b", "s:a"):
        await store.keep_fact(name, "x")

    assert list(reopened().facts("s:")) == ["s:a", "s:b", "s:c"]


async def test_a_commit_that_cannot_be_written_is_told_and_changes_nothing(
    reopened: Open,
) -> None:
    store = reopened()
    await store.commit(put=[WEB])
    vars(store)["_db"].execute("PRAGMA query_only = 1")

    with pytest.raises(EngineError) as caught:
        await store.commit(put=[BOX], delete=[WEB.id])

    assert str(caught.value).endswith("cannot be written: attempt to write a readonly database")
    assert list(store.sandboxes()) == []
    vars(store)["_db"].execute("PRAGMA query_only = 0")
    assert set(reopened().networks()) == {WEB}


CHILD = """
import asyncio, sys
from dataclasses import replace
from pathlib import Path
from fakes.parts import CountedSteps
from fakes.records import a_sandbox
from seaway.model.port import Proto, PublishedPort
from seaway.store.sqlite import SqliteStore

async def main():
    store = SqliteStore(Path(sys.argv[1]), CountedSteps())
    for n in range(200):
        ports = tuple(PublishedPort(proto=Proto.TCP, port=p) for p in range(1, 10))
        await store.commit(put=[replace(a_sandbox(f"{n:03x}"), ports=ports)])
        print(n, flush=True)

asyncio.run(main())
"""


@pytest.mark.parametrize("seen", [1, 57, 120])
def test_a_kill_in_the_middle_of_200_commits_loses_none_that_returned(
    tmp_path: Path, reopened: Open, seen: int
) -> None:
    tests = Path(__file__).parents[1]
    paths = [str(tests), str(tests.parent / "src")]
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tmp_path / "store.db")],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )
    assert child.stdout is not None
    with child, child.stdout as lines:
        said = [int(next(lines)) for _ in range(seen)]
        child.send_signal(signal.SIGKILL)
        said += [int(line) for line in lines if line.endswith("\n")]

    found = tuple(reopened().sandboxes())
    kept = {s.id for s in found}

    assert {len(s.ports) for s in found} == {9}
    assert {an_id(f"{n:03x}") for n in said} <= kept
    assert len(kept) - len(said) in {0, 1}


async def test_a_file_of_another_version_is_refused_with_both_numbers(
    tmp_path: Path, reopened: Open
) -> None:
    store = reopened()
    vars(store)["_db"].execute("PRAGMA user_version = 9")

    with pytest.raises(EngineError) as caught:
        SqliteStore(tmp_path / "store.db", CountedSteps())

    assert "(schema 9, this one reads 3)" in str(caught.value)


async def test_the_file_is_for_its_owner_alone(tmp_path: Path, reopened: Open) -> None:
    reopened()

    assert (tmp_path / "store.db").stat().st_mode & 0o777 == 0o600
