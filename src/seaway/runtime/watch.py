"""Waiting for a descriptor, the end of a process, or a change of a file."""

from __future__ import annotations

import asyncio
import ctypes
import os
import struct
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

_IN_MODIFY = 0x2  # linux/inotify.h
_EVENTS = 4096
"""Bytes that are read at once of a watch."""
_EVENT = struct.Struct("iIII")
"""struct inotify_event: watch, mask, cookie, length of the name that follows."""
_OVERFLOW = -1
"""The watch of an event that says that others were lost."""


async def readable(
    descriptor: int, *, timeout: float | None = None, event: asyncio.Event | None = None
) -> None:
    """Wait until *descriptor* can be read, or *event* is set.

    Raises TimeoutError after *timeout* seconds.
    """
    loop = asyncio.get_running_loop()
    ready = event or asyncio.Event()
    loop.add_reader(descriptor, ready.set)
    try:
        async with asyncio.timeout(timeout):
            await ready.wait()
    finally:
        loop.remove_reader(descriptor)


@contextmanager
def process_handle(pid: int) -> Generator[int | None]:
    """A pidfd of *pid*, readable when it ended; None when there is no such process."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        yield None
        return
    try:
        yield descriptor
    finally:
        os.close(descriptor)


class Writes:
    """Tells of writes to files: one watch of the kernel's (inotify(7)) for all, made when needed.

    The kernel gives a user 128 of them, so there cannot be one for each reader of a log.
    """

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = -1
        self._waiting: dict[int, set[asyncio.Event]] = {}

    @contextmanager
    def to(self, path: Path) -> Generator[asyncio.Event]:
        """An event that is set after each write to the file *path*; raises OSError."""
        if self._descriptor < 0:
            self._open()
        name = os.fsencode(path)
        number = self._checked(self._libc.inotify_add_watch(self._descriptor, name, _IN_MODIFY))
        event = asyncio.Event()
        self._waiting.setdefault(number, set()).add(event)
        try:
            yield event
        finally:
            self._waiting[number].discard(event)
            if not self._waiting[number]:
                del self._waiting[number]
                self._libc.inotify_rm_watch(self._descriptor, number)
            if not self._waiting:
                self._close()

    def _open(self) -> None:
        flags = os.O_NONBLOCK | os.O_CLOEXEC
        self._descriptor = self._checked(self._libc.inotify_init1(flags))
        asyncio.get_running_loop().add_reader(self._descriptor, self._read)

    def _close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._descriptor)
        os.close(self._descriptor)
        self._descriptor = -1

    def _read(self) -> None:
        """Set the events of the files that were written to; of a lost event, all."""
        try:
            data = os.read(self._descriptor, _EVENTS)
        except BlockingIOError:
            return
        while data:
            number, _, _, length = _EVENT.unpack_from(data)
            data = data[_EVENT.size + length :]
            lost = number == _OVERFLOW
            for watched, events in self._waiting.items():
                for event in events if lost or watched == number else ():
                    event.set()

    @staticmethod
    def _checked(result: int) -> int:
        if result < 0:
            raise OSError(ctypes.get_errno(), f"inotify: {os.strerror(ctypes.get_errno())}")
        return result
