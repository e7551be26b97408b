"""Being attached: the user's input, output, signals and window size, joined to a sandbox's."""

from __future__ import annotations

import os
import signal
from _socket import MSG_DONTWAIT
from select import POLLIN, POLLOUT, poll

from seaway.cli.failure import GONE, Failure
from seaway.cli.streams import Frames, write
from seaway.cli.terminal import KeyWatch
from seaway.cli.text import parsed
from seaway.cli.values import number, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType, TracebackType
    from typing import Self

    from seaway.cli.client import Reply

_READ = 65536
PATIENCE = 3
FORCED = f"\ngot {PATIENCE} SIGTERM/SIGINTs, forcefully exiting; the sandbox goes on"
"""As docker: a process that heeds no signal, as the first of a namespace, holds nobody up."""
_FORWARDED = ["SIGHUP", "SIGINT", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGTERM", "SIGWINCH"]


def _note(_number: int, _frame: FrameType | None) -> None:
    """The number is in the pipe already."""


class Signals:
    """Within ``with``, signals do not end this program but can be read, one by one."""

    def __enter__(self) -> Self:
        self._inlet, self._outlet = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._wakeup = signal.set_wakeup_fd(self._outlet, warn_on_full_buffer=False)
        self._before = {
            caught: signal.signal(caught, _note)
            for caught in (getattr(signal, name) for name in _FORWARDED)
            if signal.getsignal(caught) is not signal.SIG_IGN
        }
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for caught, handler in self._before.items():
            signal.signal(caught, handler)
        signal.set_wakeup_fd(self._wakeup)
        os.close(self._inlet)
        os.close(self._outlet)

    def fileno(self) -> int:
        """The descriptor to wait on."""
        return self._inlet

    def read(self) -> list[int]:
        """The signals that came since the last time."""
        try:
            return list(os.read(self._inlet, 256))
        except BlockingIOError:
            return []


class Session:
    """One attached stream."""

    def __init__(
        self,
        stream: Reply,
        signals: Signals,
        *,
        tty: bool,
        takes_input: bool,
        keys: bytes,
        forward: Callable[[int, str], None],
        resize: Callable[[], None],
    ) -> None:
        """*forward* passes a signal on, by number and name; *resize* the window's size."""
        self._stream, self._signals, self._tty = stream, signals, tty
        self._frames = Frames(raw=tty)
        self._input_open, self._pending = takes_input, b""
        self._keys = KeyWatch(keys)
        self._forward, self._resize = forward, resize
        self._asked_to_end = 0
        if not takes_input and not tty:
            stream.end_input()

    def follow(self) -> bool:
        """Carry bytes until the engine closes the stream. Whether the user asked to detach."""
        while True:
            ready = self._ready()
            self._signalled()
            if self._stream.waiting or ready.get(self._stream.fileno(), 0) & ~POLLOUT:
                received = self._stream.read()
                if not received:
                    return self._tty and self._keys.seen
                for target, data in self._frames.split(received):
                    write(target, data)
            if self._pending:
                self._send()
            elif 0 in ready:
                self._take_input()

    def ended(self, ending: Reply) -> int:
        """The exit code, once the reply of ``wait`` is there; signals are passed on until then.

        Raises Failure when the engine goes away before.
        """
        body = b""
        while True:
            waiting = poll()
            waiting.register(ending, POLLIN)
            waiting.register(self._signals, POLLIN)
            ready = {} if ending.waiting else dict(waiting.poll())
            self._signalled()
            if ending.waiting or ending.fileno() in ready:
                try:
                    received = ending.read()
                except Failure:
                    raise Failure(GONE, 125) from None
                body += received
                if not received:
                    return exit_code(body)

    def _ready(self) -> dict[int, int]:
        if self._stream.waiting:
            return {}
        waiting = poll()
        waiting.register(self._stream, POLLIN | (POLLOUT if self._pending else 0))
        waiting.register(self._signals, POLLIN)
        if self._input_open and not self._pending:
            waiting.register(0, POLLIN)
        return dict(waiting.poll())

    def _signalled(self) -> None:
        for caught in self._signals.read():
            if caught == signal.SIGWINCH:
                self._resize()
            else:
                self._forward(caught, signal.Signals(caught).name)
                self._asked_to_end += caught in (signal.SIGINT, signal.SIGTERM)
        if self._asked_to_end >= PATIENCE:
            raise Failure(FORCED)

    def _take_input(self) -> None:
        try:
            typed = os.read(0, _READ)
        except OSError:
            typed = b""  # a terminal that is gone, or no input at all: nothing more will come
        if typed:
            self._keys.typed(typed)
            self._pending = typed
            self._send()
        else:
            self._input_open = False
            self._stream.end_input()

    def _send(self) -> None:
        try:
            sent = self._stream.socket.send(self._pending, MSG_DONTWAIT)
            self._pending = self._pending[sent:]
        except BlockingIOError:
            return
        except OSError:
            self._input_open, self._pending = False, b""  # nobody reads it any more


def exit_code(body: bytes) -> int:
    """The exit code that a reply of ``wait`` carries. Raises Failure."""
    try:
        reply = parsed(body.decode())
    except ValueError:
        raise Failure(GONE, 125) from None
    if problem := text(reply, "Error", "Message"):
        raise Failure(f"waiting for the sandbox failed: {problem}", 125)
    return number(reply, "StatusCode")
