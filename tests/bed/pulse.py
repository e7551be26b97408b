"""Traffic that must go on through everything: datagrams at a steady pace, and one long stream."""

from __future__ import annotations

import threading
import time
from contextlib import suppress

from bed.spot import Spot

PACE = 0.005
"""Seconds between two datagrams."""


class Pulse:
    """Asks an echo server again and again, by one UDP flow and one TCP stream; nothing may be lost."""

    def __init__(self, spot: Spot, address: str, port: int) -> None:
        """From *spot* to *address*, where UDP and TCP *port* lead to an echo server each."""
        self.sent = 0
        self.answered = 0
        self._datagrams = spot.connect("udp", address, port)
        self._stream = spot.connect("tcp", address, port)
        self._datagrams.settimeout(PACE)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="pulse", daemon=True)
        self._thread.start()

    def ask_by_stream(self) -> str:
        """What the server says on the stream that has been open all the time."""
        self._stream.sendall(b"who?\n")
        return str(self._stream.recv(2048), "ascii").strip()

    def stop(self) -> int:
        """End it; gives how many datagrams had no answer. Twice is fine."""
        self._stopping.set()
        self._thread.join()
        self._datagrams.close()
        self._stream.close()
        return self.sent - self.answered

    def _beat(self) -> None:
        due = time.monotonic()
        while not self._stopping.is_set():
            self.sent += 1
            with suppress(ConnectionRefusedError):  # told of a former one: it has no answer then
                self._datagrams.send(b"who?\n")
            due += PACE
            while time.monotonic() < due:
                self._receive()
        late = time.monotonic() + 1
        while self.answered < self.sent and time.monotonic() < late:
            self._receive()

    def _receive(self) -> None:
        try:
            self._datagrams.recv(2048)
        except TimeoutError:
            return
        except ConnectionRefusedError:
            return
        self.answered += 1
