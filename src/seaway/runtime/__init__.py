"""Processes of sandboxes: OCI containers by runc or crun, each under a conmon of its own."""
