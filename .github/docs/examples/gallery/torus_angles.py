"""
Two angles
==========

A mixture of wrapped normals on the torus, one narrow, one as wide as the circle along its second angle. What leaves on
one side comes back on the other.
"""

import matplotlib.pyplot as plt

import hyperdist as hd

q = hd.Mixture([0.6, 0.4], hd.ToroidalWrappedNormal([[-1.1, 2.6], [1.2, -0.5]], sigma=[[0.3, 0.8], [0.5, 0.25]]))

plt.figure(figsize=(5.6, 5))
hd.plot.torus(names=["first angle", "second angle"])
hd.plot.torus_density(q)
hd.plot.torus_points(q.sample((150,), rng=1), s=5)
