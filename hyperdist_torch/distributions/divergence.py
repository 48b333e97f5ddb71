"""Kullback-Leibler divergences for ``torch.distributions.kl_divergence``, those of ``hyperdist.kl_divergence``.

They are differentiable in every parameter, worked out in float64, and a small one keeps its relative accuracy. Pairs
about two centres have no one-dimensional form where c > 0 or on the sphere under a squared distance:
NotImplementedError, as torch raises for a pair that it does not know. In a trace,
where centres cannot be compared, the result is NaN where they differ.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.distributions.kl import register_kl

from hyperdist.arrays.stable import cos_excess, log_quotient, log_sinhc_sq
from hyperdist.distributions.area import log_sphere_area
from hyperdist.distributions.divergence import of_scales
from hyperdist.radial import circular, quadrature
from hyperdist_torch._host import holds, unseen
from hyperdist_torch._law import Measure
from hyperdist_torch._laws import HyperbolicLaw
from hyperdist_torch.distributions._radial import CircleRadial
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
    if not holds(p.c == q.c):
        raise ValueError(f"p and q must be laws on one space, got curvatures c = {p.c} and {q.c}")


def _apart(p: HyperbolicDistribution, q: HyperbolicDistribution) -> Tensor:
    """mu_q - mu_p in orthonormal coordinates where c = 0 (the metric is 4 |dx|^2 there), 0 where the centres agree."""
    one_space(p, q)
    one_curvature(p, q)
    if p.model == q.model:
        apart = (2.0 if p.model == "poincare" else 1.0) * (q.mu.double() - p.mu.double())
    else:
        apart = q._tangent_mu.double() - p._tangent_mu.double()
    known = (apart == 0.0).all(dim=-1) | ~(p.c > 0.0)
    if not holds(known):
        raise NotImplementedError(f"this divergence about two centres has no one-dimensional form: {_ADVICE}")
    return torch.where((known & (p.c == q.c))[..., None], apart, torch.nan) if unseen(known) else apart


def _finish(value: Tensor, p: Any, q: Any) -> Tensor:
    """Rounding may take a vanishing divergence below 0 by an eps of its terms; it is >= 0 (Gibbs).

    Its derivatives stay: the second one at p = q is the Fisher information.
    """
    shape = torch.broadcast_shapes(p.batch_shape, q.batch_shape)
    value = value - value.detach().clamp_max(0.0)
    return value.to(torch.promote_types(p._dtype, q._dtype)).expand(shape)


def _tilted(q: Any, measure: Measure, tilt: Tensor, difference: Tensor) -> Tensor:
    """``quadrature.divergence`` from a law of the radius; ``tilt`` at its nodes, up to a constant."""
    share = measure.weights
    return quadrature.divergence(share.reshape(_roomy(share, q)), tilt, difference)


def _roomy(nodes: Tensor, q: Any) -> tuple[int, ...]:
    """The shape of nodes (nodes, *batch of p) with room for the batch of q between."""
    return (nodes.shape[0],) + (1,) * (len(q.batch_shape) + 1 - nodes.ndim) + tuple(nodes.shape[1:])


def _square_excess(y: Tensor) -> Tensor:
    """y^2 up to a constant, from differences that do not cancel where y is concentrated."""
    centre = y.mean(dim=0)
    return (y - centre) * (y + centre)


def of_normals(p_sigma: Tensor, q_sigma: Tensor, apart: Tensor) -> Tensor:
    """That of normals with independent coordinates, from their scales and squared standardised distances."""
    return (of_scales(p_sigma, q_sigma) + 0.5 * apart).sum(dim=-1)


def _growth(p_sigma: Tensor, q_sigma: Tensor) -> Tensor:
    """(p/q)^2 - 1."""
    return torch.expm1(2.0 * log_quotient(p_sigma, q_sigma))


@register_kl(RiemannianNormal, RiemannianNormal)
def _riemannian_riemannian(p: RiemannianNormal, q: RiemannianNormal) -> Tensor:
    apart = (_apart(p, q) / q.sigma.double()[..., None]).square().sum(dim=-1)
    measure, other = p._measure(), q._measure()
    growth = _growth(p.sigma.double(), q.sigma.double())
    difference = q._log_z(other) - p._log_z(measure) + 0.5 * growth * measure.mean(measure.nodes.square())
    y = measure.nodes.reshape(_roomy(measure.nodes, q))
    return _finish(_tilted(q, measure, -0.5 * growth * _square_excess(y), difference) + 0.5 * apart, p, q)


@register_kl(WrappedNormal, WrappedNormal)
def _wrapped_wrapped(p: WrappedNormal, q: WrappedNormal) -> Tensor:
    """The normal's divergence: both laws are the same map of it."""
    apart = (_apart(p, q) / q.sigma.double()).square()
    return _finish(of_normals(p.sigma.double(), q.sigma.double(), apart), p, q)


