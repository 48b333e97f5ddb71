"""
Two angles
==========

A wrapped normal on the torus: angles of two torsions, one narrow, one as wide as the circle. What leaves on one side
comes back on the other.
"""

import matplotlib.pyplot as plt
import numpy as np

import hyperdist as hd

q = hd.Mixture([0.6, 0.4], hd.ToroidalWrappedNormal([[-1.1, 2.6], [1.2, -0.5]], sigma=[[0.3, 0.8], [0.5, 0.25]]))
angles = np.linspace(-np.pi, np.pi, 240)
grid = np.stack(np.meshgrid(angles, angles), axis=-1)

plt.figure(figsize=(5.4, 4.6))
plt.pcolormesh(angles, angles, q.prob(grid), cmap="Blues")
plt.colorbar(label="density")
plt.scatter(*q.sample((150,), rng=1).T, s=4, color="#d1495b")
plt.gca().set(aspect="equal", xlabel="first angle", ylabel="second angle")
plt.tight_layout()
