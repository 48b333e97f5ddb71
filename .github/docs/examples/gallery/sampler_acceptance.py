"""
Exact draws, few thrown away
============================

The share of proposals that the sampler of the Riemannian normal accepts, by dimension and scale: never below 0.9, with
no table and nothing that adapts.
"""

import matplotlib.pyplot as plt
import numpy as np

import hyperdist as hd

s = np.geomspace(1e-2, 1e2, 160)
plt.figure(figsize=(7.5, 4))
for d in (2, 3, 5, 10, 20, 50, 100):
    rate = hd.RiemannianNormal(np.zeros(d), s).radius.acceptance_rate()
    plt.semilogx(s, rate, color=plt.cm.viridis(np.log(d) / np.log(130)), label=f"d = {d}")
plt.ylim(0.88, 1.005)
plt.xlabel("sqrt(c) sigma")
plt.ylabel("accepted")
plt.legend(frameon=False, ncols=2)
plt.tight_layout()
