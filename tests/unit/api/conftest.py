"""A stage for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from unit.api.stage import Stage, held_stage


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """The API over a world in memory."""
    async with held_stage(tmp_path) as stage:
        yield stage
