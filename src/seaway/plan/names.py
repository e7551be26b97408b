"""Names for sandboxes that were given none."""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from seaway.model.ids import SandboxName

FIRST = """
    amber ample azure bold brave bright brisk calm clear clever coral crisp deep eager early fair
    fine firm fleet fresh gentle glad golden grand green keen kind light lively lucky mellow merry
    mild neat noble open pale patient plain proud quick quiet ready rosy sharp silent silver sleek
    smooth snowy solid spry steady still stout sunny sure swift tidy true vivid warm wide wise young
""".split()  # noqa: SIM905
SECOND = """
    anchor barge bay beacon boat bow breeze brig bridge buoy canal cape channel coast cove creek
    current delta dock eddy ferry fjord ford gale gull gulf harbor haven helm hull inlet island
    isthmus jetty keel lagoon lantern lock mast mole oar pier pilot port quay raft reef rudder sail
    sand shoal shore skiff sloop sound strait surf tide tiller tug wake wave wharf yacht yard
""".split()  # noqa: SIM905


def made_up_name(taken: Iterable[str]) -> SandboxName:
    """A name in Docker's form, ``adjective_noun``, that nobody has; with a number when words run out."""
    names = frozenset(taken)
    for _ in range(64):
        name = f"{secrets.choice(FIRST)}_{secrets.choice(SECOND)}"
        if name not in names:
            return SandboxName(name)
    return SandboxName(f"{secrets.choice(FIRST)}_{secrets.choice(SECOND)}_{secrets.token_hex(4)}")
