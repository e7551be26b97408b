"""``network ls`` by command line: ours and Docker's, of the same daemon, in turn."""

from __future__ import annotations

import tempfile
from pathlib import Path

from bench.figures import Claim, Figure, Report
from bench.stage import a_stage, launcher, timed

from bed.docker import docker_client
from bed.spot import CommandFailed

NETWORKS = 10
_OTHER_CLIENT = Path("/usr/local/bin/docker")


def beside_docker(rounds: int) -> Report:
    """A listing of a few networks; the whole command, from its start to its end."""
    clients, remarks = _clients()
    samples: dict[str, list[float]] = {name: [] for name in ("seaway", *clients)}
    with tempfile.TemporaryDirectory() as folder, a_stage() as stage:
        for n in range(NETWORKS):
            stage.api.post("/networks/create", {"Name": f"n{n}"})
        commands = {"seaway": launcher(Path(folder)), **clients}
        env = {"SEAWAY_HOST": stage.daemon.address, "DOCKER_HOST": stage.daemon.address}
        for n in range(2 * rounds + 1):
            for name, command in commands.items():
                argv = [str(command), "network", "ls"]
                took = timed(lambda argv=argv: stage.host.run(argv, env=env))  # type: ignore[misc]
                if n:
                    samples[name].append(took)
    figures = {
        name: Figure(name=f"{name} network ls", samples=tuple(taken))
        for name, taken in samples.items()
    }
    claims = (Claim(figure=figures["seaway"], beside=figures[name], limit=1.3) for name in clients)
    return Report(figures=tuple(figures.values()), claims=tuple(claims), remarks=remarks)


def _clients() -> tuple[dict[str, Path], tuple[str, ...]]:
    """Docker's clients that are here, and why Debian's is not."""
    found: dict[str, Path] = {}
    remarks: tuple[str, ...] = ()
    try:
        found["docker (Debian)"] = docker_client()
    except CommandFailed as error:
        remarks = (f"Debian's docker left out: {error}",)
    if _OTHER_CLIENT.exists():
        found[f"docker ({_OTHER_CLIENT})"] = _OTHER_CLIENT
    return found, remarks
