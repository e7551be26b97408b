"""The name servers inside the sandboxes: sockets and upstreams round ``plan.zone``."""
