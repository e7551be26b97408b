"""A certificate authority for one test, in docker's layout: ``ca.pem``, ``cert.pem``, ``key.pem``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import trustme

EXPIRED = datetime(2020, 2, 1, 12, tzinfo=UTC)
"""When an expired certificate of ours ended."""


class Authority:
    """An authority; each has a name and a key of its own."""

    def __init__(self) -> None:
        self._ca = trustme.CA()

    def fill(self, folder: Path, *names: str, expires: datetime | None = None) -> Path:
        """Put a certificate for *names* (addresses, too), its key and the authority into *folder*."""
        folder.mkdir(parents=True, exist_ok=True)
        begins = datetime(2020, 1, 1, tzinfo=UTC) if expires else None
        made = self._ca.issue_cert(*names, not_before=begins, not_after=expires)
        self._ca.cert_pem.write_to_path(folder / "ca.pem")
        made.cert_chain_pems[0].write_to_path(folder / "cert.pem")
        made.private_key_pem.write_to_path(folder / "key.pem")
        (folder / "key.pem").chmod(0o600)
        return folder
