"""
One scale, four curvatures
==========================

The same scale and the same distance of the mean from the origin: at c = 0 the law is the plane's normal, and the larger
the curvature, the further out its mass lies. A disc of curvature -c has radius 1/sqrt(c).
"""

import matplotlib.pyplot as plt
import numpy as np

import hyperdist as hd

figure, axes = plt.subplots(1, 4, figsize=(12, 3.2), layout="constrained")
for ax, c in zip(axes, (0.0, 0.3, 1.0, 4.0), strict=True):
    centre = np.array([0.5, 0.0]) if c == 0 else np.array([np.tanh(np.sqrt(c) / 2) / np.sqrt(c), 0.0])
    q = hd.RiemannianNormal(centre, sigma=0.6, c=c)
    hd.plot.disc_density(q, ax, colorbar=False)
    hd.plot.disc_points(q.sample((200,), rng=1), ax, s=3)
    ax.set_title(f"c = {c:g}")
