"""Processes under runc and conmon, on this machine's own files, seen read-only."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from seaway.contracts import Launch, LogLine, Stream
from seaway.model.errors import CannotRun, Conflict, InvalidRequest, NotFound, Unavailable
from seaway.model.ids import SandboxId, new_id
from seaway.model.sandbox import Mount, Process
from seaway.runtime import programs, traces
from seaway.runtime.conmon import ConmonRuntime

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or programs.find("conmon") is None or programs.find("runc") is None,
    reason="processes need root, conmon and runc",
)

DISK = Path("/").stat().st_dev
SOON = 20
"""Seconds; more than anything here takes on a slow machine."""


UNTIL_WIDE = b'while test "$(stty size)" = "0 0"; do sleep 0.02; done; '
"""The size reaches a terminal a little later than input may."""


@dataclass
class Counted:
    """Steps that only remembers."""

    reached: list[str] = field(default_factory=list[str])

    def reach(self, step: str) -> None:
        self.reached.append(step)


@dataclass
class Bench:
    """A runtime on directories of its own, and what was started with it."""

    run_dir: Path
    data_dir: Path
    steps: Counted = field(default_factory=Counted)
    made: list[SandboxId] = field(default_factory=list[SandboxId])
    streams: list[Stream] = field(default_factory=list[Stream])

    def __post_init__(self) -> None:
        self.runtime = self.another_runtime()

    def another_runtime(self) -> ConmonRuntime:
        """What a daemon would have that was started anew."""
        return ConmonRuntime(self.run_dir, self.data_dir, self.steps)

    def launch(self, *args: str, netns: Path | None = None, **process: object) -> Launch:
        sandbox = SandboxId(new_id())
        self.made.append(sandbox)
        wanted = Process(args=args)
        return Launch(
            sandbox=sandbox,
            name="web",
            process=replace(wanted, **process),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
            hostname="box",
            netns=netns,
            hosts="127.0.0.1\tlocalhost\n",
            resolv_conf="nameserver 127.0.0.11\n",
        )

    async def run(
        self, *args: str, netns: Path | None = None, **process: object
    ) -> tuple[int, str]:
        """Run a command to its end; gives exit code and all its output."""
        launch = self.launch(*args, netns=netns, **process)
        stream = await self.begin(launch)
        output = await everything(stream)
        ended = await self.runtime.wait(launch.sandbox)
        await stream.close()
        return ended.code, "".join(text for _, text in output)

    async def sh(self, script: str, netns: Path | None = None, **process: object) -> str:
        """The output of a shell script that must succeed."""
        code, output = await self.run("sh", "-c", script, netns=netns, **process)
        assert code == 0, output
        return output

    async def begin(self, launch: Launch) -> Stream:
        """Create, attach, start."""
        await self.runtime.create(launch)
        stream = await self.runtime.attach(launch.sandbox)
        self.streams.append(stream)
        await self.runtime.start(launch.sandbox)
        return stream

    async def close(self) -> None:
        """Take everything away that was started."""
        for stream in self.streams:
            await stream.close()
        for sandbox in self.made:
            await self.runtime.remove(sandbox)


async def everything(stream: Stream) -> list[tuple[int, str]]:
    """All that *stream* still gives, pieces of one stream joined."""
    pieces: list[tuple[int, str]] = []
    async with asyncio.timeout(SOON):
        while (piece := await stream.read()) is not None:
            number, data = piece
            if pieces and pieces[-1][0] == number:
                pieces[-1] = (number, pieces[-1][1] + data.decode())
            else:
                pieces.append((number, data.decode()))
    return pieces


async def until(stream: Stream, text: str) -> str:
    """Read *stream* until it has given *text*."""
    seen = ""
    async with asyncio.timeout(SOON):
        while text not in seen:
            piece = await stream.read()
            assert piece is not None, f"ended after {seen!r}"
            seen += piece[1].decode()
    return seen


def conmon_pid(bench: Bench, sandbox: SandboxId, of: str = "") -> int:
    """The pid of its conmon, or of that of the further process in the directory *of*."""
    pid = traces.number_in(bench.run_dir / "bundles" / sandbox / of / "conmon.pid")
    assert pid is not None
    return pid


def lives(pid: int) -> bool:
    """Whether *pid* is a process that has not ended."""
    status = Path(f"/proc/{pid}/status")
    return status.exists() and "State:\tZ" not in status.read_text()


def there(*paths: str) -> list[str]:
    """Those of *paths* that exist on the host."""
    return [path for path in paths if Path(path).exists()]


def cgroups_of(sandbox: SandboxId) -> list[Path]:
    cgroups = Path("/sys/fs/cgroup")
    return [*cgroups.glob(f"*{sandbox}"), *cgroups.glob(f"*/*{sandbox}")]


def conmons_of(sandbox: SandboxId) -> list[int]:
    """Living processes with the sandbox's id among their arguments."""
    found: list[int] = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found += [int(path.parent.name)] if sandbox.encode() in path.read_bytes() else []
    return found


