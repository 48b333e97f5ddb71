"""Kullback-Leibler divergences for ``torch.distributions.kl_divergence``, those of ``hyperdist.kl_divergence``.

They are differentiable in every parameter. Pairs about two centres have no one-dimensional form where c > 0 or on the
sphere under a squared distance: NotImplementedError, as torch raises for a pair that it does not know.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.distributions.kl import register_kl

from hyperdist.stable import log_sinhc_sq
from hyperdist_torch.distributions.hyperbolic import HyperbolicDistribution, OnHyperbolicSpace
from hyperdist_torch.distributions.riemannian_normal import RiemannianNormal
from hyperdist_torch.distributions.spherical import SphericalRiemannianNormal, VonMisesFisher
from hyperdist_torch.distributions.spherical_uniform import SphericalUniform
from hyperdist_torch.distributions.toroidal import ToroidalUniform, ToroidalWrappedNormal
from hyperdist_torch.distributions.wrapped_normal import WrappedNormal

_ADVICE = "average p.log_prob(x) - q.log_prob(x) over draws of p"


def one_space(p: Any, q: Any) -> None:
    """ValueError for laws of points of two shapes."""
    if p.event_shape != q.event_shape:
        shapes = f"{tuple(p.event_shape)} and {tuple(q.event_shape)}"
        raise ValueError(f"p and q must be laws on one space, got points of shape {shapes}")


def one_curvature(p: OnHyperbolicSpace, q: OnHyperbolicSpace) -> None:
    """ValueError for laws on spaces of two curvatures."""
    if not bool((p.c == q.c).all()):
        raise ValueError(f"p and q must be laws on one space, got curvatures c = {p.c} and {q.c}")


def _apart(p: HyperbolicDistribution, q: HyperbolicDistribution) -> Tensor:
    """mu_q - mu_p in orthonormal coordinates where c = 0 (the metric is 4 |dx|^2 there), 0 where the centres agree."""
    one_space(p, q)
    one_curvature(p, q)
    if p.model == q.model:
        apart = (2.0 if p.model == "poincare" else 1.0) * (q.mu.double() - p.mu.double())
    else:
        apart = q._tangent_mu.double() - p._tangent_mu.double()
    if bool(((apart != 0.0).any(dim=-1) & (p.c > 0.0)).any()):
        raise NotImplementedError(f"this divergence about two centres has no one-dimensional form: {_ADVICE}")
    return apart


def _finish(value: Tensor, p: Any, q: Any) -> Tensor:
    """Rounding may take a vanishing divergence below 0 by an eps of its terms; it is >= 0 (Gibbs).

    Its derivatives stay: the second one at p = q is the Fisher information.
    """
    shape = torch.broadcast_shapes(p.batch_shape, q.batch_shape)
    value = value - value.detach().clamp_max(0.0)
    return value.to(torch.promote_types(p._dtype, q._dtype)).expand(shape)


def of_normals(ratio: Tensor, apart: Tensor) -> Tensor:
    """That of normals with independent coordinates, from ratios of variances and squared standardised distances."""
    return 0.5 * (ratio - 1.0 - ratio.log() + apart).sum(dim=-1)


@register_kl(RiemannianNormal, RiemannianNormal)
def _riemannian_riemannian(p: RiemannianNormal, q: RiemannianNormal) -> Tensor:
    square = _apart(p, q).square().sum(dim=-1)
    measure, other = p._measure(), q._measure()
    second = measure.mean(measure.nodes.square())
    ratio = (p.sigma.double() / q.sigma.double()).square()
    pull = 0.5 * (ratio - 1.0) * second + 0.5 * square / q.sigma.double().square()
    value = q._log_z(other) - p._log_z(measure) + pull
    return _finish(value, p, q)


@register_kl(WrappedNormal, WrappedNormal)
def _wrapped_wrapped(p: WrappedNormal, q: WrappedNormal) -> Tensor:
    """The normal's divergence: both laws are the same map of it."""
    apart = (_apart(p, q) / q.sigma.double()).square()
    ratio = (p.sigma.double() / q.sigma.double()).square()
    return _finish(of_normals(ratio, apart), p, q)


