"""The API on TCP: TLS with a certificate on both sides, and plain on loopback only."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

from bed.authority import EXPIRED, Authority
from bed.daemon import RUN_DIR, Daemon
from bed.docker import docker_client
from bed.host import Host
from bed.spot import CommandFailed, Result
from e2e.stage import within

OURS = RUN_DIR / "tls"
"""The daemon's certificates, on the host."""
REMOTE = "tcp://192.0.2.1:2376"


class Remote:
    """A daemon that listens on TCP, and clients with their certificates on the machine next to it."""

    def __init__(self, host: Host, log: Path) -> None:
        self.host, self.authority = host, Authority()
        self.daemon = Daemon(host, log, "-H", REMOTE, *tls_flags())
        self.client = self.certificate("client")
        self.authority.fill(host.path(OURS), "192.0.2.1", "2001:db8:0:1::1", "localhost")

    def certificate(self, name: str, authority: Authority | None = None) -> PurePosixPath:
        """A folder with a client's certificate, as the host knows it."""
        folder = RUN_DIR / name
        (authority or self.authority).fill(self.host.path(folder), f"{name}.example")
        return folder

    def environment(self, folder: PurePosixPath | None = None) -> dict[str, str]:
        """What a user of docker's client sets."""
        return {
            "DOCKER_HOST": REMOTE,
            "DOCKER_TLS_VERIFY": "1",
            "DOCKER_CERT_PATH": str(folder or self.client),
            "DOCKER_CONFIG": "/run/docker-client",
            "HOME": "/run",
        }

    def docker(self, *words: str, stdin: str = "", folder: PurePosixPath | None = None) -> Result:
        """Debian's docker on the neighbour."""
        argv = [str(docker_client()), *words]
        env = self.environment(folder)
        return self.host.neighbour.run(argv, env=env, stdin=stdin, check=False)

    def seaway(
        self, *words: str, stdin: str = "", folder: PurePosixPath | None = None, host: str = REMOTE
    ) -> Result:
        """Our own command on the neighbour."""
        argv = self.daemon.command(*words)
        env = {**self.environment(folder), "SEAWAY_HOST": host}
        return self.host.neighbour.run(argv, env=env, stdin=stdin, check=False)

    def follow(self, *words: str) -> subprocess.Popen[str]:
        """Debian's docker on the neighbour, while it runs."""
        argv = [str(docker_client()), *words]
        return self.host.neighbour.popen(
            argv,
            env=self.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )


def tls_flags() -> tuple[str, ...]:
    """The daemon's options for its certificates."""
    files = (("--tlscacert", "ca.pem"), ("--tlscert", "cert.pem"), ("--tlskey", "key.pem"))
    return ("--tlsverify", *(word for flag, name in files for word in (flag, f"{OURS}/{name}")))


@pytest.fixture
def remote(host: Host, tmp_path: Path) -> Iterator[Remote]:
    """A running daemon behind TLS."""
    found = Remote(host, tmp_path / "daemon.log")
    try:
        found.daemon.start()
        yield found
    finally:
        found.daemon.close()
        print(found.daemon.log)


def test_dockers_client_does_everything_from_another_machine(remote: Remote) -> None:
    docker = remote.docker
    assert docker("network", "create", "--subnet", "10.77.1.0/24", "web").code == 0
    assert docker("run", "--rm", "--network", "web", "host", "echo", "hi").out == "hi\n"
    assert docker("run", "--rm", "-i", "host", "sh", "-c", "cat; echo over", stdin="abc\n").out == (
        "abc\nover\n"
    )
    assert docker("run", "--rm", "host", "sh", "-c", "exit 7").code == 7
    assert (
        docker("run", "-d", "--name", "box", "--network", "web", "host", "sleep", "600").code == 0
    )
    assert docker("exec", "-i", "box", "sh", "-c", "wc -c; echo end", stdin="x" * 300_000).out == (
        "300000\nend\n"
    )
    assert docker("network", "disconnect", "web", "box").code == 0
    assert docker("network", "connect", "--ip", "10.77.1.9", "web", "box").code == 0
    form = "{{range .Containers}}{{.Name}} {{.IPv4Address}}{{end}}"
    assert docker("network", "inspect", "-f", form, "web").out == "box 10.77.1.9/24\n"
    assert docker("network", "rm", "web").code == 1
    assert docker("rm", "-f", "box").out == "box\n"
    assert docker("network", "prune", "-f").out == "Deleted Networks:\nweb\n\n"


