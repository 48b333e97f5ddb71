"""
Clusters of directions
======================

How many groups do directions form, which belongs where, and how well is each known? The data here are made, with five
groups and some that belong nowhere; your own are an array (n, m) of unit vectors, or latitudes and longitudes given to
``hyperdist.earth.unit``.
"""

import matplotlib.pyplot as plt
import numpy as np

import hyperdist as hd

N = 600  # quick: 150
rng = np.random.default_rng(4)
centres = hd.earth.unit([[50.0, -110.0], [-15.0, -60.0], [0.0, 20.0], [60.0, 100.0], [-35.0, 135.0]])
groups = hd.Mixture(np.full(5, 0.2), hd.VonMisesFisher(centres, kappa=[20.0, 40.0, 40.0, 80.0, 120.0]))
x = np.concatenate([groups.sample((N * 9 // 10,), rng=rng), hd.SphericalUniform(2).sample((N // 10,), rng=rng)])

# %%
# The number of groups
# --------------------
#
# ``Mixture.select`` fits one mixture for each number of components, by expectation-maximisation from several starts,
# and keeps the one of least BIC. ``background=True`` adds a uniform component for what belongs nowhere.

MOST = 8  # quick: 4
best = hd.Mixture.select(x, hd.VonMisesFisher, range(1, MOST + 1), background=True, starts=3, tol=1e-5, rng=0)
best

# %%
plt.figure(figsize=(6, 3))
plt.plot(list(best.criteria), list(best.criteria.values()), "o-")
plt.xlabel("components")
plt.ylabel("BIC")
plt.tight_layout()

# %%
# Labels
# ------
#
# ``predict`` names the likeliest component of each row, ``predict_proba`` the probabilities of all, of new rows too.

labels = best.predict(x)
plt.figure(figsize=(9, 4.5))
hd.plot.sphere_points(x, groups=labels, s=8)
hd.plot.legend()
plt.title(f"{best.weights.size} components, the uniform one among them")
best.predict_proba(x[:3]).round(3)

# %%
# How well each is known
# ----------------------
#
# Standard errors are those of the observed information; the confidence cone of a mean direction needs no more than
# symmetry about it.

best.standard_errors(x)

# %%
for group in np.unique(labels):
    members = x[labels == group]
    test, cone = hd.directional.rayleigh_test(members), hd.directional.confidence_cone(members)
    print(f"{len(members):3d} rows, Rayleigh p = {test.pvalue:.1e}, mean known to {np.degrees(cone.angle):.1f} degrees")

# %%
# Does the whole fit? ``goodness_of_fit`` compares the rows with draws of the fitted law, as a whole and for each
# component: a small p-value says that it does not.

best.goodness_of_fit(x, rng=0)
