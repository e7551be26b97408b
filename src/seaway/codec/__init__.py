"""Bytes to values and back, without any effect: what Linux and name servers speak on the wire."""
