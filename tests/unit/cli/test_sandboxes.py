"""Lists and deeds of sandboxes: ``ps``, ``start`` … ``prune``, ``logs``, ``port``, ``sandbox``."""

from __future__ import annotations

import json
import time
from urllib.parse import urlencode

import pytest

from seaway.cli.failure import Failure
from seaway.cli.listing import ago, command, names, ports
from seaway.cli.moment import seconds
from unit.cli.conftest import Run
from unit.cli.engine import Engine, Handler


def seen_port(ip: str, private: int, public: int = 0, proto: str = "tcp") -> object:
    found: dict[str, object] = {"PrivatePort": private, "Type": proto}
    return {**found, "IP": ip, "PublicPort": public} if public else found


def test_ps_has_dockers_columns(engine: Engine, seaway: Run) -> None:
    web: dict[str, object] = {
        "Id": "ab" * 32,
        "Names": ["/web"],
        "Image": "host",
        "Command": "python3 -m http.server 80",
        "Created": int(time.time()) - 200,
        "Ports": [seen_port("0.0.0.0", 80, 8080), seen_port("::", 80, 8080)],
        "Status": "Up 3 minutes",
        "State": "running",
        "Labels": {"a": "1"},
        "NetworkSettings": {"Networks": {"web": {}, "lan": {}}},
    }
    engine.answers["GET /containers/json"] = (200, [web])

    assert seaway("ps", "-a")[1] == (
        "CONTAINER ID   IMAGE     COMMAND                  CREATED         STATUS         PORTS"
        "                                     NAMES\n"
        'abababababab   host      "python3 -m http.ser…"   3 minutes ago   Up 3 minutes   '
        "0.0.0.0:8080->80/tcp, [::]:8080->80/tcp   web\n"
    )
    assert seaway("ps", "-q", "-n", "3")[1] == "abababababab\n"
    assert seaway("ps", "-l", "--format", "{{.Names}} {{.Networks}}")[1] == "web lan,web\n"
    assert [request.query for request in engine.seen] == [
        {"all": "1"},
        {"limit": "3"},
        {"limit": "1"},
    ]


def test_ports_that_follow_each_other_stand_together() -> None:
    found = [
        *(seen_port("0.0.0.0", 9000 + n, 19000 + n) for n in range(3)),
        seen_port("::", 9000, 19000),
        seen_port("", 443),
        seen_port("", 444),
        seen_port("127.0.0.1", 53, 5300, "udp"),
        seen_port("0.0.0.0", 81, 8081),
        seen_port("0.0.0.0", 80, 8083),
    ]

    assert ports(found) == (
        "127.0.0.1:5300->53/udp, 0.0.0.0:8083->80/tcp, 0.0.0.0:8081->81/tcp, 443-444/tcp, "
        "0.0.0.0:19000-19002->9000-9002/tcp, [::]:19000->9000/tcp"
    )


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (0.5, "Less than a second"),
        (1, "1 second"),
        (59, "59 seconds"),
        (61, "About a minute"),
        (125, "2 minutes"),
        (3600, "About an hour"),
        (86400, "24 hours"),
        (3 * 86400, "3 days"),
        (20 * 86400, "2 weeks"),
        (70 * 86400, "2 months"),
        (800 * 86400, "2 years"),
    ],
)
def test_ages_are_told_in_one_unit(span: float, text: str) -> None:
    assert ago(span) == text


def test_commands_and_names_are_cut_unless_asked_not_to() -> None:
    assert command("x" * 20, whole=False) == f'"{"x" * 20}"'
    assert command("x" * 21, whole=False) == f'"{"x" * 19}…"'
    assert command('say "hi"', whole=True) == '"say \\"hi\\""'
    assert names(["/web", "/other/alias"], whole=False) == "web"
    assert names(["/web", "/other/alias"], whole=True) == "web,other/alias"


@pytest.mark.parametrize(
    ("words", "asked", "query"),
    [
        ("start a", "POST /containers/a/start", ""),
        ("stop a", "POST /containers/a/stop", ""),
        ("stop -t 0 -s INT a", "POST /containers/a/stop", "t=0&signal=INT"),
        ("restart -t 3 a", "POST /containers/a/restart", "t=3"),
        ("kill a", "POST /containers/a/kill", "signal=KILL"),
        ("kill -s HUP a", "POST /containers/a/kill", "signal=HUP"),
        ("rm a", "DELETE /containers/a", "v=1"),
        ("rm -f a", "DELETE /containers/a", "force=1&v=1"),
        ("sandbox rm -f a", "DELETE /seaway/sandboxes/a", "force=1"),
    ],
)
def test_a_deed_is_one_request_and_prints_the_name(
    engine: Engine, seaway: Run, words: str, asked: str, query: str
) -> None:
    engine.answers[asked] = (204, None)

    assert seaway(*words.split()) == (0, "a\n", "")
    request = engine.seen[0]
    assert f"{request.method} {request.path}" == asked
    assert urlencode(request.query) == query


