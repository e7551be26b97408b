"""nftables by its own library, in process, as text (libnftables(3)).

JSON is not used: some of its maps end the process with SIGSEGV in libnftables 1.0.6.
"""

from __future__ import annotations

import ctypes
import re
from functools import cache
from types import TracebackType
from typing import Self

from seaway.kernel.descriptors import reserve
from seaway.model.endpoint import Sender
from seaway.model.ids import IfName, Mac

_DROP = re.compile(r'"([^"]+)"(?: \. ([0-9a-f:]{17}))? counter packets (\d+)')


class NftRefused(Exception):
    """nftables refused the text; the message is the first line of its error."""


@cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL("libnftables.so.1")
    library.nft_ctx_new.argtypes = [ctypes.c_uint32]
    library.nft_ctx_new.restype = ctypes.c_void_p
    for name in ("nft_ctx_buffer_output", "nft_ctx_buffer_error"):
        getattr(library, name).argtypes = [ctypes.c_void_p]
    for name in ("nft_ctx_get_output_buffer", "nft_ctx_get_error_buffer"):
        getattr(library, name).argtypes = [ctypes.c_void_p]
        getattr(library, name).restype = ctypes.c_char_p
    library.nft_ctx_free.argtypes = [ctypes.c_void_p]
    library.nft_ctx_free.restype = None
    library.nft_run_cmd_from_buffer.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    return library


class Nft:
    """A context: it acts on the namespace in which it was made, and serves one thread.

    Making one raises OSError when no low descriptor is free.
    """

    def __init__(self) -> None:
        self._library = _library()
        with reserve.lent():
            self._context: int | None = self._library.nft_ctx_new(0)
        if self._context is None:
            raise NftRefused("libnftables gave no context")
        self._library.nft_ctx_buffer_output(self._context)
        self._library.nft_ctx_buffer_error(self._context)

    def run(self, text: str) -> str:
        """Carry out *text* as one transaction and give its output; raises NftRefused."""
        failed = self._library.nft_run_cmd_from_buffer(self._context, text.encode())
        output: bytes = self._library.nft_ctx_get_output_buffer(self._context) or b""
        error: bytes = self._library.nft_ctx_get_error_buffer(self._context) or b""
        if failed:
            raise NftRefused(first_error(error.decode("utf-8", "replace")))
        return output.decode("utf-8", "replace")

    def close(self) -> None:
        """Free the context."""
        self._library.nft_ctx_free(self._context)
        self._context = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def first_error(text: str) -> str:
    """The first line of nft's complaint, with the text it points to where it shows any."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return "nft gave no reason"
    if len(lines) > 2 and set(lines[2]) <= {"^", "~", " "}:
        return f"{lines[0]}: {lines[1]}"
    return lines[0]


def counted_drops(listing: str) -> dict[Sender, int]:
    """Packets by sender, from the listing of a set with counters."""
    return {
        (IfName(link), Mac(mac)) if mac else IfName(link): int(packets)
        for link, mac, packets in _DROP.findall(listing)
    }
