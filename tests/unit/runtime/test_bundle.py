"""Paths and files inside another root."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from seaway.model.errors import InvalidRequest
from seaway.runtime.bundle import inside_path, read_inside


def test_links_are_followed_inside_the_root(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/resolv.conf").symlink_to("../run/resolve/stub.conf")
    (tmp_path / "var").mkdir()
    (tmp_path / "var/run").symlink_to("/run")
    root = str(tmp_path)

    assert inside_path(root, "/etc/resolv.conf", ()) == "/run/resolve/stub.conf"
    assert inside_path(root, "/var/run/x/../y", ()) == "/run/y"
    assert inside_path(root, "/../../etc", ()) == "/etc"
    assert inside_path(root, "/not/there", ()) == "/not/there"


def test_links_in_directories_of_the_sandboxs_own_are_not_looked_at(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run/lock").symlink_to("/elsewhere")

    assert inside_path(str(tmp_path), "/run/lock/x", ("/run",)) == "/run/lock/x"
    assert inside_path(str(tmp_path), "/run/lock/x", ()) == "/elsewhere/x"


def test_a_ring_of_links_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("/b")
    (tmp_path / "b").symlink_to("/a")

    with pytest.raises(InvalidRequest, match="too many symbolic links"):
        inside_path(str(tmp_path), "/a", ())


def test_a_root_cannot_make_us_read_the_hosts_files(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").symlink_to("/etc/shadow")
    (tmp_path / "etc/group").symlink_to("../../../../../../etc/shadow")
    (tmp_path / "etc/shadow").write_text("its own\n")

    assert read_inside(str(tmp_path), "/etc/passwd") == "its own\n"
    assert read_inside(str(tmp_path), "/etc/group") == "its own\n"
    assert read_inside(str(tmp_path), "/etc/nothing") == ""


def test_a_list_of_users_is_not_read_without_end(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    with (tmp_path / "etc/passwd").open("wb") as file:
        file.truncate(8 << 30)
    os.mkfifo(tmp_path / "etc/group")

    assert len(read_inside(str(tmp_path), "/etc/passwd")) == 1 << 20
    assert read_inside(str(tmp_path), "/etc/group") == ""
