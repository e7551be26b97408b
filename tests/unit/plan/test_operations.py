"""What undoes an operation."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.records import a_route
from seaway.model.ids import IfName, Mac
from seaway.plan.elements import Element
from seaway.plan.operations import (
    AddSwitch,
    BindNetns,
    ChangeElements,
    ChangeRoute,
    CreateNetns,
    DeleteLink,
    DeleteNetns,
    DropVlan,
    JoinUplink,
    LeaveNames,
    LeaveUplink,
    NameNetns,
    Operation,
    PassVlan,
    RedirectNames,
    SetSysctl,
    UnnameNetns,
    inverse,
)

SWITCH, ETH1 = IfName("st-eth1"), IfName("eth1")
LEAVE = LeaveUplink(name=ETH1, bridge=SWITCH, up=False)
DROP = DropVlan(switch=SWITCH, vlan=50, uplink=ETH1)
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
        (AddSwitch(name=SWITCH, mac=Mac("02:00:00:00:00:07")), DeleteLink(name=SWITCH)),
        (JoinUplink(name=ETH1, bridge=SWITCH, release=LEAVE), LEAVE),
        (PassVlan(switch=SWITCH, vlan=50, uplink=ETH1, adopted=False, release=DROP), DROP),
    ],
)
def test_what_is_made_is_undone_by_a_removal_that_nothing_undoes(
    made: Operation, gone: Operation
) -> None:
    assert inverse(made) == gone
    assert inverse(gone) is None


def test_a_removal_has_nothing_that_undoes_it() -> None:
    assert inverse(DeleteLink(name=IfName("sw-web"))) is None
