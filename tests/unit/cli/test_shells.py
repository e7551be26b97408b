"""The scripts of ``seaway completion``, in the shells that they are for."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from seaway.cli import main as program
from seaway.cli.main import main
from unit.cli.engine import Engine

SOURCE = Path(program.__file__).parents[2]
LAUNCHER = f"""\
#!{sys.executable} -IS
import sys
sys.path.insert(0, {str(SOURCE)!r})
from seaway.cli.main import program
program()
"""
COMPLETE_IN_BASH = """\
source <(seaway completion bash)
COMP_LINE=$1 COMP_POINT=${#1}
COMP_WORDS=() COMP_CWORD=0 word=
# Cuts the line at blanks, and at = and :, which become words of their own, as readline does.
while IFS= read -rn1 char; do
    case $char in
    ' ' | '') [ -z "$word" ] || COMP_WORDS+=("$word"); word= ;;
    [=:]) [ -z "$word" ] || COMP_WORDS+=("$word"); COMP_WORDS+=("$char"); word= ;;
    *) word+=$char ;;
    esac
done <<<"$1"
case $1 in *' ') COMP_WORDS+=('') ;; esac
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
compopt() { echo "option ${*: -1}"; }
_seaway seaway "${COMP_WORDS[COMP_CWORD]}" ''
printf '%s\\n' "${COMPREPLY[@]}"
"""
TYPE_IN_ZSH = """\
zmodload zsh/zpty
zpty shell zsh -f -i
wait_for() { repeat 1000; do [ -s $1 ] && return; zpty -r -t shell _; sleep 0.01; done; exit 1; }
zpty -w shell "autoload -Uz compinit; compinit -u -D; source <(seaway completion zsh)"
zpty -w shell "show() { print -r -- \"\\$BUFFER\" >line; }; zle -N show; bindkey '^X' show"
zpty -w shell "bindkey '^I' complete-word; echo >ready"
wait_for ready
zpty -w -n shell "$1"$'\\t\\x18'
wait_for line
zpty -d shell
cat line
"""


@pytest.fixture
def shell(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder to work in; ``seaway`` is on the path and talks to an engine with two networks."""
    engine.answers["GET /networks"] = (200, [{"Name": "front"}, {"Name": "back"}])
    engine.answers["GET /containers/json"] = (200, [{"Names": ["/web"], "State": "running"}])
    command = tmp_path / "bin/seaway"
    command.parent.mkdir()
    command.write_text(LAUNCHER)
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{command.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("SEAWAY_HOST", engine.host)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "settings.toml").touch()
    (tmp_path / "set").mkdir()
    yield tmp_path


def run(*argv: str) -> list[str]:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("line", "replies"),
    [
        ("seaway network insp", ["inspect"]),
        ("seaway network rm ", ["back", "front"]),
        ("seaway network connect front ", ["web"]),
        ("seaway network rm --fo", ["--force"]),
        ("seaway ps --format=j", ["json"]),
        ("seaway ps -f status=ru", ["running"]),
        ("seaway ps -f stat", ["option nospace", "status="]),
        ("seaway run --network container:", ["web"]),
        ("seaway purge --config sett", ["option filenames", "settings.toml"]),
        ("seaway purge --config=sett", ["option filenames", "settings.toml"]),
        ("seaway purge --run-dir s", ["option filenames", "set"]),
        ("seaway stop web w", ["web"]),
    ],
)
def test_bash_completes(shell: Path, line: str, replies: list[str]) -> None:
    found = run("bash", "--norc", "-c", COMPLETE_IN_BASH, "bash", line)

    assert sorted(found) == sorted(replies)


def test_bash_is_told_nothing_when_there_is_no_engine(
    shell: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEAWAY_HOST", "unix:///nowhere")

    assert run("bash", "--norc", "-c", COMPLETE_IN_BASH, "bash", "seaway network rm ") == [""]


@pytest.mark.skipif(shutil.which("zsh") is None, reason="there is no zsh")
@pytest.mark.parametrize(
    ("line", "completed"),
    [
        ("seaway network insp", "seaway network inspect "),
        ("seaway network rm f", "seaway network rm front "),
        ("seaway ps --format=j", "seaway ps --format=json "),
        ("seaway ps -f stat", "seaway ps -f status="),
        ("seaway run --network container:", "seaway run --network container:web "),
        ("seaway purge --config=sett", "seaway purge --config=settings.toml "),
    ],
)
def test_zsh_completes(shell: Path, line: str, completed: str) -> None:
    assert run("zsh", "-f", "-c", TYPE_IN_ZSH, "zsh", line) == [completed]


@pytest.mark.skipif(shutil.which("fish") is None, reason="there is no fish")
@pytest.mark.parametrize(
    ("line", "replies"),
    [
        ("seaway network insp", ["inspect\tShow everything about networks, as JSON."]),
        ("seaway network rm ", ["back", "front"]),
        ("seaway ps --format=j", ["--format=json"]),
        ("seaway purge --config=sett", ["--config=settings.toml"]),
        ("seaway purge --run-dir=se", ["--run-dir=set/"]),
    ],
)
def test_fish_completes(shell: Path, line: str, replies: list[str]) -> None:
    script = "seaway completion fish | source; complete -C $argv[1]"

    assert run("fish", "--no-config", "-c", script, line) == replies


def test_another_shell_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "tcsh"]) == 125
    assert capsys.readouterr().err == "there is completion for bash, zsh, fish, not for 'tcsh'\n"
