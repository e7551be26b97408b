"""What all tests share: the test bed's host, and what this machine can do."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator, Iterator

import pytest
from hypothesis import HealthCheck, settings

from bed.host import Host, a_host
from bed.pace import IN_VM

pytest_plugins = ["bed.watchdog"]

# A shell without job control has its background commands ignore interrupts, and so would all that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In the VM bed the kernel has all that it should: a test that is skipped is one that failed."""
    report = yield
    if IN_VM and report.skipped and isinstance(report.longrepr, tuple):
        report.outcome = "failed"
        report.longrepr = f"{report.longrepr[2]}; in the VM bed nothing is skipped"
    return report
