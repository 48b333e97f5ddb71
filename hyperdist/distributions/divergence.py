"""Kullback-Leibler divergences that have a closed or one-dimensional form."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from hyperdist import checks, quadrature
from hyperdist.distributions.base import Distribution
from hyperdist.distributions.riemannian_normal import RiemannianNormal
from hyperdist.distributions.spherical import SphericalRiemannianNormal, SphericalUniform, VonMisesFisher
from hyperdist.distributions.toroidal import ToroidalUniform, ToroidalWrappedNormal
from hyperdist.distributions.wrapped_normal import WrappedNormal
from hyperdist.radial.base import KernelLaw, quiet
from hyperdist.stable import log_sinhc

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
    return np.broadcast_to(np.maximum(value, 0.0), shape).astype(np.result_type(p.dtype, q.dtype))[()]


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


def _mean_log_sinhc(law: KernelLaw, c: Any) -> np.ndarray:
    """E log(sinh(sqrt(c) r)/(sqrt(c) r)) of a radial law."""
    root, scale = np.sqrt(np.asarray(c, np.float64)), law._scale
    return quadrature.expectations(law._kernel, lambda y, t: log_sinhc(root * scale * y))[0]


def _entropy(p: Any) -> np.ndarray:
    return np.asarray(p.entropy(), np.float64)


@_form(RiemannianNormal, RiemannianNormal)
def _riemannian_riemannian(p: RiemannianNormal, q: RiemannianNormal) -> np.ndarray:
    _one_curvature(p, q)
    apart = np.sum(np.square(_offset(p, q)), axis=-1)
    ratio = np.square(p.radius.sigma / q.radius.sigma)
    second = p.radius._moments()[2] / np.square(p.radius.sigma)
    return q._log_z - p._log_z + 0.5 * (ratio - 1.0) * second + 0.5 * apart / np.square(q.radius.sigma)


@_form(WrappedNormal, WrappedNormal)
def _wrapped_wrapped(p: WrappedNormal, q: WrappedNormal) -> np.ndarray:
    """The normal's divergence: both laws are the same map of it."""
    _one_curvature(p, q)
    ratio = np.square(p._wide_sigma / q._wide_sigma)
    apart = np.square(_offset(p, q) / q._wide_sigma)
    return 0.5 * np.sum(ratio - 1.0 - np.log(ratio) + apart, axis=-1)


@_form(RiemannianNormal, WrappedNormal)
def _riemannian_wrapped(p: RiemannianNormal, q: WrappedNormal) -> np.ndarray:
    """A radial law has E v_i^2 = E r^2/d in every frame coordinate."""
    _one_curvature(p, q)
    d = p.event_shape[0]
    second = p.radius._moments()[2]
    precision = np.square(1.0 / q._wide_sigma)
    apart = np.sum(np.square(_offset(p, q)) * precision, axis=-1)
    cross = q._log_z + 0.5 * (second / d * np.sum(precision, axis=-1) + apart)
    return cross + (d - 1) * _mean_log_sinhc(p.radius, p.radius.c) - _entropy(p)


@_form(WrappedNormal, RiemannianNormal)
def _wrapped_riemannian(p: WrappedNormal, q: RiemannianNormal) -> np.ndarray:
    _one_curvature(p, q)
    square = np.sum(np.square(p._wide_sigma) + np.square(_offset(p, q)), axis=-1)
    return q._log_z + 0.5 * square / np.square(q.radius.sigma) - _entropy(p)


@_form(VonMisesFisher, VonMisesFisher)
def _vmf_vmf(p: VonMisesFisher, q: VonMisesFisher) -> np.ndarray:
    """log Z_q - log Z_p + A_p (kappa_p - kappa_q mu_p.mu_q), each log Z less its kappa."""
    resultant = p.radius.mean_resultant_length()
    apart = 0.5 * np.sum(np.square(p._unit_mu - q._unit_mu), axis=-1)
    versine = p.radius.mean_versine()
    difference = q.radius.kappa - p.radius.kappa
    return q._log_excess - p._log_excess + difference * versine + q.radius.kappa * resultant * apart


@_form(SphericalRiemannianNormal, SphericalRiemannianNormal)
def _spherical_spherical(p: SphericalRiemannianNormal, q: SphericalRiemannianNormal) -> np.ndarray:
    if np.any(p._unit_mu != q._unit_mu):
        raise NotImplementedError("the divergence of spherical normals about two centres has no one-dimensional form")
    ratio = np.square(p.radius.sigma / q.radius.sigma)
    second = p.radius._moments()[2] / np.square(p.radius.sigma)
    return q._log_z - p._log_z + 0.5 * (ratio - 1.0) * second


@_form(SphericalRiemannianNormal, VonMisesFisher)
def _spherical_vmf(p: SphericalRiemannianNormal, q: VonMisesFisher) -> np.ndarray:
    """E_p x is along mu_p, so any two centres do."""
    cosine = quadrature.expectations(p.radius._kernel, lambda y, t: np.cos(y))[0]
    apart = 0.5 * np.sum(np.square(p._unit_mu - q._unit_mu), axis=-1)
    return q._log_excess + q.radius.kappa * (1.0 - cosine * (1.0 - apart)) - _entropy(p)


@_form(VonMisesFisher, SphericalRiemannianNormal)
def _vmf_spherical(p: VonMisesFisher, q: SphericalRiemannianNormal) -> np.ndarray:
    if np.any(p._unit_mu != q._unit_mu):
        raise NotImplementedError("this divergence about two centres has no one-dimensional form")
    return q._log_z + 0.5 * p.radius._moments()[2] / np.square(q.radius.sigma) - _entropy(p)


@_form(SphericalUniform, SphericalUniform)
@_form(VonMisesFisher, SphericalUniform)
@_form(SphericalRiemannianNormal, SphericalUniform)
@_form(ToroidalUniform, ToroidalUniform)
@_form(ToroidalWrappedNormal, ToroidalUniform)
def _any_uniform(p: Any, q: Any) -> np.ndarray:
    return _entropy(q) - _entropy(p)


@_form(SphericalUniform, VonMisesFisher)
def _uniform_vmf(p: SphericalUniform, q: VonMisesFisher) -> np.ndarray:
    """E mu.x = 0."""
    return q._log_excess + q.radius.kappa - _entropy(p)


@_form(SphericalUniform, SphericalRiemannianNormal)
def _uniform_spherical(p: SphericalUniform, q: SphericalRiemannianNormal) -> np.ndarray:
    return q._log_z + 0.5 * p.radius._moments()[2] / np.square(q.radius.sigma) - _entropy(p)
