"""Attaching to a sandbox, as ``run``, ``start -a``, ``attach`` and ``exec`` do."""

from __future__ import annotations

import os

from seaway.cli.client import path
from seaway.cli.failure import DaemonError, Failure
from seaway.cli.session import Session, Signals
from seaway.cli.terminal import RawMode, is_terminal, key_bytes, size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from seaway.cli.client import Api, Reply

DETACHED = -1
"""Instead of an exit code: the user left the sandbox running."""
SIGNALLED = 128
"""A program that a signal ended has this much more for its exit code."""


class Attachment:
    """How the user is joined to a sandbox, or to one command in it."""

    def __init__(
        self,
        api: Api,
        *,
        tty: bool,
        takes_input: bool,
        keys: str = "",
        proxies: bool = True,
    ) -> None:
        """*proxies*: signals are passed on; else they end this program, as they end others.

        Raises Misused, and Failure when a terminal is needed and there is none.
        """
        if tty and takes_input and not is_terminal(0):
            raise Failure("the input is not a terminal: leave -t out, or -i")
        self._api = api
        self._place: tuple[str, ...] = ()
        self._tty, self._input, self._proxies = tty, takes_input, proxies
        self._keys = key_bytes(keys)
        _fill_descriptors()

    def join(
        self,
        place: tuple[str, ...],
        stream: Reply,
        ending: Reply | None = None,
        begin: Callable[[], object] | None = None,
    ) -> int:
        """Carry everything until the end: the exit code of *ending* (0 without it), or DETACHED.

        *place* is the path of what has the terminal. *begin* is called when everything is in
        place, to start what writes to the stream.
        """
        self._place = place
        try:
            with Signals() as signals:
                if begin is not None:
                    begin()
                return self._joined(stream, ending, signals)
        finally:
            stream.close()
            if ending is not None:
                ending.close()

    def _joined(self, stream: Reply, ending: Reply | None, signals: Signals) -> int:
        with RawMode(wanted=self._tty and self._input):
            session = Session(
                stream,
                signals,
                tty=self._tty,
                takes_input=self._input,
                keys=self._keys,
                forward=self._forward,
                resize=self._resize,
            )
            self._resize()
            if session.follow():
                return DETACHED
        return session.ended(ending) if ending is not None else 0

    def _forward(self, number: int, name: str) -> None:
        if not self._proxies:
            raise Failure("", SIGNALLED + number)
        self._tell("kill", signal=name)

    def _resize(self) -> None:
        rows, columns = size() if self._tty else (0, 0)
        if rows and columns:
            self._tell("resize", h=rows, w=columns)

    def _tell(self, verb: str, **query: object) -> None:
        try:
            self._api.post(path(*self._place, verb), **query)
        except DaemonError:
            return  # it ended meanwhile, and the stream will say so


def attached_stream(api: Api, place: tuple[str, ...], *, takes_input: bool, keys: str) -> Reply:
    """The raw stream of the sandbox at *place*: all its output from now on, and its input."""
    return api.upgrade(
        path(*place, "attach"),
        stream=True,
        stdin=takes_input,
        stdout=True,
        stderr=True,
        detachKeys=keys,
    )


def _fill_descriptors() -> None:
    """See to it that 0, 1 and 2 are open, so that no socket gets their numbers."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        continue
    os.close(descriptor)
