"""
Three laws of directions
========================

Von Mises-Fisher, power spherical and Riemannian normal with the same mean resultant length, by the angle from the mean
direction: the power spherical is 0 at the antipode, the others are not.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy import optimize

import hyperdist as hd

angle = np.linspace(0.0, np.pi, 400)
points = np.stack([np.sin(angle), np.zeros_like(angle), np.cos(angle)], axis=-1)
mu = np.array([0.0, 0.0, 1.0])
fisher = hd.VonMisesFisher(mu, 4.0)


def length(law):
    """E x.mu of a law about mu: its mean resultant length."""
    nodes, weights = np.polynomial.legendre.leggauss(200)
    x = np.stack([np.sqrt(1.0 - nodes**2), np.zeros_like(nodes), nodes], axis=-1)
    return float(2.0 * np.pi * np.sum(weights * nodes * law.prob(x)))


def alike(family, low, high):
    """The law of a family with the resultant length of the first."""
    return family(mu, optimize.brentq(lambda value: length(family(mu, value)) - length(fisher), low, high))


laws = [fisher, alike(hd.PowerSpherical, 0.1, 100.0), alike(hd.SphericalRiemannianNormal, 0.1, 2.0)]
plt.figure(figsize=(7.5, 4))
for law in laws:
    plt.plot(np.degrees(angle), law.log_prob(points), label=type(law).__name__)
plt.ylim(-9, 0)
plt.xlabel("degrees from the mean direction")
plt.ylabel("log density, nats")
plt.legend(frameon=False)
plt.tight_layout()
