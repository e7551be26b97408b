"""An engine behind TCP: with TLS anywhere, plain on loopback only.

Loaded only for such a host, since Python's ssl costs 20 ms to import. The connection is unwrapped by
hand, since a socket of ssl cannot end its sending and go on reading.
"""

from __future__ import annotations

import os
import socket
import ssl
from ipaddress import ip_address

from seaway.cli.failure import Failure, Unreachable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from seaway.cli.target import Tls

TIMEOUT = 15.0
"""Seconds for the other side to take the connection and to show its certificate."""
_CHUNK = 1 << 16
_RECORD = 1 << 14
PLAIN_PORT, TLS_PORT = 2375, 2376

_UNKNOWN_AUTHORITY = frozenset((18, 19, 20, 21))  # X509_V_ERR_…, openssl-verification-options(1)
_NOT_YET, _EXPIRED, _OTHER_NAME, _OTHER_ADDRESS = 9, 10, 62, 64


def connection(where: str, tls: Tls, patience: float | None) -> socket.socket | TlsConnection:
    """A new connection to *where* (``HOST:PORT``), each wait of which takes *patience* seconds at most.

    Raises Unreachable, Failure.
    """
    host, port = _split(where, TLS_PORT if tls.wanted else PLAIN_PORT)
    if not tls.wanted and not _is_loopback(host):
        raise Failure(
            f"tcp://{where} would be used without protection: say --tlsverify, with ca.pem, "
            f"cert.pem and key.pem in {tls.folder}, or name the files"
        )
    plain = _connected(host, port, f"tcp://{where}")
    try:
        secured = TlsConnection(plain, _context(tls), host, tls) if tls.wanted else plain
        plain.settimeout(patience)
    except BaseException:
        plain.close()
        raise
    return secured


def _split(where: str, usual: int) -> tuple[str, int]:
    host, colon, port = where.rstrip("/").rpartition(":")
    if not colon or "]" in port:
        host, port = where.rstrip("/"), str(usual)
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or not 1 <= int(port) <= 65535:
        raise Failure(f"tcp://{where} should be like tcp://HOST:{TLS_PORT}")
    return host, int(port)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _connected(host: str, port: int, shown: str) -> socket.socket:
    try:
        found = socket.create_connection((host, port), TIMEOUT)
    except socket.gaierror:
        raise Unreachable(f"nobody knows a host called {host}") from None
    except ConnectionRefusedError:
        raise Unreachable(
            f"nobody answers on {shown}: is the engine running, with -H tcp://…?"
        ) from None
    except OSError as error:
        raise Unreachable(f"cannot reach {shown}: {error.strerror or error}") from None
    found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    return found


