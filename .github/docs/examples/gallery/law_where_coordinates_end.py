"""
Where ball coordinates end
==========================

The middle 98 per cent of the distances of draws from the mean, against what ball coordinates of float32 and of float64
can hold. Beyond them ``model="tangent"`` holds any radius, and so models that learn work there.
"""

import matplotlib.pyplot as plt
import numpy as np

import hyperdist as hd

sigma = np.geomspace(0.05, 3.0, 80)
plt.figure(figsize=(7.5, 4.2))
for colour, d in zip(("#1d4f91", "#2a9d8f", "#e0912f", "#d1495b"), (2, 5, 20, 50), strict=True):
    radius = hd.RiemannianNormal(np.zeros(d), sigma).radius
    plt.fill_between(sigma, radius.icdf(0.01), radius.icdf(0.99), color=colour, alpha=0.35, label=f"d = {d}")
    plt.plot(sigma, radius.icdf(0.5), color=colour)
for limit, name in ((16.6, "float32"), (36.7, "float64")):
    plt.axhline(limit, color="0.3", linestyle=":")
    plt.text(0.052, limit * 1.06, f"end of {name} ball coordinates", fontsize=9)
plt.loglog()
plt.xlabel("sigma, at c = 1")
plt.ylabel("distance from the mean")
plt.legend(frameon=False, loc="lower right")
plt.tight_layout()
