"""What undoes an operation."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.records import a_route
from seaway.model.ids import IfName
from seaway.plan.elements import Element
from seaway.plan.operations import (
    BindNetns,
    ChangeElements,
    ChangeRoute,
    CreateNetns,
    DeleteLink,
    DeleteNetns,
    LeaveNames,
    NameNetns,
    Operation,
    RedirectNames,
    SetSysctl,
    UnnameNetns,
    inverse,
)

NETNS, NAME = Path("/run/test/ns/b1"), Path("/run/test/ns/box")

ROUTES = st.none() | st.sampled_from(
    [a_route("eth0", "10.77.1.1"), a_route("eth1", "10.77.1.1"), a_route("eth0", "10.77.2.1")]
)
ELEMENTS = st.frozensets(
    st.builds(Element, st.just("inet seaway"), st.just("bridges"), st.sampled_from(["a", "b"]))
)
CHANGES: st.SearchStrategy[Operation] = st.one_of(
    st.builds(ChangeRoute, netns=st.just(NETNS), version=st.just(4), old=ROUTES, new=ROUTES),
    st.builds(ChangeElements, old=ELEMENTS, new=ELEMENTS),
    st.builds(SetSysctl, path=st.just("net/a"), value=st.text(), before=st.text()),
)


@given(CHANGES)
def test_what_undoes_a_change_is_undone_by_the_change_itself(change: Operation) -> None:
    back = inverse(change)

    assert back is not None
    assert inverse(back) == change


@pytest.mark.parametrize(
    ("made", "gone"),
    [
        (CreateNetns(path=NETNS), DeleteNetns(path=NETNS)),
        (BindNetns(path=NETNS, source=Path("/proc/7/ns/net")), DeleteNetns(path=NETNS)),
        (NameNetns(name=NAME, path=NETNS), UnnameNetns(name=NAME)),
        (RedirectNames(netns=NETNS, port=35353), LeaveNames(netns=NETNS)),
    ],
)
def test_what_is_made_is_undone_by_a_removal_that_nothing_undoes(
    made: Operation, gone: Operation
) -> None:
    assert inverse(made) == gone
    assert inverse(gone) is None


def test_a_removal_has_nothing_that_undoes_it() -> None:
    assert inverse(DeleteLink(name=IfName("sw-web"))) is None
