"""Mounts in, mounts out."""

from __future__ import annotations

from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaway.model.errors import InvalidRequest
from seaway.plan import oci_root
from seaway.plan.oci_root import Entry, EntryKind, HostMount, Seen

TABLE = """\
21 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
30 27 0:25 / /run rw,nosuid shared:2 - tmpfs tmpfs rw
31 27 254:1 / /home rw,noexec,relatime master:3 - ext4 /dev/vdb rw
32 31 254:2 /sub /home/a\\040b rw - xfs /dev/vdc rw
33 27 0:25 /lock /var/lock rw,nosuid shared:2 - tmpfs tmpfs rw
34 27 0:40 / /var/lib/docker/overlay2/x/merged rw - overlay overlay rw
35 27 254:0 /var/lib /srv rw - ext4 /dev/vda rw
36 27 0:3 net:[4026532] /var/netns rw - nsfs nsfs rw
"""
MOUNTS = oci_root.host_mounts(TABLE)
DIRECTORY, FILE, LINK = EntryKind.DIRECTORY, EntryKind.FILE, EntryKind.LINK


def paths(mountinfo: str) -> list[str]:
    return [mount.path for mount in oci_root.host_mounts(mountinfo)]


def mount(ident: int, parent: int, path: str, device: str = "8:1") -> str:
    return f"{ident} {parent} {device} / {path} rw - ext4 /dev/x rw\n"


def test_a_line_of_mountinfo_is_read_with_its_escapes() -> None:
    assert next(m for m in MOUNTS if m.id == 32) == HostMount(
        id=32, parent=31, device="254:2", root="/sub", path="/home/a b", kind="xfs", flags=("rw",)
    )


def test_of_stacked_mounts_the_uppermost_is_given() -> None:
    table = mount(1, 0, "/") + mount(2, 1, "/srv") + mount(3, 2, "/srv", "8:2")

    assert [(m.path, m.id) for m in oci_root.host_mounts(table)] == [("/", 1), ("/srv", 3)]


def test_mounts_under_another_mount_are_not_given() -> None:
    assert paths(mount(1, 0, "/") + mount(2, 1, "/a/b") + mount(3, 1, "/a")) == ["/", "/a"]
    below_a_stack = mount(2, 1, "/a") + mount(3, 2, "/a/b") + mount(4, 2, "/a")
    assert paths(mount(1, 0, "/") + below_a_stack) == ["/", "/a"]


@given(st.text())
def test_text_that_is_no_mountinfo_is_never_read_as_another_path(text: str) -> None:
    assert oci_root.inside("/a" + text.replace("/", ""), "/a") == (text.replace("/", "") == "")


def test_real_files_are_bound_and_the_rest_is_not() -> None:
    entries = [
        Entry(name="bin", kind=LINK, target="usr/bin"),
        Entry(name="home", kind=DIRECTORY),
        Entry(name="notes.txt", kind=FILE),
        Entry(name="proc", kind=DIRECTORY),
        Entry(name="run", kind=DIRECTORY),
        Entry(name="usr", kind=DIRECTORY),
    ]

    binds = cast("list[dict[str, Any]]", oci_root.root_binds(entries, MOUNTS, ()))

    assert [b["destination"] for b in binds] == ["/home", "/notes.txt", "/srv", "/usr", "/home/a b"]
    assert all({"ro", "nosuid", "nodev"} <= set(b["options"]) for b in binds)
    assert [b["destination"] for b in binds if "noexec" in b["options"]] == ["/home"]


def test_a_path_is_found_by_all_mounts_of_its_file_system() -> None:
    assert oci_root.places(MOUNTS, "/var/lib/seaway") == ("/srv/seaway", "/var/lib/seaway")
    assert oci_root.places(MOUNTS, "/run") == ("/run", "/var/lock")
    assert oci_root.places(MOUNTS, "/home/x") == ("/home/x",)


def test_hidden_directories_are_found_where_they_would_be_seen() -> None:
    seen = [Seen(source="/var", target="/v"), Seen(source="/", target="/host")]

    assert oci_root.hidden_targets(seen, ["/var/lib/seaway"]) == (
        "/host/var/lib/seaway",
        "/v/lib/seaway",
    )
    assert oci_root.hidden_targets([Seen(source="/variable", target="/v")], ["/var"]) == ()


def test_a_part_of_a_hidden_directory_cannot_be_seen() -> None:
    with pytest.raises(InvalidRequest, match="/var/lib/seaway/x is Seaway's own"):
        oci_root.hidden_targets(
            [Seen(source="/var/lib/seaway/x", target="/x")], ["/var/lib/seaway"]
        )


def test_names_that_are_no_text_are_known() -> None:
    assert oci_root.is_text("/home/größe")
    assert not oci_root.is_text(b"/home/\xff".decode(errors="surrogateescape"))
