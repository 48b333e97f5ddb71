"""Kullback-Leibler divergences that have a closed or one-dimensional form."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from hyperdist import checks
from hyperdist.arrays.stable import cos_excess, expm1_excess, log_quotient, log_sinhc
from hyperdist.distributions.area import log_sphere_area
from hyperdist.distributions.base import Distribution
from hyperdist.distributions.riemannian_normal import RiemannianNormal
from hyperdist.distributions.spherical import SphericalRiemannianNormal, SphericalUniform, VonMisesFisher
from hyperdist.distributions.toroidal import ToroidalUniform, ToroidalWrappedNormal
from hyperdist.distributions.wrapped_entropy import mean_log_sinhc
from hyperdist.distributions.wrapped_normal import WrappedNormal
from hyperdist.radial import circular, quadrature
from hyperdist.radial.base import quiet

_FORMS: dict[tuple[type, type], Callable[[Any, Any], np.ndarray]] = {}


def _form(p: type, q: type) -> Callable[[Callable[[Any, Any], np.ndarray]], Callable[[Any, Any], np.ndarray]]:
    def register(function: Callable[[Any, Any], np.ndarray]) -> Callable[[Any, Any], np.ndarray]:
        _FORMS[p, q] = function
        return function

    return register


@quiet
def kl_divergence(p: Distribution, q: Distribution) -> np.ndarray:
    """KL(p || q) = E_p[log p - log q] in nats, (*batch), batch axes broadcast.

    Forms: von Mises-Fisher and uniform laws in any pair and with any centres; Riemannian and wrapped normals, also
    of each other, about one centre, and about two where c = 0; torus laws against the uniform one. A subclass has the
    form of the law that it derives from.
    Raises NotImplementedError for other pairs and centres, where the integral has more than one dimension:
    average ``p.log_prob(x) - q.log_prob(x)`` over ``x = p.sample(n)``. ValueError where the spaces differ.
    Accuracy  worked out in float64 and rounded to the dtype: 1e-13 (1 + |log-normalisers|), and relative to a small
              divergence too, since laws that are close are compared by their log ratio.
    """
    pairs = itertools.product(type(p).__mro__, type(q).__mro__)
    form = next((_FORMS[pair] for pair in pairs if pair in _FORMS), None)
    if form is None:
        raise NotImplementedError(
            f"KL({type(p).__name__} || {type(q).__name__}) has no closed or one-dimensional form here; "
            "average p.log_prob(x) - q.log_prob(x) over draws of p"
        )
    if p.event_shape != q.event_shape:
        raise ValueError(f"p and q must be laws on one space, got points of shape {p.event_shape} and {q.event_shape}")
    checks.broadcast(p=p.batch_shape, q=q.batch_shape)
    value = form(p, q)
    shape = np.broadcast_shapes(p.batch_shape, q.batch_shape)
    # Rounding may take a vanishing divergence below 0 by an eps of its terms; it is >= 0 (Gibbs).
    return np.broadcast_to(np.maximum(value, 0.0), shape).astype(_dtype(p, q))[()]


def _dtype(p: Distribution, q: Distribution) -> np.dtype:
    """That of the laws' parameters; a uniform law has none."""
    dtypes = [law.dtype for law in (p, q) if not isinstance(law, (SphericalUniform, ToroidalUniform))]
    return np.result_type(*dtypes) if dtypes else np.dtype(np.float64)


def _one_curvature(p: Any, q: Any) -> None:
    if not np.all(np.asarray(p.c, np.float64) == np.asarray(q.c, np.float64)):
        raise ValueError(f"p and q must be laws on one space, got curvatures c = {p.c!r} and {q.c!r}")


def _offset(p: Any, q: Any) -> np.ndarray:
    """mu_q - mu_p in orthonormal coordinates where c = 0, and 0 where the centres agree; NotImplementedError elsewhere.

    At c = 0 the ball's metric is 4 |dx|^2, so lengths are twice those of the coordinates.
    """
    if p.model == q.model:
        apart = (2.0 if p.model == "poincare" else 1.0) * (q.mu.astype(np.float64) - p.mu.astype(np.float64))
    else:
        apart = q._tangent_mu - p._tangent_mu
    curved = (np.asarray(p.c, np.float64) > 0)[..., None]
    if np.any((apart != 0) & curved):
        raise NotImplementedError(
            "the divergence of normals about two centres has no one-dimensional form where c > 0; "
            "average p.log_prob(x) - q.log_prob(x) over draws of p"
        )
    return apart


def _log_area(law: SphericalUniform) -> float:
    return log_sphere_area(law.event_shape[0])


def _tilted(p: Any, q: Any, tilt: Callable[[np.ndarray, np.ndarray], np.ndarray], difference: Any) -> np.ndarray:
    """``quadrature.divergence`` from a law of the radius; ``tilt(y, t)`` up to a constant."""
    y, t, share = quadrature.probabilities(p.radius._kernel)
    # node axis first, then room for the batch of q
    shape = (y.shape[0],) + (1,) * (len(q.batch_shape) - len(p.batch_shape)) + y.shape[1:]
    y, t, share = (np.reshape(part, shape) for part in (y, t, share))
    return quadrature.divergence(share, tilt(y, t), difference)