def test_what_runs_already_is_no_error(engine: Engine, seaway: Run) -> None:
    engine.answers["POST /containers/a/start"] = (304, None)

    assert seaway("start", "a") == (0, "a\n", "")


def test_rename_and_wait(engine: Engine, seaway: Run) -> None:
    engine.answers["POST /containers/a/rename"] = (204, None)
    engine.answers["POST /containers/a/wait"] = (200, {"StatusCode": 3})
    engine.answers["POST /containers/b/wait"] = (404, {"message": "No such container: b"})

    assert seaway("rename", "a", "b") == (0, "", "")
    assert engine.seen[0].query == {"name": "b"}
    assert seaway("wait", "a", "b") == (
        1,
        "3\n",
        "Error response from daemon: No such container: b\n",
    )


def test_prune_asks_first(engine: Engine, seaway: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    engine.answers["POST /containers/prune"] = (200, {"ContainersDeleted": ["x"]})

    class No:
        @staticmethod
        def readline() -> str:
            return "n\n"

    monkeypatch.setattr("sys.stdin", No)
    assert seaway("prune")[0] == 0
    assert engine.seen == []
    assert seaway("prune", "-f")[1] == "Deleted Sandboxes:\nx\n"


def test_inspect_tries_sandboxes_then_networks(engine: Engine, seaway: Run) -> None:
    engine.answers["GET /networks/web"] = (200, {"Name": "web"})

    assert seaway("inspect", "-f", "{{.Name}}", "web") == (0, "web\n", "")
    assert engine.sent() == [("GET", "/containers/web/json"), ("GET", "/networks/web")]
    assert seaway("inspect", "nosuch") == (
        1,
        "[]\n",
        "Error: no sandbox and no network is called 'nosuch'\n",
    )
    assert seaway("inspect", "--type", "image", "web")[0] == 125


def test_a_wait_that_the_engine_leaves_without_an_answer_fails(engine: Engine, seaway: Run) -> None:
    engine.answers["POST /containers/a/wait"] = lambda handler: handler.begin_chunks()

    assert seaway("wait", "a") == (1, "", "the engine went away in the middle of its answer\n")


@pytest.mark.parametrize(("ended", "code"), [(True, 0), (False, 1)])
def test_a_log_that_the_engine_did_not_end_fails(
    engine: Engine, seaway: Run, *, ended: bool, code: int
) -> None:
    def logs(handler: Handler) -> None:
        handler.begin_chunks()
        handler.chunk(b"said\n")
        if ended:
            handler.chunk(b"")

    engine.answers["GET /containers/a/json"] = (200, {"Config": {"Tty": True}})
    engine.answers["GET /containers/a/logs"] = logs

    told = "" if ended else "the engine went away in the middle of its answer\n"
    assert seaway("logs", "-f", "a") == (code, "said\n", told)


def test_logs_go_where_they_came_from(engine: Engine, seaway: Run) -> None:
    def logs(handler: Handler) -> None:
        handler.begin()
        handler.frame(1, b"one\n")
        handler.frame(2, b"two\n")

    engine.answers["GET /containers/a/json"] = (200, {"Config": {"Tty": False}})
    engine.answers["GET /containers/a/logs"] = logs

    assert seaway("logs", "-f", "--tail", "5", "-t", "--since", "100", "a") == (0, "one\n", "two\n")
    assert engine.seen[1].query == {
        "stdout": "1",
        "stderr": "1",
        "follow": "1",
        "timestamps": "1",
        "tail": "5",
        "since": "100",
    }


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ""),
        ("1795500311.5", "1795500311.5"),
        ("10m", "400.000000000"),
        ("1m30s", "910.000000000"),
        ("500ms", "999.500000000"),
        ("0s", "1000.000000000"),
        ("1970-01-01T00:01:00Z", "60.000000000"),
        ("1970-01-01T01:01:00+01:00", "60.000000000"),
        ("2026-11-24T06:05:11.123456789Z", "1795500311.123456789"),
        ("2026-11-24T07:05:11.5+01:00", "1795500311.500000000"),
    ],
)
def test_times_are_read_as_people_type_them(text: str, found: str) -> None:
    assert seconds(text, 1000.0) == found


