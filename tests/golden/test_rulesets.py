"""The firewall's text, whole, for a reviewer to read.

When a change of the text is wanted: ``WRITE_GOLDEN=1 pytest tests/golden``, and read the difference.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fakes.firewall import typical
from seaway.plan.elements import Elements, whole
from seaway.plan.firewall import ruleset

HERE = Path(__file__).parent
CASES: list[tuple[str, Elements, tuple[int, ...]]] = [
    ("empty-host", frozenset(), ()),
    ("typical-host", typical(), (4, 6)),
]


@pytest.mark.parametrize(("name", "elements", "forwarding_is_ours"), CASES)
def test_the_ruleset_is_the_one_that_was_reviewed(
    name: str, elements: Elements, forwarding_is_ours: tuple[int, ...]
) -> None:
    golden = HERE / f"{name}.nft"
    text = whole(ruleset(forwarding_is_ours=forwarding_is_ours), elements)
    if os.environ.get("WRITE_GOLDEN"):
        golden.write_text(text)

    assert text == golden.read_text()
