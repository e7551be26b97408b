"""How much slower than usual things go: in the VM bed a processor is emulated."""

from __future__ import annotations

import os

IN_VM = os.environ.get("IN_VM") == "1"
"""Whether these tests run in the VM bed."""
PACE = 20 if IN_VM else 1
"""By how much waits are longer than the tests say."""
SILENCE = 4 if IN_VM else 1
"""The same for waits that go to their end each time: what does not come within them never does."""