@pytest.mark.parametrize(
    "text", ["yesterday", "10x", "m", "1.2.3m", "-5m", "10m5", "1970-01-01T00:01:00.Z"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(Failure, match="is no time: use 10m"):
        seconds(text, 1000.0)


def test_port_lists_bindings(engine: Engine, seaway: Run) -> None:
    bindings = {
        "443/tcp": None,
        "80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}, {"HostIp": "::", "HostPort": "8080"}],
        "53/udp": [{"HostIp": "127.0.0.1", "HostPort": "53"}],
    }
    engine.answers["GET /containers/a/json"] = (200, {"NetworkSettings": {"Ports": bindings}})

    assert seaway("port", "a")[1] == (
        "53/udp -> 127.0.0.1:53\n80/tcp -> 0.0.0.0:8080\n80/tcp -> [::]:8080\n"
    )
    assert seaway("port", "a", "80")[1] == "0.0.0.0:8080\n[::]:8080\n"
    assert seaway("port", "a", "81/tcp") == (1, "", "a publishes no port 81/tcp\n")
    assert seaway("port", "a", "web") == (
        *(1, ""),
        "invalid port 'web': it is PORT or PORT/PROTO\n",
    )


def test_a_tail_that_is_no_number_is_refused(engine: Engine, seaway: Run) -> None:
    assert seaway("logs", "--tail", "few", "a") == (
        *(125, ""),
        "--tail is a number of lines, or all, not 'few'\n",
    )
    assert engine.seen == []


def test_publish_and_unpublish_send_the_ports_as_they_were_typed(
    engine: Engine, seaway: Run
) -> None:
    shown = {
        "Published": [
            {
                "Proto": "tcp",
                "HostIp": "",
                "HostPort": 8080,
                "HostPortEnd": 8081,
                "Port": 80,
                "PortEnd": 81,
                "From": ["10.0.0.0/8"],
            }
        ],
        "Warnings": ["nobody serves 80"],
    }
    engine.answers["POST /seaway/sandboxes/a/publish"] = (200, shown)
    engine.answers["POST /seaway/sandboxes/a/unpublish"] = (200, {"Published": []})

    assert seaway("publish", "--from", "10.0.0.0/8", "a", "8080-8081:80-81") == (
        0,
        "80-81/tcp -> 0.0.0.0:8080-8081 from 10.0.0.0/8\n",
        "WARNING: nobody serves 80\n",
    )
    assert seaway("unpublish", "--now", "a", "8080:80") == (0, "", "")
    assert [request.body for request in engine.seen] == [
        {"Ports": ["8080-8081:80-81"], "From": ["10.0.0.0/8"]},
        {"Ports": ["8080:80"], "Now": True},
    ]


def test_sandboxes_are_made_adopted_and_listed(engine: Engine, seaway: Run) -> None:
    engine.answers["POST /seaway/sandboxes"] = (201, {"Id": "cd" * 32, "Warnings": []})
    engine.answers["GET /seaway/sandboxes"] = (
        200,
        [
            {
                "Id": "cd" * 32,
                "Name": "probe",
                "Kind": "namespace",
                "State": "running",
                "Netns": "/run/seaway/netns/cd",
                "Networks": [{"Name": "web", "Addresses": ["10.5.0.2", "fd00::2"]}, {"Name": "x"}],
            }
        ],
    )

    assert (
        seaway("sandbox", "create", "--network", "web", "-l", "a=b", "probe")[1] == "cd" * 32 + "\n"
    )
    assert seaway("sandbox", "adopt", "--netns", "/proc/9/ns/net", "other")[0] == 0
    assert seaway("sandbox", "adopt", "other")[0] == 125
    assert seaway("sandbox", "create", "") == (1, "", "the name is empty\n")
    assert [request.body for request in engine.seen] == [
        {
            "Name": "probe",
            "Netns": "",
            "Labels": {"a": "b"},
            "NetworkingConfig": {"EndpointsConfig": {"web": {}}},
        },
        {
            "Name": "other",
            "Netns": "/proc/9/ns/net",
            "Labels": {},
            "NetworkingConfig": {"EndpointsConfig": {}},
        },
    ]
    assert seaway("sandbox", "ls")[1] == (
        "SANDBOX ID     NAME      KIND        STATE     NETWORKS                     NETNS\n"
        "cdcdcdcdcdcd   probe     namespace   running   web (10.5.0.2, fd00::2), x"
        "   /run/seaway/netns/cd\n"
    )


def test_filters_without_a_value_are_refused(seaway: Run) -> None:
    assert seaway("ps", "-f", "running") == (125, "", "a filter is NAME=VALUE, not 'running'\n")


def test_ps_sends_filters(engine: Engine, seaway: Run) -> None:
    engine.answers["GET /containers/json"] = (200, [])
    seaway("ps", "--filter", "network=web")

    assert json.loads(engine.seen[0].query["filters"]) == {"network": {"web": True}}
