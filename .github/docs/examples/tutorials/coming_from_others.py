"""
Coming from pvae, geoopt or SciPy
=================================

What stands under which name here, and what gives other numbers.
"""

import numpy as np
import torch
from scipy import stats

import hyperdist as hd
import hyperdist_torch as ht

# %%
# pvae (Mathieu et al. 2019)
# --------------------------
#
# ======================================================= ==========================================================
# pvae                                                    here
# ======================================================= ==========================================================
# ``RiemannianNormal(loc, scale, manifold)``              ``ht.RiemannianNormal(mu, sigma, c)``
# ``WrappedNormal(loc, scale, manifold)``                 ``ht.WrappedNormal(mu, sigma, c)``
# ``PoincareBall(dim, c)``                                ``hd.PoincareBall(c)``, for NumPy, torch and JAX arrays
# ``manifold.expmap0(u)``, ``logmap0(x)``                 ``ht.nn.ExpOrigin``, ``ht.nn.LogOrigin``, or no need of
#                                                         either: ``model="tangent"``
# ``GeodesicLayer``, ``MobiusLayer``                      ``ht.nn.Gyroplane``, ``ht.nn.MobiusLinear``
# ``log_prob(x).sum(-1)``                                 ``log_prob(x)``: the last axis is the event
# ======================================================= ==========================================================
#
# A scale is a geodesic length in both. Draws differ: here each element of a batch has its own random numbers, gradients
# in the scale and in the curvature are exact, and a point that ball coordinates cannot hold raises and is not clamped.

mu = torch.zeros(4, 2, requires_grad=True)
c = torch.tensor(1.0, requires_grad=True)
q = ht.RiemannianNormal(mu, 0.7, c)
q.rsample((100,)).square().sum().backward()
c.grad

# %%
# geoopt
# ------
#
# ======================================================= ==========================================================
# geoopt                                                  here
# ======================================================= ==========================================================
# ``PoincareBall(c).dist(x, y)``, ``expmap``, ``logmap``  ``hd.PoincareBall(c).dist(x, y)``, ``exp``, ``log``
# ``mobius_add``, ``mobius_matvec``                       ``mobius_add``, ``ht.nn.mobius_linear``
# ``transp(x, y, v)``                                     ``transport(x, y, v)``
# ``dist2plane``                                          ``ht.nn.gyroplane``
# ``weighted_midpoint``                                   ``frechet_mean(x, weights)``, the minimum itself
# ``Lorentz(k)``, of curvature -1/k                       ``hd.Lorentz(c)``, of curvature -c
# ``ManifoldParameter``, ``RiemannianAdam``               geoopt's own: its parameters go into every law here
# ======================================================= ==========================================================
#
# Lengths agree near the origin. Further out, geoopt clamps points of the ball at a distance of 12 in double precision.

ball = hd.PoincareBall(1.0)
x, y = torch.tensor([[0.5, 0.1], [-0.3, 0.6]], dtype=torch.float64, requires_grad=True)
ball.dist(x, y), ball.transport(x, y, ball.log(x, y))

# %%
# SciPy
# -----
#
# ======================================================= ==========================================================
# SciPy                                                   here
# ======================================================= ==========================================================
# ``stats.vonmises_fisher(mu, kappa)``                    ``hd.VonMisesFisher(mu, kappa)``
# ``.rvs(n, random_state=rng)``                           ``.sample((n,), rng=rng)``
# ``.logpdf(x)``, ``.pdf(x)``                             ``.log_prob(x)``, ``.prob(x)``
# ``.entropy()``, ``.fit(x)``                             ``.entropy()``, ``.fit(x)``, which returns a law
# ``stats.vonmises(kappa, loc)``                          ``hd.VonMisesFisher([cos(loc), sin(loc)], kappa)``
# ``stats.uniform_direction(3)``                          ``hd.SphericalUniform(2)``: d is the sphere's dimension
# ======================================================= ==========================================================

mu, kappa = np.array([0.0, 0.6, 0.8]), 12.0
theirs, ours = stats.vonmises_fisher(mu, kappa), hd.VonMisesFisher(mu, kappa)
x = ours.sample((5,), rng=0)
np.abs(theirs.logpdf(x) - ours.log_prob(x)).max(), theirs.entropy() - ours.entropy()

# %%
# What SciPy has no counterpart of: laws of batches, the distance's law, gradients, fits with weights, mixtures.

many = hd.VonMisesFisher(np.eye(3), kappa=[1.0, 10.0, 1e6])
many.sample((2,), rng=0).shape, many.radius.icdf(0.95), many.log_normalizer()
