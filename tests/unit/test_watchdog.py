"""A test that hangs is ended, whatever it did before."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bed import watchdog

TESTS = Path(watchdog.__file__).parents[1]
PLUGIN = """\
import sys
sys.path.insert(0, {tests!r})
pytest_plugins = ["bed.watchdog"]
"""
CASES = """\
import asyncio, signal, pytest

@pytest.fixture
async def endless():
    yield
    await asyncio.Event().wait()

async def test_it_fails_and_its_fixture_does_not_end(endless):
    assert False

async def test_a_task_swallows_the_timeout():
    async def swallowing():
        signal.pause()
    task = asyncio.create_task(swallowing())
    await asyncio.wait([task])
    await asyncio.Event().wait()
"""


IN_TEARDOWN = ("test_it_fails_and_its_fixture_does_not_end", "in pytest_runtest_teardown")
IN_CALL = ("test_a_task_swallows_the_timeout", "in pytest_runtest_call")


@pytest.mark.parametrize(
    ("case", "where", "workers", "last"),
    [
        (*IN_TEARDOWN, "0", "test_cases.py F"),
        (*IN_CALL, "0", "test_cases.py "),
        (*IN_TEARDOWN, "1", "2 failed in "),
    ],
    ids=["teardown", "call", "teardown in a worker"],
)
def test_a_hanging_phase_ends_with_all_stacks(
    tmp_path: Path, case: str, where: str, workers: str, last: str
) -> None:
    (tmp_path / "conftest.py").write_text(PLUGIN.format(tests=str(TESTS)))
    (tmp_path / "test_cases.py").write_text(CASES)
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_mode = auto\ntimeout = 1\n")

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-n", workers, "-k", case],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 1
    assert "Timeout (0:00:01.250000)!" in done.stderr
    assert where in done.stderr
    assert last in done.stdout.splitlines()[-1]
