"""Whose namespace is made, bound or left, and by which name people find it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from seaway.model.ids import DnsName, SandboxId, SandboxName
from seaway.model.sandbox import Netns, Sandbox
from seaway.plan.netns import (
    NetnsPaths,
    let_go_ops,
    namespace_ops,
    no_namespace_ops,
    of_process,
    rename_ops,
)
from seaway.plan.operations import (
    BindNetns,
    CreateNetns,
    DeleteNetns,
    LeaveNames,
    NameNetns,
    RedirectNames,
    UnnameNetns,
)

PATHS = NetnsPaths(run_dir=Path("/run/seaway"))
BOX = Sandbox(id=SandboxId("b" * 64), name=SandboxName("box"), created=1, hostname=DnsName("box"))
ADOPTED = replace(BOX, netns=Netns.ADOPTED, adopted_from=Path("/run/netns/theirs"))
BOUND, NAMED = Path("/run/seaway/ns") / BOX.id, Path("/run/seaway/netns/box")


def test_a_namespace_is_made_named_and_asks_us_for_names() -> None:
    assert namespace_ops(BOX, PATHS) == (
        CreateNetns(path=BOUND),
        NameNetns(name=NAMED, path=BOUND),
        RedirectNames(netns=BOUND, port=35353),
    )


def test_a_namespace_that_stays_alone_asks_nobody_for_names() -> None:
    alone = replace(BOX, netns=Netns.NONE)

    assert namespace_ops(alone, PATHS) == (
        CreateNetns(path=BOUND),
        NameNetns(name=NAMED, path=BOUND),
    )


def test_the_namespace_of_a_process_that_runs_is_bound_again() -> None:
    make = namespace_ops(BOX, PATHS, source=of_process(7))

    assert make[0] == BindNetns(path=BOUND, source=Path("/proc/7/ns/net"))


def test_an_adopted_namespace_is_bound_from_where_it_was_found() -> None:
    make = namespace_ops(ADOPTED, PATHS)

    assert make[0] == BindNetns(path=BOUND, source=Path("/run/netns/theirs"))


def test_what_is_let_go_of_loses_its_name_first() -> None:
    assert no_namespace_ops(BOX, PATHS) == (UnnameNetns(name=NAMED), DeleteNetns(path=BOUND))


def test_an_adopted_namespace_no_longer_asks_us_when_it_is_let_go_of() -> None:
    assert let_go_ops(ADOPTED, PATHS) == (LeaveNames(netns=BOUND), DeleteNetns(path=BOUND))


def test_the_new_name_is_there_before_the_old_one_goes() -> None:
    crate = replace(BOX, name=SandboxName("crate"))

    assert rename_ops(BOX, crate, PATHS) == (
        NameNetns(name=Path("/run/seaway/netns/crate"), path=BOUND),
        UnnameNetns(name=NAMED),
    )