def test_streams_last_and_end_over_tls(remote: Remote) -> None:
    loop = "while read line; do echo got $line; done; echo done"
    assert remote.docker("run", "-di", "--name", "echo", "host", "sh", "-c", loop).code == 0
    events = remote.follow("events", "--format", "{{.Action}}")
    logs = remote.follow("logs", "-f", "echo")
    attached = remote.follow("attach", "echo")
    assert attached.stdin is not None
    assert attached.stdout is not None
    assert logs.stdout is not None

    attached.stdin.write("one\n")
    attached.stdin.flush()
    assert attached.stdout.readline() == "got one\n"
    assert logs.stdout.readline() == "got one\n"
    assert remote.docker("kill", "echo").code == 0

    assert attached.wait(10) == 137
    assert logs.wait(10) == 0
    time.sleep(0.1)
    events.terminate()
    said, _ = events.communicate(timeout=10)
    assert [w for w in said.split() if w in ("attach", "kill", "die")] == ["attach", "kill", "die"]


def test_our_own_command_does_the_same(remote: Remote) -> None:
    seaway = remote.seaway
    assert seaway("network", "create", "web").code == 0
    assert (
        seaway("run", "--rm", "-i", "sh", "-c", "cat; echo over", stdin="abc\n").out
        == "abc\nover\n"
    )
    assert seaway("run", "-d", "--name", "box", "sleep", "600").code == 0
    assert seaway("exec", "-i", "box", "sh", "-c", "wc -c; echo end", stdin="x" * 300_000).out == (
        "300000\nend\n"
    )
    big = seaway("exec", "-i", "box", "cat", stdin="y" * 3_000_000)
    assert (big.code, len(big.out)) == (0, 3_000_000)
    assert seaway("status").out.splitlines()[-1].startswith("Data directory:")
    assert seaway("rm", "-f", "box").out == "box\n"


def test_who_shows_no_certificate_or_a_strange_one_gets_no_answer(remote: Remote) -> None:
    stranger = remote.certificate("stranger", Authority())
    none = RUN_DIR / "none"
    remote.host.path(none).mkdir()
    for folder in (stranger, none):
        remote.host.path(folder / "ca.pem").write_bytes(
            remote.host.path(remote.client / "ca.pem").read_bytes()
        )

    refused = remote.seaway("ps", folder=stranger)
    bare = remote.seaway("ps", folder=none)

    assert (refused.code, refused.err) == (
        1,
        f"192.0.2.1 does not know the authority of your certificate {stranger}/cert.pem\n",
    )
    assert (bare.code, bare.err) == (
        1,
        f"192.0.2.1 wants a certificate of yours: put cert.pem and key.pem into {none}\n",
    )
    assert "unknown certificate authority" in remote.docker("ps", folder=stranger).err
    assert remote.docker("ps", folder=none).code == 1
    assert remote.daemon.log.count("refused a client") >= 3