def paths_below(directory: Path, depth: int) -> list[Path]:
    """What lies *depth* levels below *directory*."""
    return list(directory.glob("/".join("*" * depth)))


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """A runtime whose containers are gone after the test, whatever happens in it."""
    bench = Bench(tmp_path / "run", tmp_path / "data")
    try:
        async with asyncio.timeout(120):
            yield bench
    finally:
        await bench.close()
        assert await bench.runtime.known() == frozenset()


# Running


async def test_the_exit_code_of_a_process_is_read_back(bench: Bench) -> None:
    assert await bench.run("sh", "-c", "exit 42") == (42, "")


async def test_a_process_that_a_signal_ended_has_128_and_its_number(bench: Bench) -> None:
    launch = bench.launch("sleep", "1000")
    await bench.begin(launch)

    await bench.runtime.kill(launch.sandbox, signal.SIGKILL)

    assert (await bench.runtime.wait(launch.sandbox)).code == 137


async def test_a_process_gets_the_signal_that_is_sent(bench: Bench) -> None:
    script = "trap 'echo got; exit 7' TERM; echo up; while :; do sleep 0.05; done"
    launch = bench.launch("sh", "-c", script)
    stream = await bench.begin(launch)
    await until(stream, "up\n")

    await bench.runtime.kill(launch.sandbox, signal.SIGTERM)

    assert await everything(stream) == [(1, "got\n")]
    assert (await bench.runtime.wait(launch.sandbox)).code == 7


async def test_a_signal_to_what_ended_is_a_conflict(bench: Bench) -> None:
    launch = bench.launch("true")
    await bench.begin(launch)
    await bench.runtime.wait(launch.sandbox)

    with pytest.raises(Conflict, match="is not running"):
        await bench.runtime.kill(launch.sandbox, signal.SIGTERM)


@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        ("nosuchcmd", 127, 'exec: "nosuchcmd": executable file not found in $PATH: unknown'),
        ("/nosuch", 127, 'exec: "/nosuch": stat /nosuch: no such file or directory: unknown'),
        ("/etc/passwd", 126, 'exec: "/etc/passwd": permission denied: unknown'),
        ("/etc", 126, 'exec: "/etc": permission denied: unknown'),
    ],
)
async def test_a_command_that_cannot_run_is_refused_as_docker_does(
    bench: Bench, command: str, code: int, words: str
) -> None:
    with pytest.raises(CannotRun) as refused:
        await bench.runtime.create(bench.launch(command))

    assert refused.value.exit_code == code
    assert str(refused.value) == (
        "failed to create task for container: failed to create shim task: "
        "OCI runtime create failed: runc create failed: unable to start container process: " + words
    )
    assert await bench.runtime.known() == frozenset()


