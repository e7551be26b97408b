"""The store in an SQLite file: what is committed outlives a killed daemon.

Write-ahead log with ``synchronous = NORMAL``: a commit is safe against the death of the process as
soon as it returns, and against a power cut some moments later; FULL makes each commit wait for the
disk (https://www.sqlite.org/pragma.html#pragma_synchronous). One daemon writes, so reads come from
memory.

A record is one row, but for the ports of a sandbox: there may be thousands, which change one at a
time, so each is a row of its own.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from msgspec import MsgspecError

from seaway.contracts import Record, RecordId, Steps
from seaway.model.address import LastHolder
from seaway.model.endpoint import Endpoint
from seaway.model.errors import Unavailable
from seaway.model.ids import Address, NetworkId, SandboxId
from seaway.model.network import Network
from seaway.model.port import PublishedPort
from seaway.model.sandbox import Sandbox
from seaway.plan.changes import changed
from seaway.store.addresses import MAX_RELEASED
from seaway.store.memory import MemoryStore
from seaway.store.records import R, decoded, encoded

VERSION = 3
"""Of the tables below, in ``user_version``."""

TABLES = """
CREATE TABLE network (id TEXT PRIMARY KEY, record BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE sandbox (id TEXT PRIMARY KEY, record BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE endpoint (id TEXT PRIMARY KEY, record BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE port (
  sandbox TEXT NOT NULL,
  list TEXT NOT NULL,  -- "asked", "published" or "former"
  turn INTEGER NOT NULL,  -- the first of the list first
  record BLOB NOT NULL,
  PRIMARY KEY (sandbox, list, turn)
) WITHOUT ROWID;
CREATE TABLE released (
  turn INTEGER PRIMARY KEY AUTOINCREMENT,  -- the longest free first
  network TEXT NOT NULL,
  address TEXT NOT NULL,
  holder TEXT NOT NULL DEFAULT '',  -- what the sandbox that had it was called last
  mac TEXT NOT NULL DEFAULT '',
  until INTEGER NOT NULL DEFAULT 0,  -- nanoseconds since the epoch
  UNIQUE (network, address)
);
CREATE TABLE fact (
  turn INTEGER PRIMARY KEY AUTOINCREMENT,  -- the first kept first
  name TEXT NOT NULL UNIQUE,
  value TEXT NOT NULL
);
"""

UPGRADES: Final[Mapping[int, str]] = {
    2: """
ALTER TABLE released ADD COLUMN holder TEXT NOT NULL DEFAULT '';
ALTER TABLE released ADD COLUMN mac TEXT NOT NULL DEFAULT '';
ALTER TABLE released ADD COLUMN until INTEGER NOT NULL DEFAULT 0;
""",
}
"""What makes the tables of a version those of the next."""

ASKED, PUBLISHED, FORMER = "asked", "published", "former"
"""The lists of ports that a sandbox has."""

_TABLE: Final[dict[type, str]] = {Network: "network", Sandbox: "sandbox", Endpoint: "endpoint"}


class SqliteStore(MemoryStore):
    """A memory store whose commits are in a file as well."""

    def __init__(
        self,
        path: Path,
        steps: Steps,
        *,
        power_safe: bool = False,
        now: Callable[[], int] = time.time_ns,
    ) -> None:
        """Open the file at *path*, or make it; raises Unavailable."""
        super().__init__(steps, now=now)
        self._path = path
        with _readable(path), ExitStack() as undo:
            self._db = _opened(path, power_safe=power_safe)
            undo.callback(self._db.close)
            self._load()
            undo.pop_all()

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def _load(self) -> None:
        sandboxes = map(self._whole, self._all(Sandbox))
        records: list[Record] = [*self._all(Network), *sandboxes, *self._all(Endpoint)]
        for record in records:
            self._put(record)
            self._settle(None, record)
            self._committed[record.id] = record
        for network, address, *last in self._db.execute(
            "SELECT network, address, holder, mac, until FROM released ORDER BY turn"
        ):
            name, mac, until = last
            holder = LastHolder(name=name, mac=mac, until=until)
            self.allocation(NetworkId(network)).put_back(ip_address(address), holder)
        self._facts.update(self._db.execute("SELECT name, value FROM fact ORDER BY turn"))

    def _all(self, kind: type[R]) -> Iterator[R]:
        for (data,) in self._db.execute(f"SELECT record FROM {_TABLE[kind]}"):  # noqa: S608
            yield decoded(kind, data)

    def _whole(self, sandbox: Sandbox) -> Sandbox:
        """*sandbox* with its ports."""
        found: dict[str, list[PublishedPort]] = {ASKED: [], PUBLISHED: [], FORMER: []}
        for name, data in self._db.execute(
            "SELECT list, record FROM port WHERE sandbox = ? ORDER BY list, turn", (sandbox.id,)
        ):
            found[name].append(decoded(PublishedPort, data))
        asked, published, former = (tuple(found[name]) for name in (ASKED, PUBLISHED, FORMER))
        return _with_ports(sandbox, asked, published, former)

    def _keep(self, put: Sequence[Record], delete: Sequence[RecordId]) -> None:
        with self._transaction():
            for record in put:
                former = self._committed.get(record.id)
                self._keep_released(former, record)
                self._keep_renamed(former, record)
                self._keep_ports(former, record)
                self._db.execute(
                    f"INSERT OR REPLACE INTO {_TABLE[type(record)]} VALUES (?, ?)",  # noqa: S608
                    (record.id, encoded(_without_ports(record))),
                )
            for record_id in delete:
                former = self._committed.get(record_id)
                if former is None:
                    continue
                self._keep_released(former, None)
                self._db.execute(f"DELETE FROM {_TABLE[type(former)]} WHERE id = ?", (record_id,))  # noqa: S608
                if isinstance(former, Network):
                    self._db.execute("DELETE FROM released WHERE network = ?", (record_id,))
                elif isinstance(former, Sandbox):
                    self._db.execute("DELETE FROM port WHERE sandbox = ?", (record_id,))

    @contextmanager
    def _transaction(self) -> Generator[None]:
        """All or nothing; raises Unavailable (the disk is full, or broken)."""
        try:
            with self._db:
                self._db.execute("BEGIN IMMEDIATE")
                yield
        except sqlite3.Error as error:
            raise Unavailable(f"the store {self._path} cannot be written: {error}") from error

    def _keep_fact(self, name: str, value: str | None) -> None:
        with self._transaction():
            if value is None:
                self._db.execute("DELETE FROM fact WHERE name = ?", (name,))
            else:
                self._db.execute(
                    "INSERT OR REPLACE INTO fact (name, value) VALUES (?, ?)", (name, value)
                )

    def _keep_ports(self, former: Record | None, record: Record) -> None:
        """Keep what a change of a sandbox does to its lists of ports."""
        if isinstance(record, Sandbox):
            old = _ports(former) if isinstance(former, Sandbox) else {}
            for name, ports in _ports(record).items():
                self._keep_list(record.id, name, old.get(name, ()), ports)

    def _keep_list(
        self,
        sandbox: SandboxId,
        name: str,
        old: Sequence[PublishedPort],
        new: Sequence[PublishedPort],
    ) -> None:
        """Make the rows of *new* of those of *old*.

        Rows are only added at the end: where one comes earlier, those behind it are written anew.
        """
        gone, come = changed(old, new)
        if come.start < come.stop:
            gone, come = slice(gone.start, len(old)), slice(come.start, len(new))
        if gone.start < gone.stop:
            self._db.execute(
                "DELETE FROM port WHERE sandbox = ?1 AND list = ?2 AND turn IN (SELECT turn "
                "FROM port WHERE sandbox = ?1 AND list = ?2 ORDER BY turn LIMIT ?3 OFFSET ?4)",
                (sandbox, name, gone.stop - gone.start, gone.start),
            )
        self._db.executemany(
            "INSERT INTO port SELECT ?1, ?2, coalesce(max(turn), 0) + 1, ?3 FROM port "
            "WHERE sandbox = ?1 AND list = ?2",
            ((sandbox, name, encoded(port)) for port in new[come]),
        )

    def _keep_released(self, former: Record | None, record: Record | None) -> None:
        """Keep which addresses a change of an endpoint gives back, and which it takes."""
        old, new = _held(former), _held(record)
        for network, address in new - old:
            self._db.execute(
                "DELETE FROM released WHERE network = ? AND address = ?", (network, str(address))
            )
        for network, address in old - new:
            assert isinstance(former, Endpoint)
            turn = self._keep_last_holder(network, address, self._last_holder(former))
            self._forget_before(network, turn - 2 * MAX_RELEASED)

    def _keep_renamed(self, former: Record | None, record: Record) -> None:
        """Keep which released addresses a sandbox had that has another name now."""
        for network, address, last in self._renamed(former, record):
            self._keep_last_holder(network, address, last)

    def _keep_last_holder(self, network: NetworkId, address: Address, last: LastHolder) -> int:
        """Keep who had an address that is free now; gives its turn."""
        inserted = self._db.execute(
            "INSERT OR REPLACE INTO released (network, address, holder, mac, until) "
            "VALUES (?, ?, ?, ?, ?)",
            (network, str(address), last.name, last.mac, last.until),
        )
        assert inserted.lastrowid is not None
        return inserted.lastrowid

    def _forget_before(self, network: NetworkId, turn: int) -> None:
        """Forget what is older than is remembered; ``+``: not by the index of all of a network."""
        if self.allocation(network).is_large:
            self._db.execute(
                "DELETE FROM released WHERE turn <= ? AND +network = ?", (turn, network)
            )


def _ports(sandbox: Sandbox) -> dict[str, tuple[PublishedPort, ...]]:
    status = sandbox.status
    return {ASKED: sandbox.ports, PUBLISHED: status.published, FORMER: status.former}


def _with_ports(
    sandbox: Sandbox,
    asked: tuple[PublishedPort, ...] = (),
    published: tuple[PublishedPort, ...] = (),
    former: tuple[PublishedPort, ...] = (),
) -> Sandbox:
    status = replace(sandbox.status, published=published, former=former)
    return replace(sandbox, ports=asked, status=status)


def _without_ports(record: Record) -> Record:
    return _with_ports(record) if isinstance(record, Sandbox) else record


@contextmanager
def _readable(path: Path) -> Generator[None]:
    """Raise Unavailable for whatever keeps the file at *path* from being read."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise _unreadable(path, str(error)) from error
    except (MsgspecError, ValueError, TypeError, LookupError, ExceptionGroup) as error:
        raise _unreadable(path, f"a record is damaged ({type(error).__name__}: {error})") from error


def _unreadable(path: Path, reason: str) -> Unavailable:
    return Unavailable(
        f"the store {path} cannot be read: {reason}; put a good copy of it in its place, "
        "or move it away to begin anew"
    )


def _held(record: Record | None) -> frozenset[tuple[NetworkId, Address]]:
    if not isinstance(record, Endpoint) or not record.live or record.place is None:
        return frozenset()
    return frozenset((record.network, a.ip) for a in record.place.addresses)


def _opened(path: Path, *, power_safe: bool) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    db = sqlite3.connect(path, isolation_level=None)
    path.chmod(0o600)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute(f"PRAGMA synchronous = {'FULL' if power_safe else 'NORMAL'}")
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version == 0:
        db.executescript(f"BEGIN; {TABLES} PRAGMA user_version = {VERSION}; COMMIT;")
        return db
    while version in UPGRADES:
        db.executescript(f"BEGIN; {UPGRADES[version]} PRAGMA user_version = {version + 1}; COMMIT;")
        version += 1
    if version != VERSION:
        db.close()
        raise Unavailable(
            f"the store {path} was written by another version of Seaway "
            f"(schema {version}, this one reads {VERSION}): start that version, or move the file away"
        )
    return db
