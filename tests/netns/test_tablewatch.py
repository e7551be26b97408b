"""Deleted tables are heard of, in a real kernel; what comes with every connect is not."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from fakes.firewall import typical
from netns.test_elements import Firewall
from netns.test_firewall import whole
from seaway.kernel.tablewatch import TableWatch
from seaway.plan.elements import Elements

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root")

NOTHING: Elements = frozenset()


@pytest.fixture
def firewall() -> Iterator[Firewall]:
    """A namespace with our tables."""
    found = Firewall()
    found.load(whole(typical()))
    yield found
    found.close()


@pytest.fixture
def watch(firewall: Firewall) -> Iterator[TableWatch]:
    """Listening there from now on."""
    found: TableWatch = firewall.do(TableWatch)
    yield found
    found.close()


@pytest.mark.parametrize(
    "meddling", ["flush ruleset", "delete table inet seaway", "delete table bridge seaway"]
)
def test_a_deleted_table_is_heard_of_once(
    firewall: Firewall, watch: TableWatch, meddling: str
) -> None:
    firewall.load(meddling)

    assert watch.deleted()
    assert not watch.deleted()


def test_a_change_of_elements_wakes_nobody(firewall: Firewall, watch: TableWatch) -> None:
    firewall.change(typical(), NOTHING)
    firewall.change(NOTHING, typical())

    with pytest.raises(BlockingIOError):
        watch._socket.recv(1)


def test_tables_of_others_are_theirs(firewall: Firewall, watch: TableWatch) -> None:
    firewall.load("add table inet theirs; add table ip seaway; add chain ip seaway c")
    firewall.load("delete table inet theirs; delete table ip seaway")

    assert not watch.deleted()
