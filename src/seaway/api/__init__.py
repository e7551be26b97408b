"""HTTP in the shape of the Docker Engine API, and our own verbs beside it under ``/seaway/``."""