async def test_both_streams_arrive_apart_and_from_the_first_byte(bench: Bench) -> None:
    launch = bench.launch("sh", "-c", "echo one; sleep 0.1; echo two >&2; sleep 0.1; printf three")
    stream = await bench.begin(launch)

    assert await everything(stream) == [(1, "one\n"), (2, "two\n"), (1, "three")]


async def test_input_reaches_the_process_until_its_end(bench: Bench) -> None:
    text = "".join(f"line {n}\n" for n in range(20_000))
    launch = bench.launch("cat", stdin_open=True)
    stream = await bench.begin(launch)

    async def give() -> None:
        await stream.write(text.encode())
        await stream.write_eof()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(give())
        output = tasks.create_task(everything(stream))

    assert output.result() == [(1, text)]
    assert (await bench.runtime.wait(launch.sandbox)).code == 0


async def test_without_stdin_open_there_is_no_input(bench: Bench) -> None:
    assert await bench.run("cat") == (0, "")


async def test_a_client_that_lets_go_does_not_end_the_process(bench: Bench) -> None:
    launch = bench.launch("cat", stdin_open=True)
    first = await bench.begin(launch)
    await first.write(b"one\n")
    await until(first, "one\n")

    await first.close()
    second = await bench.runtime.attach(launch.sandbox)
    bench.streams.append(second)
    await second.write(b"two\n")

    assert await until(second, "two\n") == "two\n"
    await second.write_eof()
    assert (await bench.runtime.wait(launch.sandbox)).code == 0
    await second.close()


async def test_a_terminal_has_the_size_that_was_said(bench: Bench) -> None:
    launch = bench.launch("sh", tty=True, stdin_open=True)
    stream = await bench.begin(launch)
    await bench.runtime.resize(launch.sandbox, 33, 99)

    await stream.write(UNTIL_WIDE + b"stty size; tty; echo $TERM; exit 5\n")

    assert "33 99\r\n/dev/pts/0\r\nxterm\r\n" in "".join(t for _, t in await everything(stream))
    assert (await bench.runtime.wait(launch.sandbox)).code == 5


async def test_of_many_sizes_of_a_terminal_the_last_holds(bench: Bench) -> None:
    launch = bench.launch("sh", tty=True, stdin_open=True)
    stream = await bench.begin(launch)
    await bench.runtime.resize(launch.sandbox, 33, 99)
    await stream.write(UNTIL_WIDE + b"echo wide\n")
    await until(stream, "wide\r\n")

    for height in range(20, 60):
        await bench.runtime.resize(launch.sandbox, height, 111)
    await stream.write(b"sleep 0.2; stty size; exit 0\n")

    assert "59 111\r\n" in "".join(text for _, text in await everything(stream))


async def test_a_terminal_can_be_left_and_entered_again(bench: Bench) -> None:
    launch = bench.launch("sh", tty=True, stdin_open=True)
    first = await bench.begin(launch)
    await first.write_eof()
    await first.close()

    second = await bench.runtime.attach(launch.sandbox)
    bench.streams.append(second)
    await second.write(b"echo $((40 + 2)); exit 0\n")

    assert "42\r\n" in "".join(t for _, t in await everything(second))


# What outlives the daemon


async def test_another_daemon_finds_all_of_a_process_it_did_not_start(bench: Bench) -> None:
    launch = bench.launch(
        "sh", "-c", "echo before; read line; echo after $line; exit 3", stdin_open=True
    )
    pid = await bench.runtime.create(launch)
    await bench.runtime.start(launch.sandbox)

    other = bench.another_runtime()
    assert await other.known() == {launch.sandbox}
    assert other.pid(launch.sandbox) == pid
    assert other.exit(launch.sandbox) is None
    stream = await other.attach(launch.sandbox)
    await stream.write(b"midnight\n")

    assert (await other.wait(launch.sandbox)).code == 3
    assert other.pid(launch.sandbox) is None
    assert [line.data async for line in other.logs(launch.sandbox, follow=False)] == [
        b"before\n",
        b"after midnight\n",
    ]
    await stream.close()