def _context(tls: Tls) -> ssl.SSLContext:
    """What to show and what to believe. Raises Failure for files that are no good."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not tls.verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if tls.verify:
        _load(tls.ca, "certificate of the authority", lambda: context.load_verify_locations(tls.ca))
    if os.path.exists(tls.cert) or os.path.exists(tls.key) or tls.cert_given:  # noqa: PTH110
        for path in (tls.cert, tls.key):
            _load(path, "certificate with its key", lambda: None)
        _load(
            tls.cert,
            f"certificate that goes with the key {tls.key}",
            lambda: context.load_cert_chain(tls.cert, tls.key, password=lambda: ""),
        )
    return context


def _load(path: str, what: str, load: Callable[[], object]) -> None:
    """*load* the file *path*. Raises Failure, which names it."""
    try:
        with open(path, "rb"):  # noqa: PTH123 - ssl does not say which file it misses
            load()
    except ssl.SSLError as error:
        raise Failure(f"{path} is no {what}: {_words(error)}") from None
    except OSError as error:
        raise Failure(f"TLS needs the {what} in {path}: {error.strerror}") from None


class TlsConnection:
    """As much of a socket as the client uses, with TLS below it."""

    def __init__(self, plain: socket.socket, context: ssl.SSLContext, host: str, tls: Tls) -> None:
        """Shake hands. Raises Unreachable, which says what is wrong with whose certificate."""
        self._plain, self._host, self._config = plain, host, tls
        self._arrived, self._leaving = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._arrived, self._leaving, server_hostname=host)
        self._early, self._unsent, self._promised = b"", b"", 0
        plain.settimeout(TIMEOUT)
        try:
            self._shake_hands()
        except ssl.SSLError as error:
            raise self._refused(error) from None
        except OSError as error:
            why = error.strerror or "it does not answer"
            raise Unreachable(f"{host} ended the connection before it was secured: {why}") from None

    def _shake_hands(self) -> None:
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._flush()
                self._receive()
            else:
                break
            finally:
                self._flush()

    def _receive(self) -> None:
        data = self._plain.recv(_CHUNK)
        if not data:
            raise ConnectionResetError("the other side hung up")
        self._arrived.write(data)

    def _flush(self) -> None:
        """Send all that is to be sent, however long it takes."""
        data, self._unsent = self._unsent + self._leaving.read(), b""
        self._plain.sendall(data)

    def recv(self, _size: int) -> bytes:
        """All that can be read, at least a byte; empty at the end of what the engine sends."""
        data, self._early = self._early, b""
        try:
            data += self._readable()
            while not data:
                self._receive()
                data = self._readable()
        except (ssl.SSLZeroReturnError, ConnectionResetError):
            return data
        except ssl.SSLError as error:
            raise self._refused(error) from None
        return data

    def _readable(self) -> bytes:
        """What of the bytes that arrived can be read; nothing of it stays behind."""
        data = b""
        try:
            while part := self._tls.read(_CHUNK):
                data += part
        except ssl.SSLWantReadError:
            return data
        except ssl.SSLZeroReturnError:
            if not data:
                raise
        return data

    def sendall(self, data: bytes) -> None:
        """Send all of *data*."""
        while data:
            self._tls.write(data[:_RECORD])
            data = data[_RECORD:]
            self._flush()

    def send(self, data: bytes, flags: int) -> int:
        """Send the beginning of *data* and say how much of it; raises BlockingIOError.

        After that the same *data* must come again: part of it may be on its way.
        """
        if not self._promised:
            self._promised = self._tls.write(data[:_RECORD])
            self._unsent += self._leaving.read()
        while self._unsent:
            self._unsent = self._unsent[self._plain.send(self._unsent, flags) :]
        sent, self._promised = self._promised, 0
        return sent

    def shutdown(self, _how: int) -> None:
        """Tell the engine that nothing more will be sent; it may still answer."""
        try:
            self._early += self._readable()  # OpenSSL would throw it away
        except ssl.SSLZeroReturnError:
            return
        try:
            self._tls.unwrap()
        except (ssl.SSLWantReadError, ssl.SSLError):
            self._flush()

    def fileno(self) -> int:
        """The descriptor to wait on."""
        return self._plain.fileno()

    def close(self) -> None:
        """Hang up."""
        self._plain.close()

    def _refused(self, error: ssl.SSLError) -> Unreachable:
        return Unreachable(_sentence(error, self._host, self._config))


def _sentence(error: ssl.SSLError, host: str, tls: Tls) -> str:
    """What is wrong with whose certificate, and what would be right."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _about_theirs(error, host, tls)
    reason = error.reason or ""
    if "CERTIFICATE_REQUIRED" in reason or "HANDSHAKE_FAILURE" in reason:
        return f"{host} wants a certificate of yours: put cert.pem and key.pem into {tls.folder}"
    if "ALERT_UNKNOWN_CA" in reason:
        return f"{host} does not know the authority of your certificate {tls.cert}"
    if "CERTIFICATE_EXPIRED" in reason:
        return f"{host} refuses your certificate {tls.cert}: it has expired"
    if "CERTIFICATE" in reason and "ALERT" in reason:
        return f"{host} refuses your certificate {tls.cert}: {_words(error)}"
    if "WRONG_VERSION_NUMBER" in reason or "RECORD_LAYER" in reason:
        return f"what answers on {host} does not speak TLS"
    return f"no secure connection to {host}: {_words(error)}"


def _about_theirs(error: ssl.SSLCertVerificationError, host: str, tls: Tls) -> str:
    code = error.verify_code
    if code in _UNKNOWN_AUTHORITY:
        return f"the certificate of {host} is not from the authority in {tls.ca}"
    if code == _EXPIRED:
        return f"the certificate of {host} has expired: it must be renewed there"
    if code == _NOT_YET:
        return f"the certificate of {host} is not valid yet: is this machine's clock right?"
    if code in (_OTHER_NAME, _OTHER_ADDRESS):
        return f"the certificate of {host} is for other names: use one of those, or renew it for this one"
    return f"the certificate of {host} is not accepted: {error.verify_message}"


def _words(error: ssl.SSLError) -> str:
    return (error.reason or str(error)).lower().replace("_", " ")
