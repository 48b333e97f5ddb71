"""Statistical and numerical validation of ``hyperdist``; run ``python -m validation``.

The tests are those of ``hyperdist.testing``, whose geometry is a second one; normalising constants and the reference
sampler are written here a second time, by other formulas, so that an error in the library cannot hide in its own check.
Of the rest of ``hyperdist`` only public names are imported.
"""
