"""What is installed is what the project says."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def project() -> tuple[list[str], list[str]]:
    """What pyproject.toml pins: to run, and to test."""
    table = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return table["dependencies"], table["optional-dependencies"]["dev"]


def locked(name: str) -> set[str]:
    """The pins of a lock file, ``name==version`` each."""
    return set(re.findall(r"^[a-z0-9-]+==[^ ]+", (ROOT / name).read_text(), re.MULTILINE))


def test_the_lock_files_hold_what_pyproject_pins() -> None:
    run, test = ({re.sub(r"\[.*\]", "", pin) for pin in pins} for pins in project())

    assert run <= locked("requirements.lock")
    assert run | test <= locked("requirements-dev.lock")


def test_what_is_tested_is_what_runs() -> None:
    assert locked("requirements.lock") < locked("requirements-dev.lock")


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_the_lock_files_name_no_source_and_check_each_file(name: str) -> None:
    text = (ROOT / name).read_text()
    pins = re.findall(r"^[a-z0-9-]+==.*\n    --hash=sha256:[0-9a-f]{64}", text, re.MULTILINE)

    assert len(pins) == len(locked(name)) > 0
    assert not re.search(r"https?://|--(extra-)?index-url|--find-links|--trusted-host", text)
