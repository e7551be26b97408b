"""Command lines are read as docker reads them."""

from __future__ import annotations

import pytest

from seaway.cli.failure import Failure, Misused
from seaway.cli.help import help_text
from seaway.cli.options import Args, Command, HelpAsked, Option, grouped, read, switch


def _do_nothing(_args: Args, _api: object) -> int:
    return 0


OPTIONS = (
    switch("tty t", "a terminal"),
    switch("interactive i", "input"),
    switch("ipv4", "IPv4"),
    Option("publish p", "PORT", "a port"),
    Option("network --net", "NET", "a network"),
)
RUN = Command(_do_nothing, "COMMAND", "Run.", least=1, options_first=True, options=OPTIONS)
LIST = Command(_do_nothing, "", "List.", most=1, options=OPTIONS)


def test_switches_may_stand_together_and_the_last_may_take_a_value() -> None:
    args = read("seaway run", RUN, ["-itp", "8080:80", "sh"])

    assert args.flag("interactive")
    assert args.flag("tty")
    assert args.every("publish") == ["8080:80"]
    assert args.rest == ["sh"]


@pytest.mark.parametrize("words", [["-p80"], ["-p=80"], ["-p", "80"], ["--publish=80"]])
def test_a_value_may_follow_in_every_way_docker_knows(words: list[str]) -> None:
    assert read("seaway ls", LIST, words).every("publish") == ["80"]


def test_a_switch_can_be_turned_off_and_an_absent_one_is_told_apart() -> None:
    args = read("seaway ls", LIST, ["--ipv4=false"])

    assert args.given("ipv4")
    assert not args.flag("ipv4")
    assert not args.given("tty")


def test_the_first_argument_ends_the_options_of_run() -> None:
    args = read("seaway run", RUN, ["-t", "ls", "-p", "--help"])

    assert args.rest == ["ls", "-p", "--help"]
    assert args.every("publish") == []


def test_two_dashes_end_the_options() -> None:
    assert read("seaway run", RUN, ["--", "-x", "--"]).rest == ["-x", "--"]


def test_options_may_follow_arguments_elsewhere() -> None:
    args = read("seaway ls", LIST, ["web", "-t"])

    assert args.rest == ["web"]
    assert args.flag("tty")


def test_older_spellings_mean_the_same_option() -> None:
    assert read("seaway run", RUN, ["--net", "web", "sh"]).every("network") == ["web"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--bogus"], "unknown flag: --bogus"),
        (["-x"], "unknown shorthand flag: -x"),
        (["-p"], "flag needs an argument: -p PORT"),
        (["--ipv4=maybe"], "--ipv4 is a switch and takes true or false, not 'maybe'"),
    ],
)
def test_a_wrong_flag_is_named_and_ends_with_125(words: list[str], sentence: str) -> None:
    with pytest.raises(Misused) as caught:
        read("seaway ls", LIST, words)

    assert caught.value.message == f"{sentence}\nSee 'seaway ls --help'."
    assert caught.value.code == 125


def test_too_many_and_too_few_arguments_end_with_1() -> None:
    with pytest.raises(Failure, match="'seaway ls' takes 0 to 1 arguments") as many:
        read("seaway ls", LIST, ["a", "b"])
    with pytest.raises(Failure, match="'seaway run' takes at least 1 argument\n"):
        read("seaway run", RUN, [])

    assert many.value.code == 1


def test_help_is_asked_for_by_h_only_where_h_means_nothing_else() -> None:
    hostname = Command(_do_nothing, "", "", options=(Option("hostname h", "NAME", "name"),))

    with pytest.raises(HelpAsked):
        read("seaway ls", LIST, ["-h"])
    assert read("seaway run", hostname, ["-h", "box"]).text("hostname") == "box"


def test_a_help_text_shows_usage_meaning_examples_and_options() -> None:
    command = Command(
        _do_nothing,
        "[OPTIONS] NAME",
        "Do a thing.",
        examples=("seaway do it",),
        options=(
            switch("force f", "do not ask"),
            Option("name", "NAME", "its name"),
            *grouped("Where", Option("at", "PLACE", "the place")),
        ),
        docker="docker do",
    )

    assert help_text("seaway do", command) == (
        "Usage: seaway do [OPTIONS] NAME\n"
        "\n"
        "Do a thing.\n"
        "\n"
        "With docker: docker do\n"
        "\n"
        "Examples:\n"
        "  seaway do it\n"
        "\n"
        "Options:\n"
        "  -f, --force      do not ask\n"
        "      --name NAME  its name\n"
        "\n"
        "Where:\n"
        "      --at PLACE  the place\n"
    )
