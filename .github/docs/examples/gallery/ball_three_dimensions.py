"""
The ball in three dimensions
============================

Draws of two laws on hyperbolic space of dimension 3, in perspective, and the geodesics from a centre to the draws of
one of them.
"""

import matplotlib.pyplot as plt
import numpy as np

import hyperdist as hd

laws = hd.RiemannianNormal([[0.45, 0.0, 0.3], [-0.5, -0.2, -0.3]], sigma=[0.35, 0.5])
x = laws.sample((120,), rng=3)

plt.figure(figsize=(6.5, 6))
hd.plot.ball()
hd.plot.ball_geodesic(laws.mean[1], x[::4, 1], color="0.7", linewidth=0.6)
hd.plot.ball_points(x, groups=np.broadcast_to(["first", "second"], x.shape[:-1]), s=10)
hd.plot.legend()
