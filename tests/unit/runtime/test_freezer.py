"""The freezer of both versions of control groups, as files."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from seaway.model.errors import Unavailable
from seaway.runtime import freezer
from seaway.runtime.freezer import hold, is_still, let_go


def files(directory: Path, **texts: str) -> Path:
    directory.mkdir(parents=True)
    for name, text in texts.items():
        (directory / name.replace("__", ".")).write_text(text)
    return directory


async def test_version_1_is_told_and_tells_by_one_file(tmp_path: Path) -> None:
    group = files(tmp_path / "freezer/c", freezer__state="THAWED\n")

    before = is_still("c", tmp_path)
    await hold("c", tmp_path)
    during = is_still("c", tmp_path)
    let_go("c", tmp_path)

    assert (before, during, is_still("c", tmp_path)) == (False, True, False)
    assert (group / "freezer.state").read_text() == "THAWED"


async def test_version_2_is_told_by_one_file_and_tells_by_another(tmp_path: Path) -> None:
    group = files(tmp_path / "c", cgroup__freeze="0\n", cgroup__events="populated 1\nfrozen 1\n")

    await hold("c", tmp_path)

    assert (group / "cgroup.freeze").read_text() == "1"
    assert is_still("c", tmp_path)
    let_go("c", tmp_path)
    assert (group / "cgroup.freeze").read_text() == "0"


async def test_processes_that_do_not_stand_still_in_time_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(freezer, "FREEZE_TIMEOUT", 0.05)
    group = files(tmp_path / "c", cgroup__freeze="0\n", cgroup__events="populated 1\nfrozen 0\n")

    with pytest.raises(Unavailable, match="not all processes stood still within 0 seconds"):
        await hold("c", tmp_path)

    assert (group / "cgroup.freeze").read_text() == "0"


async def test_without_a_freezer_nothing_is_paused(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="this host has no freezer among its control groups"):
        await hold("c", tmp_path)

    let_go("c", tmp_path)
    assert not is_still("c", tmp_path)


async def test_processes_that_stay_half_way_are_told_anew(tmp_path: Path) -> None:
    group = files(tmp_path / "c", cgroup__freeze="0\n", cgroup__events="populated 1\nfrozen 0\n")

    async def reads(text: str) -> None:
        while (group / "cgroup.freeze").read_text() != text:  # noqa: ASYNC110 - nobody tells when
            await asyncio.sleep(0.001)

    async def get_stuck_once() -> None:
        for text in ("1", "0", "1"):
            await reads(text)
        (group / "cgroup.events").write_text("populated 1\nfrozen 1\n")

    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        tasks.create_task(get_stuck_once())
        await hold("c", tmp_path)

    assert is_still("c", tmp_path)
    assert (group / "cgroup.freeze").read_text() == "1"
