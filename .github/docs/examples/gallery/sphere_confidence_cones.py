"""
How well a mean direction is known
==================================

Three groups of directions about means of different spread, ten of each sample, and the 95 per cent confidence cone of
each sample's mean: nineteen in twenty hold the truth (black).
"""

import matplotlib.pyplot as plt
import numpy as np

import hyperdist as hd

means = hd.earth.unit([[20.0, -100.0], [-30.0, 0.0], [35.0, 95.0]])
samples = hd.VonMisesFisher(means, kappa=[8.0, 25.0, 100.0]).sample((8, 10), rng=3)  # (sample, row, group, coordinate)
around = np.linspace(0.0, 2.0 * np.pi, 300)

plt.figure(figsize=(9, 4.5))
hd.plot.sphere_points(samples, color="0.65", s=6)
for sample in samples.swapaxes(1, 2).reshape(-1, 10, 3):
    cone = hd.directional.confidence_cone(sample)
    basis = np.linalg.svd(cone.mean[None])[2][1:]  # two directions across the mean
    circle = np.stack([np.cos(around), np.sin(around)], axis=-1) @ basis
    hd.plot.sphere_curve(np.cos(cone.angle) * cone.mean + np.sin(cone.angle) * circle, color="#d1495b", linewidth=1)
hd.plot.sphere_points(means, color="k", s=30, alpha=1.0)
