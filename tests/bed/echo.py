"""A server that says who it is and who asked."""

from __future__ import annotations

import selectors
import socket
import threading


class Echo:
    """Answers each datagram, and each piece of a TCP stream, with ``NAME ADDRESS``.

    ADDRESS is the asker's, as seen here. The socket is made by the caller, in the namespace where
    it shall live; a thread of the test's own process serves it.
    """

    def __init__(self, name: str, listener: socket.socket, address: str | None, port: int) -> None:
        self.name = name
        self.seen: list[str] = []
        """The addresses of all askers so far, in order."""
        self._listener = listener
        self._wake, self._sleeper = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        self._stream = listener.type == socket.SOCK_STREAM
        try:
            self._listen(address, port)
        except BaseException:
            self._close_sockets()
            raise
        self._thread = threading.Thread(target=self._serve, name=f"echo {name}", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listener.getsockname()[1])

    def close(self) -> None:
        """Stop listening and close all streams; twice is fine."""
        if self._thread.is_alive():
            self._wake.send(b"!")
            self._thread.join()

    def _listen(self, address: str | None, port: int) -> None:
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, self._stream)
        if self._listener.family == socket.AF_INET6:
            self._listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, address is not None)
        self._listener.bind((address or "::", port))
        if self._stream:
            self._listener.listen(128)
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._sleeper, selectors.EVENT_READ)

    def _serve(self) -> None:
        while True:
            for key, _ in self._selector.select():
                ready = key.fileobj
                assert isinstance(ready, socket.socket)
                if ready is self._sleeper:
                    self._close_sockets()
                    return
                self._serve_one(ready)

    def _serve_one(self, ready: socket.socket) -> None:
        if ready is not self._listener:
            self._answer_stream(ready)
        elif self._stream:
            connection, peer = ready.accept()
            self.seen.append(_plain(peer[0]))
            self._selector.register(connection, selectors.EVENT_READ)
        else:
            _, peer = ready.recvfrom(2048)
            self.seen.append(_plain(peer[0]))
            ready.sendto(self._text(peer[0]), peer)

    def _answer_stream(self, connection: socket.socket) -> None:
        try:
            if connection.recv(65536):
                connection.sendall(self._text(connection.getpeername()[0]))
                return
        except ConnectionError:
            pass  # the asker went away; the same as its end of stream
        self._selector.unregister(connection)
        connection.close()

    def _text(self, peer: str) -> bytes:
        return f"{self.name} {_plain(peer)}\n".encode()

    def _close_sockets(self) -> None:
        streams = [key.fileobj for key in (self._selector.get_map() or {}).values()]
        for each in {self._listener, self._wake, self._sleeper, *streams}:
            assert isinstance(each, socket.socket)
            each.close()
        self._selector.close()


def _plain(address: str) -> str:
    """*address* without the IPv6 dress of an IPv4 address."""
    return address.removeprefix("::ffff:")