async def test_an_exit_code_can_be_asked_for_later(bench: Bench) -> None:
    launch = bench.launch("sh", "-c", "exit 9")
    await bench.begin(launch)
    first = await bench.runtime.wait(launch.sandbox)

    assert first.code == 9
    assert bench.another_runtime().exit(launch.sandbox) == first
    assert await bench.another_runtime().wait(launch.sandbox) == first


async def test_when_conmon_is_killed_so_is_its_process(bench: Bench) -> None:
    launch = bench.launch("sleep", "1000")
    await bench.begin(launch)
    pid = bench.runtime.pid(launch.sandbox)
    assert pid is not None

    os.kill(conmon_pid(bench, launch.sandbox), signal.SIGKILL)

    assert (await bench.runtime.wait(launch.sandbox)).code == 137
    assert bench.runtime.pid(launch.sandbox) is None
    assert bench.another_runtime().exit(launch.sandbox) is not None


async def test_a_run_directory_with_a_long_path_works(tmp_path: Path) -> None:
    deep = tmp_path / ("long" * 20) / ("path" * 20)
    bench = Bench(deep / "run", deep / "data")
    try:
        assert await bench.run("echo", "hello") == (0, "hello\n")
        assert await bench.run("echo", "hello", tty=True) == (0, "hello\r\n")
    finally:
        await bench.close()


async def test_a_sandbox_can_run_again_and_its_log_goes_on(bench: Bench) -> None:
    launch = bench.launch("sh", "-c", "echo run; exit 4")
    for _ in range(2):
        await bench.begin(launch)
        await bench.runtime.wait(launch.sandbox)

    log = [line.data async for line in bench.runtime.logs(launch.sandbox, follow=False)]

    assert log == [b"run\n", b"run\n"]


# Logs


async def test_a_followed_log_ends_with_the_process(bench: Bench) -> None:
    launch = bench.launch(
        "sh", "-c", "echo a; read x; echo b >&2; sleep 0.1; printf c", stdin_open=True
    )
    stream = await bench.begin(launch)
    lines: list[LogLine] = []

    async with asyncio.timeout(SOON):
        async for line in bench.runtime.logs(launch.sandbox, follow=True):
            lines.append(line)
            if line.data == b"a\n":
                await stream.write(b"\n")

    await stream.close()
    assert [(line.stream, line.data) for line in lines[:2]] == [(1, b"a\n"), (2, b"b\n")]
    assert b"".join(line.data for line in lines[2:]) == b"c"
    assert lines[0].time < lines[1].time < lines[2].time


async def test_a_sandbox_without_a_process_has_an_empty_log(bench: Bench) -> None:
    log = [line async for line in bench.runtime.logs(SandboxId("0" * 64), follow=True)]

    assert log == []


# What is seen inside


async def test_the_hosts_files_are_seen_and_cannot_be_written(bench: Bench) -> None:
    output = await bench.sh(
        "for d in / /etc /usr /var /root /home /opt /mnt/*/; do "
        "touch $d/seaway-test 2>/dev/null && echo wrote $d; done; "
        "mount -o remount,rw / 2>/dev/null && echo remounted; cat /etc/debian_version >/dev/null"
    )

    assert output == ""
    assert there("/seaway-test", "/etc/seaway-test", "/usr/seaway-test") == []


async def test_run_tmp_and_dev_are_the_sandboxs_own(bench: Bench) -> None:
    assert await bench.sh(
        "ls -A /run /tmp; touch /run/a /tmp/b /dev/shm/c; ls /run /tmp /dev/shm"
    ) == ("/run:\n\n/tmp:\n/dev/shm:\nc\n\n/run:\na\n\n/tmp:\nb\n")


async def test_a_sandbox_has_its_own_names_and_processes(bench: Bench) -> None:
    assert await bench.sh(
        "hostname; cat /etc/hostname /etc/hosts /etc/resolv.conf; echo $$ $HOME $PATH"
    ) == (
        "box\nbox\n127.0.0.1\tlocalhost\nnameserver 127.0.0.11\n"
        "1 /root /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
    )


