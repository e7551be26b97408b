"""``status version config events purge daemon``."""

from __future__ import annotations

import os
import sys
import time

import pytest

from seaway import __version__
from seaway.cli.events import line_of
from seaway.cli.main import main
from unit.cli.conftest import Run
from unit.cli.engine import Engine, Handler


def test_status_shows_warnings_and_ends_with_0(engine: Engine, seaway: Run) -> None:
    engine.answers["GET /seaway/status"] = (
        200,
        {
            "Version": "0.1.0",
            "Pid": 7,
            "Started": "2026-11-25T17:28:00.518232205Z",
            "Networks": 3,
            "Sandboxes": 5,
            "Running": 2,
            "MemoryBytes": 41_200_000,
            "OpenFiles": 55,
            "Socket": "/run/seaway/seaway.sock",
            "RunDir": "/run/seaway",
            "DataDir": "/var/lib/seaway",
            "Warnings": ["ip_forward is off"],
        },
    )

    assert seaway("status") == (
        0,
        (
            "Engine:         running, version 0.1.0, process 7\n"
            "Started:        2026-11-25 17:28:00 UTC\n"
            "Networks:       3\n"
            "Sandboxes:      5, 2 running\n"
            "Memory:         41.2 MB\n"
            "Open files:     55\n"
            "Socket:         /run/seaway/seaway.sock\n"
            "Run directory:  /run/seaway\n"
            "Data directory: /var/lib/seaway\n"
            "WARNING: ip_forward is off\n"
        ),
        "",
    )
    assert seaway("status", "--format", "{{.Running}}")[1] == "2\n"


def test_version_speaks_of_both_ends(engine: Engine, seaway: Run) -> None:
    engine.answers["GET /version"] = (200, {"Version": "0.2.0", "ApiVersion": "1.50"})

    assert " API version:  1.50\n" in seaway("version")[1]
    assert seaway("version", "--format", "{{.Server.Version}}")[1] == "0.2.0\n"


def test_version_without_an_engine_still_tells_its_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["-H", "unix:///nowhere/s", "version"]) == 1
    found = capsys.readouterr()

    assert f" Version:      {__version__}\n" in found.out
    assert "is the engine running?" in found.err


def test_config_shows_where_each_value_came_from(engine: Engine, seaway: Run) -> None:
    engine.answers["GET /seaway/config"] = (
        200,
        [
            {"Name": "data-dir", "Value": "/var/lib/seaway", "Origin": "default"},
            {"Name": "log-level", "Value": "debug", "Origin": "command line"},
        ],
    )

    assert seaway("config")[1] == (
        "NAME        ORIGIN         VALUE\n"
        "data-dir    default        /var/lib/seaway\n"
        "log-level   command line   debug\n"
    )


def test_config_shows_several_values_below_one_another_and_whole_in_a_format(
    engine: Engine, seaway: Run
) -> None:
    pools = "base=10.20.0.0/16,size=24, base=fd00:20::/48,size=64"
    engine.answers["GET /seaway/config"] = (
        200,
        [
            {"Name": "pools", "Value": pools, "Origin": "default"},
            {"Name": "bip", "Value": "", "Origin": "default"},
        ],
    )

    assert seaway("config")[1] == (
        "NAME      ORIGIN    VALUE\n"
        "pools     default   base=10.20.0.0/16,size=24\n"
        "                    base=fd00:20::/48,size=64\n"
        "bip       default   \n"
    )
    assert seaway("config", "--format", "{{.Name}} {{.Value}}")[1] == f"pools {pools}\nbip \n"


EVENT = {
    "Type": "network",
    "Action": "connect",
    "Actor": {"ID": "n1", "Attributes": {"name": "web", "container": "c1"}},
    "time": 1795500575,
    "timeNano": 1795500575626196683,
}


def test_an_event_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()

    assert line_of(EVENT) == (
        "2026-11-24T06:09:35.626196683Z network connect n1 (container=c1, name=web)"
    )


def test_events_are_shown_until_the_engine_ends_them(engine: Engine, seaway: Run) -> None:
    def events(handler: Handler) -> None:
        handler.begin_chunks()
        handler.chunk(b'{"Type":"network","Action":"create"}\n{"Type":"net')
        handler.chunk(b'work","Action":"destroy"}\n')
        if "until" in handler.request_seen.query:
            handler.chunk(b"")

    engine.answers["GET /events"] = events

    whole = seaway("events", "--format", "{{.Action}}", "--until", "5")
    code, out, err = seaway("events", "--format", "json")

    assert whole[:2] == (0, "create\ndestroy\n")
    assert engine.seen[0].query == {"until": "5"}
    assert (code, out.count("\n")) == (1, 2)
    assert err == "the engine went away in the middle of its answer\n"


class Replaced(Exception):
    """Instead of becoming another program."""


@pytest.fixture
def become(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What the command would have become."""
    became: list[list[str]] = []

    def execv(program: str, words: list[str]) -> None:
        became.append([program, *words])
        raise Replaced

    monkeypatch.setattr(os, "execv", execv)
    return became


def test_purge_lists_what_went(engine: Engine, seaway: Run) -> None:
    lines = ["removed network web", "put back sysctl net.ipv4.ip_forward = 0"]

    def purge(handler: Handler) -> None:
        handler.reply(200, {"Removed": lines})
        engine.where.unlink()

    engine.answers["POST /seaway/purge"] = purge

    assert seaway("purge", "-f")[1] == "".join(f"{line}\n" for line in lines)


def test_purge_without_an_engine_becomes_one_that_purges(become: list[list[str]]) -> None:
    with pytest.raises(Replaced):
        main(["-H", "unix:///nowhere/s", "purge", "-f", "--run-dir", "/r", "--data-dir", "/d"])

    python = sys.executable
    assert become == [
        [
            python,
            python,
            "-P",
            "-m",
            "seaway.daemon",
            "--purge",
            "--run-dir",
            "/r",
            "--data-dir",
            "/d",
        ]
    ]


def test_purge_of_an_engine_elsewhere_does_not_take_the_default_one(
    become: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["-H", "unix:///nowhere/s", "purge", "-f"]) == 1
    assert "say which engine's traces: --run-dir DIR --data-dir DIR" in capsys.readouterr().err
    assert become == []


def test_daemon_gets_its_words_as_they_are(
    become: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SEAWAY_HOST", raising=False)
    for words in (["daemon", "--help"], ["-H", "unix:///x", "daemon", "--run-dir", "/r"]):
        with pytest.raises(Replaced):
            main(words)

    assert [words[4:] for words in become] == [
        ["seaway.daemon", "--help"],
        ["seaway.daemon", "-H", "unix:///x", "--run-dir", "/r"],
    ]