def _square_excess(p: Any, y: np.ndarray, t: np.ndarray) -> np.ndarray:
    """y^2 less its value at the centre."""
    return t * (p.radius._kernel.centre + y)


def _mean(p: Any, function: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    return quadrature.expectations(p.radius._kernel, lambda y, t: function(y))[0]


def of_scales(p_sigma: Any, q_sigma: Any) -> Any:
    """KL of normals about one centre, coordinate by coordinate: (exp(L) - 1 - L)/2 with L = 2 log(p/q)."""
    return 0.5 * expm1_excess(2.0 * log_quotient(p_sigma, q_sigma))


@_form(RiemannianNormal, RiemannianNormal)
def _riemannian_riemannian(p: RiemannianNormal, q: RiemannianNormal) -> np.ndarray:
    _one_curvature(p, q)
    apart = np.sum(np.square(_offset(p, q) / q.radius.sigma[..., None]), axis=-1)
    growth = np.expm1(2.0 * log_quotient(p.radius.sigma, q.radius.sigma))
    difference = q._log_z - p._log_z + 0.5 * growth * _mean(p, np.square)
    return _tilted(p, q, lambda y, t: -0.5 * growth * _square_excess(p, y, t), difference) + 0.5 * apart


@_form(WrappedNormal, WrappedNormal)
def _wrapped_wrapped(p: WrappedNormal, q: WrappedNormal) -> np.ndarray:
    """The normal's divergence: both laws are the same map of it."""
    _one_curvature(p, q)
    apart = np.square(_offset(p, q) / q._wide_sigma)
    return np.sum(of_scales(p._wide_sigma, q._wide_sigma) + 0.5 * apart, axis=-1)


@_form(RiemannianNormal, WrappedNormal)
def _riemannian_wrapped(p: RiemannianNormal, q: WrappedNormal) -> np.ndarray:
    """By the isotropic law of q's mean precision, since a radial law has E v_i^2 = E r^2/d in every coordinate."""
    _one_curvature(p, q)
    n, s = p.event_shape[0] - 1, np.sqrt(p.radius.c) * p.radius.sigma
    first = q._wide_sigma[..., 0]  # by ratios, so that one scale for all is itself to the last bit
    even = first / np.sqrt(np.mean(np.square(first[..., None] / q._wide_sigma), axis=-1))
    growth = np.expm1(2.0 * log_quotient(p.radius.sigma, even))
    log_z = (n + 1) * (np.log(even) + 0.5 * math.log(2.0 * math.pi))
    stretch = n * _mean(p, lambda y: log_sinhc(s * y))
    difference = log_z - p._log_z + 0.5 * growth * _mean(p, np.square) + stretch
    radial = _tilted(p, q, lambda y, t: -0.5 * growth * _square_excess(p, y, t) - n * log_sinhc(s * y), difference)
    apart = np.square(_offset(p, q) / q._wide_sigma)
    return radial + np.sum(of_scales(even[..., None], q._wide_sigma) + 0.5 * apart, axis=-1)


@_form(WrappedNormal, RiemannianNormal)
def _wrapped_riemannian(p: WrappedNormal, q: RiemannianNormal) -> np.ndarray:
    """By the isotropic law of p's mean square."""
    _one_curvature(p, q)
    n, root = p.event_shape[0] - 1, np.sqrt(p.c.astype(np.float64))
    first = p._wide_sigma[..., 0]  # by ratios, so that one scale for all is itself to the last bit
    even = first * np.sqrt(np.mean(np.square(p._wide_sigma / first[..., None]), axis=-1))
    chi = RiemannianNormal(np.zeros(p.event_shape), even, 0.0)
    growth = np.expm1(2.0 * log_quotient(even, q.radius.sigma))
    stretch = n * mean_log_sinhc(root[..., None] * p._wide_sigma)
    difference = q._log_z - chi._log_z + 0.5 * (n + 1) * growth - stretch
    s = root * even
    radial = _tilted(chi, q, lambda y, t: n * log_sinhc(s * y) - 0.5 * growth * _square_excess(chi, y, t), difference)
    # Unless the scales are equal the stretch is not that of the isotropic law.
    isotropic = (root == 0.0) | (p._wide_sigma == p._wide_sigma[..., :1]).all(axis=-1)
    apart = np.square(_offset(p, q) / q.radius.sigma[..., None])
    rest = np.sum(of_scales(p._wide_sigma, even[..., None]) + 0.5 * apart, axis=-1)
    return np.where(isotropic, radial, difference) + rest


def _half_chord(p: Any, q: Any) -> np.ndarray:
    """1 - mu_p.mu_q."""
    return 0.5 * np.sum(np.square(p._unit_mu - q._unit_mu), axis=-1)


def _one_centre(p: Any, q: Any) -> None:
    if np.any(p._unit_mu != q._unit_mu):
        raise NotImplementedError("this divergence about two centres has no one-dimensional form")


@_form(VonMisesFisher, VonMisesFisher)
def _vmf_vmf(p: VonMisesFisher, q: VonMisesFisher) -> np.ndarray:
    """That about one centre plus A_p kappa_q (1 - mu_p.mu_q)."""
    more = q.radius.kappa - p.radius.kappa
    difference = q._log_excess - p._log_excess + more * p.radius.mean_versine()
    radial = _tilted(p, q, lambda y, t: more * p.radius._kernel.score(y, t), difference)
    return radial + q.radius.kappa * p.radius.mean_resultant_length() * _half_chord(p, q)


@_form(SphericalRiemannianNormal, SphericalRiemannianNormal)
def _spherical_spherical(p: SphericalRiemannianNormal, q: SphericalRiemannianNormal) -> np.ndarray:
    _one_centre(p, q)
    growth = np.expm1(2.0 * log_quotient(p.radius.sigma, q.radius.sigma))

    def pull(square: np.ndarray) -> np.ndarray:
        return 0.5 * growth * (square / p.radius.sigma / p.radius.sigma)

    difference = q._log_z - p._log_z + pull(p.radius._moments()[2])
    return _tilted(p, q, lambda y, t: -pull(_square_excess(p, y, t)), difference)


@_form(SphericalRiemannianNormal, VonMisesFisher)
def _spherical_vmf(p: SphericalRiemannianNormal, q: VonMisesFisher) -> np.ndarray:
    """E_p x is along mu_p, so any two centres do."""
    kappa = q.radius.kappa
    more = 1.0 / np.square(p.radius.sigma) - kappa
    versine, apart = _mean(p, lambda y: 2.0 * np.square(np.sin(0.5 * y))), _half_chord(p, q)
    pull = 0.5 * p.radius._moments()[2] / p.radius.sigma / p.radius.sigma
    difference = q._log_excess - p._log_z + kappa * versine - pull
    radial = _tilted(p, q, lambda y, t: 0.5 * more * _square_excess(p, y, t) + kappa * cos_excess(y), difference)
    return radial + kappa * (1.0 - versine) * apart


@_form(VonMisesFisher, SphericalRiemannianNormal)
def _vmf_spherical(p: VonMisesFisher, q: SphericalRiemannianNormal) -> np.ndarray:
    _one_centre(p, q)
    kappa = p.radius.kappa
    more = kappa - 1.0 / np.square(q.radius.sigma)
    pull = 0.5 * p.radius._moments()[2] / q.radius.sigma / q.radius.sigma
    difference = q._log_z - p._log_excess + pull - kappa * p.radius.mean_versine()
    return _tilted(p, q, lambda y, t: 0.5 * more * _square_excess(p, y, t) - kappa * cos_excess(y), difference)


@_form(SphericalUniform, SphericalUniform)
@_form(ToroidalUniform, ToroidalUniform)
def _same(p: Any, q: Any) -> np.ndarray:
    return np.zeros(())


@_form(VonMisesFisher, SphericalUniform)
def _vmf_uniform(p: VonMisesFisher, q: SphericalUniform) -> np.ndarray:
    kappa = p.radius.kappa
    difference = _log_area(q) - p._log_excess - kappa * p.radius.mean_versine()
    return _tilted(p, q, lambda y, t: -kappa * p.radius._kernel.score(y, t), difference)


@_form(SphericalRiemannianNormal, SphericalUniform)
def _spherical_uniform(p: SphericalRiemannianNormal, q: SphericalUniform) -> np.ndarray:
    def pull(square: np.ndarray) -> np.ndarray:
        return 0.5 * square / p.radius.sigma / p.radius.sigma

    difference = _log_area(q) - p._log_z - pull(p.radius._moments()[2])
    return _tilted(p, q, lambda y, t: pull(_square_excess(p, y, t)), difference)


@_form(ToroidalWrappedNormal, ToroidalUniform)
def _wrapped_uniform(p: ToroidalWrappedNormal, q: ToroidalUniform) -> np.ndarray:
    """The sum of the coordinates' divergences, each that of the absolute angle."""
    a, _, share = p.radius._rule
    share, tilt = share / np.sum(share, axis=0), -circular.log_uniform_ratio(a, p.radius.sigma)
    return np.sum(quadrature.divergence(share, tilt, -np.sum(share * tilt, axis=0)), axis=-1)


@_form(SphericalUniform, VonMisesFisher)
def _uniform_vmf(p: SphericalUniform, q: VonMisesFisher) -> np.ndarray:
    """E mu.x = 0."""
    kappa = q.radius.kappa
    difference = q._log_excess + kappa - _log_area(p)
    return _tilted(p, q, lambda y, t: kappa * p.radius._kernel.score(y, t), difference)


@_form(SphericalUniform, SphericalRiemannianNormal)
def _uniform_spherical(p: SphericalUniform, q: SphericalRiemannianNormal) -> np.ndarray:
    def pull(square: np.ndarray) -> np.ndarray:
        return 0.5 * square / q.radius.sigma / q.radius.sigma

    difference = q._log_z - _log_area(p) + pull(p.radius._moments()[2])
    return _tilted(p, q, lambda y, t: -pull(_square_excess(p, y, t)), difference)
