"""Spaces: one file a space, kernels over any array namespace and a host class that checks its input."""
