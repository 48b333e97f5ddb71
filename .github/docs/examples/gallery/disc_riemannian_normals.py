"""
Riemannian normals on the disc
==============================

The average density of three laws, draws from each, and the geodesics between their means. Every pentagon of the grid
has the same area.
"""

import numpy as np

import hyperdist as hd

three = hd.RiemannianNormal([[-0.1, 0.35], [0.66, -0.25], [-0.55, -0.6]], sigma=[0.5, 0.45, 0.4])
hd.plot.disc_density(three)
hd.plot.disc_geodesic(three.mean, np.roll(three.mean, 1, axis=0))
hd.plot.disc_points(three.sample((150,), rng=11), s=6)
