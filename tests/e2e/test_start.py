"""``./start``: what a newcomer runs first."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bed.host import Host, a_host
from bed.spot import ROOT


@pytest.fixture
def trial() -> Iterator[Path]:
    """Where the trial host of this test keeps its files; a short path, since sockets are in it."""
    if os.geteuid() != 0:
        pytest.skip("namespaces need root")
    with tempfile.TemporaryDirectory(prefix="sw-", ignore_cleanup_errors=True) as folder:
        state = Path(folder) / "trial"
        yield state
        start(state, "--clean")


def start(state: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(ROOT / "start"), *options],
        env=os.environ | {"SEAWAY_TRIAL": str(state)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def steps(output: str) -> list[str]:
    """The steps that were told, without their times."""
    return re.findall(r"^ *[0-9.]+ s  (.*)$", output, re.MULTILINE)


def test_a_first_look_shows_what_seaway_does_and_leaves_nothing(trial: Path) -> None:
    links = Path("/proc/net/dev").read_text().count(":")

    done = start(trial, "--once")

    assert done.returncode == 0, done.stdout + done.stderr
    told = steps(done.stdout)
    assert "by name   a sandbox on front asks http://web/: 200" in told
    assert "port      the neighbour asks http://192.0.2.1:8080/: 200" in told
    assert re.search(r"apart     a sandbox on back asks web at [0-9.]+: no answer", "\n".join(told))
    assert told[-1] == "host      took the trial host away"
    assert not trial.exists()
    assert Path("/proc/net/dev").read_text().count(":") == links


def test_the_trial_host_stays_until_it_is_cleaned(trial: Path) -> None:
    done = start(trial)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"export SEAWAY_HOST=unix://{trial}/run/seaway.sock" in done.stdout

    listed = subprocess.run(
        [str(ROOT / ".venv/bin/seaway"), "ps", "--format", "{{.Names}}"],
        env=os.environ | {"SEAWAY_HOST": f"unix://{trial}/run/seaway.sock"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert sorted(listed.stdout.split()) == ["vault", "web"]

    ping = start(trial, "--outside", "ping", "-c1", "-W1", "192.0.2.1")
    assert " 0% packet loss" in ping.stdout

    assert steps(start(trial, "--clean").stdout) == ["host      took it away"]
    assert not trial.exists()


def test_without_a_trial_host_the_way_to_one_is_said(trial: Path) -> None:
    done = start(trial, "--outside", "true")

    assert done.returncode == 1
    assert done.stderr == "./start: there is no trial host; './start' makes one\n"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--onec"], "./start: there is no option '--onec'\n"),
        (["--once", "now"], "./start: --once takes no argument, and there is 'now'\n"),
    ],
)
def test_an_option_that_is_not_there_is_named(words: list[str], sentence: str) -> None:
    done = start(Path("/nosuch"), *words)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(sentence + "A first look at Seaway: ./start [--once")


@pytest.fixture
def installed() -> Iterator[Host]:
    """A host with what ``./start --install`` leaves where no systemd runs, and a network."""
    if os.geteuid() != 0:
        pytest.skip("namespaces need root")
    with a_host() as host:
        host.use_own_etc()
        host.sh(
            "for each in /opt /usr/local/bin /usr/local/share /var/lib; do mount -t tmpfs tmpfs $each; done"
        )
        text = (ROOT / "launch/seaway.in").read_text().replace("@SRC@", f"{ROOT}/src")
        command = host.path("/usr/local/bin/seaway")
        command.write_text(text.replace("@PYTHON@", sys.executable))
        command.chmod(0o755)
        host.sh("mkdir -p /opt/seaway/src; getent group seaway || groupadd --system seaway")
        install = '. packaging/install.sh; install_manual "$0"'
        host.run(["bash", "-euc", install, sys.executable])
        host.popen([sys.executable, "-m", "seaway.daemon"])
        deadline = time.monotonic() + 15
        while host.run(["seaway", "network", "create", "web"], check=False).code:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield host


def test_man_and_the_shells_find_what_was_installed(installed: Host) -> None:
    zsh = "autoload -Uz compinit; compinit -u -D; print $_comps[seaway]"

    page = installed.run(["man", "-w", "seaway-network"]).out.strip()
    assert installed.path(page).resolve().name == "seaway-network.1"
    assert page.startswith("/usr/local/")
    assert installed.run(["zsh", "-fc", zsh]).out == "_seaway\n"
    assert installed.run(["fish", "-c", "complete -C 'seaway network rm '"]).out == (
        "bridge\tbridge\nhost\thost\nnone\tnull\nweb\tbridge\n"
    )
    script = "source /usr/local/share/bash-completion/completions/seaway; complete -p seaway"
    assert installed.run(["bash", "-c", script]).out == "complete -F _seaway seaway\n"


def test_uninstall_takes_back_what_install_put_there(installed: Host) -> None:
    elsewhere = {"SEAWAY_HOST": "unix:///run/another.sock"}

    done = installed.run(["./start", "--uninstall"], env=elsewhere)
    again = installed.run(["./start", "--uninstall"], check=False)

    assert "removed network web" in done.out
    assert steps(done.out) == [
        "removed   /opt/seaway, /usr/local/bin/seaway, man pages, completion, the service and the group seaway"
    ]
    assert installed.sh("ls /opt /usr/local/bin /var/lib").out.split() == [
        *("/opt:", "/usr/local/bin:", "/var/lib:")
    ]
    assert installed.sh("find /usr/local/share /etc/fish -type f -name '*seaway*'").out == ""
    assert installed.sh("ls -d /run/seaway; getent group seaway", check=False).out == ""
    assert installed.sh("ip -br link; nft list ruleset").out.count("\n") == 2
    assert (again.code, again.err) == (1, "./start: Seaway is not installed on this machine.\n")
