"""The world in memory: fakes of the contracts, and an engine that stands on them."""
