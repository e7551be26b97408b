"""All that the OpenAPI document allows, and much that it does not, asked of a daemon on a real kernel."""

from __future__ import annotations

import pytest

from bed.daemon import Daemon
from bed.fingerprint import at_rest, leaked
from bed.host import Host
from fakes.hostile import ask_everything, operations

EXAMPLES = 25
NAMES = ("web", "box", "bridge", "host", "none", "cfg")


@pytest.mark.long
@pytest.mark.timeout(900)
def test_whatever_is_asked_is_answered_as_told_and_nothing_is_left_behind(
    host: Host, daemon: Daemon
) -> None:
    before = at_rest(host)
    daemon.seaway("network", "create", "--subnet", "10.77.1.0/24", "web")
    daemon.seaway("network", "create", "--config-only", "cfg")
    daemon.seaway("sandbox", "create", "--network", "web", "box")

    for method, path in operations():
        ask_everything(host.path(daemon.socket), method, path, NAMES, examples=EXAMPLES)

    assert daemon.is_running
    assert "Traceback" not in daemon.log
    assert "internal error" not in daemon.log
    for sandbox in daemon.seaway("ps", "-aq", check=False).out.split():
        daemon.seaway("rm", "-f", sandbox)
    daemon.seaway("prune", "-f")
    for sandbox in daemon.seaway("sandbox", "ls", "-q").out.split():
        daemon.seaway("sandbox", "rm", "-f", sandbox)
    for network in daemon.seaway("network", "ls", "-q", "-f", "type=custom").out.split():
        daemon.seaway("network", "rm", network)
    assert leaked(before, host) == ()
