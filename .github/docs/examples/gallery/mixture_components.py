"""
How many components
===================

The Bayesian information criterion of mixtures of one to six von Mises-Fisher laws, for samples of three sizes from
three groups: the minimum is the number of groups.
"""

import matplotlib.pyplot as plt
import numpy as np

import hyperdist as hd

groups = hd.Mixture([0.4, 0.3, 0.3], hd.VonMisesFisher(np.eye(3), kappa=[10.0, 20.0, 30.0]))
MOST = 6  # quick: 4
plt.figure(figsize=(7.5, 4))
for n, colour in ((50, "#9ecae1"), (150, "#4292c6"), (450, "#084594")):
    x = groups.sample((n,), rng=n)
    best = hd.Mixture.select(x, hd.VonMisesFisher, range(1, MOST + 1), starts=2, rng=0, tol=1e-5)
    values = np.array(list(best.criteria.values()))
    plt.plot(list(best.criteria), (values - values.min()) / n, "o-", color=colour, label=f"n = {n}")
plt.yscale("symlog", linthresh=0.01)
plt.xticks(range(1, MOST + 1))
plt.xlabel("components")
plt.ylabel("BIC over the least, per row")
plt.legend(frameon=False)
plt.tight_layout()