async def test_etc_files_change_in_place(bench: Bench) -> None:
    launch = bench.launch(
        "sh", "-c", "echo up; read x; cat /etc/hosts /etc/resolv.conf", stdin_open=True
    )
    stream = await bench.begin(launch)
    await until(stream, "up\n")

    await bench.runtime.write_files(launch.sandbox, hosts="1.2.3.4 new\n", resolv_conf="# new\n")
    await stream.write(b"\n")

    assert await everything(stream) == [(1, "1.2.3.4 new\n# new\n")]


async def test_the_capabilities_are_dockers_and_no_new_privileges(bench: Bench) -> None:
    fields = "grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status | tr -d '\\t'"

    assert await bench.sh(fields) == (
        "CapEff:00000000a80425fb\nCapBnd:00000000a80425fb\nNoNewPrivs:1\nSeccomp:2\n"
    )
    assert await bench.sh(fields, cap_drop=("ALL",), cap_add=("net_admin",)) == (
        "CapEff:0000000000001000\nCapBnd:0000000000001000\nNoNewPrivs:1\nSeccomp:2\n"
    )


async def test_calls_that_make_or_enter_namespaces_are_refused(bench: Bench) -> None:
    for command in (
        "unshare -n true",
        "nsenter -t 1 -n true",
        "mount -t tmpfs x /tmp",
        "unshare -U true",
    ):
        code, output = await bench.run("sh", "-c", command)
        assert code != 0, command
        assert "ermi" in output or "not permitted" in output, output


async def test_the_disks_of_the_host_cannot_be_opened(bench: Bench) -> None:
    disk = DISK
    code, output = await bench.run(
        "sh", "-c", f"mknod /tmp/disk b {os.major(disk)} {os.minor(disk)} && head -c1 /tmp/disk"
    )

    assert code == 1
    assert output == "head: cannot open '/tmp/disk' for reading: Permission denied\n"


async def test_nothing_of_the_daemon_is_seen_inside(bench: Bench) -> None:
    directory = Path("/var/lib") / f"seaway-test-{new_id()[:12]}"
    bench.run_dir, bench.data_dir = directory / "run", directory / "data"
    bench.runtime = bench.another_runtime()
    try:
        bench.run_dir.mkdir(parents=True)
        (bench.run_dir / "secret").touch()
        output = await bench.sh(
            f"cd {directory}; ls -A run data; ls /seen/run; touch run/x || true",
            mounts=(Mount(source=str(directory), target="/seen"),),
        )
    finally:
        await bench.close()
        (bench.run_dir / "secret").unlink()
        for path in sorted(directory.rglob("*"), reverse=True):
            path.rmdir()
        directory.rmdir()

    assert output.startswith("data:\n\nrun:\ntouch: cannot touch ")
    assert "secret" not in output
    assert "Read-only file system" in output


async def test_a_part_of_the_daemons_directories_cannot_be_mounted(bench: Bench) -> None:
    bench.run_dir.mkdir()
    mount = Mount(source=str(bench.run_dir), target="/x")

    with pytest.raises(InvalidRequest, match="is Seaway's own and cannot be mounted"):
        await bench.runtime.create(bench.launch("true", mounts=(mount,)))


async def test_mounts_are_seen_where_the_host_has_no_such_path(
    bench: Bench, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "file").write_text("there\n")
    places = ("/seaway-test", "/etc/seaway-test/deep", "/tmp/x", "/usr/share/doc")
    mounts = tuple(Mount(source=str(source), target=place) for place in places)

    seen = await bench.sh(
        "cat /seaway-test/file /etc/seaway-test/deep/file /tmp/x/file /usr/share/doc/file;"
        "echo new > /seaway-test/new; stat -c '%a %U' /etc; cat /etc/debian_version > /dev/null",
        mounts=mounts,
    )

    assert seen == "there\n" * 4 + "755 root\n"
    assert (source / "new").read_text() == "new\n"
    assert there("/seaway-test", "/etc/seaway-test") == []


