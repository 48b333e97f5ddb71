"""Radial laws: one file a law, its kernel a pure function of arrays."""
