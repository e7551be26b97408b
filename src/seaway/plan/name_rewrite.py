"""The table inside a sandbox that lets its questions for names reach our server."""

from __future__ import annotations

from seaway.plan.zone import NAMES_ADDRESS

NO_NAME_REWRITE = "table ip seaway_names\ndelete table ip seaway_names\n"
"""Text that takes the table of ``name_rewrite`` away, there or not."""


def name_rewrite(port: int) -> str:
    """The table that lets NAMES_ADDRESS:53 be answered at *port*, without connection tracking."""
    rules = "\n".join(
        f"    ip daddr {NAMES_ADDRESS} {proto} dport 53 {proto} dport set {port}\n"
        f"    ip saddr {NAMES_ADDRESS} {proto} sport {port} {proto} sport set 53"
        for proto in ("udp", "tcp")
    )
    return f"""\
{NO_NAME_REWRITE}\
table ip seaway_names {{
  chain out {{
    type filter hook output priority raw; policy accept;
{rules}
  }}
}}
"""
