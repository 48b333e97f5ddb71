"""
Distortion falls with the scale
===============================

The worst ratio of embedded distances to a tree's, over all pairs, against the length that an edge of the tree has in
hyperbolic space of two and of three dimensions; the tree is random, of 200 nodes. The marks are the scales that
``embed`` takes where it is given a distortion to guarantee.
"""

import matplotlib.pyplot as plt
import numpy as np

import hyperdist as hd

rng = np.random.default_rng(1)
edges = [(int(rng.integers(max(0, node - 30), node)), node) for node in range(1, 200)]
scales = np.geomspace(1.0, 60.0, 12)

plt.figure(figsize=(7.5, 4))
for d, colour in ((2, "#1d4f91"), (3, "#d1495b")):
    worst = [hd.trees.embed(edges, d=d, scale=scale).distortion().worst for scale in scales]
    plt.loglog(scales, np.array(worst) - 1.0, "o-", color=colour, label=f"d = {d}")
for distortion in (1.5, 1.1):
    T = hd.trees.embed(edges, distortion=distortion)
    plt.plot(T.scale, distortion - 1.0, "k_", markersize=14)
    plt.annotate(
        f"distortion={distortion} takes this scale", (T.scale, distortion - 1.0), (6, 6), textcoords="offset points"
    )
plt.xlabel("scale")
plt.ylabel("worst distortion - 1")
plt.legend(frameon=False)
plt.tight_layout()
