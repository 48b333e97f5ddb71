"""
Entropy grows with curvature
============================

The differential entropy of the Riemannian normal: at one scale there is more room the more the space is curved. Batches
make each curve one call.
"""

import matplotlib.pyplot as plt
import numpy as np

import hyperdist as hd

c = np.geomspace(1e-3, 10.0, 120)
plt.figure(figsize=(7.5, 4))
for colour, d in zip(("#1d4f91", "#2a9d8f", "#e0912f", "#d1495b"), (2, 5, 10, 20), strict=True):
    q = hd.RiemannianNormal(np.zeros(d), sigma=0.7, c=c)
    flat = hd.RiemannianNormal(np.zeros(d), sigma=0.7, c=0.0)
    plt.loglog(c, q.entropy() - flat.entropy(), color=colour, label=f"d = {d}")
plt.xlabel("c")
plt.ylabel("entropy over that at c = 0, nats")
plt.legend(frameon=False)
plt.tight_layout()
