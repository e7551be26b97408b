"""The ``seaway`` command: standard library only, and each command loads only what it needs."""
