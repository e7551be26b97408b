"""What every store knows of addresses that nobody has: who had them, who shall, also after a kill."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest

from fakes.parts import CountedSteps
from fakes.records import ADDRESS, a_network, a_sandbox, an_endpoint, an_id
from seaway.model.address import LastHolder, Reservation
from seaway.model.endpoint import Endpoint, EndpointWish
from seaway.model.ids import SandboxName
from seaway.store import addresses
from seaway.store.addresses import NetworkAddresses
from seaway.store.memory import MemoryStore
from seaway.store.records import encoded
from seaway.store.sqlite import SqliteStore

WEB, BOX = a_network("a1", name="web"), a_sandbox("b1", name="box")
ENDPOINT = an_endpoint("e1")
SPARE = SandboxName("spare")

Again = Callable[[], MemoryStore]
"""The store as the next daemon finds it; that in memory is the same one."""


class Ticks:
    """The n-th look at it is n nanoseconds after the epoch."""

    def __init__(self) -> None:
        self.time = 0

    def __call__(self) -> int:
        """One later."""
        self.time += 1
        return self.time


@pytest.fixture(params=["memory", "sqlite"])
def again(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Again]:
    """Opens a store of each kind, again and again."""
    now = Ticks()
    if request.param == "memory":
        store = MemoryStore(CountedSteps(), now=now)
        yield lambda: store
        return
    opened: list[SqliteStore] = []

    def reopen() -> SqliteStore:
        for former in opened:
            former.close()
        opened.append(SqliteStore(tmp_path / "store.db", CountedSteps(), now=now))
        return opened[-1]

    yield reopen
    opened[-1].close()


def known(store: MemoryStore) -> NetworkAddresses:
    """What the store knows of the addresses of "web"."""
    return store.allocation(WEB.id)


async def test_the_last_holder_of_an_address_is_remembered(again: Again) -> None:
    store = again()
    await store.commit(put=[WEB, BOX, ENDPOINT])

    await store.commit(delete=[ENDPOINT.id, BOX.id])

    allocation = known(again())
    assert allocation.remembered("box", 4) == ADDRESS
    assert allocation.last_holder(ADDRESS) == LastHolder(
        name="box", mac="02:00:00:00:00:02", until=2
    )


async def test_when_an_address_was_let_go_is_known_until_it_is_promised_again(again: Again) -> None:
    store = again()
    assert known(store).held_until(ADDRESS) == 0
    await store.commit(put=[WEB, BOX, ENDPOINT])
    assert known(store).held_until(ADDRESS) == 0

    await store.commit(delete=[ENDPOINT.id])

    assert known(again()).held_until(ADDRESS) == 2
    store = again()
    await store.claim(ENDPOINT)
    assert known(store).held_until(ADDRESS) == 2
    await store.commit(put=[ENDPOINT])
    assert known(store).held_until(ADDRESS) == 0


async def test_the_last_address_of_a_name_is_the_one_it_let_go_last(again: Again) -> None:
    store = again()
    for number, address in (("e1", "10.77.0.2"), ("e2", "10.77.0.9"), ("e3", "10.77.0.5")):
        endpoint = an_endpoint(number, addresses=(f"{address}/24",))
        await store.commit(put=[WEB, BOX, endpoint])
        await store.commit(delete=[endpoint.id])

    assert known(again()).remembered("box", 4) == ip_address("10.77.0.5")


async def test_an_address_that_somebody_else_got_is_not_remembered_of_the_name(
    again: Again,
) -> None:
    store = again()
    await store.commit(put=[WEB, BOX, ENDPOINT])
    await store.commit(delete=[ENDPOINT.id, BOX.id])
    other, taker = a_sandbox("b2", name="other"), an_endpoint("e2", sandbox="b2")

    await store.commit(put=[other, taker])

    assert known(again()).remembered("box", 4) is None
    store = again()
    await store.commit(delete=[taker.id, other.id])
    assert known(again()).remembered("box", 4) is None
    assert known(again()).remembered("other", 4) == ADDRESS


async def test_a_claim_that_came_to_nothing_leaves_what_was_remembered(again: Again) -> None:
    store = again()
    await store.commit(put=[WEB, BOX, ENDPOINT])
    await store.commit(delete=[ENDPOINT.id, BOX.id])
    await store.commit(put=[a_sandbox("b2", name="other")])
    taker = an_endpoint("e2", sandbox="b2")

    await store.claim(taker)
    assert known(store).remembered("box", 4) is None
    store.release(taker.id)

    assert known(store).remembered("box", 4) == ADDRESS
    assert known(again()).remembered("box", 4) == ADDRESS


async def test_a_running_sandbox_is_remembered_by_the_name_it_had_last(again: Again) -> None:
    store = again()
    await store.commit(put=[WEB, BOX, ENDPOINT])
    await store.commit(put=[replace(BOX, name=SPARE)])

    await store.commit(delete=[ENDPOINT.id, BOX.id])

    assert known(again()).remembered("box", 4) is None
    assert known(again()).remembered("spare", 4) == ADDRESS


async def test_a_stopped_sandbox_is_remembered_by_the_name_it_had_last(again: Again) -> None:
    store = again()
    await store.commit(put=[WEB, BOX, ENDPOINT])
    await store.commit(put=[replace(ENDPOINT, live=False)])

    await store.commit(put=[replace(BOX, name=SPARE)])

    assert known(again()).remembered("box", 4) is None
    assert known(again()).remembered("spare", 4) == ADDRESS


async def test_a_rename_does_not_touch_what_another_let_go(again: Again) -> None:
    store = again()
    await store.commit(put=[WEB, BOX, ENDPOINT])
    await store.commit(put=[replace(ENDPOINT, live=False)])
    other, taker = a_sandbox("b2", name="other"), an_endpoint("e2", sandbox="b2")
    await store.commit(put=[other, taker])
    await store.commit(delete=[taker.id, other.id])

    await store.commit(put=[replace(BOX, name=SPARE)])

    assert known(again()).remembered("spare", 4) is None
    assert known(again()).remembered("other", 4) == ADDRESS


async def test_no_more_names_are_remembered_than_addresses(
    again: Again, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(addresses, "MAX_RELEASED", 3)
    store = again()
    for number in range(2, 8):
        box = a_sandbox(f"b{number}", name=f"box{number}")
        endpoint = an_endpoint(
            f"e{number}", sandbox=f"b{number}", addresses=(f"10.77.0.{number}/24",)
        )
        await store.commit(put=[WEB, box, endpoint])
        await store.commit(delete=[endpoint.id, box.id])

    allocation = known(again())
    names = {n for n in range(2, 8) if allocation.remembered(f"box{n}", 4) is not None}
    assert names == {5, 6, 7}
    assert len(list(allocation.released(4))) == 3


# Asked for


FIXED = EndpointWish(addresses=(ADDRESS,))


def asking(number: str, asked: int) -> Endpoint:
    """An endpoint that does not run, and asked for ADDRESS at that moment."""
    return replace(an_endpoint(number, wish=FIXED, live=False), place=None, asked=asked)


async def test_an_address_is_kept_for_the_first_that_asked(again: Again) -> None:
    store = again()
    await store.commit(put=[WEB, BOX, asking("e1", 9), asking("e2", 3), asking("e3", 5)])

    assert known(again()).keeper(ADDRESS) == an_id("e2")
    await again().commit(delete=[an_endpoint("e2").id])
    assert known(again()).keeper(ADDRESS) == an_id("e3")
    await again().commit(delete=[an_endpoint("e3").id, an_endpoint("e1").id])
    assert known(again()).keeper(ADDRESS) is None
    assert known(again()).taken() == set()


async def test_who_keeps_nothing_may_ask_all_the_same(again: Again) -> None:
    store = again()
    await store.commit(put=[WEB, BOX, replace(asking("e1", 1), keeps=False), asking("e2", 2)])

    assert known(again()).keeper(ADDRESS) == an_id("e2")


async def test_who_asked_keeps_the_address_whether_it_runs_or_not(again: Again) -> None:
    store = again()
    runs = replace(an_endpoint("e1", wish=FIXED), asked=1)
    await store.commit(put=[WEB, BOX, runs])
    assert (known(store).holder(ADDRESS), known(store).keeper(ADDRESS)) == (runs.id, runs.id)

    await store.commit(put=[replace(runs, live=False)])

    assert known(again()).holder(ADDRESS) is None
    assert known(again()).keeper(ADDRESS) == runs.id
    assert known(again()).given(WEB.subnets[0]) == 1


# Reserved


async def test_reservations_are_known_and_replaced_with_the_network(again: Again) -> None:
    store = again()
    six, five = (
        Reservation(address=ip_address(f"10.77.0.{n}"), name=SandboxName(name), since=n)
        for n, name in ((6, "db"), (5, "cache"))
    )
    await store.commit(put=[replace(WEB, reservations=(six, five))])

    assert known(again()).reserved("db", 4) == six.address
    assert known(again()).reserved("db", 6) is None
    assert known(again()).reservation(five.address) == five
    assert known(again()).given(WEB.subnets[0]) == 2
    await again().commit(put=[replace(WEB, reservations=(five,))])
    assert known(again()).reserved("db", 4) is None
    assert known(again()).reservation(six.address) is None
    assert known(again()).taken() == {five.address}
    assert known(again()).given(WEB.subnets[0]) == 1


# Files of the first version


def first_file(path: Path) -> None:
    """A store as version 2 left it: a network, a sandbox that runs, and two released addresses."""
    fields = b',"asked":0,"taken":0,"keeps":true'
    with closing(sqlite3.connect(path)) as db:
        db.executescript(
            "CREATE TABLE network (id TEXT PRIMARY KEY, record BLOB NOT NULL) WITHOUT ROWID;"
            "CREATE TABLE sandbox (id TEXT PRIMARY KEY, record BLOB NOT NULL) WITHOUT ROWID;"
            "CREATE TABLE endpoint (id TEXT PRIMARY KEY, record BLOB NOT NULL) WITHOUT ROWID;"
            "CREATE TABLE port (sandbox TEXT NOT NULL, list TEXT NOT NULL, turn INTEGER NOT NULL,"
            " record BLOB NOT NULL, PRIMARY KEY (sandbox, list, turn)) WITHOUT ROWID;"
            "CREATE TABLE released (turn INTEGER PRIMARY KEY AUTOINCREMENT, network TEXT NOT NULL,"
            " address TEXT NOT NULL, UNIQUE (network, address));"
            "CREATE TABLE fact (turn INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE,"
            " value TEXT NOT NULL);"
            "PRAGMA user_version = 2;"
        )
        network = encoded(WEB).replace(b',"reservations":[]', b"")
        assert fields in encoded(ENDPOINT)
        endpoint = encoded(ENDPOINT).replace(fields, b"")
        db.execute("INSERT INTO network VALUES (?, ?)", (WEB.id, network))
        db.execute("INSERT INTO sandbox VALUES (?, ?)", (BOX.id, encoded(BOX)))
        db.execute("INSERT INTO endpoint VALUES (?, ?)", (ENDPOINT.id, endpoint))
        for address in ("10.77.0.9", "10.77.0.7"):
            db.execute("INSERT INTO released (network, address) VALUES (?, ?)", (WEB.id, address))
        db.commit()


async def test_a_store_of_the_last_release_is_opened_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    first_file(path)

    with closing(SqliteStore(path, CountedSteps())) as store:
        assert list(store.networks()) == [WEB]
        assert store.endpoint(ENDPOINT.id) == ENDPOINT
        assert [str(a) for a in known(store).released(4)] == ["10.77.0.9", "10.77.0.7"]
        assert known(store).last_holder(ip_address("10.77.0.9")) == LastHolder()
        await store.commit(delete=[ENDPOINT.id])

    with closing(SqliteStore(path, CountedSteps())) as store:
        assert known(store).remembered("box", 4) == ADDRESS
        assert [str(a) for a in known(store).released(4)][-1] == "10.77.0.2"
