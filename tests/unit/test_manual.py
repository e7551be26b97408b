"""The man pages, as man reads them."""

from __future__ import annotations

import shutil
import subprocess
from datetime import date
from pathlib import Path

import pytest
from launch.manual import pages

from seaway.cli.commands import COMMANDS, GROUPS, every_command

PAGES = pages(date(2026, 11, 25))
CHECKS = {
    "groff": ["groff", "-ww", "-man", "-Tutf8"],
    "mandoc": ["mandoc", "-T", "lint", "-W", "warning"],
    "man": ["man", "--warnings", "-l"],
}


def test_there_is_a_page_for_each_command_or_its_group() -> None:
    assert set(PAGES) == {"seaway.1", *(f"seaway-{name}.1" for name in (*COMMANDS, *GROUPS))}


@pytest.mark.parametrize("name", every_command())
def test_a_page_tells_the_usage_options_and_examples(name: str) -> None:
    page = PAGES[f"seaway-{name.partition(' ')[0]}.1"].replace("\\-", "-").replace("\\(aq", "'")
    command = every_command()[name]

    assert f"\\fBseaway {name}\\fR {command.usage}".rstrip() in page
    for option in command.options:
        assert f"\\fB--{option.long}\\fR" in page
    for example in command.examples:
        assert example.replace("\\", "\\e").replace("~", "\\(ti") in page


@pytest.mark.parametrize("program", CHECKS)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_read_without_a_warning(tmp_path: Path, name: str, program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"there is no {program}")
    (tmp_path / name).write_text(PAGES[name])

    done = subprocess.run(
        [*CHECKS[program], name], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr, done.stdout if program == "mandoc" else "") == (0, "", "")
