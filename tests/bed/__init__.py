"""The test bed: hosts with a neighbour, daemons on them, and small servers and probes."""