@register_kl(RiemannianNormal, WrappedNormal)
def _riemannian_wrapped(p: RiemannianNormal, q: WrappedNormal) -> Tensor:
    """By the isotropic law of q's mean precision, since a radial law has E v_i^2 = E r^2/d in every coordinate."""
    apart, n, sigma = _apart(p, q), p.event_shape[0] - 1, q.sigma.double()
    first = sigma[..., 0]  # by ratios, so that one scale for all is itself to the last bit
    even = first * (first[..., None] / sigma).square().mean(dim=-1).rsqrt()
    growth = _growth(p.sigma.double(), even)
    measure = p._measure()
    y = measure.nodes.reshape(_roomy(measure.nodes, q))
    stretch = n * log_sinhc_sq(p._theta * y.square())
    log_z = (n + 1) * (even.log() + 0.5 * math.log(2.0 * math.pi))
    pull = 0.5 * growth * measure.mean(measure.nodes.square())
    difference = log_z - p._log_z(measure) + pull + n * measure.mean(log_sinhc_sq(p._theta * measure.nodes.square()))
    radial = _tilted(q, measure, -0.5 * growth * _square_excess(y) - stretch, difference)
    return _finish(radial + of_normals(even[..., None], sigma, (apart / sigma).square()), p, q)


@register_kl(WrappedNormal, RiemannianNormal)
def _wrapped_riemannian(p: WrappedNormal, q: RiemannianNormal) -> Tensor:
    """By the isotropic law of p's mean square."""
    offset, n, sigma = _apart(p, q), p.event_shape[0] - 1, p.sigma.double()
    first = sigma[..., 0]  # by ratios, so that one scale for all is itself to the last bit
    even = first * (sigma / first[..., None]).square().mean(dim=-1).sqrt()
    growth = _growth(even, q.sigma.double())
    log_z = (n + 1) * (even.log() + 0.5 * math.log(2.0 * math.pi))
    difference = q._log_z(q._fixed()) - log_z + 0.5 * (n + 1) * growth - n * p._mean_log_sinhc()
    measure = HyperbolicLaw(n + 1).measure(torch.zeros_like(even))
    y = measure.nodes.reshape(_roomy(measure.nodes, q))
    stretch = n * log_sinhc_sq(p.c.double() * (even * y).square())
    radial = _tilted(q, measure, stretch - 0.5 * growth * _square_excess(y), difference)
    # Unless the scales are equal the stretch is not that of the isotropic law, nor are its second derivatives ever.
    isotropic = ((p.c == 0.0) | (sigma == sigma[..., :1]).all(dim=-1)) & torch.isfinite(difference)
    more = torch.where(isotropic, radial - difference, 0.0).detach()
    apart = (offset / q.sigma.double()[..., None]).square()
    return _finish(difference + more + of_normals(sigma, even[..., None], apart), p, q)


def _half_chord(p: Any, q: Any) -> Tensor:
    """1 - mu_p.mu_q, float64."""
    one_space(p, q)
    p_mu, q_mu = (law.mu.double() / torch.linalg.vector_norm(law.mu.double(), dim=-1, keepdim=True) for law in (p, q))
    return 0.5 * (p_mu - q_mu).square().sum(dim=-1)


def _one_centre(p: Any, q: Any) -> Tensor | float:
    """0 where the centres agree."""
    known = ~(_half_chord(p, q) > 0.0)
    if not holds(known):
        raise NotImplementedError(f"this divergence about two centres has no one-dimensional form: {_ADVICE}")
    return torch.where(known, 0.0, torch.nan) if unseen(known) else 0.0


def _versine(measure: Measure, q: Any) -> tuple[Tensor, Tensor]:
    """1 - cos y at the nodes, and its mean."""
    value = 2.0 * (0.5 * measure.nodes).sin().square()
    return value.reshape(_roomy(value, q)), measure.mean(value)


@register_kl(VonMisesFisher, VonMisesFisher)
def _vmf_vmf(p: VonMisesFisher, q: VonMisesFisher) -> Tensor:
    """That about one centre plus A_p kappa_q (1 - mu_p.mu_q)."""
    chord, measure, other = _half_chord(p, q), p._measure(), q._measure()
    versine, mean = _versine(measure, q)
    more = q._theta - p._theta
    difference = q._log_z(other) - p._log_z(measure) + more * mean
    radial = _tilted(q, measure, -more * versine, difference)
    return _finish(radial + q._theta * p._resultant(measure) * chord, p, q)


