"""
Where the mass of a law lies
============================

The density of the distance from the mean, of the Riemannian normal (lines) and of the wrapped normal of the same scale
(dashed): in few dimensions much the same, in many dimensions shells far from one another.
"""

import matplotlib.pyplot as plt
import numpy as np

import hyperdist as hd

r = np.linspace(1e-3, 14.0, 800)
plt.figure(figsize=(7.5, 4))
for colour, d in zip(("#1d4f91", "#2a9d8f", "#e0912f", "#d1495b"), (2, 3, 6, 12), strict=True):
    plt.plot(r, hd.RiemannianNormal(np.zeros(d), 1.0).radius.prob(r), color=colour, label=f"d = {d}")
    plt.plot(r, hd.WrappedNormal(np.zeros(d), 1.0).radius.prob(r), "--", color=colour, linewidth=1)
plt.xlabel("distance from the mean")
plt.ylabel("density")
plt.legend(frameon=False)
plt.tight_layout()
