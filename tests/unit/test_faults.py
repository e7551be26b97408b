"""A test's way to fail or end the daemon at any step."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import seaway
from seaway.faults import Faults, NoFaults
from seaway.model.errors import Unavailable


@pytest.fixture
def order(tmp_path: Path) -> Path:
    """The file that holds the order."""
    return tmp_path / "order"


def reach(faults: Faults, *steps: str) -> str:
    """The step that fails."""
    for step in steps:
        try:
            faults.reach(step)
        except Unavailable as error:
            assert str(error) == f"a test made step {step} fail"
            return step
    return ""


def test_without_a_file_every_step_is_passed(order: Path) -> None:
    assert reach(Faults(order), "a", "b") == ""
    NoFaults().reach("a")
    assert not order.with_suffix(".log").exists()


def test_the_wanted_step_fails_and_no_other(order: Path) -> None:
    faults = Faults(order)
    order.write_text("fail 1\n")

    assert reach(faults, "a", "b", "c") == "b"
    assert reach(faults, "c", "d") == ""
    assert order.with_suffix(".log").read_text() == "a\nb\nc\nd\n"


def test_steps_before_the_file_do_not_count(order: Path) -> None:
    faults = Faults(order)
    reach(faults, "early")
    order.write_text("fail 0")

    assert reach(faults, "a") == "a"


def test_a_new_order_counts_from_0_again(order: Path) -> None:
    faults = Faults(order)
    order.write_text("fail 5")
    reach(faults, "a", "b")
    order.write_text("fail 1")

    assert reach(faults, "c", "d") == "d"


def test_the_same_order_after_a_break_counts_from_0_again(order: Path) -> None:
    faults = Faults(order)
    order.write_text("fail 1")
    reach(faults, "a")
    order.unlink()
    reach(faults, "between")
    order.write_text("fail 1")

    assert reach(faults, "b", "c") == "c"


def test_a_killed_process_ends_at_once_with_99(order: Path) -> None:
    order.write_text("kill 1")
    code = (
        "import sys; from pathlib import Path; from seaway.faults import Faults\n"
        "faults = Faults(Path(sys.argv[1]))\n"
        "try:\n  faults.reach('a'); faults.reach('b')\n"
        "finally:\n  print('not at once')\n"
    )
    assert seaway.__file__ is not None
    source = str(Path(seaway.__file__).parents[1])

    child = subprocess.run(
        [sys.executable, "-c", code, str(order)],
        env={**os.environ, "PYTHONPATH": source},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (child.returncode, child.stdout) == (99, "")