@register_kl(SphericalRiemannianNormal, SphericalRiemannianNormal)
def _spherical_spherical(p: SphericalRiemannianNormal, q: SphericalRiemannianNormal) -> Tensor:
    apart = _one_centre(p, q)
    measure, other = p._measure(), q._measure()
    growth = _growth(p._theta, q._theta)
    difference = q._log_z(other) - p._log_z(measure) + 0.5 * growth * measure.mean((measure.nodes / p._theta).square())
    y = measure.nodes.reshape(_roomy(measure.nodes, q)) / p._theta
    return _finish(_tilted(q, measure, -0.5 * growth * _square_excess(y), difference) + apart, p, q)


@register_kl(SphericalRiemannianNormal, VonMisesFisher)
def _spherical_vmf(p: SphericalRiemannianNormal, q: VonMisesFisher) -> Tensor:
    """E_p x is along mu_p, so any two centres do."""
    chord, measure = _half_chord(p, q), p._measure()
    _, versine = _versine(measure, q)
    more = p._theta.square().reciprocal() - q._theta
    pull = 0.5 * measure.mean((measure.nodes / p._theta).square())
    difference = q._log_z(q._fixed()) - p._log_z(measure) + q._theta * versine - pull
    y = measure.nodes.reshape(_roomy(measure.nodes, q))
    radial = _tilted(q, measure, 0.5 * more * _square_excess(y) + q._theta * cos_excess(y), difference)
    return _finish(radial + q._theta * (1.0 - versine) * chord, p, q)


@register_kl(VonMisesFisher, SphericalRiemannianNormal)
def _vmf_spherical(p: VonMisesFisher, q: SphericalRiemannianNormal) -> Tensor:
    apart = _one_centre(p, q)
    measure = p._measure()
    more = p._theta - q._theta.square().reciprocal()
    pull = 0.5 * measure.mean(measure.nodes.square()) / q._theta.square()
    difference = q._log_z(q._fixed()) - p._log_z(measure) + pull - p._theta * p._mean_versine(measure)
    y = measure.nodes.reshape(_roomy(measure.nodes, q))
    return _finish(
        _tilted(q, measure, 0.5 * more * _square_excess(y) - p._theta * cos_excess(y), difference) + apart, p, q
    )


@register_kl(SphericalUniform, SphericalUniform)
@register_kl(ToroidalUniform, ToroidalUniform)
def _same(p: Any, q: Any) -> Tensor:
    one_space(p, q)
    return _finish(torch.zeros_like(p.entropy()), p, q)


def _log_area(law: SphericalUniform) -> float:
    return log_sphere_area(law.event_shape[0])


@register_kl(VonMisesFisher, SphericalUniform)
def _vmf_uniform(p: VonMisesFisher, q: SphericalUniform) -> Tensor:
    one_space(p, q)
    measure = p._measure()
    versine, mean = _versine(measure, q)
    difference = _log_area(q) - p._log_z(measure) - p._theta * mean
    return _finish(_tilted(q, measure, p._theta * versine, difference), p, q)


@register_kl(SphericalRiemannianNormal, SphericalUniform)
def _spherical_uniform(p: SphericalRiemannianNormal, q: SphericalUniform) -> Tensor:
    one_space(p, q)
    measure = p._measure()
    pull = 0.5 * measure.mean((measure.nodes / p._theta).square())
    tilt = 0.5 * _square_excess(measure.nodes.reshape(_roomy(measure.nodes, q)) / p._theta)
    return _finish(_tilted(q, measure, tilt, _log_area(q) - p._log_z(measure) - pull), p, q)


@register_kl(ToroidalWrappedNormal, ToroidalUniform)
def _wrapped_uniform(p: ToroidalWrappedNormal, q: ToroidalUniform) -> Tensor:
    """The sum of the coordinates' divergences, each that of the absolute angle."""
    one_space(p, q)
    sigma = p.sigma.double()
    nodes, _, share = CircleRadial().shares(sigma)
    tilt = -circular.log_uniform_ratio(nodes, sigma)
    return _finish(quadrature.divergence(share, tilt, -(share * tilt).sum(dim=0)).sum(dim=-1), p, q)


@register_kl(SphericalUniform, VonMisesFisher)
def _uniform_vmf(p: SphericalUniform, q: VonMisesFisher) -> Tensor:
    """E mu.x = 0."""
    one_space(p, q)
    measure = p._measure()
    versine, _ = _versine(measure, q)
    difference = q._log_z(q._fixed()) + q._theta - _log_area(p)
    return _finish(_tilted(q, measure, -q._theta * versine, difference), p, q)


@register_kl(SphericalUniform, SphericalRiemannianNormal)
def _uniform_spherical(p: SphericalUniform, q: SphericalRiemannianNormal) -> Tensor:
    one_space(p, q)
    measure = p._measure()
    pull = 0.5 * measure.mean(measure.nodes.square()) / q._theta.square()
    tilt = -0.5 * _square_excess(measure.nodes.reshape(_roomy(measure.nodes, q)) / q._theta)
    return _finish(_tilted(q, measure, tilt, q._log_z(q._fixed()) - _log_area(p) + pull), p, q)
