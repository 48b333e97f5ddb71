"""
A Fréchet mean is no mean of coordinates
========================================

The Fréchet mean (red) is the point of least mean squared distance; the mean of the ball's coordinates (black) stays
nearer to the centre, since coordinates near the rim stand for lengths far longer than they look.
"""

import matplotlib.pyplot as plt
import numpy as np

import hyperdist as hd

ball = hd.PoincareBall(1.0)
x = hd.RiemannianNormal([[-0.3, -0.1], [0.9, 0.38]], sigma=[0.5, 0.9]).sample((25,), rng=5).reshape(-1, 2)
mean = ball.frechet_mean(x)

plt.figure(figsize=(6, 6))
hd.plot.disc_geodesic(x, mean, color="0.75", linewidth=0.7)
hd.plot.disc_points(x, color="#1d4f91", s=16)
hd.plot.disc_points(np.mean(x, axis=0), color="k", s=70, alpha=1.0)
hd.plot.disc_points(mean, s=70, alpha=1.0)
