"""``/_ping``, ``/version``, ``/info``, ``/system/df``."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from pathlib import Path

from aiohttp import web

from seaway.api import moments, wire
from seaway.api.call import Call, Route
from seaway.api.declaration import TEXT, json, stream
from seaway.api.inspection import PAUSED, Inspection
from seaway.api.parts import Parts
from seaway.api.selection import newest_first
from seaway.model.options import KINDS
from seaway.model.sandbox import State

API_VERSION, MIN_API_VERSION = wire.LATEST, wire.OLDEST


def version_text(version: tuple[int, int]) -> str:
    """``1.50``."""
    return f"{version[0]}.{version[1]}"


class SystemRoutes:
    """About the engine itself."""

    def __init__(self, parts: Parts) -> None:
        self._parts, self._inspection = parts, Inspection(parts)

    def routes(self) -> Sequence[Route]:
        """Methods and paths."""
        return (
            Route("GET", "/_ping", self.ping, answers=stream(TEXT)),
            Route("HEAD", "/_ping", self.ping, answers=stream(TEXT)),
            Route("GET", "/version", self.version, answers=json(wire.Version)),
            Route("GET", "/info", self.info, answers=json(wire.Info)),
            Route("GET", "/system/df", self.usage, answers=json(wire.DiskUsage)),
        )

    async def ping(self, call: Call) -> web.Response:
        """That we are there; the version is in the headers, as with every reply."""
        headers = {
            "Cache-Control": "no-cache, no-store, must-revalidate",
            "Pragma": "no-cache",
            "Swarm": "inactive",
        }
        text = "" if call.request.method == "HEAD" else "OK"
        return web.Response(text=text, headers=headers)

    async def version(self, call: Call) -> web.Response:
        """Who answers."""
        version, latest, oldest = (
            self._parts.facts.version,
            version_text(API_VERSION),
            version_text(MIN_API_VERSION),
        )
        details = {
            "ApiVersion": latest,
            "Arch": architecture(),
            "BuildTime": "",
            "Experimental": "false",
            "GitCommit": "",
            "GoVersion": "",
            "KernelVersion": platform.release(),
            "MinAPIVersion": oldest,
            "Os": "linux",
        }
        return call.answer(
            wire.Version(
                platform=wire.Platform(name="Seaway"),
                components=[wire.Component(name="Engine", version=version, details=details)],
                version=version,
                api_version=latest,
                min_api_version=oldest,
                arch=architecture(),
                kernel_version=platform.release(),
            )
        )

    async def info(self, call: Call) -> web.Response:
        """About the host and how much is on it."""
        parts = self._parts
        states = [self._inspection.state(s) for s in parts.store.sandboxes()]
        running, paused = states.count(State.RUNNING), states.count(PAUSED)
        return call.answer(
            wire.Info(
                id=platform.node(),
                containers=len(states),
                containers_running=running,
                containers_paused=paused,
                containers_stopped=len(states) - running - paused,
                plugins=wire.Plugins(volume=[], network=[*KINDS], log=["json-file"]),
                ipv4_forwarding=await self._is_on("net/ipv4/ip_forward"),
                bridge_nf_iptables=await self._is_on("net/bridge/bridge-nf-call-iptables"),
                bridge_nf_ip6tables=await self._is_on("net/bridge/bridge-nf-call-ip6tables"),
                cgroup_version=cgroup_version(),
                system_time=moments.shown(parts.clock.now()),
                kernel_version=platform.release(),
                operating_system=operating_system(),
                architecture=platform.machine(),
                ncpu=os.cpu_count() or 1,
                mem_total=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
                docker_root_dir=str(parts.facts.data_dir),
                name=platform.node(),
                server_version=parts.facts.version,
                warnings=[*await parts.engine.checkup.warnings()] or None,
            )
        )

    async def _is_on(self, path: str) -> bool:
        return await self._parts.kernel.sysctl(path) == "1"

    async def usage(self, call: Call) -> web.Response:
        """What is on the disk: containers have no layer there, and all else is not."""
        found = newest_first(self._parts.store)
        return call.answer(wire.DiskUsage(containers=[self._inspection.summary(s) for s in found]))


def architecture() -> str:
    """The machine in Go's words."""
    machine = platform.machine()
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)


def cgroup_version() -> str:
    """``2`` where all control groups are of version 2."""
    return "2" if Path("/sys/fs/cgroup/cgroup.controllers").exists() else "1"


def operating_system() -> str:
    """The distribution's name (os-release(5))."""
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return "Linux"
