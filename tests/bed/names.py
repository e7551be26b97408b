"""A name server that a test controls: what a host's upstream is to the engine."""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset


class NameServer:
    """Answers A questions from *addresses*, all others with an empty NOERROR or NXDOMAIN.

    UDP only. The socket is made by the caller, in the namespace where it shall live; a thread of
    the test's own process serves it.
    """

    def __init__(self, listener: socket.socket, addresses: Mapping[str, str]) -> None:
        """*addresses* leads from names without a last dot to IPv4 addresses."""
        self.addresses = dict(addresses)
        self.asked: list[str] = []
        """All names asked for so far, in order, without a last dot."""
        self._listener = listener
        self._listener.settimeout(0.05)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="name server", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop answering; twice is fine."""
        self._stopping.set()
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while not self._stopping.is_set():
            try:
                query, peer = self._listener.recvfrom(4096)
            except TimeoutError:
                continue  # look whether to stop
            self._listener.sendto(self._answer(query), peer)

    def _answer(self, query: bytes) -> bytes:
        response = dns.message.make_response(dns.message.from_wire(query))
        response.flags |= dns.flags.RA
        question = response.question[0]
        name = question.name.to_text(omit_final_dot=True)
        self.asked.append(name)
        address = self.addresses.get(name.lower())
        if address is None:
            response.set_rcode(dns.rcode.NXDOMAIN)
        elif question.rdtype == dns.rdatatype.A:
            response.answer.append(dns.rrset.from_text(question.name, 5, "IN", "A", address))
        return response.to_wire()
