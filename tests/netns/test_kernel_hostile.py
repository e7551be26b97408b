"""A sandbox that may change its own interfaces gains nothing by it."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from netns.kernel_stage import Stage, bridge, detach, veth
from seaway.plan.operations import CreateNetns

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root")

COME_BACK = """
link=$(ls /sys/class/net | grep sx-)
ip link set $link down
ip link set $link address 02:00:00:00:01:02
ip addr add 10.7.0.2/24 dev $link
ip link set $link up
ping -c3 -i0.01 -W0.1 10.7.0.3 | grep -q 'bytes from'
"""


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A host with a kernel."""
    stage = Stage(tmp_path)
    yield stage
    await stage.close()


@pytest.mark.parametrize("guarded", [True, False])
async def test_a_detached_sandbox_cannot_come_back(stage: Stage, guarded: bool) -> None:
    a, b = stage.netns("a"), stage.netns("b")
    pairs = [veth(a, 2, guarded=guarded), veth(b, 3, guarded=guarded)]
    await stage.kernel.apply([bridge(), CreateNetns(path=a), CreateNetns(path=b), *pairs])
    seen = asyncio.create_task(asyncio.to_thread(_frames_seen, stage, b))
    await asyncio.sleep(0.3)

    await stage.kernel.remove([detach(pairs[0])])
    with suppress(subprocess.CalledProcessError):
        stage.run("sh", "-c", f"mount -t sysfs none /sys; {COME_BACK}", netns=a)

    assert await seen == ""


def _frames_seen(stage: Stage, netns: Path) -> str:
    """What arrives in *netns* from the first sandbox's MAC after it was detached."""
    return stage.run("sh", "-c", "sleep 0.31; tc -V >/dev/null", netns=netns)
