"""What may come next on a command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from seaway.cli.candidate import Candidate
from seaway.cli.commands import every_command
from seaway.cli.completion import candidates, split
from unit.cli.conftest import Run
from unit.cli.engine import Engine

NAMES = {
    "networks": ["back", "front"],
    "sandboxes": ["db", "old", "web"],
    "running": ["db", "still", "web"],
    "unpaused": ["db", "web"],
    "ended": ["old"],
    "paused": ["still"],
    "signals": ["HUP", "TERM"],
}


def offered(*words: str) -> list[str]:
    """What is offered for the last of *words*."""

    def live(source: str) -> list[Candidate]:
        return [Candidate(name) for name in NAMES.get(source, [])]

    return [each.word for each in candidates(words, live)]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("net", ["network"]),
        ("network dis", ["disconnect"]),
        ("network connect ", ["back", "front"]),
        ("network connect front w", ["web"]),
        ("network connect front web ", []),
        ("network connect --ip 10.0.0.9 f", ["front"]),
        ("network rm back f", ["front"]),
        ("network create ", []),
        ("start ", ["old"]),
        ("stop ", ["db", "still", "web"]),
        ("rm o", ["old"]),
        ("inspect ", ["db", "old", "web", "back", "front"]),
        ("pause ", ["db", "web"]),
        ("exec ", ["db", "web"]),
        ("exec web ", [":programs"]),
        ("run --network ", ["back", "front", "container:"]),
        ("run --network container:", ["container:db", "container:still", "container:web"]),
        ("run --net=fr", ["--net=front"]),
        ("run -it --rm ", [":programs"]),
        ("run --rm cat --net", [":files"]),
        ("run --env-file ", [":files"]),
        ("purge --run-dir=/r", [":folders"]),
        ("ps --format ", ["json", "table"]),
        ("ps --format=j", ["--format=json"]),
        ("ps -f st", ["status="]),
        ("ps -f status=e", ["status=exited"]),
        ("ps --filter network=b", ["network=back"]),
        ("network ls --filter=type=c", ["--filter=type=custom"]),
        ("network ls --filter=ty", ["--filter=type="]),
        ("kill -s ", ["HUP", "TERM"]),
        ("network create --ipv4=", ["--ipv4=true", "--ipv4=false"]),
        ("network create --ip", ["--ip-range", "--ipv4", "--ipv6", "--ipam-driver", "--ipam-opt"]),
        ("network create -d ", ["bridge", "macvlan", "ipvlan"]),
        (
            "logs -",
            ["--details", "--follow", "--since", "--tail", "--timestamps", "--until", "--help"],
        ),
        ("logs -f", ["-f"]),
        ("completion ", ["bash", "zsh", "fish"]),
        ("help netw", ["network"]),
        ("-H ", ["unix://", "tcp://"]),
        ("-H unix:///x network in", ["inspect"]),
        ("--ho", ["--host"]),
        ("bogus ", []),
        ("network bogus ", []),
        ("ps --bogus=", []),
    ],
)
def test_what_fits_is_offered(line: str, words: list[str]) -> None:
    assert offered(*line.split(" ")) == words


def test_behind_two_dashes_nothing_is_an_option() -> None:
    assert offered("run", "--", "-") == [":programs"]
    assert offered("network", "rm", "--", "-") == []


def test_a_command_that_says_no_more_is_known_by_its_usage() -> None:
    bare = {name for name, command in every_command().items() if not command.takes}

    assert {"network reserve", "config"} <= bare
    assert offered("network", "reserve", "") == ["back", "front"]
    assert offered("network", "reserve", "--for", "web", "") == ["back", "front"]
    assert offered("network", "reserve", "front", "") == []


@pytest.mark.parametrize("name", every_command())
def test_every_command_is_offered_with_its_options(name: str) -> None:
    words = name.split(" ")
    wanted = {f"--{option.long}" for option in every_command()[name].options}

    assert words[-1] in offered(*words[:-1], words[-1][:1])
    assert set(offered(*words, "--")) == {*wanted, "--help"}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("seaway ps ", ["seaway", "ps", ""]),
        ("seaway  ps", ["seaway", "ps"]),
        ("seaway -f 'a b' \"c\\\"d", ["seaway", "-f", "a b", 'c"d']),
        ("seaway a\\ b '' ", ["seaway", "a b", "", ""]),
        ("seaway 'open ", ["seaway", "open "]),
    ],
)
def test_a_line_is_cut_as_a_shell_cuts_it(line: str, words: list[str]) -> None:
    assert split(line) == words


def test_names_come_from_the_engine_with_what_they_are(engine: Engine, seaway: Run) -> None:
    engine.answers["GET /networks"] = (200, [{"Name": "web", "Driver": "bridge"}, {"Name": "a b"}])
    engine.answers["GET /containers/json"] = (
        200,
        [
            {"Names": ["/db"], "State": "running", "Status": "Up 2 hours"},
            {"Names": ["/old"], "State": "exited", "Status": "Exited (0)"},
            {"Names": ["/still"], "State": "paused", "Status": "Up 1 hour (Paused)"},
        ],
    )

    assert seaway("__complete", "zsh", "network", "connect", "") == (0, "web\tbridge\n", "")
    paused = "still\tUp 1 hour (Paused)\n"
    assert seaway("__complete", "fish", "stop", "") == (0, f"db\tUp 2 hours\n{paused}", "")
    assert seaway("__complete", "fish", "exec", "") == (0, "db\tUp 2 hours\n", "")
    assert seaway("__complete", "fish", "unpause", "") == (0, paused, "")
    assert seaway("__complete", "fish", "start", "") == (0, "old\tExited (0)\n", "")
    assert engine.seen[1].query == {"all": "1"}


def test_bash_gets_what_stands_behind_its_last_cut(seaway: Run) -> None:
    breaks = " \t\n\"'><=;|&(:"

    assert seaway("__complete", "bash", breaks, "seaway ps --format=j")[1] == "json\n"
    assert seaway("__complete", "bash", breaks, "seaway ps -f status=e")[1] == "exited\n"
    assert seaway("__complete", "bash", " \t", "seaway ps --format=j")[1] == "--format=json\n"


def test_without_an_engine_there_are_no_names_and_no_words_about_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from seaway.cli.main import main  # noqa: PLC0415

    monkeypatch.setenv("SEAWAY_HOST", f"unix://{tmp_path}/nobody")

    assert main(["__complete", "fish", "network", "rm", ""]) == 0
    assert capsys.readouterr() == ("", "")


def test_an_engine_that_says_nothing_holds_nobody_up(
    engine: Engine, seaway: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from time import monotonic, sleep  # noqa: PLC0415

    engine.answers["GET /networks"] = lambda _handler: sleep(3)
    begin = monotonic()

    assert seaway("__complete", "fish", "network", "rm", "") == (0, "", "")
    assert monotonic() - begin < 2
