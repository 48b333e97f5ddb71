"""Geometry as pure functions of arrays, a space or a map a file: NumPy, torch or any array of the array API standard.

They give NaN for what is outside, and never check, raise, print or clamp; the objects of ``hyperdist.spaces`` check.
"""
