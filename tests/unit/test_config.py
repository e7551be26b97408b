"""Settings: where each comes from, and one sentence for each mistake."""

from __future__ import annotations

from dataclasses import fields
from ipaddress import ip_network
from pathlib import Path

import pytest

from seaway import config as config_module
from seaway.config import DEFAULT_POOLS, Config, settings
from seaway.model.errors import InvalidRequest
from seaway.plan.subnets import AddressPool


@pytest.fixture(autouse=True)
def no_file_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What this machine's administrator wrote does not matter here."""
    monkeypatch.setattr(config_module, "DEFAULT_FILE", tmp_path / "none.toml")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where a configuration file may be written."""
    return tmp_path / "seaway.toml"


def refusal(*arguments: str) -> str:
    """The sentence with which *arguments* are refused."""
    with pytest.raises(InvalidRequest) as caught:
        settings(arguments)
    return str(caught.value)


def written(file: Path, text: str) -> str:
    """The sentence with which a file of that text is refused, without the file's name."""
    file.write_text(text)
    return refusal("--config", str(file)).replace(str(file), "FILE")


# Origins


def test_everything_has_a_default() -> None:
    found = settings([])

    assert found.config == Config()
    assert {o.origin for o in found.shown} == {"default"}
    assert [o.name for o in found.shown] == [f.name.replace("_", "-") for f in fields(Config)]


def test_the_command_line_goes_before_the_file_and_the_file_before_the_default(
    file: Path,
) -> None:
    file.write_text('log-level = "debug"\nlog-format = "json"\n')

    found = settings(["--config", str(file), "--log-level", "error"])

    origins = {o.name: (o.value, o.origin) for o in found.shown}
    assert origins["log-level"] == ("error", "command line")
    assert origins["log-format"] == ("json", str(file))
    assert origins["data-dir"] == ("/var/lib/seaway", "default")


def test_a_file_that_nobody_named_need_not_be_there() -> None:
    assert settings([]).config.data_dir == Path("/var/lib/seaway")


def test_every_setting_can_come_from_a_file(file: Path, tmp_path: Path) -> None:
    file.write_text(
        'data-dir = "/d"\nrun_dir = "/r"\nhosts = ["unix:///a", "unix:///b"]\ngroup = "g"\n'
        'resolv-conf = "/e/resolv.conf"\npower-safe = true\n'
        'default-address-pools = [{base = "10.0.0.0/8", size = 24}, '
        '{base = "fd77::/48", size = 64}]\n'
    )

    config = settings(["--config", str(file)]).config

    assert (config.data_dir, config.run_dir, config.group) == (Path("/d"), Path("/r"), "g")
    assert config.sockets == (Path("/a"), Path("/b"))
    assert config.power_safe is True
    assert config.default_address_pools == (
        AddressPool(base=ip_network("10.0.0.0/8"), size=24),
        AddressPool(base=ip_network("fd77::/48"), size=64),
    )


def test_an_option_for_many_may_be_given_many_times() -> None:
    found = settings(
        [
            "-H", "unix:///a", "--host", "unix:///b",
            "--default-address-pool", "base=10.7.0.0/16,size=24",
            "--default-address-pool", "base=10.8.0.0/16,size=26",
        ]
    )  # fmt: skip

    assert found.config.hosts == (Path("/a"), Path("/b"))
    shown = {o.name: o.value for o in found.shown}
    assert shown["default-address-pools"] == ("base=10.7.0.0/16,size=24, base=10.8.0.0/16,size=26")
    assert shown["hosts"] == "/a, /b"


def test_the_socket_lies_in_the_run_directory_unless_said_otherwise() -> None:
    found = settings(["--run-dir", "/r"])

    assert found.config.sockets == (Path("/r/seaway.sock"),)
    assert {o.name: o.value for o in found.shown}["hosts"] == "/r/seaway.sock"


def test_a_relative_path_begins_where_the_daemon_was_started(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)

    assert settings(["--data-dir", "data"]).config.data_dir == tmp_path / "data"


def test_purge_is_an_order_and_no_setting() -> None:
    assert settings(["--purge"]).purge is True
    assert settings([]).purge is False


def test_the_default_pools_are_dockers_and_more() -> None:
    assert [str(p.base) for p in DEFAULT_POOLS] == [
        *(f"172.{n}.0.0/16" for n in range(17, 32)),
        "192.168.0.0/16",
        "10.128.0.0/9",
    ]


# Mistakes


def test_an_unknown_setting_of_the_file_is_told_with_those_there_are(file: Path) -> None:
    names = ", ".join(sorted(f.name.replace("_", "-") for f in fields(Config)))

    assert written(file, "mut = 9000\n") == (
        f"configuration file FILE: there is no setting mut; settings are {names}"
    )


