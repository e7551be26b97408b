"""The program as a whole: hosts, errors, help, and how little it loads."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from seaway.cli import main as program
from seaway.cli.client import Api, path
from seaway.cli.commands import every_command
from seaway.cli.main import main
from unit.cli.conftest import Run
from unit.cli.engine import Engine, Handler

SOURCE = Path(program.__file__).parents[2]
LAUNCHER = f"import sys; sys.path.insert(0, {str(SOURCE)!r}); from seaway.cli.main import main; "


def started(
    code: str, *words: str, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """The command in a Python of its own, started as the launcher starts it."""
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", LAUNCHER + code, *words],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
        env={**os.environ, **(environment or {})},
    )


def test_a_list_of_networks_loads_nothing_that_is_slow(engine: Engine) -> None:
    engine.answers["GET /networks"] = (200, [])

    done = started(
        "main(sys.argv[1:]); print(*sorted(sys.modules))", "-H", engine.host, "network", "ls"
    )

    title, modules = done.stdout.splitlines()
    assert title == "NETWORK ID   NAME      DRIVER    SCOPE"
    slow = "re json argparse enum typing dataclasses socket signal select pathlib subprocess ssl"
    assert set(modules.split()) & set(slow.split()) == set()
    assert len([name for name in modules.split() if name.startswith("seaway")]) == 13


def test_the_program_writes_all_before_it_ends(engine: Engine) -> None:
    engine.answers["GET /networks"] = (200, [{"Name": f"n{i}"} for i in range(5000)])

    code = "from seaway.cli.main import program; program()"
    done = started(code, "-H", engine.host, "network", "ls")
    failed = started(code, "-H", engine.host, "network", "rm", "x")

    assert (done.returncode, done.stdout.count("\n")) == (0, 5001)
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr == "Error response from daemon: nothing at DELETE /networks/x\n"


def test_the_environment_names_the_host_and_the_flag_wins(engine: Engine) -> None:
    engine.answers["GET /networks"] = (200, [])
    elsewhere = {"SEAWAY_HOST": "unix:///nowhere/at/all"}

    told = started(
        "sys.exit(main(sys.argv[1:]))", "network", "ls", environment={"SEAWAY_HOST": engine.host}
    )
    flagged = started(
        "sys.exit(main(sys.argv[1:]))", "-H", engine.host, "network", "ls", environment=elsewhere
    )

    assert (told.returncode, flagged.returncode) == (0, 0)


def test_the_host_of_docker_is_not_ours(engine: Engine) -> None:
    engine.answers["GET /networks"] = (200, [])
    environment = {"SEAWAY_HOST": engine.host, "DOCKER_HOST": "unix:///nowhere/at/all"}

    found = started("sys.exit(main(sys.argv[1:]))", "network", "ls", environment=environment)
    alone = started(
        "sys.exit(main(sys.argv[1:]))", "network", "ls", environment={"DOCKER_HOST": engine.host}
    )

    assert found.returncode == 0
    assert "nobody answers on /run/seaway/seaway.sock" in alone.stderr


def test_without_an_engine_it_says_how_to_start_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["-H", f"unix://{tmp_path}/s", "network", "ls"])

    assert code == 1
    assert capsys.readouterr().err == (
        f"nobody answers on {tmp_path}/s: is the engine running? start it with: seaway daemon\n"
    )


def test_a_socket_that_nobody_listens_on_reads_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "s"))

    assert main([f"--host=unix://{tmp_path}/s", "ps"]) == 1
    assert "start it with: seaway daemon" in capsys.readouterr().err


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_whoever_may_not_use_the_socket_is_told_the_group(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s"))
        listening.listen()
        (tmp_path / "s").chmod(0o600)
        for folder in (tmp_path, *tmp_path.parents[:3]):
            folder.chmod(folder.stat().st_mode | 0o055)
        done = started(
            "import os; os.setgid(65534); os.setuid(65534); sys.exit(main(sys.argv[1:]))",
            *("-H", f"unix://{tmp_path}/s", "network", "ls"),
        )

    assert done.returncode == 1
    assert "sudo usermod -aG seaway $USER, then log in again" in done.stderr


@pytest.mark.parametrize("host", ["ssh://host", "/run/x.sock", "unix://", "tcp://"])
def test_only_unix_sockets_and_tcp_are_hosts(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-H", host, "ps"]) == 1
    assert capsys.readouterr().err.endswith(
        ": name it as unix:///run/seaway/seaway.sock or tcp://HOST:2376\n"
    )


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (b"", "the engine closed the connection without an answer"),
        (b"SSH-2.0-x\r\n\r\n", "what answers on this socket is not the engine"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[", "in the middle of its answer"),
        (b"HTTP/1.1 200 OK\r\n\r\n[", "the engine's answer is not JSON"),
        (b"HTTP/1.1 500 Oops\r\n\r\noh no", "Error response from daemon: oh no"),
        (b"HTTP/1.1 500 Oops\r\n\r\n", "Error response from daemon: status 500"),
        (b"HTTP/1.1 500 Oops\r\n\r\n\x1b]0;x\x07", "Error response from daemon: \ufffd]0;x\ufffd"),
        (b"HTTP/1.1 200 OK\r\n" + b"x" * 200_000, "closed the connection without an answer"),
    ],
)
def test_a_broken_answer_is_one_sentence(
    engine: Engine, seaway: Run, answer: bytes, sentence: str
) -> None:
    def broken(handler: Handler) -> None:
        handler.wfile.write(answer)

    engine.answers["GET /networks"] = broken

    code, out, err = seaway("network", "ls")

    assert (code, out) == (1, "")
    assert sentence in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("answer", [None, 3, "x", {}, [None, 3, {"Name": 4, "Labels": []}]])
def test_an_answer_of_another_shape_shows_less_and_does_not_break(
    engine: Engine, seaway: Run, answer: object
) -> None:
    engine.answers["GET /networks"] = (200, answer)
    engine.answers["GET /containers/json"] = (200, answer)
    engine.answers["GET /seaway/map"] = (200, answer)
    engine.answers["GET /seaway/status"] = (200, answer)

    for words in (["network", "ls"], ["ps"], ["map"], ["status"]):
        assert seaway(*words)[0] == 0


def test_names_are_escaped_in_paths() -> None:
    assert path("networks", "a/b ?ü") == "/networks/a%2Fb%20%3F%C3%BC"


def test_a_path_too_long_for_a_socket_is_said_to_be() -> None:
    with pytest.raises(Exception, match="is too long for a socket: 107 bytes fit"):
        Api(f"unix:///{'x' * 200}").connect()


def test_every_command_has_a_help_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    for name in every_command().keys() - {"daemon"}:
        assert main([*name.split(), "--help"]) == 0
        out = capsys.readouterr().out
        assert out.startswith(f"Usage: seaway {name}")
        assert "Examples:\n  " in out
        assert max(map(len, out.splitlines())) <= 100


def test_help_without_a_command_lists_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    out = capsys.readouterr().out

    assert "  network     Make, change, show" in out
    assert "  purge       Take every trace" in out
    assert main(["help", "network", "ls"]) == 0
    assert capsys.readouterr().out.startswith("Usage: seaway network ls")


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["bogus"], 1, "'bogus' is no command of seaway\n"),
        (["netwrok", "ls"], 1, "'netwrok' is no command of seaway; did you mean network?\n"),
        (["network", "crate"], 1, "'crate' is no command of seaway network; did you mean create?"),
        (["ps", "--filtre", "a=b"], 125, "unknown flag: --filtre; did you mean --filter?\n"),
        (["network", "bogus"], 1, "'bogus' is no command of seaway network\n"),
        (["--bogus"], 125, "unknown flag: --bogus\n"),
        (["ps", "--bogus"], 125, "unknown flag: --bogus\n"),
    ],
)
def test_what_is_no_command_is_said_to_be(
    capsys: pytest.CaptureFixture[str], words: list[str], code: int, sentence: str
) -> None:
    assert main(words) == code
    assert capsys.readouterr().err.startswith(sentence)


def test_a_closed_pipe_ends_it_quietly(engine: Engine) -> None:
    engine.answers["GET /networks"] = (200, [{"Name": f"n{i}" * 50} for i in range(2000)])
    inlet, outlet = os.pipe()
    os.close(inlet)

    done = subprocess.run(
        [
            *(sys.executable, "-I", "-S", "-c", f"{LAUNCHER}sys.exit(main(sys.argv[1:]))"),
            *("-H", engine.host, "network", "ls"),
        ],
        stdout=outlet,
        stderr=subprocess.PIPE,
        check=False,
        timeout=20,
    )
    os.close(outlet)

    assert (done.returncode, done.stderr) == (141, b"")


def test_a_full_disk_is_one_sentence(engine: Engine) -> None:
    engine.answers["GET /networks"] = (200, [])

    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [
                *(sys.executable, "-I", "-S", "-c", f"{LAUNCHER}sys.exit(main(sys.argv[1:]))"),
                *("-H", engine.host, "network", "ls"),
            ],
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
            timeout=20,
        )

    assert (done.returncode, done.stderr) == (1, b"No space left on device\n")
