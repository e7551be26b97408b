"""``seaway run``, ``exec`` and ``attach``: requests, streams, exit codes, signals, terminal."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from seaway.cli.endpoint import wish
from seaway.cli.execution import COMMANDS as EXECUTION
from seaway.cli.failure import Failure
from seaway.cli.options import read
from seaway.cli.run import COMMANDS, body, start_code
from seaway.cli.streams import Frames
from seaway.cli.terminal import KeyWatch, key_bytes
from seaway.cli.values import text
from unit.cli.conftest import Run
from unit.cli.engine import Engine, Handler
from unit.cli.test_main import LAUNCHER

BOX = "5b" * 32


class Process:
    """What a fake engine runs: its life is the function *act*."""

    def __init__(self, engine: Engine, act: Callable[[Handler], int]) -> None:
        self.act, self.code = act, 0
        self.started, self.ended, self.signalled = (threading.Event() for _ in range(3))
        self.signals: list[str] = []
        engine.answers["POST /containers/create"] = (201, {"Id": BOX, "Warnings": []})
        engine.answers[f"POST /containers/{BOX}/attach"] = self.attach
        engine.answers[f"POST /containers/{BOX}/wait"] = self.wait
        engine.answers[f"POST /containers/{BOX}/start"] = self.start
        engine.answers[f"POST /containers/{BOX}/kill"] = self.kill
        engine.answers[f"POST /containers/{BOX}/resize"] = (200, None)

    def start(self, handler: Handler) -> None:
        handler.reply(204, None)
        self.started.set()

    def attach(self, handler: Handler) -> None:
        handler.upgrade()
        assert self.started.wait(10)
        self.code = self.act(handler)
        self.ended.set()

    def wait(self, handler: Handler) -> None:
        handler.begin()
        assert self.ended.wait(10)
        handler.wfile.write(b'{"StatusCode":%d}\n' % self.code)

    def kill(self, handler: Handler) -> None:
        self.signals.append(handler.request_seen.query["signal"])
        handler.reply(204, None)
        self.signalled.set()


def command(engine: Engine, *words: str) -> list[str]:
    """The command line of the command as a program of its own."""
    code = f"{LAUNCHER}sys.exit(main(sys.argv[1:]))"
    return [sys.executable, "-I", "-S", "-c", code, "-H", engine.host, *words]


def test_an_attached_run_asks_in_dockers_order_and_ends_with_the_exit_code(
    engine: Engine, seaway: Run
) -> None:
    def act(handler: Handler) -> int:
        handler.frame(1, b"out\n")
        handler.frame(2, b"err\n")
        return 7

    Process(engine, act)

    assert seaway("run", "--name", "box", "--rm", "sh", "-c", "x") == (7, "out\n", "err\n")
    assert engine.sent() == [
        ("POST", "/containers/create"),
        ("POST", f"/containers/{BOX}/attach"),
        ("POST", f"/containers/{BOX}/wait"),
        ("POST", f"/containers/{BOX}/start"),
    ]
    assert engine.seen[0].query == {"name": "box"}
    assert engine.seen[1].query == {"stream": "1", "stdout": "1", "stderr": "1"}
    assert engine.seen[1].headers["upgrade"] == "tcp"
    assert engine.seen[2].query == {"condition": "removed"}


def test_a_run_in_the_background_prints_the_id(engine: Engine, seaway: Run) -> None:
    engine.answers["POST /containers/create"] = (201, {"Id": BOX, "Warnings": ["careful"]})
    engine.answers[f"POST /containers/{BOX}/start"] = (204, None)

    assert seaway("run", "-d", "sleep", "9") == (0, f"{BOX}\n", "WARNING: careful\n")


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ('exec: "nosuch": executable file not found in $PATH: unknown', 127),
        ("exec /etc/passwd: permission denied", 126),
        ("Bind for 0.0.0.0:80 failed: port is already allocated", 125),
    ],
)
def test_a_failed_start_has_dockers_exit_code(
    engine: Engine, seaway: Run, message: str, code: int
) -> None:
    engine.answers["POST /containers/create"] = (201, {"Id": BOX, "Warnings": None})
    engine.answers[f"POST /containers/{BOX}/start"] = (400, {"message": message})

    assert seaway("run", "-d", "x") == (code, "", f"Error response from daemon: {message}\n")
    assert start_code(message) == code


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("ubuntu true", True),
        ("docker.io/library/ubuntu:22.04", True),
        ("./ubuntu", False),
        ("/bin/ubuntu", False),
        ("--rootfs /srv/box ubuntu", False),
    ],
)
def test_who_names_an_image_is_told_that_there_are_none(
    engine: Engine, seaway: Run, words: str, said: bool
) -> None:
    word = words.split()[-2 if words.endswith(" true") else -1]
    message = f'exec: "{word}": executable file not found in $PATH: unknown'
    engine.answers["POST /containers/create"] = (201, {"Id": BOX, "Warnings": None})
    engine.answers[f"POST /containers/{BOX}/start"] = (400, {"message": message})

    code, _, err = seaway("run", "-d", *words.split())

    first, *more = err.splitlines()
    assert (code, first) == (127, f"Error response from daemon: {message}")
    hint = (
        f"Seaway has no images: '{word}' was looked for among the host's own programs; "
        "--rootfs DIR runs those of a directory"
    )
    assert more == ([hint] if said else [])


def test_without_an_engine_run_ends_with_125(seaway: Run, engine: Engine) -> None:
    engine.close()
    engine.where.unlink()

    assert seaway("run", "x")[0] == 125


def test_input_reaches_the_process_and_its_end_as_well(engine: Engine) -> None:
    def act(handler: Handler) -> int:
        handler.frame(1, handler.rfile.read().upper())
        return 0

    Process(engine, act)

    done = subprocess.run(
        command(engine, "run", "-i", "cat"),
        input=b"hello",
        capture_output=True,
        check=False,
        timeout=20,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, b"HELLO", b"")


def test_a_process_that_writes_before_it_has_read_all_does_not_stop(engine: Engine) -> None:
    def act(handler: Handler) -> int:
        while data := handler.rfile.read1(65536):
            handler.frame(1, data)
        return 0

    Process(engine, act)
    sent = os.urandom(4_000_000)

    done = subprocess.run(
        command(engine, "run", "-i", "cat"),
        input=sent,
        capture_output=True,
        check=False,
        timeout=30,
    )

    assert done.returncode == 0
    assert done.stdout == sent


def test_the_third_interrupt_leaves_a_process_that_heeds_none(engine: Engine) -> None:
    over = threading.Event()

    def act(_handler: Handler) -> int:
        assert over.wait(10)
        return 0

    process = Process(engine, act)

    with subprocess.Popen(command(engine, "run", "x"), stderr=subprocess.PIPE) as running:
        assert process.started.wait(10)
        for sent in range(3):
            running.send_signal(signal.SIGINT)
            deadline = time.monotonic() + 10
            while len(process.signals) == sent and time.monotonic() < deadline:
                time.sleep(0.01)
        _, err = running.communicate(timeout=10)
        over.set()

    assert process.signals == ["SIGINT"] * 3
    assert (running.returncode, err) == (
        1,
        b"\ngot 3 SIGTERM/SIGINTs, forcefully exiting; the sandbox goes on\n",
    )


def test_signals_are_passed_on(engine: Engine) -> None:
    def act(_handler: Handler) -> int:
        assert process.signalled.wait(10)
        return 130

    process = Process(engine, act)

    with subprocess.Popen(command(engine, "run", "sleep", "9")) as running:
        assert process.started.wait(10)
        running.send_signal(signal.SIGINT)
        assert running.wait(10) == 130

    assert process.signals == ["SIGINT"]


def test_without_sig_proxy_a_signal_ends_the_command_only(engine: Engine) -> None:
    left = threading.Event()

    def act(_handler: Handler) -> int:
        left.wait(10)
        return 0

    process = Process(engine, act)

    with subprocess.Popen(command(engine, "run", "--sig-proxy=false", "sleep", "9")) as running:
        assert process.started.wait(10)
        running.send_signal(signal.SIGTERM)
        assert running.wait(10) == 128 + signal.SIGTERM
    left.set()

    assert process.signals == []


def test_an_engine_that_dies_meanwhile_is_said_to_be_gone(engine: Engine, seaway: Run) -> None:
    def gone(handler: Handler) -> None:
        handler.begin()

    Process(engine, lambda _handler: 0)
    engine.answers[f"POST /containers/{BOX}/wait"] = gone

    assert seaway("run", "x") == (
        125,
        "",
        "the engine went away; the sandbox goes on without it\n",
    )


def in_terminal(words: list[str], typed: bytes, until: bytes) -> tuple[int, bytes, bool]:
    """Run *words* on a terminal of 30 rows and 100 columns; type when *until* was seen.

    Gives the exit code, what was shown, and whether the terminal was left as it was.
    """
    outer, inner = pty.openpty()
    termios.tcsetwinsize(inner, (30, 100))
    before = termios.tcgetattr(inner)
    with subprocess.Popen(words, stdin=inner, stdout=inner, stderr=inner) as running:
        shown = b""
        while until not in shown:
            shown += os.read(outer, 1000)
        os.write(outer, typed)
        code = running.wait(10)
    same = termios.tcgetattr(inner) == before
    os.set_blocking(outer, False)
    try:
        shown += os.read(outer, 100_000)
    except BlockingIOError:
        shown += b""
    os.close(inner)
    os.close(outer)
    return code, shown, same


def test_a_terminal_is_raw_sized_and_given_back(engine: Engine) -> None:
    def act(handler: Handler) -> int:
        handler.wfile.write(b"ready ")
        typed = handler.rfile.read(3)
        handler.wfile.write(repr(typed).encode())
        return 3

    Process(engine, act)

    code, shown, same = in_terminal(command(engine, "run", "-it", "sh"), b"\x03\r\x04", b"ready ")

    assert (code, same) == (3, True)
    assert shown == b"ready b'\\x03\\r\\x04'"
    resize = next(request for request in engine.seen if request.path.endswith("/resize"))
    assert resize.query == {"h": "30", "w": "100"}
    assert isinstance(engine.seen[0].body, dict)


def test_the_detach_keys_leave_the_process_running(engine: Engine) -> None:
    left = threading.Event()

    def act(handler: Handler) -> int:
        handler.wfile.write(b"ready ")
        assert handler.rfile.read(2) == b"\x10\x11"
        handler.connection.shutdown(2)  # the engine has seen the keys
        left.wait(10)
        return 0

    Process(engine, act)

    code, _, same = in_terminal(command(engine, "run", "-it", "sh"), b"\x10\x11", b"ready ")
    left.set()

    assert (code, same) == (0, True)


def test_a_terminal_is_asked_for_where_there_is_none(engine: Engine) -> None:
    done = subprocess.run(
        command(engine, "run", "-it", "sh"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (
        1,
        b"the input is not a terminal: leave -t out, or -i\n",
    )
    assert engine.seen == []


def test_exec_ends_with_the_exit_code_of_its_command(engine: Engine, seaway: Run) -> None:
    def start(handler: Handler) -> None:
        handler.upgrade()
        handler.frame(1, b"hi\n")

    engine.answers["POST /containers/box/exec"] = (201, {"Id": "e1"})
    engine.answers["POST /exec/e1/start"] = start
    engine.answers["GET /exec/e1/json"] = (200, {"ExitCode": 5, "Running": False})

    assert seaway("exec", "-e", "A=1", "-w", "/", "-u", "me", "box", "ls", "-l") == (5, "hi\n", "")
    assert engine.seen[0].body == {
        "AttachStdin": False,
        "AttachStdout": True,
        "AttachStderr": True,
        "Tty": False,
        "Detach": False,
        "DetachKeys": "",
        "Env": ["A=1"],
        "WorkingDir": "/",
        "User": "me",
        "Cmd": ["ls", "-l"],
    }
    assert read("seaway exec", EXECUTION["exec"], ["-it", "box", "sh", "-i"]).rest == [
        "box",
        "sh",
        "-i",
    ]


def test_an_exec_that_is_refused_says_so_at_once(engine: Engine, seaway: Run) -> None:
    engine.answers["POST /containers/box/exec"] = (201, {"Id": "e1"})
    engine.answers["POST /exec/e1/start"] = (409, {"message": "box is paused"})  # kept alive

    assert seaway("exec", "box", "ls") == (1, "", "Error response from daemon: box is paused\n")


def test_exec_waits_for_a_command_that_ends_after_its_output(engine: Engine, seaway: Run) -> None:
    ends = iter([{"ExitCode": None, "Running": True}, {"ExitCode": 5, "Running": False}])
    engine.answers["POST /containers/box/exec"] = (201, {"Id": "e1"})
    engine.answers["POST /exec/e1/start"] = Handler.upgrade
    engine.answers["GET /exec/e1/json"] = lambda handler: handler.reply(200, next(ends))

    assert seaway("exec", "box", "ls")[0] == 5


def test_exec_in_the_background_does_not_wait(engine: Engine, seaway: Run) -> None:
    engine.answers["POST /containers/box/exec"] = (201, {"Id": "e1"})
    engine.answers["POST /exec/e1/start"] = (200, None)

    assert seaway("exec", "-d", "box", "ls") == (0, "", "")
    assert engine.seen[1].body == {"Detach": True, "Tty": False}


def test_nobody_attaches_to_what_does_not_run(engine: Engine, seaway: Run) -> None:
    engine.answers["GET /containers/box/json"] = (200, {"State": {"Running": False}})

    assert seaway("attach", "box") == (
        1,
        "",
        "box is not running: start it first, with: seaway start box\n",
    )


def test_attach_follows_to_the_end(engine: Engine, seaway: Run) -> None:
    def act(handler: Handler) -> int:
        handler.frame(1, b"more\n")
        return 4

    process = Process(engine, act)
    process.started.set()
    running = {"State": {"Running": True}, "Config": {"Tty": False, "OpenStdin": False}}
    engine.answers[f"GET /containers/{BOX}/json"] = (200, running)

    assert seaway("attach", BOX) == (4, "more\n", "")


def test_start_can_attach(engine: Engine, seaway: Run) -> None:
    def act(handler: Handler) -> int:
        handler.frame(1, b"again\n")
        return 2

    Process(engine, act)
    engine.answers[f"GET /containers/{BOX}/json"] = (200, {"Config": {"Tty": False}})

    assert seaway("start", "-a", BOX) == (2, "again\n", "")


def created(*words: str) -> dict[str, object]:
    """The body of create for a command line of run."""
    return body(read("seaway run", COMMANDS["run"], words))


def test_everything_said_to_run_is_in_the_body(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "env").write_text("# nothing\n\nFROM_FILE=1\nTAKEN\nABSENT\n")
    (tmp_path / "labels").write_text("a=1\nb\n")
    monkeypatch.setenv("TAKEN", "here")
    monkeypatch.chdir(tmp_path)

    words = (
        f"-i --env-file {tmp_path}/env -e A=b=c -e TAKEN -e ABSENT --label-file {tmp_path}/labels"
        " -l b=2 -w /tmp -u me:us -h box -p 127.0.0.1:8080:80 -p 53:53/udp -P --expose 80-82"
        " --dns 9.9.9.9 --dns-search a.example --dns-option ndots:1 --add-host a:1.2.3.4"
        " --add-host b=[fd00::1] --add-host c:host-gateway -v ./x:/x:ro -v /y:/y"
        " --cap-add NET_ADMIN --cap-drop ALL --rootfs ./root --rm --stop-signal INT"
        " --stop-timeout 3 -- env -i"
    ).split()

    assert created(*words) == {
        "Image": f"{tmp_path}/root",
        "Cmd": ["env", "-i"],
        "Env": ["FROM_FILE=1", "TAKEN=here", "A=b=c", "TAKEN=here"],
        "Labels": {"a": "1", "b": "2"},
        "WorkingDir": "/tmp",
        "User": "me:us",
        "Hostname": "box",
        "Tty": False,
        "OpenStdin": True,
        "StdinOnce": True,
        "AttachStdin": True,
        "AttachStdout": True,
        "AttachStderr": True,
        "ExposeSpecs": ["80-82"],
        "StopSignal": "INT",
        "StopTimeout": 3,
        "HostConfig": {
            "NetworkMode": "default",
            "PortSpecs": ["127.0.0.1:8080:80", "53:53/udp"],
            "PublishAllPorts": True,
            "Binds": [f"{tmp_path}/x:/x:ro", "/y:/y"],
            "Dns": ["9.9.9.9"],
            "DnsOptions": ["ndots:1"],
            "DnsSearch": ["a.example"],
            "ExtraHosts": ["a:1.2.3.4", "b:fd00::1", "c:host-gateway"],
            "CapAdd": ["NET_ADMIN"],
            "CapDrop": ["ALL"],
            "AutoRemove": True,
        },
        "NetworkingConfig": {"EndpointsConfig": {}},
    }


@pytest.mark.parametrize(
    ("words", "mode", "endpoints"),
    [
        ("", "default", {}),
        ("--network web", "web", {"web": {}}),
        ("--network host", "host", {"host": {}}),
        ("--network container:db", "container:db", {}),
        (
            "--network web:ip=10.5.0.9,alias=a,alias=b,mac=02:00:00:00:00:01,ifname=lan0",
            "web",
            {
                "web": {
                    "IPAMConfig": {"IPv4Address": "10.5.0.9"},
                    "Aliases": ["a", "b"],
                    "MacAddress": "02:00:00:00:00:01",
                    "DriverOpts": {"com.docker.network.endpoint.ifname": "lan0"},
                }
            },
        ),
        (
            "--network name=web,ip6=fd00::9,gw-priority=-5,driver-opt=a=b --network lan",
            "web",
            {
                "web": {
                    "IPAMConfig": {"IPv6Address": "fd00::9"},
                    "DriverOpts": {"a": "b"},
                    "GwPriority": -5,
                },
                "lan": {},
            },
        ),
        (
            "--network web --ip 10.5.0.9 --network lan --network-alias db",
            "web",
            {"web": {"IPAMConfig": {"IPv4Address": "10.5.0.9"}, "Aliases": ["db"]}, "lan": {}},
        ),
        ("--ip 10.5.0.9", "default", {"default": {"IPAMConfig": {"IPv4Address": "10.5.0.9"}}}),
    ],
)
def test_networks_can_be_said_in_each_way(
    words: str, mode: str, endpoints: dict[str, object]
) -> None:
    config = created(*words.split(), "sh")

    assert config["NetworkingConfig"] == {"EndpointsConfig": endpoints}
    assert text(config, "HostConfig", "NetworkMode") == mode


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ("web:bogus=1", "--network does not know 'bogus=1'; it knows ip,"),
        ("name=web,ip", "--network does not know 'ip'; it knows ip,"),
        ("ip=10.0.0.1", "names no network"),
        ("web:gw-priority=high", "gw-priority is a whole number, not 'high'"),
        ("web:driver-opt=x", "a driver option is NAME=VALUE, not 'x'"),
    ],
)
def test_a_wish_that_nobody_understands_is_refused(wanted: str, sentence: str) -> None:
    with pytest.raises(Failure) as caught:
        wish(wanted).body()

    assert sentence in caught.value.message
    assert caught.value.code == 125


def test_a_network_is_named_once() -> None:
    with pytest.raises(Failure) as caught:
        created("--network", "web:ip=10.0.0.5", "--network", "lan", "--network", "web", "sh")

    assert caught.value.message == 'network "web" is specified multiple times'
    assert caught.value.code == 125


def test_a_file_that_is_not_there_is_named_without_a_number(tmp_path: Path) -> None:
    with pytest.raises(Failure) as caught:
        created("--env-file", str(tmp_path / "none"), "sh")

    assert caught.value.message == f"cannot read {tmp_path}/none: No such file or directory"


def test_a_file_that_cannot_be_read_ends_with_125(tmp_path: Path) -> None:
    (tmp_path / "bad").write_text("A B=1\n")

    for name in ("none", "bad"):
        with pytest.raises(Failure) as caught:
            created("--env-file", str(tmp_path / name), "sh")
        assert caught.value.code == 125


@pytest.mark.parametrize("step", [1, 3, 8, 1000])
def test_frames_come_apart_however_they_are_cut(step: int) -> None:
    sent = (
        b"\1\0\0\0\0\0\0\3hi\n" + b"\2\0\0\0\0\0\0\2no" + b"\1\0\0\0\0\0\0\0" + b"\0\0\0\0\0\0\0\1!"
    )
    frames = Frames(raw=False)

    found: dict[int, bytes] = {1: b"", 2: b""}
    for at in range(0, len(sent), step):
        for target, data in frames.split(sent[at : at + step]):
            found[target] += data

    assert found == {1: b"hi\n!", 2: b"no"}


def test_what_is_no_frame_is_refused() -> None:
    with pytest.raises(Failure, match="a form that this command does not know"):
        list(Frames(raw=False).split(b"Hello, world"))


def test_detach_keys_are_spelt_as_in_docker() -> None:
    assert key_bytes("") == b"\x10\x11"
    assert key_bytes("ctrl-a,d,ctrl-[,ctrl-@") == b"\x01d\x1b\x00"
    for bad in ("ctrl-", "ab", "ctrl-1", ","):
        with pytest.raises(Failure):
            key_bytes(bad)


def test_detach_keys_are_seen_across_reads() -> None:
    watch = KeyWatch(b"\x10\x11")
    watch.typed(b"abc\x10")
    assert not watch.seen
    watch.typed(b"\x11")
    assert watch.seen