def test_a_file_that_is_named_and_not_there_is_told() -> None:
    assert refusal("--config", "/nonexistent/x.toml") == (
        "configuration file /nonexistent/x.toml does not exist"
    )


def test_a_file_that_is_no_toml_is_told_with_the_place(file: Path) -> None:
    sentence = written(file, "log-level debug\n")

    assert sentence.startswith("configuration file FILE cannot be read: ")
    assert "line 1" in sentence


def test_a_file_that_is_no_text_is_told(file: Path) -> None:
    file.write_bytes(b"\xff\xfe")

    assert refusal("--config", str(file)).startswith(f"configuration file {file} cannot be read: ")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            'log-level = "loud"',
            "setting log-level (FILE): 'loud' is not one of debug, info, warning, error",
        ),
        ("log-level = 3", "setting log-level (FILE): 3 is not one of debug, info, warning, error"),
        ('log-format = ["text"]', "setting log-format (FILE): ['text'] is not one of text, json"),
        ("power-safe = 1", "setting power-safe (FILE): 1 is neither true nor false"),
        ("group = 7", "setting group (FILE): 7 is no text"),
        ("data-dir = true", "setting data-dir (FILE): True is no text"),
        ('data-dir = ""', "setting data-dir (FILE): '' is no path"),
        (
            'hosts = ["http://0.0.0.0:2375"]',
            (
                "setting hosts (FILE): socket http://0.0.0.0:2375: it should be like "
                "unix:///run/seaway/seaway.sock, or tcp://127.0.0.1:2376"
            ),
        ),
        (
            'hosts = ["tcp://0.0.0.0:2375"]',
            (
                "tcp://0.0.0.0:2375 can be reached by others, and who uses the API is root here: "
                "give it --tlsverify with --tlscacert, --tlscert and --tlskey, "
                "or take tcp://127.0.0.1"
            ),
        ),
        (
            'default-address-pools = "base=10.0.0.0/8,size=24"',
            (
                "setting default-address-pools (FILE): address pools 'base=10.0.0.0/8,size=24': "
                "it should be a list of tables {base, size}"
            ),
        ),
    ],
)
def test_a_value_that_means_nothing_is_told_with_its_setting_and_origin(
    file: Path, text: str, sentence: str
) -> None:
    assert written(file, text) == sentence


@pytest.mark.parametrize(
    ("pool", "sentence"),
    [
        ("10.0.0.0/8", "it should be like base=10.128.0.0/9,size=24"),
        ("base=10.0.0.0/8", "it should be like base=10.128.0.0/9,size=24"),
        (
            "base=10.0.0.0/8,size=24,gap=1",
            "it should be like base=10.128.0.0/9,size=24",
        ),
        ("base=10.0.0.1/8,size=24", "10.0.0.1/8 has host bits set"),
        ("base=10.0.0.0/8,size=x", "invalid literal for int() with base 10: 'x'"),
        (
            "base=10.0.0.0/8,size=7",
            "size is a prefix length from 8 (all of the base) to 30",
        ),
        (
            "base=10.0.0.0/8,size=31",
            "size is a prefix length from 8 (all of the base) to 30",
        ),
        (
            "base=fd77::/48,size=127",
            "size is a prefix length from 48 (all of the base) to 126",
        ),
    ],
)
def test_a_pool_that_is_none_is_told(pool: str, sentence: str) -> None:
    assert refusal("--default-address-pool", pool) == (
        f"setting default-address-pools (command line): address pool {pool}: {sentence}"
    )


def test_an_unknown_option_ends_with_the_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        settings(["--no-such-option"])

    assert caught.value.code == 2
    assert "unrecognized arguments: --no-such-option" in capsys.readouterr().err


def test_help_names_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        settings(["--help"])

    text = capsys.readouterr().out
    for option in ("--data-dir", "--run-dir", "-H", "--default-address-pool", "--power-safe"):
        assert option in text


def test_tcp_gets_dockers_ports_unless_said_otherwise() -> None:
    hosts = ("-H", "unix:///a", "-H", "tcp://localhost", "-H", "tcp://[::1]:77")

    plain = settings(hosts).config
    secured = settings((*hosts, "--tlsverify")).config

    assert [str(each) for each in plain.addresses] == [
        "/a",
        "tcp://127.0.0.1:2375",
        "tcp://[::1]:77",
    ]
    assert [str(each) for each in plain.plain] == ["tcp://127.0.0.1:2375", "tcp://[::1]:77"]
    assert str(secured.addresses[1]) == "tcp://127.0.0.1:2376"
    assert secured.plain == ()
    assert secured.sockets == (Path("/a"),)
