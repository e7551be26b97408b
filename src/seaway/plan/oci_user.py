"""Who a process runs as: Docker's reading of ``user[:group]`` against passwd and group files."""

from __future__ import annotations

from dataclasses import dataclass

from seaway.model.errors import InvalidRequest
from seaway.model.ids import shown

_MAX_ID = 2**31 - 1
_MAX_DIGITS = 20
"""Of a number with leading zeros; int() refuses texts of thousands."""
"""The largest uid or gid that Docker takes."""
_PASSWD_FIELDS = 7
_GROUP_FIELDS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The identity of a process."""

    uid: int = 0
    gid: int = 0
    groups: tuple[int, ...] = ()
    """Supplementary groups, in ascending order."""
    home: str = "/"


@dataclass(frozen=True, slots=True)
class _User:
    name: str
    uid: int
    gid: int
    home: str


@dataclass(frozen=True, slots=True)
class _Group:
    name: str
    gid: int
    members: tuple[str, ...]


def account(spec: str, passwd: str, group: str) -> Account:
    """Who *spec* means, by the texts of the root's /etc/passwd and /etc/group.

    An empty *spec* is root. A number needs no entry; its group is then 0. A group that is given
    leaves the supplementary groups out. Names win over numbers. Raises InvalidRequest for a name
    without an entry and for numbers out of range.
    """
    who, colon, of = spec.partition(":")
    user = _user(who or "0", _users(passwd))
    known = _groups(group)
    if colon and of:
        gid, groups = _gid(of, known), tuple[int, ...]()
    else:
        gid = user.gid
        groups = tuple(sorted({g.gid for g in known if user.name and user.name in g.members}))
    return Account(uid=user.uid, gid=gid, groups=groups, home=user.home or "/")


def _user(who: str, users: list[_User]) -> _User:
    by_name = next((u for u in users if u.name == who), None)
    if by_name is not None:
        return by_name
    if not (who.isascii() and who.isdigit()):
        raise InvalidRequest(f"unable to find user {who}: no matching entries in passwd file")
    uid = _in_range(who)
    return next((u for u in users if u.uid == uid), _User("", uid, 0, "/root" if uid == 0 else "/"))


def _gid(of: str, groups: list[_Group]) -> int:
    by_name = next((g for g in groups if g.name == of), None)
    if by_name is not None:
        return by_name.gid
    if not (of.isascii() and of.isdigit()):
        raise InvalidRequest(f"unable to find group {of}: no matching entries in group file")
    return _in_range(of)


def _in_range(number: str) -> int:
    if len(number) > _MAX_DIGITS or int(number) > _MAX_ID:
        raise InvalidRequest(f"uids and gids must be in range 0-{_MAX_ID}, not {shown(number)}")
    return int(number)


def _users(passwd: str) -> list[_User]:
    fields = (line.split(":") for line in passwd.splitlines())
    return [
        _User(f[0], int(f[2]), int(f[3]), f[5])
        for f in fields
        if len(f) >= _PASSWD_FIELDS and f[2].isdigit() and f[3].isdigit()
    ]


def _groups(group: str) -> list[_Group]:
    fields = (line.split(":") for line in group.splitlines())
    return [
        _Group(f[0], int(f[2]), tuple(f[3].split(",")))
        for f in fields
        if len(f) >= _GROUP_FIELDS and f[2].isdigit()
    ]
