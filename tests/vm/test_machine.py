"""The machine itself: what the tests in it count on."""

from __future__ import annotations

import os

import pytest

from bed.features import FEATURES, has

pytestmark = pytest.mark.smoke


def test_the_kernel_is_debians_own() -> None:
    assert os.uname().release.endswith("-cloud-amd64")
    assert "Debian" in os.uname().version


def test_the_kernel_lacks_nothing_that_tests_need() -> None:
    assert [feature for feature in FEATURES if not has(feature)] == []
