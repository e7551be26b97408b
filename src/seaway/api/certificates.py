"""The certificates by which the API is known and knows its clients, as docker lays them out.

The files are looked at for each new connection, so a renewed certificate needs no restart.
"""

from __future__ import annotations

import logging
import os
import ssl
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from seaway.codec.x509 import NotACertificate, validities
from seaway.model.errors import Unavailable

log = logging.getLogger(__name__)

SOON = timedelta(days=14)
"""A certificate that ends within this time is told of."""
LARGEST = 1 << 20
"""Bytes of a file with certificates, or a key."""
_OTHERS = 0o077
_Seen = tuple[tuple[int, int, int], ...]
"""Of each file: inode, nanoseconds of the last change, bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateFiles:
    """Three files in PEM: the authority of the clients, our own certificate, and its key."""

    ca: Path
    cert: Path
    key: Path

    @property
    def all(self) -> tuple[Path, Path, Path]:
        """In the order of their options."""
        return self.ca, self.cert, self.key


class Certificates:
    """What new connections are secured with. A broken new file leaves the old ones in use."""

    def __init__(self, files: CertificateFiles) -> None:
        """Read them; raises Unavailable with what is wrong."""
        self._files = files
        self._seen = self._look()
        self._context = _context(files)
        self._problem = ""

    @property
    def context(self) -> ssl.SSLContext:
        """By the files as they are now, or as they were when they were whole."""
        seen = self._look()
        if seen != self._seen:
            self._seen = seen
            self._read_again()
        return self._context

    def _read_again(self) -> None:
        try:
            self._context, self._problem = _context(self._files), ""
        except Unavailable as error:
            self._problem = f"new certificates are not used, those read before are: {error}"
            log.warning("new certificates are not used", extra={"reason": str(error)})
        else:
            log.info("certificates read again", extra={"file": str(self._files.cert)})

    def _look(self) -> _Seen:
        return tuple(_stamp(path) for path in self._files.all)

    def warnings(self, now: datetime | None = None) -> Sequence[str]:
        """What is wrong with them, in a sentence each."""
        at, files = now or datetime.now(UTC), self._files
        _ = self.context
        found = [self._problem] if self._problem else []
        found += [text for path in (files.ca, files.cert) if (text := _ending(path, at))]
        return [*found, *_open_key(files.key)]


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError:
        return (0, 0, 0)
    return found.st_ino, found.st_mtime_ns, found.st_size


def _context(files: CertificateFiles) -> ssl.SSLContext:
    """TLS 1.2 or later, for clients with a certificate of the authority only; raises Unavailable."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.options |= ssl.OP_NO_RENEGOTIATION
    for path in files.all:
        _content(path)
    try:
        context.load_verify_locations(files.ca)
    except (ssl.SSLError, OSError) as error:
        raise Unavailable(
            f"{files.ca} holds no certificate of an authority: {_why(error)}"
        ) from None
    try:
        context.load_cert_chain(files.cert, files.key, password=_no_password)
    except (ssl.SSLError, OSError) as error:
        raise Unavailable(
            f"{files.cert} and {files.key} are no certificate and its key: {_why(error)}"
        ) from None
    return context


def _no_password() -> str:
    """A key with a password would ask on the terminal; nobody is there."""
    return ""


def _content(path: Path) -> bytes:
    """The bytes of a file; raises Unavailable for what is none, or might never be read to its end.

    A pipe without a writer would hold up the daemon, a device would fill its memory.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise Unavailable(f"TLS needs {path}: {error.strerror or error}") from None
    try:
        _refuse_odd(path, os.fstat(handle))
        return os.read(handle, LARGEST)
    finally:
        os.close(handle)


def _refuse_odd(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise Unavailable(f"TLS needs {path}: it should be a file")
    if found.st_size > LARGEST:
        raise Unavailable(f"TLS needs {path}: it is larger than {LARGEST >> 20} MB")


def _why(error: OSError) -> str:
    """OpenSSL's reason in its words, without numbers."""
    reason = getattr(error, "reason", None) or error.strerror or str(error)
    return str(reason).lower().replace("_", " ")


def _ending(path: Path, now: datetime) -> str:
    """A sentence when a certificate of *path* has ended, ends soon, or has not begun."""
    try:
        found = validities(_content(path))
    except (Unavailable, NotACertificate):
        return ""  # told of when it was read
    ends, begins = min(v.ends for v in found), max(v.begins for v in found)
    if ends <= now:
        return f"the certificate {path} expired on {ends:%Y-%m-%d %H:%M} UTC: renew it"
    if begins > now:
        return f"the certificate {path} is not valid before {begins:%Y-%m-%d %H:%M} UTC"
    if ends - now <= SOON:
        return f"the certificate {path} expires on {ends:%Y-%m-%d %H:%M} UTC: renew it"
    return ""


def _open_key(key: Path) -> Sequence[str]:
    try:
        mode = key.stat().st_mode
    except OSError:
        return ()
    if not mode & _OTHERS:
        return ()
    return (f"the key {key} is open to others (mode {mode & 0o7777:04o}): chmod 600 {key}",)