def test_the_engine_itself_must_be_who_it_says(remote: Remote) -> None:
    other = remote.certificate("other", Authority())
    unknown = remote.seaway("ps", folder=other)
    by_ipv6 = remote.seaway("ps", "-q", host="tcp://[2001:db8:0:1::1]:2376")
    remote.authority.fill(remote.host.path(OURS), "elsewhere.example")
    elsewhere = remote.seaway("ps")
    remote.authority.fill(remote.host.path(OURS), "192.0.2.1", expires=EXPIRED)
    expired = remote.seaway("ps")

    assert unknown.err == (
        f"the certificate of 192.0.2.1 is not from the authority in {other}/ca.pem\n"
    )
    assert by_ipv6.err == (
        "nobody answers on tcp://[2001:db8:0:1::1]:2376: is the engine running, with -H tcp://…?\n"
    )
    assert elsewhere.err == (
        "the certificate of 192.0.2.1 is for other names: use one of those, or renew it for this one\n"
    )
    assert expired.err == "the certificate of 192.0.2.1 has expired: it must be renewed there\n"
    assert (
        f"WARNING: the certificate {OURS}/cert.pem expired on 2020-02-01 12:00 UTC: renew it"
        in remote.daemon.seaway("status").out.splitlines()
    )


def test_renewed_certificates_are_used_without_a_restart_and_broken_ones_are_not(
    remote: Remote,
) -> None:
    key = remote.host.path(OURS / "key.pem")
    good = key.read_bytes()
    key.write_bytes(b"half a k")
    broken = remote.seaway("ps", "-q")
    told = remote.daemon.seaway("status").out
    key.write_bytes(good)
    mended = remote.daemon.seaway("status").out

    renewed = Authority()
    renewed.fill(remote.host.path(OURS), "192.0.2.1")
    before = remote.seaway("ps", "-q")
    after = remote.seaway("ps", "-q", folder=remote.certificate("client2", renewed))

    assert (broken.code, broken.err) == (0, "")
    assert "WARNING: new certificates are not used, those read before are: " in told
    assert "WARNING" not in mended
    assert before.err == (
        f"the certificate of 192.0.2.1 is not from the authority in {remote.client}/ca.pem\n"
    )
    assert (after.code, after.err) == (0, "")


def test_a_key_that_others_can_read_is_told(remote: Remote) -> None:
    remote.host.path(OURS / "key.pem").chmod(0o644)

    warned = remote.daemon.seaway("status").out

    key = OURS / "key.pem"
    assert f"WARNING: the key {key} is open to others (mode 0644): chmod 600 {key}\n" in warned


def test_a_client_without_tls_is_told_what_is_wrong(remote: Remote) -> None:
    said = remote.host.neighbour.run(
        [str(docker_client()), "-H", REMOTE, "ps"], env={"HOME": "/run"}, check=False
    )
    ours = remote.host.neighbour.run(
        remote.daemon.command("-H", REMOTE, "ps"), env={"HOME": "/run"}, check=False
    )

    assert "Client sent an HTTP request to an HTTPS server." in said.err
    assert ours.err == (
        "tcp://192.0.2.1:2376 would be used without protection: say --tlsverify, with ca.pem, "
        "cert.pem and key.pem in /run/.docker, or name the files\n"
    )


def test_tls_older_than_1_2_is_refused(remote: Remote) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning):
        context.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    folder = remote.host.path(remote.client)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")

    with (
        remote.host.neighbour.connect("tcp", "192.0.2.1", 2376) as plain,
        pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"),
    ):
        context.wrap_socket(plain)


def test_a_daemon_that_ends_and_starts_again_listens_as_before(remote: Remote) -> None:
    assert remote.seaway("run", "-d", "--name", "box", "sleep", "600").code == 0

    remote.daemon.restart()
    assert remote.seaway("ps", "--format", "{{.Names}}").out == "box\n"
    remote.daemon.kill()
    remote.daemon.start()

    assert remote.seaway("ps", "--format", "{{.Names}}").out == "box\n"


def test_a_crowd_of_clients_is_served(remote: Remote) -> None:
    many = [remote.follow("network", "ls", "-q") for _ in range(30)]

    assert [each.communicate(timeout=30)[0].count("\n") for each in many] == [3] * 30


