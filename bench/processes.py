"""``run --rm … true`` by command line: Seaway, Docker and Podman, each on a host of its own, in turn."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench import peers
from bench.figures import Claim, Figure, Report
from bench.stage import a_stage, launcher, timed

from bed.spot import CommandFailed

WARM = 3
Runner = Callable[[], object]


def beside_peers(rounds: int) -> Report:
    """The same static program in the same tiny root file system, on the default bridge network."""
    remarks: list[str] = []
    with ExitStack() as stack:
        runners = stack.enter_context(_seaway())
        for name, peer in (("docker", peers.docker), ("podman", peers.podman)):
            try:
                runners[name] = _runner(stack.enter_context(peer()))
            except CommandFailed as error:
                remarks.append(f"{name} left out: {error}")
        samples: dict[str, list[float]] = {name: [] for name in runners}
        for n in range(WARM + rounds):
            for name, run in runners.items():
                took = timed(run)
                if n >= WARM:
                    samples[name].append(took)
    figures = {
        name: Figure(name=f"{name} run --rm true", samples=tuple(taken))
        for name, taken in samples.items()
    }
    claims = tuple(
        Claim(figure=figures["seaway"], beside=figures[name], limit=1)
        for name in ("docker", "podman")
        if name in figures
    )
    return Report(figures=tuple(figures.values()), claims=claims, remarks=tuple(remarks))


@contextmanager
def _seaway() -> Generator[dict[str, Runner]]:
    """With the same root file system as the peers, and on the host's own, seen read-only."""
    try:
        peers.unpack()
    except (OSError, subprocess.CalledProcessError) as error:
        raise CommandFailed(f"the peers' packages could not be had: {error}") from error
    with tempfile.TemporaryDirectory() as folder, a_stage() as stage:
        command = [str(launcher(Path(folder))), "run", "--rm"]
        env = {"SEAWAY_HOST": stage.daemon.address}
        rootfs = [*command, "--rootfs", str(peers.ROOTFS), "true"]
        yield {
            "seaway": lambda: stage.host.run(rootfs, env=env),
            "seaway, host's files,": lambda: stage.host.run([*command, "true"], env=env),
        }


def _runner(peer: peers.Peer) -> Runner:
    return lambda: peer.run("run", "--rm", peers.IMAGE, "true")
