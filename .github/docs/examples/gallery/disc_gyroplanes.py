"""
Hyperplanes of the disc
=======================

The signed distance to a hyperplane, which is a geodesic here (black), is what the first layer of a decoder computes:
the publications' gyroplane through a point, across a direction.
"""

import matplotlib.pyplot as plt
import numpy as np

import hyperdist as hd

ball = hd.PoincareBall(1.0)
radius, angle = np.tanh(np.linspace(0.0, 4.0, 200)), np.linspace(0.0, 2.0 * np.pi, 400)
grid = radius[:, None, None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)

figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
for ax, point, normal in ((axes[0], [0.0, 0.0], [1.0, 0.4]), (axes[1], [0.45, 0.3], [1.0, 0.2])):
    distance = ball.dist_to_gyroplane(grid, np.array(point), np.array(normal))
    hd.plot.disc(ax, grid=False)
    at = grid[..., 0], grid[..., 1]
    filled = ax.contourf(*at, distance, np.arange(-7.0, 7.5, 0.5), cmap="RdBu", extend="both")
    ax.contour(*at, distance, [0.0], colors="k", linewidths=1.2)
    hd.plot.disc_points(point, ax, s=30, color="k", alpha=1.0)
figure.colorbar(filled, ax=axes, label="signed distance")
