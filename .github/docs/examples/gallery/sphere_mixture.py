"""
A mixture on the sphere
=======================

Nine von Mises-Fisher laws on a map that keeps areas, and draws from them.
"""

import matplotlib.pyplot as plt
import numpy as np

import hyperdist as hd

rng = np.random.default_rng(5)
centres = hd.SphericalUniform(2).sample((9,), rng=rng)
mixture = hd.Mixture(rng.dirichlet(np.full(9, 4.0)), hd.VonMisesFisher(centres, rng.uniform(6.0, 60.0, 9)))

plt.figure(figsize=(9, 4.2))
hd.plot.sphere_density(mixture)
hd.plot.sphere_points(mixture.sample((300,), rng=12), s=4)