@pytest.fixture
def plain(host: Host, tmp_path: Path) -> Iterator[Daemon]:
    """A running daemon on loopback without TLS."""
    daemon = Daemon(
        host, tmp_path / "daemon.log", "-H", "tcp://127.0.0.1", "-H", "tcp://[::1]:2375"
    )
    try:
        daemon.start()
        yield daemon
    finally:
        daemon.close()
        print(daemon.log)


def test_plain_loopback_works_and_warns(plain: Daemon, host: Host) -> None:
    env = {"DOCKER_HOST": "tcp://127.0.0.1:2375", "DOCKER_CONFIG": "/run/docker-client"}
    docker = [str(docker_client())]
    run = host.run(
        [*docker, "run", "--rm", "-i", "host", "sh", "-c", "cat; echo over"], env=env, stdin="abc\n"
    )
    ours = host.run(plain.command("-H", "tcp://[::1]", "network", "ls", "-q"))

    assert run.out == "abc\nover\n"
    assert ours.out.count("\n") == 3
    warnings = [w for w in plain.seaway("status").out.splitlines() if w.startswith("WARNING")]
    assert warnings == [
        "WARNING: every program and user of this host may use the API at "
        f"tcp://{address}:2375, and be root by it: use the Unix socket, or --tlsverify"
        for address in ("127.0.0.1", "[::1]")
    ]


ASK = """\
import http.client, sys
connection = http.client.HTTPConnection(sys.argv[1], 2375, timeout=2)
try:
    connection.request("GET", "/v1.41/containers/json")
    answer = connection.getresponse()
    print(answer.status, answer.read().decode())
except OSError as error:
    print("no answer")
"""


def test_no_sandbox_reaches_the_plain_port(plain: Daemon, host: Host) -> None:
    refusal = {
        "message": "the API is not for processes inside sandboxes, nor for those whose cgroup cannot be read"
    }
    gateway = plain.seaway(
        "network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", "bridge"
    ).out.strip()

    for address in ("127.0.0.1", "::1"):
        said = plain.seaway("run", "--rm", "--network", "host", "python3", "-c", ASK, address).out
        status, _, body = said.partition(" ")
        assert (status, json.loads(body)) == ("403", refusal)
    for address in (gateway, "192.0.2.1", "127.0.0.1"):
        said = plain.seaway("run", "--rm", "python3", "-c", ASK, address).out
        assert said == "no answer\n"
    assert host.run(["python3", "-c", ASK, "127.0.0.1"]).out.startswith("200 ")


def test_what_cannot_be_listened_on_is_told_in_one_sentence(host: Host, tmp_path: Path) -> None:
    holder = host.serve("holder", "tcp", 2375, "127.0.0.1")
    busy = Daemon(host, tmp_path / "busy.log", "-H", "tcp://127.0.0.1:2375")
    open_ = Daemon(host, tmp_path / "open.log", "-H", "tcp://0.0.0.0:2375")
    missing = Daemon(host, tmp_path / "missing.log", "-H", REMOTE, *tls_flags())

    for daemon in (busy, open_, missing):
        with pytest.raises(CommandFailed):
            daemon.start()

    holder.close()
    assert busy.log.splitlines()[-1] == (
        "seaway daemon: cannot listen on tcp://127.0.0.1:2375: "
        "another program, or a published port, has it already: end that or take another"
    )
    assert open_.log == (
        "seaway daemon: tcp://0.0.0.0:2375 can be reached by others, and who uses the API is root "
        "here: give it --tlsverify with --tlscacert, --tlscert and --tlskey, or take tcp://127.0.0.1\n"
    )
    assert missing.log.splitlines()[-1] == (
        f"seaway daemon: TLS needs {OURS}/ca.pem: No such file or directory"
    )


def test_a_silent_stranger_holds_nobody_up(remote: Remote) -> None:
    idle: list[socket.socket] = [
        remote.host.neighbour.connect("tcp", "192.0.2.1", 2376) for _ in range(20)
    ]

    assert within(5, lambda: remote.seaway("ps", "-q").code == 0)
    for each in idle:
        each.close()
