"""
Groups on the disc
==================

Draws of four laws in colours of their own, and how sure a mixture fitted to them is of the group that it gives each.
"""

import matplotlib.pyplot as plt
import numpy as np

import hyperdist as hd

laws = hd.RiemannianNormal([[0.0, 0.0], [0.6, 0.3], [-0.5, 0.55], [-0.2, -0.7]], sigma=[0.4, 0.35, 0.3, 0.35])
x = laws.sample((80,), rng=2)
groups = np.broadcast_to(["centre", "east", "north-west", "south"], x.shape[:-1])
fitted = hd.Mixture.fit(x.reshape(-1, 2), hd.RiemannianNormal, 4, starts=4, tol=1e-5, rng=0)

figure, axes = plt.subplots(1, 2, figsize=(10.5, 4.6), layout="constrained")
hd.plot.disc_points(x, axes[0], groups=groups, s=12)
hd.plot.legend(axes[0])
sure = fitted.predict_proba(x.reshape(-1, 2)).max(axis=-1)
hd.plot.disc_points(x.reshape(-1, 2), axes[1], values=sure, cmap="viridis", label="probability of the group", s=12)
