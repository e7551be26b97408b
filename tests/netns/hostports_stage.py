"""A host of a test's own, whose ports are held by real sockets."""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
import threading
from collections.abc import Callable
from typing import TypeVar

import pytest

from fakes.parts import CountedSteps
from seaway.kernel.hostports import SocketHostPorts
from seaway.model.errors import EngineError
from seaway.model.ids import SandboxId
from seaway.model.port import PublishedPort

T = TypeVar("T")
A, B = SandboxId("a" * 64), SandboxId("b" * 64)
BOTH = (4, 6)
_CLONE_NEWNET = 0x40000000


class Host:
    """Runs each piece of work in a thread inside one network namespace."""

    def __init__(self) -> None:
        self._netns = -1
        self._netns = self.do(self._new)
        self.steps = CountedSteps()
        self.ports = SocketHostPorts(self.steps, {A: "web", B: "db"}.__getitem__)

    def do(self, work: Callable[[], T]) -> T:
        """What *work* gives inside; its errors are raised here."""
        result: list[T] = []
        errors: list[BaseException] = []

        def run() -> None:
            try:
                if self._netns >= 0:
                    _checked(_libc.setns(self._netns, _CLONE_NEWNET))
                result.append(work())
            except BaseException as error:  # noqa: BLE001 - raised where it was wanted
                errors.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        if errors:
            raise errors[0]
        return result[0]

    def hold(
        self, owner: SandboxId, *ports: PublishedPort, versions: tuple[int, ...] = BOTH
    ) -> tuple[PublishedPort, ...]:
        """Hold *ports* for *owner*; gives them as they were taken."""
        return self.do(lambda: self.ports.hold(owner, ports, versions)).ports

    def refusal(
        self, owner: SandboxId, *ports: PublishedPort, versions: tuple[int, ...] = BOTH
    ) -> str:
        """The sentence with which they are refused."""
        with pytest.raises(EngineError) as caught:
            self.hold(owner, *ports, versions=versions)
        return str(caught.value)

    def close(self) -> None:
        """Let go of everything."""
        self.ports.let_go(A)
        self.ports.let_go(B)
        os.close(self._netns)

    @staticmethod
    def _new() -> int:
        _checked(_libc.unshare(_CLONE_NEWNET))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            up = struct.pack("16sH14x", b"lo", 0x1 | 0x40)
            fcntl.ioctl(control, 0x8914, up)  # SIOCSIFFLAGS (netdevice(7))
        return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
