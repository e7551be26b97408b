"""Who is answered at all: nobody from inside a sandbox."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import pytest

from seaway.api.peers import InsideSandbox, Peers, in_sandbox
from seaway.model.ids import SandboxId
from seaway.plan.oci import cgroup
from unit.api.stage import Stage

ID = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    "text",
    [
        f"0::/seaway-{ID}\n",
        f"0::/../seaway-{ID}\n",
        f"0::/seaway-{ID}/below\n",
        f"0::/system.slice/seaway-{ID}/a:b\n",
        f"4:memory:/\n3:cpu,cpuacct:/seaway-{ID}\n0::/\n",
        f"0::/{cgroup(SandboxId(ID))}\n",
    ],
)
def test_a_process_in_a_sandboxs_cgroup_or_below_it_is_inside(text: str) -> None:
    assert in_sandbox(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0::/\n",
        "0::/system.slice/seaway.service\n",
        f"0::/seaway-{ID[:12]}\n",
        f"0::/x-seaway-{ID}\n",
        f"0::/seaway-{ID}0\n",
        f"1:name=seaway-{ID}:/\n",
    ],
)
def test_any_other_process_is_outside(text: str) -> None:
    assert not in_sandbox(text)


async def met(proc: Path) -> list[bool]:
    """Whether each of three requests on one connection of this process is refused."""
    ours, theirs = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=ours)
    peers, found = Peers(proc), list[bool]()
    for _ in range(3):
        try:
            await peers.refuse_sandboxes(writer.transport)
        except InsideSandbox:
            found.append(True)
        else:
            found.append(False)
        (proc / str(os.getpid()) / "cgroup").unlink(missing_ok=True)
    theirs.close()
    writer.close()
    await writer.wait_closed()
    assert await reader.read() == b""
    return found


@pytest.mark.parametrize(("text", "refused"), [("0::/user\n", False), (f"0::/seaway-{ID}\n", True)])
async def test_a_connection_is_looked_at_once(tmp_path: Path, text: str, refused: bool) -> None:
    mine = tmp_path / str(os.getpid())
    mine.mkdir()
    (mine / "cgroup").write_text(text)

    assert await met(tmp_path) == [refused] * 3


async def test_a_cgroup_below_a_sandboxs_may_have_any_bytes_for_its_name(tmp_path: Path) -> None:
    mine = tmp_path / str(os.getpid())
    mine.mkdir()
    (mine / "cgroup").write_bytes(f"0::/seaway-{ID}/".encode() + b"\xff\n")

    assert await met(tmp_path) == [True] * 3


async def test_who_cannot_be_read_is_refused(tmp_path: Path) -> None:
    assert await met(tmp_path) == [True] * 3


async def test_a_refused_client_is_told_in_one_sentence_and_nothing_happens(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def inside(_: str) -> bool:
        return True

    monkeypatch.setattr("seaway.api.peers.in_sandbox", inside)

    answer = await stage.call("POST", "/networks/create", {"Name": "lan"})

    assert (answer.status, answer.message) == (
        403,
        "the API is not for processes inside sandboxes, nor for those whose cgroup cannot be read",
    )
    assert "lan" not in {n.name for n in stage.world.store.networks()}


async def tcp_met(proc: Path, family: socket.AddressFamily, host: str) -> bool:
    """Whether a request of this process over loopback TCP is refused; *proc* knows it as 77."""
    with socket.socket(family) as listening:
        listening.bind((host, 0))
        listening.listen()
        with socket.create_connection(listening.getsockname()[:2]) as client:
            accepted, _ = listening.accept()
            link = os.readlink(f"/proc/self/fd/{client.fileno()}")  # noqa: PTH115
            (proc / "77/fd").mkdir(parents=True, exist_ok=True)
            (proc / "77/fd/3").symlink_to(link)
            (proc / "net").symlink_to("/proc/net")
            _, writer = await asyncio.open_connection(sock=accepted)
            try:
                await Peers(proc).refuse_sandboxes(writer.transport)
            except InsideSandbox:
                return True
            finally:
                writer.close()
                await writer.wait_closed()
    return False


@pytest.mark.parametrize(
    ("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
)
@pytest.mark.parametrize(("text", "refused"), [("0::/user\n", False), (f"0::/seaway-{ID}\n", True)])
async def test_the_process_at_the_other_end_of_loopback_is_found(
    tmp_path: Path, family: socket.AddressFamily, host: str, text: str, refused: bool
) -> None:
    (tmp_path / "77").mkdir()
    (tmp_path / "77/cgroup").write_text(text)

    assert await tcp_met(tmp_path, family, host) == refused


async def test_a_client_that_no_process_holds_is_refused(tmp_path: Path) -> None:
    assert await tcp_met(tmp_path, socket.AF_INET, "127.0.0.1")


async def test_many_clients_on_tcp_are_looked_for_few_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    peers, now, most = Peers(tmp_path), 0, 0

    async def look(*_: object) -> bool:
        nonlocal now, most
        now, most = now + 1, max(most, now + 1)
        await asyncio.sleep(0.001)
        now -= 1
        return True

    monkeypatch.setattr(asyncio, "to_thread", look)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = listening.getsockname()
        clients = [await asyncio.open_connection(*address) for _ in range(20)]
        await asyncio.gather(*(peers.refuse_sandboxes(w.transport) for _, w in clients))
        for _, writer in clients:
            writer.close()
            await writer.wait_closed()

    assert most == 2
