"""Who a process runs as."""

from __future__ import annotations

import pytest

from seaway.model.errors import InvalidRequest
from seaway.plan.oci_user import Account, account

PASSWD = """\
root:x:0:0:root:/root:/bin/bash
ann:x:1000:100:Ann:/home/ann:/bin/sh
1000:x:7:7:a name of digits:/seven:/bin/sh
broken:x:x:x
bare:x:50:50:::
"""
GROUP = """\
root:x:0:
users:x:100:
wheel:x:10:root,ann
video:x:44:ann
42:x:4242:
"""


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("", Account(uid=0, gid=0, groups=(10,), home="/root")),
        ("ann", Account(uid=1000, gid=100, groups=(10, 44), home="/home/ann")),
        ("ann:", Account(uid=1000, gid=100, groups=(10, 44), home="/home/ann")),
        ("ann:video", Account(uid=1000, gid=44, groups=(), home="/home/ann")),
        ("ann:5", Account(uid=1000, gid=5, groups=(), home="/home/ann")),
        ("ann:42", Account(uid=1000, gid=4242, groups=(), home="/home/ann")),
        (":5", Account(uid=0, gid=5, groups=(), home="/root")),
        ("1000", Account(uid=7, gid=7, groups=(), home="/seven")),
        ("50", Account(uid=50, gid=50, groups=(), home="/")),
        ("99", Account(uid=99, gid=0, groups=(), home="/")),
    ],
)
def test_a_user_is_read_as_docker_does(spec: str, expected: Account) -> None:
    assert account(spec, PASSWD, GROUP) == expected


def test_root_needs_no_entry() -> None:
    assert account("", "", "") == Account(uid=0, gid=0, groups=(), home="/root")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("bob", "unable to find user bob: no matching entries in passwd file"),
        ("broken", "unable to find user broken: no matching entries in passwd file"),
        ("ann:cats", "unable to find group cats: no matching entries in group file"),
        ("4294967295", "uids and gids must be in range 0-2147483647, not 4294967295"),
        ("-1", "unable to find user -1: no matching entries in passwd file"),
        ("²", "unable to find user ²: no matching entries in passwd file"),
    ],
)
def test_an_unknown_user_or_group_is_refused(spec: str, message: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        account(spec, PASSWD, GROUP)

    assert str(refused.value) == message