@register_kl(RiemannianNormal, WrappedNormal)
def _riemannian_wrapped(p: RiemannianNormal, q: WrappedNormal) -> Tensor:
    """A radial law has E v_i^2 = E r^2/d in every frame coordinate."""
    d = p.event_shape[0]
    precision = 1.0 / q.sigma.double().square()
    apart = (_apart(p, q).square() * precision).sum(dim=-1)
    measure = p._measure()
    second = measure.mean(measure.nodes.square())
    stretch = measure.mean(log_sinhc_sq(p._theta * measure.nodes.square()))
    spread = 0.5 * (p.sigma.double().square() * second / d * precision.sum(dim=-1) + apart)
    value = q.log_normalizer().double() + spread + (d - 1) * stretch - p._log_z(measure) - 0.5 * second
    return _finish(value, p, q)


@register_kl(WrappedNormal, RiemannianNormal)
def _wrapped_riemannian(p: WrappedNormal, q: RiemannianNormal) -> Tensor:
    square = (p.sigma.double().square() + _apart(p, q).square()).sum(dim=-1)
    value = q._log_z(q._fixed()) + 0.5 * square / q.sigma.double().square() - p.entropy().double()
    return _finish(value, p, q)


def _half_chord(p: Any, q: Any) -> Tensor:
    """1 - mu_p.mu_q, float64."""
    one_space(p, q)
    p_mu, q_mu = (law.mu.double() / torch.linalg.vector_norm(law.mu.double(), dim=-1, keepdim=True) for law in (p, q))
    return 0.5 * (p_mu - q_mu).square().sum(dim=-1)


def _one_centre(p: Any, q: Any) -> None:
    if bool((_half_chord(p, q) > 0.0).any()):
        raise NotImplementedError(f"this divergence about two centres has no one-dimensional form: {_ADVICE}")


@register_kl(VonMisesFisher, VonMisesFisher)
def _vmf_vmf(p: VonMisesFisher, q: VonMisesFisher) -> Tensor:
    measure, other = p._measure(), q._measure()
    versine = p._mean_versine(measure)
    pull = (q._theta - p._theta) * versine + q._theta * (1.0 - versine) * _half_chord(p, q)
    return _finish(q._log_z(other) - p._log_z(measure) + pull, p, q)


@register_kl(SphericalRiemannianNormal, SphericalRiemannianNormal)
def _spherical_spherical(p: SphericalRiemannianNormal, q: SphericalRiemannianNormal) -> Tensor:
    _one_centre(p, q)
    measure, other = p._measure(), q._measure()
    second = measure.mean(measure.nodes.square()) / p._theta.square()
    ratio = (p._theta / q._theta).square()
    return _finish(q._log_z(other) - p._log_z(measure) + 0.5 * (ratio - 1.0) * second, p, q)


@register_kl(SphericalRiemannianNormal, VonMisesFisher)
def _spherical_vmf(p: SphericalRiemannianNormal, q: VonMisesFisher) -> Tensor:
    """E_p x is along mu_p, so any two centres do."""
    measure = p._measure()
    versine = 2.0 * measure.mean((0.5 * measure.nodes).sin().square())
    apart = versine + (1.0 - versine) * _half_chord(p, q)
    return _finish(q._log_z(q._fixed()) + q._theta * apart - p.entropy().double(), p, q)


@register_kl(VonMisesFisher, SphericalRiemannianNormal)
def _vmf_spherical(p: VonMisesFisher, q: SphericalRiemannianNormal) -> Tensor:
    _one_centre(p, q)
    measure = p._measure()
    second = measure.mean(measure.nodes.square())
    return _finish(q._log_z(q._fixed()) + 0.5 * second / q._theta.square() - p.entropy().double(), p, q)


@register_kl(SphericalUniform, SphericalUniform)
@register_kl(VonMisesFisher, SphericalUniform)
@register_kl(SphericalRiemannianNormal, SphericalUniform)
@register_kl(ToroidalUniform, ToroidalUniform)
@register_kl(ToroidalWrappedNormal, ToroidalUniform)
def _any_uniform(p: Any, q: Any) -> Tensor:
    one_space(p, q)
    return _finish(q.entropy().double() - p.entropy().double(), p, q)


@register_kl(SphericalUniform, VonMisesFisher)
def _uniform_vmf(p: SphericalUniform, q: VonMisesFisher) -> Tensor:
    """E mu.x = 0."""
    one_space(p, q)
    return _finish(q._log_z(q._fixed()) + q._theta - p.entropy().double(), p, q)


@register_kl(SphericalUniform, SphericalRiemannianNormal)
def _uniform_spherical(p: SphericalUniform, q: SphericalRiemannianNormal) -> Tensor:
    one_space(p, q)
    measure = p._measure()
    second = measure.mean(measure.nodes.square())
    return _finish(q._log_z(q._fixed()) + 0.5 * second / q._theta.square() - p.entropy().double(), p, q)
