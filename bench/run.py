"""Seaway beside the kernel and its peers: ``.venv/bin/python bench/run.py [PART...]``."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src"), str(ROOT / "tests")]

from bench.command import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
