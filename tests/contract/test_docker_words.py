"""The table "From docker to seaway": docker knows each of its commands, and lacks none."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from launch.docker_words import WITHOUT

from bed.docker import docker_client
from seaway.cli.commands import every_command

PAGE = Path(__file__).resolve().parents[2] / "docs/reference/docker.md"
SHOWN = re.findall(r"^\| `docker ([^`]+)` \|", PAGE.read_text(), re.MULTILINE)


def subcommands(*words: str) -> set[str]:
    """The commands that docker's help lists below *words*."""
    done = subprocess.run(
        [str(docker_client()), *words, "--help"], capture_output=True, text=True, check=True
    )
    return set(re.findall(r"^  ([a-z]+)\*? +[A-Z]", done.stdout, re.MULTILINE))


@pytest.mark.parametrize("shown", SHOWN)
def test_docker_knows_each_command_of_the_table(shown: str) -> None:
    *group, name = shown.split(" ")

    assert name in subcommands(*group)


def test_no_command_of_dockers_networks_and_containers_is_left_out() -> None:
    plain = {f"container {name}" for name in SHOWN if " " not in name}

    assert {f"network {name}" for name in subcommands("network")} <= set(SHOWN)
    assert {f"container {name}" for name in subcommands("container")} <= {*SHOWN, *plain}


def test_what_has_a_counterpart_is_not_said_to_have_none() -> None:
    have = {docker for c in every_command().values() for docker in c.docker.split(", ")}

    assert have & {name for name, _ in WITHOUT} == set()
