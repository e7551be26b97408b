"""Every page of the documentation, walked as its reader walks it: what it shows is what happens."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from bed.daemon import Daemon
from bed.docker import docker_client
from bed.host import Host
from bed.spot import ROOT
from e2e.page import Skipped, Step, agree, steps
from e2e.reader import Reader

TUTORIAL = ROOT / "docs/tutorial/first-networks.md"
ON_A_TRIAL_HOST = [ROOT / "README.md", TUTORIAL]
PAGES = sorted(
    page
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    if any(isinstance(step, Step) for step in steps(page))
)
ENVIRONMENT = {
    "LC_ALL": "C.UTF-8",
    "HOME": "/run",
    "DOCKER_CONFIG": "/run/docker-client",
    "PATH": f"/run/bin:{os.environ['PATH']}:/usr/sbin:/sbin",
}
Rewrite = Callable[[str], str]


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def unlike(reader: Reader, page: Path, rewrite: Rewrite = str) -> list[str]:
    """What came out otherwise than *page* shows, each told with its place."""
    found: list[str] = []
    for step in steps(page):
        if isinstance(step, Step):
            status, said = reader.type(rewrite(step.command))
            shown = None if step.shown is None else [rewrite(line) for line in step.shown]
            found += _told(page, step, shown, status, said)
    return found


def _told(
    page: Path, step: Step, shown: Sequence[str] | None, status: int, said: Sequence[str]
) -> list[str]:
    if shown is None and status == 0:
        return []
    if shown is not None and agree(step, shown, said):
        return []
    wanted = ["(success)"] if shown is None else shown
    lines = [f"{page.name}:{step.line}: {step.command}", "shown:", *wanted, f"({status}) said:"]
    return ["\n".join([*lines, *said])]


def check(found: Sequence[str]) -> None:
    """Fail with all of *found*."""
    if found:
        pytest.fail("\n\n".join(found), pytrace=False)


@pytest.fixture
def desk(host: Host) -> Host:
    """A host on which the commands that the pages use can be found.

    Of the machine's files it can write to none: to /etc as it likes, since that is its own; to the
    project's folder only as ``./start`` does.
    """
    host.use_own_etc()
    host.use_own("/srv")
    host.sh(f"mount --bind {ROOT} {ROOT}; mount -o remount,bind,ro /")
    host.path("/run/bin").mkdir()
    text = (ROOT / "launch/seaway.in").read_text().replace("@SRC@", f"{ROOT}/src")
    command = host.path("/run/bin/seaway")
    command.write_text(text.replace("@PYTHON@", sys.executable))
    command.chmod(0o755)
    host.path("/run/bin/docker").symlink_to(docker_client())
    return host


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page not in ON_A_TRIAL_HOST], ids=name_of
)
def test_what_a_page_shows_is_what_happens(desk: Host, daemon: Daemon, page: Path) -> None:
    reader = Reader(desk, ENVIRONMENT)
    reader.type("mkdir /run/work; cd /run/work")

    check(unlike(reader, page))


@pytest.mark.parametrize("page", ON_A_TRIAL_HOST, ids=name_of)
def test_what_a_newcomer_reads_is_what_happens(desk: Host, page: Path) -> None:
    place = {"/home/me/seaway": str(ROOT), "/var/lib/seaway-trial": "/srv/trial"}
    if not (ROOT / ".venv/bin/python").exists():
        pytest.skip("there is no .venv, which ./start would make: ./check does so")

    def rewrite(text: str) -> str:
        for shown, here in place.items():
            text = text.replace(shown, here)
        return text

    reader = Reader(desk, {**ENVIRONMENT, "SEAWAY_TRIAL": "/srv/trial"})

    check(unlike(reader, page, rewrite))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_whatever_is_not_run_says_why(page: Path) -> None:
    skipped = [step for step in steps(page) if isinstance(step, Skipped)]

    assert [step.line for step in skipped if len(step.reason) < len("needs X")] == []


def test_the_pages_are_there() -> None:
    assert {"README.md", "docs/tutorial/first-networks.md"} < {*map(name_of, PAGES)}
    assert len(PAGES) >= 8
