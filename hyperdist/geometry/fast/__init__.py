"""Geometry with first derivatives by hand, for the paths that training takes at every step."""
