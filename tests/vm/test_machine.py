"""The machine itself: what the tests in it count on."""

from __future__ import annotations

import os

import pytest

from bed.features import FEATURES, need

pytestmark = pytest.mark.smoke


def test_the_kernel_is_debians_own() -> None:
    assert os.uname().release.endswith("-cloud-amd64")
    assert "Debian" in os.uname().version


@pytest.mark.parametrize("feature", FEATURES)
def test_the_kernel_has_it(feature: str) -> None:
    need(feature)
