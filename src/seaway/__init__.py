"""Seaway: the network under every container on a Linux host."""

__version__ = "0.1.0"
