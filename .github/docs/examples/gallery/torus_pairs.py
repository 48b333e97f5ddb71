"""
Correlated angles, every two of them
====================================

Draws of a wrapped normal of three angles with a full covariance: the first two turn together, the third against them.
Each panel shows two of the angles.
"""

import matplotlib.pyplot as plt
import numpy as np

import hyperdist as hd

covariance = np.array([[0.5, 0.4, -0.3], [0.4, 0.6, -0.25], [-0.3, -0.25, 0.8]])
q = hd.ToroidalWrappedNormal([0.5, -1.0, 2.8], covariance_matrix=covariance)

figure = plt.figure(figsize=(8, 8))
hd.plot.torus_pairs(q.sample((300,), rng=1), figure=figure, names=["phi", "psi", "chi"], s=4)
