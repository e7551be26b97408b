"""Drivers: how each kind of network is made of Linux parts. Pure: they plan, the kernel does."""