async def test_a_read_only_mount_cannot_be_written(bench: Bench, tmp_path: Path) -> None:
    mount = Mount(source=str(tmp_path), target="/seen", read_only=True)

    code, output = await bench.run("touch", "/seen/x", mounts=(mount,))

    assert (code, "Read-only file system" in output) == (1, True)


async def test_a_user_has_the_groups_and_home_of_the_roots_files(bench: Bench) -> None:
    assert await bench.sh(
        "id -u; id -g; echo $HOME; grep CapEff /proc/self/status", user="daemon"
    ) == ("1\n1\n/usr/sbin\nCapEff:\t0000000000000000\n")
    assert await bench.sh("id -u; id -g; echo $HOME", user="1234:5678") == "1234\n5678\n/\n"
    with pytest.raises(InvalidRequest, match="unable to find user nobodyknows"):
        await bench.run("id", user="nobodyknows")


async def test_a_root_file_system_of_ones_own_is_writable(bench: Bench, tmp_path: Path) -> None:
    root = small_root(tmp_path)

    output = await bench.sh(
        "cat /etc/hosts; echo hello > /made; ls -m /", rootfs=str(root), mounts=USR
    )

    assert output == ("127.0.0.1\tlocalhost\nbin, dev, etc, lib, lib64, made, proc, sys, usr\n")
    assert (root / "made").read_text() == "hello\n"


async def test_a_root_file_system_that_is_none_is_refused(bench: Bench) -> None:
    for rootfs in ("/nosuch", "/etc/passwd", "/", "relative"):
        with pytest.raises(InvalidRequest, match="root"):
            await bench.runtime.create(bench.launch("true", rootfs=rootfs))


def small_root(directory: Path) -> Path:
    """A root file system; its programs come by USR."""
    root = directory / "rootfs"
    (root / "usr").mkdir(parents=True)
    (root / "etc").mkdir()
    for name in ("bin", "lib", "lib64"):
        (root / name).symlink_to(f"usr/{name}")
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    return root


USR = (Mount(source="/usr", target="/usr", read_only=True),)


# Further processes


async def test_a_further_process_runs_beside_the_first(bench: Bench) -> None:
    launch = bench.launch("sleep", "1000", env=("COLOUR=blue",))
    await bench.begin(launch)

    stream = await bench.runtime.execute(
        launch.sandbox,
        "e1",
        Process(args=("sh", "-c", "echo $COLOUR; hostname; echo x >&2; exit 6")),
    )

    output = await everything(stream)
    assert sorted(output) == [(1, "blue\nbox\n"), (2, "x\n")]
    assert (await bench.runtime.wait_exec("e1")).code == 6
    assert bench.runtime.exit(launch.sandbox) is None
    await stream.close()


async def test_a_further_process_has_input_and_a_terminal(bench: Bench) -> None:
    launch = bench.launch("sleep", "1000")
    await bench.begin(launch)

    stream = await bench.runtime.execute(
        launch.sandbox, "e1", Process(args=("sh",), tty=True, stdin_open=True)
    )
    bench.streams.append(stream)
    await bench.runtime.resize_exec("e1", 20, 60)
    await stream.write(UNTIL_WIDE + b"stty size; exit 2\n")

    assert "20 60\r\n" in "".join(text for _, text in await everything(stream))
    assert (await bench.another_runtime().wait_exec("e1")).code == 2


async def test_nobody_knows_how_a_further_process_ends_whose_conmon_was_killed(
    bench: Bench,
) -> None:
    launch = bench.launch("sleep", "1000")
    await bench.begin(launch)
    bench.streams.append(
        await bench.runtime.execute(launch.sandbox, "e1", Process(args=("sleep", "1000")))
    )

    os.kill(conmon_pid(bench, launch.sandbox, "execs/e1"), signal.SIGKILL)

    assert (await bench.runtime.wait_exec("e1")).code == 255
    assert bench.runtime.exit(launch.sandbox) is None


