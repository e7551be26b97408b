"""The VM bed: a small virtual machine with Debian's own kernel, in which marked tests run."""
