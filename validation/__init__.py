"""Statistical and numerical validation of ``hyperdist``; run ``python -m validation``.

Imports public names of ``hyperdist`` only. Geometry, normalising constants and the reference sampler are written
here a second time, by other formulas, so that an error in the library cannot hide in its own check.
"""