@pytest.mark.parametrize("begin", ["/", "/a"])
async def test_a_complaint_that_is_cut_within_a_character_is_told(bench: Bench, begin: str) -> None:
    launch = bench.launch("true")
    launch = replace(launch, process=replace(launch.process, cwd=begin + "é" * 6000))

    with pytest.raises(Unavailable, match="OCI runtime create failed"):
        await bench.begin(launch)


async def test_a_further_command_that_cannot_run_is_refused(bench: Bench) -> None:
    launch = bench.launch("sleep", "1000")
    await bench.begin(launch)

    with pytest.raises(CannotRun, match='exec: "nosuch": executable file not found') as refused:
        await bench.runtime.execute(launch.sandbox, "e1", Process(args=("nosuch",)))

    assert str(refused.value).startswith("OCI runtime exec failed: ")
    assert refused.value.exit_code == 127
    with pytest.raises(NotFound):
        await bench.runtime.wait_exec("e1")


async def test_no_further_process_runs_in_what_ended(bench: Bench) -> None:
    launch = bench.launch("true")
    await bench.begin(launch)
    await bench.runtime.wait(launch.sandbox)

    with pytest.raises(Conflict, match="is not running"):
        await bench.runtime.execute(launch.sandbox, "e1", Process(args=("true",)))


# Removal


async def test_removal_ends_the_process_and_leaves_nothing(bench: Bench) -> None:
    launch = bench.launch("sleep", "1000")
    pid = await bench.runtime.create(launch)
    await bench.runtime.start(launch.sandbox)
    conmon = conmon_pid(bench, launch.sandbox)

    await bench.runtime.remove(launch.sandbox)

    assert not lives(pid)
    assert not lives(conmon)
    assert cgroups_of(launch.sandbox) == []
    assert paths_below(bench.run_dir, 2) + paths_below(bench.data_dir, 2) == []


async def test_removal_of_what_is_gone_succeeds(bench: Bench) -> None:
    await bench.runtime.remove(SandboxId("0" * 64))


async def test_a_process_that_never_began_can_be_removed(bench: Bench) -> None:
    launch = bench.launch("true")
    await bench.runtime.create(launch)

    await bench.runtime.remove(launch.sandbox)

    assert await bench.runtime.known() == frozenset()


@pytest.mark.parametrize("milliseconds", [0, 5, 15, 25, 35, 45, 60, 80])
async def test_a_create_that_is_given_up_leaves_nothing(bench: Bench, milliseconds: int) -> None:
    launch = bench.launch("true")

    with suppress(TimeoutError):
        async with asyncio.timeout(milliseconds / 1000):
            await bench.runtime.create(launch)
            await asyncio.sleep(SOON)

    await bench.runtime.remove(launch.sandbox)
    assert await bench.runtime.known() == frozenset()
    assert cgroups_of(launch.sandbox) == []
    assert conmons_of(launch.sandbox) == []


async def test_many_are_made_at_once(bench: Bench) -> None:
    async with asyncio.TaskGroup() as tasks:
        runs = [tasks.create_task(bench.run("echo", str(n))) for n in range(20)]

    assert [run.result() for run in runs] == [(0, f"{n}\n") for n in range(20)]


async def test_every_effect_has_its_step(bench: Bench) -> None:
    launch = bench.launch("sleep", "1000")
    await bench.begin(launch)
    await bench.runtime.write_files(launch.sandbox, hosts="", resolv_conf="")
    bench.streams.append(await bench.runtime.execute(launch.sandbox, "e1", Process(args=("true",))))
    await bench.runtime.kill(launch.sandbox, signal.SIGKILL)
    await bench.runtime.remove(launch.sandbox)

    assert bench.steps.reached == [
        "runtime.create",
        "runtime.start",
        "runtime.write_files",
        "runtime.execute",
        "runtime.kill",
        "runtime.remove",
    ]
