"""What all tests share: the test bed's host, and what this machine can do."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from bed.host import Host, a_host

pytest_plugins = ["bed.watchdog"]

# The same examples in each run: a failure on one machine is a failure on all.
# No deadline: time is not the claim.
settings.register_profile(
    "seaway", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "seaway"))


@pytest.fixture
def host(request: pytest.FixtureRequest) -> Iterator[Host]:
    """A host "H" with its neighbour "P", for one test; its parameter, if any, is *bridge_nf*."""
    if os.geteuid() != 0:
        pytest.skip("namespaces need root")
    with a_host(bridge_nf=getattr(request, "param", False)) as host:
        yield host
